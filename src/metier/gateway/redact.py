"""Takes what is personal out of a text before it is kept: what checksums and forms tell, and what an extractor found.

The same value becomes the same mark within one text, so that it still can be read: "[CARD_1] is lost, freeze [CARD_1]".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from metier.extraction.personal import Personal, personal, plain
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
    """What checksums tell, and of what else was found the characters that are not among it; in order."""
    certain = personal(text)
    taken = bytearray(len(text))
    for one in certain:
        taken[one.start : one.end] = b"\1" * (one.end - one.start)
    beside = []
    for span in spans:
        at = span.start
        while at < min(span.end, len(text)):
            end = next((i for i in range(at, min(span.end, len(text))) if taken[i]), min(span.end, len(text)))
            if text[at:end].strip():
                value = " ".join(text[at:end].casefold().split())
                beside.append(Personal(start=at, end=end, kind=span.label.upper(), value=value))
                taken[at:end] = b"\1" * (end - at)
            at = max(end, at) + 1
    return sorted([*certain, *beside], key=lambda one: one.start)


__all__ = ["plain", "redacted"]
