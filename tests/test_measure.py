"""Each figure against a library that also has it, or against a case worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from metier.decide import measure


def _rows(seed: int, n: int = 400, k: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities (n, k), truths (n,) drawn from them, guesses (n,): an honestly calibrated guesser."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(k, 0.4), size=n).astype(np.float32)
    truth = np.array([random.choice(k, p=p / p.sum()) for p in probabilities.astype(np.float64)])
    return probabilities, truth, probabilities.argmax(axis=1)


@pytest.mark.parametrize("rows", [1, 2, 17, 300, 10_000])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_clopper_pearson_is_the_exact_beta_interval(rows: int, confidence: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    for errors in sorted({0, 1, rows // 50, rows // 2, rows // 2 + 1, rows - 1, rows} & set(range(rows + 1))):
        tail = (1 - confidence) / 2
        low = 0.0 if errors == 0 else stats.beta.ppf(tail, errors, rows - errors + 1)
        high = 1.0 if errors == rows else stats.beta.ppf(1 - tail, errors + 1, rows - errors)
        assert measure.clopper_pearson(errors, rows, confidence) == pytest.approx((low, high), rel=1e-9, abs=1e-12)


def test_wilson_is_the_one_scipy_gives() -> None:
    stats = pytest.importorskip("scipy.stats")
    for successes, rows in [(0, 1), (1, 1), (5, 10), (2899, 3080), (10_000, 10_000)]:
        known = stats.binomtest(successes, rows).proportion_ci(0.95, method="wilson")
        found = measure.wilson(successes, rows)
        assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=1e-12)
        assert (found.value, found.rows) == (successes / rows, rows)
        assert found.low <= found.value <= found.high


@pytest.mark.parametrize(("part", "rows"), [(0, 0), (3, 2), (-1, 5)])
def test_a_share_of_nothing_is_refused(part: int, rows: int) -> None:
    for figure in (measure.wilson, lambda a, b: measure.clopper_pearson(a, b, 0.95)):
        with pytest.raises(ValueError, match=f"got {part} of {rows}"):
            figure(part, rows)


@pytest.mark.parametrize("seed", range(5))
def test_figures_agree_with_sklearn(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    probabilities, truth, guesses = _rows(seed)
    found = measure.per_class(truth, guesses, np.ones(len(truth), bool), 5)
    precision, recall, f1, rows = metrics.precision_recall_fscore_support(truth, guesses, labels=range(5))
    np.testing.assert_allclose(found.precision, precision)
    np.testing.assert_allclose(found.recall, recall)
    np.testing.assert_allclose(found.f1, f1)
    np.testing.assert_array_equal(found.rows, rows)
    assert measure.macro_f1(truth, guesses, 5) == pytest.approx(metrics.f1_score(truth, guesses, average="macro"))
    assert measure.log_loss(probabilities, truth) == pytest.approx(metrics.log_loss(truth, probabilities), rel=1e-4)
    one_hot = np.eye(5)[truth]
    assert measure.brier(probabilities, truth) == pytest.approx(((probabilities - one_hot) ** 2).sum(axis=1).mean())


def test_auroc_agrees_with_sklearn_ties_and_all() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(0)
    inside, outside = random.integers(3, 12, 300) / 10, random.integers(0, 9, 90) / 10
    known = metrics.roc_auc_score(np.r_[np.ones(300), np.zeros(90)], np.r_[inside, outside])
    assert measure.auroc(inside, outside) == pytest.approx(known)
    assert measure.auroc(np.array([1.0]), np.array([1.0])) == 0.5
    assert math.isnan(measure.auroc(inside, np.array([])))


def test_calibration_error_by_hand() -> None:
    confidences = np.array([0.2, 0.4, 0.8, 1.0])
    correct = np.array([False, True, True, True])
    low, high = measure.reliability(confidences, correct, bins=2)
    assert (low.low, low.high, low.confidence, low.accuracy, low.rows) == pytest.approx((0.2, 0.4, 0.3, 0.5, 2))
    assert (high.confidence, high.accuracy) == pytest.approx((0.9, 1.0))
    assert measure.calibration_error(confidences, correct, bins=2) == pytest.approx((0.2 + 0.1) / 2)
    assert math.isnan(measure.calibration_error(confidences[:0], correct[:0]))


def test_an_honest_guesser_has_a_small_calibration_error_and_a_boaster_a_large_one() -> None:
    probabilities, truth, guesses = _rows(1, n=4000)
    correct = truth == guesses
    honest = measure.calibration_error(probabilities.max(axis=1), correct)
    boaster = measure.calibration_error(np.full(4000, 0.999), correct)
    assert honest < 0.03
    assert boaster == pytest.approx(0.999 - correct.mean(), abs=1e-6)


def test_bins_hold_every_row_and_differ_by_one_at_most() -> None:
    confidences = np.random.default_rng(0).random(100)
    rows = [b.rows for b in measure.reliability(confidences, confidences > 0.5, bins=15)]
    assert sum(rows) == 100
    assert max(rows) - min(rows) <= 1
    assert len(measure.reliability(confidences[:4], confidences[:4] > 0.5, bins=15)) == 4


def test_risk_coverage_by_hand() -> None:
    curve = measure.risk_coverage(np.array([0.1, 0.9, 0.5, 0.7]), np.array([False, True, False, True]))
    np.testing.assert_allclose(curve.coverage, [0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(curve.risk, [0, 0, 1 / 3, 1 / 2])
    np.testing.assert_allclose(curve.threshold, [0.9, 0.7, 0.5, 0.1])
    assert curve.area == pytest.approx((1 / 3 + 1 / 2) / 4)


def test_the_order_of_the_rows_changes_no_figure() -> None:
    random = np.random.default_rng(3)
    confidences, correct = random.integers(0, 6, 200) / 5, random.random(200) < 0.7  # many ties
    shuffled = random.permutation(200)
    there, here = (
        (measure.calibration_error(c, r), measure.risk_coverage(c, r).area)
        for c, r in ((confidences, correct), (confidences[shuffled], correct[shuffled]))
    )
    assert there == here


def test_labels_nobody_has_or_guesses_have_no_figures() -> None:
    found = measure.per_class(np.array([0, 0, 1]), np.array([0, 1, -1]), np.array([True, False, True]), 3)
    np.testing.assert_array_equal(found.rows, [2, 1, 0])
    np.testing.assert_array_equal(found.guessed, [1, 1, 0])
    np.testing.assert_allclose(found.precision, [1, 0, np.nan])
    np.testing.assert_allclose(found.recall, [0.5, 0, np.nan])
    np.testing.assert_allclose(found.f1, [2 / 3, 0, np.nan])
    np.testing.assert_allclose(found.accepted, [0.5, 1, np.nan])
    assert measure.macro_f1(np.array([0, 0, 1]), np.array([0, 1, -1]), 3) == pytest.approx(1 / 3)


def test_confusions_are_ranked_counted_and_shown_surest_first() -> None:
    truth = np.array([0, 0, 0, 0, 1, 2, 2])
    guesses = np.array([1, 1, 2, -1, 1, 0, 2])
    confidences = np.array([0.6, 0.9, 0.5, 0.0, 0.9, 0.8, 0.9])
    pairs = measure.confusions(truth, guesses, confidences, 3)
    assert [(p.truth, p.guess, p.count) for p in pairs] == [(0, 1, 2), (0, 2, 1), (2, 0, 1)]
    assert pairs[0].rows == (1, 0)
    assert pairs[0].share == 0.5  # two of the four errors on label 0; the row with no guess is one of them
    assert measure.confusions(truth, guesses, confidences, 3, examples=1)[0].rows == (1,)
    assert measure.confusions(truth, truth, confidences, 3) == ()
