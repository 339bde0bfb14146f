"""Many columns to few: standardised as the training rows have it, then turned to the directions they differ in.

With no more than `most` rows nothing is lost that a linear or kernel head could use: what lies outside the span of the
training rows gets no weight anyway. Knows nothing of what a column stands for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from metier.types import Vectors

MOST_ROWS = 2_048  # to find directions from; more change little and cost the cube
FARTHEST = np.float32(8)  # standard deviations; a column that goes wild in one row must not outshout all others


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Shapes: mean and scale (d,), directions (r, d), all float32."""

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    directions: NDArray[np.float32]

    @classmethod
    def empty(cls) -> Self:
        """What an encoder holds before it has learnt."""
        return cls(mean=np.zeros(0, np.float32), scale=np.zeros(0, np.float32), directions=np.zeros((0, 0), np.float32))

    @classmethod
    def fit(cls, vectors: Vectors, most: int) -> Self:
        """At most `most` directions of these rows (n, d), standardised; rows then have length one on average."""
        mean = vectors.mean(axis=0, dtype=np.float64)
        spread = vectors.std(axis=0, dtype=np.float64)
        known = spread > 1e-6 * (1 + np.abs(mean))  # a column that never changes says nothing
        scale = np.where(known, 1 / np.where(known, spread, 1), 0)
        centre, factor = mean.astype(np.float32), scale.astype(np.float32)
        directions, length = _directions(_standardised(_some(vectors), centre, factor), most)
        return cls(mean=centre, scale=factor, directions=np.ascontiguousarray(directions / length, np.float32))

    @classmethod
    def plain(cls, vectors: Vectors, most: int) -> Self:
        """At most `most` directions of these rows (n, d) as they are: products between rows stay what they were."""
        d = vectors.shape[1]
        directions, _ = _directions(_some(vectors), most)
        return cls(
            mean=np.zeros(d, np.float32),
            scale=np.ones(d, np.float32),
            directions=np.ascontiguousarray(directions, np.float32),
        )

    @property
    def width(self) -> int:
        """Columns of what `turned` returns."""
        return len(self.directions)

    def turned(self, vectors: Vectors) -> Vectors:
        """Rows (n, d) in the directions (n, r), each the same bytes whatever is beside it."""
        out = np.empty((len(vectors), self.width), np.float32)
        for row, vector in zip(out, vectors, strict=True):
            row[:] = self.directions @ _standardised(vector, self.mean, self.scale)
        return out

    def arrays(self) -> dict[str, NDArray[Any]]:
        """For a state."""
        return {"mean": self.mean, "scale": self.scale, "directions": self.directions}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The one whose arrays these are.

        Raises: ValueError where they do not fit one another.
        """
        mean, scale, directions = (np.ascontiguousarray(arrays[n], np.float32) for n in ("mean", "scale", "directions"))
        if mean.ndim != 1 or scale.shape != mean.shape or directions.ndim != 2 or directions.shape[1] != len(mean):
            raise ValueError(f"means {mean.shape}, scales {scale.shape} and directions {directions.shape} do not fit")
        return cls(mean=mean, scale=scale, directions=directions)


def _standardised(
    vectors: NDArray[np.float32], mean: NDArray[np.float32], scale: NDArray[np.float32]
) -> NDArray[np.float32]:
    return np.asarray(np.clip((vectors - mean) * scale, -FARTHEST, FARTHEST), np.float32)


def _some(vectors: Vectors) -> Vectors:
    return vectors[:: max(1, -(-len(vectors) // MOST_ROWS))]


def _directions(vectors: Vectors, most: int) -> tuple[NDArray[np.float64], float]:
    """The directions (r, d) in which rows lie farthest out, from the smaller side; and how long rows are in them."""
    tall = len(vectors) >= vectors.shape[1]
    gram = (vectors.T @ vectors if tall else vectors @ vectors.T).astype(np.float64)
    values, turned = np.linalg.eigh(gram)
    kept = np.flatnonzero(values > 1e-7 * max(values[-1], 1e-12))[::-1][:most]
    directions = turned[:, kept].T if tall else (turned[:, kept] / np.sqrt(values[kept])).T @ vectors
    return directions, float(np.sqrt(max(values[kept].sum(), 1e-12) / len(vectors)))
