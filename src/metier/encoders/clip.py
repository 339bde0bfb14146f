"""A clip as one vector of what is seen in it: edges and colours of frames spread over it, and of where things moved.

Knows frames, no labels. What is seen in a frame is the affair of encoders/hog.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from metier.encoders.hog import FEATURES, features
from metier.encoders.motion import history
from metier.types import Loss, Media, Probabilities, State, Vectors

SEEN = 6  # frames
MOST_WIDTH = 64

F32 = NDArray[np.float32]


class ClipEncoder:
    """The mean look of a clip and its motion history, along the directions in which clips differ most."""

    kind: ClassVar[str] = "clip.v1"
    head: ClassVar[str] = "linear"

    def __init__(self, centre: F32 | None = None, directions: F32 | None = None) -> None:
        self.centre = np.zeros(2 * FEATURES, np.float32) if centre is None else centre  # (d,)
        self.directions = np.eye(2 * FEATURES, MOST_WIDTH, dtype=np.float32) if directions is None else directions

    @property
    def width(self) -> int:
        """Columns of what `encode` returns."""
        return int(self.directions.shape[1])

    def fit(self, values: Sequence[Media], targets: Probabilities, *, loss: Loss = "softmax") -> Self:
        """The encoder with the directions of most variance among these clips."""
        rows = np.stack([_looks(value.array) for value in values])
        centre = rows.mean(axis=0)
        _, sizes, directions = np.linalg.svd(rows - centre, full_matrices=False)
        kept = min(MOST_WIDTH, len(directions))
        # of length one on the whole, and not whitened: clips are few, and of most directions they tell nothing
        chosen = directions[:kept].T * np.sqrt(len(rows) / max(float((sizes**2).sum()), 1e-12))
        largest = np.abs(chosen).argmax(axis=0)
        chosen *= np.where(chosen[largest, np.arange(kept)] < 0, -1, 1)
        return type(self)(centre, np.ascontiguousarray(chosen, np.float32))

    def encode(self, values: Sequence[Media]) -> Vectors:
        """Vectors (n, width)."""
        encoded = np.empty((len(values), self.width), np.float32)
        for row, value in zip(encoded, values, strict=True):
            row[:] = (_looks(value.array) - self.centre) @ self.directions
        return encoded

    def state(self) -> State:
        return State(arrays={"centre": self.centre, "directions": self.directions})

    @classmethod
    def restore(cls, state: State) -> Self:
        return cls(state.arrays["centre"], np.ascontiguousarray(state.arrays["directions"]))


def _looks(frames: NDArray[np.uint8]) -> F32:
    chosen = np.unique(np.linspace(0, len(frames) - 1, SEEN).round().astype(int))
    seen = np.mean([features(frames[i]) for i in chosen], axis=0, dtype=np.float32)
    return np.concatenate([seen, features(history(frames))])


ENCODER: Any = ClipEncoder
