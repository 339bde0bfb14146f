"""Labels that are probably wrong are named, surest first, and right ones are not."""

from __future__ import annotations

import numpy as np

from metier.decide.suspects import suspects


def test_a_row_that_another_label_claims_as_surely_as_its_own_rows_is_suspect() -> None:
    probabilities = np.array(
        [[0.9, 0.1, 0.0], [0.8, 0.1, 0.1], [0.1, 0.9, 0.0], [0.2, 0.8, 0.0], [0.0, 0.1, 0.9], [0.88, 0.02, 0.1]],
        np.float32,
    )
    found = suspects(np.array([0, 0, 1, 1, 2, 1]), probabilities)
    assert found.rows.tolist() == [5]
    assert found.likelier.tolist() == [0]
    assert found.margin.round(6).tolist() == [0.86]


def test_a_label_that_is_all_but_ruled_out_is_suspect_though_no_rival_is_sure() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0], [0.0, 0.1, 0.9], [0.5, 0.495, 0.005]], np.float32)
    found = suspects(np.array([0, 1, 2, 2]), probabilities)
    assert (found.rows.tolist(), found.likelier.tolist()) == ([3], [0])


def test_rows_that_are_merely_hard_are_not_suspect() -> None:
    probabilities = np.array([[0.6, 0.4], [0.4, 0.6], [0.5, 0.5], [0.45, 0.55]], np.float32)
    assert suspects(np.array([0, 1, 0, 1]), probabilities).rows.tolist() == []


def test_planted_mistakes_are_found_and_the_surest_come_first() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 5, 2000)
    scores = rng.normal(0, 1, (2000, 5))
    scores[np.arange(2000), truth] += 4
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    wrong = rng.random(2000) < 0.05
    given = np.where(wrong, (truth + rng.integers(1, 5, 2000)) % 5, truth)
    found = suspects(given, probabilities.astype(np.float32))
    assert wrong[found.rows[:50]].mean() > 0.9
    assert wrong[found.rows].sum() > 0.75 * wrong.sum()
    assert np.all(np.diff(found.margin) <= 0)
    right = wrong[found.rows]
    assert (found.likelier == truth[found.rows])[right].mean() > 0.95
