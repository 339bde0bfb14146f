"""Columns two by two: what the target is on average where two columns lie so, as columns more for trees.

Knows vectors and one number a row to be told from them; nothing of where either comes from. A tree finds such a pair
only by splitting on both, and has few rows left below.

Source: Micci-Barreca 2001 for smoothed means, and out of fold for the rows they are learnt from, as in Prokhorenkova
et al. 2018, "CatBoost", section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metier.encoders.base import Looked
from metier.types import Floats, Vectors

BINS, PRIOR = 24, 20.0  # of a column; rows that a mean is drawn to the common mean by
MOST_PAIRS, MOST_COLUMNS = 12, 24
MOST_ROWS = 50_000  # that say which pairs are worth it
FOLDS = 8
APART = (-1.0, -0.25)  # what was never seen and what is missing have bins of their own, see `columns.py`

Ints = NDArray[np.int64]
F32 = NDArray[np.float32]


@njit(cache=True, nogil=True)
def _looked_up(vectors: F32, columns: Ints, edges: Floats, starts: Ints, pairs: Ints, at: Ints, means: F32) -> F32:
    """The vectors, and the mean of each pair behind them."""
    n, width = vectors.shape
    out = np.empty((n, width + len(pairs)), np.float32)
    bins = np.zeros(len(columns), np.int64)
    for i in range(n):
        out[i, :width] = vectors[i]
        for c in range(len(columns)):
            bins[c] = np.searchsorted(edges[starts[c] : starts[c + 1]], vectors[i, columns[c]])
        for p in range(len(pairs)):
            one, other = pairs[p]
            size = starts[other + 1] - starts[other] + 1
            out[i, width + p] = means[at[p] + bins[one] * size + bins[other]]
    return out


@dataclass(frozen=True, kw_only=True)
class Pairs(Looked):
    """Pairs of columns and their means: `pairs.beside(vectors)`.

    Shapes: columns (c,), edges of all bins and where each column's begin (c + 1,), pairs (p, 2) of places among the
    columns, at (p,) where the means of each begin.
    """

    columns: Ints
    edges: Floats
    starts: Ints
    pairs: Ints
    at: Ints
    means: F32

    @classmethod
    def learnt(cls, vectors: Vectors, answers: Floats, columns: Sequence[int], seed: int) -> tuple[Self, Vectors]:
        """Those pairs of these columns that tell most beyond their columns, and the rows learnt from with their means
        told by other rows.

        Shapes: vectors (n, d), answers (n,); the rows (n, d + p).
        """
        kept = np.array(sorted(columns)[:MOST_COLUMNS], np.int64)
        edges = [_edges(vectors[:, column]) for column in kept]
        bins = np.stack([np.searchsorted(own, vectors[:, column]) for own, column in zip(edges, kept, strict=True)], 1)
        sizes = [len(own) + 1 for own in edges]
        fold = np.random.default_rng(seed).integers(0, FOLDS, len(answers))
        told = _Told(bins=bins, sizes=sizes, answers=answers, fold=fold)
        pairs = told.best()
        means = [told.means(pair, np.ones(len(answers), bool)) for pair in pairs]
        made = cls(
            columns=kept,
            edges=np.concatenate(edges),
            starts=np.cumsum([0, *(len(own) for own in edges)]),
            pairs=np.array(pairs, np.int64).reshape(-1, 2),
            at=np.cumsum([0, *(len(one) for one in means)])[:-1],
            means=np.concatenate([*means, np.empty(0)]).astype(np.float32),
        )
        apart = [told.apart(pair)[:, None].astype(np.float32) for pair in pairs]
        return made, np.ascontiguousarray(np.hstack([vectors, *apart]), np.float32)

    def beside(self, vectors: Vectors) -> Vectors:
        """The vectors (n, d) with the means of their pairs behind them (n, d + p).

        Raises: ValueError where there are fewer columns than pairs are made of.
        """
        if vectors.shape[1] < self._least_width:
            raise ValueError(f"vectors have {vectors.shape[1]} columns, and pairs are of {self._least_width}")
        rows = np.ascontiguousarray(vectors, np.float32)
        widened: Vectors = _looked_up(rows, self.columns, self.edges, self.starts, self.pairs, self.at, self.means)
        return widened

    @cached_property
    def _least_width(self) -> int:
        return int(self.columns.max(initial=-1)) + 1

    @staticmethod
    def kinds() -> list[np.dtype[Any]]:
        """The type of each array."""
        return [np.dtype(kind) for kind in ("int64", "float64", "int64", "int64", "int64", "float32")]

    def sound(self) -> bool:
        """Whether nothing is looked up where nothing is."""
        if self.pairs.shape[1:] != (2,):
            return False
        columns, sizes = len(self.columns), np.diff(self.starts) + 1
        bounded = (
            len(sizes) == columns > 0 == self.starts[0]
            and self.starts[-1] == len(self.edges)
            and bool((sizes > 0).all() and (self.columns >= 0).all())
            and bool(((self.pairs >= 0) & (self.pairs < columns)).all())
        )
        lengths = sizes[self.pairs].prod(axis=1) if bounded else np.zeros(0)
        return bounded and np.array_equal(self.at, np.cumsum([0, *lengths])[:-1]) and len(self.means) == lengths.sum()


@dataclass(frozen=True, kw_only=True)
class _Told:
    """Rows in bins, and their answers. Shapes: bins (n, c), answers (n,), fold (n,)."""

    bins: Ints
    sizes: Sequence[int]
    answers: Floats
    fold: Ints

    def best(self) -> list[tuple[int, int]]:
        """The pairs whose means are nearer to the answers than those of either column, the best first."""
        some = self if len(self.answers) <= MOST_ROWS else self._few()
        alone = [some.error((one, one)) for one in range(len(self.sizes))]
        gains = {
            (one, other): min(alone[one], alone[other]) - some.error((one, other))
            for one, other in combinations(range(len(self.sizes)), 2)
        }
        ranked = sorted(gains, key=lambda pair: -gains[pair])
        return [pair for pair in ranked[:MOST_PAIRS] if gains[pair] > 0]

    def error(self, pair: tuple[int, int]) -> float:
        """How far means told by other rows are from the answers: squares, or log loss where answers are shares."""
        told = self.apart(pair)
        if self.answers.min() < 0 or self.answers.max() > 1:
            return float(np.mean((told - self.answers) ** 2))
        return float(-np.mean(self.answers * np.log(told) + (1 - self.answers) * np.log1p(-told)))

    def apart(self, pair: tuple[int, int]) -> Floats:
        """The mean of each row's pair (n,), told by the rows of other folds."""
        key, out = self._key(pair), np.empty(len(self.answers))
        for held in range(FOLDS):
            out[self.fold == held] = self.means(pair, self.fold != held)[key[self.fold == held]]
        return out

    def means(self, pair: tuple[int, int], rows: NDArray[np.bool_]) -> Floats:
        """The smoothed mean of every pair of bins, by some of the rows."""
        size, key, answers = self.sizes[pair[0]] * self.sizes[pair[1]], self._key(pair)[rows], self.answers[rows]
        sums, counts = np.bincount(key, answers, minlength=size), np.bincount(key, minlength=size)
        found: Floats = (sums + PRIOR * answers.mean()) / (counts + PRIOR)
        return found

    def _key(self, pair: tuple[int, int]) -> Ints:
        key: Ints = self.bins[:, pair[0]] * self.sizes[pair[1]] + self.bins[:, pair[1]]
        return key

    def _few(self) -> _Told:
        some = np.random.default_rng(0).permutation(len(self.answers))[:MOST_ROWS]
        return _Told(bins=self.bins[some], sizes=self.sizes, answers=self.answers[some], fold=self.fold[some])


def _edges(column: F32) -> Floats:
    """Where the bins of a column part, at most BINS of them beside those of gaps."""
    inner = np.quantile(column[column >= 0] if (column >= 0).any() else column, np.linspace(0, 1, BINS + 1)[1:-1])
    return np.unique(np.concatenate([APART, inner])).astype(np.float64)
