"""Words that were mistyped by one slip of the finger, set right to a word the assistant knows, if there is exactly one.

Knows the words of the assistant's own rows, and of the language only whether a word is one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

SHORTEST = 5  # shorter words have too many neighbours
WORD = re.compile(r"[^\W\d_]{5,}")


class Speller:
    """`Speller(["what is my balance"]).mend("my ballance")` is "my balance"."""

    def __init__(self, lines: Iterable[str], usual: Callable[[str], bool] = lambda word: False) -> None:
        self._usual = usual  # a word that is one, if none of the assistant's
        self._known = Counter(word for line in lines for word in re.findall(r"[^\W\d_]+", line.casefold()))
        self._longest = max(map(len, self._known), default=0)

    def mend(self, text: str) -> str:
        """The text with what is surely a slip set right."""
        return WORD.sub(lambda found: self._mended(found[0], named=_named(text, found)), text)

    def _mended(self, word: str, *, named: bool) -> str:
        plain = word.casefold()
        if len(plain) > self._longest + 1 or plain in self._known or self._usual(plain):  # one slip adds one letter
            return word
        near = {
            other: self._known[other] for other in slips(plain) if other in self._known and len(other) >= SHORTEST - 1
        }
        if named:  # "Alisa" is no Lisa
            near = {other: count for other, count in near.items() if other[0] == plain[0]}
        if not near:
            return word
        first, *rest = sorted(near, key=lambda other: -near[other])
        return first if not rest or near[first] > 1.5 * near[rest[0]] else word


def _named(text: str, found: re.Match[str]) -> bool:
    """Whether a word is written as a name is, a capital amid small letters."""
    before = text[: found.start()].rstrip()
    return found[0][0].isupper() and found[0][1:].islower() and before[-1:].islower()


def slips(word: str) -> Iterator[str]:
    """Every word that one slip away: a letter swapped with the next, left out, doubled, wrong or missing."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    for place in range(len(word)):
        yield word[:place] + word[place + 1 :]
        if place:
            yield word[: place - 1] + word[place] + word[place - 1] + word[place + 1 :]
        for letter in letters:
            yield word[:place] + letter + word[place + 1 :]
            yield word[:place] + letter + word[place:]


def one_slip(word: str, other: str) -> bool:
    """Whether two words are one slip apart, or the same."""
    if word == other:
        return True
    if abs(len(word) - len(other)) > 1:
        return False
    start = next(
        (place for place, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other))
    )
    mine, theirs = word[start:], other[start:]
    swapped = (
        len(mine) > 1 and len(theirs) > 1 and mine[0] == theirs[1] and mine[1] == theirs[0] and mine[2:] == theirs[2:]
    )
    return swapped or mine[1:] == theirs[1:] or mine[1:] == theirs or mine == theirs[1:]
