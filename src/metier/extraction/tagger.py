"""What an encoder's vectors say of each word: log-probabilities of the tags, as numbers for a field to weigh.

Knows vectors and tags; which tags may follow one another is the field's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from metier.extraction.vectors import WordVectors
from metier.extraction.words import Word
from metier.types import State, Vectors

Reals = NDArray[np.float32]
FLOOR = 9.0  # log-probabilities below -9 say no more than that
MOST_WORDS = 150_000  # that are learnt from at once; their vectors are held in memory
DRAWN, STEPS = 0.3, 60  # chosen on held-out folds of NLU++ and of presidio's templates, see LOG.md
SCALE = 20.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """A text to learn from: its words, and the number of each one's tag."""

    text: str
    words: Sequence[Word]
    path: Sequence[int]


class Tagger:
    """Vectors of words, and a weight for each of their columns and each tag."""

    kind: ClassVar[str] = "tagger.v1"

    def __init__(self, vectors: WordVectors, *, weights: Reals, bias: Reals) -> None:
        self._vectors = vectors
        self._weights, self._bias = np.ascontiguousarray(weights, np.float32), bias

    @classmethod
    def fit(cls, vectors: WordVectors, held: Sequence[Vectors], paths: Sequence[Sequence[int]], count: int) -> Self:
        """Logistic regression over vectors that are already there; `count` is how many tags there are."""
        from sklearn.linear_model import LogisticRegression

        x, y = np.concatenate(list(held)).astype(np.float32), np.concatenate([np.array(p, np.int64) for p in paths])
        if len(x) > MOST_WORDS:
            chosen = np.random.default_rng(0).choice(len(x), MOST_WORDS, replace=False)
            x, y = x[chosen], y[chosen]
        centre, spread = x.mean(0), (x.std(0) + 1e-6) * (x.shape[1] ** 0.5 / SCALE)
        learner = LogisticRegression(C=DRAWN, max_iter=STEPS, tol=1e-3)
        learner.fit((x - centre) / spread, y)
        coefficients, intercepts = _both(learner.coef_, learner.intercept_)
        weights, bias = np.zeros((x.shape[1], count), np.float32), np.full(count, -FLOOR, np.float32)
        weights[:, learner.classes_] = (coefficients / spread).T
        bias[learner.classes_] = intercepts - coefficients @ (centre / spread)
        return cls(vectors, weights=weights, bias=bias)

    def numbers(self, text: str, words: Sequence[Word]) -> Reals:
        """What it says of every word of a text (t, k), 0 to 1: log-probabilities from -9 on, scaled."""
        return self.said(self._vectors.encode(text, words))

    def said(self, vectors: Vectors) -> Reals:
        """The same of vectors (t, d) that are already there."""
        scores = vectors @ self._weights + self._bias
        scores -= scores.max(axis=1, keepdims=True, initial=-np.inf) if len(scores) else 0
        logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        return np.asarray(np.maximum(logs, -FLOOR) / FLOOR + 1, np.float32)

    def state(self) -> State:
        """The vectors' state, and the weights."""
        inside = self._vectors.state()
        return State(config=inside.config, files=inside.files, arrays={"weights": self._weights, "bias": self._bias})

    @classmethod
    def restore(cls, state: State) -> Self:
        """The tagger that `state` was taken from.

        Raises: ValueError where weights and vectors do not fit one another.
        """
        vectors = WordVectors.restore(state)
        weights, bias = state.arrays["weights"], state.arrays["bias"]
        if weights.shape != (vectors.width, len(bias)):
            raise ValueError(f"weights of shape {weights.shape} over vectors of width {vectors.width}")
        return cls(vectors, weights=weights, bias=bias)


def _both(coefficients: Any, intercepts: Any) -> tuple[Any, Any]:
    """A row for each class, of two as well."""
    if len(coefficients) > 1:
        return coefficients, intercepts
    return np.concatenate([-coefficients, coefficients]) / 2, np.concatenate([-intercepts, intercepts]) / 2


TAGGER: Any = Tagger
