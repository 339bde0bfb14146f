"""Pairs of columns that tell more together are found, and their means are told by other rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from metier.encoders.pairs import BINS, Pairs

RNG = np.random.default_rng(0)
VECTORS = RNG.uniform(0, 1, (12_000, 4)).astype(np.float32)
APART = ((VECTORS[:, 0] > 0.5) ^ (VECTORS[:, 2] > 0.5)).astype(np.float64)  # neither column says anything alone
PAIRS, WIDENED = Pairs.learnt(VECTORS, APART, [0, 1, 2, 3], seed=0)


def test_the_pair_that_tells_is_the_first() -> None:
    assert PAIRS.columns[PAIRS.pairs[0]].tolist() == [0, 2]
    asked = np.array([[0.1, 0.5, 0.9, 0.5], [0.1, 0.5, 0.1, 0.5]], np.float32)
    high, low = PAIRS.beside(asked)[:, 4]
    assert high > 0.65
    assert low < 0.35
    assert PAIRS.beside(asked)[:, :4].tolist() == asked.tolist()


def test_rows_are_told_by_others() -> None:
    noise = RNG.integers(0, 2, len(VECTORS)).astype(np.float64)
    pairs, widened = Pairs.learnt(VECTORS, noise, [0, 1, 2, 3], seed=0)
    apart = [abs(np.corrcoef(column, noise)[0, 1]) for column in widened[:, 4:].T]
    assert max(apart, default=0) < 0.1, "a row that told its own mean would be known by it"
    own = pairs.beside(VECTORS)[:, 4:]
    assert all(np.corrcoef(column, noise)[0, 1] > 0.1 for column in own.T)


def test_numbers_are_told_as_well() -> None:
    pairs, _ = Pairs.learnt(VECTORS, 100 * APART - 30, [0, 1, 2, 3], seed=0)
    assert pairs.columns[pairs.pairs[0]].tolist() == [0, 2]


def test_what_is_missing_or_was_never_seen_has_a_mean_of_its_own() -> None:
    vectors = VECTORS.copy()
    vectors[:400, 0] = -0.5
    answers = np.where(np.arange(len(vectors)) < 400, vectors[:, 2] > 0.5, APART).astype(np.float64)
    pairs, _ = Pairs.learnt(vectors, answers, [0, 2], seed=0)
    missing, low = pairs.beside(np.array([[-0.5, 0, 0.9, 0], [0.9, 0, 0.9, 0]], np.float32))[:, 4]
    assert missing > 0.5 > low
    assert len(pairs.edges) <= 2 * (BINS + 2)


def test_they_come_back_as_they_were_and_fit_only_what_has_their_columns() -> None:
    again = Pairs.restore(PAIRS.state().arrays)
    np.testing.assert_array_equal(again.beside(VECTORS), PAIRS.beside(VECTORS))
    with pytest.raises(ValueError, match="vectors have 2 columns, and pairs are of 4"):
        again.beside(VECTORS[:, :2])


@pytest.mark.parametrize(
    ("name", "damaged"),
    [
        ("columns", PAIRS.columns - 1),
        ("columns", PAIRS.columns[:-1]),
        ("starts", PAIRS.starts + 1),
        ("starts", PAIRS.starts[::-1]),
        ("pairs", PAIRS.pairs + 3),
        ("pairs", PAIRS.pairs[:, :1]),
        ("at", PAIRS.at + 1),
        ("means", PAIRS.means[:-1]),
        ("means", PAIRS.means.astype(np.float64)),
        ("edges", PAIRS.edges[:-1]),
    ],
)
def test_arrays_that_lead_astray_are_refused(name: str, damaged: Any) -> None:
    with pytest.raises(ValueError, match="do not fit one another"):
        Pairs.restore({**PAIRS.state().arrays, name: damaged})
