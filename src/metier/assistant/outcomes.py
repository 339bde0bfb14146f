"""What became of conversations: each in one word with what led to it, and what all of them come to, in figures.

Reads the log and asks nobody. Shares come with how many they are of, and with their exact interval.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np

from metier.assistant.scope import chance
from metier.assistant.state import WHOLE
from metier.assistant.store import Entry, Log
from metier.decide.measure import clopper_pearson

AGAIN = timedelta(days=7)  # within which the same subject from the same customer means that it was not resolved
GONE = timedelta(minutes=30)  # after which a question left open was left
OUTCOMES = ("resolved", "handed off", "came back", "declined", "abandoned", "other")


class Outcome(msgspec.Struct, kw_only=True):
    """One conversation: `outcome` is one of OUTCOMES, `why` the reason of a hand-over, `subjects` jobs and sections."""

    conversation: str
    customer: str
    version: str = ""  # of the specialists and the author's file that answered last
    began: str
    ended: str
    outcome: str
    why: str = ""
    subjects: list[str] = []
    turns: int = 0
    declined: int = 0
    missed: int = 0
    helpful: int = 0
    unhelpful: int = 0
    ms: list[float] = []  # what each turn's specialists took
    ours: list[float] = []  # how surely each message was ours


class Share(msgspec.Struct, kw_only=True):
    """A share with what it is of, and its exact interval of 95 % (Clopper-Pearson)."""

    name: str
    count: int
    of: int
    low: float
    high: float


class Figures(msgspec.Struct, kw_only=True):
    """All conversations together; `days` counts outcomes by the day they began."""

    conversations: int
    turns: int
    shares: list[Share]
    reasons: dict[str, int]
    p50_ms: float
    p95_ms: float
    days: dict[str, dict[str, int]]
    versions: dict[str, list[Share]] = {}  # where several answered: what came of each one's conversations


def outcomes(log: Log, now: datetime) -> list[Outcome]:
    """Every conversation that is kept, the latest first."""
    found = [one for name in log.conversations() if (one := outcome(log, name, now)) is not None]
    later: dict[tuple[str, str], list[datetime]] = {}
    for one in found:
        for subject in one.subjects if one.customer else ():
            later.setdefault((one.customer, subject), []).append(datetime.fromisoformat(one.began))
    for one in found:
        subjects = one.subjects if one.customer and one.outcome == "resolved" else []
        if any(_came_back(one, later[one.customer, subject]) for subject in subjects):
            one.outcome = "came back"
    return found


def outcome(log: Log, conversation: str, now: datetime) -> Outcome | None:
    """What became of one, whatever came after it; None where nobody wrote anything."""
    entries = log.entries(conversation)
    received = [entry.data for entry in entries if entry.kind == "received"]
    if not received:
        return None
    events = [event for entry in entries if entry.kind == "ended" for event in entry.data["events"]]
    named = _named(events)
    handed = named("hands off")
    ended = datetime.fromisoformat(received[-1]["at"])
    return Outcome(
        conversation=conversation, customer=received[-1]["customer"] or "", began=received[0]["at"],
        ended=received[-1]["at"], version=received[-1].get("version", ""), turns=len(received),
        why=handed[0] if handed else "", outcome=_outcome(entries, named, left=now - ended > GONE),
        subjects=list(dict.fromkeys([*named("starts"), *named("answers")])),
        declined=len(named("declines")), missed=len(named("misses")),
        helpful=sum(entry.kind == "rated" and entry.data["good"] for entry in entries),
        unhelpful=sum(entry.kind == "rated" and not entry.data["good"] for entry in entries),
        **_thought(log, conversation),
    )  # fmt: skip


def figures(some: Sequence[Outcome]) -> Figures:
    """What they come to."""
    versions: dict[str, list[Outcome]] = {}
    for one in some:
        versions.setdefault(one.version, []).append(one)
    ms = [ms for one in some for ms in one.ms] or [0.0]
    days: dict[str, Counter[str]] = {}
    for one in some:
        days.setdefault(one.began[:10], Counter())[one.outcome] += 1
    return Figures(
        conversations=len(some), turns=sum(one.turns for one in some), shares=_shares(some),
        reasons=dict(Counter(one.why for one in some if one.why)),
        p50_ms=round(float(np.percentile(ms, 50)), 2), p95_ms=round(float(np.percentile(ms, 95)), 2),
        days={day: dict(count) for day, count in sorted(days.items())},
        versions={name: _shares(own) for name, own in versions.items()} if len(versions) > 1 else {},
    )  # fmt: skip


def _shares(some: Sequence[Outcome]) -> list[Share]:
    n, turns = len(some), sum(one.turns for one in some)
    counts = Counter(one.outcome for one in some)
    rated = sum(one.helpful + one.unhelpful for one in some)
    return [
        *(_share(name, counts[name], n) for name in OUTCOMES),
        _share("turns declined", sum(one.declined for one in some), turns),
        _share("turns not understood", sum(one.missed for one in some), turns),
        _share("ratings helpful", sum(one.helpful for one in some), rated),
        _share("no person took part, whatever came of it", n - counts["handed off"], n),
    ]


def _named(events: Sequence[Any]) -> Callable[[str], list[str]]:
    return lambda verb: [event.get("name", "") for event in events if event["verb"] == verb]


def _outcome(entries: Sequence[Entry], named: Callable[[str], list[str]], *, left: bool) -> str:
    if named("hands off") or any(entry.kind == "taken" for entry in entries):
        return "handed off"
    state: Any = next((entry.data["state"] for entry in reversed(entries) if entry.kind == "ended"), {})
    if left and state.get("job"):
        return "abandoned"
    if named("finishes") or named("answers"):
        return "resolved"
    return "declined" if named("declines") else "other"


def _thought(log: Log, conversation: str) -> dict[str, list[float]]:
    """How long each turn's steps took, and how probably each message was ours."""
    ms, ours = [], []
    for steps in log.traces(conversation).values():
        ms.append(
            round(sum(one["ms"] for one in steps if one["step"] != WHOLE and not one["step"].endswith(" says")), 3)
        )
        for one in steps:
            if one["step"] == "scope says" and one.get("candidates"):
                ours.append(chance(one["candidates"]))
    return {"ms": ms, "ours": ours}


def _came_back(one: Outcome, began: Sequence[datetime]) -> bool:
    ended = datetime.fromisoformat(one.ended)
    return any(ended < other <= ended + AGAIN for other in began)


def _share(name: str, count: int, of: int) -> Share:
    low, high = clopper_pearson(count, of) if of else (0.0, 1.0)
    return Share(name=name, count=count, of=of, low=round(float(low), 4), high=round(float(high), 4))


def chosen(
    some: Sequence[Outcome], *, job: str = "", outcome: str = "", ours: tuple[float, float] | None = None
) -> Iterator[Outcome]:
    """Those about a job or section, with an outcome, or with a message that was ours with a probability between two."""
    for one in some:
        fits = (not job or job in one.subjects) and (not outcome or outcome in (one.outcome, one.why))
        if fits and (ours is None or any(ours[0] <= score <= ours[1] for score in one.ours)):
            yield one
