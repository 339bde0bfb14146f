"""What a machine does, told from two sensors: `python examples/series.py` learns it from series made here.

Each row is a list for each sensor, and no two need be of one length. A fan runs even, worn or blocked.
"""

from __future__ import annotations

import numpy as np

import metier

STATES = ("even", "worn", "blocked")


def measured(state: str, draw: np.random.Generator) -> list[list[float]]:
    """Speed and current of a fan over some seconds."""
    clock = np.arange(int(draw.integers(60, 90)))
    turn = clock / 6 + draw.uniform(0, 6)
    speed = 10 + 0.2 * draw.normal(size=len(clock))
    current = 2 + 0.1 * np.sin(turn) + 0.05 * draw.normal(size=len(clock))
    if state == "worn":  # it rattles, faster than it turns
        speed += 0.4 * np.sin(5 * turn)
    if state == "blocked":  # it slows down at some moment, and draws more
        late = clock > draw.uniform(20, 50)
        speed, current = speed - 2 * late, current + 0.5 * late
    return [speed.round(3).tolist(), current.round(3).tolist()]


def rows(count: int, seed: int) -> list[dict[str, object]]:
    """As many rows of each state."""
    draw = np.random.default_rng(seed)
    return [{"sensors": measured(state, draw), "state": state} for _ in range(count) for state in STATES]


def main() -> None:
    """Learn from 90 rows, and decide of 30 others and of one that is broken."""
    specialist = metier.train(rows(30, seed=0), input="sensors", target="state")
    test = rows(10, seed=1)
    decisions = specialist.predict([row["sensors"] for row in test])
    right = sum(d.candidates[0].label == row["state"] for d, row in zip(decisions, test, strict=True))
    print(f"{specialist.domain.name}: {right} of {len(test)} right")
    print(specialist.predict([[[1.0, 2.0, None], [3.0, 4.0, 5.0]]])[0].error)


if __name__ == "__main__":
    main()
