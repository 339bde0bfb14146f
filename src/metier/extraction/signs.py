"""What can be seen of each word without knowing what it means: letters, shape, neighbours, and what a pattern found there.

Each sign is a number of 64 bits, so that no list of words is kept and no name from a training row can be read in a
model. Knows no labels.

Source: feature hashing, Weinberger et al. 2009; the signs are those usual for names, as in Ratinov & Roth 2009.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metier.extraction.words import Word

Hashes = NDArray[np.uint64]

AFFIXES, GRAM, LONGEST_WORD = 4, 3, 40
AROUND = 24  # signs of a word's neighbours and of what lies around it; as many for every word
STRANGE = 8  # signs of which words nearby were hardly ever seen; as many for every word
BEFORE_ALL, AFTER_ALL = np.uint64(11), np.uint64(13)


@dataclass(frozen=True, kw_only=True)
class Signs:
    """The signs of a text's words: those of word i are hashes[starts[i] : starts[i + 1]].

    Shapes: starts (t + 1,) int64, hashes (m,), low and shape (t,): the word itself, and its kinds of characters.
    """

    starts: NDArray[np.int64]
    hashes: Hashes
    low: Hashes
    shape: Hashes

    def __len__(self) -> int:
        return len(self.starts) - 1


@dataclass(frozen=True, kw_only=True)
class _Own:
    low: int
    shape: int
    all: Hashes


def signs(text: str, words: Sequence[Word], marks: Mapping[int, str]) -> Signs:
    """The signs of every word; `marks` say what a pattern found at a word, by its number."""
    each = [_own(word.text[:LONGEST_WORD]) for word in words]
    sizes = np.array([len(one.all) for one in each], np.int64)
    own = np.concatenate([one.all for one in each]) if each else np.empty(0, np.uint64)
    glued = np.array([i > 0 and words[i - 1].end == word.start for i, word in enumerate(words)], np.bool_)
    broken = np.array([i == 0 or "\n" in text[words[i - 1].end : w.start] for i, w in enumerate(words)], np.bool_)
    marked = np.array([_hashed(marks.get(i, "")) for i in range(len(words))], np.uint64)
    low = np.array([one.low for one in each], np.uint64)
    shape = np.array([one.shape for one in each], np.uint64)
    starts = np.concatenate([[0], np.cumsum(sizes + AROUND)]).astype(np.int64)
    return Signs(starts=starts, hashes=_placed(low, shape, marked, glued, broken, own, sizes, starts), low=low, shape=shape)


def strange(signs: Signs, common: NDArray[np.bool_]) -> Hashes:
    """Signs of which words are strange, STRANGE for each word in turn: a name never seen is known by its place.

    Shapes: common (t,), whether a word was seen often enough to be known for itself.
    """
    return _strange(signs.low, signs.shape, common)


@lru_cache(65_536)
def _own(word: str) -> _Own:
    low, shape = word.casefold(), _shape(word)
    said = ["any", f"w {low}", f"s {shape}", f"n {min(len(word), 8)}", f"c {word[:1].isupper()} {word.isupper()}"]
    if word.isdigit():
        said.append(f"d {len(word)}")
    said += [f"p {low[:n]}" for n in range(1, AFFIXES + 1) if len(low) >= n]
    said += [f"x {low[-n:]}" for n in range(1, AFFIXES + 1) if len(low) >= n]
    edged = f"^{low}$"
    said += [f"g {edged[i : i + GRAM]}" for i in range(len(edged) - GRAM + 1)]
    return _Own(
        # one number is like another of its length to the words around it
        low=_hashed(f"w {re.sub(r'[0-9]', '0', low)}"), shape=_hashed(f"s {shape}"), all=np.array([_hashed(one) for one in said], np.uint64)
    )


@lru_cache(1_024)
def _hashed(sign: str) -> int:
    return int.from_bytes(blake2b(sign.encode("utf-8", "replace"), digest_size=8).digest(), "little")


def _shape(word: str) -> str:
    """What kinds of characters there are, each at most twice in a row: "Xxx" for "London"."""
    kinds = "".join("d" if c.isdigit() else "X" if c.isupper() else "x" if c.isalpha() else c for c in word)
    return re.sub(r"(.)\1{2,}", r"\1\1", kinds)


@njit(cache=True, nogil=True, inline="always")
def _mixed(a: np.uint64, b: np.uint64, salt: int) -> np.uint64:
    """Two hashes and a salt as one, in the manner of SplitMix64."""
    z = a * np.uint64(0x9E3779B97F4A7C15) + (b ^ (np.uint64(salt) << np.uint64(32)))
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True, inline="always")
def _at(values: Hashes, i: int) -> np.uint64:
    """The hash at a place, and one of two of its own before the first and after the last."""
    if i < 0:
        return BEFORE_ALL
    return AFTER_ALL if i >= len(values) else values[i]


@njit(cache=True, nogil=True)
def _placed(
    low: Hashes, shape: Hashes, marked: Hashes, glued: NDArray[np.bool_], broken: NDArray[np.bool_],
    own: Hashes, sizes: NDArray[np.int64], starts: NDArray[np.int64],
) -> Hashes:  # fmt: skip
    """Own signs of each word, then those of what lies around it."""
    t = len(low)
    out = np.empty(starts[-1], np.uint64)
    read = 0
    for i in range(t):
        at = starts[i]
        out[at : at + sizes[i]] = own[read : read + sizes[i]]
        read += sizes[i]
        at += sizes[i]
        word, here = low[i], shape[i]
        before, after = _at(low, i - 1), _at(low, i + 1)
        stuck = np.uint64(2 * int(glued[i]) + int(i + 1 < t and glued[i + 1]))
        lines = np.uint64(2 * int(broken[i]) + int(i + 1 == t or broken[i + 1]))
        around = (
            _mixed(before, word, 1), _mixed(after, word, 2), _mixed(before, after, 3),
            _mixed(_at(low, i - 2), before, 4), _mixed(after, _at(low, i + 2), 5),
            _mixed(before, np.uint64(0), 6), _mixed(after, np.uint64(0), 7),
            _mixed(_at(low, i - 2), np.uint64(0), 8), _mixed(_at(low, i + 2), np.uint64(0), 9),
            _mixed(_at(shape, i - 1), here, 10), _mixed(here, _at(shape, i + 1), 11),
            _mixed(_mixed(_at(shape, i - 1), here, 12), _at(shape, i + 1), 12),
            _mixed(_at(shape, i - 2), np.uint64(0), 13), _mixed(_at(shape, i + 2), np.uint64(0), 14),
            _mixed(_at(shape, i - 1), np.uint64(0), 15), _mixed(_at(shape, i + 1), np.uint64(0), 16),
            _mixed(stuck, np.uint64(0), 17), _mixed(stuck, here, 18),
            _mixed(lines, np.uint64(0), 19), _mixed(lines, here, 20),
            _mixed(marked[i], np.uint64(0), 21),
            _mixed(_at(marked, i - 1), np.uint64(0), 22), _mixed(_at(marked, i + 1), np.uint64(0), 23),
            _mixed(_at(low, i - 3), np.uint64(0), 24),
        )  # fmt: skip
        for j in range(AROUND):
            out[at + j] = around[j]
    return out


@njit(cache=True, nogil=True)
def _strange(low: Hashes, shape: Hashes, common: NDArray[np.bool_]) -> Hashes:
    t = len(low)
    out = np.empty(STRANGE * t, np.uint64)
    for i in range(t):
        before, after = _at(low, i - 1), _at(low, i + 1)
        here = np.uint64(common[i])
        left = np.uint64(i == 0 or common[i - 1])
        right = np.uint64(i + 1 == t or common[i + 1])
        three = here + np.uint64(2) * left + np.uint64(4) * right
        signs = (
            _mixed(three, np.uint64(0), 31), _mixed(three, shape[i], 32),
            _mixed(before, here, 33), _mixed(after, here, 34),
            _mixed(before, here + np.uint64(2) * right, 35), _mixed(after, here + np.uint64(2) * left, 36),
            _mixed(_mixed(before, after, 37), here, 37),
            _mixed(_mixed(_at(low, i - 2), before, 38), here, 38),
        )  # fmt: skip
        for j in range(STRANGE):
            out[STRANGE * i + j] = signs[j]
    return out
