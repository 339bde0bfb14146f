"""A sound as one vector: means, spreads and quantiles of its bands, of its cepstrum and of how that changes.

Knows samples, no labels. Time is kept coarsely: the cepstrum is also averaged over each quarter of the sound, so that
two words of the same sounds in another order are two words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from metier.encoders import spectrum
from metier.encoders.spectrum import BANDS, RATE_HZ, cepstrum, deltas, log_mel
from metier.types import Loss, Media, Probabilities, State, Vectors

COEFFICIENTS = 20
QUANTILES = (0.1, 0.5, 0.9)
PARTS = 4
SOUNDS = np.float32(
    0.5
)  # how much of a vector's length is the sound; the rest is the same in all, and so the kernel softer


class MfccEncoder:
    """Pooled log-mel bands and cepstrum, each column scaled by the rows it was fitted on, the whole of length one."""

    kind: ClassVar[str] = "mfcc.v1"
    head: ClassVar[str] = "kernel"
    width = 2 * BANDS + (2 + len(QUANTILES) + 4 + PARTS) * COEFFICIENTS + 2

    def __init__(self, centre: NDArray[np.float32] | None = None, scale: NDArray[np.float32] | None = None) -> None:
        self.centre = np.zeros(self.width, np.float32) if centre is None else centre  # (d,)
        self.scale = np.ones(self.width, np.float32) if scale is None else scale  # (d,)

    def fit(self, values: Sequence[Media], targets: Probabilities, *, loss: Loss = "softmax") -> Self:
        """The encoder with the centre and the spread of these sounds."""
        pooled = self._pooled(values)
        return type(self)(pooled.mean(axis=0), 1 / np.maximum(pooled.std(axis=0), np.float32(1e-3)))

    def encode(self, values: Sequence[Media]) -> Vectors:
        """Vectors (n, width) of length one."""
        vectors = np.clip((self._pooled(values) - self.centre) * self.scale, -5, 5)
        lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
        vectors *= (SOUNDS / np.maximum(lengths, np.float32(1e-6)))[:, None]
        vectors[:, -1] = np.sqrt(1 - SOUNDS**2)
        return np.asarray(vectors, np.float32)

    def signs(self, values: Sequence[Media]) -> Vectors:
        """How a sound is made, for the scope."""
        return spectrum.signs([value.array for value in values])

    def _pooled(self, values: Sequence[Media]) -> Vectors:
        pooled = np.empty((len(values), self.width), np.float32)
        for row, value in zip(pooled, values, strict=True):
            row[:] = _pooled(value.array)
        return pooled

    def state(self) -> State:
        return State(arrays={"centre": self.centre, "scale": self.scale})

    @classmethod
    def restore(cls, state: State) -> Self:
        return cls(state.arrays["centre"], state.arrays["scale"])


def _pooled(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    mel = log_mel(samples)  # (t, BANDS)
    shape = cepstrum(mel, COEFFICIENTS)  # (t, c)
    change = deltas(shape)
    turn = deltas(change)
    quarters = [part.mean(axis=0) if len(part) else shape.mean(axis=0) for part in np.array_split(shape, PARTS)]
    return np.concatenate(
        [
            *(f(axis=0) for rows in (mel, shape, change, turn) for f in (rows.mean, rows.std)),
            *np.quantile(shape, QUANTILES, axis=0),
            *quarters,
            [np.log(max(len(samples), 1) / RATE_HZ), 0],  # the last column is the constant one
        ]
    ).astype(np.float32)


ENCODER: Any = MfccEncoder
