"""Where a conversation stands, and what a turn of it did: plain values that are written down as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

WHOLE = "whole turn"  # the step of a trace that holds all others, calls and disk included
Waiting = Literal["slot", "confirm", "switch", "offer", "what", "number"]


class Pending(msgspec.Struct, kw_only=True):
    """A question that was asked and not answered yet."""

    what: Waiting
    slot: str = ""  # of "slot"
    choices: list[str] = []  # of "offer": labels, of "what": slots
    job: str = ""  # of "switch": the one turned to
    text: str = ""  # of "switch" and "offer": the message that brought it up
    shown: str = ""  # of "confirm": the very summary that is agreed to
    tries: int = 0


class Running(msgspec.Struct, kw_only=True):
    """A job at work. `instance` numbers them within the conversation."""

    name: str
    instance: int
    slots: dict[str, Any] = {}
    options: dict[str, list[dict[str, Any]]] = {}  # what can be picked from, by action
    results: dict[str, Any] = {}
    skipped: list[str] = []
    order: list[str] = []  # slots as they were answered


class State(msgspec.Struct, kw_only=True):
    """All that a turn needs to know of the turns before it."""

    turn: int = 0
    instances: int = 0
    job: Running | None = None
    pending: Pending | None = None
    carried: dict[str, Any] = {}  # the last pick of each source, and the last amount
    finished: str = ""  # the last job that was done
    misses: int = 0
    failures: int = 0
    owner: Literal["assistant", "person"] = "assistant"
    at: str = ""  # of the last message
    whose: str = ""  # the customer who was logged in then
    last: list[dict[str, Any]] = []  # the last replies


class Event(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One thing a turn did, in the words that transcripts use: starts, asks, sets, confirms, calls, answers ..."""

    verb: str
    name: str = ""
    value: Any = None
    args: dict[str, Any] = {}
    outcome: str = ""


class Reply(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One text for the customer, and the template or section that it is. Choices are buttons."""

    id: str
    text: str
    choices: list[str] = []
    source: str = ""


class Thought(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What one step of a turn made of the message, and how long it took.

    Times differ from run to run, so it is no part of the log.
    """

    step: str
    ms: float
    said: str = ""
    score: float | None = None
    candidates: list[tuple[str, float]] = []


class Turn(msgspec.Struct, kw_only=True):
    """What came of a message."""

    events: list[Event]
    replies: list[Reply]
    state: State
    trace: list[Thought]


def told(events: Sequence[Any]) -> str:
    """What kept events did, without the values, which models have no say in."""
    return " · ".join(f"{event['verb']} {event.get('name', '')}".strip() for event in events) or "nothing"


def copy(state: State) -> State:
    """A state that may be changed without changing the other."""
    return msgspec.convert(msgspec.to_builtins(state), State)
