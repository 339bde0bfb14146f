"""What every contract asks the same way: promises kept, the way back from a saved state, sameness to the bit.

Knows no part; only that it has a kind, a state and a `restore`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier.types import Encoded, Probabilities, Rows, Scores, State

KIND = re.compile(r"[a-z][a-z0-9_-]*\.v[1-9][0-9]*")
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class ContractBroken(AssertionError):
    """The part does not do what the message says it should; its `base.py` has the promise in full."""


def expect(kept: bool | np.bool_, promise: str) -> None:
    """Go on where a promise is kept.

    Raises: ContractBroken with the promise where it is not.
    """
    if not kept:
        raise ContractBroken(promise)


def expect_dense(step: str, array: NDArray[np.float32], shape: tuple[int, ...]) -> None:
    """Expect finite float32 numbers of this shape."""
    expect(array.shape == shape, f"{step}: shape {array.shape}; {shape} was expected")
    expect(array.dtype == np.float32, f"{step}: {array.dtype}; float32 was expected")
    expect(np.isfinite(array).all(), f"{step}: inf or nan")


def restored(part: Any) -> Any:
    """The part after its state went to files and back, as an artifact does it."""
    expect(bool(KIND.fullmatch(part.kind)), f"kind: {part.kind!r}; name and version were expected: 'linear.v1'")
    state: State = part.state()
    config = json.loads(json.dumps(state.config, allow_nan=False))
    expect(config == state.config, "state: the config is not plain JSON, or comes back as something else")
    objects = [name for name, array in state.arrays.items() if array.dtype.hasobject]
    expect(not objects, f"state: the arrays {objects} hold Python objects; numbers were expected")
    odd = [name for name in state.files if not FILE_NAME.fullmatch(name)]
    expect(not odd, f"state: {odd} will not do as names of files")
    arrays = {name: array.copy() for name, array in state.arrays.items()}
    back = type(part).restore(State(config=config, arrays=arrays, files=dict(state.files)))
    expect(back.kind == part.kind, f"restore: kind {back.kind!r}, and it was {part.kind!r}")
    expect(_alike(state, back.state()), "restore: a state that differs from the one it came from")
    return back


def same(one: Encoded, other: Encoded) -> bool:
    """Whether two sets of vectors are equal to the last bit, and of one sort."""
    if isinstance(one, Rows) and isinstance(other, Rows):
        return one.width == other.width and all(map(np.array_equal, _arrays(one), _arrays(other)))
    return not isinstance(one, Rows) and not isinstance(other, Rows) and np.array_equal(one, other)


def one_hot(labels: Sequence[str] | NDArray[np.int64]) -> Probabilities:
    """Targets (n, k) of labels."""
    known, positions = np.unique(labels, return_inverse=True)
    return np.eye(len(known), dtype=np.float32)[positions]


def softmax(scores: Scores) -> Probabilities:
    """Scores (n, k) to probabilities, as they are without calibration."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)


def _alike(one: State, other: State) -> bool:
    arrays = one.arrays.keys() == other.arrays.keys() and all(
        np.array_equal(array, other.arrays[name]) for name, array in one.arrays.items()
    )
    return arrays and one.config == other.config and one.files == other.files


def _arrays(rows: Rows) -> tuple[NDArray[Any], ...]:
    return rows.starts, rows.columns, rows.weights
