"""What a text says of the slots of a job: what is marked for one is its own, no two of a kind take the same words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from metier.assistant import answers, dates, labelled, names, wording
from metier.assistant.base import Job, Slot
from metier.assistant.moment import Moment
from metier.assistant.state import Running
from metier.assistant.templates import shown

BETWEEN = re.compile(
    r"(?i)\b(from|out of|to|into|till|til|until|through|and|then|back|return(?:ing)?)\b|(?<=\s)([-\u2013])(?=\s)"
)
INTO = re.compile(BETWEEN.pattern.replace("|to|", "|to|in|onto|", 1))  # "put 50 in savings", but "in three days"
SIDES = {
    "from": "from",
    "out of": "from",
    "to": "to",
    "into": "to",
    "in": "to",
    "onto": "to",
}  # of a way, as a slot may name it
SIDE_NAMES = {"from": "from", "source": "from", "origin": "from", "to": "to", "destination": "to", "target": "to"}
TO_SAID = re.compile(
    r"(?i)^(?:in)?to\b|\b(?:in)?to (?:which|what|whose|their|his|her|the)\b|\b(?:to|into)\s*\?$|\binto\b"
)
FROM_SAID = re.compile(r"(?i)\bfrom\b|\bout of\b")
THEIRS = frozenset("their his her recipient receiver payee beneficiary".split())  # of a slot that is somebody else's
POSSESSED = re.compile(r"(?i)\b(?:her|his|their)\b|\w['’]s\b|\b(?:she|he|they|who) (?:has|have|uses?|keeps?)\b")
FIGURES = ("money", "number")
BOTH = re.compile(r"(?i)\bboth\b")
OTHER = re.compile(r"(?i)\b(?:the|my|their) other (?:one|kind|type|sort|account|card|option)\b|\bthe other\W*$")
COUNT = re.compile(r"^\W*\d+\W*$")
LATER = re.compile(r"(?i)\b(?:till|til|until|through|back|return(?:ing)?)\b")


def heard(now: Moment, text: str, wanted: Sequence[Slot]) -> dict[str, Any]:
    """The values that a text gives to slots that want one; of several of one kind the first has the first claim."""
    found: dict[str, Any] = {}
    taught = now.job.marked or now.script.models["entities"].rows != ()  # in its phrases, or in a file of their own
    marked = now.opinions.spans(text) if taught and wanted else {}
    for slot in wanted:
        if slot.name in marked and (value := parsed(now, slot, marked[slot.name])) is not None:
            found[slot.name] = value
            text = text.replace(marked[slot.name], " ", 1)
    for slot in wanted:
        if slot.name not in found and slot.kind == "text" and (whom := names.named(text, slot, taken(now))) is not None:
            found[slot.name] = whom
    found |= _coded(now, text, [slot for slot in wanted if slot.name not in found and slot.kind == "code"])
    left = [slot for slot in wanted if slot.name not in found and slot.kind not in ("yes_no", "text", "code")]
    picked = _of_kinds(now, text, [slot for slot in left if slot.kind == "pick"])
    found |= _of_kinds(now, text, [slot for slot in left if slot.kind not in ("pick", *FIGURES)])
    bare = _bare(now, text, picked)
    found |= _of_kinds(now, bare, [slot for slot in left if slot.kind == "money"])
    if any(slot.kind == "money" for slot in now.job.ask.values()):
        bare = answers.without_money(bare)
    found |= _of_kinds(now, bare, [slot for slot in left if slot.kind == "number"])
    waiting = now.state.pending
    if waiting is not None and waiting.slot in picked and answers.PLACED_BY.fullmatch(text.strip(" .!")):
        return {waiting.slot: picked[waiting.slot]}  # "2" is the second, and no sum
    return found | _claimed(now, text, {slot.name: picked[slot.name] for slot in wanted if slot.name in picked})


def _of_kinds(now: Moment, text: str, wanted: Sequence[Slot]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _, alike in groupby(sorted(wanted, key=kind), key=kind):
        found |= _shared(now, text, [*alike])
    return found


def _coded(now: Moment, text: str, wanted: Sequence[Slot]) -> dict[str, str]:
    """Codes: each goes where the text says, the others first to what is asked for, then in order."""
    every = [*now.job.ask.values()]
    codes, names_ = [slot for slot in every if slot.kind == "code"], {slot.name for slot in wanted}
    if not wanted:
        return {}
    said = labelled.labelled(text, every)
    found = {one.slot: one.text for one in said if one.slot in names_}
    loose, waiting = labelled.others(text, said, codes), now.state.pending
    asked = waiting.slot if waiting is not None and waiting.what == "slot" else ""
    left = sorted((slot for slot in wanted if slot.name not in found), key=lambda slot: slot.name != asked)
    for pattern in dict.fromkeys(slot.pattern for slot in left):
        own = [slot for slot in left if slot.pattern == pattern]
        given = [code for code in loose if re.fullmatch(rf"(?i){pattern}", code)]
        if len(given) <= len(own):
            found |= {slot.name: code for slot, code in zip(own, given, strict=False)}
    return found


def _bare(now: Moment, text: str, picked: Mapping[str, Any]) -> str:
    """The text without figures that are no sums: codes, and what a choice is called by, "the card ending 3307"."""
    text = answers.without_codes(text, now.job.ask.values())
    called = {word for name, value in picked.items() for word in _called(now, now.job.ask[name], value)}
    return re.sub(r"(?<![\w$£€.,])\d{2,}(?![\w.,]\w)", lambda found: " " if found[0] in called else found[0], text)


def holds(now: Moment, job: Job, text: str) -> int:
    """How many slots of a job a message has values for, without asking anybody what there is to pick from."""
    before, now.state.job = now.state.job, Running(name=job.name, instance=0)
    try:
        return len(heard(now, text, [slot for slot in job.ask.values() if not slot.source]))
    finally:
        now.state.job = before


def taken(now: Moment) -> frozenset[str]:
    """Words that the choices of the running job are named by, and so are nobody's name."""
    picks = [slot for slot in now.job.ask.values() if slot.kind == "pick" and slot.options]
    return frozenset(
        word for slot in picks for one in options(now, slot) for name in one.values() for word in wording.words(name)
    )


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


def kind(slot: Slot) -> str:
    """What two slots have in common that the same words could answer."""
    return f"{slot.kind} {slot.source} {sorted(slot.options)} {slot.pattern}"


def _shared(now: Moment, text: str, alike: Sequence[Slot]) -> dict[str, Any]:
    """Slots of one kind: each has its own part of a text with as many values as there are slots, or one has it."""
    peers = [slot for slot in now.job.ask.values() if kind(slot) == kind(alike[0])]
    if alike[0].kind == "pick" and (place := OTHER.search(text)) is not None:
        return _other(now, text[: place.start()], peers)
    if alike[0].kind == "pick":
        text = answers.REFUSED.sub(" ", text)
        waiting = now.state.pending
        if waiting is not None and waiting.what == "slot" and waiting.slot not in [slot.name for slot in peers]:
            text = answers.PLACED_BY.sub(" ", text)  # "2" is the second of what is asked for, and of nothing else
    parts = [*_sides(now, text, alike[0])] if len(peers) > 1 else []
    sided = {slot.name: value for side, value in parts if (slot := _of_side(side, peers)) is not None}
    if parts and len(sided) == len(parts):
        return sided  # one that has a value already may be among them, and is put right
    if len(alike) > 1:
        ordered = [slot for slot in peers if slot in alike]
        if len(parts) == len(alike):
            return {slot.name: value for slot, (_, value) in zip(ordered, parts, strict=True)}
        if len(alike) == 2 and BOTH.search(text) and (value := parsed(now, alike[0], text)) is not None:
            return {slot.name: value for slot in alike}
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
    between = INTO if slot.kind == "pick" else BETWEEN
    for part in between.split(text):
        if part is None:
            continue
        if between.fullmatch(part):
            side = SIDES.get(part.casefold(), "")
        elif (value := parsed(now, slot, part)) is not None:
            yield side, value


def _of_side(side: str, alike: Sequence[Slot]) -> Slot | None:
    """The one slot of that side by its name or question, or that is of none where the others are of the other side."""
    if alike[0].kind != "pick":  # "to Turkey on Tuesday" says nothing of the day
        said = [slot for slot in alike if side and side in _words(slot)]
        return said[0] if len(said) == 1 else None
    sides = [(slot, _side(slot)) for slot in alike if side]
    found = [slot for slot, own in sides if own == side] or [slot for slot, own in sides if not own]
    return found[0] if len(found) == 1 and len({own for _, own in sides}) > 1 else None


def _side(slot: Slot) -> str:
    """Whether a slot is where something comes from or where it goes, by its name or else by its question."""
    named = wording.words(slot.name.replace("_", " "))
    if THEIRS & {*named}:
        return "to"
    if side := next((SIDE_NAMES[word] for word in named if word in SIDE_NAMES), ""):
        return side
    goes, comes = TO_SAID.search(slot.say) or THEIRS & _words(slot), FROM_SAID.search(slot.say)
    return "" if bool(goes) == bool(comes) else "to" if goes else "from"


def _other(now: Moment, before: str, peers: Sequence[Slot]) -> dict[str, Any]:
    """Where there are two choices, the one that was not taken: of the side named, else of the slot last answered."""
    running, waiting = now.running, now.state.pending
    sides = [SIDES[one.casefold()] for one in re.findall(r"(?i)\b(from|out of|to|into)\b", before)]
    slot = _of_side(sides[-1], peers) if sides else None
    if slot is None:
        given = [one for name in running.order[::-1] for one in peers if one.name == name]
        asked = [
            one for one in peers if waiting is not None and waiting.slot == one.name and one.name not in running.slots
        ]
        slot = [*asked, *given, *peers][0]
    said = running.slots.get(slot.name, now.state.carried.get(slot.source or slot.name))
    if said is None:
        said = next((running.slots[one.name] for one in peers if one.name in running.slots), None)
    ids = [one["id"] for one in options(now, slot)]
    had = said.get("id") if isinstance(said, dict) else said
    if had not in ids or len(ids) != 2:
        return {}
    left = options(now, slot)[1 - ids.index(had)]
    return {slot.name: left["id"] if slot.options else left}


def _claimed(now: Moment, text: str, picked: Mapping[str, Any]) -> dict[str, Any]:
    """Choices of several kinds without those for which other choices have all of their words: "standard" is one."""
    said = {*wording.words(text)}
    used = {name: said & _called(now, now.job.ask[name], value) for name, value in picked.items()}
    kept: dict[str, Any] = {}
    for name, value in picked.items():
        rivals = [one for one in picked if one != name and kind(now.job.ask[one]) != kind(now.job.ask[name])]
        if not used[name] or not any(
            used[name] < used[one] or (used[name] == used[one] and one in kept) for one in rivals
        ):
            kept[name] = value
    return kept


def _called(now: Moment, slot: Slot, value: Any) -> set[str]:
    """The words that a choice may be called by."""
    option = next((one for one in options(now, slot) if one["id"] == value), {}) if slot.options else value
    return {word for name in answers.names(option) for word in wording.words(name)}


def _words(slot: Slot) -> set[str]:
    return set(wording.words(f"{slot.name.replace('_', ' ')} {slot.say}"))
