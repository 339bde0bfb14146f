"""What one query costs at each stage, measured on the machine it runs on.

Knows stages and cells; nothing of what was promised or how right the answers are.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter_ns
from typing import Any

import numpy as np

from metier.forms.base import Learnt

TRIES = 5


def stage_microseconds(specialist: Learnt, cells: Sequence[Any]) -> list[float]:
    """The median time of one query that leaves at each stage, and so has been through all before it.

    Every cell is held back to every stage, so that a stage is timed that few rows reach.
    """
    return [_median_microseconds(specialist.held_back(stage + 1), cells) for stage in range(specialist.depth)]


def _median_microseconds(specialist: Learnt, cells: Sequence[Any]) -> float:
    specialist.predict(cells[:1])  # what is compiled or opened at its first use is no query's cost
    times = []
    for cell in [*cells] * TRIES:
        started = perf_counter_ns()
        specialist.predict([cell])
        times.append((perf_counter_ns() - started) / 1000)
    return float(np.median(times)) if times else float("nan")
