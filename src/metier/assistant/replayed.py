"""Conversations that are kept, worked out anew by other specialists: which turns would have gone another way.

Nothing outside is called: what actions came back with stands in the log, and what was never called is unknown.
"""

from __future__ import annotations

from typing import Any

import msgspec

from metier.assistant.base import Action, Caller, Result
from metier.assistant.state import told
from metier.assistant.store import Log
from metier.assistant.talk import Talk
from metier.assistant.turn import Rules

MOST_TURNS = 2_000


class Changed(msgspec.Struct, kw_only=True):
    """A message, and what was made of it then and is now."""

    conversation: str
    text: str
    before: str
    after: str


class Replayed(msgspec.Struct, kw_only=True):
    """How many turns were worked out anew, and those that differ."""

    turns: int
    changed: list[Changed]


class _Nobody(Caller):
    """The outside, where nothing may be called."""

    def call(self, action: Action, values: Any, *, key: str | None, timeout_s: float = 10.0) -> Result:
        raise AssertionError(action.name)


def replayed(log: Log, rules: Rules) -> Replayed:
    """The latest conversations by these rules, each turn from where it began then."""
    talk, turns, changed = Talk(rules, log, _Nobody()), 0, list[Changed]()
    for name in log.conversations():
        if turns >= MOST_TURNS:
            break
        for received, turn in talk.anew(name):
            entries = log.entries(name)
            then = next((e for e in entries[received.seq :] if e.kind == "ended"), None)
            if then is None or then.data["message"] != received.data["id"]:
                continue  # it was never ended, or a fault of ours did
            turns += 1
            before, after = told(then.data["events"]), told(msgspec.to_builtins(turn.events))
            if before != after:
                changed.append(Changed(conversation=name, text=received.data["text"], before=before, after=after))
    return Replayed(turns=turns, changed=changed)
