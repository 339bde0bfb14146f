"""A picture as one vector: which way its edges run in each part, and its colours, reduced to what varies most.

Knows pixels, no labels. Every picture is seen at 32 by 32; compiled, one takes a fraction of a millisecond.

Source: Dalal & Triggs 2005, "Histograms of Oriented Gradients"; Felzenszwalb et al. 2010 for edges with and without
their direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metier.types import Loss, Media, Probabilities, State, Vectors

SIDE, CELL = 32, 4
CELLS = SIDE // CELL
BINS = 18  # directions of an edge all around; folded, nine without their sign
COLOURS = 6  # mean and spread of each channel in a part of 8 by 8 pixels
FEATURES = CELLS * CELLS * (BINS + BINS // 2) + 16 * COLOURS
MOST_WIDTH = 256
MOST_ROWS = 20_000  # from which the directions of most variance are taken

F32 = NDArray[np.float32]


def resized(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A picture (h, w, 3) as a square one, smaller ones made larger, without the moiré of skipped pixels."""
    if pixels.shape[:2] == (side, side):
        return pixels
    from PIL import Image

    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR))


@njit(cache=True, nogil=True)
def _features(pixels: NDArray[np.uint8], cosines: F32, sines: F32, out: F32) -> None:
    """Shapes: pixels (SIDE, SIDE, 3), cosines and sines (BINS,), out (FEATURES,)."""
    histograms = np.zeros((CELLS, CELLS, BINS), np.float32)
    for y in range(SIDE):
        above, below = max(y - 1, 0), min(y + 1, SIDE - 1)
        for x in range(SIDE):
            left, right = max(x - 1, 0), min(x + 1, SIDE - 1)
            across, down, most = np.float32(0), np.float32(0), np.float32(-1)
            for c in range(3):
                dx = np.float32(pixels[y, right, c]) - np.float32(pixels[y, left, c])
                dy = np.float32(pixels[below, x, c]) - np.float32(pixels[above, x, c])
                if dx * dx + dy * dy > most:
                    across, down, most = dx, dy, dx * dx + dy * dy
            if most <= 0:
                continue
            best, at = np.float32(-1), 0
            for b in range(BINS):
                along = cosines[b] * across + sines[b] * down
                if along > best:
                    best, at = along, b
            strength = np.sqrt(most)
            # shared among the four cells whose middles lie around the pixel
            cy, cx = (y + np.float32(0.5)) / CELL - np.float32(0.5), (x + np.float32(0.5)) / CELL - np.float32(0.5)
            iy, ix = int(np.floor(cy)), int(np.floor(cx))
            fy, fx = cy - iy, cx - ix
            for ky in range(2):
                for kx in range(2):
                    jy, jx = iy + ky, ix + kx
                    if 0 <= jy < CELLS and 0 <= jx < CELLS:
                        share = (fy if ky else 1 - fy) * (fx if kx else 1 - fx)
                        histograms[jy, jx, at] += strength * share
    half = BINS // 2
    energy = np.zeros((CELLS, CELLS), np.float32)
    for y in range(CELLS):
        for x in range(CELLS):
            for b in range(half):
                energy[y, x] += (histograms[y, x, b] + histograms[y, x, b + half]) ** 2
    at = 0
    for y in range(CELLS):
        for x in range(CELLS):
            near, count = np.float32(0), 0
            for ky in range(max(y - 1, 0), min(y + 2, CELLS)):
                for kx in range(max(x - 1, 0), min(x + 2, CELLS)):
                    near += energy[ky, kx]
                    count += 1
            scale = 1 / np.sqrt(near / count + np.float32(100))
            for b in range(BINS):
                out[at] = min(histograms[y, x, b] * scale, np.float32(0.6))
                at += 1
            for b in range(half):
                out[at] = min((histograms[y, x, b] + histograms[y, x, b + half]) * scale, np.float32(0.6))
                at += 1
    for y in range(0, SIDE, 8):
        for x in range(0, SIDE, 8):
            for c in range(3):
                total, squares = np.float32(0), np.float32(0)
                for ky in range(8):
                    for kx in range(8):
                        value = np.float32(pixels[y + ky, x + kx, c]) / np.float32(255)
                        total += value
                        squares += value * value
                mean = total / 64
                out[at] = mean
                out[at + 1] = np.sqrt(max(squares / 64 - mean * mean, np.float32(0)))
                at += 2


@njit(cache=True, nogil=True, fastmath=True)
def _projected(features: F32, centre: F32, directions: F32, out: F32) -> None:
    """Row by row, so that no row depends on another. Shapes: features (d,), directions (d, w), out (w,)."""
    out[:] = 0
    for i in range(len(features)):
        value = features[i] - centre[i]
        for j in range(len(out)):
            out[j] += value * directions[i, j]


def features(pixels: NDArray[np.uint8]) -> F32:
    """Edges and colours (FEATURES,) of a picture of any size."""
    out = np.empty(FEATURES, np.float32)
    turns = np.arange(BINS) * 2 * np.pi / BINS
    _features(
        np.ascontiguousarray(resized(pixels, SIDE)),
        np.cos(turns).astype(np.float32),
        np.sin(turns).astype(np.float32),
        out,
    )
    return out


def perceptual_hash(pixels: NDArray[np.uint8]) -> int:
    """64 bits that hardly change with size, quality or brightness: the signs of the lowest frequencies."""
    grey = resized(pixels, 32).astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    at = (np.arange(32) + 0.5) * np.pi / 32
    waves = np.cos(np.arange(9)[:, None] * at).astype(np.float32)  # (9, 32)
    lowest = (waves @ grey @ waves.T).ravel()[1:65]  # without the mean
    signs = lowest > np.median(lowest)
    return int(np.packbits(signs).view(">u8")[0])


class HogEncoder:
    """Edges and colours along the directions in which the pictures it was fitted on differ most, of like spread."""

    kind: ClassVar[str] = "hog.v1"
    head: ClassVar[str] = "linear"

    def __init__(self, centre: F32 | None = None, directions: F32 | None = None) -> None:
        self.centre = np.zeros(FEATURES, np.float32) if centre is None else centre  # (d,)
        self.directions = np.eye(FEATURES, MOST_WIDTH, dtype=np.float32) if directions is None else directions  # (d, w)

    @property
    def width(self) -> int:
        """Columns of what `encode` returns."""
        return int(self.directions.shape[1])

    def fit(self, values: Sequence[Media], targets: Probabilities, *, loss: Loss = "softmax") -> Self:
        """The encoder with the directions of most variance among these pictures."""
        chosen = np.linspace(0, len(values) - 1, min(len(values), MOST_ROWS)).astype(int)
        rows = np.stack([features(values[i].array) for i in chosen])
        centre = rows.mean(axis=0)
        rows -= centre
        variances, directions = np.linalg.eigh((rows.T @ rows).astype(np.float64) / len(rows))
        kept = np.argsort(-variances)[:MOST_WIDTH]
        # half whitened: small directions say something too, but noise is all there is in the smallest
        scale = (variances[kept].clip(1e-6) + 1e-3 * variances[kept[0]]) ** -0.25
        directions = directions[:, kept] * scale
        directions *= np.where(directions[np.abs(directions).argmax(axis=0), np.arange(len(kept))] < 0, -1, 1)
        return type(self)(centre, np.ascontiguousarray(directions, np.float32))

    def encode(self, values: Sequence[Media]) -> Vectors:
        """Vectors (n, width)."""
        encoded = np.empty((len(values), self.width), np.float32)
        for row, value in zip(encoded, values, strict=True):
            _projected(features(value.array), self.centre, self.directions, row)
        return encoded

    def state(self) -> State:
        return State(arrays={"centre": self.centre, "directions": self.directions})

    @classmethod
    def restore(cls, state: State) -> Self:
        return cls(state.arrays["centre"], np.ascontiguousarray(state.arrays["directions"]))


ENCODER: Any = HogEncoder
