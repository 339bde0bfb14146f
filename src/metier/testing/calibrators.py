"""The contract of calibrators."""

from __future__ import annotations

from typing import Any

import numpy as np

from metier.testing.base import expect, expect_dense, restored, softmax
from metier.types import Floats, Labels, Probabilities, Scores, Targets


def check_calibrator(calibrator: type[Any]) -> None:
    """Hold a calibrator to its promise: order kept, more honest than before, one head or several, the way back.

    What the scores are follows from its `loss`; a calibrator that does not say takes those of exactly one label.

    Raises: ContractBroken.
    """
    checks = {"softmax": _check_one_label, "logistic": _check_labels, "squared": _check_numbers}
    checks[getattr(calibrator, "loss", "softmax")](calibrator)


def _check_one_label(calibrator: Any) -> None:
    scores, labels = _overconfident()
    fitted = calibrator.fit(scores[None], labels)
    probabilities = fitted.probabilities(scores[None])
    _check_probabilities(probabilities, scores.shape)
    ranked = np.take_along_axis(probabilities, scores.argsort(axis=1), axis=1)
    expect((np.diff(ranked, axis=1) >= -1e-6).all(), "probabilities: the order of the scores was not kept")
    _check_probabilities(fitted.probabilities(scores[None, :0]), (0, scores.shape[1]))
    alone = np.concatenate([fitted.probabilities(row[None, None]) for row in scores[:20]])
    expect(np.array_equal(alone, probabilities[:20]), "probabilities: other bytes for a row alone than in a batch")
    before, after = _surprise(softmax(scores), labels), _surprise(probabilities, labels)
    expect(after < before, f"fit: log loss {after:.3f} on overconfident scores, and {before:.3f} without it")
    again = restored(fitted).probabilities(scores[None])
    expect(np.array_equal(again, probabilities), "restore: other probabilities than before it was saved")
    leant = fitted.leanings(1000 * scores[None])
    expect(leant.shape == scores.shape, f"leanings: {leant.shape}, and {scores.shape} was expected")
    expect((leant.argmax(axis=1) == scores.argmax(axis=1)).all(), "leanings: to another label than the scores")
    expect(len(np.unique(leant[:, 0])) == len(leant), "leanings: equal where scores differ, so they come to an end")
    heads = np.stack([scores, np.random.default_rng(1).normal(size=scores.shape).astype(np.float32)])
    both = calibrator.fit(heads, labels).probabilities(heads)
    _check_probabilities(both, scores.shape)
    beside = _surprise(both, labels)
    expect(
        beside < after + 0.01, f"fit: log loss {beside:.3f} beside a head that knows nothing, {after:.3f} without it"
    )


def _check_labels(calibrator: Any) -> None:
    """Labels that stand by themselves, some of them unknown."""
    rng = np.random.default_rng(0)
    honest = rng.normal(-1, 1, size=(600, 3)).astype(np.float32)
    truth = (rng.random(honest.shape) < _sigmoid(honest)).astype(np.float32)
    given = np.where(rng.random(honest.shape) < 0.2, np.nan, truth).astype(np.float32)
    scores = (4 * honest)[None]
    fitted = calibrator.fit(scores, given)
    probabilities = fitted.probabilities(scores)
    _check_shares(probabilities, honest.shape)
    for column, told in zip(honest.T, probabilities.T, strict=True):
        expect((np.diff(told[column.argsort()]) >= -1e-6).all(), "probabilities: the order of a label was not kept")
    _check_alike(fitted, scores, probabilities)
    before, after = _surprise_each(_sigmoid(scores[0]), truth), _surprise_each(probabilities, truth)
    expect(after < before, f"fit: log loss {after:.3f} on overconfident scores, and {before:.3f} without it")
    heads = np.concatenate([scores, rng.normal(size=scores.shape).astype(np.float32)])
    beside = _surprise_each(calibrator.fit(heads, given).probabilities(heads), truth)
    expect(
        beside < after + 0.01, f"fit: log loss {beside:.3f} beside a head that knows nothing, {after:.3f} without it"
    )


def _check_numbers(calibrator: Any) -> None:
    """Numbers that are harder to tell the larger they are."""
    (scores, truth), (unseen, true) = _noisy(0), _noisy(1)
    fitted = calibrator.fit(scores, truth, np.ones(len(truth)), wrong=0.1)
    told = fitted.probabilities(unseen, np.ones(len(true)))
    expect_dense("probabilities", told, (len(true), 4))
    low, estimate, high, share = told.T
    expect(((low <= estimate) & (estimate <= high)).all(), "probabilities: an estimate outside its interval")
    held = float(((low <= true) & (true <= high)).mean())
    expect(abs(held - 0.9) < 0.04, f"probabilities: {held:.1%} of true values inside; 90 % was asked for")
    expect(np.allclose(share, 0.9), f"probabilities: they claim {share[0]:.1%}; 90 % was asked for")
    widths = (high - low)[unseen[0, :, 0].argsort()]
    expect(widths[-200:].mean() > widths[:200].mean(), "probabilities: no wider where the truth is harder to tell")
    _check_alike(fitted, unseen, fitted.probabilities(unseen))
    heads = np.concatenate([scores, np.random.default_rng(2).normal(size=scores.shape).astype(np.float32)])
    beside = calibrator.fit(heads, truth, np.ones(len(truth)), wrong=0.1).probabilities(heads, np.ones(len(truth)))
    wide, narrow = (float((p[:, 2] - p[:, 0]).mean()) for p in (beside, told))
    expect(wide < 1.15 * narrow, f"fit: width {wide:.2f} beside a head that knows nothing, {narrow:.2f} without it")


def _check_alike(fitted: Any, scores: Scores, probabilities: Probabilities) -> None:
    """The same bytes alone, in a batch and after the way back; how sure rows are lies between 0 and 1."""
    alone = np.concatenate([fitted.probabilities(scores[:, i : i + 1]) for i in range(20)])
    expect(np.array_equal(alone, probabilities[:20]), "probabilities: other bytes for a row alone than in a batch")
    again = restored(fitted).probabilities(scores)
    expect(np.array_equal(again, probabilities), "restore: other probabilities than before it was saved")
    expect(len(fitted.probabilities(scores[:, :0])) == 0, "probabilities: something for no rows")
    confidence = fitted.confidence(probabilities)
    expect_dense("confidence", confidence, probabilities.shape[:1])
    expect(((confidence >= 0) & (confidence <= 1)).all(), "confidence: some lie outside 0 to 1")


def _noisy(seed: int) -> tuple[Scores, Floats]:
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0, 2, size=(1, 1000, 1)).astype(np.float32)
    return scores, 3 + 2 * scores[0, :, 0] + (0.1 + scores[0, :, 0]) * rng.normal(size=1000)


def _sigmoid(scores: Scores) -> Probabilities:
    return np.asarray(1 / (1 + np.exp(-scores)), np.float32)


def _surprise_each(probabilities: Probabilities, truth: Targets) -> float:
    chance = np.where(truth > 0.5, probabilities, 1 - probabilities)
    return float(-np.log(np.maximum(chance, 1e-12)).mean())


def _overconfident() -> tuple[Scores, Labels]:
    """Scores four times as sure of themselves as the labels drawn from them allow."""
    rng = np.random.default_rng(0)
    honest = rng.normal(size=(600, 4)).astype(np.float32)
    labels = (honest + rng.gumbel(size=honest.shape)).argmax(axis=1)
    return 4 * honest, labels.astype(np.int64)


def _check_probabilities(probabilities: Probabilities, shape: tuple[int, ...]) -> None:
    _check_shares(probabilities, shape)
    expect(np.allclose(probabilities.sum(axis=1), 1, atol=1e-5), "probabilities: a row does not sum to 1")


def _check_shares(probabilities: Probabilities, shape: tuple[int, ...]) -> None:
    expect_dense("probabilities", probabilities, shape)
    expect(((probabilities >= 0) & (probabilities <= 1)).all(), "probabilities: some lie outside 0 to 1")


def _surprise(probabilities: Probabilities, labels: Labels) -> float:
    """The mean negative log probability of the truth."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)).mean())
