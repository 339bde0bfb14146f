"""Takes what is personal out of a text before it is kept: what checksums and forms tell, and what an extractor found.

The same value becomes the same mark within one text, so that it still can be read: "[CARD_1] is lost, freeze [CARD_1]".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby

from metier.extraction.personal import Personal, personal
from metier.types import Span

MOST_CHARACTERS = 20_000  # of a text; what lies beyond is left out, not left in


def redacted(text: str, spans: Iterable[Span] = ()) -> str:
    """The text with marks in the place of what is personal; `spans` are what a model found beside it."""
    text = text[:MOST_CHARACTERS]
    marks: dict[tuple[str, str], str] = {}
    counts: Counter[str] = Counter()
    out, at = [], 0
    for one in _all(text, spans):
        if (key := (one.kind, one.value)) not in marks:
            counts[one.kind] += 1
            marks[key] = f"[{one.kind}_{counts[one.kind]}]"
        out += [text[at : one.start], marks[key]]
        at = one.end
    return "".join([*out, text[at:]])


def _all(text: str, spans: Iterable[Span]) -> list[Personal]:
    """What checksums and forms tell, and of the spans what is not among it; in order."""
    found = personal(text)
    taken = {i for one in found for i in range(one.start, one.end)}
    for span in spans:
        for start, end in _left(span, taken, len(text)):
            if value := " ".join(text[start:end].casefold().split()):
                found.append(Personal(start=start, end=end, kind=span.label.upper(), value=value))
                taken.update(range(start, end))
    return sorted(found, key=lambda one: one.start)


def _left(span: Span, taken: set[int], length: int) -> Iterator[tuple[int, int]]:
    """The parts of a span that nothing has taken."""
    for is_taken, places in groupby(range(max(span.start, 0), min(span.end, length)), key=lambda i: i in taken):
        if not is_taken:
            free = list(places)
            yield free[0], free[-1] + 1
