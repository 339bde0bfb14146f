"""What a message says of the slots of the running job, whichever was asked for: several at once, and corrections."""

from __future__ import annotations

import re
from typing import Any

from metier.assistant import answers, cues, wording
from metier.assistant.base import Slot
from metier.assistant.moment import Moment
from metier.assistant.values import heard, options, parsed

SHORT = 8  # words; a longer message says more than yes or no
MEANT = re.compile(r"(?i)\bi (?:meant|mean)(?: to (?:say|write|type))?[:,]?\s+(?P<said>\w[^.?!,;]{0,60})[.!]?$")


def set_values(now: Moment, act: str) -> list[str] | None:
    """Set whatever the message says; the questions it asks besides, or None where it set nothing."""
    wanted = now.pending.slot
    parts = wording.clauses(now.text) or [now.text]
    questions = [part for part in parts if _is_question(now, part)]
    taking_back = _takes_back(now, act)
    done: set[str] = set()
    said = [part for part in parts if part not in questions]
    rest = [part for part in said if not _set_named(now, part, wanted, done, taking_back=taking_back)]
    if done and taking_back:  # "no wait" before "the green one" answers no question
        rest = [part for part in rest if wording.unmarked(part)]
    for part in rest:
        _set_polar(now, part, wanted, done, taking_back=taking_back)
    _set_by_act(now, act, wanted, done, alone=not questions and not (done and taking_back))
    if not done and taking_back:
        _set_meant(now, done)
    if not done:
        return None
    now.state.misses = 0
    now.running.skipped = [name for name in now.running.skipped if name not in done]
    return questions


def answers_open(now: Moment) -> bool:
    """Whether the message gives the very value that is asked for, of a kind that little else could be."""
    pending = now.state.pending
    if now.state.job is None or pending is None or pending.what != "slot":
        return False
    slot = now.job.ask[pending.slot]
    return slot.kind not in ("text", "yes_no") and parsed(now, slot, now.text) is not None


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
    return act == "correct" or wording.correcting(now.text) or now.pending.what in ("confirm", "what")


def _set_named(now: Moment, part: str, wanted: str, done: set[str], *, taking_back: bool) -> bool:
    """Picks, amounts and the like that a part of the message names."""
    text = wording.unmarked(part) or part
    held = now.running.slots
    open_slots = [
        one for one in _in_order(now, wanted) if one.name not in done and (taking_back or one.name not in held)
    ]
    found = {name: value for name, value in heard(now, text, open_slots).items() if value != held.get(name)}
    for name, value in found.items():
        put(now, now.job.ask[name], value=value)
    done.update(found)
    return bool(found)


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
    if slot.kind == "text" and not done and act != "yes" and not wording.asking(now.text):
        put(now, slot, value=heard(now, now.text, [slot]).get(slot.name) or parsed(now, slot, now.message.text))
        done.add(slot.name)


def _set_meant(now: Moment, done: set[str]) -> None:
    """ "I meant Joe" where something else is asked for: the last text that was given is put right."""
    meant = MEANT.search(now.message.text.strip())
    given = [name for name in reversed(now.running.order) if name in now.job.ask and now.job.ask[name].kind == "text"]
    if meant is None or not given or wording.asking(now.text):
        return
    slot = now.job.ask[given[0]]
    put(now, slot, value=parsed(now, slot, meant["said"]))
    done.add(slot.name)


def _is_question(now: Moment, part: str) -> bool:
    whole = part if not now.text.endswith("?") else _with_mark(now, part)
    return wording.asking(whole) and len(wording.words(part)) > 2 and not wording.CUE.search(part)


def _with_mark(now: Moment, part: str) -> str:
    return part + "?" if now.text.rstrip("?! ").endswith(part.rstrip("?! ")) else part


def _in_order(now: Moment, wanted: str) -> list[Slot]:
    """Slots as the job asks them, the one asked for before all; of those that have a value the last one given first."""
    given = {name: place for place, name in enumerate(now.running.order)}
    return sorted(now.job.ask.values(), key=lambda slot: (slot.name != wanted, -given.get(slot.name, -1)))


def _polar(now: Moment, slot: Slot, part: str, wanted: str, *, taking_back: bool) -> bool:
    held = now.running.slots.get(slot.name)
    if slot.name == wanted:
        value = answers.yes_no(part, answers.asked(slot))
    elif taking_back or held is None:
        value = cues.polarity(part, slot.say)
    else:
        value = None
    if value is None or value == held:
        return False
    put(now, slot, value=value)
    return True
