"""Figures about questions and the passages that answer them: how high the right one stands, and what is answered.

Knows ranks, probabilities and acceptances; neither texts nor how they were compared.

Source: Järvelin & Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques" (NDCG).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from metier.decide import measure
from metier.decide.accept import Rule
from metier.errors import TooFewRows
from metier.evaluation import (
    SCHEMA,
    Curve,
    Grid,
    Latency,
    Line,
    Promise,
    digits,
    interval,
    lines_of_time,
    percent,
    plain,
)
from metier.judges.base import Outside
from metier.types import Floats, Interval, Json, Labels

DEEP, MOST_MISSED, TRIES = 10, 8, 200
Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What became of questions. Shapes: all (n,).

    `absent` questions have no answer in the documents. `rank` is the place of the first right passage, from 1, and 0
    where none was found; `gain` the NDCG of the first ten.
    """

    absent: Bools
    rank: Labels
    gain: Floats
    probability: Floats
    scope: Floats
    in_scope: Bools
    accepted: Bools


@dataclass(frozen=True, kw_only=True)
class Missed:
    """A question whose first passage is not the right one."""

    question: str
    said: str
    right: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class RetrieveFigures:
    """Every figure about questions; `summary()` for people, `json()` for programs.

    `ndcg`, `first`, `among_five` and `reciprocal` are of all questions the documents answer, answered or not. `error`
    is the share wrong among those answered, with its exact 99 % range; `promise` compares it with what was promised.
    """

    task: ClassVar[str] = "retrieve"
    rows: int
    passages: int
    ndcg: Interval
    first: Interval
    among_five: Interval
    reciprocal: float
    calibration_error: float
    coverage: Interval
    error: Interval | None
    max_error: float | None
    promise: Promise
    false_refusal: Interval
    false_refusal_asked: float
    out_of_scope: Outside | None
    curve: Curve
    reliability: tuple[measure.Bin, ...]
    missed: tuple[Missed, ...]
    latency: Latency | None = None
    notes: tuple[str, ...] = field(default=())

    def json(self) -> dict[str, Json]:
        """Everything as plain JSON values, floats to six places."""
        said = plain(self)
        assert isinstance(said, dict)
        return {"schema": SCHEMA, "task": self.task, **said}

    def summary(self) -> list[Line]:
        """The figures that matter, most important first, each with what it means."""
        asked = f"questions of theirs refused; asked for: {percent(self.false_refusal_asked)}"
        lines = [
            Line("NDCG@10", _figure(self.ndcg), f"{self.rows:,} questions, {self.passages:,} passages; 95% range"),
            Line("First is right", interval(self.first), "the best passage answers; 95% range"),
            Line("Among five", interval(self.among_five), "one of the first five answers"),
            Line("MRR", digits(self.reciprocal), "mean of 1 / place of the first right passage"),
            Line("Calibration error", digits(self.calibration_error), "mean gap between probability and truth"),
            Line("Answered", interval(self.coverage), "the others are unsure or look out of scope"),
            Line("Wrong among answered", interval(self.error) if self.error else "–", self._promised()),
            Line("False refusal", interval(self.false_refusal), asked),
        ]
        if out := self.out_of_scope:
            lines += [
                Line("Not in them, refused", interval(out.caught), f"of {out.rows:,} questions they do not answer"),
                Line("Not in them, answered", interval(out.answered), "each of these answers is wrong"),
                Line("AUROC of scope", digits(out.scope_auroc), "1 tells all of these apart, 0.5 none"),
            ]
        return [*lines, *lines_of_time(self.latency)]

    def grids(self) -> list[Grid]:
        """Questions whose first passage is not the right one, the surest first."""
        rows = tuple((one.question, one.said, one.right, percent(one.probability)) for one in self.missed)
        if not rows:
            return []
        return [Grid(title="Missed", columns=("Question", "Said", "Right", "Sure"), rows=rows, names=3)]

    def _promised(self) -> str:
        if self.max_error is None:
            return "nothing was promised; exact 99% range"
        return f"promised at most {percent(self.max_error)}: {self.promise}; exact 99% range"


def retrieve_figures(
    asked: Asked,
    *,
    rule: Rule,
    passages: int,
    missed: Sequence[Missed] = (),
    latency: Latency | None = None,
    notes: Sequence[str] = (),
) -> RetrieveFigures:
    """Judge what was found by what is right.

    Raises: TooFewRows where no question has an answer in the documents.
    """
    own = ~asked.absent
    n = int(own.sum())
    if not n:
        raise TooFewRows(
            "evaluate: no question has an answer in these documents. Expected one or more with the id of a passage."
        )
    rank, right, answered = asked.rank[own], asked.rank[own] == 1, asked.accepted[own]
    wrong = int((answered & ~right).sum())
    error = None
    if answered.any():
        low, high = measure.clopper_pearson(wrong, int(answered.sum()), 0.99)
        error = Interval(value=wrong / int(answered.sum()), low=low, high=high, rows=int(answered.sum()))
    curve = measure.risk_coverage(asked.probability[own], right)
    return RetrieveFigures(
        rows=n,
        passages=passages,
        ndcg=_mean(asked.gain[own]),
        first=measure.wilson(int(right.sum()), n),
        among_five=measure.wilson(int(((rank > 0) & (rank <= 5)).sum()), n),
        reciprocal=float(np.where(rank > 0, 1 / np.maximum(rank, 1), 0).mean()),
        calibration_error=measure.calibration_error(asked.probability[own], right),
        coverage=measure.wilson(int(answered.sum()), n),
        error=error,
        max_error=rule.max_error,
        promise=_promise(error, rule.max_error),
        false_refusal=measure.wilson(int((~asked.in_scope[own]).sum()), n),
        false_refusal_asked=rule.false_refusal,
        out_of_scope=_absent(asked),
        curve=Curve(coverage=tuple(curve.coverage.tolist()), risk=tuple(curve.risk.tolist()), area=curve.area),
        reliability=measure.reliability(asked.probability[own], right),
        missed=tuple(sorted(missed, key=lambda one: -one.probability)[:MOST_MISSED]),
        latency=latency,
        notes=tuple(notes),
    )


def gain(right: Bools, among: int) -> float:
    """NDCG of the first ten places (c,) where `among` passages are right."""
    discounts = 1 / np.log2(np.arange(2, DEEP + 2))
    found = right[:DEEP]
    ideal = discounts[: min(among, DEEP)].sum()
    return float(discounts[: len(found)][found].sum() / ideal) if ideal else 0.0


def _absent(asked: Asked) -> Outside | None:
    rows, own = int(asked.absent.sum()), ~asked.absent
    if not rows:
        return None
    return Outside(
        rows=rows,
        caught=measure.wilson(int((asked.absent & ~asked.in_scope).sum()), rows),
        answered=measure.wilson(int((asked.absent & asked.accepted).sum()), rows),
        scope_auroc=measure.auroc(asked.scope[own], asked.scope[asked.absent]),
    )


def _promise(error: Interval | None, max_error: float | None) -> Promise:
    if max_error is None:
        return "none"
    if error is None:
        return "untested"
    if error.value <= max_error:
        return "kept"
    return "within chance" if error.low <= max_error else "broken"


def _mean(gains: Floats) -> Interval:
    """The mean and its 95 % range over questions drawn again."""
    draw = np.random.default_rng(0)
    drawn = [gains[draw.integers(0, len(gains), len(gains))].mean() for _ in range(TRIES)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    value = float(gains.mean())
    return Interval(value=value, low=min(float(low), value), high=max(float(high), value), rows=len(gains))


def _figure(one: Interval) -> str:
    return f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"
