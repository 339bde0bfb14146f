"""A clip as one vector: how fast what moves is, where, how evenly, and how suddenly that changes.

Knows frames, no labels and no time: speeds are in pixels from one sampled frame to the next. Flow is solved for blocks
of eight by eight pixels, which is enough for statistics and takes a few milliseconds.

Source: Lucas & Kanade 1981 for the flow of a block; Hassner et al. 2012, "Violent Flows", for changes of magnitude.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from metier.types import Loss, Media, Probabilities, State, Vectors

BLOCK = 8
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
FLAT = 4.0  # slope of brightness for each pixel below which a block is too plain to say where it went
LEAST = 0.05  # of a speed, before its logarithm
DIRECTIONS = 8
REACH = np.float32(0.3)  # of a vector: columns are many and clips few, so the head is held back

F32 = NDArray[np.float32]


class MotionEncoder:
    """Statistics of flow and of differences between frames, each column scaled by the clips it was fitted on."""

    kind: ClassVar[str] = "motion.v1"
    head: ClassVar[str] = "linear"
    width = 8 * len(QUANTILES) + DIRECTIONS + 7

    def __init__(self, centre: F32 | None = None, scale: F32 | None = None) -> None:
        self.centre = np.zeros(self.width, np.float32) if centre is None else centre  # (d,)
        self.scale = np.ones(self.width, np.float32) if scale is None else scale  # (d,)

    def fit(self, values: Sequence[Media], targets: Probabilities, *, loss: Loss = "softmax") -> Self:
        """The encoder with the centre and the spread of these clips."""
        rows = np.stack([statistics(value.array) for value in values])
        reach = REACH / np.float32(np.sqrt(self.width))
        return type(self)(rows.mean(axis=0), reach / np.maximum(rows.std(axis=0), np.float32(1e-3)))

    def encode(self, values: Sequence[Media]) -> Vectors:
        """Vectors (n, width), no column further than four spreads from the middle."""
        encoded = np.empty((len(values), self.width), np.float32)
        most = 4 * REACH / np.float32(np.sqrt(self.width))
        for row, value in zip(encoded, values, strict=True):
            row[:] = np.clip((statistics(value.array) - self.centre) * self.scale, -most, most)
        return encoded

    def state(self) -> State:
        return State(arrays={"centre": self.centre, "scale": self.scale})

    @classmethod
    def restore(cls, state: State) -> Self:
        return cls(state.arrays["centre"], state.arrays["scale"])


def statistics(frames: NDArray[np.uint8]) -> F32:
    """What moves in a clip (t, h, w, 3), as numbers that suit a linear head; of a single frame, nothing does."""
    grey = frames.astype(np.float32).mean(axis=3)
    if len(grey) < 4:
        grey = grey[np.minimum(np.arange(4), len(grey) - 1)]
    across, down, change = flow(grey)  # (t - 1, h', w')
    speed = np.hypot(across, down)
    middle = np.median(across, axis=(1, 2), keepdims=True), np.median(down, axis=(1, 2), keepdims=True)
    against_camera = np.hypot(across - middle[0], down - middle[1])
    sudden = np.abs(np.diff(speed, axis=0))
    turning = np.hypot(np.diff(across, axis=0), np.diff(down, axis=0))
    busy = (sudden > sudden.mean(axis=(1, 2), keepdims=True)).mean(axis=0)
    by_frame, change_by_frame = speed.mean(axis=(1, 2)), change.mean(axis=(1, 2))
    mean, peak = speed.mean(axis=0), speed.max(axis=0)
    total = max(float(speed.sum()), 1e-6)
    ways = np.histogram(np.arctan2(down, across), DIRECTIONS, (-np.pi, np.pi), weights=speed)[0] / total
    drift = np.hypot(across.mean(axis=(1, 2)), down.mean(axis=(1, 2))).mean() / max(float(speed.mean()), 1e-6)
    place = np.array(
        [
            (mean**2).sum() / max(float(mean.sum()) ** 2, 1e-6) * mean.size,
            mean.max() / max(float(mean.mean()), 1e-6),
            peak.max(),
            peak.mean(),
        ]
    )
    unsteady = [rows.std() / max(float(rows.mean()), 1e-6) for rows in (by_frame, change_by_frame)]
    spread = (speed, sudden, against_camera, turning, by_frame, change, change_by_frame)
    return np.concatenate(
        [
            *(np.log(np.quantile(rows, QUANTILES) + LEAST) for rows in spread),
            np.quantile(busy, QUANTILES),
            ways,
            [drift],
            np.log(place + LEAST),
            np.log(np.array(unsteady) + LEAST),
        ]
    ).astype(np.float32)


def flow(grey: F32) -> tuple[F32, F32, F32]:
    """Pixels each block moves across and down from frame to frame, and how much it changes.

    Shapes: grey (t, h, w); three of (t - 1, h / BLOCK, w / BLOCK).
    """
    before, after = grey[:-1], grey[1:]
    middle = (before + after) / 2
    x, y, t = np.gradient(middle, axis=2), np.gradient(middle, axis=1), after - before
    xx, yy, xy, xt, yt = (_blocks(a * b) for a, b in ((x, x), (y, y), (x, y), (x, t), (y, t)))
    plain = np.float32(FLAT * BLOCK * BLOCK)
    xx, yy = xx + plain, yy + plain
    determinant = xx * yy - xy * xy
    across, down = (xy * yt - yy * xt) / determinant, (xy * xt - xx * yt) / determinant
    return np.asarray(across, np.float32), np.asarray(down, np.float32), _blocks(np.abs(t)) / np.float32(BLOCK * BLOCK)


def history(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Where something moved last, the later the brighter (h, w, 3).

    Source: Bobick & Davis 2001, "The Recognition of Human Movement Using Temporal Templates".
    """
    grey = frames.astype(np.float32).mean(axis=3)
    shown = np.zeros(grey.shape[1:], np.float32)
    for at, change in enumerate(np.abs(np.diff(grey, axis=0)), 1):
        shown[change > 20] = 255 * at / max(len(grey) - 1, 1)
    return np.repeat(shown.astype(np.uint8)[:, :, None], 3, axis=2)


def _blocks(rows: F32) -> F32:
    t, h, w = rows.shape
    return np.asarray(rows.reshape(t, h // BLOCK, BLOCK, w // BLOCK, BLOCK).sum(axis=(2, 4)), np.float32)


ENCODER: Any = MotionEncoder
