"""Scores of one or several heads to probabilities that mean what they say.

Knows nothing of what the scores were made from. One weight for each head blends them and sets the temperature at once;
a curve with four numbers then mends what is left of the confidence of the likeliest label: besides how likely it is,
the curve sees how likely the second is, which tells a row between two labels from one that is vaguely many.

Source: Guo et al. 2017, section 4.2 (temperature); Kull et al. 2017 (the beta curve, here with the second as well).
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from metier.types import Floats, Labels, Loss, Probabilities, Scores, State

_FLOOR = np.float32(1e-6)  # no probability is shown as exactly 0 or 1
_STRAIGHT = (1.0, 1.0, 0.0, 0.0)  # the curve that changes nothing


@njit(cache=True, nogil=True)
def _probabilities(
    scores: NDArray[np.float32], weights: NDArray[np.float32], curve: NDArray[np.float32], doubt: float
) -> NDArray[np.float32]:
    """Softmax of the weighted scores, the top one passed through the curve and the rest scaled to fit.

    Shapes: scores (m, n, k), weights (m,), curve (4,); returns (n, k).
    """
    m, n, k = scores.shape
    out = np.empty((n, k), np.float32)
    for i in range(n):
        row = out[i]
        row[:] = 0
        for head in range(m):
            for q in range(k):
                row[q] += weights[head] * scores[head, i, q]
        best = 0
        for q in range(1, k):
            if row[q] > row[best]:
                best = q
        highest = row[best]
        rest, second = np.float32(0), np.float32(0)
        for q in range(k):
            if q != best:
                row[q] = np.exp(row[q] - highest)
                rest += row[q]
                second = max(second, row[q])
        top = min(max(1 / (1 + rest), _FLOOR), 1 - _FLOOR)
        left = 1 - top
        second /= 1 + rest
        logit = curve[0] * np.log(top) - curve[1] * np.log(left) + curve[2] - curve[3] * np.log(max(second, _FLOOR))
        mended = (1 - 2 * doubt) / (1 + np.exp(-logit)) + doubt
        # the order must stand: the top may not fall below what the second is scaled up to
        share = second * (1 + rest) / max(rest, _FLOOR)
        mended = min(max(mended, share / (1 + share), _FLOOR), 1 - _FLOOR)
        for q in range(k):
            row[q] = row[q] / rest * (1 - mended) if rest > 0 else (1 - mended) / max(k - 1, 1)
        row[best] = mended
    return out


@njit(cache=True, nogil=True)
def _highest(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """The highest of each row (n,), for one row in a quarter of the time that numpy takes."""
    out = np.zeros(len(probabilities), np.float32)
    for i in range(len(probabilities)):
        for q in range(probabilities.shape[1]):
            out[i] = max(out[i], probabilities[i, q])
    return out


class Blend:
    """Weights over heads, and the curve of the top confidence."""

    kind: ClassVar[str] = "calibrate.v1"
    loss: ClassVar[Loss] = "softmax"

    def __init__(self, weights: ArrayLike = (1.0,), curve: ArrayLike = _STRAIGHT, rows: int | None = None) -> None:
        self.rows = rows  # seen by `fit`
        # n rows of which all were right say no more than (n + 1) / (n + 2): Laplace's rule of succession
        self._doubt = 0.0 if rows is None else 1 / (rows + 2)
        self.weights = np.asarray(weights, np.float32)  # (m,)
        self.curve = np.asarray(curve, np.float32)  # (4,)

    @classmethod
    def fit(cls, scores: Scores, labels: Labels) -> Self:
        """The blend that makes out-of-fold scores likeliest; a head that adds nothing gets the weight 0.

        Shapes: scores (m, n, k) of m heads, labels (n,).
        """
        from scipy.optimize import minimize

        stacked = scores.astype(np.float64)
        rows = np.arange(len(labels))

        def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            blended = np.tensordot(weights, stacked, axes=1)  # (n, k)
            blended -= blended.max(axis=1, keepdims=True)
            p = np.exp(blended)
            total = p.sum(axis=1, keepdims=True)
            p /= total
            value = -(blended[rows, labels] - np.log(total[:, 0])).mean()
            slopes = [(p * s).sum(axis=1).mean() - s[rows, labels].mean() for s in stacked]
            return float(value), np.array(slopes)

        spread = stacked.std(axis=(1, 2)) + 1e-9
        found = minimize(
            loss, 2.0 / spread / len(scores), jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(scores)
        )
        plain = cls(found.x)
        return cls(found.x, _curve(plain.probabilities(scores), labels), len(labels))

    def probabilities(self, scores: Scores, familiarity: Floats | None = None) -> Probabilities:
        """Probabilities (n, k) from scores (m, n, k) of m heads."""
        blended: Probabilities = _probabilities(scores, self.weights, self.curve, self._doubt)
        return blended

    def confidence(self, probabilities: Probabilities) -> NDArray[np.float32]:
        """The probability of the likeliest label (n,)."""
        highest: NDArray[np.float32] = _highest(np.ascontiguousarray(probabilities, np.float32))
        return highest

    def leanings(self, scores: Scores) -> Floats:
        """Log-odds of each label (n, k) before the curve, which has an end."""
        blended = np.tensordot(self.weights.astype(np.float64), scores, axes=1)  # (n, k)
        others = np.repeat(blended[:, None], blended.shape[1], axis=1)  # (n, k, k)
        np.einsum("nkk->nk", others)[:] = -np.inf
        leant: Floats = blended - np.logaddexp.reduce(others, axis=2)
        return leant

    def state(self) -> State:
        return State(
            config={
                "weights": [float(w) for w in self.weights],
                "curve": [float(c) for c in self.curve],
                "rows": self.rows,
            }
        )

    @classmethod
    def restore(cls, state: State) -> Self:
        config: dict[str, Any] = dict(state.config)
        curve = config["curve"]
        curve = [*curve, 0.0] if len(curve) == 3 else curve  # 0.1 did not look at the second, nor count the rows
        return cls(config["weights"], curve, config.get("rows"))


def _curve(probabilities: Probabilities, labels: Labels) -> NDArray[np.float64]:
    """Beta calibration of the top confidence, drawn to the identity where the rows are few."""
    from scipy.optimize import minimize

    ranked = np.partition(probabilities.astype(np.float64), -2, axis=1)
    top = np.clip(ranked[:, -1], 1e-6, 1 - 1e-6)
    second = np.maximum(ranked[:, -2], 1e-6)
    right = probabilities.argmax(axis=1) == labels
    features = np.stack([np.log(top), -np.log1p(-top), np.ones_like(top), -np.log(second)])  # (4, n)
    # between two labels the second is what the first leaves: there is nothing more to see in it
    free = (0, None) if probabilities.shape[1] > 2 else (0, 0)
    start = np.array(_STRAIGHT)

    def loss(curve: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = curve @ features
        slope = (1 / (1 + np.exp(-z)) - right) @ features.T + 10 * (curve - start)
        return float(np.logaddexp(0, np.where(right, -z, z)).sum() + 5 * ((curve - start) ** 2).sum()), slope

    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None), (0, None), (None, None), free])
    return np.asarray(found.x)


CALIBRATOR: Any = Blend
