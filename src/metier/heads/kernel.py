"""Scores for dense vectors of unit length: kernel ridge regression, with landmarks where the rows are many.

Knows nothing of where the vectors come from. Answers are smooth votes of the training rows nearby, which suits five
examples a class as well as a thousand.

Source: Saunders et al. 1998 for the ridge; Nyström landmarks after Williams and Seeger 2001.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from metier.errors import BadOption
from metier.types import Encoded, Probabilities, Rows, Scores, State

MOST_LANDMARKS = 3_000


def _kernel(vectors: NDArray[np.float32], landmarks: NDArray[np.float32], sharpness: float) -> NDArray[np.float32]:
    """exp(sharpness * (cosine - 1)): the Gaussian kernel on the unit sphere, (n, m)."""
    closeness = vectors @ landmarks.T
    closeness -= 1
    closeness *= np.float32(sharpness)
    return np.asarray(np.exp(closeness, out=closeness))


class KernelHead:
    """Kernel ridge regression on one-hot targets; scores lie near 0 for what a label is not and 1 for what it is."""

    kind = "kernel.v1"

    def __init__(self, *, sharpness: float = 3.0, ridge: float = 0.3) -> None:
        self.sharpness, self.ridge = sharpness, ridge
        self._landmarks = np.zeros((0, 0), np.float32)  # (m, d)
        self._weights = np.zeros((0, 0), np.float32)  # (m, k)

    def fit(self, encoded: Encoded, targets: Probabilities, *, seed: int) -> Self:
        if isinstance(encoded, Rows):
            raise BadOption("heads/kernel takes dense vectors, and sparse Rows were given. Use the head 'hashed'.")
        from scipy.linalg import solve

        fitted = type(self)(sharpness=self.sharpness, ridge=self.ridge)
        n = len(encoded)
        if n <= MOST_LANDMARKS:
            chosen = np.arange(n)
        else:
            chosen = np.sort(np.random.default_rng(seed).choice(n, MOST_LANDMARKS, replace=False))
        landmarks = np.ascontiguousarray(encoded[chosen], np.float32)
        between = _kernel(landmarks, landmarks, self.sharpness).astype(np.float64)
        if n <= MOST_LANDMARKS:
            left, right = between, np.asarray(targets, np.float64)
            left[np.diag_indices(n)] += self.ridge
        else:
            left, right = self.ridge * between, np.zeros((len(chosen), targets.shape[1]))
            for start in range(0, n, 4096):  # bounded memory, however many rows
                block = _kernel(encoded[start : start + 4096], landmarks, self.sharpness).astype(np.float64)
                left += block.T @ block
                right += block.T @ targets[start : start + 4096]
            left[np.diag_indices(len(chosen))] += 1e-6
        fitted._landmarks = landmarks
        fitted._weights = solve(left, right, assume_a="pos").astype(np.float32)
        return fitted

    def scores(self, encoded: Encoded) -> Scores:
        """Scores (n, k)."""
        assert not isinstance(encoded, Rows)
        # row by row, because a matrix product may round a row differently in another batch
        rows = [_kernel(row[None], self._landmarks, self.sharpness) @ self._weights for row in encoded]
        return np.concatenate(rows) if rows else np.zeros((0, self._weights.shape[1]), np.float32)

    def state(self) -> State:
        return State(
            config={"sharpness": self.sharpness, "ridge": self.ridge},
            arrays={"landmarks": self._landmarks.astype(np.float16), "weights": self._weights},
        )

    @classmethod
    def restore(cls, state: State) -> Self:
        sharpness, ridge = state.config["sharpness"], state.config["ridge"]
        assert isinstance(sharpness, float) and isinstance(ridge, float)
        head = cls(sharpness=sharpness, ridge=ridge)
        head._landmarks = np.asarray(state.arrays["landmarks"], np.float32)
        head._weights = np.asarray(state.arrays["weights"], np.float32)
        return head


HEAD: Any = KernelHead
