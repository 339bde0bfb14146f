"""What people do with conversations: see who waits, take one over, answer, note, give it back; turn jobs off.

Everything done to a conversation is an entry of its log, beside the assistant's turns, and so is every look at it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from metier.assistant import judged, learn, minds, read, watched
from metier.assistant.base import EVERYTHING, Found
from metier.assistant.outcomes import Outcome, chosen, outcomes
from metier.assistant.replayed import Replayed, replayed
from metier.assistant.state import State
from metier.assistant.store import Entry
from metier.assistant.talk import Talk, state_of
from metier.assistant.teach import Teaching
from metier.assistant.turn import Rules
from metier.assistant.workshop import CANDIDATE
from metier.errors import BadOption, MetierError

SUGGESTED = 3
MOST_FOUND, MOST_SOUGHT = 50, 5_000
MOST_CHARACTERS = 4_000


class UnknownConversation(MetierError):
    """A conversation that is not in the log."""


class NotYours(MetierError):
    """A conversation that somebody else has, or nobody."""


class Waiting(msgspec.Struct, kw_only=True):
    """A conversation in the queue. `standing` is waiting, taken, closed (the desk was) or call back."""

    conversation: str
    since: str
    standing: str
    why: str
    who: str  # who has it
    told: dict[str, Any]  # the job it was in, and the slots it had
    last: str
    last_from: str


class Suggested(msgspec.Struct, kw_only=True):
    """A section that may answer what the customer said last."""

    id: str
    title: str
    text: str
    probability: float


class Seen(msgspec.Struct, kw_only=True):
    """A conversation as a person sees it: entries with the trace of each turn, where it stands, what may be said."""

    conversation: str
    customer: str
    who: str
    owner: str
    job: str
    slots: dict[str, Any]
    entries: list[dict[str, Any]]
    suggested: list[Suggested]


class Desk:
    """The people's side of a talk: `desk.take(name, "Ann")`, `desk.say(name, "Ann", "Hello, I'm Ann.")`."""

    def __init__(self, talk: Talk, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._talk, self._log, self._now = talk, talk.log, now

    @property
    def home(self) -> Path:
        """The author's folder."""
        return self._talk.script.folder

    @property
    def teaching(self) -> Teaching:
        """What people teach the assistant."""
        return Teaching(self._talk.script, self._log, self._talk.rules.minds.redact)

    def queue(self) -> list[Waiting]:
        """Who waits, who is being answered, who is to be called; the longest wait first."""
        return [
            _waiting(card.conversation, card.at, card.data, self._log.entries(card.conversation))
            for card in self._log.cards()
        ]

    def found(
        self, text: str, *, job: str = "", outcome: str = "", ours: tuple[float, float] | None = None
    ) -> list[Waiting]:
        """The latest conversations that hold a text as it was kept, with none: the latest of all.

        Of them those about a job or section, with an outcome or a reason for it, or with a message that was ours with a
        probability between two.
        """
        names = self._log.find(text, MOST_SOUGHT)
        if job or outcome or ours is not None:
            fitting = {one.conversation for one in chosen(self.outcomes(), job=job, outcome=outcome, ours=ours)}
            names = [name for name in names if name in fitting]
        cards = {card.conversation: card for card in self._log.cards()}
        return [
            _waiting(name, cards[name].at, cards[name].data, entries)
            if name in cards
            else _waiting(name, _at(entries[-1]), {"standing": "", "why": "", "told": {}}, entries)
            for name in names[:MOST_FOUND]
            if (entries := self._log.entries(name))
        ]

    def outcomes(self) -> list[Outcome]:
        """What became of every conversation that is kept, the latest first."""
        return outcomes(self._log, self._now())

    def watched(self) -> watched.Watched:
        """The author's promises on real conversations, and what has moved."""
        return watched.watched(self._talk.script, self._log, self._now())

    def unasked(self, who: str) -> judged.Heard | None:
        """The next message of the fair sample that somebody is to judge; that they see it is written down."""
        script = self._talk.script
        some = judged.heard(self._log, watched.window(script, self._now()), script.taught)
        one = judged.unasked(self._log, some, learn.apart(script).barely)
        if one is not None:
            judged.look(self._log, one.conversation, who)
        return one

    def judge(self, conversation: str, seq: int, verdict: str, who: str, *, drawn: bool) -> None:
        """Say of a message whether it is the assistant's business.

        Raises: BadJudgement.
        """
        judged.judge(self._log, conversation, seq, verdict, who=who, drawn=drawn)

    def replayed(self) -> Replayed:
        """The latest conversations by the candidate, calling nothing.

        Raises: BadOption where there is none.
        """
        if not (self.home / CANDIDATE).is_dir():
            raise BadOption("There is no candidate yet. Learn one first.")
        script = read.load(self.home, CANDIDATE)
        return replayed(self._log, Rules(script, minds.load(script)))

    def look(self, conversation: str, who: str) -> Seen:
        """The whole of a conversation. That somebody looked is written down, once an hour.

        Raises: UnknownConversation.
        """
        entries = self._known(conversation)
        if not judged.looked(entries, who, self._now()):
            entries = self._note(conversation, "viewed", who, allowed=_exists)
        state, traces = state_of(entries), self._log.traces(conversation)
        received = [entry.data for entry in entries if entry.kind == "received"]
        return Seen(
            conversation=conversation, customer=(received[-1]["customer"] or "") if received else "",
            who=has(entries), owner=state.owner, job=state.job.name if state.job else "",
            slots=state.job.slots if state.job else {}, entries=[_shown(entry, traces) for entry in entries],
            suggested=self._suggested(received[-1]["text"]) if received else [],
        )  # fmt: skip

    def take(self, conversation: str, who: str) -> None:
        """From now on the assistant is silent, and this person answers.

        Raises: UnknownConversation; NotYours where somebody else has it.
        """

        def free(entries: list[Entry]) -> None:
            _exists(entries)
            if has(entries) not in ("", who):
                raise NotYours(f"{has(entries)} has this conversation. Ask them to give it back first.")

        if has(self._known(conversation)) == who:
            return
        self._talk.resume(conversation)  # a turn that a killed process left open would end after this, and undo it
        entries = self._note(conversation, "taken", who, allowed=free)
        card = next((card for card in self._log.cards() if card.conversation == conversation), None)
        told = _told(state_of(entries[:-1])) if card is None else card.data["told"]
        data = {"standing": "taken", "why": "taken over" if card is None else card.data["why"], "told": told}
        self._log.put_card(conversation, data, self._now().isoformat())

    def say(self, conversation: str, who: str, text: str) -> None:
        """Answer the customer; what is personal in it is kept and shown redacted, as theirs is.

        Raises: UnknownConversation; NotYours where this person has not taken it over.
        """
        self._note(conversation, "person", who, text, allowed=_of(who))

    def note(self, conversation: str, who: str, text: str) -> None:
        """A word among those at the desk, which the customer never sees.

        Raises: UnknownConversation.
        """
        self._note(conversation, "noted", who, text, allowed=_exists)

    def give_back(self, conversation: str, who: str) -> None:
        """The assistant answers again, and the queue holds it no more. What it was in the middle of is over.

        Raises: UnknownConversation; NotYours where somebody else has it.
        """

        def mine(entries: list[Entry]) -> None:
            _exists(entries)
            if has(entries) not in ("", who):
                raise NotYours(f"{has(entries)} has this conversation, not {who}.")

        self._talk.resume(conversation)
        self._note(conversation, "returned", who, self._talk.script.say["back"], allowed=mine)
        self._log.drop_card(conversation)

    def off(self) -> dict[str, tuple[str, str]]:
        """What is turned off, with who did it and when: names of jobs, and EVERYTHING."""
        return self._log.off()

    def turn(self, name: str, who: str, *, on: bool) -> None:
        """Turn a job, or EVERYTHING, on or off, from the next message of anybody on.

        Raises: UnknownConversation for what is no job.
        """
        if name != EVERYTHING and name not in self._talk.script.jobs:
            raise UnknownConversation(
                f"There is no job '{name:.40}'. Known: {', '.join(self._talk.script.jobs)}; '{EVERYTHING}' is all."
            )
        if on:
            self._log.turn_on(name)
        else:
            self._log.turn_off(name, who, self._now().isoformat())

    def jobs(self) -> dict[str, str]:
        """The jobs that can be turned off, and what they are called."""
        return {job.name: job.title for job in self._talk.script.jobs.values()}

    def _known(self, conversation: str) -> list[Entry]:
        entries = self._log.entries(conversation)
        _exists(entries)
        return entries

    def _note(
        self, conversation: str, kind: str, who: str, text: str = "", *, allowed: Callable[[list[Entry]], None]
    ) -> list[Entry]:
        said = {"text": text[:MOST_CHARACTERS]} if text else {}
        data = {"who": who, "at": self._now().isoformat(), **said}
        return self._talk.note(conversation, kind, data, allowed=allowed)

    def _suggested(self, text: str) -> list[Suggested]:
        known = self._talk.script.knowledge
        found: Sequence[Found] = self._talk.rules.minds.library.near(text, SUGGESTED)
        return [
            Suggested(id=one.id, title=known[one.id].title, text=known[one.id].text, probability=round(one.score, 4))
            for one in found
            if one.id in known
        ]


def has(entries: Sequence[Entry]) -> str:
    """Which person has a conversation; nobody: empty."""
    for entry in reversed(entries):
        if entry.kind == "taken":
            return str(entry.data["who"])
        if entry.kind == "returned":
            return ""
    return ""


def _exists(entries: Sequence[Entry]) -> None:
    if not entries:
        raise UnknownConversation("There is no such conversation, or it was deleted. Look at the queue again.")


def _of(who: str) -> Callable[[list[Entry]], None]:
    def check(entries: list[Entry]) -> None:
        _exists(entries)
        if has(entries) != who:
            raise NotYours(f"{has(entries) or 'Nobody'} has this conversation. Take it over before you answer.")

    return check


def _told(state: State) -> dict[str, Any]:
    return {} if state.job is None else {"job": state.job.name, **state.job.slots}


def _waiting(name: str, since: str, card: Any, entries: Sequence[Entry]) -> Waiting:
    said, came = "", ""
    for entry in reversed(entries):
        if entry.kind in ("received", "person"):
            said, came = entry.data["text"], "customer" if entry.kind == "received" else "person"
            break
    return Waiting(
        conversation=name, since=since, standing=card["standing"], why=card["why"], told=card["told"], who=has(entries),
        last=said, last_from=came,
    )  # fmt: skip


def _at(entry: Entry) -> str:
    return str(entry.data.get("at") or entry.data.get("state", {}).get("at", ""))


def _shown(entry: Entry, traces: Any) -> dict[str, Any]:
    """An entry, and with a turn what each specialist thought; the state itself is nobody's business at a desk."""
    data = {name: value for name, value in entry.data.items() if name not in ("state", "key")}
    trace = traces.get(entry.data["state"]["turn"], []) if entry.kind == "ended" else None
    return {"seq": entry.seq, "kind": entry.kind, **data, **({} if trace is None else {"trace": trace})}
