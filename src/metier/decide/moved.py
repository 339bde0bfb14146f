"""Whether a share or a mean has moved between two samples whose rows come in groups, as messages in conversations do.

Rows of a group are alike, so that the groups are counted and not the rows: ten strange messages of one customer are
one strange customer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from metier.types import Interval

FEWEST = 30  # groups, under which nothing is said
Groups = Sequence[Sequence[float]]  # the values of each group


@dataclass(frozen=True, kw_only=True)
class Moved:
    """Means `then` and `now`, their difference with its range, and how likely so much is by chance."""

    then: float
    now: float
    difference: Interval
    p: float


def moved(then: Groups, now: Groups, *, shares: bool, confidence: float = 0.99) -> Moved | None:
    """How the mean of all values moved; None where fewer than FEWEST groups speak for either side.

    `shares`: values are 0 or 1, and each sample is given one more of both, so that none of few is not taken for never.

    Source: the ratio estimator with the variance between clusters (Cochran 1977, "Sampling Techniques", 6.4); for
    shares the two more of Agresti & Caffo 2000.
    """
    before, after = (_filled(one, shares) for one in (then, now))
    if min(len(before), len(after)) - 2 * shares < FEWEST:
        return None
    (was, was_error), (value, error) = _mean(before), _mean(after)
    moved_by, spread = value - was, math.hypot(was_error, error)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p = 2 * (1 - NormalDist().cdf(abs(moved_by) / spread)) if spread else float(moved_by == 0)
    told = Interval(
        value=moved_by,
        low=moved_by - z * spread,
        high=moved_by + z * spread,
        rows=len(before) + len(after) - 4 * shares,
    )
    return Moved(then=_plain(then), now=_plain(now), difference=told, p=p)


def _filled(groups: Groups, shares: bool) -> list[Sequence[float]]:
    some = [one for one in groups if len(one)]
    return [*some, (1.0,), (0.0,)] if shares else some


def _mean(groups: Sequence[Sequence[float]]) -> tuple[float, float]:
    """The mean over all values, and its standard error with groups as what was drawn."""
    sums = np.array([math.fsum(one) for one in groups])
    sizes = np.array([len(one) for one in groups], dtype=np.float64)
    mean, m = sums.sum() / sizes.sum(), len(groups)
    between = ((sums - mean * sizes) ** 2).sum() * m / (m - 1)
    return float(mean), float(np.sqrt(between) / sizes.sum())


def _plain(groups: Groups) -> float:
    return math.fsum(math.fsum(one) for one in groups) / sum(len(one) for one in groups)
