"""Shares from two strata: exact where all was looked at, and their ranges hold what is true as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from metier.decide.drawn import Stratum, share_hit
from metier.decide.measure import clopper_pearson


def test_where_every_row_was_looked_at_it_is_the_exact_interval() -> None:
    found = share_hit(Stratum(rows=8, drawn=8, kind=3), Stratum(rows=92, drawn=92, kind=90))
    assert found is not None
    assert (found.value, found.rows) == (3 / 93, 93)
    assert (found.low, found.high) == clopper_pearson(3, 93)


def test_strata_are_weighed_by_what_they_hold_and_not_by_what_was_drawn() -> None:
    # a third of the 100 refused are ours, and nearly all of 9,900 others: 33 of 9,834, not 20 of 79
    found = share_hit(Stratum(rows=100, drawn=60, kind=20), Stratum(rows=9_900, drawn=60, kind=59))
    assert found is not None
    assert found.value == pytest.approx((100 / 3) / (100 / 3 + 9_900 * 59 / 60))
    assert 0.001 < found.low < found.value < found.high < 0.01


@pytest.mark.parametrize(
    ("hit", "rest", "low", "high"),
    [
        (Stratum(rows=0, drawn=0, kind=0), Stratum(rows=500, drawn=50, kind=40), 0.0, 0.1),
        (Stratum(rows=500, drawn=50, kind=40), Stratum(rows=0, drawn=0, kind=0), 0.9, 1.0),
        (Stratum(rows=50, drawn=0, kind=0), Stratum(rows=500, drawn=50, kind=40), 0.0, 0.3),  # none refused was seen
        (Stratum(rows=50, drawn=40, kind=10), Stratum(rows=500, drawn=0, kind=0), 0.0, 1.0),
    ],
)
def test_what_was_not_looked_at_leaves_the_range_wide(hit: Stratum, rest: Stratum, low: float, high: float) -> None:
    found = share_hit(hit, rest)
    assert found is not None
    assert low - 1e-9 <= found.low <= found.value <= found.high <= high + 1e-9


def test_several_strata_of_the_rest_are_summed_by_their_size() -> None:
    hit, low, rest = (Stratum(rows=n, drawn=50, kind=k) for n, k in ((200, 40), (300, 10), (4_000, 0)))
    found = share_hit(hit, low, rest)
    assert found is not None
    assert found.value == pytest.approx(160 / (160 + 60))
    # none of 50 others does not mean none of 4,000: at least little can be said, at most more than of one stratum
    one = share_hit(hit, Stratum(rows=4_300, drawn=100, kind=10))
    assert one is not None
    assert found.low < 0.45
    assert one.high < found.high < 0.9
    every = share_hit(*(Stratum(rows=50, drawn=50, kind=k) for k in (40, 10, 0)))
    assert every is not None
    assert (every.low, every.high) == clopper_pearson(40, 50)


def test_none_in_all_of_the_rest_is_as_little_as_the_least_looked_at_says() -> None:
    hit = Stratum(rows=90, drawn=30, kind=30)
    found, few, many = (
        share_hit(hit, *(Stratum(rows=900, drawn=n, kind=0) for n in drawn))
        for drawn in ((10, 300), (10, 10), (300, 300))
    )
    assert found is not None
    assert few is not None
    assert many is not None
    assert few.low < found.low < many.low
    assert (found.value, found.high) == (1.0, 1.0)


def test_nobody_of_the_kind_says_nothing() -> None:
    assert share_hit(Stratum(rows=5, drawn=5, kind=0), Stratum(rows=5, drawn=3, kind=0)) is None


def test_with_three_strata_too() -> None:
    """Nine of ten strangers that slip through look barely like the assistant's own."""
    refused, caught, strange, tries = 0.02, 0.9, 0.15, 1_000
    random, misses = np.random.default_rng(9), np.zeros(4)
    for _ in range(tries):
        ours = random.random(3_000) >= strange
        hit = random.random(3_000) < np.where(ours, refused, caught)
        low = ~hit & (random.random(3_000) < np.where(ours, 0.2, 0.9))
        drawn = [(side, random.permutation(np.flatnonzero(side))[:60]) for side in (hit, low, ~hit & ~low)]
        for place, (kind, true) in enumerate(((ours, refused), (~ours, caught))):
            found = share_hit(
                *(Stratum(rows=int(side.sum()), drawn=len(of), kind=int(kind[of].sum())) for side, of in drawn)
            )
            assert found is not None
            misses[2 * place : 2 * place + 2] += found.high < true, found.low > true
    assert (misses <= 0.04 * tries).all()  # a little over 2.5 % where few of a kind are in two strata


@pytest.mark.parametrize(("refused", "strange"), [(0.02, 0.08), (0.1, 0.3)])
def test_the_range_misses_what_is_true_at_most_as_often_as_it_says(refused: float, strange: float) -> None:
    random, below, above, tries = np.random.default_rng(3), 0, 0, 1_000
    for _ in range(tries):
        ours = random.random(3_000) >= strange
        hit = np.where(ours, random.random(3_000) < refused, random.random(3_000) < 0.9)
        strata = []
        for side, most in ((hit, 50), (~hit, 100)):
            drawn = random.permutation(np.flatnonzero(side))[:most]
            strata.append(Stratum(rows=int(side.sum()), drawn=len(drawn), kind=int(ours[drawn].sum())))
        found = share_hit(*strata)
        assert found is not None
        below += found.high < refused
        above += found.low > refused
    assert below <= 0.025 * tries + 15  # three times what chance leaves
    assert above <= 0.025 * tries + 15
