"""`metier train`: labelled rows to a specialist in a folder, with what it can do at the end."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from threading import Lock
from time import perf_counter, time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metier.commands.base import (
    INTERRUPTED,
    Asked,
    Guessed,
    GuessedInput,
    console,
    figure_lines,
    figures_table,
    say,
    share,
    show,
    show_json,
)
from metier.errors import BadOption, MetierError

if TYPE_CHECKING:
    from metier.kinds.base import Opened

OFFERED = (0.01, 0.02, 0.05)  # promises whose price is told where none was asked for
Report = Callable[[str, float], None]


class Effort(StrEnum):
    """How much work goes into it."""

    QUICK = "quick"
    STANDARD = "standard"
    THOROUGH = "thorough"


def train(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="CSV, TSV, JSON, JSONL, Parquet, a folder label/file, hf:// or s3:// path."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the specialist goes.")],
    target: Guessed = None,
    input: GuessedInput = None,
    task: Asked = None,
    group: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Rows that share a value here are held out together.")
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="A time: rows are held out in blocks of it.", show_default="the only date, if any"
        ),
    ] = None,
    questions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --task retrieve: questions, and the passages that answer them."),
    ] = None,
    effort: Annotated[
        Effort, typer.Option(help="quick: microseconds alone; standard: an encoder behind; thorough: fine-tuned.")
    ] = Effort.STANDARD,
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Text, pictures: a file, folder or hub name of the encoder.", show_default="its own"
        ),
    ] = None,
    max_error: Annotated[
        float | None, typer.Option(parser=share, metavar="SHARE", help="Promise: at most this share of answers wrong.")
    ] = None,
    max_width: Annotated[
        float | None, typer.Option(metavar="NUMBER", help="Numbers: answer where the interval is no wider.")
    ] = None,
    false_refusal: Annotated[
        float, typer.Option(parser=share, metavar="SHARE", help="Share of its own kind of rows it may refuse.")
    ] = "2%",  # type: ignore[assignment]  # as a person would write it, so that --help says it so
    max_ms: Annotated[float | None, typer.Option(metavar="MS", help="Leave out stages that take longer.")] = None,
    max_mb: Annotated[float | None, typer.Option(metavar="MB", help="Leave out stages that are larger.")] = None,
    from_ledger: Annotated[
        str | None,
        typer.Option(
            metavar="LEDGER", help="Learn too from what a gateway was asked and people corrected, by FOLDER's name."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same rows, effort and seed give the same bytes.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the steps of a stopped training.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The outcome as one line of JSON.")] = False,
) -> None:
    """Learn a specialist from labelled rows."""
    began = time()
    try:
        _train(
            data, output, as_json=as_json, input=input, target=target, task=task, group=group, order=order,
            questions=questions,
            effort=effort.value, encoder=encoder, max_error=max_error, max_width=max_width,
            false_refusal=false_refusal, max_ms=max_ms,
            max_mb=max_mb, from_ledger=from_ledger,
            seed=seed, resume=resume,
        )  # fmt: skip
    except KeyboardInterrupt:
        say(f"Stopped. Nothing was half-written. Continue with: {_again()}")
        raise typer.Exit(INTERRUPTED) from None
    except MetierError:
        if _steps_kept(output, began):
            say(f"Finished steps are kept beside {output}; --resume with other options goes on from them.")
        raise


def _train(data: str, output: Path, *, as_json: bool, from_ledger: str | None, resume: bool, **options: Any) -> None:
    started = perf_counter()
    from metier import api
    from metier.kinds.base import Options, kind_of
    from metier.timing import stage_microseconds

    api.free(output)
    opened = kind_of(options["task"]).opened(data, Options(**options))
    say(opened.said)
    if from_ledger is not None:
        opened = _with_corrections(opened, from_ledger, output.name)
    with _progress() as progress:
        specialist = api.learn(opened, output=output, resume=resume, progress=progress)
    seconds = perf_counter() - started
    asked = [golden.asked for golden in specialist.golden] or opened.cells  # where all were too long to be kept
    microseconds = stage_microseconds(specialist, asked)
    megabytes = sum(file.stat().st_size for file in output.iterdir()) / 1e6
    if as_json:
        costs = {"microseconds": microseconds, "megabytes": megabytes, "seconds": seconds}
        taken = {"input": ",".join(specialist.columns), "target": specialist.target_column}
        show_json({"folder": str(output), **taken, "figures": specialist.figures, **costs})
        return
    notes = [*(specialist.figures.get("notes") or ()), *(specialist.recipe.get("left_out") or ())]  # type: ignore[misc]
    for sentence in notes:
        say(str(sentence))
    size = [("Size", f"{megabytes:,.1f} MB", str(output)), ("Training took", f"{seconds:,.1f} s", "")]
    show(
        figures_table([*figure_lines(specialist.task, specialist.figures, microseconds), *size]),
        "",
        _next(specialist.figures, output, list(specialist.columns)),
    )


def _with_corrections(opened: Opened, url: str, name: str) -> Opened:
    """The rows, and behind them what the specialist of that name was asked and people corrected.

    Raises: BadOption where there is nothing to add, or no single column to add it to.
    """
    from metier.gateway.ledger import Ledger

    table, input, target = opened.data, opened.options.input, opened.options.target
    if input is None or len(input) > 1:
        raise BadOption(f"--from-ledger: a ledger keeps one column of asks, and here it is {input}. Leave it out.")
    ledger = Ledger(url)
    rows = ledger.rows(name)
    ledger.close()
    if not rows:
        raise BadOption(
            f"{url}: nothing that '{name}' was asked is kept there with a correction. Serve with [ledger] keep_inputs, "
            "correct some answers, and give the new folder the specialist's name."
        )
    added = dict(zip((input[0], target), zip(*rows, strict=True), strict=True))
    gap = [None] * len(rows)
    say(f"{len(rows):,} corrected answers learn beside them.")
    columns = {at: [*cells, *added.get(at, gap)] for at, cells in table.columns.items()}
    return replace(opened, data=replace(table, columns=columns))


def _next(figures: Mapping[str, Any], output: Path, columns: Sequence[str]) -> str:
    """What a promise would cost, where none was made; else, how to ask."""
    words = ['"…"'] if len(columns) == 1 else [*(shlex.quote(f"{name}=…") for name in columns[:2]), "…"][: len(columns)]
    ask = f"Ask it: metier predict {shlex.quote(str(output))} {' '.join(words)}"
    if figures["max_error"] is not None or "curve" not in figures:  # where there is no threshold to choose, no price
        return ask
    shares = {promise: answered_under(figures, promise) for promise in OFFERED}
    said = ", ".join(f"{promise:.0%}: {'none' if s is None else format(s, '.0%')}" for promise, s in shares.items())
    return f"Answered under --max-error, about: {said}.\n{ask}"


def _again() -> str:
    words = [word for word in sys.argv[1:] if word != "--resume"]
    return shlex.join(["metier", *words, "--resume"])


def _steps_kept(output: Path, began: float) -> bool:
    """Whether this training left steps; those of another, of other rows perhaps, are no help to it."""
    from metier.api import steps_folder

    folder = steps_folder(output.resolve())
    return folder.is_dir() and any(step.stat().st_mtime >= began - 1 for step in folder.iterdir())


def answered_under(figures: Mapping[str, Any], max_error: float) -> float | None:
    """About which share of rows would be answered under a promise, by the rows it was judged on; None for none."""
    from metier.decide.measure import clopper_pearson

    rows, curve = figures["rows"], figures["curve"]
    counts = [round(covered * rows) for covered in curve["coverage"]]
    wrong = [round(count * risk) for count, risk in zip(counts, curve["risk"], strict=True)]
    kept = [c for c, w in zip(counts, wrong, strict=True) if clopper_pearson(w, c)[1] <= max_error]
    return max(kept) / rows if kept else None


@contextmanager
def _progress() -> Iterator[Report]:
    """Told the step and the share done, it shows a bar with the time left, or a line now and then where none can be."""
    error = console(stderr=True)
    if not error.is_terminal:
        yield _plain_lines()
        return
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TextColumn
    from rich.text import Text

    class Left(ProgressColumn):
        """Counts down to the end as of the last step; rich would take the speed of the last few, which differ much."""

        def render(self, task: Task) -> Text:
            seconds = max(task.fields["ends"] - (task.elapsed or 0), 0)
            return Text("" if seconds == math.inf else f"about {seconds:.0f} s left")

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), Left())
    with Progress(*columns, console=error, transient=True) as bars:
        bar = bars.add_task("reading", total=1.0, ends=math.inf)
        started = perf_counter()

        def report(step: str, done: float) -> None:
            ends = (perf_counter() - started) / done if done else math.inf
            bars.update(bar, description=step, completed=done, ends=ends)

        yield report


def _plain_lines() -> Report:
    started, told, one_at_a_time = perf_counter(), -1.0, Lock()

    def report(step: str, done: float) -> None:
        nonlocal told
        with one_at_a_time:  # folds are learnt side by side
            if done >= told + 0.1 or (done == 1 and told < 1):
                told = done
                say(f"{step}: {done:.0%}, {perf_counter() - started:.0f} s")

    return report
