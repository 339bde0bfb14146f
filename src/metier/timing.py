"""What one query costs at each stage, measured on the machine it runs on.

Knows stages and cells; nothing of what was promised or how right the answers are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter_ns
from typing import Any

import numpy as np

from metier.cascade import Cascade
from metier.decide.exits import Exit
from metier.specialist import Specialist

TRIES = 5


def stage_microseconds(specialist: Specialist, cells: Sequence[Any]) -> list[float]:
    """The median time of one query that leaves at each stage, and so has been through all before it.

    Every cell is held back to every stage, so that a stage is timed that few rows reach.
    """
    stages = specialist.cascade.stages
    held_back = [
        replace(specialist, cascade=Cascade(stages=(*(replace(s, exit=Exit.never()) for s in stages[:i]), stages[i])))
        for i in range(len(stages))
    ]
    return [_median_microseconds(one, cells) for one in held_back]


def _median_microseconds(specialist: Specialist, cells: Sequence[Any]) -> float:
    specialist.predict(cells[:1])  # what is compiled or opened at its first use is no query's cost
    times = []
    for cell in [*cells] * TRIES:
        started = perf_counter_ns()
        specialist.predict([cell])
        times.append((perf_counter_ns() - started) / 1000)
    return float(np.median(times)) if times else float("nan")
