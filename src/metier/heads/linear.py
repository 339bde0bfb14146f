"""Scores for dense vectors: one weight for each column and label, by logistic regression on soft labels.

Knows nothing of where the vectors come from. Ours rather than scikit-learn's, which takes no soft labels.

Source: Szegedy et al. 2016, section 7, for the smoothing.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from metier.errors import BadOption
from metier.types import Encoded, Probabilities, Rows, Scores, State

MOST_STEPS = 150


class LinearHead:
    """Multinomial logistic regression; scores are logarithms of probabilities, but for a constant in each row."""

    kind = "linear.v1"

    def __init__(self, *, freedom: float = 10.0, smoothing: float = 0.1) -> None:
        self.freedom, self.smoothing = freedom, smoothing
        self._weights = np.zeros((0, 0), np.float32)  # (k, d + 1), the last column stands alone
        self.left_out: Scores | None = None

    @classmethod
    def suited(cls, rows: int) -> Self:
        return cls()

    def fit(self, encoded: Encoded, targets: Probabilities, *, seed: int) -> Self:
        if isinstance(encoded, Rows):
            raise BadOption("heads/linear takes dense vectors, and sparse Rows were given. Use the head 'hashed'.")
        from scipy.optimize import minimize

        k = targets.shape[1]
        smooth = ((1 - self.smoothing) * targets + self.smoothing / k).astype(np.float32)
        rows = np.hstack([encoded, np.ones((len(encoded), 1), np.float32)]).astype(np.float32)  # (n, d + 1)

        def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            weights = flat.reshape(k, -1).astype(np.float32)
            scores = rows @ weights.T
            scores -= scores.max(axis=1, keepdims=True)
            p = np.exp(scores)
            total = p.sum(axis=1, keepdims=True)
            p /= total
            held = np.hstack([weights[:, :-1], np.zeros((k, 1), np.float32)]) / np.float32(self.freedom)
            value = (smooth * (np.log(total) - scores)).sum(dtype=np.float64) + (held * weights).sum() / 2
            return float(value), ((p - smooth).T @ rows + held).ravel().astype(np.float64)

        start = np.zeros(k * rows.shape[1])
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": MOST_STEPS})
        fitted = type(self)(freedom=self.freedom, smoothing=self.smoothing)
        fitted._weights = found.x.reshape(k, -1).astype(np.float32)
        return fitted

    def scores(self, encoded: Encoded) -> Scores:
        """Scores (n, k)."""
        assert not isinstance(encoded, Rows)
        scores = np.empty((len(encoded), len(self._weights)), np.float32)
        matrix, constant = np.ascontiguousarray(self._weights[:, :-1]), self._weights[:, -1]
        for i, vector in enumerate(encoded):
            scores[i] = matrix @ vector + constant  # row by row: in a matrix product the rounding may differ
        return scores

    def state(self) -> State:
        return State(config={"freedom": self.freedom, "smoothing": self.smoothing}, arrays={"weights": self._weights})

    @classmethod
    def restore(cls, state: State) -> Self:
        config: dict[str, Any] = dict(state.config)
        head = cls(freedom=config["freedom"], smoothing=config["smoothing"])
        head._weights = np.ascontiguousarray(state.arrays["weights"], np.float32)
        return head


HEAD: Any = LinearHead
