"""Series to vectors by convolutions that are not learnt: 84 fixed kernels, spread wider and wider over time.

Each kernel says how often what it sees exceeds a bias, and the biases are quantiles of what it saw in training series.
Several channels, and series of any length: a kernel too wide for a series sees zeros beyond its ends. Knows no labels.
Fitted and applied here rather than by aeon, which holds numba to older versions than ours and takes no series of
unequal lengths; a test holds the features against aeon's.

Source: Dempster et al. 2021, "MiniRocket".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metier.encoders.channels import levels, same_channels
from metier.encoders.principal import Principal
from metier.types import Loss, State, Targets, Vectors

KERNELS = np.array(list(combinations(range(9), 3)), np.int64)  # where the weight is 2; -1 at the other six of nine
FEATURES = 9_996  # 84 kernels of 119 biases each
MOST_DILATIONS = 32
MOST_CHANNELS_TOGETHER = 9
LONGEST = 4_096  # steps; longer series are pooled to this, since a kernel reads each of them thousands of times
MOST_DIRECTIONS = 256

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]


@njit(cache=True, nogil=True)
def _seen(series: F32, dilation: int, together: I64, kernel: I64, out: F32) -> None:
    """What one kernel sees at each step, summed over the channels that go together. Shapes: series (c, t), out (t,)."""
    t = series.shape[1]
    out[:] = 0
    for channel in together:
        values = series[channel]
        for place in range(9):
            weight = np.float32(-1)
            if place == kernel[0] or place == kernel[1] or place == kernel[2]:
                weight = np.float32(2)
            offset = (place - 4) * dilation
            for x in range(max(0, -offset), min(t, t - offset)):
                out[x] += weight * values[x + offset]


@njit(cache=True, nogil=True, fastmath=True)
def _shares_above(sight: F32, biases: F32, out: F32) -> None:
    """The share of steps above each bias; four biases at once, since each step is then loaded once for all four."""
    total, count = np.float32(len(sight)), len(biases)
    fours = count - count % 4
    for i in range(0, fours, 4):
        one, two, three, four = biases[i], biases[i + 1], biases[i + 2], biases[i + 3]
        above_one, above_two, above_three, above_four = np.int32(0), np.int32(0), np.int32(0), np.int32(0)
        for seen in sight:
            above_one += np.int32(seen > one)
            above_two += np.int32(seen > two)
            above_three += np.int32(seen > three)
            above_four += np.int32(seen > four)
        out[i], out[i + 1] = np.float32(above_one) / total, np.float32(above_two) / total
        out[i + 2], out[i + 3] = np.float32(above_three) / total, np.float32(above_four) / total
    for i in range(fours, count):
        above = np.int32(0)
        for seen in sight:
            above += np.int32(seen > biases[i])
        out[i] = np.float32(above) / total


@njit(cache=True, nogil=True, fastmath=True)
def _features(
    series: F32, dilations: I64, counts: I64, channels: I64, ends: I64, biases: F32, kernels: I64, out: F32
) -> None:
    """The share of steps at which each kernel sees more than each of its biases.

    Shapes: series (c, t); dilations and counts (number of dilations,), the biases of a kernel at each; channels that go
    together, of combination i channels[ends[i] : ends[i + 1]]; biases and out (features,).
    """
    c, t = series.shape
    summed = np.empty((c, t), np.float32)  # -1 times all nine places
    parts = np.empty((9, c, t), np.float32)  # 3 times each place
    sight = np.empty(t, np.float32)
    feature = 0
    for j in range(len(dilations)):
        dilation = dilations[j]
        summed[:] = 0
        for place in range(9):
            offset = (place - 4) * dilation
            low, high = max(0, -offset), min(t, t - offset)
            for channel in range(c):
                part, values = parts[place, channel], series[channel]
                part[:] = 0
                for x in range(low, high):
                    part[x] = np.float32(3) * values[x + offset]
                    summed[channel, x] -= values[x + offset]
        padding = 4 * dilation
        for k in range(len(kernels)):
            combination = j * len(kernels) + k
            sight[:] = 0
            for at in range(ends[combination], ends[combination + 1]):
                channel = channels[at]
                base = summed[channel]
                one, two, three = (
                    parts[kernels[k, 0], channel], parts[kernels[k, 1], channel], parts[kernels[k, 2], channel]
                )  # fmt: skip
                for x in range(t):
                    sight[x] += base[x] + one[x] + two[x] + three[x]
            start, stop = 0, t
            if (j + k) % 2 == 1 and t > 2 * padding:  # every other kernel looks only where it sees no zeros
                start, stop = padding, t - padding
            _shares_above(sight[start:stop], biases[feature : feature + counts[j]], out[feature : feature + counts[j]])
            feature += counts[j]


@dataclass(frozen=True, kw_only=True)
class Kernels:
    """What was drawn from the training series; the shapes are those of `_features`."""

    dilations: I64
    counts: I64
    channels: I64
    ends: I64
    biases: F32

    @classmethod
    def fit(cls, series: Sequence[F32], features: int, seed: int) -> Self:
        """Dilations for series as long as these, and biases from some of them."""
        rng = np.random.default_rng(seed)
        c, length = series[0].shape[0], int(np.median([one.shape[1] for one in series]))
        dilations, counts = _spread(length, features)
        combinations_ = len(dilations) * len(KERNELS)
        most = np.log2(min(c, MOST_CHANNELS_TOGETHER) + 1)
        sizes = (2 ** rng.uniform(0, most, combinations_)).astype(np.int64)
        channels = np.concatenate([np.sort(rng.choice(c, size, replace=False)) for size in sizes])
        ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        biases = np.empty(int(counts.sum()) * len(KERNELS), np.float32)
        golden = (np.arange(1, len(biases) + 1) * ((np.sqrt(5) + 1) / 2)) % 1
        at = 0
        for combination, drawn in enumerate(rng.integers(len(series), size=combinations_)):
            j, k = divmod(combination, len(KERNELS))
            together, sight = channels[ends[combination] : ends[combination + 1]], np.empty_like(series[drawn][0])
            _seen(series[drawn], dilations[j], together, KERNELS[k], sight)
            biases[at : at + counts[j]] = np.quantile(sight, golden[at : at + counts[j]])
            at += counts[j]
        return cls(dilations=dilations, counts=counts, channels=channels.astype(np.int64), ends=ends, biases=biases)

    def features(self, series: F32, out: F32) -> None:
        """Writes the features (features,) of one series (c, t) to `out`."""
        _features(series, self.dilations, self.counts, self.channels, self.ends, self.biases, KERNELS, out)


def _spread(length: int, features: int) -> tuple[I64, I64]:
    """Dilations, exponentially farther apart, up to the length; and how many biases a kernel has at each."""
    each = features // len(KERNELS)
    steps = min(each, MOST_DILATIONS)
    widest = np.log2(max(length - 1, 8) / 8)
    dilations, counts = np.unique(np.logspace(0, widest, steps, base=2).astype(np.int64), return_counts=True)
    counts = (counts * (each / steps)).astype(np.int64)
    counts[: each - counts.sum()] += 1  # never more left over than there are dilations
    return dilations, counts


class RocketEncoder:
    """Series (c, t) to dense vectors of about length one."""

    kind = "rocket.v1"
    head = "ridge"

    def __init__(
        self,
        *,
        features: int = FEATURES,
        seed: int = 0,
        level: F32 | None = None,
        spread: F32 | None = None,
        kernels: Kernels | None = None,
        principal: Principal | None = None,
    ) -> None:
        self._features, self._seed = features, seed
        self._level = np.zeros(1, np.float32) if level is None else level  # (c,), of the training series
        self._spread = np.ones(1, np.float32) if spread is None else spread  # (c,)
        self._kernels = kernels  # None before it has learnt
        self._principal = principal or Principal.empty()

    @property
    def width(self) -> int:
        """Columns of what `encode` returns."""
        return self._principal.width

    def fit(self, values: Sequence[F32], targets: Targets | None = None, *, loss: Loss = "softmax") -> Self:
        """An encoder whose biases and directions come from these series; the channels weigh alike.

        Raises: BadCell where they have different numbers of channels.
        """
        level, spread = levels(values)
        scaled = [_pooled((value - level[:, None]) / spread[:, None]) for value in values]
        kernels = Kernels.fit(scaled, self._features, self._seed)
        fitted = type(self)(features=self._features, seed=self._seed, level=level, spread=spread, kernels=kernels)
        fitted._principal = Principal.fit(fitted._all(values), MOST_DIRECTIONS)
        return fitted

    def encode(self, values: Sequence[F32]) -> Vectors:
        """Vectors (n, width)."""
        return self._principal.turned(self._all(values))

    def fits(self, value: F32) -> None:
        """Check a series.

        Raises: BadCell where it has other channels than those learnt.
        """
        same_channels(value, len(self._level))

    def _all(self, values: Sequence[F32]) -> Vectors:
        """Every feature (n, d), before they are turned."""
        if self._kernels is None:
            return np.empty((len(values), 0), np.float32)
        features = np.empty((len(values), len(self._kernels.biases)), np.float32)
        for row, value in zip(features, values, strict=True):
            same_channels(value, len(self._level))
            self._kernels.features(_pooled((value - self._level[:, None]) / self._spread[:, None]), row)
        return features

    def state(self) -> State:
        """The kernels' parameters by name, the scales of the channels, and the directions."""
        arrays = {"level": self._level, "spread": self._spread, **self._principal.arrays()}
        arrays |= vars(self._kernels) if self._kernels is not None else {}
        return State(config={"features": self._features, "seed": self._seed}, arrays=arrays)

    @classmethod
    def restore(cls, state: State) -> Self:
        """The encoder that `state` was taken from.

        Raises: ValueError where its arrays do not fit one another.
        """
        config: dict[str, Any] = dict(state.config)
        a = state.arrays
        level, spread = (np.ascontiguousarray(a[name], np.float32) for name in ("level", "spread"))
        kernels = _restored(a, len(level)) if "biases" in a else None
        principal = Principal.restore(a)
        if level.shape != spread.shape or (0 if kernels is None else len(kernels.biases)) != len(principal.mean):
            raise ValueError(f"{len(principal.mean)} features, and kernels for another number")
        return cls(
            features=config["features"], seed=config["seed"],
            level=level, spread=spread, kernels=kernels, principal=principal,
        )  # fmt: skip


def _restored(arrays: Mapping[str, NDArray[Any]], channels: int) -> Kernels:
    """Checked, because compiled code reads where these numbers tell it to."""
    whole = {part: np.ascontiguousarray(arrays[part], np.int64) for part in _WHOLE}
    kernels = Kernels(**whole, biases=np.ascontiguousarray(arrays["biases"], np.float32))
    combinations_ = len(kernels.dilations) * len(KERNELS)
    sound = (
        len(kernels.counts) == len(kernels.dilations)
        and (kernels.counts >= 0).all()
        and len(kernels.biases) == kernels.counts.sum() * len(KERNELS)
        and (kernels.dilations >= 1).all()
        and len(kernels.ends) == combinations_ + 1
        and kernels.ends[0] == 0
        and (np.diff(kernels.ends) >= 0).all()
        and kernels.ends[-1] == len(kernels.channels)
        and ((kernels.channels >= 0) & (kernels.channels < channels)).all()
    )
    if not sound:
        raise ValueError("the parameters of the kernels do not fit one another")
    return kernels


_WHOLE = ("dilations", "counts", "channels", "ends")


def _pooled(series: F32) -> F32:
    """A series (c, t) of at most LONGEST steps: means of as many steps each as it takes."""
    _c, t = series.shape
    if t <= LONGEST:
        return np.ascontiguousarray(series, np.float32)
    size = -(-t // LONGEST)
    starts = np.arange(0, t, size)
    sizes = np.diff(np.append(starts, t))
    return np.ascontiguousarray(np.add.reduceat(series, starts, axis=1) / sizes, np.float32)


ENCODER: Any = RocketEncoder
