"""Logistic regression over vectors of words: of each word alone, and of each with its neighbours in view.

Knows vectors and numbers of tags; no words, and not where the vectors come from.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier.types import Vectors

Reals = NDArray[np.float32]
FLOOR = 9.0  # log-probabilities below -9 say no more than that
MOST_WORDS = 150_000  # that are learnt from at once; their vectors are held in memory
STEPS = 60
DRAWN, DRAWN_NEAR, DIRECTIONS = (
    0.3,
    0.1,
    256,
)  # chosen on held-out folds of NLU++ and of presidio's templates, see LOG.md
SCALE = 20.0


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Weights of the vector of a word, or of three vectors side by side: the word before, the word, the word after.

    Shapes: weights (d, k) or (3d, k), bias (k,), edge (d,): what stands where there is no neighbour.
    """

    weights: Reals
    bias: Reals
    edge: Reals

    def said(self, vectors: Vectors) -> Reals:
        """Log-probabilities of the tags of every word of a text (t, k), scaled: 0 for -9 and less, 1 for certain."""
        near = len(self.weights) > vectors.shape[1]
        scores = (_with_neighbours(vectors, self.edge) if near else vectors) @ self.weights + self.bias
        scores -= scores.max(axis=1, keepdims=True, initial=-np.inf) if len(scores) else 0
        logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        return np.asarray(np.maximum(logs, -FLOOR) / FLOOR + 1, np.float32)


def alone(held: Sequence[Vectors], paths: Sequence[Sequence[int]], count: int) -> Layer:
    """Learnt from each word's own vector. Shapes: held (t, d) each, paths (t,) each; `count` is how many tags exist."""
    x, y = _chosen(held, paths)
    centre, spread = x.mean(0), x.std(0) + 1e-6
    weights, bias = _fitted((x - centre) / spread, y, count, DRAWN)
    weights /= spread[:, None]
    return Layer(weights=weights, bias=bias - centre @ weights, edge=centre)


def near(held: Sequence[Vectors], paths: Sequence[Sequence[int]], count: int) -> Layer:
    """Learnt from the vectors of each word and its neighbours, along the directions in which vectors differ most."""
    x, _ = _chosen(held, paths)
    centre, spread = x.mean(0), x.std(0) + 1e-6
    x = (x - centre) / spread
    directions = np.linalg.eigh(x.T @ x)[1][:, ::-1][:, :DIRECTIONS].astype(np.float32)  # (d, p)
    none = np.zeros(directions.shape[1], np.float32)
    seen = [_with_neighbours(((vectors - centre) / spread) @ directions, none) for vectors in held]
    inner, bias = _fitted(*_chosen(seen, paths), count, DRAWN_NEAR)
    parts = inner.reshape(3, -1, count)
    weights = np.concatenate([(directions @ part) / spread[:, None] for part in parts])  # (3d, k)
    return Layer(weights=weights, bias=bias - np.tile(centre, 3) @ weights, edge=centre)


def _with_neighbours(vectors: Vectors, edge: Reals) -> Vectors:
    """Vectors of the word before, the word and the word after, side by side (t, 3d)."""
    framed = np.concatenate([edge[None], vectors, edge[None]])
    return np.concatenate([framed[:-2], framed[1:-1], framed[2:]], axis=1)


def _chosen(held: Sequence[Vectors], paths: Sequence[Sequence[int]]) -> tuple[Reals, NDArray[np.int64]]:
    """All words in a row with the number of each one's tag, or as many as memory is spent on."""
    ends = np.cumsum([len(vectors) for vectors in held])
    rows = np.arange(ends[-1])
    if len(rows) > MOST_WORDS:
        rows = np.sort(np.random.default_rng(0).choice(len(rows), MOST_WORDS, replace=False))
    firsts = np.searchsorted(rows, np.concatenate([[0], ends]))
    parts = [
        vectors[rows[first:last] - (end - len(vectors))]
        for vectors, end, first, last in zip(held, ends, firsts[:-1], firsts[1:], strict=True)
    ]
    return np.concatenate(parts).astype(np.float32), np.concatenate([np.array(p, np.int64) for p in paths])[rows]


def _fitted(x: Reals, y: NDArray[np.int64], count: int, drawn: float) -> tuple[Reals, Reals]:
    """Weights (d, k) and bias (k,) that make these tags likeliest; a tag that no word has is as good as impossible."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    scale = np.float32(x.std() * x.shape[1] ** 0.5 / SCALE)
    learner = LogisticRegression(C=drawn, max_iter=STEPS, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is stopped early on purpose: that holds it back, too
        learner.fit(x / scale, y)
    coefficients, intercepts = _both(learner.coef_, learner.intercept_)
    weights, bias = np.zeros((x.shape[1], count), np.float32), np.full(count, -FLOOR, np.float32)
    weights[:, learner.classes_] = coefficients.T / scale
    bias[learner.classes_] = intercepts
    return weights, bias


def _both(coefficients: Any, intercepts: Any) -> tuple[Any, Any]:
    """A row for each class, of two as well."""
    if len(coefficients) > 1:
        return coefficients, intercepts
    return np.concatenate([-coefficients, coefficients]) / 2, np.concatenate([-intercepts, intercepts]) / 2
