"""Spans that follow right on others, as states of their own: a field then knows one long span from several in a row.

An address is marked whole in one text, and in pieces in the next. A field remembers one word back: without such states
it has forgotten at the fourth word of an address how the first ones were taken. Knows tags; no labels.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from metier.extraction.stage import Parsed
from metier.extraction.words import runs
from metier.types import Labels

BETWEEN = re.compile(r"\W*")  # what may stand between a span and one that follows right on it
LEAST = 3  # groups of texts in which a label's spans do so, before it has states for it


def in_a_row(
    texts: Sequence[Parsed], paths: Sequence[Sequence[int]], count: int, groups: Labels
) -> tuple[list[list[int]], Labels]:
    """The states of every text, for its tags, and the tag that each state means (k,); the first `count` are the tags.

    Texts that are alike share a number in `groups` (n,).
    """
    following = [_following(text, path) for text, path in zip(texts, paths, strict=True)]
    said = {(label, group) for some, group in zip(following, groups.tolist(), strict=True) for _, _, label in some}
    labels = [label for label in range(count // 2) if sum(one == label for one, _ in said) >= LEAST]
    states = []
    for path, some in zip(paths, following, strict=True):
        row = list(path)
        for first, last, label in some:
            if label in labels:
                begins = count + 2 * labels.index(label)
                row[first : last + 1] = [begins, *[begins + 1] * (last - first)]
        states.append(row)
    more = [tag for label in labels for tag in (2 * label + 1, 2 * label + 2)]
    return states, np.array([*range(count), *more], np.int64)


def _following(text: Parsed, path: Sequence[int]) -> list[tuple[int, int, int]]:
    """The spans before which there is nothing but signs since the one before."""
    found = runs(path)
    return [
        after
        for before, after in pairwise(found)
        if BETWEEN.fullmatch(text.text, text.words[before[1]].end, text.words[after[0]].start)
    ]
