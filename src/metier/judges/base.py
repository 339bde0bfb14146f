"""What every judge says in the same way: how rows that are none of a specialist's business fared.

Knows scopes and acceptances; not what was asked of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metier.decide import measure
from metier.evaluation import Promise
from metier.types import Interval, Predicted


@dataclass(frozen=True, kw_only=True)
class Outside:
    """Rows that are none of its business: how many were refused, how many answered all the same."""

    rows: int
    caught: Interval
    answered: Interval
    scope_auroc: float


def outside_rows(seen: NDArray[np.bool_], outside: NDArray[np.bool_], predicted: Predicted) -> Outside | None:
    """The figures about rows outside, held against those in scope that were seen; None where there are none.

    Shapes: seen and outside (n,).
    """
    rows, readable = int(outside.sum()), outside & (predicted.stage > 0)
    if not rows:
        return None
    return Outside(
        rows=rows,
        caught=measure.wilson(int((readable & ~predicted.in_scope).sum()), rows),
        answered=measure.wilson(int((outside & predicted.accepted).sum()), rows),
        scope_auroc=measure.auroc(predicted.scope[seen], predicted.scope[readable]),
    )


def promise_of(error: Interval | None, max_error: float | None) -> Promise:
    """What became of a promise, by the share wrong with its range."""
    if max_error is None:
        return "none"
    if error is None:
        return "untested"
    if error.value <= max_error:
        return "kept"
    return "within chance" if error.low <= max_error else "broken"
