"""Scores of labels that stand by themselves to a probability for each, however many of them a row has.

Knows scores and truths with gaps, out of fold; not what the labels mean. Each label has a sigmoid of its own over the
scores of the heads, drawn to what suits all labels where its rows are few.

Source: Platt 1999, "Probabilistic Outputs for Support Vector Machines", section 2.2, for the smoothed targets.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metier.types import Floats, Loss, Probabilities, Scores, State, Targets

DRAWN = 2.0  # how strongly the weights of a label are held to those of all
_FLOOR = np.float32(1e-6)  # no probability is shown as exactly 0 or 1


@njit(cache=True, nogil=True)
def _probabilities(scores: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sigmoids of weighted scores. Shapes: scores (m, n, k), weights (m + 1, k), the last stands alone."""
    m, n, k = scores.shape
    out = np.empty((n, k), np.float32)
    for i in range(n):
        for q in range(k):
            total = weights[m, q]
            for head in range(m):
                total += weights[head, q] * scores[head, i, q]
            out[i, q] = min(max(1 / (1 + np.exp(-total)), _FLOOR), 1 - _FLOOR)
    return out


class Sigmoids:
    """A sigmoid for each label: weights over heads, and what is added."""

    kind: ClassVar[str] = "sigmoids.v1"
    loss: ClassVar[Loss] = "logistic"

    def __init__(self, weights: NDArray[Any]) -> None:
        self.weights = np.ascontiguousarray(weights, np.float32)  # (m + 1, k)

    @classmethod
    def fit(cls, scores: Scores, truth: Targets, familiarity: Floats | None = None) -> Self:
        """The sigmoids that make out-of-fold scores likeliest; a head that adds nothing gets the weight 0.

        Shapes: scores (m, n, k), truth (n, k) of 0, 1 and NaN for a gap.
        """
        m, _, k = scores.shape
        spread = scores.std(axis=(1, 2)).astype(np.float64) + 1e-9
        scaled, known = scores / spread[:, None, None].astype(np.float32), ~np.isnan(truth)
        shared = _likeliest(scaled.reshape(m, -1)[:, known.ravel()], truth[known], np.zeros(m + 1), 1e-3)
        weights = np.stack(
            [_likeliest(scaled[:, known[:, q], q], truth[known[:, q], q], shared, DRAWN) for q in range(k)], axis=1
        )
        weights[:m] /= spread[:, None]
        return cls(weights)

    def probabilities(self, scores: Scores, familiarity: Floats | None = None) -> Probabilities:
        """Probabilities (n, k) from scores (m, n, k) of m heads."""
        found: Probabilities = _probabilities(scores, self.weights)
        return found

    def confidence(self, probabilities: Probabilities) -> NDArray[np.float32]:
        """How sure the least sure label of each row is (n,)."""
        return np.asarray(np.maximum(probabilities, 1 - probabilities).min(axis=1, initial=1), np.float32)

    def leanings(self, scores: Scores) -> Floats:
        """Log-odds of each label (n, k)."""
        heads = len(scores)
        leant: Floats = np.einsum("mk,mnk->nk", self.weights[:heads].astype(np.float64), scores) + self.weights[heads]
        return leant

    def state(self) -> State:
        return State(arrays={"weights": self.weights})

    @classmethod
    def restore(cls, state: State) -> Self:
        return cls(state.arrays["weights"])


def _likeliest(scores: NDArray[np.float32], truth: NDArray[np.float32], start: Floats, held: float) -> Floats:
    """Weights (m + 1,) that make the truths likeliest, held to where they start, but for what is added."""
    from scipy.optimize import minimize

    m, n = scores.shape
    if not n:
        return start
    there = float(truth.sum())
    # as if two rows more were there, one of each kind, so that a perfect separation is not believed
    wanted = np.where(truth > 0.5, (there + 1) / (there + 2), 1 / (n - there + 2)).astype(np.float64)
    rows = np.vstack([scores.astype(np.float64), np.ones(n)])
    pull = np.append(np.full(m, held), 1e-3)

    def loss(weights: Floats) -> tuple[float, Floats]:
        z = weights @ rows
        apart = weights - start
        value = (np.logaddexp(0, z) - wanted * z).sum() + (pull * apart**2).sum() / 2
        return float(value), rows @ (1 / (1 + np.exp(-z)) - wanted) + pull * apart

    bounds = [(0, None)] * m + [(None, None)]
    return np.asarray(
        minimize(loss, np.maximum(start, [0] * m + [-np.inf]), jac=True, method="L-BFGS-B", bounds=bounds).x
    )


CALIBRATOR: Any = Sigmoids
