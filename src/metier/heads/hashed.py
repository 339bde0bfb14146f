"""Scores for sparse rows: a linear head, or one hidden layer, over the same hashed rows held in 8 bits.

Knows nothing of text; any encoder that gives Rows will do. A row's score costs one table row for each column it
touches, and no sparse matrix is built.

Source: the hidden layer is fastText's averaged embedding (Joulin et al. 2017) with a rectifier, dropout of features and
soft targets (Hinton et al. 2015); AdaGrad by row (Duchi et al. 2011).
"""

from __future__ import annotations

from threading import Lock
from typing import Any, Self, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metier.errors import BadOption
from metier.types import Encoded, Loss, Rows, Scores, State, Targets

F32: TypeAlias = NDArray[np.float32]
_SOFTMAX, _LOGISTIC, _SQUARED = 0, 1, 2
_LOSSES: dict[Loss, int] = {"softmax": _SOFTMAX, "logistic": _LOGISTIC, "squared": _SQUARED}


@njit(cache=True, nogil=True, fastmath=True)
def _train(
    starts: NDArray[np.int64],
    columns: NDArray[np.int32],
    weights: F32,
    targets: F32,
    known: NDArray[np.bool_],
    loss: int,
    width: int,
    hidden: int,
    epochs: int,
    rate: float,
    dropout: float,
    seed: int,
) -> tuple[F32, F32, F32, F32]:
    """One row at a time, so that it costs what it touches. Gives table (width, h), bias (h,), out (k, h), bias (k,)."""
    n, k = targets.shape
    np.random.seed(seed)
    table = (np.random.standard_normal((width, hidden)) / np.sqrt(hidden)).astype(np.float32)
    out = (np.random.standard_normal((k, hidden)) * 0.5 / np.sqrt(hidden)).astype(np.float32)
    bias, out_bias = np.zeros(hidden, np.float32), np.zeros(k, np.float32)
    table_squares, out_squares = np.full(width, 1e-6, np.float32), np.full((k, hidden), 1e-6, np.float32)
    total, gradient, wrong = np.empty(hidden, np.float32), np.empty(hidden, np.float32), np.empty(k, np.float32)
    longest = 0
    for i in range(n):
        longest = max(longest, starts[i + 1] - starts[i])
    kept = np.empty(longest, np.int64)
    scale = np.float32(1 / (1 - dropout))
    for step in range(epochs * n):
        if step % n == 0:
            order = np.random.permutation(n)
        i = order[step % n]
        now = np.float32(rate * (1 - step / (epochs * n)))
        total[:] = bias
        m = 0
        for j in range(starts[i], starts[i + 1]):
            if columns[j] == 0 or np.random.random() < dropout:
                continue
            kept[m] = j
            m += 1
            for h in range(hidden):
                total[h] += weights[j] * scale * table[columns[j], h]
        highest = np.float32(-1e30)
        for q in range(k):
            score = out_bias[q]
            for h in range(hidden):
                score += out[q, h] * max(total[h], np.float32(0))
            wrong[q] = score
            highest = max(highest, score)
        normaliser = np.float32(0)
        for q in range(k):
            if loss == _SOFTMAX:
                wrong[q] = np.exp(wrong[q] - highest)
                normaliser += wrong[q]
            elif loss == _LOGISTIC:
                wrong[q] = 1 / (1 + np.exp(-wrong[q]))
        if loss != _SOFTMAX:
            normaliser = np.float32(1)
        gradient[:] = 0
        for q in range(k):
            slope = wrong[q] / normaliser - targets[i, q]
            if abs(slope) < 1e-4 or not known[i, q]:
                continue
            out_bias[q] -= now * np.float32(0.1) * slope
            for h in range(hidden):
                gradient[h] += slope * out[q, h]
                part = slope * max(total[h], np.float32(0))
                out_squares[q, h] += part * part
                out[q, h] -= now * np.float32(0.1) * part / np.sqrt(out_squares[q, h])
        squares = np.float32(0)
        for h in range(hidden):
            if total[h] <= 0:
                gradient[h] = 0
            squares += gradient[h] * gradient[h]
            bias[h] -= now * np.float32(0.1) * gradient[h]
        squares /= hidden
        for z in range(m):
            column, weight = columns[kept[z]], weights[kept[z]] * scale
            table_squares[column] += weight * weight * squares
            size = now * weight / np.sqrt(table_squares[column])
            for h in range(hidden):
                table[column, h] -= size * gradient[h]
    return table, bias, out, out_bias


@njit(cache=True, nogil=True, fastmath=True)
def _sums(
    starts: NDArray[np.int64], columns: NDArray[np.int32], weights: F32, table: NDArray[np.int8], scales: F32, bias: F32
) -> F32:
    """Weighted sums of table rows: (n, h)."""
    n, wide = len(starts) - 1, table.shape[1]
    sums = np.empty((n, wide), np.float32)
    for i in range(n):
        total = sums[i]
        total[:] = bias
        for j in range(starts[i], starts[i + 1]):
            column = columns[j]
            weight = weights[j] * scales[column]
            for h in range(wide):
                total[h] += weight * np.float32(table[column, h])
    return sums


@njit(cache=True, nogil=True, fastmath=True)
def _layer(sums: F32, out: F32, out_bias: F32) -> F32:
    """Scores (n, k) from rectified sums (n, h); `out` is (h, k), so that labels lie side by side."""
    n, k = len(sums), out.shape[1]
    scores = np.empty((n, k), np.float32)
    for i in range(n):
        row = scores[i]
        row[:] = out_bias
        for h in range(sums.shape[1]):
            value = sums[i, h]
            if value > 0:
                for q in range(k):
                    row[q] += value * out[h, q]
    return scores


def _bytes(table: F32) -> tuple[NDArray[np.int8], F32]:
    """Each row in 8 bits with a scale of its own."""
    scales = np.abs(table).max(axis=1) / 127
    return np.rint(table / np.maximum(scales, 1e-12)[:, None]).astype(np.int8), scales.astype(np.float32)


class HashedHead:
    """`hidden=0`: support vectors by liblinear. `hidden=96`: one layer of that width, the better pupil.

    Soft targets teach the hidden layer more than labels do; the linear head takes the likeliest label of each row.
    """

    kind = "hashed.v1"
    left_out: Scores | None = None

    def __init__(self, *, hidden: int = 0, epochs: int = 60, rate: float = 0.1, dropout: float = 0.5) -> None:
        self.hidden, self.epochs, self.rate, self.dropout = hidden, epochs, rate, dropout
        self._arrays: dict[str, NDArray[Any]] = {}

    @classmethod
    def suited(cls, rows: int) -> Self:
        return cls()

    def fit(self, encoded: Encoded, targets: Targets, *, loss: Loss = "softmax", seed: int) -> Self:
        if not isinstance(encoded, Rows):
            raise BadOption("heads/hashed takes sparse Rows, and dense vectors were given. Use the head 'kernel'.")
        fitted = type(self)(hidden=self.hidden, epochs=self.epochs, rate=self.rate, dropout=self.dropout)
        if self.hidden:
            filled = np.ascontiguousarray(np.nan_to_num(targets), np.float32)
            table, bias, out, out_bias = _train(
                encoded.starts, encoded.columns, encoded.weights, filled, ~np.isnan(targets), _LOSSES[loss],
                encoded.width, self.hidden, self.epochs, self.rate, self.dropout, seed,
            )  # fmt: skip
            more = {"out": np.ascontiguousarray(out.T), "out_bias": out_bias}
        else:
            table, bias = (
                _separate(encoded, targets, seed) if loss == "softmax" else _each(encoded, targets, loss, seed)
            )
            more = {}
        table[0] = 0  # what was never seen says nothing about the label
        bytes_, scales = _bytes(table)
        fitted._arrays = {"table": bytes_, "scales": scales, "bias": bias.astype(np.float32), **more}
        return fitted

    def scores(self, encoded: Encoded) -> Scores:
        """Scores (n, k)."""
        assert isinstance(encoded, Rows)
        a = self._arrays
        sums: Scores = _sums(encoded.starts, encoded.columns, encoded.weights, a["table"], a["scales"], a["bias"])
        if not self.hidden:
            return sums
        scores: Scores = _layer(sums, a["out"], a["out_bias"])
        return scores

    def state(self) -> State:
        return State(config={"hidden": self.hidden}, arrays=self._arrays)

    @classmethod
    def restore(cls, state: State) -> Self:
        hidden = state.config["hidden"]
        assert isinstance(hidden, int)
        head = cls(hidden=hidden)
        a = state.arrays
        wide = a["table"].shape[1]
        fits = a["scales"].shape == a["table"].shape[:1] and a["bias"].shape == (wide,)
        if not fits or (hidden and not (wide == hidden == len(a["out"]) and a["out"].shape[1:] == a["out_bias"].shape)):
            raise ValueError("the shapes of a hashed head do not fit one another")
        head._arrays = {name: np.ascontiguousarray(array) for name, array in state.arrays.items()}
        return head


# liblinear draws from one generator for the whole process: two fits at once would shuffle each other's rows
_ONE_LIBLINEAR = Lock()
REGRESSION_C = 3.0  # chosen out of fold on ESOL as text and on advertisements, see LOG.md


def _separate(rows: Rows, targets: Targets, seed: int) -> tuple[F32, F32]:
    """One against the rest by liblinear: table (width, k), bias (k)."""
    from scipy.sparse import csr_matrix
    from sklearn.svm import LinearSVC

    matrix = csr_matrix((rows.weights, rows.columns, rows.starts), shape=(len(rows), rows.width))
    labels = targets.argmax(axis=1)
    with _ONE_LIBLINEAR:
        machine = LinearSVC(C=0.5, random_state=seed).fit(matrix, labels)
    k = targets.shape[1]
    table, bias = np.zeros((rows.width, k), np.float32), np.full(k, -1.0, np.float32)
    if len(machine.classes_) == 2:  # liblinear keeps one row for two classes
        weights, offsets = (
            np.vstack([-machine.coef_, machine.coef_]),
            np.hstack([-machine.intercept_, machine.intercept_]),
        )
    else:
        weights, offsets = machine.coef_, machine.intercept_
    table[:, machine.classes_] = weights.T
    bias[machine.classes_] = offsets
    return table, bias


def _each(rows: Rows, targets: Targets, loss: Loss, seed: int) -> tuple[F32, F32]:
    """Each column of the targets by itself, its gaps left out: a machine for 0 and 1, a regression for numbers."""
    from scipy.sparse import csr_matrix
    from sklearn.svm import LinearSVC, LinearSVR

    matrix = csr_matrix((rows.weights, rows.columns, rows.starts), shape=(len(rows), rows.width))
    k = targets.shape[1]
    table, bias = np.zeros((rows.width, k), np.float32), np.full(k, -1.0, np.float32)
    for q in range(k):
        known = np.flatnonzero(~np.isnan(targets[:, q]))
        wanted = targets[known, q]
        machine = LinearSVC(C=0.5, random_state=seed)
        if loss == "squared":
            machine = LinearSVR(C=REGRESSION_C, epsilon=0, loss="squared_epsilon_insensitive", dual=False)
        else:
            wanted = wanted > 0.5
            if wanted.all() or not wanted.any():
                bias[q] = 1.0 if len(known) and wanted[0] else -1.0
                continue
        with _ONE_LIBLINEAR:
            machine.fit(matrix[known], wanted)
        table[:, q], bias[q] = machine.coef_.ravel(), np.ravel(machine.intercept_)[0]
    return table, bias


HEAD: Any = HashedHead
