"""What every head promises: vectors and targets in, something that scores out.

Knows no domain; what the columns mean is the encoder's affair.
"""

from __future__ import annotations

from typing import Protocol, Self

import numpy as np

from metier.types import Encoded, Loss, Rows, Scores, State, Targets, Vectors


class Head(Protocol):
    """Turns vectors into one score for each label. `kind` is what is saved ("linear.v1")."""

    kind: str
    left_out: Scores | None  # after `fit`: scores (n, k) of the training rows, each as if left out; None: it cannot say

    @classmethod
    def suited(cls, rows: int) -> Self:
        """An unfitted head with the settings that suit so many rows."""
        ...

    def fit(self, encoded: Encoded, targets: Targets, *, loss: Loss, seed: int) -> Self:
        """A head that has learnt these rows.

        Shapes: encoded (n, d), targets (n, k). For "softmax" rows sum to 1: one-hot labels, or another stage's
        probabilities. For "logistic" each column is 0 or 1, or between, by itself, and NaN is a gap. For "squared" they
        are numbers, centred and scaled, and the scores are estimates of them.
        """
        ...

    def scores(self, encoded: Encoded) -> Scores:
        """Scores (n, k); for "softmax" only their differences within a row mean anything."""
        ...

    def state(self) -> State:
        """Everything `restore` needs to give equal scores again."""
        ...

    @classmethod
    def restore(cls, state: State) -> Self:
        """The head that `state` was taken from."""
        ...


def weighed(encoded: Encoded, weights: Vectors) -> Scores:
    """Scores (n, k) of dense vectors (n, d) by weights (k, d + 1), whose last column is what is added.

    Row by row: in a matrix product the rounding may differ from that of a row alone.
    """
    assert not isinstance(encoded, Rows)
    scores = np.empty((len(encoded), len(weights)), np.float32)
    matrix, constant = np.ascontiguousarray(weights[:, :-1]), weights[:, -1]
    for i, vector in enumerate(encoded):
        scores[i] = matrix @ vector + constant
    return scores
