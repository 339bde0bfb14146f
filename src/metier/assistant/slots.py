"""What a message says of the slots of the running job, whichever was asked for: several at once, and corrections."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from metier.assistant import answers, cues, labelled, names, wording
from metier.assistant.base import Slot
from metier.assistant.moment import Moment
from metier.assistant.values import OTHER, heard, kind, options, parsed, taken

SEVERAL = 2  # slots that a message says the names of
SHORT = 8  # words; a longer message says more than yes or no
POLITE = re.compile(
    r"(?i)^(?:(?:can|could|would|will) (?:you|we|i|it)|may i|(?:how|what) about|is .{1,20} (?:ok|fine))\b"
)
SWAP = re.compile(
    r"(?i)\bother way (?:a?round)\b|\bswap (?:them|those|the two)\b|\bvice versa\b|\breverse (?:it|that|them)\b"
)
BRIEF = 6  # words of an answer to a yes or no that takes up its question: "make it private"
MEANT = re.compile(r"(?i)\b(?:i|we) mean(?:t)?\b")  # takes back what was said, and answers nothing new
UNSAID = frozenset(
    """
    both neither either maybe dunno whichever whatever whenever any none help what why who how when anything nothing
    something sometime sorry hello hi sure wait later never always depends unknown unsure go next other others same
    please thanks yes no ok okay done good great sir madam
    """.split()
)
MEANT_TO_SAY = re.compile(r"(?i)\bi (?:meant|mean)(?: to (?:say|write|type))?[:,]?\s+(?P<said>\w[^.?!,;]{0,60})[.!]?$")


def set_values(now: Moment, act: str) -> list[str] | None:
    """Set whatever the message says; the questions it asks besides, or None where it set nothing."""
    wanted = now.pending.slot
    done: set[str] = set()
    text = _set_labelled(now, done)
    parts = wording.clauses(text) or [text]
    questions = [part for part in parts if _is_question(now, part) and not _asks_politely(now, part)]
    taking_back = _takes_back(now, act)
    _set_instead(now, done)
    _swap(now, done)
    _set_named(now, now.text, wanted, done, taking_back=False, only=_texts(now, wanted))
    said = [part for part in parts if part not in questions]
    said = _last_said(now, said, wanted, taking_back=taking_back)
    rest = [part for part in said if not _set_named(now, part, wanted, done, taking_back=taking_back)]
    if done and taking_back:  # "no wait" before "the green one" answers no question
        rest = [part for part in rest if wording.unmarked(part)]
    for part in rest:
        _set_polar(now, part, wanted, done, taking_back=taking_back)
    _set_by_act(now, act, wanted, done, alone=not questions and not (done and taking_back))
    _set_alone(now, act, wanted, done, rest if done else [now.message.text])
    _set_left(now, wanted, done)
    if not done and taking_back:
        _set_meant(now, done)
    if not done:
        return None
    now.state.misses = 0
    now.running.skipped = [name for name in now.running.skipped if name not in done]
    return questions


def _last_said(now: Moment, parts: list[str], wanted: str, *, taking_back: bool) -> list[str]:
    """The parts of a message without those that it takes back itself: of "500. Actually, 450." the second."""
    before, after = wording.amended(now.text)
    held = now.running.slots
    open_slots = [one for one in _in_order(now, wanted) if taking_back or one.name not in held]
    given = {kind(now.job.ask[name]) for name in heard(now, after, open_slots)} if after else set()
    told = {kind(now.job.ask[name]) for name in heard(now, before, open_slots)} if given else set()
    return wording.clauses(after) if given and told <= given else parts


def answers_open(now: Moment) -> bool:
    """Whether the message gives the very value that is asked for, of a kind that little else could be."""
    pending = now.state.pending
    if now.state.job is None or pending is None or pending.what != "slot":
        return False
    slot = now.job.ask[pending.slot]
    if slot.kind == "text":
        return slot.name in heard(now, now.text, [slot])
    return slot.kind != "yes_no" and parsed(now, slot, now.text) is not None


def carried(now: Moment, slot: Slot, text: str) -> Any:
    """The value that the same slot had in an earlier job, where the text points back to it: "from that card"."""
    held = now.state.carried.get(slot.source or slot.name)
    if held is None or not cues.points_back(text, f"{slot.name}_{slot.source}", by_pronoun=slot.kind == "pick"):
        return None
    if not slot.source:
        return held
    # by its id: what was frozen since looks different
    return next((one for one in options(now, slot) if one.get("id") == held.get("id")), None)


def put(now: Moment, slot: Slot, *, value: Any) -> None:
    """Keep a value, and remember it for the jobs to come."""
    running = now.running
    running.slots[slot.name] = value
    running.order = [*(name for name in running.order if name != slot.name), slot.name]
    now.state.carried[slot.source or slot.name] = value
    now.event("sets", slot.name, value=value)


def _takes_back(now: Moment, act: str) -> bool:
    if "correction" in now.faults:
        return False
    other = OTHER.search(now.text) is not None
    return act == "correct" or other or wording.correcting(now.text) or now.pending.what in ("confirm", "what")


def _set_named(
    now: Moment, part: str, wanted: str, done: set[str], *, taking_back: bool, only: Collection[str] | None = None
) -> bool:
    """Picks, amounts, names and the like that a part of the message gives; with `only`, to no other slots."""
    text = wording.unmarked(part) or part
    held = now.running.slots
    open_slots = [
        one
        for one in _in_order(now, wanted)
        if one.name not in done and (taking_back or one.name not in held) and (only is None or one.name in only)
    ]
    found = {name: value for name, value in heard(now, text, open_slots).items() if value != held.get(name)}
    for name, value in found.items():
        put(now, now.job.ask[name], value=value)
    done.update(found)
    return bool(found)


def _texts(now: Moment, wanted: str) -> list[str]:
    """The slot that is asked for where it takes free text: a name may hold what elsewhere parts two clauses."""
    slot = now.job.ask.get(wanted)
    return [wanted] if slot is not None and slot.kind == "text" and names.names_somebody(slot) else []


def _set_labelled(now: Moment, done: set[str]) -> str:
    """Set what the message says the names of, where it does so of several slots; what else it says."""
    said = labelled.labelled(now.text, [*now.job.ask.values()])
    if len({one.slot for one in said}) < SEVERAL:
        return now.text
    for one in said:
        value = parsed(now, now.job.ask[one.slot], one.text)
        if value is not None:
            put(now, now.job.ask[one.slot], value=value)
            done.add(one.slot)
    return labelled.rest(now.text, said)


def _set_left(now: Moment, wanted: str, done: set[str]) -> None:
    """The name that was asked for and is what codes leave of a message: "ram, 2567"."""
    slot = now.job.ask.get(wanted)
    codes = {name for name in done if now.job.ask[name].kind == "code"}
    if slot is None or wanted in done or not codes or not names.names_somebody(slot):
        return
    said = labelled.labelled(now.text, [*now.job.ask.values()])
    left = names.bare(answers.without_codes(labelled.rest(now.text, said), now.job.ask.values()))
    known = {*taken(now), *UNSAID}
    if left and not known & {*wording.words(left)} and (" " in left or not _usual(now, left)):
        put(now, slot, value=left)
        done.add(wanted)


def _set_instead(now: Moment, done: set[str]) -> None:
    """A text that takes the place of another: "it's Maria, not Mary", "change Mary to Maria"."""
    for name, held in now.running.slots.items():
        slot = now.job.ask.get(name)
        if slot is None or slot.kind != "text" or not isinstance(held, str):
            continue
        value = wording.instead(now.message.text, held)
        if value is not None:
            value = names.named(value, slot, taken(now)) or parsed(now, slot, value)
        if value and value != held:
            put(now, slot, value=value)
            done.add(name)
            return


def _swap(now: Moment, done: set[str]) -> None:
    """Two choices of one kind that were given the wrong way round."""
    held = now.running.slots
    given = [one for one in now.job.ask.values() if one.kind == "pick" and one.name in held]
    pairs = [(one, other) for one in given for other in given if one.name < other.name and kind(one) == kind(other)]
    if len(pairs) == 1 and SWAP.search(now.text):
        one, other = pairs[0]
        before = held[one.name]
        put(now, one, value=held[other.name])
        put(now, other, value=before)
        done |= {one.name, other.name}


def _set_alone(now: Moment, act: str, wanted: str, done: set[str], parts: Sequence[str]) -> None:
    """A name that stands alone goes to the one slot that waits for one, whatever was asked: "Mary"."""
    held = now.running.slots
    free = [one for one in now.job.ask.values() if names.names_somebody(one) and one.name not in {*held, *done}]
    if len(free) != 1 or (not done and (act or now.pending.what != "slot")):
        return
    for part in parts:
        said = (part, str(parsed(now, free[0], part) or ""))
        name = next((one for text in said if (one := names.alone(text, taken(now))) is not None), None)
        if name is not None and (" " in name or not _usual(now, name)):
            put(now, free[0], value=name)
            done.add(free[0].name)
            return


def _usual(now: Moment, word: str) -> bool:
    """Whether a word is one that people answer with, or that this assistant speaks of."""
    ours = (
        text
        for job in now.script.jobs.values()
        for text in (job.title, *job.like, *(one.say for one in job.ask.values()))
    )
    return word.casefold() in UNSAID or any(word.casefold() in wording.words(text) for text in ours)


def _set_polar(now: Moment, part: str, wanted: str, done: set[str], *, taking_back: bool) -> None:
    for slot in _in_order(now, wanted):
        asked = slot.kind == "yes_no" and slot.name not in done
        if asked and _polar(now, slot, part, wanted, taking_back=taking_back):
            done.add(slot.name)
            return


def _set_by_act(now: Moment, act: str, wanted: str, done: set[str], *, alone: bool) -> None:
    """What the specialist of acts makes of a short answer, and any answer to a question for text."""
    slot = now.job.ask.get(wanted)
    if slot is None:
        return
    short = len(wording.words(now.text)) < SHORT
    agreed = act == "no" or (act == "yes" and not wording.negates(now.text))
    if slot.kind == "yes_no" and slot.name not in done and alone and short and agreed:
        put(now, slot, value=act == "yes")
        done.add(slot.name)
    if slot.kind == "text" and not done and act not in ("yes", "bye") and not wording.asking(now.text):
        value = heard(now, now.text, [slot]).get(slot.name) or parsed(now, slot, now.message.text)
        if names.names_somebody(slot) and value:
            value = names.within(now.message.text, taken(now)) or names.without_kin(value)
            value = value if names.plausible(value) else None
        if value and not _is_code(now, value):
            put(now, slot, value=value)
            done.add(slot.name)


def _is_code(now: Moment, value: str) -> bool:
    """Whether a text is what another slot of the job asks for, a number by its form."""
    codes = [slot.pattern for slot in now.job.ask.values() if slot.kind == "code"]
    return any(re.fullmatch(rf"(?i){pattern}", value) for pattern in codes)


def _set_meant(now: Moment, done: set[str]) -> None:
    """ "I meant Joe" where something else is asked for: the last text that was given is put right."""
    meant = MEANT_TO_SAY.search(now.message.text.strip())
    given = [name for name in reversed(now.running.order) if name in now.job.ask and now.job.ask[name].kind == "text"]
    if meant is None or not given or wording.asking(now.text):
        return
    slot = now.job.ask[given[0]]
    put(now, slot, value=parsed(now, slot, meant["said"]))
    done.add(slot.name)


def _is_question(now: Moment, part: str) -> bool:
    whole = part if not now.text.endswith("?") else _with_mark(now, part)
    return wording.asking(whole) and len(wording.words(part)) > 2 and not wording.CUE.search(part)


def _asks_politely(now: Moment, part: str) -> bool:
    """Whether what looks like a question gives the value that is asked for: "Could you use my savings account?"."""
    slot = now.job.ask.get(now.pending.slot) if now.pending.what == "slot" else None
    told = slot is not None and slot.kind not in ("text", "yes_no") and bool(heard(now, part, [slot]))
    return told and POLITE.match(part) is not None


def _with_mark(now: Moment, part: str) -> str:
    return part + "?" if now.text.rstrip("?! ").endswith(part.rstrip("?! ")) else part


def _in_order(now: Moment, wanted: str) -> list[Slot]:
    """Slots as the job asks them, the one asked for before all; of those that have a value the last one given first."""
    given = {name: place for place, name in enumerate(now.running.order)}
    if MEANT.search(now.text):
        wanted = ""
    return sorted(now.job.ask.values(), key=lambda slot: (slot.name != wanted, -given.get(slot.name, -1)))


def _polar(now: Moment, slot: Slot, part: str, wanted: str, *, taking_back: bool) -> bool:
    held = now.running.slots.get(slot.name)
    if slot.name == wanted:
        value = answers.yes_no(part, answers.asked(slot))
        value = cues.echoed(part) if value is None else value
        if value is None and len(wording.words(part)) <= BRIEF:
            value = cues.polarity(part, f"{slot.say} {slot.name.replace('_', ' ')}")
    elif taking_back or held is None:
        value = cues.polarity(part, slot.say)
    else:
        value = None
    if value is None or value == held:
        return False
    put(now, slot, value=value)
    return True
