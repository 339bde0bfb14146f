"""Regress: a number, with the interval that holds the true one as often as it says, or an abstention.

Knows numbers and intervals; not what was measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier.decide.accept import Rule
from metier.decide.conformal import Intervals
from metier.errors import BadCell, BadOption, MissingColumn, PromiseNotSupported, TooFewRows
from metier.evaluation import Judging, Line
from metier.judges.regress import NumberFigures, number_figures, number_lines
from metier.tasks.base import SPECIALIST, Answers, Doubt, Given, Thresholds
from metier.types import Decision, Estimate, Floats, Labels, Loss, Passed, Predicted, Probabilities, Scores, Targets

MISSED = 0.1  # of true values may lie outside their interval, where nothing else was asked for
MOST_STRATA, ROWS_A_STRATUM = 10, 10
MANY = 20  # different whole numbers, from which on they may be more than names
FAR = 2.0  # times as far from the estimate as the end of the interval: a number that is doubted
LEAST_ROWS = 2 * 10  # of which intervals can be told at all


class Regress:
    """One number for each row."""

    name = "regress"
    form = SPECIALIST
    loss: Loss = "squared"
    decision: type[Decision] = Estimate
    named = False
    least_names = 1
    beside = "the interval it lies in"
    unsure = "its interval is too wide, its confidence"
    listed = (
        ("root mean squared error", "rmse"),
        ("mean absolute error", "mae"),
        ("R²", "r2"),
        ("Spearman's rank correlation", "spearman"),
        ("share answered", "coverage"),
        ("true values inside the interval (99 % range)", "inside"),
        ("mean width of the interval", "width"),
        ("refused as out of scope though in scope", "false_refusal"),
    )
    numbers = frozenset({"rmse", "mae"})
    metrics: Mapping[str, str] = {"rmse": "rmse", "mae": "mae", "spearmanr": "spearman"}
    sample: tuple[Any, ...] = (1.5, "2.25", 30, "1e2", -4, "0.5", 7.5, 8, 9.25, 11)

    def likely(self, cells: Sequence[Any]) -> float:
        """High for numbers with many different values; whole ones must not repeat often."""
        numbers = [number for number in map(_number, cells) if number is not None and math.isfinite(number)]
        if not cells or len(numbers) < 0.9 * sum(not _gap(cell) for cell in cells):
            return 0.0
        different = len(set(numbers))
        if any(not number.is_integer() for number in numbers):
            return 0.9 if different > MANY / 2 else 0.0
        return 0.9 if different > MANY and different > len(numbers) / 10 else 0.0

    def seen(self, cells: Sequence[Any], where: str) -> str:
        """How many numbers there are, and from where to where they go.

        Raises: MissingColumn where there is no number.
        """
        numbers = [number for number in map(_number, cells) if number is not None and math.isfinite(number)]
        if not numbers:
            raise MissingColumn(
                f"{where} holds no number, and the task is to estimate one. Expected a number in each row; fill it, "
                "name another column with --target, or another task with --task."
            )
        return f"{len(numbers):,} numbers from {min(numbers):.6g} to {max(numbers):.6g} in {len(cells):,} rows"

    def read(self, cell: Any) -> float | None:
        """The number in a cell.

        Raises: BadCell where it is none, or not finite.
        """
        if _gap(cell):
            return None
        number = _number(cell)
        if number is None or not math.isfinite(number):
            raise BadCell(f"{str(cell)[:60]!r} is no number. Expected one such as 12.5 or 1e-3; fix the cell.")
        return number

    def learn(self, answers: Sequence[float], source: str, columns: Sequence[str] = ()) -> Answers:
        """The name of the column, and the numbers.

        Raises: TooFewRows where there are fewer rows than an interval takes, or one number only.
        """
        if len(answers) < LEAST_ROWS:
            raise TooFewRows(
                f"{source}: {len(answers):,} rows with a number. Expected {LEAST_ROWS} or more, so that it can be told "
                "how far off an estimate is (some hundreds are better). Bring more rows."
            )
        if len(set(answers)) < 2:
            raise TooFewRows(
                f"{source}: the only number is {answers[0]:.6g}. Expected different ones. Bring rows with another, or "
                "name another column with --target."
            )
        return Answers(names=(columns[0] if columns else "number",), truth=np.array(answers, np.float64))

    def targets(self, answers: Answers) -> Targets:
        """Numbers with mean 0 and spread 1 (n, 1)."""
        truth: Floats = answers.truth
        scaled: Targets = ((truth - truth.mean()) / truth.std()).astype(np.float32)[:, None]
        return scaled

    def strata(self, answers: Answers) -> Labels:
        """From the smallest to the largest, in groups of equal size."""
        truth: Floats = answers.truth
        groups = int(np.clip(len(truth) // ROWS_A_STRATUM, 1, MOST_STRATA))
        edges = np.quantile(truth, np.arange(1, groups) / groups)
        strata: Labels = np.unique(np.searchsorted(edges, truth, side="right"), return_inverse=True)[1]
        return strata.astype(np.int64)

    def opinion(self, scores: Scores, truth: Floats) -> Callable[[Scores], Targets]:
        """The scores as they are: they are estimates of the targets."""
        return lambda told: told

    def calibrate(
        self, scores: Scores, *, truth: Floats, familiarity: Floats | None, max_error: float | None
    ) -> Intervals:
        """Intervals that miss `max_error` of the true values, or a tenth."""
        return Intervals.fit(scores, truth, familiarity, wrong=MISSED if max_error is None else max_error)

    def losses(self, truth: Floats, probabilities: Probabilities) -> Floats:
        """The squared distance to the truth, 1 for one who always says the mean."""
        return np.asarray((truth - probabilities[:, 1]) ** 2 / max(truth.var(), 1e-300), np.float64)

    def thresholds(
        self,
        passed: Passed,
        inside: NDArray[np.bool_],
        truth: Floats,
        max_error: float | None,
        max_width: float | None = None,
    ) -> Thresholds:
        """None, but for the width: the promise is kept by the intervals, not by leaving rows out."""
        if max_width is None:
            return Thresholds()
        widths = (passed.probabilities[:, 2] - passed.probabilities[:, 0]).astype(np.float64)
        if not (widths[inside] <= max_width).any():
            raise PromiseNotSupported(
                f"No interval is as narrow as {max_width:g}: they are {widths.min():.4g} to {widths.max():.4g} wide, "
                f"and {np.median(widths):.4g} as a rule. Allow more, bring more rows, or promise less."
            )
        # every stage sees the same confidence in the same width, so any row tells which
        row = int(widths.argmax())
        confidence = float(passed.confidence[row])
        spread = confidence * widths[row] / max(1 - confidence, 1e-9)
        return Thresholds(accept=float(np.nextafter(np.float32(spread / (spread + max_width)), np.float32(0))))

    def ruled(self, rule: Rule, passed: Passed) -> Predicted:
        """Accepted where in scope, and where the interval is narrow enough, if that was asked for."""
        in_scope = passed.scope >= rule.scope_threshold
        return Predicted(
            probabilities=passed.probabilities,
            scope=passed.scope,
            stage=passed.stage,
            in_scope=in_scope,
            accepted=in_scope & (passed.confidence >= rule.accept_threshold),
            candidates=np.zeros((len(passed.scope), 0), bool),
        )

    def decisions(self, names: Sequence[str], predicted: Predicted, microseconds: float) -> list[Decision]:
        """Estimate and interval; an abstention shows them too, and is no answer."""
        told: list[Decision] = []
        for i, (low, estimate, high, held) in enumerate(predicted.probabilities.tolist()):
            accepted = bool(predicted.accepted[i])
            told.append(
                Estimate(
                    label=f"{estimate:.6g}" if accepted else None,
                    probability=held,
                    accepted=accepted,
                    reason=None if accepted else "unsure" if predicted.in_scope[i] else "out_of_scope",
                    scope=float(predicted.scope[i]),
                    candidates=(),
                    stage=int(predicted.stage[i]),
                    microseconds=microseconds,
                    estimate=estimate,
                    low=low,
                    high=high,
                )
            )
        return told

    def leading(self, names: Sequence[str], probabilities: Probabilities) -> tuple[str, int]:
        """The estimate."""
        return names[0], 1

    def unread(self, problem: str) -> Decision:
        """An abstention without a number."""
        return Estimate.unread(problem)

    def replayed(self, decision: Decision) -> tuple[str | None, float]:
        """Whether it is an answer, and the estimate beside the width of its interval."""
        assert isinstance(decision, Estimate)
        if decision.estimate is None or decision.low is None or decision.high is None:
            return None, 0.0
        size = abs(decision.estimate) + decision.high - decision.low
        return ("" if decision.accepted else None), decision.estimate / max(size, 1e-300)

    def given(self, names: Sequence[str], answers: Sequence[float], outside_label: str | None) -> Given:
        """The numbers themselves.

        Raises: BadOption for any `outside_label`: there are no labels.
        """
        if outside_label is not None:
            raise BadOption(
                f"out_of_scope_label={outside_label!r}: the answers of this specialist are numbers. Give the rows that "
                "are none of its business in a file of their own, with --out-of-scope."
            )
        return Given(truth=np.array(answers, np.float64), outside=np.zeros(len(answers), bool))

    def judged(
        self,
        names: Sequence[str],
        truth: Floats,
        predicted: Predicted,
        known: Judging,
    ) -> NumberFigures:
        """How far off it is, and how often the truth lies inside the interval."""
        missed = MISSED if known.rule.max_error is None else known.rule.max_error
        return number_figures(names[0], truth, predicted, known, max_error=missed)

    def text(self, answer: float) -> str:
        """The number."""
        return f"{answer:.12g}"

    def doubts(self, answers: Answers, probabilities: Probabilities) -> list[Doubt]:
        """Numbers that lie outside an interval of twice the width, the furthest first."""
        truth: Floats = answers.truth
        low, estimate, high = (probabilities[:, i].astype(np.float64) for i in range(3))
        reach = np.where(truth < estimate, estimate - low, high - estimate)
        times = np.abs(truth - estimate) / np.maximum(reach, 1e-300)
        rows = np.flatnonzero(times > FAR)
        return [
            Doubt(
                kind="odd_number",
                row=row,
                has=f"has {truth[row]:.6g}; {estimate[row]:.6g} is likelier ({low[row]:.4g} to {high[row]:.4g})",
                suggestion="Read it; is the number right, and in the same unit as the others?",
                evidence={
                    "number": float(truth[row]),
                    "likelier": float(estimate[row]),
                    "low": float(low[row]),
                    "high": float(high[row]),
                },
            )
            for row in rows[np.argsort(-times[rows], kind="stable")].tolist()
        ]

    def told(self, names: Sequence[str]) -> str:
        """A number."""
        return f"a number, '{names[0]}'"

    def promised(self, max_error: float | None) -> str:
        """The share of true values inside."""
        held = 1 - (MISSED if max_error is None else max_error)
        return f"the true value lies inside the interval {held:.1%} of the time"

    def pledge(self, max_error: float | None) -> Sequence[str]:
        """The share of true values inside."""
        return [
            f"T{self.promised(max_error)[1:]}. The intervals were set on rows drawn like the training rows, each by a "
            "copy that had not seen it, and hold for no others."
        ]

    def lines(self, figures: Mapping[str, Any]) -> list[Line]:
        """How far off it is, and what its intervals hold."""
        return number_lines(figures)


def _gap(cell: Any) -> bool:
    return (
        cell is None or (isinstance(cell, str) and not cell.strip()) or (isinstance(cell, float) and math.isnan(cell))
    )


def _number(cell: Any) -> float | None:
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        return None
    try:
        return float(cell)
    except (ValueError, OverflowError):
        return None


TASK = Regress()
