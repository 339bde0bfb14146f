"""What every encoder of series asks of their channels: as many as in training, and how each is scaled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from metier.errors import BadCell

F32 = NDArray[np.float32]


def levels(values: Sequence[F32]) -> tuple[F32, F32]:
    """The mean and the spread of each channel over all steps of all series, both (c,).

    Raises: BadCell where the series have different numbers of channels.
    """
    for value in values:
        same_channels(value, len(values[0]))
    everything = np.concatenate(values, axis=1, dtype=np.float64)
    spread = everything.std(axis=1)
    return everything.mean(axis=1).astype(np.float32), np.where(spread > 0, spread, 1).astype(np.float32)


def same_channels(value: F32, channels: int) -> None:
    """Check a series (c, t).

    Raises: BadCell where it has other channels than those learnt.
    """
    if len(value) != channels:
        raise BadCell(
            f"a series of {len(value)} channels, and {channels} were learnt. Expected the channels of the training "
            "rows, in their order; add what is missing or leave the row out."
        )
