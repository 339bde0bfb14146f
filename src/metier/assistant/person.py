"""A conversation that goes to a person, and the number that is left where none is there."""

from __future__ import annotations

from typing import Any

from metier.assistant import cues, slots, wording
from metier.assistant.base import EVERYTHING, LATER
from metier.assistant.hours import at_desk, next_open
from metier.assistant.moment import Moment
from metier.assistant.state import Pending, Reply
from metier.assistant.templates import fill

ALWAYS = {"person": "asked", "complaint": "complaint", "vulnerable": "vulnerable"}  # acts that bring a person


def wanted(now: Moment, act: str) -> str | None:
    """Why a person must have this message whatever else it says; None where none must."""
    if cues.asks_for_person(now.text):
        why: str | None = "asked"
    elif cues.vulnerable(now.text):
        why = "vulnerable"
    else:  # what a specialist made of it, but "coach, please" is an answer where coach can be picked
        why = None if slots.answers_open(now) or _asks_job(now) else ALWAYS.get(act)
    return why if why == "asked" or why in now.script.desk.when else None


def _asks_job(now: Moment) -> bool:
    """Whether the message is what the author wrote of a job: "I'd like to send money to somebody"."""
    return now.by_phrase.get(wording.plain(wording.opened(now.text)), "") in now.by_label


def hand_off(now: Moment, why: str) -> None:
    """Pass the conversation on, or ask for a number while the desk is closed."""
    desk = now.script.desk
    if at_desk(desk.open, now.message.at):
        now.event("hands off", why, args=_told_so_far(now))
        now.say("person")
        now.state.owner, now.state.pending = "person", None
        return
    now.event("hands off", why, outcome="closed", args=_told_so_far(now))
    text = fill(desk.closed, {"next_open": next_open(desk.open, now.message.at)})
    now.replies.append(Reply(id="person.closed", text=text))
    # the author's own words may ask for a number; ours ask to write on
    now.state.job, now.state.pending = None, None if desk.closed == LATER else Pending(what="number")


def stopped(now: Moment) -> bool:
    """Whether somebody has turned the assistant off, or the job that is running."""
    running = now.state.job
    return EVERYTHING in now.message.off or (running is not None and running.name in now.message.off)


def turned_off(now: Moment) -> None:
    """What is turned off is a person's to do."""
    if EVERYTHING not in now.message.off:
        now.say("off")
    hand_off(now, "off")


def took_number(now: Moment) -> bool:
    """Whether the message leaves the number that was asked for. It is asked once only."""
    now.state.pending = None
    if not cues.leaves_number(now.text):
        return False
    now.event("leaves number")
    now.say("taken")
    return True


def _told_so_far(now: Moment) -> dict[str, Any]:
    running = now.state.job
    return {} if running is None else {"job": running.name, **running.slots}
