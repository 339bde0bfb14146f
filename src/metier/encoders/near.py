"""Rows that say nearly the same, found without comparing each with each, for splits that do not leak and for audits.

Alike means a cosine over the weighted columns, not a share of common columns: on bank queries the latter puts "freeze
my card" beside "unfreeze my card" (0.81 against 0.54), because the one word that matters weighs like any other.
Candidates come from MinHash with banding, and each is checked exactly. Knows nothing of what a column stands for.

Ours, because datasketch hashes text set by set in Python (minutes for what takes a second here) and knows no weights.

Source: Broder 1997, "On the resemblance and containment of documents"; bands as in Leskovec et al. 2014, section 3.4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metier.types import Floats, Labels, Rows

ALIKE = 0.8  # on bank queries: "How do I reset my passcode?" and "How can I reset my passcode?" have 0.90
BANDS, BAND_HASHES = 32, 4  # 98 % of the pairs with 0.59 of their columns in common meet; 99 % of those alike have
CROWD = 64  # rows in one bucket up to which each is compared with each
MOST_COMPARED = 2_048  # of hashes with a piece in common, each with so many that follow
NEIGHBOURS = 8  # in a fuller bucket, with how many of those that follow: a million rows must end


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Pairs of rows alike, left < right, each pair once, in order.

    Shapes: left, right (m,) row numbers; similarity (m,) cosine.
    """

    left: Labels
    right: Labels
    similarity: Floats


def near_groups(rows: Rows, similarity: float = ALIKE, seed: int = 0) -> Labels:
    """A group number for each row; rows linked by pairs alike share one, and a row alone has its own.

    Shapes: (n,), numbered by first appearance.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = near_pairs(rows, similarity, seed)
    links = coo_array((np.ones(len(pairs.left), np.int8), (pairs.left, pairs.right)), shape=(len(rows), len(rows)))
    groups: Labels = connected_components(links, directed=False)[1].astype(np.int64)
    return groups


def near_hashes(hashes: NDArray[np.uint64], bits: int) -> Labels:
    """A group number for each hash; those linked by hashes at most `bits` bits apart share one.

    Two that differ in fewer bits than there are pieces agree in one piece at least, so only such pairs are compared.
    Shapes: hashes (n,); (n,) numbered by first appearance.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    distinct, number = np.unique(hashes, return_inverse=True)
    edges = np.linspace(0, 64, bits + 2).astype(int)
    linked: list[tuple[Labels, Labels]] = []
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        pieces = (distinct >> np.uint64(low)) & np.uint64(2 ** (high - low) - 1)
        order = np.argsort(pieces, kind="stable")
        sorted_pieces = pieces[order]
        for further in range(1, MOST_COMPARED):
            at = np.flatnonzero(sorted_pieces[further:] == sorted_pieces[:-further])
            if not len(at):
                break
            one, other = order[at], order[at + further]
            alike = np.bitwise_count(distinct[one] ^ distinct[other]) <= bits
            linked.append((one[alike], other[alike]))
    left, right = (np.concatenate([np.zeros(0, np.int64), *(pair[i] for pair in linked)]) for i in (0, 1))
    links = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(len(distinct), len(distinct)))
    parts = connected_components(links, directed=False)[1][number]
    first = np.unique(parts, return_index=True)[1]
    renumbered = np.empty(len(first), np.int64)
    renumbered[np.argsort(first, kind="stable")] = np.arange(len(first))
    return np.asarray(renumbered[parts])


def near_pairs(rows: Rows, similarity: float = ALIKE, seed: int = 0) -> Pairs:
    """The pairs of rows whose cosine is at least `similarity`; column 0, the unseen, is never common ground.

    Of more than 64 rows that are all alike only some pairs are given, enough to link them.
    """
    numbers = np.random.default_rng(seed).integers(1, 2**63, (2, BANDS * BAND_HASHES), np.uint64)
    keys = _keys(rows.starts, rows.columns, numbers[0] | np.uint64(1), numbers[1])  # (bands, n)
    crowded = np.zeros(keys.shape, np.bool_)
    spread = np.zeros(rows.width, np.float32)
    left: list[Labels] = []
    right: list[Labels] = []
    found: list[Floats] = []
    for band in range(BANDS):
        order = np.argsort(keys[band], kind="stable")
        some = _alike(band, order, keys, crowded, rows.starts, rows.columns, rows.weights, spread, similarity)
        left.append(some[0])
        right.append(some[1])
        found.append(some[2])
    pairs = np.stack([np.concatenate(left), np.concatenate(right)])
    order = np.lexsort((pairs[1], pairs[0]))
    first = np.ones(len(order), np.bool_)  # a pair may come from several crowded buckets
    first[1:] = np.any(np.diff(pairs[:, order]), axis=0)
    kept = order[first]
    return Pairs(left=pairs[0, kept], right=pairs[1, kept], similarity=np.concatenate(found)[kept])


@njit(cache=True, nogil=True)
def _keys(
    starts: NDArray[np.int64], columns: NDArray[np.int32], factors: NDArray[np.uint64], shifts: NDArray[np.uint64]
) -> NDArray[np.uint32]:
    """One key for each band and row: equal keys make a candidate. An empty row has the key 0."""
    n = len(starts) - 1
    keys = np.zeros((BANDS, n), np.uint32)
    least = np.empty(len(factors), np.uint64)
    for i in range(n):
        least[:] = np.uint64(0xFFFFFFFF)
        known = False
        for j in range(starts[i], starts[i + 1]):
            if columns[j] == 0:
                continue
            known = True
            mixed = np.uint64(columns[j]) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
            for h in range(len(factors)):
                least[h] = min(least[h], (mixed * factors[h] + shifts[h]) >> np.uint64(32))
        if known:
            for band in range(BANDS):
                key = np.uint64(0xCBF29CE484222325)
                for h in range(band * BAND_HASHES, (band + 1) * BAND_HASHES):
                    key = (key ^ least[h]) * np.uint64(0x100000001B3)
                    key ^= key >> np.uint64(31)
                keys[band, i] = np.uint32(max(key >> np.uint64(32), np.uint64(1)))
    return keys


@njit(cache=True, nogil=True)
def _alike(
    band: int,
    order: NDArray[np.int64],
    keys: NDArray[np.uint32],
    crowded: NDArray[np.bool_],
    starts: NDArray[np.int64],
    columns: NDArray[np.int32],
    weights: NDArray[np.float32],
    spread: NDArray[np.float32],
    similarity: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The pairs alike of one band that no band before has compared; notes which rows are in a crowd.

    `spread` (width,) is zeros, before and after: one row laid out there is compared with others column by column.
    """
    left, right, found = np.empty(1024, np.int64), np.empty(1024, np.int64), np.empty(1024, np.float64)
    filled = 0
    stop = 0
    while stop < len(order):
        start, stop = stop, _end(keys[band], order, stop)
        if keys[band, order[start]] == 0:
            continue
        crowd = stop - start > CROWD
        for a in range(start, stop):
            i = order[a]
            crowded[band, i] = crowd
            length = 0.0  # of row i, laid out at its first comparison
            for b in range(a + 1, min(stop, a + 1 + NEIGHBOURS) if crowd else stop):
                j = order[b]
                if _compared(band, keys, crowded, i, j):
                    continue
                if length == 0:
                    length = _lay_out(starts, columns, weights, i, spread)
                cosine = _against(starts, columns, weights, j, spread) / length
                if cosine < similarity:
                    continue
                if filled == len(left):
                    left, right = np.concatenate((left, left)), np.concatenate((right, right))
                    found = np.concatenate((found, found))
                left[filled], right[filled], found[filled] = i, j, cosine
                filled += 1
            if length > 0:
                spread[columns[starts[i] : starts[i + 1]]] = 0
    return left[:filled], right[:filled], found[:filled]


@njit(cache=True, nogil=True)
def _end(keys: NDArray[np.uint32], order: NDArray[np.int64], start: int) -> int:
    stop = start
    while stop < len(order) and keys[order[stop]] == keys[order[start]]:
        stop += 1
    return stop


@njit(cache=True, nogil=True)
def _compared(band: int, keys: NDArray[np.uint32], crowded: NDArray[np.bool_], i: int, j: int) -> bool:
    for before in range(band):  # noqa: SIM110 - numba compiles the plain loop best
        if keys[before, i] == keys[before, j] and not crowded[before, i]:
            return True
    return False


@njit(cache=True, nogil=True)
def _lay_out(
    starts: NDArray[np.int64],
    columns: NDArray[np.int32],
    weights: NDArray[np.float32],
    i: int,
    spread: NDArray[np.float32],
) -> float:
    """Puts the row into `spread`, but for what was never seen, and says how long the whole row is."""
    total = 0.0
    for at in range(starts[i], starts[i + 1]):
        spread[columns[at]] = weights[at]
        total += weights[at] * weights[at]
    spread[0] = 0
    return float(np.sqrt(total))


@njit(cache=True, nogil=True)
def _against(
    starts: NDArray[np.int64],
    columns: NDArray[np.int32],
    weights: NDArray[np.float32],
    j: int,
    spread: NDArray[np.float32],
) -> float:
    common, total = 0.0, 0.0
    for at in range(starts[j], starts[j + 1]):
        common += weights[at] * spread[columns[at]]
        total += weights[at] * weights[at]
    return float(common / np.sqrt(total))
