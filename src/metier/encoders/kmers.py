"""Sequences to sparse rows over their k-mers: the cheapest useful vectors of DNA and of proteins.

On two strands a k-mer and its reverse complement are one column. Proteins have k-mers of classes of amino acids beside
those of letters, which survive the changes that evolution makes most. A k-mer with a code that stands for several
letters is left out. Column 0 is the length of what was never seen in training. Knows no labels.

Source: Leslie et al. 2002, "The spectrum kernel"; Ye et al. 2011 for why reduced alphabets.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metier.encoders.alphabets import ALPHABETS, DNA, Alphabet
from metier.types import Loss, Rows, State, Targets

SIZES = {"dna": (2, 4, 6, 8), "protein": (1, 2, 3)}
CLASS_SIZE = 5
GROUPED_BY = {"dna": 6, "protein": 3}
FEW_VALUES = 2_000  # below this, a k-mer seen once is kept
MOST_COLUMNS = 131_072

U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]


@njit(cache=True, nogil=True)
def _slots(codes: U8, size: int, letters: int, two_strands: bool, offset: int, out: I64) -> int:
    """Writes the slot of each k-mer of one size, and returns how many; of two strands the lower number counts."""
    found, known = 0, 0
    forward, backward = np.int64(0), np.int64(0)
    top = np.int64(1)
    for _ in range(size - 1):
        top *= letters
    for code in codes:
        if code >= letters:
            known = 0
            forward, backward = np.int64(0), np.int64(0)
            continue
        forward = (forward % top) * letters + code
        backward = backward // letters + (letters - 1 - code) * top
        known += 1
        if known >= size:
            out[found] = offset + (min(forward, backward) if two_strands else forward)
            found += 1
    return found


@njit(cache=True, nogil=True)
def _row(
    slots: I64,
    column_of: NDArray[np.int32],
    idf: NDArray[np.float32],
    counts: NDArray[np.int32],
    columns: NDArray[np.int32],
    weights: NDArray[np.float32],
) -> int:
    """One row of unit length, (1 + log count) * idf by first appearance; `counts` is zeros before and after."""
    filled, unseen = 1, 0
    for slot in slots:
        column = column_of[slot]
        if column == 0:
            unseen += 1
            continue
        if counts[column] == 0:
            columns[filled] = column
            filled += 1
        counts[column] += 1
    columns[0] = 0
    weights[0] = np.sqrt(np.float32(unseen)) * idf[0]
    total = weights[0] * weights[0]
    for i in range(1, filled):
        weights[i] = (np.float32(1) + np.log(np.float32(counts[columns[i]]))) * idf[columns[i]]
        total += weights[i] * weights[i]
        counts[columns[i]] = 0
    if total > 0:
        scale = np.float32(1) / np.sqrt(total)
        for i in range(filled):
            weights[i] *= scale
    return filled


class KmerEncoder:
    """Sequences to sparse rows of unit length. Shapes: encode gives Rows (n, width)."""

    kind = "kmers.v1"
    head = "hashed"

    def __init__(
        self,
        alphabet: Alphabet = DNA,
        slots: NDArray[np.int32] | None = None,
        idf: NDArray[np.float32] | None = None,
    ) -> None:
        self._alphabet = alphabet
        self._kept = np.zeros(0, np.int32) if slots is None else slots  # (width - 1,), the slot of each column
        self._idf = np.ones(1, np.float32) if idf is None else idf  # (width,), of the unseen first

    @property
    def width(self) -> int:
        """Columns of what `encode` returns."""
        return len(self._idf)

    @cached_property
    def _room(self) -> int:
        """How many slots there are."""
        letters = len(self._alphabet.letters)
        classes = len(self._alphabet.classes)
        return int(sum(letters**size for size in SIZES[self._alphabet.name]) + (classes**CLASS_SIZE if classes else 0))

    @cached_property
    def _column_of(self) -> NDArray[np.int32]:
        columns = np.zeros(self._room, np.int32)
        columns[self._kept] = np.arange(1, self.width, dtype=np.int32)
        return columns

    def fit(self, values: Sequence[str], targets: Targets | None = None, *, loss: Loss = "softmax") -> Self:
        """Learns which k-mers occur and how rare each is."""
        counts = np.zeros(self._room, np.int64)
        for value in values:
            counts[np.unique(self._slots_of(value))] += 1
        kept = np.flatnonzero(counts >= (2 if len(values) >= FEW_VALUES else 1))
        kept = kept[np.argsort(-counts[kept], kind="stable")][:MOST_COLUMNS]
        seen = np.concatenate([[0], counts[kept]])
        idf = np.log((1 + len(values)) / (1 + seen)) + 1
        return type(self)(self._alphabet, kept.astype(np.int32), idf.astype(np.float32))

    def encode(self, values: Sequence[str]) -> Rows:
        """Rows (n, width)."""
        starts, counts = np.zeros(len(values) + 1, np.int64), np.zeros(self.width, np.int32)
        columns, weights = [np.zeros(0, np.int32)], [np.zeros(0, np.float32)]
        for i, value in enumerate(values):
            slots = self._slots_of(value)
            row, weight = np.empty(len(slots) + 1, np.int32), np.empty(len(slots) + 1, np.float32)
            filled = _row(slots, self._column_of, self._idf, counts, row, weight)
            columns.append(row[:filled])
            weights.append(weight[:filled])
            starts[i + 1] = starts[i] + filled
        return Rows(
            starts=starts, columns=np.concatenate(columns), weights=np.concatenate(weights), width=self.width
        )  # fmt: skip

    def _slots_of(self, value: str) -> I64:
        codes, letters = self._alphabet.codes(value), len(self._alphabet.letters)
        sizes, two_strands = SIZES[self._alphabet.name], self._alphabet.two_strands
        slots = np.empty((len(sizes) + 1) * len(codes), np.int64)
        found, offset = 0, 0
        for size in sizes:
            found += _slots(codes, size, letters, two_strands, offset, slots[found:])
            offset += letters**size
        if classes := len(self._alphabet.classes):
            found += _slots(self._alphabet.class_of[codes], CLASS_SIZE, classes, False, offset, slots[found:])
        return slots[:found]

    def state(self) -> State:
        """The name of the alphabet, and the columns."""
        return State(config={"alphabet": self._alphabet.name}, arrays={"slots": self._kept, "idf": self._idf})

    @classmethod
    def restore(cls, state: State) -> Self:
        """The encoder that `state` was taken from.

        Raises: ValueError where its arrays do not fit one another.
        """
        slots, idf = np.asarray(state.arrays["slots"], np.int32), np.asarray(state.arrays["idf"], np.float32)
        encoder = cls(ALPHABETS[str(state.config["alphabet"])], slots, idf)
        if len(idf) != len(slots) + 1 or (len(slots) and not 0 <= slots.min() <= slots.max() < encoder._room):
            raise ValueError(f"{len(slots)} k-mers and {len(idf)} frequencies do not fit one another")
        return encoder


def similar_groups(values: Sequence[str], alphabet: Alphabet, similarity: float) -> I64:
    """A number for each sequence; those linked by like k-mers of one size share one.

    Where over half of all belong together they are variants of one sequence, and splitting by likeness would leave
    nothing to compare: then equal sequences alone share a number.
    """
    from metier.encoders.near import near_groups

    size = GROUPED_BY[alphabet.name]
    letters = len(alphabet.letters)
    starts, columns, weights = [0], [], []
    for value in values:
        slots = np.empty(len(value), np.int64)
        found = _slots(alphabet.codes(value), size, letters, alphabet.two_strands, 1, slots)
        column, count = np.unique(slots[:found], return_counts=True)
        starts.append(starts[-1] + len(column))
        columns.append(column.astype(np.int32))
        weights.append(np.sqrt(count).astype(np.float32))
    rows = Rows(
        starts=np.array(starts, np.int64),
        columns=np.concatenate(columns) if columns else np.zeros(0, np.int32),
        weights=np.concatenate(weights) if weights else np.zeros(0, np.float32),
        width=1 + letters**size,
    )
    _, same = np.unique(np.array(values), return_inverse=True)
    groups = near_groups(rows, similarity)
    most = np.bincount(groups).max(initial=0)
    if most > len(np.unique(same)) / 2 and most > len(values) / 2:
        return same.astype(np.int64)
    # a sequence too short for a k-mer has no row to compare; its equals still belong to it
    first = np.full(same.max(initial=-1) + 1, -1, np.int64)
    first[same[::-1]] = groups[::-1]
    return first[same]


ENCODER: Any = KmerEncoder
