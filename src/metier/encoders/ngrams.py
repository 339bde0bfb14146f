"""Hashed word and character n-grams over bytes: the cheapest useful vectors of a text.

Knows nothing about labels, and of language only where words end. Rows are sparse; column 0 is the length of what was
never seen in training, so that the heads can ignore it and the scope can use it.

Source: feature hashing, Weinberger et al. 2009; sublinear counts and idf as in Manning et al. 2008, section 6.4.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metier.types import Loss, Rows, State, Targets

LONGEST_BYTES = 16_384  # a text longer than this is judged by its first 16 KiB
SLOT_BITS = 19  # 2^19 slots of 4 bytes stay in a core's cache; 30,000 n-grams collide in 3 % of them
MOST_COLUMNS = 131_072  # the most frequent are kept; bounds the size of every head
SHORTEST, LONGEST = 2, 4  # character n-grams, with the word's edges as one character each
FEW_VALUES = 2_000  # below this, an n-gram seen once is kept

_OFFSET, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)  # FNV-1a, 64 bit
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_EDGE = np.uint8(32)


@njit(cache=True, nogil=True, inline="always")
def _slot(hashed: np.uint64) -> np.int64:
    """The top bits after a finaliser in the manner of MurmurHash3, so that nearby words land far apart."""
    hashed ^= hashed >> np.uint64(29)
    hashed *= np.uint64(0xBF58476D1CE4E5B9)
    return np.int64(hashed >> np.uint64(64 - SLOT_BITS))


@njit(cache=True, nogil=True, inline="always")
def _is_word(byte: int) -> bool:
    return (97 <= byte <= 122) or (48 <= byte <= 57) or byte >= 128 or (65 <= byte <= 90)


@njit(cache=True, nogil=True)
def _slots(data: NDArray[np.uint8], start: int, stop: int, out: NDArray[np.int64]) -> int:
    """Writes the slots of one text's words, word pairs (next and next but one) and character n-grams; returns how many.

    An apostrophe joins ("can't" = "cant"), any other sign parts. `out` needs room for 6 a byte.
    """
    found = 0
    i = start
    before, before_that = np.uint64(0), np.uint64(0)
    words = 0
    word = np.empty(66, np.uint8)
    while i < stop:
        if not _is_word(data[i]):
            i += 1
            continue
        length = 1
        word[0] = _EDGE
        whole = _OFFSET
        while i < stop:
            byte = data[i]
            if byte == 39:
                i += 1
                continue
            if not _is_word(byte):
                break
            if 65 <= byte <= 90:
                byte += np.uint8(32)
            whole = (whole ^ np.uint64(byte)) * _PRIME
            if length < 64:
                word[length] = byte
                length += 1
            i += 1
        word[length] = _EDGE
        length += 1
        out[found] = _slot(whole + np.uint64(1))
        found += 1
        if words > 0:
            out[found] = _slot((before * _GOLDEN) ^ (whole + np.uint64(2)))
            found += 1
        if words > 1:
            out[found] = _slot((before_that * _GOLDEN) ^ (whole + np.uint64(3)))
            found += 1
        before_that, before = before, whole
        words += 1
        for first in range(length - 1):
            gram = _OFFSET
            for size in range(1, min(LONGEST, length - first) + 1):
                gram = (gram ^ np.uint64(word[first + size - 1])) * _PRIME
                if size >= SHORTEST and size < length:
                    out[found] = _slot(gram + np.uint64(7 + size))
                    found += 1
    return found


@njit(cache=True, nogil=True)
def _longest(ends: NDArray[np.int64]) -> int:
    longest = 0
    for i in range(len(ends) - 1):
        longest = max(longest, ends[i + 1] - ends[i])
    return longest


@njit(cache=True, nogil=True)
def _document_counts(data: NDArray[np.uint8], ends: NDArray[np.int64]) -> NDArray[np.int32]:
    """In how many texts each slot occurs."""
    counts = np.zeros(1 << SLOT_BITS, np.int32)
    last_seen = np.full(1 << SLOT_BITS, -1, np.int32)
    slots = np.empty(6 * _longest(ends) + 16, np.int64)
    for i in range(len(ends) - 1):
        for j in range(_slots(data, ends[i], ends[i + 1], slots)):
            if last_seen[slots[j]] != i:
                last_seen[slots[j]] = i
                counts[slots[j]] += 1
    return counts


@njit(cache=True, nogil=True)
def _table(slots: NDArray[np.int32]) -> NDArray[np.int32]:
    """Slots and their columns, side by side, by open addressing at most half full: (size, 2), column 0 where free.

    An array over all slots would be 2 MB for the smallest specialist, and a gateway holds a thousand of them.
    """
    size = 16
    while size < 2 * len(slots):
        size *= 2
    known = np.zeros((size, 2), np.int32)
    for i in range(len(slots)):
        at = slots[i] & (size - 1)
        while known[at, 1] != 0 and known[at, 0] != slots[i]:
            at = (at + 1) & (size - 1)
        known[at, 0], known[at, 1] = slots[i], i + 1
    return known


@njit(cache=True, nogil=True, inline="always")
def _column(known: NDArray[np.int32], slot: np.int64) -> np.int32:
    at = slot & (len(known) - 1)
    while known[at, 1] != 0 and known[at, 0] != slot:
        at = (at + 1) & (len(known) - 1)
    column: np.int32 = known[at, 1]
    return column


@njit(cache=True, nogil=True)
def _rows(
    data: NDArray[np.uint8],
    ends: NDArray[np.int64],
    known: NDArray[np.int32],
    idf: NDArray[np.float32],
    logs: NDArray[np.float32],
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """Rows of unit length: (1 + log count) * idf for each column, in the order of first appearance."""
    n = len(ends) - 1
    room = 6 * _longest(ends) + 16
    slots = np.empty(room, np.int64)
    starts = np.empty(n + 1, np.int64)
    columns = np.empty((ends[n] - ends[0]) * 6 + 16 * n, np.int32)
    weights = np.empty(len(columns), np.float32)
    table_size = 64
    while table_size < 2 * room:
        table_size *= 2
    places = np.zeros(table_size, np.int32)  # open addressing: 1 + place in this row's columns
    filled = 0
    starts[0] = 0
    for i in range(n):
        found = _slots(data, ends[i], ends[i + 1], slots)
        size = 64
        while size < 2 * found:
            size *= 2
        places[:size] = 0
        start = filled
        columns[filled] = 0
        weights[filled] = 0
        filled += 1
        unseen = 0
        for j in range(found):
            column = _column(known, slots[j])
            if column == 0:
                unseen += 1
                continue
            at = (column * 40503) & (size - 1)
            while places[at] != 0 and columns[start + places[at] - 1] != column:
                at = (at + 1) & (size - 1)
            if places[at] == 0:
                columns[filled] = column
                weights[filled] = 1
                filled += 1
                places[at] = filled - start
            else:
                weights[start + places[at] - 1] += 1
        weights[start] = np.sqrt(np.float32(unseen)) * idf[0]
        total = weights[start] * weights[start]
        for j in range(start + 1, filled):
            times = int(weights[j])
            weights[j] = logs[times if times < len(logs) else len(logs) - 1] * idf[columns[j]]
            total += weights[j] * weights[j]
        if total > 0:
            scale = np.float32(1) / np.sqrt(total)
            for j in range(start, filled):
                weights[j] *= scale
        starts[i + 1] = filled
    return starts, columns[:filled], weights[:filled]


def _bytes(value: str) -> bytes:
    """The text as the n-grams see it: full-width letters, ligatures and capitals outside ASCII folded."""
    if not value.isascii():
        value = "".join(
            c for c in unicodedata.normalize("NFKC", value[:LONGEST_BYTES]) if c.isprintable() or c.isspace()
        )
        value = value.lower()
    return value.encode("utf-8", "replace")[:LONGEST_BYTES]


def _joined(values: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    texts = [_bytes(value) for value in values]
    ends = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=ends[1:])
    return np.frombuffer(b"".join(texts), np.uint8), ends


class NgramEncoder:
    """Texts to sparse rows of unit length over the n-grams met in training.

    Shapes: encode gives Rows (n, width); width is 1 + the number of n-grams kept.
    """

    kind = "ngrams.v1"
    head = "hashed"

    def __init__(self, slots: NDArray[np.int32] | None = None, idf: NDArray[np.float32] | None = None) -> None:
        self.slots = np.zeros(0, np.int32) if slots is None else slots  # (width - 1,), the slot of each column
        self.idf = np.ones(1, np.float32) if idf is None else idf  # (width,), of the unseen first

    @property
    def width(self) -> int:
        return len(self.idf)

    @cached_property
    def _known(self) -> NDArray[np.int32]:
        known: NDArray[np.int32] = _table(self.slots)
        return known

    def fit(self, values: Sequence[str], targets: Targets | None = None, *, loss: Loss = "softmax") -> Self:
        """Learns which n-grams occur and how rare each is; the frequent come first, which keeps them in cache."""
        data, ends = _joined(values)
        counts: NDArray[np.int32] = _document_counts(data, ends)
        kept: NDArray[np.int64] = np.flatnonzero(counts >= (2 if len(values) >= FEW_VALUES else 1))
        kept = kept[np.argsort(-counts[kept], kind="stable")][:MOST_COLUMNS]
        seen = np.concatenate([[0], counts[kept]])
        idf = np.log((1 + len(values)) / (1 + seen)) + 1
        return type(self)(kept.astype(np.int32), idf.astype(np.float32))

    def encode(self, values: Sequence[str]) -> Rows:
        """Rows (n, width)."""
        data, ends = _joined(values)
        starts, columns, weights = _rows(data, ends, self._known, self.idf, _LOGS)
        return Rows(starts=starts, columns=columns, weights=weights, width=self.width)

    def state(self) -> State:
        return State(arrays={"slots": self.slots, "idf": self.idf})

    @classmethod
    def restore(cls, state: State) -> Self:
        slots, idf = np.asarray(state.arrays["slots"], np.int32), np.asarray(state.arrays["idf"], np.float32)
        if len(idf) != len(slots) + 1 or (len(slots) and not 0 <= slots.min() <= slots.max() < 1 << SLOT_BITS):
            raise ValueError(f"{len(slots)} slots and {len(idf)} frequencies do not fit one another")
        return cls(slots, idf)


_LOGS = np.concatenate([[0.0], 1 + np.log(np.arange(1, 1024))]).astype(np.float32)

ENCODER: Any = NgramEncoder
