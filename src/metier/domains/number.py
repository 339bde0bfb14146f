"""Numbers: an age, a price, a reading; a gap is a value of its own.

A cell is a number, or text that is one. Knows nothing of what a number measures, nor of the columns beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier.domains.base import shown
from metier.encoders.base import Encoder
from metier.errors import BadCell
from metier.types import Effort, Table

GAPS = frozenset({"", "?", "-", "na", "n/a", "nan", "null", "none"})  # how files write a number that is not there
LONGEST = 400  # characters; no number a person or a program writes is longer


class Number:
    """The domain of quantities."""

    name = "number"
    tabular = True
    needs: tuple[str, ...] = ()
    sample = Table(
        columns={
            "input": ["1.2", "0.7", 1.9, "2.4", "31", "27.5", 44, "3.6e1"],
            "target": ["low"] * 4 + ["high"] * 4,
        },
        source="the sample of the domain 'number'",
    )

    def likely(self, cells: Sequence[Any]) -> float:
        """The share of cells that are numbers, of those that are no gap."""
        seen = [cell for cell in cells if not _is_gap(cell)]
        return sum(_number(cell) is not None for cell in seen) / max(len(seen), 1)

    def read(self, cell: Any) -> float | None:
        """The number in a cell; None for a gap.

        Raises: BadCell where there is something that is no number, or one too large to compute with.
        """
        kind = type(cell)
        if kind is str and "_" not in cell and len(cell) < LONGEST:
            try:  # the usual cell of a file, before a look at anything else
                number = float(cell)
            except ValueError:
                number = math.nan
            if -_LARGEST < number < _LARGEST:
                return number
        elif (kind is float or kind is int) and -_LARGEST < cell < _LARGEST:
            return float(cell)
        if _is_gap(cell):
            return None
        found = _number(cell)
        if found is None:
            raise BadCell(
                f"{shown(cell)} is no number. Expected one such as 12, -3.5 or 2e6, with a point and no "
                "separators, or nothing; fix the cell."
            )
        if not math.isfinite(found) or abs(found) > _LARGEST:
            raise BadCell(f"{shown(cell)} is too large. Expected a number up to 3e38; fix the cell.")
        return found

    def group(self, values: Sequence[float | None]) -> NDArray[np.int64] | None:
        """Each row stands alone: equal numbers are no sign of one origin."""
        return None

    def encoders(self, effort: Effort) -> Sequence[Encoder]:
        """A curve of straight pieces; from `standard` on trees behind it."""
        from metier.encoders.columns import stages

        return stages("number", effort)


_LARGEST = 3e38  # of a float32


def _is_gap(cell: Any) -> bool:
    if isinstance(cell, bytes | str):
        return len(cell) < 8 and _text(cell).casefold() in GAPS
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def _number(cell: Any) -> float | None:
    """The number, infinite where it is too large; None for what is none."""
    if isinstance(cell, bytes | str):
        if len(cell) > LONGEST or "_" in (text := _text(cell)):  # Python would take 1_000 for a number
            return None
        cell = text
    elif not isinstance(cell, Real | Decimal | np.bool_):
        return None
    try:
        found = float(cell)
    except OverflowError:
        return math.inf
    except ValueError:
        return None
    return None if math.isnan(found) else found


def _text(cell: bytes | str) -> str:
    return (cell if isinstance(cell, str) else cell.decode("utf-8", "replace")).strip()


DOMAIN = Number()
