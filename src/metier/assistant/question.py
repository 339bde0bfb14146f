"""The question that is open, and whether a message answers it: a slot, the summary, a switch, did you mean."""

from __future__ import annotations

import re

from metier.assistant import answers, cues, jobs, slots, topics, wording
from metier.assistant.base import Slot
from metier.assistant.moment import Moment
from metier.assistant.person import hand_off
from metier.assistant.state import Pending
from metier.assistant.templates import shown
from metier.assistant.values import heard

AGREES = re.compile(r"(?i)^\W*(?:yes|yeah|yep|ok|okay|sure|alright|correct|right|please)\b")  # before thanks
THEN = re.compile(r"(?i)\b(?:and|then)\b(?!.*\b(?:but|first|before|until|unless|if)\b)")
STOPS = re.compile(r"(?i)\b(?:changed my mind|leave it|forget|stop|cancel|thank|later|drop|wait|hold off|think)")


def answered(now: Moment, act: str) -> bool:
    """Whether the message says something to the question that is open; if so, it has been dealt with."""
    waiting = now.pending
    if act == "cancel" and not cues.keeps_going(now.text) and not topics.names_job(now):
        rest = " ".join(wording.clauses(now.text)[1:])
        label = topics.other_job(now, rest)
        _cancel(now)
        return label is None or topics.begin(now, label, rest)
    if waiting.what == "switch":
        return _switched(now, act)
    if waiting.what == "offer":
        return _chosen(now)
    if now.state.job is None:
        return False
    if waiting.what == "confirm" and _and_then(now):
        return True
    if waiting.what in ("slot", "confirm") and (label := topics.other_job(now, now.text)) is not None:
        return topics.begin(now, label, now.text)
    questions = slots.set_values(now, act)
    if questions is None:
        return _says_of_it(now, act)
    for question in questions:
        topics.aside(now, question)
    jobs.ask_next(now)
    return True


def _says_of_it(now: Moment, act: str) -> bool:
    """What is no value: a yes to the summary, a skip, a wish to go back, an amount that is not allowed."""
    waiting = now.pending
    if waiting.what == "confirm":
        return _confirmed(now, act)
    if waiting.what == "what":
        return _which(now)
    if act == "skip":
        _skip(now)
        return True
    if waiting.what == "slot" and cues.asks_choices(now.text):
        now.event("repeats")
        jobs.ask_again(now)
        return True
    vague = (
        wording.correcting(now.text)
        and not cues.prefers(now.text)
        and not wording.asking(now.text)
        and len(wording.words(now.text)) < 6
    )
    if act == "correct" or vague:
        return _ask_what(now)
    return _out_of_range(now)


def _confirmed(now: Moment, act: str) -> bool:
    said = _agreed(now, act)
    if said and not wording.asking(now.text):
        if now.pending.shown == jobs.summary(now):
            now.state.pending = None
            jobs.work(now)
        else:
            jobs.ask_next(now)
        return True
    if (act == "correct" or (said is False and _says_more(now))) and _ask_what(now):
        return True
    if said is False:
        _cancel(now)
        return True
    return False


def _and_then(now: Moment) -> bool:
    """Whether a yes to the summary goes on with another job: "yes, and then check my balance"."""
    first, *more = wording.clauses(now.text) or [""]
    rest = " ".join(more)
    sure = THEN.search(now.text) and not (
        wording.negates(now.text) or STOPS.search(now.text) or wording.correcting(now.text) or wording.asking(first)
    )
    if not sure or not answers.yes_no(first) or now.pending.shown != jobs.summary(now):
        return False
    label = topics.other_job(now, rest)
    if label is None:
        return False
    now.state.pending = None
    jobs.work(now)
    if now.state.job is None and now.state.owner != "person":
        topics.begin(now, label, rest)
    return True


def _says_more(now: Moment) -> bool:
    """Whether a no to the summary goes on with what should be otherwise, and takes nothing back whole."""
    rest = " ".join(wording.clauses(wording.unmarked(now.text)))
    return len(wording.words(rest)) > 2 and not wording.negates(rest) and not STOPS.search(now.text)


def _agreed(now: Moment, act: str) -> bool | None:
    """A yes or a no to the summary. The specialist of acts may add a yes only to what holds no no."""
    said = answers.yes_no(now.text, frozenset(wording.words(now.pending.shown)))
    ending = cues.closing(now.text)
    if ending == "bye" or (ending == "thanks" and not AGREES.match(now.text)):
        return None
    if said is not None or wording.asking(now.text) or len(wording.words(now.text)) >= slots.SHORT:
        return said
    if act == "no":
        return False
    return True if act == "yes" and not wording.negates(now.text) else None


def _cancel(now: Moment) -> None:
    running, now.state.job, now.state.pending = now.state.job, None, None
    now.event("cancels", running.name if running else "")
    now.say("cancelled")


def _switched(now: Moment, act: str) -> bool:
    said = answers.yes_no(now.text)
    said = {"yes": True, "no": False}.get(act) if said is None else said
    waiting, running = now.pending, now.running
    if said is None:
        back = jobs.waits_for(now)
        if back is not None and back.what == "slot" and _gives(now, back.slot):  # it answers what was asked before
            now.state.pending = back
            return answered(now, act)
        if act in topics.SOCIAL or wording.asking(now.text) or len(wording.words(now.text)) > 4:
            now.state.pending = None
            now.state.pending = jobs.waits_for(now)
            return False
        now.say("drop", choices=("Yes", "No"), old=now.title(running.name), new=now.title(waiting.job))
        return True
    now.state.pending = None
    if not said:
        now.say("kept")
        jobs.ask_next(now)
        return True
    now.event("cancels", running.name)
    now.say("cancelled")
    now.state.job = None
    jobs.start(now, now.script.jobs[waiting.job], waiting.text)
    return True


def _gives(now: Moment, slot: str) -> bool:
    """Whether the message holds a value of the slot that can be told as such."""
    asked = now.job.ask[slot]
    return asked.kind not in ("text", "yes_no") and bool(heard(now, now.text, [asked]))


def _chosen(now: Moment) -> bool:
    """Whether one of those offered was meant; anything else closes the offer."""
    waiting, now.state.pending = now.pending, None
    spoken = {("A person" if one == "person" else now.spoken(one)): one for one in waiting.choices}
    said = answers.choose(now.text, list(spoken))
    if said is None and len(spoken) == 2 and answers.yes_no(now.text):  # one thing was offered, beside a person
        said = next(iter(spoken))
    if said is None or len(wording.words(now.text)) > 8:
        return False
    label = spoken[said]
    if label == "person":
        hand_off(now, "asked")
    elif not topics.begin(now, label, waiting.text):
        found = now.opinions.found(now.spoken(label)) or now.opinions.found(waiting.text)
        if found is None:
            hand_off(now, "asked")
        else:
            jobs.told(now, found.id)
    return True


def _ask_what(now: Moment) -> bool:
    """Take back the one answer there is, or ask which."""
    running = now.running
    given = [name for name in running.order if name in running.slots]
    if not given:
        return False
    said = {*wording.words(now.text)}
    named = [name for name in given if said & {*name.split("_")}]
    if len(named) > 1:  # "the name" of two slots, recipient_name and recipient_account_type, is of the first
        most = max(len(said & {*name.split("_")}) for name in named)
        named = [name for name in named if len(said & {*name.split("_")}) == most]
    if len(named or given) == 1:
        running.slots.pop((named or given)[0])
        jobs.ask_next(now)
        return True
    now.state.pending = Pending(what="what", choices=given)
    now.event("asks", "what")
    now.say("what", choices=[name.replace("_", " ") for name in given])
    return True


def _which(now: Moment) -> bool:
    for name in now.pending.choices:
        spoken = name.replace("_", " ")
        if spoken in now.text.casefold() or answers.choose(now.text, [spoken]):
            now.running.slots.pop(name, None)
            jobs.ask_next(now)
            return True
    return False


def _skip(now: Moment) -> None:
    slot = now.job.ask[now.pending.slot]
    if slot.kind == "yes_no":
        slots.put(now, slot, value=False)
    elif slot.optional:
        now.running.skipped.append(slot.name)
    else:
        now.say("needed")
    jobs.ask_next(now)


def _number(now: Moment, slot: Slot) -> float | None:
    return answers.amount(now.text, money=slot.kind == "money")


def _out_of_range(now: Moment) -> bool:
    """Whether an amount was named that is not allowed."""
    waiting = now.pending
    slot = now.job.ask[waiting.slot]
    if slot.kind not in ("money", "number") or wording.asking(now.text) or _number(now, slot) is None:
        return False
    if topics.tried(now):
        return True
    money = now.script.currency if slot.kind == "money" else ""
    most = "any more" if slot.most is None else f"{money}{shown(slot.most)}"
    now.say("range", least=f"{money}{shown(slot.least or 0.0)}", most=most)
    jobs.ask_again(now)
    return True
