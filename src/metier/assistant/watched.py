"""What an author promises, watched on real conversations; and whether customers' messages are what they were.

People's judgements are the truth. An alarm is a promise that lies outside the range of what was found, or something
that has moved by more than a margin.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from metier.assistant import judged, learn
from metier.assistant.base import Script
from metier.assistant.drifted import MARGIN, MOST_CASES, RECENT_DAYS, Drift, drifted
from metier.assistant.judged import Heard
from metier.assistant.promises import REPLY, SHARES, milliseconds, share
from metier.assistant.scope import OURS
from metier.assistant.store import Log
from metier.decide.drawn import Stratum, share_hit
from metier.decide.measure import clopper_pearson

DAYS = 30
FEWEST_JUDGED = 20  # of a kind, under which one judgement could be an alarm
SLOW = 0.05  # the share of turns that may take longer than the 95th percentile that is promised
CAUGHT = "out_of_scope_caught"


class Kept(msgspec.Struct, kw_only=True):
    """A promise, and what was found: a share, or milliseconds, with its range of 95 %, of `of` rows.

    The verdict is `kept`, `broken`, or `not shown`; empty where nothing is promised.
    """

    name: str
    promised: str
    found: float | None
    low: float | None
    high: float | None
    of: int
    verdict: str
    about: str
    cases: list[Heard]


class Watched(msgspec.Struct, kw_only=True):
    """All of it. `since` is the window of promises, `recent` that of what may have moved; `drawn` were asked about."""

    since: str
    recent: str
    until: str
    margin: float
    conversations: int
    turns: int
    begun: int
    drawn: int
    promises: list[Kept]
    drifts: list[Drift]
    alarms: list[str]


def watched(script: Script, log: Log, now: datetime, *, days: int = DAYS, margin: float = MARGIN) -> Watched:
    """What there is to say of the last `days`."""
    since = window(script, now, days)
    recent = max((now - timedelta(days=min(RECENT_DAYS, days))).isoformat(), since)
    some = judged.heard(log, since, script.taught)
    begun = [one for one in some if one.begins]
    apart = learn.apart(script)
    promises = [*(_judged(script, begun, apart.barely, name) for name in SHARES), _quick(script, some)]
    drifts = drifted(apart, begun, recent, margin)
    return Watched(
        since=since, recent=recent, until=now.isoformat(), margin=margin,
        conversations=len({one.conversation for one in some}), turns=len(some), begun=len(begun),
        drawn=sum(one.drawn for one in begun), promises=promises, drifts=drifts,
        alarms=[f"{one.name}: {one.about}" for one in promises if one.verdict == "broken"]
        + [f"{one.name}, against {one.against}: {one.about}" for one in drifts if one.verdict == "moved"],
    )  # fmt: skip


def window(script: Script, now: datetime, days: int = DAYS) -> str:
    """Since when messages count: the last days, of what has answered since it was promoted or trained."""
    return max((now - timedelta(days=days)).isoformat(), learn.at_work_since(script.workshop))


def _judged(script: Script, begun: Sequence[Heard], barely: float, name: str) -> Kept:
    """Which share of the messages that are ours, or that are not, was declined; and what it says to the promise."""
    least = name == CAUGHT
    kind, called = (learn.OUTSIDE, "not yours") if least else (OURS, "yours")
    cases = [one for one in begun if one.verdict == kind and one.declined != least]
    sides = [
        Stratum(
            rows=len(side), drawn=sum(one.drawn for one in side),
            kind=sum(one.drawn and one.verdict == kind for one in side),
        )
        for side in judged.strata(begun, barely)
    ]  # fmt: skip
    promised, found = script.promise.get(name, ""), share_hit(*sides)
    looked = "judged were {} declined, {} barely yours and {} others".format(
        *(f"{one.drawn:,} of {one.rows:,}" for one in sides)
    )
    if found is None:
        about = f"{looked}, and none was {called}."
        return _kept(name, promised, None, of=0, verdict="not shown", about=about, cases=cases)
    asked = share(promised)
    verdict = "not shown"
    if asked is not None and found.rows >= FEWEST_JUDGED:
        verdict = _verdict(found.low, found.high, asked, least=least)
    about = (
        f"{found.value:.1%} ({found.low:.1%} to {found.high:.1%}) of those that are {called} are declined; {looked}."
    )
    figures = (found.value, found.low, found.high)
    return _kept(name, promised, figures, of=found.rows, verdict=verdict, about=about, cases=cases)


def _quick(script: Script, some: Sequence[Heard]) -> Kept:
    """The 95th percentile of whole turns, with the range that order statistics give it."""
    timed = sorted((one for one in some if one.ms is not None), key=lambda one: one.ms or 0.0)
    promised, n = script.promise.get(REPLY, ""), len(timed)
    if not n:
        return _kept(REPLY, promised, None, of=0, verdict="not shown", about="no turn was timed.", cases=[])
    times = [one.ms or 0.0 for one in timed]
    most = _last(n, lambda over: clopper_pearson(over, n)[0] <= SLOW)  # so many may take longer by chance
    fewest = _last(n, lambda over: clopper_pearson(over, n)[1] < SLOW) + 1
    low = times[n - 1 - most] if most < n else 0.0
    high = times[n - fewest] if fewest else None  # so few turns do not say how long one in twenty takes at most
    found, asked = times[n - 1 - int(n * SLOW)], milliseconds(promised)
    verdict, about = "", f"{found:.0f} ms at the 95th percentile of {n:,} turns."
    if asked is not None:
        verdict = _verdict(low, math.inf if high is None else high, asked, least=False)
        about = f"{about} {sum(time > asked for time in times):,} took longer than {promised}."
    return _kept(REPLY, promised, (found, low, high), of=n, verdict=verdict, about=about, cases=timed[::-1])


def _last(n: int, holds: Callable[[int], bool]) -> int:
    """The last of 0, 1, ... n at which something holds that holds up to some point; -1 where it never does."""
    low, high = -1, n
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def _verdict(low: float, high: float, asked: float, *, least: bool) -> str:
    kept, broken = (low >= asked, high < asked) if least else (high <= asked, low > asked)
    return "kept" if kept else "broken" if broken else "not shown"


def _kept(
    name: str, promised: str, found: tuple[float, float, float | None] | None, *, of: int, verdict: str, about: str,
    cases: Sequence[Heard],
) -> Kept:  # fmt: skip
    value, low, high = found or (None, None, None)
    return Kept(
        name=name, promised=promised, found=value, low=low, high=high, of=of, verdict=verdict if promised else "",
        about=about, cases=list(cases[:MOST_CASES]),
    )  # fmt: skip
