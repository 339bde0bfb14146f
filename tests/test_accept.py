"""The promise: kept with the confidence it claims, refused with a number that would do."""

import re

import numpy as np
import pytest

from metier.decide.accept import accept_threshold, candidate_threshold, scope_threshold
from metier.errors import PromiseNotSupported


def rows(n: int, seed: int, spread: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """Honest confidences: a row of confidence p is right with probability p."""
    rng = np.random.default_rng(seed)
    confidence = 1 / (1 + np.exp(-rng.normal(spread, 2.0, n)))
    return confidence.astype(np.float32), rng.random(n) < confidence


def test_a_promise_is_kept_on_fresh_rows_nearly_always() -> None:
    broken = 0
    for seed in range(60):
        confidence, right = rows(4000, seed)
        threshold = accept_threshold(confidence, right, 0.02)
        fresh, fresh_right = rows(40_000, 1000 + seed)
        answered = fresh >= threshold
        broken += (~fresh_right[answered]).mean() > 0.02
        assert answered.mean() > 0.5
    assert broken <= 8  # 5 % of 60 are expected; 9 or more would happen once in 500 times


def test_a_promise_that_too_few_rows_could_support_names_how_many_would() -> None:
    confidence, _ = rows(60, 0)
    with pytest.raises(PromiseNotSupported, match=r"at least 154 rows") as told:
        accept_threshold(confidence, np.ones(60, bool), 0.02)
    assert "even without a single error" in str(told.value)


def test_a_promise_just_out_of_reach_estimates_the_rows_that_would_reach_it() -> None:
    rng = np.random.default_rng(0)
    right = rng.random(1000) >= 0.015
    with pytest.raises(PromiseNotSupported, match=r"About [\d,]+ rows could keep it") as told:
        accept_threshold(rng.random(1000).astype(np.float32), right, 0.02)
    found = re.search(r"About ([\d,]+) rows", str(told.value))
    assert found
    assert int(found[1].replace(",", "")) > 1000


def test_a_promise_no_number_of_rows_could_keep_says_so() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(PromiseNotSupported, match="More rows of this kind would not help"):
        accept_threshold(rng.random(2000).astype(np.float32), rng.random(2000) >= 0.2, 0.02)


def test_the_false_refusal_rate_is_the_one_asked_for() -> None:
    familiarity = np.random.default_rng(0).random(5000)
    refused = familiarity < scope_threshold(familiarity, 0.02)
    assert refused.mean() == pytest.approx(0.02, abs=0.001)


def test_candidates_hold_the_right_label_19_times_in_20() -> None:
    rng = np.random.default_rng(0)
    threshold = candidate_threshold(rng.random(2000).astype(np.float32))
    assert (rng.random(20_000) >= threshold).mean() == pytest.approx(0.95, abs=0.015)
