"""Small trees as masks of their leaves, so that a row goes through all of them without a branch to be guessed.

Knows thresholds and what leaves are worth; not what was learnt with them. The leaves of a tree are counted from left to
right. A test that fails rules out all leaves on its left, and the first leaf that none has ruled out is the one that a
walk would end at. Tests lie one after another by their feature, so that those that fail are the first of each.

Source: Lucchese et al. 2015, "QuickScorer: a Fast Algorithm to Rank Documents with Additive Ensembles of Regression
Trees".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metier.encoders.base import Looked
from metier.errors import MetierError
from metier.types import Scores, Vectors

MOST_LEAVES = 32  # of a tree: the bits of a mask
EVERY = (1 << MOST_LEAVES) - 1
HALVES = tuple(
    (half, np.uint32(bits))
    for half, bits in ((16, 0xFFFF0000), (8, 0xFF00FF00), (4, 0xF0F0F0F0), (2, 0xCCCCCCCC), (1, 0xAAAAAAAA))
)

F32 = NDArray[np.float32]
Ints = NDArray[np.int64]
U16 = NDArray[np.uint16]
U32 = NDArray[np.uint32]


@njit(cache=True, nogil=True)
def _first(kept: Any) -> Any:
    """The place of the lowest bit; 0 where there is none. In halves, which takes no branch."""
    lowest, place = kept & (~kept + np.uint32(1)), 0
    for half, bits in HALVES:
        place += half if lowest & bits else 0
    return place


@njit(cache=True, nogil=True)
def _sums(
    vectors: F32, features: Ints, thresholds: F32, tree: U16, kept: U32, leaves: F32, targets: Ints, mirrored: int
) -> F32:
    """What the leaves that each row falls into add up to, for each target (n, k), the mirrored one before it."""
    sums = np.empty((len(vectors), len(targets) - 1 + mirrored), np.float32)
    open_ = np.empty(len(leaves), np.uint32)
    for i in range(len(vectors)):
        open_[:] = np.uint32(EVERY)
        for f in range(len(features) - 1):
            first, last = features[f], features[f + 1]
            for test in range(first, first + np.searchsorted(thresholds[first:last], vectors[i, f])):
                open_[tree[test]] &= kept[test]
        for target in range(len(targets) - 1):
            total = 0.0
            for t in range(targets[target], targets[target + 1]):
                total += leaves[t, _first(open_[t])]
            sums[i, target + mirrored] = total
        if mirrored:
            sums[i, 0] = -sums[i, 1]
    return sums


@dataclass(frozen=True, kw_only=True)
class Trees(Looked):
    """Trees of at most 32 leaves each, that add up to several sums.

    Shapes: features (d + 1,), where the tests of each feature begin; thresholds, tree and kept (q,), a test each: it
    fails above its threshold, and then leaves those leaves of its tree; leaves (t, 32); targets (k + 1,), where the
    trees of each sum begin.
    """

    features: Ints
    thresholds: F32
    tree: U16
    kept: U32
    leaves: F32
    targets: Ints

    @classmethod
    def of(cls, grown: Sequence[Sequence[Mapping[str, Any]]], width: int, scale: float) -> Self:
        """The trees of each sum, as LightGBM describes them, over so many features; what they say counts `scale` fold.

        Raises: MetierError for one that is too large, or tests anything but a number.
        """
        structures = [structure for several in grown for structure in several]
        tests: list[_Test] = []
        leaves = np.zeros((len(structures), MOST_LEAVES), np.float32)
        for number, structure in enumerate(structures):
            own: list[float] = []
            _walk(structure, number, tests, own)
            if len(own) > MOST_LEAVES:
                raise MetierError(f"A tree has {len(own)} leaves. Expected at most {MOST_LEAVES}. Report this.")
            leaves[number, : len(own)] = own
        tests.sort()
        return cls(
            features=np.searchsorted([test.feature for test in tests], np.arange(width + 1)).astype(np.int64),
            thresholds=np.array([test.threshold for test in tests], np.float32),
            tree=np.array([test.tree for test in tests], np.uint16),
            kept=np.array([test.kept for test in tests], np.uint32),
            leaves=leaves * np.float32(scale),
            targets=np.cumsum([0, *map(len, grown)]).astype(np.int64),
        )

    def sums(self, vectors: Vectors, *, mirrored: bool = False) -> Scores:
        """The sums (n, k); those of a single target mirrored (n, 2), where one label gains what the other loses.

        Raises: ValueError where there are more or fewer features than were learnt.
        """
        if vectors.shape[1] != len(self.features) - 1:
            raise ValueError(f"vectors have {vectors.shape[1]} columns, and trees are of {len(self.features) - 1}")
        tests = (self.features, self.thresholds, self.tree, self.kept)
        sums: Scores = _sums(vectors, *tests, self.leaves, self.targets, int(mirrored))
        return sums

    @staticmethod
    def kinds() -> list[np.dtype[Any]]:
        """The type of each array."""
        return [np.dtype(kind) for kind in ("int64", "float32", "uint16", "uint32", "float32", "int64")]

    def sound(self) -> bool:
        """Whether nothing is looked up where nothing is."""
        tests, trees = len(self.thresholds), len(self.leaves)
        return (
            len(self.tree) == len(self.kept) == tests
            and _parts(self.features, tests)
            and _parts(self.targets, trees)
            and self.leaves.shape[1:] == (MOST_LEAVES,)
            and bool((self.tree < trees).all())
        )


class _Test(NamedTuple):
    """A test of one tree: the leaves it keeps where the feature is above the threshold, as bits."""

    feature: int
    threshold: float
    tree: int
    kept: int


def _walk(structure: Mapping[str, Any], tree: int, tests: list[_Test], leaves: list[float]) -> None:
    """Add the tests and leaves of a branch, from left to right."""
    if "left_child" not in structure:
        leaves.append(float(structure["leaf_value"]))
        return
    if structure["decision_type"] != "<=":
        raise MetierError(f"A tree splits by {structure['decision_type']!r}. Expected '<='. Report this.")
    first = len(leaves)
    _walk(structure["left_child"], tree, tests, leaves)
    ruled_out = (1 << len(leaves)) - (1 << first)
    kept = ~ruled_out & EVERY
    tests.append(_Test(structure["split_feature"], _rounded_down(structure["threshold"]), tree, kept))
    _walk(structure["right_child"], tree, tests, leaves)


def _rounded_down(threshold: float) -> float:
    """The largest single that is no larger: vectors are singles, so that every one of them goes the same way."""
    single = np.float32(threshold)
    return float(single if float(single) <= threshold else np.nextafter(single, np.float32(-np.inf)))


def _parts(starts: Ints, total: int) -> bool:
    """Whether these are where the parts of so many begin, and where the last ends."""
    return len(starts) > 1 and starts[0] == 0 and starts[-1] == total and bool((np.diff(starts) >= 0).all())
