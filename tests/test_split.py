"""Folds are fair to every label, keep groups whole, and never hold a label alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metier.data.split import folds
from metier.errors import BadOption
from metier.types import Labels


def spread(labels: Labels, fold: Labels, count: int) -> Labels:
    table = np.zeros((labels.max() + 1, count), np.int64)
    np.add.at(table, (labels, fold), 1)
    return table


def test_rows_alone_are_spread_to_the_row() -> None:
    labels = np.random.default_rng(0).integers(0, 77, 10_003)
    fold = folds(labels, None, 5, seed=0)
    table = spread(labels, fold, 5)
    assert (table.max(axis=1) - table.min(axis=1)).max() <= 1
    assert np.ptp(np.bincount(fold)) <= 1


def test_groups_stay_whole_and_labels_stay_even_beside_them() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 20, 5000)
    groups = labels * 1000 + rng.integers(0, 180, 5000) - 7  # of about 1.5 rows, and numbered with holes
    fold = folds(labels, groups, 5, seed=0)
    for group in np.unique(groups):
        assert len(set(fold[groups == group].tolist())) == 1
    table = spread(labels, fold, 5)
    assert (table.max(axis=1) - table.min(axis=1)).max() <= 2


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 12)), min_size=1, max_size=40),
    st.integers(3, 6),
    st.integers(0, 5),
)
def test_whatever_the_groups_a_label_in_two_of_them_can_always_be_learnt(
    rows: list[tuple[int, int]], count: int, seed: int
) -> None:
    # one label a group, as groups of near-duplicates nearly always have
    label_of = {group: label for label, group in rows}
    groups = np.array([group for _, group in rows])
    labels = np.array([label_of[group] for _, group in rows])
    fold = folds(labels, groups, count, seed)
    assert fold.shape == labels.shape
    assert 0 <= fold.min() <= fold.max() < count
    for label in np.unique(labels):
        if len(np.unique(groups[labels == label])) > 1:
            assert len(np.unique(fold[labels == label])) > 1


def test_a_label_with_conflicting_neighbours_is_not_left_in_one_fold() -> None:
    # label 1 occurs in two groups, and both times beside much of label 0, which pulls the groups together
    labels = np.array([0] * 50 + [1] + [0] * 50 + [1] + [2] * 400)
    groups = np.array([0] * 51 + [1] * 51 + list(range(2, 402)))
    for seed in range(20):
        fold = folds(labels, groups, 2, seed)
        assert len(set(fold[labels == 1].tolist())) == 2


def test_the_same_seed_gives_the_same_folds_and_another_gives_others() -> None:
    labels = np.arange(300) % 3
    assert np.array_equal(folds(labels, None, 5, seed=3), folds(labels, None, 5, seed=3))
    assert not np.array_equal(folds(labels, None, 5, seed=3), folds(labels, None, 5, seed=4))


def test_rows_that_follow_one_another_share_a_fold_and_labels_stay_even() -> None:
    labels = np.repeat(np.arange(7), 53)
    groups = np.arange(len(labels))
    groups[[3, 200]] = 1_000  # two that say the same, far apart
    fold = folds(labels, groups, 5, seed=0, runs=True)
    assert fold[3] == fold[200]
    table = spread(labels, fold, 5)
    assert (table.max(axis=1) - table.min(axis=1)).max() <= 1
    for label in range(7):
        own = fold[(labels == label) & (groups < 1_000)]
        assert np.count_nonzero(np.diff(own)) == 4
    assert not np.array_equal(fold, folds(labels, groups, 5, seed=1, runs=True))


def test_fewer_rows_than_folds_are_spread_as_far_as_they_go() -> None:
    assert len(set(folds(np.zeros(3, np.int64), None, 5, seed=0).tolist())) == 3
    assert len(folds(np.zeros(0, np.int64), None, 5, seed=0)) == 0


def test_one_fold_is_refused() -> None:
    with pytest.raises(BadOption, match=r"folds: 1 is too few. Expected 2 or more"):
        folds(np.zeros(3, np.int64), None, 1, seed=0)
