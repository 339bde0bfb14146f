"""The contract of encoders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metier.encoders.base import Encoder, Remembering
from metier.testing.base import expect, expect_dense, one_hot, restored, same
from metier.types import Encoded, Rows, Value, take


def check_encoder(encoder: Encoder, values: Sequence[Value], labels: Sequence[str] | None = None) -> None:
    """Hold an unfitted encoder to its promise on these values: shapes, same bytes alone and in a batch, the way back.

    Without `labels` two are dealt out in turn, for encoders that learn from them.

    Raises: ContractBroken.
    """
    targets = one_hot(labels or [str(i % 2) for i in range(len(values))])
    fitted = encoder.fit(values, targets, loss="softmax")
    encoded = fitted.encode(values)
    _check_encoded(encoded, len(values), fitted.width)
    _check_encoded(fitted.encode([]), 0, fitted.width)
    expect(same(encoded, fitted.encode(values)), "encode: the same values gave other vectors the second time")
    again = encoder.fit(values, targets, loss="softmax")
    expect(same(encoded, again.encode(values)), "fit: the same rows gave another encoder")
    for i, value in enumerate(values):
        alone = fitted.encode([value])
        expect(same(alone, take(encoded, np.array([i]))), f"encode: value {i} gave other bytes alone than in a batch")
    back = restored(fitted)
    expect(back.width == fitted.width, f"restore: width {back.width}, and it was {fitted.width}")
    expect(same(encoded, back.encode(values)), "restore: other vectors than before it was saved")
    if isinstance(fitted, Remembering):
        _check_nearest(fitted, back, values)


def _check_nearest(fitted: Remembering, back: Remembering, values: Sequence[Value]) -> None:
    for value in values:
        found = fitted.nearest(value, 2)
        similarities = [one.similarity for one in found]
        expect(0 < len(found) <= 2, f"nearest: {len(found)} for the two asked for")
        expect(similarities == sorted(similarities, reverse=True), "nearest: not the most alike first")
        expect(all(0 <= one <= 1 for one in similarities), f"nearest: similarities {similarities}; 0 to 1 was expected")
        expect(similarities[0] >= fitted.least_similarity, "nearest: a training row lies outside what was learnt")
        expect(found == back.nearest(value, 2), "restore: other neighbours than before it was saved")


def _check_encoded(encoded: Encoded, n: int, width: int) -> None:
    if isinstance(encoded, Rows):
        _check_rows(encoded, n, width)
    else:
        expect_dense("encode", encoded, (n, width))


def _check_rows(rows: Rows, n: int, width: int) -> None:
    starts, columns, weights = rows.starts, rows.columns, rows.weights
    types = f"{starts.dtype}, {columns.dtype}, {weights.dtype}"
    expect(types == "int64, int32, float32", f"encode: Rows of {types}; int64, int32, float32 were expected")
    shape = (len(rows), rows.width)
    expect(shape == (n, width), f"encode: Rows of shape {shape}; ({n}, {width}) was expected")
    bounds = starts[0] == 0 and starts[-1] == len(columns) == len(weights)
    expect(bounds and (np.diff(starts) >= 0).all(), "encode: Rows whose starts do not fit its columns")
    expect(((columns >= 0) & (columns < width)).all(), f"encode: Rows with a column outside 0 to {width - 1}")
    expect(np.isfinite(weights).all(), "encode: Rows with a weight of inf or nan")
