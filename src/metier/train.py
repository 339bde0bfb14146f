"""Table to specialist, read from top to bottom like a recipe. Every choice is made on out-of-fold rows.

Knows domains, encoders and heads by their seams; what a cell means is its domain's affair.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from metier import lazy
from metier.cascade import Cascade, Stage
from metier.checkpoint import Checkpoint
from metier.columns import Columns, cells_of, choose
from metier.data.read import digest
from metier.decide.accept import Rule, scope_threshold
from metier.decide.base import Calibrator
from metier.decide.exits import LOSS_ALLOWED, Exit
from metier.decide.scope import Scope
from metier.domains.base import Domain, Naming
from metier.encoders.base import Encoder
from metier.errors import BadCell, BadOption, TooFewRows
from metier.evaluation import Judged
from metier.heads.base import Head
from metier.heads.hashed import HashedHead
from metier.learn import (
    Encodings,
    Examples,
    Finished,
    Held,
    Lessons,
    Named,
    by_labels,
    by_teacher,
    finish,
    held_out,
    workers,
)
from metier.parting import Parting, parting
from metier.record import domain_of, located
from metier.specialist import Golden, Specialist, asked_cell, json_cell
from metier.targets import target_cells, target_columns
from metier.tasks.base import Answers, Task
from metier.types import (
    EFFORTS,
    Effort,
    Floats,
    Json,
    Labels,
    Passed,
    Probabilities,
    Table,
    Truth,
    Value,
)

FOLDS = 5
PUPIL = HashedHead(hidden=96)  # what learns from a teacher, over sparse rows
NAMES_TEACH = 30  # rows of a label beyond which its name says nothing that they do not
FEW_ROWS = round(1 / LOSS_ALLOWED)  # an exit may lose so small a share that fewer rows cannot show it
WORTH = 0.002  # of the loss: what a stage that spares no other its work must lower it by
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
    domain = domain_of(columns.inputs)
    table = located(table, columns.inputs)
    asked: Task = lazy.find("tasks", columns.task, "TASK")
    values, answers = _read(table, columns, domain, asked)
    parted = parting(table, columns.inputs, group=group, order=order)
    examples = _examples(values, answers, domain, asked, seed, parted)
    encoders, dropped = _affordable(domain.encoders(effort), examples.values, max_ms=max_ms, max_mb=max_mb)
    examples = _with_names(examples, answers, domain, asked, encoders[:2][-1], seed)
    sha256 = digest(table, [*(one.column for one in columns.inputs), *target_columns(table, columns.target)])
    split = [parted.said, *(digest(table, [name]) for name in (group, order) if name is not None)]
    work_key = f"{sha256}/{split}/{effort}/{seed}/{[encoder.kind for encoder in encoders]}/{_libraries()}/{asked.name}"
    kept = Checkpoint(work, fingerprint=work_key)
    tick = _ticker(progress, folds=int(examples.fold.max()) + 1, stages=len(encoders))

    encodings = [Encodings(encoder, examples, kept, str(i)) for i, encoder in enumerate(encoders)]
    # one thread in each matrix product: the stages and folds beside one another keep every processor busy
    with threadpool_limits(limits=1, user_api="blas"), workers() as pool:
        held = _held(encodings, pool, asked, checkpoint=kept, seed=seed, tick=tick)
        flattered = _flattered(encodings[0], held[0][0], domain, asked, parted, checkpoint=kept, seed=seed)
    bounds = {"max_error": max_error, "max_width": max_width}
    calibrate = partial(asked.calibrate, truth=examples.truth, max_error=max_error)
    held, idle = _worth_their_place(held, encoders, examples, asked)
    stages, seen = _stages([one for one, _ in held], [done.result() for _, done in held], examples, asked, calibrate)
    passed = _passed(stages, seen)
    rule = _rule(passed, examples.truth, asked, false_refusal=false_refusal, **bounds)
    if rule.accept_threshold > 0:
        # a row not sure enough to be answered goes on: a later stage may be
        stages = [_stricter(stage, rule.accept_threshold) for stage in stages[:-1]] + stages[-1:]
        passed = _passed(stages, seen)
        rule = _rule(passed, examples.truth, asked, false_refusal=false_refusal, **bounds)

    specialist = Specialist(
        name=name,
        inputs=columns.inputs,
        task=asked.name,
        labels=answers.names,
        target_column=columns.target,
        cascade=Cascade(stages=tuple(stages)),
        rule=rule,
        recipe={
            "effort": effort,
            "seed": seed,
            "folds": int(examples.fold.max()) + 1,
            "names_teach": bool(examples.named.values),
            "held_out": parted.said,
            "left_out": [*dropped, *idle],
        },
        origin={
            "source": Path(table.source).name,
            "rows": len(examples.truth),
            "sha256": sha256,
            "libraries": _libraries(),
        },
    )
    evaluation = _evaluation(specialist, asked, passed, seen.alone, examples, flattered)
    golden = _golden(specialist, cells_of(table, columns.inputs))
    specialist = replace(specialist, figures=evaluation.json(), golden=golden)
    progress("done", 1.0)
    return Trained(specialist=specialist, evaluation=evaluation, notes=(columns.said, *flattered, *dropped, *idle))


def out_of_fold(
    values: Sequence[Value], answers: Answers, domain: Domain, task: Task, *, seed: int = 0, effort: Effort = "quick"
) -> Probabilities:
    """Calibrated probabilities (n, k) of every row by stages that have not learnt it; for audits."""
    examples = _examples(values, answers, domain, task, seed, Parting())
    kept, held = Checkpoint(None, fingerprint=""), []
    with threadpool_limits(limits=1, user_api="blas"):  # products are small: on a busy machine threads wait on another
        for encoder in domain.encoders(effort):
            encodings = Encodings(encoder, examples, kept, "")
            head, plain = _head(encodings), by_labels(examples)
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
    held = list(pool.map(lambda i: held_by(_head(encodings[i]), plain, i, "stage"), stages))
    done = {i: finished_by(held[i].head, plain, i) for i in stages if held[i].left_out}
    for i in stages:
        if done and isinstance(held[i].head, HashedHead) and not _few(examples):
            teacher = min(done)  # the cheapest that can say what it would have said of a row without it
            lessons = by_teacher(
                examples, held[teacher], done[teacher], task.opinion(held[teacher].scores, examples.truth)
            )
            finishing = finished_by(PUPIL, lessons, i)  # at once, since it nearly always is the better one
            pupil = held_by(PUPIL, lessons, i, "pupil")
            if _share_leaving(pupil, held[teacher], examples, task) > _share_leaving(
                held[i], held[teacher], examples, task
            ):
                held[i], done[i] = pupil, finishing
        if i not in done:
            done[i] = finished_by(held[i].head, plain, i)
    return [(held[i], done[i]) for i in stages]


def _head(encodings: Encodings) -> Head:
    """What learns from labels: the head that suits the encoder."""
    head: Head = lazy.find("heads", encodings.encoder.head, "HEAD").suited(len(encodings.examples.truth))
    return head


def _few(examples: Examples) -> bool:
    """Whether rows are so few that an exit cannot be learnt, and a pupil learns its teacher's whims."""
    return len(examples.truth) < FEW_ROWS


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


def _read(table: Table, columns: Columns, domain: Domain, task: Task) -> tuple[list[Value], Answers]:
    """Every row as a value, and its answer.

    Raises: BadCell naming the rows that cannot be read or have no label, TooFewRows where the labels do not suffice.
    """
    values, labels, problems = [], [], []
    pairs = zip(cells_of(table, columns.inputs), target_cells(table, columns.target), strict=True)
    for number, (cell, answer) in enumerate(pairs):
        try:
            label = task.read(answer)
            if label is None:
                raise BadCell(f"column '{columns.target}' is empty. Expected an answer")
            values.append(domain.read(cell))
            labels.append(label)
        except BadCell as problem:
            problems.append(f"row {table.first_row + number}: {str(problem).removesuffix('.')}")
    if problems:
        more = f" … and {len(problems) - 5:,} more rows" if len(problems) > 5 else ""
        raise BadCell(
            f"{table.source}: {len(problems):,} of {len(table):,} rows cannot be learnt from. "
            + " | ".join(problems[:5])
            + f"{more}. Fix them, or let `metier audit --fix` write a copy without them."
        )
    return values, task.learn(labels, table.source, target_columns(table, columns.target))


def _examples(
    values: Sequence[Value], answers: Answers, domain: Domain, task: Task, seed: int, parted: Parting
) -> Examples:
    strata = task.strata(answers)
    fold = parted.folds(strata, domain.group(values), _fold_count(strata), seed)
    if task.loss == "softmax" and any(len(np.unique(strata[fold != held])) < 2 for held in np.unique(fold)):
        raise TooFewRows(
            "rows that are nearly the same, of one group or of one time are held out together, and what is left of "
            f"{len(strata):,} rows then has fewer than two labels. Expected two on either side. Bring rows that differ "
            "more, or leave out --group and --order."
        )
    targets = task.targets(answers)
    named = Named(values=[], strata=strata[:0], targets=targets[:0])
    return Examples(
        values=values, truth=answers.truth, strata=strata, targets=targets, loss=task.loss, fold=fold, named=named
    )


def _with_names(
    examples: Examples, answers: Answers, domain: Domain, task: Task, encoder: Encoder, seed: int
) -> Examples:
    """Where rows are few, each label's name as one more row of it, unless held-out rows come out worse for it.

    A name is often the shortest description of its label: on BANKING77 with five rows a label, worth two points.
    """
    many = len(examples.truth) > NAMES_TEACH * len(answers.names)
    if many or task.loss != "softmax" or not isinstance(domain, Naming):
        return examples
    read = [(i, value) for i, name in enumerate(answers.names) if (value := domain.named(name)) is not None]
    if not read:
        return examples
    at = np.array([i for i, _ in read], np.int64)
    targets = np.eye(len(answers.names), dtype=np.float32)[at]
    more = replace(examples, named=Named(values=[value for _, value in read], strata=at, targets=targets))

    def wrong(tried: Examples) -> float:
        kept = Checkpoint(None, fingerprint="")
        encodings = Encodings(encoder, tried, kept, "")
        held = held_out(
            encodings, _head(encodings), by_labels(tried), checkpoint=kept, name="", seed=seed, tick=lambda: None
        )
        scores = held.scores[None]
        calibrator = task.calibrate(scores, truth=tried.truth, familiarity=None, max_error=None)
        return float(task.losses(tried.truth, calibrator.probabilities(scores)).mean())

    with threadpool_limits(limits=1, user_api="blas"):
        return more if wrong(more) <= wrong(examples) else examples


def _fold_count(strata: Labels) -> int:
    """Five folds, or as many as half the strata have rows for."""
    return int(np.clip(np.median(np.bincount(strata)), 2, FOLDS))


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
    own, flattering = (_loss([one], examples, task) for one in (held, random))
    return (
        f"{parted.said}. So held out, the loss of stage 1 alone is {own:.3f}; at random it would be {flattering:.3f}, "
        f"a gap of {own - flattering:+.3f}.",
    )


def _loss(held: Sequence[Held], examples: Examples, task: Task, *, squared: bool = False) -> float:
    """The mean loss of heads together, out of fold, as the task has it; if asked, the squared distance to targets."""
    scores = np.stack([one.scores for one in held])
    calibrator = task.calibrate(scores, truth=examples.truth, familiarity=None, max_error=None)
    probabilities = calibrator.probabilities(scores)
    if squared and probabilities.shape == examples.targets.shape:
        return float(np.nanmean((probabilities - examples.targets).astype(np.float64) ** 2))
    return float(task.losses(examples.truth, probabilities).mean())


def _affordable(
    encoders: Sequence[Encoder], values: Sequence[Value], *, max_ms: float | None, max_mb: float | None
) -> tuple[list[Encoder], tuple[str, ...]]:
    """The stages that keep within the limits, and a sentence for each that does not.

    Raises: BadOption when not even the cheapest does.
    """
    kept: list[Encoder] = []
    said: list[str] = []
    for encoder in encoders:
        ms, mb = _cost(encoder, values[:20])
        if (max_ms is None or ms <= max_ms) and (max_mb is None or mb <= max_mb):
            kept.append(encoder)
        else:
            said.append(f"Left out the stage '{encoder.kind}': {ms:.1f} ms and {mb:.0f} MB are over the limit.")
    if not kept:
        raise BadOption(f"No stage keeps within max_ms={max_ms}, max_mb={max_mb}. {' '.join(said)} Allow more.")
    return kept, tuple(said)


def _cost(encoder: Encoder, values: Sequence[Value]) -> tuple[float, float]:
    """Milliseconds a value and megabytes of an unfitted encoder."""
    encoder.encode(values[:1])
    started = perf_counter()
    for value in values:
        encoder.encode([value])
    ms = (perf_counter() - started) / max(len(values), 1) * 1000
    return ms, sum(len(data) for data in encoder.state().files.values()) / 1e6


def _share_leaving(held: Held, later: Held, examples: Examples, task: Task) -> tuple[float, float]:
    """How many rows this head would let leave before a later one, and how right it is on its own."""

    def alone(one: Held) -> tuple[NDArray[np.float32], Floats]:
        scores = one.scores[None]
        calibrator = task.calibrate(scores, truth=examples.truth, familiarity=None, max_error=None)
        probabilities = calibrator.probabilities(scores)
        return calibrator.confidence(probabilities), task.losses(examples.truth, probabilities)

    (confidence, losses), (_, losses_later) = alone(held), alone(later)
    familiarity = np.ones(len(losses))
    leave = Exit.learn(confidence, familiarity, losses, losses_later)
    return float(leave.leaves(confidence, familiarity).mean()), -float(losses.mean())


def _worth_their_place(
    held: Sequence[tuple[Held, Future[Finished]]], encoders: Sequence[Encoder], examples: Examples, task: Task
) -> tuple[list[tuple[Held, Future[Finished]]], tuple[str, ...]]:
    """The stages without those of no use beside the others, out of fold, and a sentence for each of these.

    Only swift stages are tried: they spare no later one its work, so that all they can give is better probabilities.
    """

    def loss(chosen: Sequence[int]) -> float:
        return _loss([held[i][0] for i in chosen], examples, task, squared=True)

    kept, said = list(range(len(held))), []
    swift = [i for i in kept if getattr(encoders[i], "swift", False)]
    while len(kept) > 1 and swift:
        least, place = min((loss([j for j in kept if j != i]), i) for i in swift)
        if least > (1 + WORTH) * loss(kept):
            break
        encoder = encoders[place]
        said.append(f"Left out the stage '{encoder.kind}' with the head '{encoder.head}': it added nothing.")
        kept.remove(place)
        swift.remove(place)
    return [held[i] for i in kept], tuple(said)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What each stage says of every row, out of fold: probabilities (n, k), confidence and familiarity (n,) a stage."""

    alone: list[Probabilities]
    confidence: list[NDArray[np.float32]]
    familiarity: list[Floats]


def _stages(
    held: Sequence[Held],
    finished: Sequence[Finished],
    examples: Examples,
    task: Task,
    calibrate: Callable[..., Calibrator],
) -> tuple[list[Stage], Seen]:
    """The stages with their calibrators, scopes and exits."""
    scores = np.stack([h.scores for h in held])  # (m, n, k)
    stages, seen = [], Seen(alone=[], confidence=[], familiarity=[])
    for i, (one, done) in enumerate(zip(held, finished, strict=True)):
        so_far = np.ascontiguousarray(scores[: i + 1])
        scope = Scope.fit(done.novelty, one.strangeness, so_far, newest=1, loss=examples.loss)
        seen.familiarity.append(scope.familiarity(one.strangeness, so_far))
        calibrator = calibrate(so_far, familiarity=seen.familiarity[-1])
        seen.alone.append(calibrator.probabilities(so_far, seen.familiarity[-1]))
        seen.confidence.append(calibrator.confidence(seen.alone[-1]))
        stages.append(
            Stage(encoder=done.encoder, head=done.head, calibrator=calibrator, scope=scope, exit=Exit.always())
        )
    for i in reversed(range(len(stages) - 1)):  # from the last back: an exit is held against what really follows it
        if getattr(stages[i + 1].encoder, "swift", False):  # nothing to be saved, and better probabilities to be had
            stages[i] = replace(stages[i], exit=Exit.never())
            continue
        later = _passed([replace(stage, exit=Exit.never()) for stage in stages[: i + 1]] + stages[i + 1 :], seen)
        losses, losses_later = (task.losses(examples.truth, p) for p in (seen.alone[i], later.probabilities))
        leave = Exit.learn(seen.confidence[i], seen.familiarity[i], losses, losses_later)
        stages[i] = replace(stages[i], exit=Exit.never() if _few(examples) else leave)
    return stages, seen


def _stricter(stage: Stage, confidence: float) -> Stage:
    return replace(stage, exit=replace(stage.exit, confidence=max(stage.exit.confidence, confidence)))


def _passed(stages: Sequence[Stage], seen: Seen) -> Passed:
    """Where out-of-fold rows leave, and with what; the cascade's own rule on what is already computed."""
    probabilities, confidence = seen.alone[-1].copy(), seen.confidence[-1].copy()
    scope = seen.familiarity[-1].copy()
    number = np.full(len(scope), len(stages), dtype=np.int64)
    for i in reversed(range(len(stages) - 1)):
        leaves = stages[i].exit.leaves(seen.confidence[i], seen.familiarity[i])
        probabilities[leaves], confidence[leaves] = seen.alone[i][leaves], seen.confidence[i][leaves]
        scope[leaves], number[leaves] = seen.familiarity[i][leaves], i + 1
    return Passed(probabilities=probabilities, confidence=confidence, scope=scope, stage=number)


def _rule(
    passed: Passed,
    truth: Truth,
    task: Task,
    *,
    max_error: float | None,
    max_width: float | None,
    false_refusal: float,
) -> Rule:
    scope = scope_threshold(passed.scope, false_refusal)
    thresholds = task.thresholds(passed, passed.scope >= scope, truth, max_error, max_width)
    return Rule(
        false_refusal=false_refusal,
        max_error=max_error,
        scope_threshold=scope,
        accept_threshold=thresholds.accept,
        candidate_threshold=thresholds.candidate,
    )


def _evaluation(
    specialist: Specialist,
    task: Task,
    passed: Passed,
    alone: Sequence[Probabilities],
    examples: Examples,
    notes: Sequence[str] = (),
) -> Judged:
    return task.judged(
        specialist.labels,
        examples.truth,
        specialist.ruled(passed),
        rule=specialist.rule,
        texts=[str(value) for value in examples.values],
        stage_names=[stage.encoder.kind for stage in specialist.cascade.stages],
        alone=alone,
        notes=notes,
    )


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


def _libraries() -> dict[str, Json]:
    """Versions of what the numbers depend on."""
    names = ("metier", "numpy", "numba", "onnxruntime", "scikit-learn", "scipy", "tokenizers")
    found: dict[str, Json] = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
