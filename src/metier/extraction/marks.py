"""What patterns find at the words of a text, as signs for a model to weigh: personal numbers, money, dates, addresses.

Knows no labels: whether an e-mail address is wanted, and under what name, is for the rows to tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from metier.extraction.personal import personal
from metier.extraction.words import Places, Word

MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
UNIT = r"(?:day|week|month|year|weekend|morning|afternoon|evening|night)s?"
NEAR = rf"(?:this|last|next|past|coming)\s(?:{UNIT}|{DAY})|today|tomorrow|yesterday|tonight|\w+\s{UNIT}\sago"
PATTERNS = {
    "URL": re.compile(r"(?i)\b(?:https?://|www\.)\S+[\w/]|\b[\w-]{1,63}(?:\.[\w-]{1,63}){0,20}\.(?:com|org|net|info|gov|edu|io|[a-z]{2})\b/?"),
    "PERCENT": re.compile(r"(?<!\d)\d+(?:[.,]\d+)?\s?%"),
    "MONEY": re.compile(r"[$£€¥]\s?\d[\d.,]*\d|[$£€¥]\s?\d|\d[\d.,]{0,30}\s?[$£€¥]"),
    "TIME": re.compile(
        r"(?i)\b\d{1,2}[:.]\d{2}(?::\d{2})?(?:\s?[ap]\.?m\b\.?)?|\b\d{1,2}\s?[ap]\.?m\b\.?"
        r"|\b(?:half|quarter|\d{1,2})\s(?:past|to)\s\d{1,2}\b(?:\s?[ap]\.?m\b\.?)?"
    ),
    "DATE": re.compile(
        rf"(?i)\b\d{{1,4}}[-/.]\d{{1,2}}[-/.]\d{{1,4}}\b|\b\d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?{MONTH}\b(?:,?\s\d{{4}}\b)?"
        rf"|\b{MONTH}\s(?:the\s)?\d{{1,2}}(?:st|nd|rd|th)?\b(?:,?\s\d{{4}}\b)?|\b\d{{1,2}}(?:st|nd|rd|th)\b|\b(?:{NEAR}|{DAY})\b"
        r"|\b(?:19|20)\d{2}\b(?![.,]\d)"
    ),
}  # fmt: skip


def marks(text: str, words: Sequence[Word]) -> dict[int, str]:
    """By the number of a word, the kind found there and whether it begins or goes on; earlier kinds come first."""
    found: dict[int, str] = {}
    places = Places(words)
    for start, end, kind in _found(text):
        inside = places.under(start, end)
        if not any(i in found for i in inside):
            found |= {i: f"{kind} {'begins' if i == inside[0] else 'goes on'}" for i in inside}
    return found


def _found(text: str) -> Iterator[tuple[int, int, str]]:
    yield from ((one.start, one.end, one.kind) for one in personal(text))
    for kind, pattern in PATTERNS.items():
        yield from ((*match.span(), kind) for match in pattern.finditer(text))
