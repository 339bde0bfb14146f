"""Stages from cheap to costly, and who leaves where.

Knows encoders, heads, calibrators and scopes by their seams alone: nothing here is about text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metier.decide.base import Calibrator
from metier.decide.exits import Exit
from metier.decide.scope import Scope
from metier.encoders.base import Encoder, signs_of
from metier.heads.base import Head
from metier.types import Floats, Passed, Probabilities, Scores, Value


@dataclass(frozen=True, kw_only=True)
class Stage:
    """An encoder, its head, and a calibrator that blends it with the heads of the stages before."""

    encoder: Encoder
    head: Head
    calibrator: Calibrator
    scope: Scope
    exit: Exit


@dataclass(frozen=True, kw_only=True)
class Cascade:
    """The stages of a specialist; the last one keeps every row that reaches it."""

    stages: tuple[Stage, ...]

    def run(self, values: Sequence[Value]) -> Passed:
        """Each value through as many stages as it needs."""
        if len(values) == 1:
            return self._run_one(values)
        first = run_stage(self.stages[0], values, None)
        if first.leaves.all() or len(self.stages) == 1:
            return _passed(first, 1)
        probabilities, confidence, scope = first.probabilities.copy(), first.confidence.copy(), first.scope.copy()
        stage = np.ones(len(values), np.int64)
        left, step = np.flatnonzero(~first.leaves), first
        staying = ~first.leaves
        for number, following in enumerate(self.stages[1:], start=2):
            step = run_stage(following, [values[int(i)] for i in left], step.scores[:, staying])
            probabilities[left], confidence[left] = step.probabilities, step.confidence
            scope[left], stage[left] = step.scope, number
            staying = ~step.leaves
            if number == len(self.stages) or not staying.any():
                break
            left = left[staying]
        return Passed(probabilities=probabilities, confidence=confidence, scope=scope, stage=stage)

    def at_once(self, values: Sequence[Value]) -> Passed | None:
        """What the first stage says of a single value, where that is enough for it to leave."""
        step = run_stage(self.stages[0], values, None)
        return _passed(step, 1) if len(self.stages) == 1 or step.leaves[0] else None

    def _run_one(self, values: Sequence[Value]) -> Passed:
        """The same for a single value: no row to pick out of others, which would take longer than a cheap stage."""
        scores: Scores | None = None
        for number, stage in enumerate(self.stages, start=1):
            step = run_stage(stage, values, scores)
            scores = step.scores
            if number == len(self.stages) or step.leaves[0]:
                break
        return _passed(step, number)


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one stage says of the rows that reached it; `scores` are those of every head so far."""

    probabilities: Probabilities
    confidence: NDArray[np.float32]
    scope: Floats
    leaves: NDArray[np.bool_]
    scores: Scores  # (m, n, k)


def _passed(step: Step, number: int) -> Passed:
    return Passed(
        probabilities=step.probabilities,
        confidence=step.confidence,
        scope=step.scope,
        stage=np.full(len(step.leaves), number, np.int64),
    )


def run_stage(stage: Stage, values: Sequence[Value], earlier: Scores | None) -> Step:
    """One stage on the rows that reached it. `earlier` (m, n, k): the scores of the heads before, for the same rows."""
    encoded = stage.encoder.encode(values)
    own = stage.head.scores(encoded)[None]
    scores = own if earlier is None else np.concatenate([earlier, own])
    novelty = stage.scope.novelty
    signs = None if novelty.signs is None else signs_of(stage.encoder, values)
    scope = stage.scope.familiarity(novelty.of(encoded, signs), scores)
    probabilities = stage.calibrator.probabilities(scores, scope)
    confidence = stage.calibrator.confidence(probabilities)
    leaves = stage.exit.leaves(confidence, scope)
    return Step(probabilities=probabilities, confidence=confidence, scope=scope, leaves=leaves, scores=scores)
