"""Two samples in groups: like ones are rarely told apart, unlike ones are, and groups count rather than rows."""

from __future__ import annotations

import numpy as np
import pytest

from metier.decide.moved import Groups, moved


def _talks(random: np.random.Generator, share: float, groups: int = 200, size: int = 3) -> Groups:
    return [list((random.random(size) < share).astype(float)) for _ in range(groups)]


def test_without_groups_it_is_the_interval_of_agresti_and_caffo() -> None:
    then, now = [[1.0]] * 4 + [[0.0]] * 96, [[1.0]] * 15 + [[0.0]] * 135
    found = moved(then, now, shares=True, confidence=0.95)
    assert found is not None
    p, q = 5 / 102, 16 / 152
    half = 1.959964 * np.sqrt(p * (1 - p) / 101 + q * (1 - q) / 151)  # m - 1 of a sample, as of its variance
    assert (found.difference.low, found.difference.high) == pytest.approx((q - p - half, q - p + half), rel=1e-4)
    assert (found.then, found.now) == (0.04, 0.1)


def test_one_customer_with_many_strange_messages_is_one_strange_customer() -> None:
    then = [[0.0]] * 100
    many, one = [[0.0]] * 90 + [[1.0]] * 30, [[0.0]] * 90 + [[1.0] * 30]
    told, not_told = moved(then, many, shares=True), moved(then, one, shares=True)
    assert told is not None
    assert not_told is not None
    assert told.difference.low > 0
    assert not_told.difference.low < 0 < not_told.difference.high


def test_few_groups_say_nothing() -> None:
    assert moved([[1.0]] * 29, [[1.0]] * 500, shares=True) is None
    assert moved([[0.5, 0.4]] * 30, [[0.5]] * 29 + [[]], shares=False) is None
    assert moved([[0.5, 0.4]] * 30, [[0.5]] * 30, shares=False) is not None


def test_values_that_never_vary_are_the_same_or_are_not() -> None:
    same, other = moved([[0.5]] * 30, [[0.5]] * 30, shares=False), moved([[0.5]] * 30, [[0.7]] * 30, shares=False)
    assert same is not None
    assert other is not None
    assert (same.p, other.p) == (1.0, 0.0)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3])
def test_like_samples_are_seldom_told_apart(share: float) -> None:
    random, found = np.random.default_rng(5), 0
    for _ in range(500):
        # customers differ: some ask strange things all the time
        own = [random.beta(share * 5 + 1e-9, (1 - share) * 5) for _ in range(160)] if share else [0.0] * 160
        talks = [list((random.random(4) < one).astype(float)) for one in own]
        said = moved(talks[:60], talks[60:], shares=True)
        assert said is not None
        found += not said.difference.low <= 0 <= said.difference.high
    assert found <= 13  # of 500 at 1 %, and what chance adds


def test_unlike_samples_are_told_apart() -> None:
    random = np.random.default_rng(6)
    said = moved(_talks(random, 0.02), _talks(random, 0.2), shares=True)
    assert said is not None
    assert said.difference.low > 0.1
    assert said.p < 1e-6
