"""Series to vectors by what anybody would look at first: level, spread, shape, trend, steps, memory and rhythm.

A few dozen numbers for each channel, and how the channels go together. Knows no labels. In the manner of catch22, but
of what numpy does for all channels at once.

Source: Lubba et al. 2019, "catch22", for which kinds of numbers are worth having.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from metier.encoders.channels import levels, same_channels
from metier.encoders.principal import Principal
from metier.types import Loss, State, Targets, Vectors

QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
LAGS = (1, 2, 3, 5, 8, 13)
BANDS = 8  # of frequency, each twice as wide as the one below
PARTS = 4  # of the time, whose means are told
MOST_PAIRS = 6  # channels up to this are compared with each other
MOST_DIRECTIONS = 256
TINY = np.float32(1e-6)

F32 = NDArray[np.float32]


class SummaryEncoder:
    """Series (c, t) to dense vectors of about length one."""

    kind = "summary.v1"
    head = "linear"

    def __init__(
        self, *, level: F32 | None = None, spread: F32 | None = None, principal: Principal | None = None
    ) -> None:
        self._level = np.zeros(1, np.float32) if level is None else level  # (c,), of the training series
        self._spread = np.ones(1, np.float32) if spread is None else spread  # (c,)
        self._principal = principal or Principal.empty()

    @property
    def width(self) -> int:
        """Columns of what `encode` returns."""
        return self._principal.width

    def fit(self, values: Sequence[F32], targets: Targets | None = None, *, loss: Loss = "softmax") -> Self:
        """An encoder that knows how each number varies over these series.

        Raises: BadCell where they have different numbers of channels.
        """
        level, spread = levels(values)
        fitted = type(self)(level=level, spread=spread)
        fitted._principal = Principal.fit(fitted._all(values), MOST_DIRECTIONS)
        return fitted

    def encode(self, values: Sequence[F32]) -> Vectors:
        """Vectors (n, width)."""
        if not len(self._principal.mean):
            return np.empty((len(values), 0), np.float32)
        return self._principal.turned(self._all(values))

    def fits(self, value: F32) -> None:
        """Check a series.

        Raises: BadCell where it has other channels than those learnt.
        """
        same_channels(value, len(self._level))

    def _all(self, values: Sequence[F32]) -> Vectors:
        rows = []
        for value in values:
            same_channels(value, len(self._level))
            rows.append(summary((value - self._level[:, None]) / self._spread[:, None]))
        return np.stack(rows) if rows else np.empty((0, len(self._principal.mean)), np.float32)

    def state(self) -> State:
        """The scales of the channels, and the directions."""
        return State(arrays={"level": self._level, "spread": self._spread, **self._principal.arrays()})

    @classmethod
    def restore(cls, state: State) -> Self:
        """The encoder that `state` was taken from.

        Raises: ValueError where its arrays do not fit one another.
        """
        level, spread = (np.ascontiguousarray(state.arrays[name], np.float32) for name in ("level", "spread"))
        principal = Principal.restore(state.arrays)
        if level.shape != spread.shape or level.ndim != 1:
            raise ValueError(f"levels {level.shape} and spreads {spread.shape} do not fit one another")
        expected = len(summary(np.zeros((len(level), 16), np.float32)))
        if len(principal.mean) not in (0, expected):
            raise ValueError(f"{len(principal.mean)} means for the {expected} numbers of {len(level)} channels")
        return cls(level=level, spread=spread, principal=principal)


def summary(series: F32) -> F32:
    """The numbers of one series (c, t), channel after channel, then its length and how its channels go together."""
    c, t = series.shape
    mean, std = series.mean(axis=1), series.std(axis=1)
    shape = (series - mean[:, None]) / np.maximum(std, TINY)[:, None]  # (c, t), level and size taken out
    steps = np.diff(series, axis=1)
    about = [mean, std, np.log(std + TINY), (shape**3).mean(axis=1), (shape**4).mean(axis=1)]
    ranked = np.quantile(shape, QUANTILES, axis=1)
    about += [*ranked, *(ranked * std + mean)]
    about += _of_steps(steps) + _over_time(series, shape) + _rhythm(shape)
    numbers = np.stack([np.asarray(number, np.float32) for number in about], axis=1)  # (c, numbers)
    paired = range(min(c, MOST_PAIRS))
    together = [float((shape[i] * shape[j]).mean()) for i in paired for j in paired if i < j]
    return np.concatenate([numbers.ravel(), np.array([np.log(t), *together], np.float32)])


def _of_steps(steps: F32) -> list[F32]:
    """How it moves from one value to the next."""
    size = np.abs(steps)
    return [size.mean(axis=1), steps.std(axis=1), size.max(axis=1), (steps > 0).mean(axis=1), (steps == 0).mean(axis=1)]


def _over_time(series: F32, shape: F32) -> list[F32]:
    """Where in time things are: ends, trend, extremes, means of parts, crossings of the mean, memory."""
    t = series.shape[1]
    clock = np.linspace(-1, 1, t, dtype=np.float32)
    ends = np.linspace(0, t, PARTS + 1).astype(np.int64)
    above = shape > 0
    return [
        series[:, 0],
        series[:, -1],
        shape @ clock / t,
        series.argmax(axis=1) / t,
        series.argmin(axis=1) / t,
        *(shape[:, low : max(high, low + 1)].mean(axis=1) for low, high in itertools.pairwise(ends)),
        (above[:, 1:] != above[:, :-1]).mean(axis=1),
        *((shape[:, lag:] * shape[:, :-lag]).sum(axis=1) / t if lag < t else 0 * shape[:, 0] for lag in LAGS),
    ]


def _rhythm(shape: F32) -> list[F32]:
    """Shares of the power in bands of frequency, the middle of it, and how much lies in the one strongest wave."""
    power = np.abs(np.fft.rfft(shape, axis=1)[:, 1:]) ** 2  # (c, t // 2)
    total = np.maximum(power.sum(axis=1), TINY)
    edges = 2.0 ** -np.arange(BANDS, -1, -1) * power.shape[1]
    edges[0] = 0
    ends = np.rint(edges).astype(np.int64)
    bands = [power[:, low:high].sum(axis=1) / total for low, high in itertools.pairwise(ends)]
    middle = power @ np.linspace(0, 1, power.shape[1]) / total
    return [*(np.sqrt(band) for band in bands), middle, power.max(axis=1) / total]


ENCODER: Any = SummaryEncoder
