"""Figures about answers: how often they are right, how honest their probabilities are, what a threshold would cost.

Knows arrays of truths, guesses and probabilities; not where they came from, and no names of labels. Needs numpy alone,
so that a specialist can be evaluated where nothing of the training is installed. Every figure is the same for any order
of the rows: rows of equal confidence count as their mean.

Words: a truth or guess is a position in the list of labels; a guess of -1 is no guess, and never right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from metier.types import Floats, Interval, Labels, Probabilities

Bools: TypeAlias = NDArray[np.bool_]
Real: TypeAlias = NDArray[Any]  # float32 or float64, as it comes


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Rows of like confidence: what they claimed on average and how often they were right."""

    low: float
    high: float
    confidence: float
    accuracy: float
    rows: int


@dataclass(frozen=True, kw_only=True)
class RiskCoverage:
    """The share wrong among the most confident rows, for every share of rows answered.

    Shapes: coverage, risk and threshold (n,), from the most confident row to all of them; `area` is the mean risk.
    """

    coverage: Floats
    risk: Floats
    threshold: Floats
    area: float


@dataclass(frozen=True, kw_only=True)
class PerClass:
    """Figures of each label; NaN where there is nothing to divide by.

    Shapes: all (k,). rows are those whose truth it is, guessed those that were taken for it; accepted is the share of
    its rows that were accepted.
    """

    rows: NDArray[np.int64]
    guessed: NDArray[np.int64]
    precision: Floats
    recall: Floats
    f1: Floats
    accepted: Floats


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One label taken for another: how often, which share of all errors on that label, and the surest such rows."""

    truth: int
    guess: int
    count: int
    share: float
    rows: tuple[int, ...]


def wilson(successes: int, rows: int, confidence: float = 0.95) -> Interval:
    """A share and the range its true value may lie in.

    Raises: ValueError without rows.
    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    _check_count(successes, rows)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share, shrink = successes / rows, 1 + z * z / rows
    centre = (share + z * z / (2 * rows)) / shrink
    half = z / shrink * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    low, high = max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))
    return Interval(value=share, low=low, high=high, rows=rows)


def clopper_pearson(errors: int, rows: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact two-sided range (low, high) of a share; each end is wrong with at most half of 1 - confidence.

    The one-sided bound at confidence c is the high end at 2c - 1.

    Raises: ValueError without rows.
    Source: Clopper and Pearson 1934, "The use of confidence or fiducial limits", Biometrika 26.
    """
    _check_count(errors, rows)
    if errors > rows / 2:  # the other side has fewer terms to sum
        low, high = clopper_pearson(rows - errors, rows, confidence)
        return 1 - high, 1 - low
    tail, ways = (1 - confidence) / 2, _log_ways(errors, rows)
    low = 0.0 if errors == 0 else _share_where(1 - tail, ways[:-1], rows)
    return low, 1.0 if errors == rows else _share_where(tail, ways, rows)


def _check_count(part: int, rows: int) -> None:
    if rows < 1 or not 0 <= part <= rows:
        raise ValueError(f"a share needs rows: got {part} of {rows}, expected 0 <= part <= rows and at least one row")


def _log_ways(errors: int, rows: int) -> Floats:
    """Logarithms of the number of ways to choose 0, 1, ... errors of the rows."""
    i = np.arange(1, errors + 1, dtype=np.float64)
    return np.concatenate([[0.0], np.cumsum(np.log(rows - i + 1) - np.log(i))])


def _share_where(wanted: float, ways: Floats, rows: int) -> float:
    """The share of errors at which seeing at most len(ways) - 1 of them has the wanted probability."""
    i = np.arange(len(ways))
    low, high = 0.0, 1.0
    while True:  # that probability falls as the share grows; stop where no float lies between
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        logs = ways + i * math.log(middle) + (rows - i) * math.log1p(-middle)
        if logs.max() + math.log(np.exp(logs - logs.max()).sum()) > math.log(wanted):
            low = middle
        else:
            high = middle


def _sorted(confidences: Real, correct: Bools) -> tuple[Floats, Floats]:
    """Confidences from low to high, and how right each is: rows of equal confidence share their mean."""
    values, group, counts = np.unique(confidences.astype(np.float64), return_inverse=True, return_counts=True)
    right = np.bincount(group, weights=correct, minlength=len(values)) / counts
    return np.repeat(values, counts), np.repeat(right, counts)


def reliability(confidences: Real, correct: Bools, bins: int = 15) -> tuple[Bin, ...]:
    """Bins of as equal a number of rows as can be, from the least confident to the most.

    Shapes: confidences, correct (n,). Fewer rows than bins give one bin a row.
    """
    values, right = _sorted(confidences, correct)
    parts = np.array_split(np.arange(len(values)), min(bins, len(values)) or 1)
    return tuple(
        Bin(
            low=float(values[part[0]]),
            high=float(values[part[-1]]),
            confidence=float(values[part].mean()),
            accuracy=float(right[part].mean()),
            rows=len(part),
        )
        for part in parts
        if len(part)
    )


def calibration_error(confidences: Real, correct: Bools, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over bins of equal mass; 0 when probabilities mean what they say.

    Source: Nguyen and O'Connor 2015, "Posterior calibration and exploratory analysis", with absolute differences.
    """
    found = reliability(confidences, correct, bins)
    rows = sum(b.rows for b in found)
    return sum(b.rows * abs(b.confidence - b.accuracy) for b in found) / rows if rows else math.nan


def risk_coverage(confidences: Real, correct: Bools) -> RiskCoverage:
    """How much is wrong among the rows answered when only the most confident are.

    Shapes: confidences, correct (n,).
    Source: El-Yaniv and Wiener 2010, "On the foundations of noise-free selective classification".
    """
    values, right = _sorted(confidences, correct)
    answered = np.arange(1, len(values) + 1, dtype=np.float64)
    risk = np.cumsum(1 - right[::-1]) / answered
    area = float(risk.mean()) if len(risk) else math.nan
    return RiskCoverage(coverage=answered / max(len(values), 1), risk=risk, threshold=values[::-1].copy(), area=area)


def auroc(positive_scores: Real, negative_scores: Real) -> float:
    """The chance that a positive row scores above a negative one, ties counting half; NaN where one side is empty.

    Shapes: positive_scores (p,), negative_scores (q,).
    """
    if not len(positive_scores) or not len(negative_scores):
        return math.nan
    ordered = np.sort(negative_scores)
    below = np.searchsorted(ordered, positive_scores, side="left")
    up_to = np.searchsorted(ordered, positive_scores, side="right")
    return float((below + up_to).sum() / (2 * len(positive_scores) * len(ordered)))


def per_class(truth: Labels, guesses: Labels, accepted: Bools, k: int) -> PerClass:
    """Precision, recall and F1 of each of k labels, and how much of it was accepted.

    Shapes: truth, guesses, accepted (n,).
    """
    rows = np.bincount(truth, minlength=k)
    guessed = np.bincount(guesses[guesses >= 0], minlength=k)
    right = np.bincount(truth[truth == guesses], minlength=k)
    return PerClass(
        rows=rows,
        guessed=guessed,
        precision=_divided(right, guessed),
        recall=_divided(right, rows),
        f1=_divided(2 * right, rows + guessed),
        accepted=_divided(np.bincount(truth[accepted], minlength=k), rows),
    )


def _divided(part: NDArray[np.int64], whole: NDArray[np.int64]) -> Floats:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def macro_f1(truth: Labels, guesses: Labels, k: int) -> float:
    """The mean F1 over labels that occur among truths or guesses, each label counting alike."""
    f1 = per_class(truth, guesses, np.zeros(len(truth), bool), k).f1
    return float(np.nanmean(f1)) if len(truth) else math.nan


def confusions(truth: Labels, guesses: Labels, confidences: Real, k: int, examples: int = 3) -> tuple[Pair, ...]:
    """Labels taken for others, most frequent first; rows with no guess belong to no pair but count as errors.

    Shapes: truth, guesses, confidences (n,).
    """
    errors = np.bincount(truth[truth != guesses], minlength=k)
    wrong = np.flatnonzero((truth != guesses) & (guesses >= 0))
    wrong = wrong[np.argsort(-confidences[wrong], kind="stable")]  # the surest first: they say most about the labels
    codes, group, counts = np.unique(truth[wrong] * k + guesses[wrong], return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")  # ties stay in the order of the labels
    shown = _first_of_each(group, wrong, len(codes), examples)
    return tuple(
        Pair(
            truth=int(codes[j] // k),
            guess=int(codes[j] % k),
            count=int(counts[j]),
            share=float(counts[j] / errors[codes[j] // k]),
            rows=shown[j],
        )
        for j in order
    )


def _first_of_each(group: NDArray[np.int64], rows: NDArray[np.int64], groups: int, most: int) -> list[tuple[int, ...]]:
    firsts: list[list[int]] = [[] for _ in range(groups)]
    for g, row in zip(group.tolist(), rows.tolist(), strict=True):
        if len(firsts[g]) < most:
            firsts[g].append(row)
    return [tuple(f) for f in firsts]


def log_loss(probabilities: Probabilities, truth: Labels) -> float:
    """Mean surprise at the truth, in nats; a probability of 0 counts as the smallest float32 step.

    Shapes: probabilities (n, k), truth (n,).
    """
    chance = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    return float(-np.log(np.maximum(chance, np.finfo(np.float32).eps)).mean()) if len(truth) else math.nan


def brier(probabilities: Probabilities, truth: Labels) -> float:
    """Mean squared distance between probabilities and truth, summed over labels: 0 is perfect, 2 the worst.

    Shapes: probabilities (n, k), truth (n,).
    Source: Brier 1950, "Verification of forecasts expressed in terms of probability".
    """
    p = probabilities.astype(np.float64)
    chance = p[np.arange(len(truth)), truth]
    return float(((p * p).sum(axis=1) - 2 * chance + 1).mean()) if len(truth) else math.nan
