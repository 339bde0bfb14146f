"""Table to specialist, read from top to bottom like a recipe. Every choice is made on out-of-fold rows.

Knows domains, encoders and heads by their seams; what a cell means is its domain's affair.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from metier import lazy
from metier.affordable import affordable, encoders_of
from metier.checkpoint import Checkpoint
from metier.columns import Columns, cells_of, choose
from metier.data.read import digest
from metier.domains.base import Domain
from metier.errors import BadOption
from metier.evaluation import Judged, Judging
from metier.examples import examples_of, rows_of, with_names
from metier.heads.base import Head
from metier.heads.hashed import HashedHead
from metier.learn import (
    Encodings,
    Examples,
    Finished,
    Held,
    Lessons,
    by_labels,
    by_teacher,
    finish,
    held_out,
    one_thread,
    workers,
)
from metier.parting import Parting, parting
from metier.record import domain_of, located
from metier.settle import Settled, few, loss_of, settle, share_leaving, worth_their_place
from metier.specialist import Golden, Specialist, asked_cell, json_cell
from metier.targets import target_columns
from metier.tasks.base import Answers, Task
from metier.types import (
    EFFORTS,
    Effort,
    Json,
    Probabilities,
    Table,
    Value,
)

PUPIL = HashedHead(hidden=96)  # what learns from a teacher, over sparse rows
GOLDEN_ROWS, GOLDEN_TRIED = 8, 256
Progress = Callable[[str, float], None]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A specialist, its figures on out-of-fold rows, and what a person should know about how it came to be."""

    specialist: Specialist
    evaluation: Judged
    notes: tuple[str, ...]


def train(
    table: Table,
    *,
    name: str = "specialist",
    input: str | Sequence[str] | None = None,
    target: str | None = None,
    task: str | None = None,
    group: str | None = None,
    order: str | None = None,
    effort: Effort = "standard",
    encoder: str | None = None,
    max_error: float | None = None,
    max_width: float | None = None,
    false_refusal: float = 0.02,
    max_ms: float | None = None,
    max_mb: float | None = None,
    seed: int = 0,
    work: Path | None = None,
    progress: Progress = lambda step, done: None,
) -> Trained:
    """Learn a specialist from labelled rows.

    `task` is what is asked of a row, by its file in `tasks/`; by default what the target looks like. Several columns
    make one target: `target="tumour,liver,heart"`. `group` and `order` are columns that say how rows are held out:
    those of one group together, or in blocks of time.
    `encoder` names the one behind the cheap stages, in the place of the domain's own: a file, a folder, a hub name.
    `max_error` is the promise: at most this share wrong among what is answered, or outside their intervals where
    answers are numbers; those are answered where the interval is no wider than `max_width`. `false_refusal` is the
    share of rows in scope that may be refused as out of scope. `max_ms` and `max_mb` leave out stages that cost more.
    `work` is a folder where finished steps are kept for a later resume. `progress` is told each step and the share
    done, 0 to 1.

    Raises: DataError about the rows, BadOption about the options, PromiseNotSupported with the rows that could.
    """
    _check(
        effort=effort, max_error=max_error, false_refusal=false_refusal, max_ms=max_ms, max_mb=max_mb,
        max_width=max_width,
    )  # fmt: skip
    progress("reading", 0.0)
    columns = choose(table, input=input, target=target, task=task, aside=(group, order))
    offered = encoders_of(domain_of(columns.inputs), effort, encoder)
    domain = domain_of(columns.inputs, offered)
    table = located(table, columns.inputs)
    asked = _task(columns, max_width)
    values, answers = rows_of(table, columns, domain, asked)
    parted = parting(table, columns.inputs, group=group, order=order)
    examples = examples_of(values, answers, domain, asked, seed, parted)
    encoders, dropped = affordable(offered, examples.values, max_ms=max_ms, max_mb=max_mb)
    examples = with_names(examples, answers, domain, asked, encoders[:2][-1], seed)
    sha256 = digest(table, [*(one.column for one in columns.inputs), *target_columns(table, columns.target)])
    split = [parted.said, *(digest(table, [name]) for name in (group, order) if name is not None)]
    work_key = f"{sha256}/{split}/{effort}/{encoder}/{seed}/{[one.kind for one in encoders]}/{libraries()}/{asked.name}"
    kept = Checkpoint(work, fingerprint=work_key)
    tick = _ticker(progress, folds=int(examples.fold.max()) + 1, stages=len(encoders))

    encodings = [Encodings(encoder, examples, kept, str(i)) for i, encoder in enumerate(encoders)]
    with one_thread(), workers() as pool:
        held = _held(encodings, pool, asked, checkpoint=kept, seed=seed, tick=tick)
        flattered = _flattered(encodings[0], held[0][0], domain, asked, parted, checkpoint=kept, seed=seed)
    held, idle = worth_their_place(held, encoders, examples, asked)
    settled = settle(held, examples, asked, max_error=max_error, max_width=max_width, false_refusal=false_refusal)

    specialist = Specialist(
        name=name,
        inputs=columns.inputs,
        task=asked.name,
        labels=answers.names,
        target_column=columns.target,
        cascade=settled.cascade,
        rule=settled.rule,
        recipe={
            "effort": effort,
            "seed": seed,
            **({"encoder": Path(encoder).name} if encoder is not None else {}),
            "folds": int(examples.fold.max()) + 1,
            "names_teach": bool(examples.named.values),
            "held_out": parted.said,
            "left_out": [*dropped, *idle],
        },
        origin={
            "source": Path(table.source).name,
            "rows": len(examples.truth),
            "sha256": sha256,
            "libraries": libraries(),
        },
    )
    evaluation = _evaluation(specialist, asked, settled, examples, flattered)
    golden = _golden(specialist, cells_of(table, columns.inputs))
    specialist = replace(specialist, figures=evaluation.json(), golden=golden)
    progress("done", 1.0)
    return Trained(specialist=specialist, evaluation=evaluation, notes=(columns.said, *flattered, *dropped, *idle))


def out_of_fold(
    values: Sequence[Value], answers: Answers, domain: Domain, task: Task, *, seed: int = 0, effort: Effort = "quick"
) -> Probabilities:
    """Calibrated probabilities (n, k) of every row by stages that have not learnt it; for audits."""
    examples = examples_of(values, answers, domain, task, seed, Parting())
    kept, held = Checkpoint(None, fingerprint=""), []
    with one_thread():  # products are small: on a busy machine threads wait on another
        for encoder in domain.encoders(effort):
            encodings = Encodings(encoder, examples, kept, "")
            head, plain = encodings.head, by_labels(examples)
            held.append(held_out(encodings, head, plain, checkpoint=kept, name="", seed=seed, tick=lambda: None))
    scores = np.stack([h.scores for h in held])
    return task.calibrate(scores, truth=examples.truth, familiarity=None, max_error=None).probabilities(scores)


def _held(
    encodings: Sequence[Encodings],
    pool: Executor,
    task: Task,
    *,
    checkpoint: Checkpoint,
    seed: int,
    tick: Callable[[], None],
) -> list[tuple[Held, Future[Finished]]]:
    """For each stage the better of two heads, by labels and by a teacher, and the same after learning every row."""
    examples = encodings[0].examples
    plain = by_labels(examples)

    def held_by(head: Head, lessons: Lessons, i: int, name: str) -> Held:
        return held_out(encodings[i], head, lessons, checkpoint=checkpoint, name=f"{name} {i}", seed=seed, tick=tick)

    def finished_by(head: Head, lessons: Lessons, i: int) -> Future[Finished]:
        return pool.submit(finish, encodings[i], head, lessons, seed=seed)

    stages = range(len(encodings))
    held = list(pool.map(lambda i: held_by(encodings[i].head, plain, i, "stage"), stages))
    done = {i: finished_by(held[i].head, plain, i) for i in stages if held[i].left_out}
    for i in stages:
        if done and isinstance(held[i].head, HashedHead) and not few(examples):
            teacher = min(done)  # the cheapest that can say what it would have said of a row without it
            lessons = by_teacher(
                examples, held[teacher], done[teacher], task.opinion(held[teacher].scores, examples.truth)
            )
            finishing = finished_by(PUPIL, lessons, i)  # at once, since it nearly always is the better one
            pupil = held_by(PUPIL, lessons, i, "pupil")
            if share_leaving(pupil, held[teacher], examples, task) > share_leaving(
                held[i], held[teacher], examples, task
            ):
                held[i], done[i] = pupil, finishing
        if i not in done:
            done[i] = finished_by(held[i].head, plain, i)
    return [(held[i], done[i]) for i in stages]


def _task(columns: Columns, max_width: float | None) -> Task:
    """What is asked of a row.

    Raises: BadOption for a width where answers have none.
    """
    asked: Task = lazy.find("tasks", columns.task, "TASK")
    if max_width is not None and asked.loss != "squared":
        raise BadOption(
            f"max_width={max_width:g}: the answers are labels, and have no width. Leave the option out, or ask for "
            "numbers with task='regress'."
        )
    return asked


def _check(
    *,
    effort: str,
    max_error: float | None,
    max_width: float | None,
    false_refusal: float,
    max_ms: float | None,
    max_mb: float | None,
) -> None:
    if effort not in EFFORTS:
        raise BadOption(f"effort={effort!r} is unknown. Expected one of {', '.join(EFFORTS)}.")
    for option, share in (("max_error", max_error), ("false_refusal", false_refusal)):
        if share is not None and not 0 < share < 1:
            raise BadOption(f"{option}={share} is no share. Expected between 0 and 1, such as 0.02 for 2 %.")
    for option, most in (("max_ms", max_ms), ("max_mb", max_mb), ("max_width", max_width)):
        if most is not None and not most > 0:
            raise BadOption(f"{option}={most} leaves room for nothing. Expected a number above 0.")


def _flattered(
    encodings: Encodings, held: Held, domain: Domain, task: Task, parted: Parting, *, checkpoint: Checkpoint, seed: int
) -> tuple[str, ...]:
    """By how much rows held out at random would flatter the first stage; nothing where they were."""
    examples = encodings.examples
    if not parted.said:
        return ()
    fold = Parting().folds(examples.strata, domain.group(examples.values), int(examples.fold.max()) + 1, seed)
    shuffled = Encodings(encodings.encoder, replace(examples, fold=fold), checkpoint, "0, at random")
    random = held_out(
        shuffled, held.head, by_labels(shuffled.examples), checkpoint=checkpoint, name="0, at random", seed=seed,
        tick=lambda: None,
    )  # fmt: skip
    own, flattering = (loss_of([one], examples, task) for one in (held, random))
    return (
        f"{parted.said}. So held out, the loss of stage 1 alone is {own:.3f}; at random it would be {flattering:.3f}, "
        f"a gap of {own - flattering:+.3f}.",
    )


def _evaluation(
    specialist: Specialist,
    task: Task,
    settled: Settled,
    examples: Examples,
    notes: Sequence[str],
) -> Judged:
    known = Judging(
        rule=specialist.rule,
        texts=[str(value) for value in examples.values],
        stage_names=[stage.encoder.kind for stage in specialist.cascade.stages],
        alone=settled.alone,
        notes=notes,
    )
    return task.judged(specialist.labels, examples.truth, specialist.ruled(settled.passed), known)


def _golden(specialist: Specialist, cells: Sequence[Any]) -> tuple[Golden, ...]:
    """A few rows over the whole file, and what is decided of them."""
    kept: list[Json] = []
    for cell in cells[:: max(1, len(cells) // GOLDEN_TRIED)]:
        with suppress(ValueError, OSError):  # too long to be kept
            kept.append(json_cell(cell))
    chosen = kept[:: max(1, len(kept) // GOLDEN_ROWS)][:GOLDEN_ROWS]
    said = specialist.replayed([asked_cell(cell) for cell in chosen])
    return tuple(replace(one, cell=cell) for one, cell in zip(said, chosen, strict=True))


def _ticker(progress: Progress, *, folds: int, stages: int) -> Callable[[], None]:
    """Tells progress the share of steps done: folds for each stage, again for a pupil, and the last fit of each."""
    total = folds * (stages + (stages > 1)) + stages
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        progress("learning", min(done / total, 0.99))

    return tick


def libraries() -> dict[str, Json]:
    """Versions of what the numbers depend on."""
    names = ("metier", "numpy", "numba", "onnxruntime", "scikit-learn", "scipy", "tokenizers", "lightgbm")
    found: dict[str, Json] = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
