"""Values that stand behind what they are called: "name Ana Silva, ssn 2345 and card ending 4421". English.

Knows slots by their names; a number that is called something else is none of theirs. Knows no state.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from metier.assistant.base import Slot
from metier.assistant.names import names_somebody

ALSO = {
    "account": ("acct", "acc", "ac", "a/c"),
    "card": ("credit card", "debit card", "credit", "debit"),
    "address": ("addr",),
    "reference": ("ref",),
}
SAYS_NOTHING = frozenset(
    """
    a of the my your new old last first four two six digits digit number no type code id date time and or to from
    """.split()
)
LINK = re.compile(
    r"(?i)(?:\s|[#:=-]|\b(?:number|num|no|nr|is|are|was|last|first|four|digits?|ends?|ending|in|with|the|my|of|\d(?=\s+digits?))\b)*"
)
ELSE = re.compile(r"(?i)(?:\b(?:time|amount|sum|at|transfer|send|pay|charged?|about|around|for|date)\s+|[£$€]\s?)$")
ENDS = re.compile(r"[,;\n]|\.(?:\s|$)|\s+(?:and|my)\b")  # of a name; an address may hold a comma
JOINS = re.compile(r"(?i)(?:[\s,.;]|\b(?:and|my|the|new)\b)+$")  # before what the next value is called
LONG = re.compile(r"(?<!\d)\d{3,20}(?:[ -]\d{2,}){2,}")  # groups of one number, and no codes
MOST_WORDS = 12  # of free text


class Said(NamedTuple):
    """A slot and the text of its value, with where both stand."""

    slot: str
    text: str
    start: int
    end: int


def labelled(text: str, slots: Sequence[Slot]) -> list[Said]:
    """Codes and free texts of which a text says what they are; free text only where it says so of two or more."""
    text = LONG.sub(lambda number: " " * len(number[0]), text)
    labels = [*_labels(text, slots)]
    found: list[Said] = []
    for place, (slot, start, end) in enumerate(labels):
        begins = _linked(text, end)
        until = labels[place + 1][1] if place + 1 < len(labels) else len(text)
        if slot.kind == "code":
            code = re.compile(rf"(?i)(?:{slot.pattern})(?![\w-])").match(text, begins)
            if code is not None and code.end() <= until:
                found.append(Said(slot.name, code[0].upper(), start, code.end()))
            continue
        ended = ENDS.search(text, begins, until) if names_somebody(slot) else None
        stop = ended.start() if ended is not None else until
        value = JOINS.sub("", text[begins:stop]).strip()
        if re.search(r"[^\W\d]", value) and len(value.split()) <= MOST_WORDS:
            found.append(Said(slot.name, value, start, stop))
    return found if len({one.slot for one in found}) > 1 else [one for one in found if _is_code(one, slots)]


def others(text: str, found: Sequence[Said], slots: Sequence[Slot]) -> list[str]:
    """The codes of one of the slots that a text does not say the name of, each once, in their order."""
    text = LONG.sub(lambda number: " " * len(number[0]), text)
    patterns = "|".join(f"(?:{slot.pattern})" for slot in slots)
    codes: dict[str, None] = {}
    for one in re.finditer(rf"(?i)(?<![\w-])(?:{patterns})(?![\w-])", text):
        inside = any(said.start <= one.start() < said.end for said in found)
        if not inside and not ELSE.search(text[: one.start()]):
            codes.setdefault(one[0].upper())
    return [*codes]


def rest(text: str, found: Sequence[Said]) -> str:
    """What is left of a text without what was found, and without what joins it."""
    for one in sorted(found, key=lambda said: -said.start):
        text = f"{text[: one.start]} {text[one.end :]}"
    return re.sub(r"(?i)^[\s,.]*(?:and\b)?|[\s,.]*(?:\b(?:and|my|the))?[\s,.]*$", "", " ".join(text.split())).strip()


def _labels(text: str, slots: Sequence[Slot]) -> Iterator[tuple[Slot, int, int]]:
    """What slots are called in a text, in the order it stands there; what two slots are called is neither's."""
    called: dict[str, list[Slot]] = {}
    for slot in slots:
        if slot.kind in ("code", "text"):
            for word in set(slot.name.casefold().split("_")) - SAYS_NOTHING:
                for name in (word, *ALSO.get(word, ())):
                    called.setdefault(name, []).append(slot)
    own = {name: several[0] for name, several in called.items() if len(several) == 1}
    if own:
        names = "|".join(re.escape(name) for name in sorted(own, key=len, reverse=True))
        for one in re.finditer(rf"(?i)(?<![\w-])(?:{names})(?![\w-])", text):
            yield own[one[0].casefold()], one.start(), one.end()


def _linked(text: str, end: int) -> int:
    link = LINK.match(text, end)
    return end if link is None else link.end()


def _is_code(one: Said, slots: Sequence[Slot]) -> bool:
    return any(slot.name == one.slot and slot.kind == "code" for slot in slots)
