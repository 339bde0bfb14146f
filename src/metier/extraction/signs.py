"""What can be seen of each word without knowing what it means: letters, shape, neighbours, what a pattern found.

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
from numpy.typing import NDArray

from metier.extraction.words import Word

Hashes = NDArray[np.uint64]

AFFIXES, GRAM, LONGEST_WORD = 4, 3, 40
AROUND = 27  # signs of a word's neighbours and of what lies around it; as many for every word
STRANGE = 8  # signs of which words nearby were hardly ever seen; as many for every word
WIDEST = 3  # words to either side
BEFORE_ALL, AFTER_ALL = np.uint64(11), np.uint64(13)


@dataclass(frozen=True, kw_only=True)
class Signs:
    """The signs of a text's words: those of word i are hashes[starts[i] : starts[i + 1]].

    Shapes: starts (t + 1,) int64, hashes (m,), low and shape (t,): the word itself, and its kinds of characters;
    goes_on (t,): the kind of find that a word is a further part of, 0 for none.
    """

    starts: NDArray[np.int64]
    hashes: Hashes
    low: Hashes
    shape: Hashes
    goes_on: Hashes

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
    glued = np.array([i > 0 and words[i - 1].end == word.start for i, word in enumerate(words)], np.uint64)
    broken = np.array([i == 0 or "\n" in text[words[i - 1].end : w.start] for i, w in enumerate(words)], np.uint64)
    marked = np.array([_hashed(marks.get(i, "")) for i in range(len(words))], np.uint64)
    lead = np.array([_hashed(one) for one in _leads(words, marks)], np.uint64)
    low = np.array([one.low for one in each], np.uint64)
    shape = np.array([one.shape for one in each], np.uint64)
    around = _around(low, shape, marked, lead, glued, broken)
    sizes = np.array([len(one.all) + AROUND for one in each], np.int64)
    return Signs(
        starts=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        hashes=np.concatenate([part for one, rest in zip(each, around, strict=True) for part in (one.all, rest)])
        if each
        else np.empty(0, np.uint64),
        low=low,
        shape=shape,
        goes_on=np.array([_further(marks.get(i, "")) for i in range(len(words))], np.uint64),
    )


def _further(mark: str) -> int:
    """The kind of a find that goes on, as a number; 0 where none does."""
    kind, _, part = mark.partition(" ")
    return _hashed(f"f {kind}") if part == "goes on" else 0


def _leads(words: Sequence[Word], marks: Mapping[int, str]) -> list[str]:
    """For each word of a find, what led to it: the word before, and whether there were finds of its kind before."""
    said, before, lead = [], set[str](), ""
    for i in range(len(words)):
        kind, _, part = marks.get(i, "").partition(" ")
        if part == "begins":
            lead = f"l {words[i - 1].text.casefold() if i else ''} {kind in before}"
            before.add(kind)
        said.append(lead if kind else "")
    return said


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
        low=_hashed(f"w {re.sub(r'[0-9]', '0', low)}"),
        shape=_hashed(f"s {shape}"),
        all=np.array([_hashed(one) for one in said], np.uint64),
    )


@lru_cache(1_024)
def _hashed(sign: str) -> int:
    return int.from_bytes(blake2b(sign.encode("utf-8", "replace"), digest_size=8).digest(), "little")


def _shape(word: str) -> str:
    """What kinds of characters there are, each at most twice in a row: "Xxx" for "London"."""
    kinds = "".join("d" if c.isdigit() else "X" if c.isupper() else "x" if c.isalpha() else c for c in word)
    return re.sub(r"(.)\1{2,}", r"\1\1", kinds)


def _mixed(a: Hashes, b: Hashes, salts: Hashes) -> Hashes:
    """Two hashes and a salt as one, in the manner of SplitMix64."""
    z = a * np.uint64(0x9E3779B97F4A7C15) + (b ^ (salts << np.uint64(32)))
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))


def among(hashes: Hashes, known: Hashes) -> NDArray[np.bool_]:
    """Which of these are known; `known` is in order. What numpy has for it looks at all that is known each time."""
    if not len(known):
        return np.zeros(len(hashes), np.bool_)
    return np.asarray(known[np.minimum(np.searchsorted(known, hashes), len(known) - 1)] == hashes)


class _Row:
    """Hashes of words in a row; `row[1]` has for each word that of the next, and past the ends one of two more."""

    def __init__(self, values: Hashes) -> None:
        self._values = np.concatenate([np.full(WIDEST, BEFORE_ALL), values, np.full(WIDEST, AFTER_ALL)])
        self._many = len(values)

    def __getitem__(self, step: int) -> Hashes:
        return self._values[WIDEST + step : WIDEST + step + self._many]


def _around(low: Hashes, shape: Hashes, marked: Hashes, lead: Hashes, glued: Hashes, broken: Hashes) -> Hashes:
    """The signs of what lies around each word (t, AROUND)."""
    word, kinds, mark, none = _Row(low), _Row(shape), _Row(marked), np.zeros(len(low), np.uint64)
    two, salt = np.uint64(2), np.zeros(len(low), np.uint64)
    stuck = two * glued + np.append(glued[1:], np.uint64(0))[: len(low)]
    lines = two * broken + np.append(broken[1:], np.uint64(1))[: len(low)]
    pairs = (
        (word[-1], word[0]), (word[1], word[0]), (word[-1], word[1]), (word[-2], word[-1]), (word[1], word[2]),
        (word[-1], none), (word[1], none), (word[-2], none), (word[2], none), (word[-3], none),
        (kinds[-1], kinds[0]), (kinds[0], kinds[1]), (_mixed(kinds[-1], kinds[0], salt), kinds[1]),
        (kinds[-2], none), (kinds[2], none), (kinds[-1], none), (kinds[1], none),
        (stuck, none), (stuck, kinds[0]), (lines, none), (lines, kinds[0]),
        (mark[0], none), (mark[-1], none), (mark[1], none),
        (lead, none), (lead, mark[0]), (lead, word[0]),
    )  # fmt: skip
    return _salted(pairs, 0)


def strange(signs: Signs, common: NDArray[np.bool_]) -> Hashes:
    """Signs of which words are strange (t, STRANGE): a name never seen is known by its place.

    Shapes: common (t,), whether a word was seen often enough to be known for itself.
    """
    word, here = _Row(signs.low), common.astype(np.uint64)
    left = np.append(np.uint64(1), here)[: len(here)]
    right = np.append(here[1:], np.uint64(1))[: len(here)]
    two, salt = np.uint64(2), np.zeros(len(here), np.uint64)
    three = here + two * left + np.uint64(4) * right
    pairs = (
        (three, np.zeros(len(here), np.uint64)), (three, signs.shape), (word[-1], here), (word[1], here),
        (word[-1], here + two * right), (word[1], here + two * left),
        (_mixed(word[-1], word[1], salt), here), (_mixed(word[-2], word[-1], salt), here),
    )  # fmt: skip
    return _salted(pairs, AROUND)


def _salted(pairs: Sequence[tuple[Hashes, Hashes]], first: int) -> Hashes:
    """Each pair as one hash of its own kind (t, len(pairs))."""
    salts = np.arange(first + 1, first + 1 + len(pairs), dtype=np.uint64)
    return _mixed(np.stack([a for a, _ in pairs], 1), np.stack([b for _, b in pairs], 1), salts)
