"""How much an input looks like what was learnt, without ever having seen what does not.

Knows vectors and scores, not what they are made of. Two signs are added: how strange the vector is (the distance to the
nearest class, or the share never seen in training), and how weakly every head answers. The sum is told as the share of
training rows that look less familiar, so that 0.02 means the same at every stage.

Source: Lee et al. 2018, "A Simple Unified Framework" (class-conditional Gaussians); Liu et al. 2020 (energy).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from metier.types import Encoded, Floats, Labels, Rows, Scores, State

_KNOTS = 512


class Novelty:
    """How strange a vector is: for sparse Rows the share that was never seen, for dense vectors a distance."""

    def __init__(self, whitener: NDArray[np.float32], centres: NDArray[np.float32]) -> None:
        self.whitener, self.centres = whitener, centres  # (d, r), (k, r); both empty for Rows
        self._squares = (centres**2).sum(axis=1)

    @classmethod
    def fit(cls, encoded: Encoded, labels: Labels) -> Self:
        """Learns where the classes lie. Shapes: encoded (n, d), labels (n,)."""
        if isinstance(encoded, Rows):
            return cls(np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32))
        present = np.unique(labels)
        centres = np.stack([encoded[labels == label].mean(axis=0) for label in present])
        spread = encoded - centres[np.searchsorted(present, labels)]
        # shrunk towards a ball, so that five rows a class do not make a pancake of it
        covariance = (spread.T @ spread).astype(np.float64) / len(encoded)
        d = covariance.shape[0]
        share = min(1.0, 0.02 + d / (d + len(encoded)) * 0.5)
        covariance = (1 - share) * covariance + share * np.trace(covariance) / d * np.eye(d)
        values, directions = np.linalg.eigh(covariance)
        whitener = (directions / np.sqrt(values)).astype(np.float32)
        return cls(whitener, (centres @ whitener).astype(np.float32))

    def of(self, encoded: Encoded) -> Floats:
        """Strangeness (n,), larger is stranger."""
        if isinstance(encoded, Rows):
            return encoded.weights[encoded.starts[:-1]].astype(np.float64)
        # row by row, because a matrix product may round a row differently in another batch
        return np.array([self._distance(row) for row in encoded], np.float64)

    def _distance(self, row: NDArray[np.float32]) -> float:
        at = row @ self.whitener
        return float(np.min(self._squares - 2 * (self.centres @ at)) + at @ at)


class Scope:
    """`familiarity` is between 0 and 1: the share of training rows, seen out of fold, that look less familiar."""

    kind = "scope.v1"

    def __init__(self, novelty: Novelty, centre: Floats, spread: Floats, weights: Floats, knots: Floats) -> None:
        self.novelty = novelty
        self.centre, self.spread, self.weights = centre, spread, weights  # (1 + m,): strangeness, then each head
        self.knots = knots  # rising signals of training rows at even steps of share

    @classmethod
    def fit(cls, novelty: Novelty, strangeness: Floats, scores: Sequence[Scores], newest: int) -> Self:
        """Sets the scale from out-of-fold rows; the `newest` last heads count fully, those of earlier stages half.

        Shapes: strangeness (n,), m times scores (n, k).
        """
        signs = np.stack([-strangeness, *(s.max(axis=1) for s in scores)])  # (1 + m, n)
        centre, spread = signs.mean(axis=1), signs.std(axis=1) + 1e-9
        weights = np.array([1.0] + [0.5] * (len(scores) - newest) + [1.0] * newest)
        signals = np.sort(weights @ ((signs - centre[:, None]) / spread[:, None]))
        knots = np.quantile(signals, np.linspace(0, 1, min(_KNOTS, len(signals))))
        return cls(novelty, centre.astype(np.float64), spread.astype(np.float64), weights, knots)

    def familiarity(self, strangeness: Floats, scores: Sequence[Scores]) -> Floats:
        """Familiarity (n,), between 0 and 1."""
        signal = -(self.weights[0] / self.spread[0]) * (strangeness + self.centre[0])
        for weight, centre, spread, of_head in zip(
            self.weights[1:], self.centre[1:], self.spread[1:], scores, strict=True
        ):
            signal = signal + (weight / spread) * (of_head.max(axis=1) - centre)
        share = np.interp(signal, self.knots, np.linspace(0, 1, len(self.knots)))
        # stranger than every training row: ever smaller, so that the strange can still be told from the very strange
        below = np.minimum(signal - self.knots[0], 0)
        step = 0.5 / len(self.knots)
        return np.where(below < 0, step * np.exp(below), np.maximum(share, step))

    def state(self) -> State:
        arrays = {
            "centre": self.centre,
            "spread": self.spread,
            "weights": self.weights,
            "knots": self.knots,
            "whitener": self.novelty.whitener,
            "centres": self.novelty.centres,
        }
        return State(arrays={name: array for name, array in arrays.items()})

    @classmethod
    def restore(cls, state: State) -> Self:
        a = state.arrays
        return cls(Novelty(a["whitener"], a["centres"]), a["centre"], a["spread"], a["weights"], a["knots"])


SCOPE: Any = Scope
