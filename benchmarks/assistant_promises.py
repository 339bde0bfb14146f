"""How often watched promises raise an alarm, where they are kept and where they are broken, by how many were judged.

python benchmarks/assistant_promises.py --tries 1000

Messages are made up with known shares; what is measured is what `metier assistant promises` would have said. Beside it
stands a plain sample of all messages with Clopper and Pearson's range, as many judged.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from metier.assistant.drifted import MARGIN
from metier.assistant.watched import FEWEST_JUDGED
from metier.decide.drawn import Stratum, share_hit
from metier.decide.measure import clopper_pearson
from metier.decide.moved import moved

MESSAGES, STRANGE = 5_000, 0.08  # in a window; the share that is not the assistant's own
BARELY, SLIPPED = 0.2, 0.9  # of what is not declined, how much looks barely the assistant's: of its own, of the others
PROMISED, CAUGHT = 0.02, 0.90
JUDGED, EVERY = (100, 200, 400), 20
WORLDS = {
    "as promised": (0.02, 0.90),
    "5 % refused, 75 % caught": (0.05, 0.75),
    "1 % refused, 97 % caught": (0.01, 0.97),
}
Bools = NDArray[np.bool_]
Ranges = tuple[tuple[float, float] | None, tuple[float, float] | None]  # refused of ours, caught of others


def world(draw: np.random.Generator, refused: float, caught: float) -> tuple[Bools, Bools, Bools]:
    """Which messages are the assistant's own, which are declined, and which barely are not."""
    ours = draw.random(MESSAGES) >= STRANGE
    declined = draw.random(MESSAGES) < np.where(ours, refused, caught)
    return ours, declined, ~declined & (draw.random(MESSAGES) < np.where(ours, BARELY, SLIPPED))


def plain(ours: Bools, declined: Bools, barely: Bools, order: NDArray[np.int64], judged: int) -> Ranges:
    """The first so many of all."""
    drawn = order[:judged]
    out: list[tuple[float, float] | None] = []
    for kind in (ours[drawn], ~ours[drawn]):
        n = int(kind.sum())
        out.append(clopper_pearson(int((kind & declined[drawn]).sum()), n) if n >= FEWEST_JUDGED else None)
    return out[0], out[1]


def two(ours: Bools, declined: Bools, barely: Bools, order: NDArray[np.int64], judged: int) -> Ranges:
    """A third of those declined, and others."""
    return strata(ours, (order[declined[order]], order[~declined[order]]), (judged // 3, judged))


def three(ours: Bools, declined: Bools, barely: Bools, order: NDArray[np.int64], judged: int) -> Ranges:
    """A third of those declined, a third of those that barely are not, and others: what is asked about."""
    sides = (order[declined[order]], order[barely[order]], order[~(declined | barely)[order]])
    return strata(ours, sides, (judged // 3, judged // 3, judged))


def strata(ours: Bools, sides: Sequence[NDArray[np.int64]], most: Sequence[int]) -> Ranges:
    """The first so many of each; of the last what is left of the last number."""
    *firsts, last = sides
    drawn = [side[:few] for side, few in zip(firsts, most, strict=False)]
    drawn.append(last[: most[-1] - sum(map(len, drawn))])
    out: list[tuple[float, float] | None] = []
    for kind in (ours, ~ours):
        found = share_hit(
            *(
                Stratum(rows=len(side), drawn=len(some), kind=int(kind[some].sum()))
                for side, some in zip(sides, drawn, strict=True)
            )
        )
        out.append((found.low, found.high) if found is not None and found.rows >= FEWEST_JUDGED else None)
    return out[0], out[1]


def alarms(ranges: Ranges) -> tuple[bool, bool]:
    """Whether the promise about refusals, and the one about others, lies outside its range."""
    refused, caught = ranges
    return refused is not None and refused[0] > PROMISED, caught is not None and caught[1] < CAUGHT


def promises(tries: int, draw: np.random.Generator) -> Iterator[str]:
    ways: dict[str, Callable[..., Ranges]] = {"plain": plain, "two strata": two, "three strata": three}
    for name, (refused, caught) in WORLDS.items():
        counts = {(way, judged): np.zeros(2) for way in ways for judged in (*JUDGED, 0)}
        for _ in range(tries):
            made = world(draw, refused, caught)
            order = draw.permutation(MESSAGES)
            for way, judge in ways.items():
                for judged in JUDGED:
                    counts[way, judged] += alarms(judge(*made, order, judged))
                if name == "as promised":
                    looks = range(EVERY, JUDGED[-1] + 1, EVERY)
                    counts[way, 0] += np.any([alarms(judge(*made, order, n)) for n in looks], axis=0)
        for (way, judged), found in counts.items():
            if judged or name == "as promised":
                looked = f"{judged} judged" if judged else f"looked at after every {EVERY} of {JUDGED[-1]}"
                yield f"{name}, {way}, {looked}: alarm {found[0] / tries:.1%} refused, {found[1] / tries:.1%} caught"


def drifts(tries: int, draw: np.random.Generator) -> Iterator[str]:
    """Conversations of one to four messages, whose customers are unlike; the last days against the days before."""

    def talks(share: float, count: int) -> list[list[float]]:
        own = draw.beta(share * 6, (1 - share) * 6, count)
        return [list((draw.random(draw.integers(1, 5)) < one).astype(float)) for one in own]

    for count in (100, 400, 2_000):
        for then, now in ((0.08, 0.08), (0.08, 0.13), (0.08, 0.20)):
            found = beyond = 0
            for _ in range(tries):
                said = moved(talks(then, count), talks(now, count), shares=True)
                assert said is not None
                low, high = said.difference.low, said.difference.high
                found += not low <= 0 <= high
                beyond += low > MARGIN or high < -MARGIN
            what = f"{then:.0%} to {now:.0%}, {count} conversations each"
            yield f"{what}: differs {found / tries:.1%}, moved {beyond / tries:.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=1_000)
    tries = parser.parse_args().tries
    draw = np.random.default_rng(7)
    for line in (*promises(tries, draw), *drifts(tries, draw)):
        print(line)


if __name__ == "__main__":
    main()
