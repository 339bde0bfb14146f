"""Table to specialist, read from top to bottom like a recipe. Every choice is made on out-of-fold rows.

Knows domains, encoders and heads by their seams; what a cell means is its domain's affair.
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from metier import lazy
from metier.cascade import Cascade, Passed, Stage
from metier.checkpoint import Checkpoint
from metier.columns import choose, label_text
from metier.data.read import digest
from metier.data.split import folds
from metier.decide.accept import Rule, accept_threshold, candidate_threshold, scope_threshold
from metier.decide.calibrate import Blend
from metier.decide.exits import Exit
from metier.decide.scope import Scope
from metier.domains.base import Domain
from metier.encoders.base import Encoder
from metier.errors import BadCell, BadOption, TooFewRows
from metier.evaluation import Evaluation
from metier.heads.hashed import HashedHead
from metier.judge import evaluation_of
from metier.learn import Encodings, Examples, Held, finished, first_head, held_out, pupil
from metier.specialist import Golden, Specialist
from metier.types import EFFORTS, Effort, Json, Labels, Predicted, Probabilities, Table, Value

FOLDS = 5
TEACHING = 0.7  # how much of a pupil's target is its teacher's opinion, the rest is the label
GOLDEN_ROWS, LONGEST_GOLDEN = 8, 200
Progress = Callable[[str, float], None]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A specialist, its figures on out-of-fold rows, and what a person should know about how it came to be."""

    specialist: Specialist
    evaluation: Evaluation
    notes: tuple[str, ...]


def train(
    table: Table,
    *,
    name: str = "specialist",
    input: str | None = None,
    target: str | None = None,
    effort: Effort = "standard",
    max_error: float | None = None,
    false_refusal: float = 0.02,
    max_ms: float | None = None,
    max_mb: float | None = None,
    seed: int = 0,
    work: Path | None = None,
    progress: Progress = lambda step, done: None,
) -> Trained:
    """Learn a specialist from labelled rows.

    `max_error` is the promise: at most this share wrong among what is answered. `false_refusal` is the share of rows in
    scope that may be refused as out of scope. `max_ms` and `max_mb` leave out stages that cost more. `work` is a folder
    where finished steps are kept for a later resume. `progress` is told each step and the share done, 0 to 1.

    Raises: DataError about the rows, BadOption about the options, PromiseNotSupported with the rows that could.
    """
    _check(effort=effort, max_error=max_error, false_refusal=false_refusal, max_ms=max_ms, max_mb=max_mb)
    progress("reading", 0.0)
    columns = choose(table, input=input, target=target)
    domain: Domain = lazy.find("domains", columns.domain, "DOMAIN")
    examples = _examples(table, columns.input, columns.target, domain, seed)
    encoders, dropped = _affordable(domain.encoders(effort), examples.values, max_ms=max_ms, max_mb=max_mb)
    sha256 = digest(table, [columns.input, columns.target])
    work_key = f"{sha256}/{effort}/{seed}/{[encoder.kind for encoder in encoders]}/{_libraries()}"
    kept = Checkpoint(work, fingerprint=work_key)
    tick = _ticker(progress, folds=int(examples.fold.max()) + 1, stages=len(encoders))

    encodings = [Encodings(encoder, examples, kept, str(i)) for i, encoder in enumerate(encoders)]
    held = [
        held_out(e, first_head, examples.targets, checkpoint=kept, name=str(i), seed=seed, tick=tick)
        for i, e in enumerate(encodings)
    ]
    if len(held) > 1:
        teacher = Blend.fit([h.scores for h in held], examples.truth).probabilities([h.scores for h in held])
        lessons = (TEACHING * teacher + (1 - TEACHING) * examples.targets).astype(np.float32)
        for i, by_labels in enumerate(held):
            if isinstance(by_labels.head, HashedHead):
                taught = held_out(encodings[i], pupil, lessons, checkpoint=kept, name=f"pupil {i}", seed=seed, tick=tick)
                held[i] = max(by_labels, taught, key=lambda h: _share_leaving(h, teacher, examples.truth))

    stages, passed, alone = _cascade(encodings, held, examples.truth, seed=seed, tick=tick)
    specialist = Specialist(
        name=name,
        domain=domain.name,
        task="classify",
        labels=examples.names,
        input_column=columns.input,
        target_column=columns.target,
        cascade=Cascade(stages=stages),
        rule=_rule(passed, examples.truth, max_error=max_error, false_refusal=false_refusal),
        recipe={"effort": effort, "seed": seed, "folds": int(examples.fold.max()) + 1, "left_out": list(dropped)},
        origin={
            "source": Path(table.source).name,
            "rows": len(examples.truth),
            "sha256": sha256,
            "libraries": _libraries(),
        },
    )
    evaluation = _evaluation(specialist, passed, alone, examples)
    specialist = replace(specialist, figures=evaluation.json(), golden=_golden(specialist, examples))
    progress("done", 1.0)
    return Trained(specialist=specialist, evaluation=evaluation, notes=(columns.said, *dropped))


def out_of_fold(
    values: Sequence[Value], truth: Labels, domain: Domain, *, seed: int = 0, effort: Effort = "quick"
) -> Probabilities:
    """Calibrated probabilities (n, k) of every row by stages that have not learnt it; for audits."""
    names = tuple(str(label) for label in range(int(truth.max()) + 1))
    fold = folds(truth, domain.group(values), _fold_count(truth), seed)
    examples = Examples(values=values, names=names, truth=truth, fold=fold)
    kept = Checkpoint(None, fingerprint="")
    scores = []
    for encoder in domain.encoders(effort):
        encodings = Encodings(encoder, examples, kept, "")
        held = held_out(encodings, first_head, examples.targets, checkpoint=kept, name="", seed=seed, tick=lambda: None)
        scores.append(held.scores)
    return Blend.fit(scores, truth).probabilities(scores)


def _check(
    *, effort: str, max_error: float | None, false_refusal: float, max_ms: float | None, max_mb: float | None
) -> None:
    if effort not in EFFORTS:
        raise BadOption(f"effort={effort!r} is unknown. Expected one of {', '.join(EFFORTS)}.")
    for option, share in (("max_error", max_error), ("false_refusal", false_refusal)):
        if share is not None and not 0 < share < 1:
            raise BadOption(f"{option}={share} is no share. Expected more than 0 and less than 1, such as 0.02 for 2 %.")
    for option, most in (("max_ms", max_ms), ("max_mb", max_mb)):
        if most is not None and not most > 0:
            raise BadOption(f"{option}={most} leaves room for nothing. Expected a number above 0.")


def _examples(table: Table, input: str, target: str, domain: Domain, seed: int) -> Examples:
    """Every row as a value and the position of its label.

    Raises: BadCell naming the rows that cannot be read or have no label, TooFewRows naming the labels with one row.
    """
    values, labels, problems = [], [], []
    for number, (cell, answer) in enumerate(zip(table.columns[input], table.columns[target], strict=True)):
        try:
            label = label_text(answer)
            if label is None:
                raise BadCell(f"column '{target}' is empty. Expected a label")
            values.append(domain.read(cell))
            labels.append(label)
        except BadCell as problem:
            problems.append(f"row {table.first_row + number}: {problem}")
    if problems:
        more = f" … and {len(problems) - 5:,} more rows" if len(problems) > 5 else ""
        raise BadCell(
            f"{table.source}: {len(problems):,} of {len(table):,} rows cannot be learnt from. "
            + " | ".join(problems[:5])
            + f"{more}. Fix them, or let `metier audit --fix` write a copy without them."
        )
    names, truth = np.unique(np.array(labels), return_inverse=True)
    _enough(table.source, names, truth)
    truth = truth.astype(np.int64)
    fold = folds(truth, domain.group(values), _fold_count(truth), seed)
    return Examples(values=values, names=tuple(str(name) for name in names), truth=truth, fold=fold)


def _enough(source: str, names: Sequence[str], truth: Labels) -> None:
    if len(names) < 2:
        raise TooFewRows(
            f"{source}: the only label is '{names[0]}'. Expected two or more different ones. "
            "Add rows of another, or name another column with --target."
        )
    single = [str(names[i]) for i in np.flatnonzero(np.bincount(truth) < 2)]
    if single:
        shown = ", ".join(f"'{name}'" for name in single[:10]) + (" …" if len(single) > 10 else "")
        raise TooFewRows(
            f"{source}: {len(single)} of {len(names)} labels have a single row: {shown}. Expected 2 or more, so that one "
            "can be learnt from and one held out (5 or more work well). Add rows, or leave these labels out."
        )


def _fold_count(truth: Labels) -> int:
    """Five folds, or as many as half the labels have rows for."""
    return int(np.clip(np.median(np.bincount(truth)), 2, FOLDS))


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
            said.append(f"Left out the stage '{encoder.kind}': {ms:.1f} ms and {mb:.0f} MB are over the limit asked for.")
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


def _share_leaving(held: Held, later: Probabilities, truth: Labels) -> tuple[float, float]:
    """How many rows this head would let leave before a later stage, and how right it is on its own."""
    probabilities = Blend.fit([held.scores], truth).probabilities([held.scores])
    right = probabilities.argmax(axis=1) == truth
    familiarity = np.ones(len(truth))
    leave = Exit.learn(probabilities.max(axis=1), familiarity, right, later.argmax(axis=1) == truth)
    return float(leave.leaves(probabilities.max(axis=1), familiarity).mean()), float(right.mean())


def _cascade(
    encodings: Sequence[Encodings], held: Sequence[Held], truth: Labels, *, seed: int, tick: Callable[[], None]
) -> tuple[tuple[Stage, ...], Passed, list[Probabilities]]:
    """Stages fitted on all rows, where out-of-fold rows would have left, and what each stage says of every row."""
    scores = [h.scores for h in held]
    calibrators = [Blend.fit(scores[: i + 1], truth) for i in range(len(held))]
    alone = [calibrator.probabilities(scores[: i + 1]) for i, calibrator in enumerate(calibrators)]
    stages, familiarities = [], []
    for i, one in enumerate(held):
        encoder, head, novelty, _ = finished(encodings[i], one.head, one.targets, seed=seed)
        scope = Scope.fit(novelty, one.strangeness, scores[: i + 1], newest=1)
        familiarities.append(scope.familiarity(one.strangeness, scores[: i + 1]))
        stages.append(Stage(encoder=encoder, heads=(head,), calibrator=calibrators[i], scope=scope, exit=Exit.always()))
        tick()
    # from the last stage back, so that each exit is held against what really follows it
    passed = Passed(
        probabilities=alone[-1], scope=familiarities[-1], stage=np.full(len(truth), len(held), dtype=np.int64)
    )
    for i in reversed(range(len(held) - 1)):
        confidence, right = alone[i].max(axis=1), alone[i].argmax(axis=1) == truth
        leave = Exit.learn(confidence, familiarities[i], right, passed.probabilities.argmax(axis=1) == truth)
        stages[i] = replace(stages[i], exit=leave)
        leaves = leave.leaves(confidence, familiarities[i])
        passed = Passed(
            probabilities=np.where(leaves[:, None], alone[i], passed.probabilities),
            scope=np.where(leaves, familiarities[i], passed.scope),
            stage=np.where(leaves, i + 1, passed.stage),
        )
    return tuple(stages), passed, alone


def _rule(passed: Passed, truth: Labels, *, max_error: float | None, false_refusal: float) -> Rule:
    scope = scope_threshold(passed.scope, false_refusal)
    inside = passed.scope >= scope
    confidence, right = passed.probabilities.max(axis=1), passed.probabilities.argmax(axis=1) == truth
    return Rule(
        false_refusal=false_refusal,
        max_error=max_error,
        scope_threshold=scope,
        accept_threshold=0.0 if max_error is None else accept_threshold(confidence[inside], right[inside], max_error),
        candidate_threshold=candidate_threshold(passed.probabilities[np.arange(len(truth)), truth]),
    )


def _evaluation(
    specialist: Specialist, passed: Passed, alone: Sequence[Probabilities], examples: Examples
) -> Evaluation:
    predicted: Predicted = specialist.ruled(passed)
    return evaluation_of(
        examples.names,
        examples.truth,
        predicted,
        rule=specialist.rule,
        texts=[str(value) for value in examples.values],
        stage_names=[stage.encoder.kind for stage in specialist.cascade.stages],
        alone=alone,
    )


def _golden(specialist: Specialist, examples: Examples) -> tuple[Golden, ...]:
    """A few rows over the whole file, and what is decided of them."""
    short = [v for v in examples.values if isinstance(v, str) and len(v) <= LONGEST_GOLDEN]
    cells = short[:: max(1, len(short) // GOLDEN_ROWS)][:GOLDEN_ROWS]
    return tuple(
        Golden(cell=cell, label=d.label, probability=d.probability, stage=d.stage)
        for cell, d in zip(cells, specialist.predict(cells), strict=True)
    )


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
