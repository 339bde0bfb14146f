"""How much an input looks like what was learnt, without ever having seen what does not.

Knows vectors and scores, not what they are made of. Two signs are added: how strange the vector is (the distance to the
nearest class, or the share never seen in training), and how weakly every head answers: how far its best label stands
out from the mean of all, for what is common to all labels means nothing. The sum is told as the share of training rows
that look less familiar, so that 0.02 means the same at every stage.

Source: Lee et al. 2018, "A Simple Unified Framework" (class-conditional Gaussians); Liu et al. 2020 (energy).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metier.types import Encoded, Floats, Labels, Loss, Rows, Scores, State, Vectors

_KNOTS = 512
PARTS = ("whitener", "steps", "centres", "kept")  # of a Novelty, as they are saved
FEW_ROWS, MOST_KEPT = 4, 200_000  # rows for each column where each is kept as it is; numbers kept in all
OWN = 4.0  # a kept row counts within half the distance of a class: for itself, not for what happens to lie by it


@njit(cache=True, nogil=True, fastmath=True)
def _distances(
    vectors: NDArray[np.float32],
    whitener: NDArray[np.int8],
    steps: NDArray[np.float32],
    centres: NDArray[np.float32],
    kept: NDArray[np.float32],
) -> NDArray[np.float64]:
    """Squared distance to the nearest centre after whitening (n,), or to a kept row if that is far nearer.

    Row by row, so that no row depends on another.
    """
    (n, d), r = vectors.shape, whitener.shape[1]
    distances = np.empty(n, np.float64)
    at = np.empty(r, np.float32)
    for i in range(n):
        at[:] = 0
        for h in range(d):
            for j in range(r):
                at[j] += vectors[i, h] * np.float32(whitener[h, j])
        at *= steps
        nearest = np.float32(np.inf)
        for c in range(len(centres)):
            distance = np.float32(0)
            for j in range(r):
                distance += (at[j] - centres[c, j]) ** 2
            nearest = min(nearest, distance)
        for c in range(len(kept)):
            distance = np.float32(0)
            for j in range(r):
                distance += (at[j] - kept[c, j]) ** 2
            nearest = min(nearest, OWN * distance)
        distances[i] = nearest
    return distances


@njit(cache=True, nogil=True)
def _shares(
    strangeness: Floats, scores: Scores, centre: Floats, spread: Floats, weights: Floats, knots: Floats
) -> Floats:
    """The share of training rows whose signal is lower, between knots in proportion.

    Stranger than every training row: ever smaller, so that the strange can still be told from the very strange.
    """
    (v, n), m = strangeness.shape, len(scores)
    last = len(knots) - 1
    step = 0.5 / (last + 1)
    shares = np.empty(n, np.float64)
    for i in range(n):
        signal = 0.0
        for view in range(v):
            signal -= weights[view] * (strangeness[view, i] + centre[view]) / spread[view]
        for head in range(m):
            row, at = scores[head, i], v + head
            signal += weights[at] * (row.max() - row.mean() - centre[at]) / spread[at]
        if signal < knots[0]:
            shares[i] = step * np.exp(signal - knots[0])
        elif signal >= knots[last]:
            shares[i] = 1
        else:
            at = np.searchsorted(knots, signal, side="right") - 1
            within = (signal - knots[at]) / (knots[at + 1] - knots[at])
            shares[i] = max((at + within) / last, step)
    return shares


LEAST_SPREAD = 1e-12  # its root fits single precision, and so do squares of what is divided by it


class Novelty:
    """How strange a vector is: for sparse Rows the share that was never seen, for dense vectors a distance."""

    def __init__(
        self, whitener: NDArray[np.int8], steps: NDArray[np.float32], centres: NDArray[np.float32],
        kept: NDArray[np.float32] | None = None, signs: Novelty | None = None,
    ) -> None:  # fmt: skip
        # (d, r) in 8 bits, a scale for each column (r,), and (k, r); all empty for Rows
        self.whitener, self.steps, self.centres = whitener, steps, centres
        self.kept = centres[:0] if kept is None else kept  # rows that were learnt, where they are few (n, r)
        self.signs = signs  # the same for what an encoder says to the scope alone

    @classmethod
    def fit(cls, encoded: Encoded, labels: Labels, signs: Vectors | None = None) -> Self:
        """Learns where the classes lie. Shapes: encoded (n, d), labels (n,), signs (n, s)."""
        beside = None if signs is None else cls.fit(signs, labels)
        if isinstance(encoded, Rows):
            return cls(np.zeros((0, 0), np.int8), np.zeros(0, np.float32), np.zeros((0, 0), np.float32), signs=beside)
        present = np.unique(labels)
        centres = np.stack([encoded[labels == label].mean(axis=0) for label in present])
        spread = encoded - centres[np.searchsorted(present, labels)]
        # shrunk towards a ball, so that five rows a class do not make a pancake of it
        covariance = (spread.T @ spread).astype(np.float64) / len(encoded)
        d = covariance.shape[0]
        share = min(1.0, 0.02 + d / (d + len(encoded)) * 0.5)
        covariance = (1 - share) * covariance + share * np.trace(covariance) / d * np.eye(d)
        values, directions = np.linalg.eigh(covariance)
        # where all rows of a class are the same, nothing spreads, and any step from them is a long one
        whitener = directions / np.sqrt(np.maximum(values, LEAST_SPREAD))
        steps = (np.abs(whitener).max(axis=0) / 127).astype(np.float32)
        rounded = np.ascontiguousarray(np.rint(whitener / steps), np.int8)
        # few rows each lie as far from their centre as no new row will, for directions follow the noise of what is
        # learnt: each is kept, or it would be a stranger when it comes again
        few = len(encoded) < FEW_ROWS * d and len(encoded) * d <= MOST_KEPT
        at, kept = (
            (rows @ (rounded * steps)).astype(np.float32) for rows in (centres, encoded if few else encoded[:0])
        )
        return cls(rounded, steps, at, kept, beside)

    def of(self, encoded: Encoded, signs: Vectors | None = None) -> Floats:
        """Strangeness (v, n), larger is stranger: by the vectors, and by the signs where there are any."""
        if self.signs is None or signs is None:
            return self._alone(encoded)[None]
        return np.stack([self._alone(encoded), self.signs._alone(signs)])

    def _alone(self, encoded: Encoded) -> Floats:
        if isinstance(encoded, Rows):
            return encoded.weights[encoded.starts[:-1]].astype(np.float64)
        distances: Floats = _distances(
            np.ascontiguousarray(encoded, np.float32), self.whitener, self.steps, self.centres, self.kept
        )
        return distances


class Scope:
    """`familiarity` is between 0 and 1: the share of training rows, seen out of fold, that look less familiar."""

    kind = "scope.v4"  # v1 took the best score as it was
    older = ("scope.v2", "scope.v3")  # had a whitener in single precision; had no signs

    def __init__(self, novelty: Novelty, centre: Floats, spread: Floats, weights: Floats, knots: Floats) -> None:
        self.novelty = novelty
        self.centre, self.spread, self.weights = (
            centre,
            spread,
            weights,
        )  # (v + m,): each view of strangeness, then each head
        self.knots = knots  # rising signals of training rows at even steps of share

    @classmethod
    def fit(cls, novelty: Novelty, strangeness: Floats, scores: Scores, newest: int, *, loss: Loss = "softmax") -> Self:
        """Sets the scale from out-of-fold rows; the `newest` last heads count fully, those of earlier stages half.

        How large an estimate is says nothing about how familiar its row is, and a row of no label is not strange: only
        heads that always have a label to name are asked.

        Shapes: strangeness (v, n), scores (m, n, k).
        """
        signs = np.concatenate([-strangeness, scores.max(axis=2) - scores.mean(axis=2)])  # (v + m, n)
        centre, spread = signs.mean(axis=1), signs.std(axis=1) + 1e-9
        weights = np.array([1.0] * len(strangeness) + [0.5] * (len(scores) - newest) + [1.0] * newest)
        weights[len(strangeness) :] *= loss == "softmax"
        signals = np.sort(weights @ ((signs - centre[:, None]) / spread[:, None]))
        knots = np.quantile(signals, np.linspace(0, 1, min(_KNOTS, len(signals))))
        return cls(novelty, centre.astype(np.float64), spread.astype(np.float64), weights, knots)

    def familiarity(self, strangeness: Floats, scores: Scores) -> Floats:
        """Familiarity (n,), between 0 and 1. Shapes: strangeness (v, n), scores (m, n, k)."""
        share: Floats = _shares(strangeness, scores, self.centre, self.spread, self.weights, self.knots)
        return share

    def state(self) -> State:
        scale = {name: getattr(self, name) for name in ("centre", "spread", "weights", "knots")}
        signs = self.novelty.signs
        return State(
            arrays={
                **scale,
                **{name: getattr(self.novelty, name) for name in PARTS},
                **({} if signs is None else {f"signs.{name}": getattr(signs, name) for name in PARTS}),
            }
        )

    @classmethod
    def restore(cls, state: State) -> Self:
        a = state.arrays
        if not len(a["centre"]) == len(a["spread"]) == len(a["weights"]):
            raise ValueError("the shapes of a scope do not fit one another")
        signs = _novelty(a, "signs.") if "signs.whitener" in a else None
        return cls(_novelty(a, "", signs), a["centre"], a["spread"], a["weights"], a["knots"])


def _novelty(arrays: Mapping[str, NDArray[Any]], before: str, signs: Novelty | None = None) -> Novelty:
    a = {name: arrays[before + name] for name in PARTS if before + name in arrays}
    steps = a.get("steps", np.ones(a["whitener"].shape[1], np.float32))
    kept = a.get("kept", a["centres"][:0])
    if not len(steps) == a["whitener"].shape[1] == a["centres"].shape[1] == kept.shape[1]:
        raise ValueError("the shapes of a scope do not fit one another")
    return Novelty(a["whitener"], steps, a["centres"], kept, signs)


SCOPE: Any = Scope
