"""What the specialists say of one message: each is asked once, and what it said stands in the trace.

Knows no rules: what is made of an opinion is theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from time import perf_counter
from typing import TypeVar

from metier.assistant import cues
from metier.assistant.base import Decider, Found, Minds
from metier.assistant.scope import score
from metier.assistant.state import Thought
from metier.types import Decision, Extraction

Made = TypeVar("Made")
SURE_ACT = SURE_SPAN = 0.5
SURE_PERSON = 0.65  # what asks for one in so many words is known by form; a wrong hand-over ends what was begun
SHOWN = 3  # candidates in the trace


class Opinions:
    """The opinions on one message and its parts: `opinions.intent("my card is lost").label`."""

    def __init__(self, minds: Minds, *, guarded: bool) -> None:
        self.trace: list[Thought] = []
        self._minds, self._guarded = minds, guarded
        self._decided: dict[tuple[str, str], Decision] = {}
        self._sought: dict[str, Found | None] = {}

    def act(self, text: str) -> str:
        """The act of conversation that a message is: yes, cancel, thanks ...; empty where it is none."""
        return self._timed(
            "acts", lambda: cues.act(text) or ("" if cues.INTRODUCES.match(text) else self._learnt_act(text))
        )

    def ours(self, text: str) -> bool:
        """Whether a message is ours at all."""
        return self._timed("scope", lambda: self._in_scope(text))

    def found(self, text: str) -> Found | None:
        """The section that surely answers."""
        found = self._timed("knowledge", lambda: self._seek(text))
        return found if found is not None and found.sure else None

    def near(self, text: str, most: int) -> Sequence[Found]:
        """The sections that may answer, the best first."""
        return self._minds.library.near(text, most)

    def intent(self, text: str) -> Decision:
        """What a customer who writes so wants."""
        return self._timed("intent", lambda: self._decide("intent", self._minds.intent, text))

    def spans(self, text: str) -> Mapping[str, str]:
        """What of a text belongs to which slot; of two for one slot, the surer."""
        if self._minds.entities is None:
            return {}
        mind = self._minds.entities
        decision = self._timed("entities", lambda: self._decide("entities", mind, text))
        found = decision.spans if isinstance(decision, Extraction) else ()
        sure = sorted(
            (one for one in found if one.accepted and one.probability >= SURE_SPAN), key=attrgetter("probability")
        )
        return {one.label: one.text for one in sure}

    def _learnt_act(self, text: str) -> str:
        if self._minds.acts is None:
            return ""
        decision = self._decide("acts", self._minds.acts, text)
        least = SURE_PERSON if decision.label == "person" else SURE_ACT
        sure = decision.accepted and decision.label not in (None, "none") and decision.probability >= least
        return decision.label or "" if sure else ""

    def _in_scope(self, text: str) -> bool:
        if self._minds.scope is None or not self._guarded:
            return True
        decision = self._decide("scope", self._minds.scope, text)
        near = self._seek(text)
        intent = self._decide("intent", self._minds.intent, text)
        familiar = max(intent.scope, 0.0 if near is None else near.familiar)
        return score(decision, familiar) >= self._minds.scope_least

    def _seek(self, text: str) -> Found | None:
        if text not in self._sought:
            started = perf_counter()
            self._sought[text] = found = self._minds.library.find(text)
            if found is not None:
                said = Thought(step="knowledge says", ms=_since(started), said=found.id, score=round(found.score, 4))
                self.trace.append(said)
        return self._sought[text]

    def _decide(self, name: str, mind: Decider, text: str) -> Decision:
        if (name, text) not in self._decided:
            decision = mind.predict([text])[0]
            self._decided[name, text] = decision
            among = [(one.label, round(one.probability, 4)) for one in decision.candidates[:SHOWN]]
            said = decision.label or decision.reason or ""
            ms, chance = round(decision.microseconds / 1000, 3), round(decision.probability, 4)
            self.trace.append(Thought(step=f"{name} says", ms=ms, said=said, score=chance, candidates=among))
        return self._decided[name, text]

    def _timed(self, step: str, work: Callable[[], Made]) -> Made:
        started = perf_counter()
        made = work()
        said = str(made) if isinstance(made, str | bool) else ""
        self.trace.append(Thought(step=step, ms=_since(started), said=said))
        return made


def _since(started: float) -> float:
    return round((perf_counter() - started) * 1000, 3)
