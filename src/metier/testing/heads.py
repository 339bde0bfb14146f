"""The contract of heads, on rows with three labels that are easy to tell apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metier.errors import BadOption
from metier.heads.base import Head
from metier.testing.base import expect, expect_dense, one_hot, restored
from metier.types import Encoded, Labels, Probabilities, Rows, take

LABELS, ROWS, WIDTH = 3, 90, 24


def check_head(head: Head) -> None:
    """Hold an unfitted head to its promise: it learns, steadily, and comes back from its state as it was.

    Dense vectors and sparse Rows are both tried; a head may decline one of them with BadOption.

    Raises: ContractBroken.
    """
    taken = [encoded for encoded in _two_sorts() if _takes(head, encoded)]
    expect(bool(taken), "fit: dense vectors and Rows were both declined with BadOption; one of them must do")
    for encoded in taken:
        _check_learning(head, encoded)


def _blobs(seed: int) -> tuple[NDArray[np.float32], Labels]:
    """Vectors of length one around three directions; the same directions for every seed."""
    rng, centres = np.random.default_rng(seed), np.random.default_rng(0).normal(size=(LABELS, WIDTH))
    labels = np.arange(ROWS) % LABELS
    vectors = centres[labels] + 0.4 * rng.normal(size=(ROWS, WIDTH))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels.astype(np.int64)


def _as_rows(vectors: NDArray[np.float32]) -> Rows:
    """The larger half of each vector's entries, from column 1 on: column 0 is for what was never seen."""
    kept = vectors > np.median(vectors, axis=1, keepdims=True)
    starts = np.concatenate([[0], kept.sum(axis=1).cumsum()]).astype(np.int64)
    row, column = np.nonzero(kept)
    weights = np.abs(vectors[row, column])
    return Rows(starts=starts, columns=(column + 1).astype(np.int32), weights=weights, width=vectors.shape[1] + 1)


def _two_sorts() -> tuple[Encoded, Encoded]:
    vectors, _ = _blobs(1)
    return vectors, _as_rows(vectors)


def _takes(head: Head, encoded: Encoded) -> bool:
    try:
        head.fit(encoded, one_hot(_blobs(1)[1]), loss="softmax", seed=0)
    except BadOption:
        return False
    return True


def _check_learning(head: Head, encoded: Encoded) -> None:
    vectors, labels = _blobs(2)
    unseen = _as_rows(vectors) if isinstance(encoded, Rows) else vectors
    targets = one_hot(labels)
    fitted = head.fit(encoded, targets, loss="softmax", seed=0)
    scores = fitted.scores(unseen)
    expect_dense("scores", scores, (ROWS, LABELS))
    right = float((scores.argmax(1) == labels).mean())
    expect(right >= 0.9, f"fit: {right:.0%} right on three labels that are easy to tell apart; 90 % was expected")
    _check_steadiness(head, fitted, encoded, unseen, targets)
    softened = head.fit(encoded, 0.7 * targets + np.float32(0.1), loss="softmax", seed=0).scores(unseen).argmax(1)
    expect((softened == labels).mean() >= 0.9, "fit: targets that are probabilities were not learnt")
    turned = head.fit(encoded, np.ascontiguousarray(targets[:, ::-1]), loss="softmax", seed=0).scores(unseen)[:, ::-1]
    agree = float((turned.argmax(1) == scores.argmax(1)).mean())
    expect(agree >= 0.9, f"fit: with the labels in another order only {agree:.0%} of the answers are the same")
    _check_losses(head, encoded, unseen, targets)


def _check_losses(head: Head, encoded: Encoded, unseen: Encoded, targets: Probabilities) -> None:
    """Labels that stand by themselves, every fifth of them a gap, and numbers."""
    gaps = np.arange(targets.size).reshape(targets.shape) % 5 == 0
    scores = head.fit(encoded, np.where(gaps, np.nan, targets).astype(np.float32), loss="logistic", seed=0).scores(
        unseen
    )
    expect_dense('scores after loss="logistic"', scores, targets.shape)
    right = float((scores.argmax(1) == targets.argmax(1)).mean())
    expect(right >= 0.9, f'fit: with gaps and loss="logistic" {right:.0%} right; 90 % was expected')
    numbers = (targets @ np.array([[-1.2], [0.0], [1.2]])).astype(np.float32)
    estimates = head.fit(encoded, numbers, loss="squared", seed=0).scores(unseen)
    expect_dense('scores after loss="squared"', estimates, numbers.shape)
    alike = float(np.corrcoef(estimates[:, 0], numbers[:, 0])[0, 1])
    expect(alike >= 0.8, f'fit: with loss="squared" a correlation of {alike:.2f}; 0.8 was expected')


def _check_steadiness(head: Head, fitted: Head, encoded: Encoded, unseen: Encoded, targets: Probabilities) -> None:
    scores = fitted.scores(unseen)
    again = head.fit(encoded, targets, loss="softmax", seed=0).scores(unseen)
    expect(np.array_equal(scores, again), "fit: the same rows and seed gave other scores")
    alone = np.concatenate([fitted.scores(take(unseen, np.array([i]))) for i in range(20)])
    expect(np.array_equal(scores[:20], alone), "scores: other bytes for a row alone than in a batch")
    expect_dense("scores", fitted.scores(take(unseen, np.array([], np.int64))), (0, LABELS))
    expect(np.array_equal(scores, restored(fitted).scores(unseen)), "restore: other scores than before it was saved")
