"""Whether messages are what they were: in the last days, against what training held out and the days before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from metier.assistant.judged import Heard
from metier.assistant.learn import Apart
from metier.decide.moved import Groups, moved

RECENT_DAYS = 7
MARGIN = 0.05  # by which a share, or a mean confidence, may move
MOST_CASES = 20
HELD, BEFORE = "what was held out", "the days before"
DECLINED, HANDED, SURE = "messages declined", "messages a person got", "confidence in the intent"


class Drift(msgspec.Struct, kw_only=True):
    """A mean of the last days against what it was: the difference with its range of 99 %, and how likely by chance.

    The verdict is `moved` where the range lies wholly beyond the margin, `as it was` where it lies within, else
    `not shown`.
    """

    name: str
    against: str
    then_of: int
    now_of: int
    then: float | None = None
    now: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    verdict: str = "not shown"
    about: str
    cases: list[Heard] = []


def by_words(one: Heard) -> bool:
    """Whether a person got it for what it says, and not for how the conversation went."""
    return bool(one.handed) and one.handed != "off" and not one.handed[0].isdigit()


# what a message counts for in each mean; those held out are the assistant's own, so what is declined is not compared
MEANS: Mapping[str, Callable[[Heard], float | None]] = {
    DECLINED: lambda one: float(one.declined),
    HANDED: lambda one: float(by_words(one)),
    SURE: lambda one: None if one.declined else one.sure,
}


def drifted(apart: Apart, begun: Sequence[Heard], recent: str, margin: float = MARGIN) -> list[Drift]:
    """Each mean since `recent`, against what was held out in training and against what came before."""
    late, early = ([one for one in begun if (one.at >= recent) == side] for side in (True, False))
    refused, caught = apart.judged() if apart.ours else (0, 0)
    held: Mapping[str, Groups] = {
        DECLINED: _ones(refused, len(apart.ours)),
        HANDED: _ones(apart.handed, len(apart.sure)),
        SURE: [[one] for one in apart.sure],
    }
    found = []
    for name in MEANS:
        now, told = _groups(late, name), _strangers(late, refused, caught, apart) if name == DECLINED else ""
        for against, then in ((HELD, held[name]), (BEFORE, _groups(early, name))):
            found.append(_drift(name, against, then, now, margin, _cases(late, name), told if against == HELD else ""))
    return found


def _ones(hits: int, of: int) -> Groups:
    return [[1.0]] * hits + [[0.0]] * (of - hits)


def _groups(some: Sequence[Heard], name: str) -> Groups:
    """What each conversation says of one mean."""
    found: dict[str, list[float]] = {}
    for one in some:
        if (value := MEANS[name](one)) is not None:
            found.setdefault(one.conversation, []).append(value)
    return list(found.values())


def _cases(late: Sequence[Heard], name: str) -> list[Heard]:
    """The messages that make a share what it is; of a confidence the least sure."""
    if name == SURE:
        return sorted((one for one in late if MEANS[name](one) is not None), key=lambda one: one.sure or 0.0)
    return [one for one in late if MEANS[name](one)]


def _strangers(late: Sequence[Heard], refused: int, caught: int, apart: Apart) -> str:
    """How many messages that are not the assistant's own would be enough for so many to be declined."""
    if not apart.strange or not apart.ours or not late:
        return ""
    own, other = refused / len(apart.ours), caught / len(apart.strange)
    now = sum(one.declined for one in late) / len(late)
    return f" So many are declined where {(now - own) / (other - own):.0%} are not yours." if own < now <= other else ""


def _drift(
    name: str, against: str, then: Groups, now: Groups, margin: float, cases: Sequence[Heard], told: str
) -> Drift:
    of = [sum(len(group) for group in side) for side in (then, now)]
    said = moved(then, now, shares=name != SURE)
    if said is None:
        few = f"{len(then):,} conversations or lines then and {len(now):,} conversations now are too few to tell."
        return Drift(name=name, against=against, then_of=of[0], now_of=of[1], about=few)
    low, high = said.difference.low, said.difference.high
    verdict = "not shown"
    if low > margin or high < -margin:
        verdict = "moved"
    elif -margin <= low and high <= margin:
        verdict = "as it was"
    chance = "p < 0.001" if said.p < 0.001 else f"p = {said.p:.2g}"
    return Drift(
        name=name, against=against, then_of=of[0], now_of=of[1], then=said.then, now=said.now, low=low, high=high,
        p=said.p, verdict=verdict, cases=list(cases[:MOST_CASES]),
        about=f"{said.then:.1%} then, {said.now:.1%} now ({low:+.1%} to {high:+.1%}, {chance}).{told}",
    )  # fmt: skip
