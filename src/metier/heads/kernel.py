"""Scores for dense vectors of unit length: kernel ridge regression, with landmarks where the rows are many.

Knows nothing of where the vectors come from. Answers are smooth votes of the training rows nearby, which suits five
examples a class as well as a thousand.

Source: Saunders et al. 1998 for the ridge; Nyström landmarks after Williams and Seeger 2001.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metier.errors import BadOption
from metier.types import Encoded, Loss, Rows, Scores, State, Targets

MOST_EXACT = 16_384  # up to here every row is a landmark; the solution takes seconds and 1 GB
LANDMARKS = 4_096  # beyond
BLOCK = 4_096
FEW_ROWS = 1_000
NARROW = 384  # directions kept of wider vectors: as accurate, and half of what a row has to be compared with
GAP_ROUNDS = 3  # each costs as much as learning once

F32: TypeAlias = NDArray[np.float32]
I8: TypeAlias = NDArray[np.int8]
I16: TypeAlias = NDArray[np.int16]


@njit(cache=True, nogil=True, fastmath=True)
def _votes(vectors: F32, landmarks: I8, scales: F32, weights: I16, loudness: F32, sharpness: float) -> F32:
    """Each landmark votes with its weights, the nearer the louder. Row by row, so that no row depends on another.

    Shapes: vectors (n, d), landmarks (m, d), scales (m,), weights (m, k), loudness (m,); returns (n, k).
    """
    n, (m, d), k = len(vectors), landmarks.shape, weights.shape[1]
    scores = np.zeros((n, k), np.float32)
    for i in range(n):
        vector, row = vectors[i], scores[i]
        for j in range(m):
            landmark = landmarks[j]
            cosine = np.float32(0)
            for h in range(d):
                cosine += vector[h] * np.float32(landmark[h])
            closeness = np.exp(np.float32(sharpness) * (cosine * scales[j] - np.float32(1)))
            closeness *= loudness[j]
            votes = weights[j]
            for q in range(k):
                row[q] += closeness * np.float32(votes[q])
    return scores


@njit(cache=True, nogil=True, fastmath=True)
def _along(vectors: F32, directions: I8, steps: F32) -> F32:
    """Vectors (n, r) along the directions (d, r), row by row: in a matrix product the rounding may differ."""
    (n, d), r = vectors.shape, directions.shape[1]
    along = np.zeros((n, r), np.float32)
    for i in range(n):
        row = along[i]
        for h in range(d):
            value = vectors[i, h]
            for j in range(r):
                row[j] += value * np.float32(directions[h, j])
        for j in range(r):
            row[j] *= steps[j]
    return along


def _directions(vectors: F32) -> F32:
    """The NARROW directions in which the vectors are longest (d, r), by their second moments: not centred, so that
    lengths and cosines are kept."""
    moments = (vectors.T @ vectors).astype(np.float64)
    _, directions = np.linalg.eigh(moments)
    return np.ascontiguousarray(directions[:, : -NARROW - 1 : -1], np.float32)


def _kernel(ones: F32, others: F32, sharpness: float) -> F32:
    """exp(sharpness * (cosine - 1)): the Gaussian kernel on the unit sphere, (n, m)."""
    closeness = ones @ others.T
    closeness -= 1
    closeness *= np.float32(sharpness)
    return np.asarray(np.exp(closeness, out=closeness))


def _in_bytes(vectors: F32) -> tuple[I8, F32]:
    """Each vector in 8 bits with a scale of its own."""
    scales = np.maximum(np.abs(vectors).max(axis=1), 1e-12) / 127
    return np.rint(vectors / scales[:, None]).astype(np.int8), scales.astype(np.float32)


class KernelHead:
    """Kernel ridge regression, whatever the loss; scores lie near 0 for what a label is not and 1 for what it is."""

    kind = "kernel.v3"  # v1 had weights in half precision
    older = ("kernel.v2",)  # had directions in single precision

    def __init__(self, *, sharpness: float = 3.0, ridge: float = 0.3) -> None:
        self.sharpness, self.ridge = sharpness, ridge
        # landmarks (m, r) int8 with scales (m,), weights (m, k) int16 with loudness (m,), and directions (d, r) int8
        # with steps (r,) where r is less than d
        self._arrays: dict[str, NDArray[Any]] = {}
        self.left_out: Scores | None = None  # (n, k) of the training rows after `fit`, each as if it had been left out

    @classmethod
    def suited(cls, rows: int) -> Self:
        return cls(ridge=0.03) if rows < FEW_ROWS else cls()

    def fit(self, encoded: Encoded, targets: Targets, *, loss: Loss = "softmax", seed: int) -> Self:
        if isinstance(encoded, Rows):
            raise BadOption("heads/kernel takes dense vectors, and sparse Rows were given. Use the head 'hashed'.")
        fitted = type(self)(sharpness=self.sharpness, ridge=self.ridge)
        n = len(encoded)
        directions = _directions(encoded) if min(encoded.shape) > NARROW else None
        turned: dict[str, NDArray[Any]] = {}
        if directions is not None:
            rounded, steps = _in_bytes(directions.T)
            turned = {"directions": np.ascontiguousarray(rounded.T), "steps": steps}
            encoded = (encoded @ (turned["directions"] * steps)).astype(np.float32)
        chosen = np.arange(n)
        if n > MOST_EXACT:
            chosen = np.sort(np.random.default_rng(seed).choice(n, LANDMARKS, replace=False))
        landmarks, scales = _in_bytes(encoded[chosen])
        centres = landmarks * scales[:, None]  # what will be compared with, rounding and all
        learn = self._exact if n <= MOST_EXACT else self._reduced
        weights, left_out = _around_gaps(targets, lambda filled: learn(encoded, centres, filled))
        # 16 bits: in 8 the small weights beside a landmark's own label vanish, and 0.2 points with them
        loudness = (np.maximum(np.abs(weights).max(axis=1), 1e-12) / 32_767).astype(np.float32)
        whole = np.rint(weights / loudness[:, None]).astype(np.int16)
        fitted._arrays = {"landmarks": landmarks, "scales": scales, "weights": whole, "loudness": loudness, **turned}
        fitted.left_out = left_out
        return fitted

    def _exact(self, _: F32, vectors: F32, targets: Targets) -> tuple[NDArray[Any], Scores]:
        """Weights (m, k), and the scores each row would get had it been left out (n, k).

        Source: for what is left out, Rifkin and Lippert 2007, "Notes on Regularized Least Squares", section 3.
        """
        from scipy.linalg import cho_solve
        from scipy.linalg.lapack import spotrf, strtri

        matrix = _kernel(vectors, vectors, self.sharpness)
        matrix[np.diag_indices(len(matrix))] += np.float32(self.ridge)
        # the transpose is the same matrix in the order LAPACK works in, so nothing is copied
        factor, _ = spotrf(matrix.T, lower=1, clean=1, overwrite_a=1)
        weights = cho_solve((factor, True), targets, check_finite=False)
        lower, _ = strtri(factor, lower=1, overwrite_c=1)
        diagonal = np.einsum("ij,ij->j", lower, lower)  # of the inverse, without ever making it
        return weights, (targets - weights / diagonal[:, None]).astype(np.float32)

    def _reduced(self, vectors: F32, centres: F32, targets: Targets) -> tuple[NDArray[Any], Scores]:
        from scipy.linalg import inv

        left = self.ridge * _kernel(centres, centres, self.sharpness).astype(np.float64)
        right = np.zeros((len(centres), targets.shape[1]))
        starts = range(0, len(vectors), BLOCK)  # bounded memory, however many rows
        for start in starts:
            block = _kernel(vectors[start : start + BLOCK], centres, self.sharpness)
            left += block.T @ block
            right += block.T @ targets[start : start + BLOCK]
        left[np.diag_indices(len(left))] += 1e-6 * len(vectors)
        inverse = inv(left, assume_a="pos", overwrite_a=True, check_finite=False).astype(np.float32)
        weights = inverse @ right.astype(np.float32)
        left_out = np.empty(targets.shape, np.float32)
        for start in starts:
            true = targets[start : start + BLOCK]
            block = _kernel(vectors[start : start + BLOCK], centres, self.sharpness)
            leverage = ((block @ inverse) * block).sum(axis=1, keepdims=True)
            left_out[start : start + BLOCK] = true - (true - block @ weights) / np.maximum(1 - leverage, 1e-3)
        return weights, left_out

    def scores(self, encoded: Encoded) -> Scores:
        """Scores (n, k)."""
        assert not isinstance(encoded, Rows)
        a = self._arrays
        vectors = np.ascontiguousarray(encoded, np.float32)
        if "directions" in a:
            vectors = _along(vectors, a["directions"], a["steps"])
        votes: Scores = _votes(vectors, a["landmarks"], a["scales"], a["weights"], a["loudness"], self.sharpness)
        return votes

    def state(self) -> State:
        return State(config={"sharpness": self.sharpness, "ridge": self.ridge}, arrays=self._arrays)

    @classmethod
    def restore(cls, state: State) -> Self:
        config: dict[str, Any] = dict(state.config)
        head = cls(sharpness=config["sharpness"], ridge=config["ridge"])
        a = dict(state.arrays)
        m, d = a["landmarks"].shape
        if "directions" in a:
            a.setdefault("steps", np.ones(d, np.float32))
        turned = a["directions"].shape[1:] == a["steps"].shape == (d,) if "directions" in a else True
        if not a["scales"].shape == a["loudness"].shape == (m,) == a["weights"].shape[:1] or not turned:
            raise ValueError(f"{m} landmarks of width {d}, scales and weights do not fit one another")
        head._arrays = {name: np.ascontiguousarray(array) for name, array in a.items()}
        return head


def _around_gaps(
    targets: Targets, learn: Callable[[Targets], tuple[NDArray[Any], Scores]]
) -> tuple[NDArray[Any], Scores]:
    """What `learn` makes of targets in which each gap says what is expected of its row when that is left out.

    Where they agree, a row with a gap has no weight at all, as if it had not been there for that label.
    """
    gaps = np.isnan(targets)
    filled = np.where(gaps, np.nanmean(np.where(gaps.all(axis=0), 0, targets), axis=0), targets).astype(np.float32)
    for _ in range(GAP_ROUNDS if gaps.any() else 0):
        filled = np.where(gaps, learn(filled)[1], filled)
    return learn(filled)


HEAD: Any = KernelHead
