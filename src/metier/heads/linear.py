"""Scores for dense vectors: one weight for each column and label, by logistic regression on soft labels, or by a ridge.

Knows nothing of where the vectors come from. Ours rather than scikit-learn's, which takes no soft labels and no gaps.

Source: Szegedy et al. 2016, section 7, for the smoothing.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from metier.errors import BadOption
from metier.heads.base import weighed
from metier.types import Encoded, Loss, Rows, Scores, State, Targets

MOST_STEPS = 150
RIDGES = (0.01, 0.1, 1.0, 10.0, 100.0)


class LinearHead:
    """Logistic regression, multinomial or label by label; numbers by the ridge that leaves the least error.

    Scores are logarithms of probabilities, but for a constant in each row; log odds; or estimates.
    """

    kind = "linear.v1"

    def __init__(self, *, freedom: float = 10.0, smoothing: float = 0.1) -> None:
        self.freedom, self.smoothing = freedom, smoothing
        self._weights = np.zeros((0, 0), np.float32)  # (k, d + 1), the last column stands alone
        self.left_out: Scores | None = None

    @classmethod
    def suited(cls, rows: int) -> Self:
        return cls()

    def fit(self, encoded: Encoded, targets: Targets, *, loss: Loss = "softmax", seed: int) -> Self:
        if isinstance(encoded, Rows):
            raise BadOption("heads/linear takes dense vectors, and sparse Rows were given. Use the head 'hashed'.")
        fitted = type(self)(freedom=self.freedom, smoothing=self.smoothing)
        rows = np.hstack([encoded, np.ones((len(encoded), 1), np.float32)]).astype(np.float32)  # (n, d + 1)
        if loss == "squared":
            fitted._weights, fitted.left_out = _ridge(np.asarray(encoded, np.float64), targets)
        elif loss == "logistic":
            fitted._weights = self._one_by_one(rows, targets)
        else:
            fitted._weights = self._one_of_all(rows, targets)
        return fitted

    def _one_of_all(self, rows: NDArray[np.float32], targets: Targets) -> NDArray[np.float32]:
        """Weights (k, d + 1) of multinomial logistic regression."""
        from scipy.optimize import minimize

        k = targets.shape[1]
        smooth = ((1 - self.smoothing) * targets + self.smoothing / k).astype(np.float32)

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
        return np.asarray(found.x.reshape(k, -1), np.float32)

    def _one_by_one(self, rows: NDArray[np.float32], targets: Targets) -> NDArray[np.float32]:
        """Weights (k, d + 1) of a logistic regression for each label; gaps are left out of it."""
        from scipy.optimize import minimize

        k, known = targets.shape[1], ~np.isnan(targets)
        smooth = ((1 - self.smoothing) * np.nan_to_num(targets) + self.smoothing / 2).astype(np.float32)

        def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            weights = flat.reshape(k, -1).astype(np.float32)
            scores = rows @ weights.T
            held = np.hstack([weights[:, :-1], np.zeros((k, 1), np.float32)]) / np.float32(self.freedom)
            surprise = np.logaddexp(0, scores) - smooth * scores
            wrong = (1 / (1 + np.exp(-scores)) - smooth) * known
            value = (surprise * known).sum(dtype=np.float64) + (held * weights).sum() / 2
            return float(value), (wrong.T @ rows + held).ravel().astype(np.float64)

        start = np.zeros(k * rows.shape[1])
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": MOST_STEPS})
        return np.asarray(found.x.reshape(k, -1), np.float32)

    def scores(self, encoded: Encoded) -> Scores:
        """Scores (n, k)."""
        return weighed(encoded, self._weights)

    def state(self) -> State:
        return State(config={"freedom": self.freedom, "smoothing": self.smoothing}, arrays={"weights": self._weights})

    @classmethod
    def restore(cls, state: State) -> Self:
        config: dict[str, Any] = dict(state.config)
        head = cls(freedom=config["freedom"], smoothing=config["smoothing"])
        head._weights = np.ascontiguousarray(state.arrays["weights"], np.float32)
        return head


def _ridge(vectors: NDArray[np.float64], targets: Targets) -> tuple[NDArray[np.float32], Scores]:
    """Weights (k, d + 1) of the ridge with the least error on rows left out, and what it says of them (n, k).

    Source: for what is left out, Rifkin and Lippert 2007, "Notes on Regularized Least Squares", section 3.
    """
    centre, level = vectors.mean(axis=0), targets.mean(axis=0, dtype=np.float64)
    around = vectors - centre
    n, d = vectors.shape
    strengths, directions = np.linalg.eigh(around.T @ around if d <= n else around @ around.T)
    if d > n:  # the same from the smaller side
        kept = strengths > 1e-9 * max(strengths[-1], 1e-300)
        strengths = strengths[kept]
        directions = around.T @ directions[:, kept] / np.sqrt(strengths)
    turned = around @ directions  # (n, r)
    pulled = turned.T @ (targets - level)  # (r, k)
    best: tuple[float, NDArray[np.float64], Scores] | None = None
    for ridge in RIDGES:
        shrunk = 1 / (np.maximum(strengths, 0) + ridge)
        leverage = np.minimum(turned**2 @ shrunk + 1 / len(vectors), 0.999)[:, None]
        missed = (targets - level - turned @ (shrunk[:, None] * pulled)) / (1 - leverage)
        error = float((missed**2).mean())
        if best is None or error < best[0]:
            weights = (directions @ (shrunk[:, None] * pulled)).T  # (k, d)
            whole = np.hstack([weights, (level - weights @ centre)[:, None]])
            best = error, whole, (targets - missed).astype(np.float32)
    assert best is not None
    return best[1].astype(np.float32), best[2]


HEAD: Any = LinearHead
