"""What a text says of the slots of a job: what is marked for one is its own, no two of a kind take the same words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from metier.assistant import answers, dates, wording
from metier.assistant.base import Slot
from metier.assistant.moment import Moment
from metier.assistant.templates import shown

BETWEEN = re.compile(
    r"(?i)\b(from|out of|to|into|till|til|until|through|and|then|back|return(?:ing)?)\b|(?<=\s)([-\u2013])(?=\s)"
)
SIDES = {"from": "from", "out of": "from", "to": "to", "into": "to"}  # of a way, as a slot's question may name it
THEIRS = frozenset("their his her recipient payee beneficiary".split())  # of a slot that is somebody else's
POSSESSED = re.compile(r"(?i)\b(?:her|his|their)\b|\w['’]s\b")
WHOM = re.compile(r"(?i)^(?:to )?who\b.*\b(to|for|with|from)\s*\?$")
NAME = r"[A-Z][\w'’-]+(?:\s+[A-Z][\w'’-]+){0,3}"
COUNT = re.compile(r"^\W*\d+\W*$")
LATER = re.compile(r"(?i)\b(?:till|til|until|through|back|return(?:ing)?)\b")


def heard(now: Moment, text: str, wanted: Sequence[Slot]) -> dict[str, Any]:
    """The values that a text gives to slots that want one; of several of one kind the first has the first claim."""
    found: dict[str, Any] = {}
    taught = now.job.marked or now.script.models["entities"].rows != ()  # in its phrases, or in a file of their own
    marked = now.opinions.spans(text) if taught else {}
    for slot in wanted:
        if slot.name in marked and (value := parsed(now, slot, marked[slot.name])) is not None:
            found[slot.name] = value
            text = text.replace(marked[slot.name], " ", 1)
    for slot in wanted:
        if slot.name not in found and (whom := _person(now, text, slot)) is not None:
            found[slot.name] = whom
    left = [slot for slot in wanted if slot.name not in found and slot.kind not in ("yes_no", "text")]
    for _, alike in groupby(sorted(left, key=_kind), key=_kind):
        found |= _shared(now, text, [*alike])
    return found


def parsed(now: Moment, slot: Slot, text: str) -> Any:
    """The value of a slot that a text gives, as the job keeps it."""
    today, pending = now.message.at.date(), now.state.pending
    asked = pending is not None and pending.what == "slot" and pending.slot == slot.name
    if slot.kind == "pick" and pending is not None and not asked and COUNT.match(text):
        return None  # "2" answers what was asked, and is no place in another list
    value = answers.parse(text, slot, options(now, slot), today)
    if value is None:
        return None
    if slot.options:
        return value["id"]
    if slot.kind == "money":
        return {"amount": value, "name": f"{now.script.currency}{shown(value)}"}
    if slot.kind == "date":
        return {"date": value.isoformat(), "name": dates.spoken(value, today)}
    return f"{value:%H:%M}" if slot.kind == "time" else value


def options(now: Moment, slot: Slot) -> list[dict[str, Any]]:
    """What there is to pick from: what the author named, or what the slot's action brought."""
    if slot.options:
        return [
            {"id": name, "name": name.replace("_", " "), **dict(zip(others, others, strict=True))}
            for name, others in slot.options.items()
        ]
    return now.running.options.get(slot.source, [])


def _kind(slot: Slot) -> str:
    """What two slots have in common that the same words could answer."""
    return f"{slot.kind} {slot.source} {sorted(slot.options)} {slot.pattern}"


def _shared(now: Moment, text: str, alike: Sequence[Slot]) -> dict[str, Any]:
    """Slots of one kind: each has its own part of a text with as many values as there are slots, or one has it."""
    peers = [slot for slot in now.job.ask.values() if _kind(slot) == _kind(alike[0])]
    parts = [*_sides(now, text, alike[0])] if len(peers) > 1 else []
    sided = {slot.name: value for side, value in parts if (slot := _of_side(side, peers)) is not None}
    if parts and len(sided) == len(parts):
        return sided  # one that has a value already may be among them, and is put right
    if len(alike) > 1:
        ordered = [slot for slot in peers if slot in alike]
        if len(parts) == len(alike):
            return {slot.name: value for slot, (_, value) in zip(ordered, parts, strict=True)}
        theirs = [slot for slot in alike if THEIRS & _words(slot)]
        if len(theirs) == 1 and POSSESSED.search(text):
            alike = theirs
        elif LATER.search(text):
            alike = ordered[::-1]
        said = set(wording.words(text))
        alike = sorted(alike, key=lambda slot: -len(said & set(slot.name.split("_"))))
    value = parsed(now, alike[0], text)
    return {} if value is None else {alike[0].name: value}


def _sides(now: Moment, text: str, slot: Slot) -> Iterator[tuple[str, Any]]:
    """Each value of a text in its order, with the word before its part: "from" savings "to" checking."""
    side = ""
    for part in BETWEEN.split(text):
        if part is None:
            continue
        if BETWEEN.fullmatch(part):
            side = SIDES.get(part.casefold(), "")
        elif (value := parsed(now, slot, part)) is not None:
            yield side, value


def _of_side(side: str, alike: Sequence[Slot]) -> Slot | None:
    """The one slot whose name or question has that word."""
    found = [slot for slot in alike if side and side in _words(slot)]
    return found[0] if len(found) == 1 else None


def _words(slot: Slot) -> set[str]:
    return set(wording.words(f"{slot.name.replace('_', ' ')} {slot.say}"))


def _person(now: Moment, text: str, slot: Slot) -> str | None:
    """Who is named after the word that a question for somebody ends with: "Who should it go to?", "send £5 to Ana"."""
    if slot.kind != "text" or now.job.confirm is None:  # it is shown before it counts
        return None
    asked = WHOM.match(slot.say.strip())
    named = re.search(rf"\b{asked[1]}\s+({NAME})", text) if asked is not None else None
    return named[1].removesuffix("'s") if named is not None else None
