"""What the verbs share at the terminal: where they write, how errors end them, how figures stand in a table.

Standard output carries answers, standard error everything said about them. Knows no verb.
"""

from __future__ import annotations

import json
import math
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, ParamSpec

import typer

from metier.errors import BadOption, MetierError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from metier.types import Effort

LOST_INTERRUPTS: list[object] = []  # each Ctrl-C that fell into a callback of a compiler, see cli.py
FAILED, BROKEN_PROMISE, INTERRUPTED, PIPE_CLOSED = 1, 3, 130, 141
# what a terminal would obey instead of show, and what turns the direction of the text after it
UNSHOWN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
Given = ParamSpec("Given")
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="A specialist, as `metier train` wrote it.")]
Guessed = Annotated[str | None, typer.Option(metavar="COLUMN", help="The column; guessed if left out.")]
GuessedInput = Annotated[
    str | None, typer.Option(metavar="COLUMNS", help="The column, or several: a,b,c; guessed if left out.")
]
Asked = Annotated[
    str | None,
    typer.Option(metavar="TASK", help="classify, multilabel or regress.", show_default="what the target looks like"),
]
Renamed = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="The column, if it has another name than in training.")
]


def guarded(verb: Callable[Given, None]) -> Callable[Given, None]:
    """The verb, ended by one line and an exit status instead of a traceback; METIER_DEBUG=1 shows that as well."""

    @wraps(verb)
    def run(*args: Given.args, **kwargs: Given.kwargs) -> None:
        try:
            verb(*args, **kwargs)
            sys.stdout.flush()
        except (MetierError, RuntimeError) as error:
            if LOST_INTERRUPTS:  # the compiler that lost it has failed of it
                _stopped()
            if not isinstance(error, MetierError) or os.environ.get("METIER_DEBUG") == "1":
                raise
            say(f"Error: {error}", style="red")
            raise typer.Exit(FAILED) from None
        except KeyboardInterrupt:
            _stopped()
        except OSError as error:
            _drop_output()
            if isinstance(error, BrokenPipeError):
                raise typer.Exit(PIPE_CLOSED) from None
            place = error.filename or "standard output"
            say(f"Error: {place}: {error.strerror}. Free space there, or check who may use it.", style="red")
            raise typer.Exit(FAILED) from None

    return run


def _stopped() -> NoReturn:
    if LOST_INTERRUPTS:  # it comes again in a moment, and would only spoil the end
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    say("Stopped. Nothing was half-written.")
    raise typer.Exit(INTERRUPTED) from None


def _drop_output() -> None:
    """What is still to be written would be tried once more, and complained about, as Python ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def console(*, stderr: bool = False) -> Console:
    """The terminal, or what stands in its place; it takes no text for markup."""
    from rich.console import Console

    class Terminal(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Terminal(stderr=stderr, markup=False, highlight=False, emoji=False)


def say(text: str, *, style: str | None = None) -> None:
    """A line about the work, on standard error; broken to the width of a terminal, in one piece elsewhere."""
    error = console(stderr=True)
    error.print(shown(text), style=style, soft_wrap=not error.is_terminal)


def show(*things: RenderableType) -> None:
    """Tables and lines on standard output."""
    output = console()
    for thing in things:
        output.print(shown(thing) if isinstance(thing, str) else thing)


def show_json(value: Any) -> None:
    """One line of JSON on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")


def shown(text: str, most: int | None = None) -> str:
    """Text that is safe to show, shortened to `most` characters."""
    cut = text if most is None or len(text) <= most else text[: most - 1] + "…"
    return UNSHOWN.sub("\ufffd", cut)


def effort_of(said: str) -> Effort:
    """An effort by its name.

    Raises: BadOption for one that there is not.
    """
    from metier.types import EFFORTS

    found = next((one for one in EFFORTS if one == said), None)
    if found is None:
        raise BadOption(f"--effort {said}: expected one of {', '.join(EFFORTS)}.")
    return found


def grid(*headers: str, figures: Iterable[int] = (), title: str | None = None) -> Table:
    """An empty table without lines; `figures` are the places of columns that stand to the right and never break."""
    from rich.table import Table

    right = set(figures)
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, show_header=any(headers),
        header_style="bold",
    )  # fmt: skip
    for place, header in enumerate(headers):
        table.add_column(header, overflow="fold", justify="right" if place in right else "left", no_wrap=place in right)
    return table


def figures_table(lines: Iterable[tuple[str, str, str]]) -> Table:
    """Name, figure and meaning; on a narrow terminal the meaning stands below its figure."""
    narrow = console().width < 72
    table = grid("", "") if narrow else grid("", "", "")
    for name, figure, meaning in lines:
        if narrow:
            table.add_row(shown(name), shown(f"{figure}\n{meaning}" if meaning else figure))
        else:
            table.add_row(shown(name), shown(figure), shown(meaning))
    table.columns[0].style = "bold"
    return table


def share(text: str) -> float:
    """A share as people write it: `2%`, `2 %`, `2,5%` and `0.02`."""
    number = text.strip().removesuffix("%").strip().replace(",", ".")
    try:
        value = float(number) / (100 if "%" in text else 1)
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        raise typer.BadParameter(f"'{text}' is no share between 0 and 1. Write 2% or 0.02.")
    return value


def duration(microseconds: float) -> str:
    """A time as people read it."""
    if microseconds < 1000:
        return f"{microseconds:.0f} µs"
    return f"{microseconds / 1000:.1f} ms" if microseconds < 1e6 else f"{microseconds / 1e6:.1f} s"


def figure_lines(task: str, figures: Mapping[str, Any], microseconds: Sequence[float]) -> list[tuple[str, str, str]]:
    """The figures that training left with a specialist, and the time of a query at each stage."""
    from metier import lazy

    lines: list[tuple[str, str, str]] = [*lazy.find("tasks", task, "TASK").lines(figures)]
    if "stages" not in figures:
        return [*lines, *(("Time for one", duration(time), "median") for time in microseconds)]
    for stage, time in zip(figures["stages"], microseconds, strict=True):
        timed = "not timed" if math.isnan(time) else f"{duration(time)} a query"
        cost = f"{stage['name'].partition('.')[0]}: {timed}"
        lines.append((f"Left at stage {stage['stage']}", f"{stage['share']:.1%}", cost))
    return lines
