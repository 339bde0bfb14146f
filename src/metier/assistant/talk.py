"""Conversations that survive anything: each message is logged, each effect before it is asked for, then the turn.

The order on disk is the whole idea: `received`, `calling` (with its key), `called`, `ended` (with the state). A process
killed anywhere finds the open turn again and works it out from the same words, never repeating a call with an effect.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, TypeAlias

import msgspec

from metier.assistant.base import Action, Caller, Message, Result, Script
from metier.assistant.state import WHOLE, Event, State, Thought, Turn
from metier.assistant.store import Entry, Log, plain
from metier.assistant.turn import Rules
from metier.assistant.versions import Versions
from metier.extraction.personal import personal
from metier.types import Json

Allowed: TypeAlias = Callable[[list[Entry]], None]


class Talk:
    """An assistant at work: `talk.send("c1", Message(...)).replies`."""

    def __init__(self, rules: Rules, log: Log, caller: Caller) -> None:
        self.versions, self.log, self.caller = Versions(rules), log, caller

    @property
    def rules(self) -> Rules:
        """Those served; a conversation may be answered by others."""
        return self.versions.served

    @property
    def script(self) -> Script:
        """What the author wrote."""
        return self.rules.script

    def send(self, conversation: str, message: Message, *, allowed: Allowed = lambda entries: None) -> Turn:
        """What comes of a message; of one that was sent before, the same as then.

        `allowed` sees the log before anybody else can write to it, and raises where this may not be.
        """
        began = perf_counter()
        with self.log.turn(conversation):
            entries = self.log.entries(conversation)
            allowed(entries)
            if entries and entries[-1].kind != "ended" and (unfinished := _open_turn(entries)):
                self._work(conversation, entries, _message(unfinished.data))
                entries = self.log.entries(conversation)
            if "dedupe" not in self.rules.faults and (before := _answered(entries, message.id)):
                return before
            kept = self._kept(message, self.versions.of(conversation, entries, message.at))
            seq = len(entries)
            self.log.append(conversation, seq, "received", kept, message.at.isoformat())
            entries.append(Entry(seq=seq, kind="received", data=kept))
            return self._work(conversation, entries, _message(kept), _number(message.text), began=began)

    def resume(self, conversation: str) -> Turn | None:
        """Finish the turn that a killed process left open, if there is one."""
        with self.log.turn(conversation):
            entries = self.log.entries(conversation)
            unfinished = _open_turn(entries)
            return None if unfinished is None else self._work(conversation, entries, _message(unfinished.data))

    def note(
        self,
        conversation: str,
        kind: str,
        data: Mapping[str, Json],
        *,
        allowed: Allowed = lambda entries: None,
    ) -> list[Entry]:
        """Write down what is no turn of the assistant's: what a person says, what was rated. Texts are redacted.

        `allowed` sees the log before anybody else can write to it, and raises where this may not be. The log as it is.
        """
        kept = _redacted(dict(data), self.rules.minds.mask)
        if isinstance(text := kept.get("text"), str):
            kept["text"] = self.rules.minds.redact(text)
        with self.log.turn(conversation):
            entries = self.log.entries(conversation)
            allowed(entries)
            entry = Entry(seq=len(entries), kind=kind, data=kept)
            self.log.append(conversation, entry.seq, kind, kept, datetime.now(UTC).isoformat())
            return [*entries, entry]

    def state(self, conversation: str) -> State:
        """Where the conversation stands."""
        return state_of(self.log.entries(conversation))

    def _kept(self, message: Message, rules: Rules) -> dict[str, Json]:
        """A message as it may reach the log, with what answers it and what was turned off when it came."""
        off: dict[str, Json] = {"off": list(self.log.off())}
        return {
            "id": message.id,
            "text": rules.minds.redact(message.text),
            "at": message.at.isoformat(),
            "customer": message.customer,
            **({"version": rules.minds.version} if rules.minds.version else {}),
            **(off if off["off"] else {}),
        }

    def replay(self, conversation: str) -> list[str]:
        """Every `ended` entry worked out anew from what was received and called: same models, same bytes."""
        return [plain(_ended(turn, received.data["id"])) for received, turn in self.anew(conversation)]

    def anew(self, conversation: str) -> Iterator[tuple[Entry, Turn]]:
        """Each message that was received, and what these rules make of it where it came; nothing is called."""
        entries = self.log.entries(conversation)
        for place, entry in enumerate(entries):
            if entry.kind == "received":
                calls = _Calls(self, conversation, [*entries], place, live=False)
                rules = self.versions.by(entry.data.get("version", ""))
                yield entry, rules.turn(state_of(entries[:place]), _message(entry.data), calls.do)

    def _work(
        self,
        conversation: str,
        entries: list[Entry],
        message: Message,
        number: str = "",
        *,
        began: float | None = None,  # unknown of a turn that is finished for a process that was killed
    ) -> Turn:
        start = max(place for place, entry in enumerate(entries) if entry.kind == "received")
        calls = _Calls(self, conversation, entries, start, live=True)
        before = state_of(entries[:start])
        try:
            rules = self.versions.by(entries[start].data.get("version", ""))
            turn = rules.turn(before, message, calls.do)
        except Exception:
            # a template that does not fit or a fault of ours: closed, so that the next message is not held up by it
            ended = _ended(Turn(events=[], replies=[], state=before, trace=[]), message.id)
            self.log.append(conversation, len(calls.entries), "ended", ended, message.at.isoformat())
            raise
        self._told_the_desk(conversation, calls, turn, message, number)
        ended = _ended(turn, message.id)
        self.log.append(conversation, len(calls.entries), "ended", ended, message.at.isoformat())
        if began is not None:
            turn.trace.append(Thought(step=WHOLE, ms=round((perf_counter() - began) * 1000, 3)))
        self.log.trace(conversation, turn.state.turn, msgspec.to_builtins(turn.trace))
        return turn

    def _told_the_desk(self, conversation: str, calls: _Calls, turn: Turn, message: Message, number: str) -> None:
        """A desk elsewhere hears of a hand-over, and the number that was left, which is kept nowhere here; for the one
        built in there is a card.
        """
        desk, at = self.script.desk, message.at.isoformat()
        for event in turn.events:
            if event.verb not in ("hands off", "leaves number"):
                continue
            self.log.put_card(conversation, card(event), at)
            if desk.elsewhere:
                told = {"conversation": "{conversation}", "why": "{why}", "text": "{text}", "job": "{told}"}
                values = {"conversation": conversation, "why": event.name, "text": message.text, "told": event.args}
                if event.verb == "leaves number":
                    told["number"], values["number"] = "{number}", number
                place = self.script.sources["person"]
                action = Action(name="desk", how="post", target=desk.to, changes=True, place=place, body=told)
                calls.do(action, values, -turn.state.turn)


class _Calls:
    """The calls of one turn: those already in the log are read, others are made and logged."""

    def __init__(self, talk: Talk, conversation: str, entries: list[Entry], start: int, *, live: bool) -> None:
        self._talk, self._conversation, self._live, self._start = talk, conversation, live, start
        self.entries = entries
        self._reads = 0

    def do(self, action: Action, values: Mapping[str, Any], instance: int) -> Result:
        """One action, at most once where it changes something."""
        key = self._key(action, values, instance)
        known = self._known(key)
        if known is not None:
            return known
        if not self._live:
            return Result(outcome="unknown", value=None)
        if action.changes and any(e.kind == "calling" and e.data["key"] == key for e in self.entries):
            # the process died between asking and hearing: it may be done, so it is not asked again
            return self._keep(key, action, Result(outcome="unknown", value=None))
        if action.changes:
            self._append("calling", {"key": key, "action": action.name, "instance": instance})
        result = self._talk.caller.call(action, values, key=key if action.changes else None)
        return self._keep(key, action, result)

    def _known(self, key: str) -> Result | None:
        for entry in self.entries:
            if entry.kind == "called" and entry.data["key"] == key:
                return Result(outcome=entry.data["outcome"], value=entry.data["value"])
        return None

    def _key(self, action: Action, values: Mapping[str, Any], instance: int) -> str:
        told = {name: value for name, value in values.items() if name not in ("conversation", "number")}
        parts: list[Any] = [self._conversation, instance, action.name, told]
        if not action.changes:  # a read may be made again and again, but its place in the turn is fixed
            self._reads += 1
            parts += [self.entries[self._start].seq, self._reads]
        return hashlib.sha256(plain(parts).encode()).hexdigest()[:40]

    def _keep(self, key: str, action: Action, result: Result) -> Result:
        value = _redacted(result.value, self._talk.rules.minds.mask)
        self._append("called", {"key": key, "action": action.name, "outcome": result.outcome, "value": value})
        return Result(outcome=result.outcome, value=value)

    def _append(self, kind: str, data: dict[str, Json]) -> None:
        entry = Entry(seq=len(self.entries), kind=kind, data=data)
        at = self.entries[self._start].data["at"]
        self._talk.log.append(self._conversation, entry.seq, kind, data, at)
        self.entries.append(entry)


def _number(text: str) -> str:
    """The telephone number in a text as it came, for whoever is to call; it is not kept."""
    return next((text[one.start : one.end] for one in personal(text) if one.kind == "PHONE"), "")


def card(event: Event) -> dict[str, Json]:
    """What a desk sees of a conversation that comes to it."""
    if event.verb == "leaves number":
        return {"standing": "call back", "why": "left a number", "told": {}}
    standing = "closed" if event.outcome == "closed" else "waiting"
    return {"standing": standing, "why": event.name, "told": event.args}


def _redacted(value: Any, redact: Any) -> Any:
    """What came back from outside as it may reach the log: the ids it is addressed by stay as they are."""
    if isinstance(value, dict):
        return {k: one if k == "id" or k.endswith("_id") else _redacted(one, redact) for k, one in value.items()}
    if isinstance(value, list):
        return [_redacted(one, redact) for one in value]
    return redact(value) if isinstance(value, str) else value


def _ended(turn: Turn, message: str) -> dict[str, Json]:
    return {
        "message": message,
        "events": msgspec.to_builtins(turn.events),
        "replies": msgspec.to_builtins(turn.replies),
        "state": msgspec.to_builtins(turn.state),
    }


def state_of(entries: Sequence[Entry]) -> State:
    """Where the turns of a log have led, and the people who came between them."""
    place = next((n for n, entry in reversed([*enumerate(entries)]) if entry.kind == "ended"), None)
    state = State() if place is None else msgspec.convert(entries[place].data["state"], State)
    for entry in entries[0 if place is None else place + 1 :]:
        if entry.kind == "taken":  # nothing more is asked, and nobody is told again that somebody will come
            state.owner, state.pending, state.last = "person", None, [{"id": "say.taken"}]
        elif entry.kind == "returned":
            state.owner, state.job, state.pending, state.last = "assistant", None, None, []
            state.misses = state.failures = 0
    return state


def _open_turn(entries: list[Entry]) -> Entry | None:
    for entry in reversed(entries):
        if entry.kind == "ended":
            return None
        if entry.kind == "received":
            return entry
    return None


def _answered(entries: list[Entry], message: str) -> Turn | None:
    for entry in reversed(entries):
        if entry.kind == "ended" and entry.data["message"] == message:
            return msgspec.convert({**entry.data, "trace": []}, Turn)
    return None


def _message(data: Mapping[str, Any]) -> Message:
    at, off = datetime.fromisoformat(data["at"]), tuple(data.get("off", ()))
    return Message(id=data["id"], text=data["text"], at=at, customer=data["customer"], off=off)
