"""Scores for dense vectors: ridge regression, its one setting chosen by what each row would get without it.

Knows nothing of where the vectors come from. Suits many columns that are worth about the same, and few rows.

Source: Hoerl and Kennard 1970; Rifkin and Lippert 2007, "Notes on Regularized Least Squares", section 3, for what is
left out.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from metier.errors import BadOption
from metier.heads.base import weighed
from metier.types import Encoded, Floats, Loss, Rows, Scores, State, Targets

RIDGES = np.logspace(-5, 2, 15)  # times the mean squared length of the rows


class RidgeHead:
    """One weight for each column and target; scores lie near the targets, between 0 and 1 for labels."""

    kind = "ridge.v1"

    def __init__(self) -> None:
        self._weights = np.zeros((0, 1), np.float32)  # (k, d + 1), the last column stands alone
        self.left_out: Scores | None = None

    @classmethod
    def suited(cls, rows: int) -> Self:
        return cls()

    def fit(self, encoded: Encoded, targets: Targets, *, loss: Loss = "softmax", seed: int = 0) -> Self:
        if isinstance(encoded, Rows):
            raise BadOption("heads/ridge takes dense vectors, and sparse Rows were given. Use the head 'hashed'.")
        fitted = type(self)()
        n, d, k = len(encoded), encoded.shape[1], targets.shape[1]
        weights, left_out = np.zeros((k, d + 1)), np.full((n, k), np.nan)
        # columns with the same gaps are solved together: one decomposition for all, where there are none
        gaps = np.isnan(targets)
        for pattern in np.unique(gaps, axis=1).T:
            columns = np.flatnonzero((gaps == pattern[:, None]).all(axis=0))
            known = ~pattern
            if known.any():
                some = targets[np.ix_(known, columns)].astype(np.float64)
                weights[columns], left_out[np.ix_(known, columns)] = _solved(encoded[known].astype(np.float64), some)
        fitted._weights = weights.astype(np.float32)
        plain = encoded.astype(np.float64) @ weights[:, :-1].T + weights[:, -1]
        fitted.left_out = np.where(np.isnan(left_out), plain, left_out).astype(np.float32)
        return fitted

    def scores(self, encoded: Encoded) -> Scores:
        """Scores (n, k)."""
        return weighed(encoded, self._weights)

    def state(self) -> State:
        return State(arrays={"weights": self._weights})

    @classmethod
    def restore(cls, state: State) -> Self:
        head = cls()
        head._weights = np.ascontiguousarray(state.arrays["weights"], np.float32)
        return head


def _solved(vectors: Floats, targets: Floats) -> tuple[Floats, Floats]:
    """Weights (k, d + 1) by the ridge that is best for rows left out, and the scores of those (n, k)."""
    mean, level = vectors.mean(axis=0), targets.mean(axis=0)
    left, singular, right = np.linalg.svd(vectors - mean, full_matrices=False)
    turned = left.T @ (targets - level)  # (r, k)
    size = max(float((singular**2).mean()), 1e-12)
    best, found = np.inf, (np.zeros(len(singular)), targets)
    for ridge in RIDGES:
        shrunk = singular**2 / (singular**2 + ridge * size)
        wrong = targets - level - left @ (shrunk[:, None] * turned)
        leverage = (left**2) @ shrunk + 1 / len(vectors)
        wrong /= np.maximum(1 - leverage, 1e-3)[:, None]
        if (squared := float((wrong**2).sum())) < best:
            best, found = squared, (singular / (singular**2 + ridge * size), targets - wrong)
    factors, left_out = found
    weights: NDArray[np.float64] = (right.T @ (factors[:, None] * turned)).T  # (k, d)
    return np.hstack([weights, (level - weights @ mean)[:, None]]), left_out


HEAD: Any = RidgeHead
