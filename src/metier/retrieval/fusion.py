"""What is alike in several ways to one order, with weights learnt from questions whose answer is known.

Knows marks of candidates, and neither texts nor vectors. Weights are pulled towards ones that do well on other people's
questions, so that a few questions move them little and many as far as they need.

Source: Cao et al. 2007, "Learning to Rank: From Pairwise Approach to Listwise Approach" (the loss).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from metier.types import Floats

MARKS = ("asked", "text", "words")  # how near the nearest heading or known question is, the text, the words
USUAL = (22.0, 6.0, 2.0)
# what other libraries' questions taught: odds of being right, of being there, and what the latter say of answered ones
USUAL_RIGHT, USUAL_THERE = (1.0, 0.0, 0.2, 0.0), (2.5, 2.5, 2.0, -2.9)
ANSWERED = (0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85)
PULL = 0.05
STEPS = 60


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The candidates of one question: their marks (c, 3), and which are right (c,)."""

    marks: Floats
    right: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """A weight for each mark."""

    weights: tuple[float, ...] = USUAL

    @classmethod
    def fit(cls, judged: Sequence[Judgement]) -> Self:
        """The weights under which right candidates have most of the probability, by gradient and line search."""
        known = [one for one in judged if one.right.any() and not one.right.all()]
        start = weights = np.array(USUAL)
        if not known:
            return cls()
        rate, loss = 10.0, _loss(weights, start, known)[0]
        for _ in range(STEPS):
            _, slope = _loss(weights, start, known)
            while rate > 1e-3:
                tried = np.maximum(weights - rate * slope, 0)
                found = _loss(tried, start, known)[0]
                if found < loss:
                    weights, loss, rate = tried, found, rate * 2
                    break
                rate /= 2
        return cls(weights=tuple(weights.tolist()))

    def shares(self, marks: Floats) -> Floats:
        """How probable each candidate is, if one of them is right (c,)."""
        return _softmax(marks @ np.array(self.weights))


def _softmax(scores: Floats) -> Floats:
    raised = np.exp(scores - scores.max(initial=-np.inf))
    shares: Floats = raised / raised.sum()
    return shares


def _loss(weights: Floats, start: Floats, judged: Sequence[Judgement]) -> tuple[float, Floats]:
    away = (weights - start) / start
    loss, slope = 0.0, np.zeros(len(weights))
    for one in judged:
        shares = _softmax(one.marks @ weights)
        held = shares[one.right].sum() + 1e-12
        loss -= np.log(held)
        slope -= (shares[one.right] / held) @ one.marks[one.right] - shares @ one.marks
    n, pull = len(judged), PULL
    return float(loss / n + pull * (away @ away) / n * 20), slope / n + 2 * pull * away / start / n * 20


@dataclass(frozen=True, kw_only=True)
class Odds:
    """The probability of something, by what is seen: a logistic curve."""

    weights: tuple[float, ...]

    @classmethod
    def fit(cls, seen: Floats, true: NDArray[np.bool_], usual: Sequence[float]) -> Self:
        """The curve that fits rows (n, d) and whether it was so (n,); Newton's steps, pulled towards `usual` ones."""
        rows = np.column_stack([seen, np.ones(len(seen))])
        weights = start = np.array(usual)
        for _ in range(50):
            told = _sigmoid(rows @ weights)
            slope = rows.T @ (told - true) + weights - start
            bend = (rows * (told * (1 - told))[:, None]).T @ rows + np.eye(len(start))
            step = np.linalg.solve(bend, slope)
            weights = weights - step
            if np.abs(step).max() < 1e-8:
                break
        return cls(weights=tuple(weights.tolist()))

    def of(self, seen: Floats) -> Floats:
        """The probability of each row (n,)."""
        return _sigmoid(seen @ np.array(self.weights[:-1]) + self.weights[-1])


def _sigmoid(scores: Floats) -> Floats:
    return 1 / (1 + np.exp(-np.clip(scores, -30, 30)))
