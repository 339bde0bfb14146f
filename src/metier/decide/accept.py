"""Which answers are given: the rule, and the promise behind it.

Knows confidences, scopes and whether rows were right; not what was asked.

Source: Angelopoulos et al. 2021, "Learn then Test", section 4 (fixed-sequence testing); Clopper and Pearson 1934.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from metier.decide.measure import clopper_pearson
from metier.errors import PromiseNotSupported
from metier.types import Floats, Json

RISK_OF_BREAKING = 0.05  # a promise is kept with 95 % confidence
FIRST, SECOND = 0.9 * RISK_OF_BREAKING, 0.1 * RISK_OF_BREAKING  # how two attempts at it share that risk
CANDIDATES_MISS = 0.05  # the right label is among the candidates of 95 % of rows


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What was promised, and the three thresholds that keep it."""

    false_refusal: float
    max_error: float | None
    scope_threshold: float
    accept_threshold: float
    candidate_threshold: float

    def json(self) -> dict[str, Json]:
        return dict(asdict(self))

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        return cls(**config)


def scope_threshold(familiarity: Floats, false_refusal: float) -> float:
    """The familiarity below which a row is refused, so that this share of training rows would be."""
    if false_refusal <= 0:
        return 0.0
    return float(np.quantile(familiarity, false_refusal, method="higher"))


def candidate_threshold(true_probability: NDArray[np.float32]) -> float:
    """The probability a label needs to be a candidate: a split-conformal set (Sadinle et al. 2019), out of fold."""
    n = len(true_probability)
    rank = math.floor(CANDIDATES_MISS * (n + 1))
    return float(np.sort(true_probability)[rank - 1]) if rank >= 1 else 0.0


def accept_threshold(confidence: NDArray[np.float32], right: NDArray[np.bool_], max_error: float) -> float:
    """The lowest confidence at which answers are wrong at most `max_error` of the time, with 95 % confidence.

    Two sequences are tried and share the risk: from one half of the rows on to all of them, and, only if that one gets
    nowhere, from the fewest rows that could prove anything up to one half. A sequence ends at its first
    failure, so that trying many thresholds costs nothing.

    Shapes: confidence (n,), right (n,), of out-of-fold rows in scope.

    Raises: PromiseNotSupported with the number of rows that could support it.
    """
    order = np.argsort(-confidence, kind="stable")
    wrong = np.cumsum(~right[order], dtype=np.int64)
    half = len(order) // 2
    count = _furthest(wrong, max(half, _least(max_error, FIRST)), len(order), max_error, FIRST)
    count = count or _furthest(wrong, _least(max_error, SECOND), half, max_error, SECOND)
    if count is None:
        raise PromiseNotSupported(_refusal(wrong, max_error))
    return float(confidence[order[count - 1]])


def _least(max_error: float, risk: float) -> int:
    """Rows that suffice when none of them is wrong."""
    return math.ceil(math.log(risk) / math.log1p(-max_error))


def _furthest(wrong: NDArray[np.int64], first: int, last: int, max_error: float, risk: float) -> int | None:
    """How many of the surest rows the promise reaches to, going from `first` to `last`; None if it fails at once."""
    reached = None
    for count in np.unique(np.linspace(first, last, 400).astype(np.int64)) if first <= last else ():
        if not _kept(int(wrong[count - 1]), int(count), max_error, risk):
            break
        reached = int(count)
    return reached


def _kept(wrong: int, rows: int, max_error: float, risk: float) -> bool:
    """Whether the true share wrong is at most `max_error`: the upper end of a two-sided range has half its doubt."""
    return clopper_pearson(wrong, rows, 1 - 2 * risk)[1] <= max_error


def _refusal(wrong: NDArray[np.int64], max_error: float) -> str:
    """Why the promise cannot be given, and how many rows could."""
    n, least = len(wrong), _least(max_error, FIRST)
    found = f"A promise of at most {max_error:.1%} wrong cannot be kept with 95 % confidence by {n:,} rows in scope"
    if n < least:
        return (
            f"{found}: even without a single error it takes {least:,}. Bring at least {least:,} rows, or promise less."
        )
    counts = np.arange(1, n + 1)
    rates = wrong[least - 1 :] / counts[least - 1 :]
    at = int(np.argmin(rates)) + least - 1
    rate = float(wrong[at] / counts[at])
    said = f"{found}: of the surest {at + 1:,} answers {int(wrong[at]):,} were wrong ({rate:.1%})."
    needed = next((m for m in _growing(at + 1) if _kept(round(rate * m), m, max_error, FIRST)), None)
    if needed is None:
        kept = next((e for e in (0.02, 0.03, 0.05, 0.1, 0.2) if e > rate * 1.3), 0.3)
        return f"{said} More rows of this kind would not help. Look at `metier audit`, or promise {kept:.0%}."
    rows = math.ceil(needed * n / (at + 1) / 100) * 100
    return f"{said} About {rows:,} rows could keep it. Bring more, or promise less."


def _growing(start: int) -> list[int]:
    return [int(start * 1.1**step) + 1 for step in range(1, 60)]
