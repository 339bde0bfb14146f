"""What held-out scores settle: which stages stay, their calibrators, scopes and exits, and the rule.

Knows scores of rows that were not learnt from; not how they were come by, nor what a cell means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from metier.cascade import Cascade, Stage
from metier.decide.accept import Rule, scope_threshold
from metier.decide.base import Calibrator
from metier.decide.exits import LOSS_ALLOWED, Exit
from metier.decide.scope import Scope
from metier.encoders.base import Encoder
from metier.learn import Examples, Finished, Held
from metier.tasks.base import Task
from metier.types import Floats, Passed, Probabilities, Truth

FEW_ROWS = round(1 / LOSS_ALLOWED)  # an exit may lose so small a share that fewer rows cannot show it
WORTH = 0.002  # of the loss: what a stage that spares no other its work must lower it by


def few(examples: Examples) -> bool:
    """Whether rows are so few that an exit cannot be learnt, and a pupil learns its teacher's whims."""
    return len(examples.truth) < FEW_ROWS


def loss_of(held: Sequence[Held], examples: Examples, task: Task, *, squared: bool = False) -> float:
    """The mean loss of heads together, out of fold, as the task has it; if asked, the squared distance to targets."""
    scores = np.stack([one.scores for one in held])
    calibrator = task.calibrate(scores, truth=examples.truth, familiarity=None, max_error=None)
    probabilities = calibrator.probabilities(scores)
    if squared and probabilities.shape == examples.targets.shape:
        return float(np.nanmean((probabilities - examples.targets).astype(np.float64) ** 2))
    return float(task.losses(examples.truth, probabilities).mean())


def share_leaving(held: Held, later: Held, examples: Examples, task: Task) -> tuple[float, float]:
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


def worth_their_place(
    held: Sequence[tuple[Held, Future[Finished]]], encoders: Sequence[Encoder], examples: Examples, task: Task
) -> tuple[list[tuple[Held, Future[Finished]]], tuple[str, ...]]:
    """The stages without those of no use beside the others, out of fold, and a sentence for each of these.

    Only swift stages are tried: they spare no later one its work, so that all they can give is better probabilities.
    """

    def loss(chosen: Sequence[int]) -> float:
        return loss_of([held[i][0] for i in chosen], examples, task, squared=True)

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


def staged(
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
        later = passed_by([replace(stage, exit=Exit.never()) for stage in stages[: i + 1]] + stages[i + 1 :], seen)
        losses, losses_later = (task.losses(examples.truth, p) for p in (seen.alone[i], later.probabilities))
        leave = Exit.learn(seen.confidence[i], seen.familiarity[i], losses, losses_later)
        stages[i] = replace(stages[i], exit=Exit.never() if few(examples) else leave)
    return stages, seen


@dataclass(frozen=True, kw_only=True)
class Settled:
    """The cascade and its rule, and what they say of every row, out of fold; `alone` is each stage's (n, k)."""

    cascade: Cascade
    rule: Rule
    passed: Passed
    alone: Sequence[Probabilities]


def settle(
    held: Sequence[tuple[Held, Future[Finished]]],
    examples: Examples,
    task: Task,
    *,
    max_error: float | None,
    max_width: float | None,
    false_refusal: float,
) -> Settled:
    """Join the stages, once each has learnt every row.

    Raises: PromiseNotSupported with the rows that could.
    """
    calibrate = partial(task.calibrate, truth=examples.truth, max_error=max_error)
    rule_of = partial(
        ruled, truth=examples.truth, task=task, max_error=max_error, max_width=max_width, false_refusal=false_refusal
    )
    stages, seen = staged([one for one, _ in held], [done.result() for _, done in held], examples, task, calibrate)
    passed = passed_by(stages, seen)
    rule = rule_of(passed)
    if rule.accept_threshold > 0:
        # a row not sure enough to be answered goes on: a later stage may be
        stages = [stricter(stage, rule.accept_threshold) for stage in stages[:-1]] + stages[-1:]
        passed = passed_by(stages, seen)
        rule = rule_of(passed)
    return Settled(cascade=Cascade(stages=tuple(stages)), rule=rule, passed=passed, alone=seen.alone)


def stricter(stage: Stage, confidence: float) -> Stage:
    """The stage, left only by rows that are at least so sure."""
    return replace(stage, exit=replace(stage.exit, confidence=max(stage.exit.confidence, confidence)))


def passed_by(stages: Sequence[Stage], seen: Seen) -> Passed:
    """Where out-of-fold rows leave, and with what; the cascade's own rule on what is already computed."""
    probabilities, confidence = seen.alone[-1].copy(), seen.confidence[-1].copy()
    scope = seen.familiarity[-1].copy()
    number = np.full(len(scope), len(stages), dtype=np.int64)
    for i in reversed(range(len(stages) - 1)):
        leaves = stages[i].exit.leaves(seen.confidence[i], seen.familiarity[i])
        probabilities[leaves], confidence[leaves] = seen.alone[i][leaves], seen.confidence[i][leaves]
        scope[leaves], number[leaves] = seen.familiarity[i][leaves], i + 1
    return Passed(probabilities=probabilities, confidence=confidence, scope=scope, stage=number)


def ruled(
    passed: Passed,
    truth: Truth,
    task: Task,
    *,
    max_error: float | None,
    max_width: float | None,
    false_refusal: float,
) -> Rule:
    """The rule that keeps what was promised on these rows."""
    scope = scope_threshold(passed.scope, false_refusal)
    thresholds = task.thresholds(passed, passed.scope >= scope, truth, max_error, max_width)
    return Rule(
        false_refusal=false_refusal,
        max_error=max_error,
        scope_threshold=scope,
        accept_threshold=thresholds.accept,
        candidate_threshold=thresholds.candidate,
    )
