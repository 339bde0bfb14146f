"""A share among rows of one kind, where people say for a sample which rows are of it, drawn from each stratum apart.

Those that were hit (refused, say) are few, and a sample of all rows holds hardly any of them; so they are drawn for
themselves, and all strata are weighed by how many rows they really hold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from metier.decide.measure import clopper_pearson
from metier.types import Interval


@dataclass(frozen=True, kw_only=True)
class Stratum:
    """How many `rows` there are, how many were `drawn` and looked at, and how many of those are of the kind."""

    rows: int
    drawn: int
    kind: int


def share_hit(hit: Stratum, *rest: Stratum, confidence: float = 0.95) -> Interval | None:
    """Which share of all rows of the kind lies in `hit`, and not in the rest; None where none of the kind was found.

    The range is Clopper and Pearson's where every row was looked at. Else the odds are those of a row to be hit, times
    the ratio of the kind there and in the rest: shares, each with that range, whose distances are joined by squares.
    `rows` of the answer are those of the kind that were looked at.

    Source: Donner & Zou 2012, "Closed-form confidence intervals for functions of the normal mean and standard
    deviation" (MOVER), on the logarithms.
    """
    found = sum(one.kind for one in (hit, *rest))
    if not found:
        return None
    if all(one.drawn == one.rows for one in (hit, *rest)):
        low, high = clopper_pearson(hit.kind, found, confidence)
        return Interval(value=hit.kind / found, low=low, high=high, rows=found)
    size = _part(hit.rows, hit.rows + sum(one.rows for one in rest), confidence)
    inside, outside = _part(hit.kind, hit.drawn, confidence), _together(rest, confidence)
    middle = _odds(size.value) + _log(inside.value) - _log(outside.value)
    down = (_odds(size.value) - _odds(size.low), _log(inside.value) - _log(inside.low))
    up = (_odds(size.high) - _odds(size.value), _log(inside.high) - _log(inside.value))
    low = _share(middle - math.hypot(*down, _log(outside.high) - _log(outside.value)))
    high = _share(middle + math.hypot(*up, _log(outside.value) - _log(outside.low)))
    own, *others = (one.rows * one.kind / one.drawn if one.drawn else 0.0 for one in (hit, *rest))
    value = own / (own + sum(others))
    return Interval(value=value, low=min(low, value), high=max(high, value), rows=found)


def _part(part: int, rows: int, confidence: float) -> Interval:
    """One of the shares: its value is drawn a little towards a half, so that none of none has a logarithm."""
    low, high = clopper_pearson(part, rows, confidence) if rows else (0.0, 1.0)
    return Interval(value=(part + 0.5) / (rows + 1), low=low, high=high, rows=rows)


def _together(rest: Sequence[Stratum], confidence: float) -> Interval:
    """The share of the kind in several strata: each by its part of all rows."""
    rows = sum(one.rows for one in rest)
    if not rows:
        return _part(0, 0, confidence)
    value = small = down = up = 0.0
    for one in rest:
        part, weight = _part(one.kind, one.drawn, confidence), one.rows / rows
        share = one.kind / one.drawn if one.drawn else part.value
        value, small = value + weight * share, small + weight * part.value
        down, up = math.hypot(down, weight * (share - part.low)), math.hypot(up, weight * (part.high - share))
    low, high = max(value - down, 0.0), min(value + up, 1.0)
    return Interval(value=value or small, low=low, high=high, rows=sum(one.drawn for one in rest))


def _log(share: float) -> float:
    return math.log(share) if share > 0 else -math.inf


def _odds(share: float) -> float:
    return _log(share) - _log(1 - share)


def _share(odds: float) -> float:
    """The share that has such odds, by their logarithm."""
    return 1 / (1 + math.exp(-odds)) if odds > 0 else math.exp(odds) / (1 + math.exp(odds))
