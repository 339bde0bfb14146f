"""Which rules answer a conversation: those served, those tried on a share of conversations, those it began with.

Knows conversations by name and what their logs say of versions; not what rules are made of, nor who promotes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from metier.assistant.store import Entry
from metier.assistant.turn import AWAY, Rules

MOST_RETIRED = 2  # that conversations may still be answered by


class Versions:
    """Rules by version: `versions.of("c1", entries, at)`.

    A conversation goes on with what it began with, until nobody has written for as long as makes a new one of it.
    """

    def __init__(self, served: Rules) -> None:
        self.served = served
        self._tried: tuple[Rules, float] | None = None
        self._retired: list[Rules] = []

    def serve(self, rules: Rules) -> None:
        """New conversations are answered by these; what was served so far answers those it began."""
        self._retire(self.served)
        self.served = rules

    def attempt(self, rules: Rules | None, share: float = 0.0) -> None:
        """This share of new conversations, 0 to 1, is answered by these rules; by none where there are none."""
        if self._tried is not None:
            self._retire(self._tried[0])
        self._tried = None if rules is None else (rules, share)

    def of(self, conversation: str, entries: Sequence[Entry], at: datetime) -> Rules:
        """What answers the next message of a conversation, which comes at that time."""
        last = next((entry.data for entry in reversed(entries) if entry.kind == "received"), None)
        if last is None or at - datetime.fromisoformat(last["at"]) > AWAY:
            return self._fresh(conversation)
        return self.by(last.get("version", ""))

    def by(self, version: str) -> Rules:
        """The rules of that version; where they are gone, what is served."""
        tried = [] if self._tried is None else [self._tried[0]]
        known = {one.minds.version: one for one in (*self._retired, *tried, self.served)}
        return known.get(version, self.served)

    def _fresh(self, conversation: str) -> Rules:
        if self._tried is None:
            return self.served
        rules, share = self._tried
        place = int.from_bytes(hashlib.sha256(conversation.encode()).digest()[:4], "big") / 2**32
        return rules if place < share else self.served

    def _retire(self, rules: Rules) -> None:
        self._retired = [*self._retired, rules][-MOST_RETIRED:]
