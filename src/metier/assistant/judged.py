"""What people say of messages: are they the assistant's business at all? They are asked for a fair sample of them.

Messages lie in an order that nobody chose, by the digest of where they stand, and the next one asked for is the first
that was not asked for yet; a third of them are of those that were declined, which are few. What somebody judged unasked
shows what was found, and counts in a share once its place in the order has come. Judgements are entries of the
conversation's log, and go with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from metier.assistant.learn import OUTSIDE
from metier.assistant.scope import OURS, chance
from metier.assistant.state import WHOLE, told
from metier.assistant.store import Entry, Log
from metier.errors import MetierError

NEITHER = "neither"  # talk, or nobody can tell
VERDICTS = (OURS, OUTSIDE, NEITHER)
BEGINS = {"declines", "misses", "starts", "answers", "offers", "switches", "hands off"}
TAUGHT = "taught"  # who judged what two people have taught
LOOK = timedelta(hours=1)  # within which looking again is the same look


class BadJudgement(MetierError):
    """A message that is not there, or a word that is no verdict."""


class Heard(msgspec.Struct, kw_only=True):
    """A message, what came of it, and what people say of it.

    One that `begins` is none of small talk and answers to a question.
    """

    conversation: str
    seq: int
    at: str
    text: str
    before: str  # what the customer had read last
    did: str
    declined: bool
    handed: str  # why it went to a person
    begins: bool
    ms: float | None  # of the whole turn, where it was timed
    sure: float | None  # how probable the best intent was, where it was asked for
    ours: float | None  # how probably it is the assistant's, where that was asked
    verdict: str = ""
    who: str = ""
    drawn: bool = False


def heard(log: Log, since: str = "", taught: Sequence[tuple[str, str]] = ()) -> list[Heard]:
    """The messages that the assistant has dealt with since then, in no order.

    `taught` are messages and what they mean, as two people have agreed: what nobody judged is what it was taught to be.
    """
    found = [one for name in log.conversations() for one in _heard(log, name) if one.at >= since]
    known = dict(taught)
    for one in found:
        if not one.verdict and one.text in known:
            one.verdict, one.who = OUTSIDE if known[one.text] == OUTSIDE else OURS, TAUGHT
    return found


def strata(begun: Sequence[Heard], barely: float) -> tuple[list[Heard], list[Heard], list[Heard]]:
    """Those declined, those that are ours with less than a probability, and the rest."""
    sides: tuple[list[Heard], list[Heard], list[Heard]] = ([], [], [])
    for one in begun:
        low = one.ours is not None and one.ours < barely
        sides[0 if one.declined else 1 if low else 2].append(one)
    return sides


def unasked(log: Log, some: Sequence[Heard], barely: float) -> Heard | None:
    """The next one to be asked about; None where all were. What is known already is taken as it is, and not asked.

    `barely` is what parts the strata; 0 where nobody knows, and then one of three is of those declined.
    """
    while (one := _next(strata([one for one in some if one.begins], barely), barely)) is not None and one.verdict:
        judge(log, one.conversation, one.seq, one.verdict, who=one.who, drawn=True)
        one.drawn = True
    return one


def judge(log: Log, conversation: str, seq: int, verdict: str, *, who: str, drawn: bool) -> None:
    """Write down what somebody says of a message; the last word counts. `drawn`: they were asked for this one.

    Raises: BadJudgement.
    """
    if verdict not in VERDICTS:
        raise BadJudgement(f"'{verdict:.20}' is no verdict. Expected one of: {', '.join(VERDICTS)}.")
    with log.turn(conversation):
        entries = log.entries(conversation)
        if not any(entry.seq == seq and entry.kind == "received" for entry in entries):
            raise BadJudgement("There is no such message, or its conversation was erased. Ask for the next one.")
        _append(log, conversation, entries, "judged", {"of": seq, "verdict": verdict, "who": who, "drawn": drawn})


def look(log: Log, conversation: str, who: str) -> None:
    """Write down that somebody sees a message of it, as every look is."""
    with log.turn(conversation):
        entries = log.entries(conversation)
        if entries and not looked(entries, who, datetime.now(UTC)):
            _append(log, conversation, entries, "viewed", {"who": who})


def looked(entries: Sequence[Entry], who: str, now: datetime) -> bool:
    """Whether somebody's look is written down already."""
    since = (now - LOOK).isoformat()
    return any(e.kind == "viewed" and e.data["who"] == who and e.data["at"] > since for e in entries)


def _append(log: Log, conversation: str, entries: Sequence[Entry], kind: str, data: dict[str, Any]) -> None:
    at = datetime.now(UTC).isoformat()
    log.append(conversation, len(entries), kind, {"at": at, **data}, at)


def _next(sides: Sequence[Sequence[Heard]], barely: float) -> Heard | None:
    """From the stratum that lags behind its third, the first in the order."""
    third = (1, 1, 1 if barely else 2)  # where there are but two, the last is two thirds
    left = [[one for one in side if not one.drawn] for side in sides]
    lag = [sum(one.drawn for one in side) / part for side, part in zip(sides, third, strict=True)]
    open = [place for place in range(len(sides)) if left[place]]
    return min(left[min(open, key=lag.__getitem__)], key=_place) if open else None


def _place(one: Heard) -> bytes:
    return hashlib.sha256(f"{one.conversation} {one.seq}".encode()).digest()


def _heard(log: Log, name: str) -> Iterator[Heard]:
    entries, traces = log.entries(name), log.traces(name)
    judged: dict[int, dict[str, Any]] = {}
    for entry in entries:
        if entry.kind == "judged":
            before = judged.get(entry.data["of"], {"drawn": False})
            judged[entry.data["of"]] = {**entry.data, "drawn": entry.data["drawn"] or before["drawn"]}
    received, said = None, ""
    for entry in entries:
        if entry.kind == "received":
            received = entry
        elif entry.kind == "ended" and received is not None:
            one = _one(name, received, entry, traces.get(entry.data["state"]["turn"], []), said)
            if received.data["id"] == entry.data["message"] and one is not None:
                known = judged.get(one.seq, {})
                yield msgspec.structs.replace(one, **{key: known[key] for key in ("verdict", "who", "drawn") if known})
            said = " ".join(reply["text"] for reply in entry.data["replies"])
        elif entry.kind in ("person", "returned"):
            said = entry.data.get("text", "")


def _one(name: str, received: Entry, ended: Entry, trace: Sequence[Any], said: str) -> Heard | None:
    events = ended.data["events"]
    verbs = {event["verb"] for event in events}
    text = " ".join(received.data["text"].split())
    if "forwards" in verbs or not any(letter.isalpha() for letter in text):
        return None  # a person had it, or there is nothing to be understood
    handed = next((event.get("name", "") for event in events if event["verb"] == "hands off"), "")
    return Heard(
        conversation=name, seq=received.seq, at=received.data["at"], text=text, before=said, did=told(events),
        declined="declines" in verbs, handed=handed, begins=bool(verbs & BEGINS),
        ms=next((step["ms"] for step in trace if step["step"] == WHOLE), None),
        sure=next((step.get("score") for step in trace if step["step"] == "intent says"), None),
        ours=next((chance(step.get("candidates", ())) for step in trace if step["step"] == "scope says"), None),
    )  # fmt: skip
