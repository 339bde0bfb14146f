"""Rows that say nearly the same are found, all of them, and rows that only look alike are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from metier.data.read import read
from metier.encoders.near import ALIKE, CROWD, near_groups, near_pairs
from metier.encoders.ngrams import NgramEncoder
from metier.types import Rows


def rows_of(rows: list[dict[int, float]], width: int = 1000) -> Rows:
    starts = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    columns = np.array([column for row in rows for column in row], np.int32)
    weights = np.array([weight for row in rows for weight in row.values()], np.float32)
    return Rows(starts=starts, columns=columns, weights=weights, width=width)


def some_rows(n: int, seed: int = 0) -> Rows:
    """Random rows of which every third repeats the one before it with a few columns changed."""
    rng = np.random.default_rng(seed)
    rows: list[dict[int, float]] = []
    for i in range(n):
        if i % 3 == 2:
            row = dict(rows[-1])
            for column in rng.choice(list(row), rng.integers(0, 8), replace=False).tolist():
                row[int(rng.integers(1, 5000))] = row.pop(column)
        else:
            row = {int(c): float(w) for c, w in zip(rng.integers(0, 5000, 30), rng.random(30) + 0.1, strict=True)}
        rows.append(row)
    return rows_of(rows, width=5000)


def cosines(rows: Rows) -> np.ndarray:
    dense = np.zeros((len(rows), rows.width))
    for i in range(len(rows)):
        here = slice(rows.starts[i], rows.starts[i + 1])
        dense[i, rows.columns[here]] = rows.weights[here]
    lengths = np.linalg.norm(dense, axis=1)
    dense[:, 0] = 0  # what was never seen is in nobody's common ground
    return dense @ dense.T / np.outer(lengths, lengths)


def test_the_pairs_are_those_that_comparing_each_with_each_finds() -> None:
    rows = some_rows(600)
    pairs = near_pairs(rows, 0.8)
    exact = cosines(rows)
    left, right = np.nonzero(np.triu(exact >= 0.8, k=1))
    assert len(left) > 100
    assert list(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)) == list(
        zip(left.tolist(), right.tolist(), strict=True)
    )
    assert pairs.similarity == pytest.approx(exact[left, right], abs=1e-6)


def test_groups_are_chains_of_pairs_numbered_by_first_appearance() -> None:
    a, b = {1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0}, {1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0, 5: 1.0}
    c, far = {1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0, 5: 1.0, 6: 1.0}, {9: 1.0}
    assert near_groups(rows_of([far, a, b, far, c]), 0.85).tolist() == [0, 1, 1, 0, 1]


def test_what_was_never_seen_makes_nothing_alike() -> None:
    assert near_groups(rows_of([{0: 1.0}, {0: 1.0}, {}, {}])).tolist() == [0, 1, 2, 3]
    assert near_groups(rows_of([{0: 3.0, 1: 1.0, 2: 1.0}, {0: 3.0, 1: 1.0, 2: 1.0}])).tolist() == [0, 1]


def test_a_crowd_of_equal_rows_is_one_group_and_costs_no_square() -> None:
    crowd = rows_of([{1: 1.0, 2: 2.0}] * (40 * CROWD) + [{7: 1.0}])
    assert len(near_pairs(crowd).left) < 40 * CROWD * 10
    groups = near_groups(crowd)
    assert groups.max() == 1
    assert (groups == 0).sum() == 40 * CROWD


def test_the_same_rows_give_the_same_pairs_also_when_the_order_of_columns_differs() -> None:
    rows = some_rows(300)
    first, again = near_pairs(rows), near_pairs(rows)
    assert np.array_equal(first.similarity, again.similarity)
    columns, weights = rows.columns.copy(), rows.weights.copy()
    for i in range(len(rows)):
        here = slice(rows.starts[i], rows.starts[i + 1])
        columns[here], weights[here] = columns[here][::-1].copy(), weights[here][::-1].copy()
    turned = near_pairs(Rows(starts=rows.starts, columns=columns, weights=weights, width=rows.width))
    assert np.array_equal(first.left, turned.left)
    assert np.array_equal(first.right, turned.right)


def test_no_rows_and_one_row() -> None:
    assert near_groups(rows_of([])).tolist() == []
    assert near_groups(rows_of([{1: 1.0}])).tolist() == [0]


def test_bank_queries_that_ask_the_same_are_joined_and_opposites_are_not(metier_data: Path) -> None:
    texts = read(metier_data / "banking77" / "train.csv").columns["text"]
    asked = [
        "Where is my card?", "where is my card", "WHERE IS MY CARD!!", "where is my, card",
        "How do I reset my passcode?", "How can I reset my passcode?",
        "I want to freeze my card", "I want to unfreeze my card",
        "How do I activate my card", "How do I deactivate my card",
        "my transfer was declined", "my transfer was not declined",
    ]  # fmt: skip
    groups = near_groups(NgramEncoder().fit(texts).encode(asked))
    assert groups.tolist() == [0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7]


def test_all_pairs_of_ten_thousand_queries_are_found(metier_data: Path) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    texts = read(metier_data / "banking77" / "train.csv").columns["text"]
    rows = NgramEncoder().fit(texts).encode(texts)
    pairs = near_pairs(rows)
    whole = sparse.csr_array((rows.weights, rows.columns, rows.starts), shape=(len(rows), rows.width))[:, 1:]
    exact = 0
    for start in range(0, len(texts), 500):
        products = (whole[start : start + 500] @ whole.T).tocoo()
        exact += int(((products.data >= ALIKE) & (products.col > products.row + start)).sum())
    assert len(pairs.left) >= 0.99 * exact > 900
