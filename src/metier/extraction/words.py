"""A text as words, and spans of characters as tags of words and back.

Letters, digits and signs stand apart ("£50", "5pm" are two words each), so that spans begin and end where words do.
Knows no labels' meaning and no model.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from metier.types import Span

WORD = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")
OUT = "O"


class Word(NamedTuple):
    """A word and where it stands."""

    start: int
    end: int
    text: str


def split(text: str) -> list[Word]:
    """The words of a text, in order."""
    return [Word(match.start(), match.end(), match[0]) for match in WORD.finditer(text)]


class Places:
    """Where words stand, so that those under some characters are found without looking at each."""

    def __init__(self, words: Sequence[Word]) -> None:
        self._starts, self._ends = [word.start for word in words], [word.end for word in words]

    def under(self, start: int, end: int) -> range:
        """The numbers of the words that share a character with start to end."""
        return range(bisect_right(self._ends, start), bisect_left(self._starts, end))


def tags(words: Sequence[Word], spans: Iterable[Span]) -> list[str]:
    """A tag for each word: B-label where a span begins, I-label where it goes on, O elsewhere.

    A word that a span holds in part is all of it; where two spans want one word, the earlier keeps it.
    """
    found, places = [OUT] * len(words), Places(words)
    for span in sorted(spans):
        inside = places.under(span.start, span.end)
        if inside and all(found[i] == OUT for i in inside):
            for i in inside:
                found[i] = f"{'B' if i == inside[0] else 'I'}-{span.label}"
    return found


def tag_names(labels: Sequence[str]) -> tuple[str, ...]:
    """Every tag that these labels make; O is the first."""
    return (OUT, *(f"{part}-{label}" for label in labels for part in "BI"))


def runs(path: Sequence[int]) -> list[tuple[int, int, int]]:
    """Spans of a path of tags by their numbers in `tag_names`: first word, last word, number of the label."""
    found: list[tuple[int, int, int]] = []
    for i, tag in enumerate(path):
        if tag % 2 == 1:
            found.append((i, i, tag // 2))
        elif tag:
            first, _, label = found[-1]  # a path has no I without its B
            found[-1] = (first, i, label)
    return found
