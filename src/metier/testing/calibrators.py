"""The contract of calibrators."""

from __future__ import annotations

from typing import Protocol, Self

import numpy as np

from metier.testing.base import expect, expect_dense, restored, softmax
from metier.types import Labels, Probabilities, Scores, State


class Calibrator(Protocol):
    """Scores of one or several heads to probabilities: (m, n, k) to (n, k)."""

    kind: str

    @classmethod
    def fit(cls, scores: Scores, labels: Labels) -> Self:
        """The calibrator that suits these out-of-fold scores (m, n, k)."""
        ...

    def probabilities(self, scores: Scores) -> Probabilities:
        """Calibrated probabilities (n, k) of scores (m, n, k)."""
        ...

    def state(self) -> State:
        """Everything `restore` needs to give equal probabilities again."""
        ...

    @classmethod
    def restore(cls, state: State) -> Self:
        """The calibrator that `state` was taken from."""
        ...


def check_calibrator(calibrator: type[Calibrator]) -> None:
    """Hold a calibrator to its promise: rows that sum to one, order kept, more honest than before, one head or several.

    Raises: ContractBroken.
    """
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
    heads = np.stack([scores, np.random.default_rng(1).normal(size=scores.shape).astype(np.float32)])
    both = calibrator.fit(heads, labels).probabilities(heads)
    _check_probabilities(both, scores.shape)
    beside = _surprise(both, labels)
    expect(
        beside < after + 0.01, f"fit: log loss {beside:.3f} beside a head that knows nothing, {after:.3f} without it"
    )


def _overconfident() -> tuple[Scores, Labels]:
    """Scores four times as sure of themselves as the labels drawn from them allow."""
    rng = np.random.default_rng(0)
    honest = rng.normal(size=(600, 4)).astype(np.float32)
    labels = (honest + rng.gumbel(size=honest.shape)).argmax(axis=1)
    return 4 * honest, labels.astype(np.int64)


def _check_probabilities(probabilities: Probabilities, shape: tuple[int, ...]) -> None:
    expect_dense("probabilities", probabilities, shape)
    expect(((probabilities >= 0) & (probabilities <= 1)).all(), "probabilities: some lie outside 0 to 1")
    expect(np.allclose(probabilities.sum(axis=1), 1, atol=1e-5), "probabilities: a row does not sum to 1")


def _surprise(probabilities: Probabilities, labels: Labels) -> float:
    """The mean negative log probability of the truth."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)).mean())
