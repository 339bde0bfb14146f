"""Probabilities that mean what they say, from scores made to be wrong in a known way."""

from __future__ import annotations

import numpy as np
import pytest

from metier.decide.calibrate import Blend
from metier.types import State


def test_a_row_between_two_labels_is_told_from_one_that_is_vaguely_many() -> None:
    random = np.random.default_rng(0)
    n, k = 4000, 6
    truth = random.integers(0, k, n)
    torn = random.random(n) < 0.5
    scores = np.zeros((n, k), np.float32)
    other = (truth + random.integers(1, k, n)) % k
    rows = np.arange(n)
    # torn rows: two labels near one another, the first right half of the time; the others: one label before many
    scores[rows, truth] = 2.0
    scores[rows[torn], other[torn]] = 2.0 + np.where(random.random(torn.sum()) < 0.5, 0.05, -0.05)
    scores[rows[~torn], truth[~torn]] = 1.1
    probabilities = Blend.fit(scores[None], truth).probabilities(scores[None])
    right = probabilities.argmax(axis=1) == truth
    top = probabilities.max(axis=1)
    assert top[torn].mean() == pytest.approx(right[torn].mean(), abs=0.06)
    assert top[~torn].mean() == pytest.approx(right[~torn].mean(), abs=0.06)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-4)


def test_a_curve_saved_before_the_second_label_was_seen_says_what_it_said() -> None:
    old = Blend.restore(State(config={"weights": [2.0], "curve": [0.9, 1.2, 0.1]}))
    scores = np.array([[[2.0, 1.0, 0.5]]], np.float32)
    plain = np.exp(2 * scores[0, 0]) / np.exp(2 * scores[0, 0]).sum()
    logit = 0.9 * np.log(plain[0]) - 1.2 * np.log(1 - plain[0]) + 0.1
    assert old.probabilities(scores)[0, 0] == pytest.approx(1 / (1 + np.exp(-logit)), rel=1e-4)


def test_a_few_rows_that_were_all_right_prove_little() -> None:
    truth = np.arange(8) % 2
    scores = 10 * np.eye(2, dtype=np.float32)[truth][None]
    fitted = Blend.fit(scores, truth)
    assert fitted.probabilities(scores).max() <= 9 / 10
    again = Blend.restore(fitted.state())
    np.testing.assert_array_equal(again.probabilities(scores), fitted.probabilities(scores))
