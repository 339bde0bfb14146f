"""Dates and times: when something was ordered, born, seen; a gap is a value of its own.

A cell is a date or datetime, ISO 8601 text, a few other spellings that can mean one day only, or seconds since 1970.
Knows no time zone but what a cell says; without one it is taken as UTC.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier.domains.base import shown
from metier.encoders.base import Encoder
from metier.errors import BadCell
from metier.types import Effort, Table

EPOCH = datetime(1970, 1, 1)
GAPS = frozenset({"", "?", "-", "na", "n/a", "nan", "nat", "null", "none"})
LONGEST = 40  # characters
FORMATS = (
    *("%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%Y/%m/%d", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S"),
    *("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%Y-%m"),
)
# seconds from 1973 on, or milliseconds: a smaller number is a number, and would be a date of the first years
LEAST_SECONDS, LEAST_MILLISECONDS, MOST_MILLISECONDS = 1e8, 1e11, 1e14
LOOKS_LIKE = re.compile(r"\d{4}-?\d\d-?\d\d|\d{4}[-/]\d|\d\d?\.\d\d?\.\d{4}|\d\d? [A-Za-z]{3}|[A-Z][a-z]{2,8} \d\d?,")


class Date:
    """The domain of days and moments."""

    name = "date"
    tabular = True
    moments = True  # its values say in which order things were
    needs: tuple[str, ...] = ()
    sample = Table(
        columns={
            "input": [
                "2024-01-06", "2024-02-17T10:30:00", "2024-03-09", "2024-04-20 08:15",
                "2024-01-08", "14.02.2024", "2024-03-12", "2024/04/22",
            ],
            "target": ["weekend"] * 4 + ["weekday"] * 4,
        },
        source="the sample of the domain 'date'",
    )  # fmt: skip

    def likely(self, cells: Sequence[Any]) -> float:
        """The share of cells that are dates, of those that are no gap; bare digits are no sign of one."""
        seen = [cell for cell in cells if not _is_gap(cell)]
        return sum(_reads_like_date(cell) for cell in seen) / max(len(seen), 1)

    def read(self, cell: Any) -> float | None:
        """Seconds since 1970; None for a gap.

        Raises: BadCell where there is no date, or one that may be two, such as 03/04/2024.
        """
        if _is_gap(cell):
            return None
        found = _moment(cell)
        if found is None:
            raise BadCell(
                f"{shown(cell)} is no date, or may be two. Expected ISO 8601, such as 2024-03-31 or "
                "2024-03-31T12:00; convert the cell."
            )
        return found

    def group(self, values: Sequence[float | None]) -> NDArray[np.int64] | None:
        """Each row stands alone; that later rows are held out is what `order` is for."""
        return None

    def encoders(self, effort: Effort) -> Sequence[Encoder]:
        """Parts of the calendar, each as a number; from `standard` on trees behind them."""
        from metier.encoders.columns import stages

        return stages("date", effort)


def _is_gap(cell: Any) -> bool:
    if isinstance(cell, bytes | str):
        return len(cell) < 8 and _text(cell).casefold() in GAPS
    if isinstance(cell, np.datetime64):
        return bool(np.isnat(cell))
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def _reads_like_date(cell: Any) -> bool:
    if isinstance(cell, bytes | str):
        text = _text(cell)
        return not text.isdigit() and LOOKS_LIKE.match(text) is not None and _spelled(text) is not None
    return isinstance(cell, date | np.datetime64)


def _moment(cell: Any) -> float | None:
    """Seconds since 1970; None for what is no date."""
    if isinstance(cell, bytes | str):
        cell = _spelled(_text(cell))
    if isinstance(cell, np.datetime64):
        return float(cell.astype("datetime64[us]").astype(np.int64)) / 1e6
    if isinstance(cell, datetime):
        # an hour before the first year there is none
        near_the_end = cell.tzinfo is not None and not 1 < cell.year < 9999
        moment = cell.replace(tzinfo=None) if near_the_end or cell.tzinfo is None else cell.astimezone(UTC)
        return (moment.replace(tzinfo=None) - EPOCH).total_seconds()
    if isinstance(cell, date):
        return (datetime(cell.year, cell.month, cell.day) - EPOCH).total_seconds()
    if isinstance(cell, int | float | np.number) and LEAST_SECONDS <= (number := float(cell)) < MOST_MILLISECONDS:
        return number if number < LEAST_MILLISECONDS else number / 1000
    return None


def _spelled(text: str) -> datetime | float | None:
    if len(text) > LONGEST or not text.isascii():
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    for spelling in FORMATS:
        try:
            return datetime.strptime(text, spelling)
        except ValueError:
            continue
    try:
        return float(text) if "_" not in text else None
    except ValueError:
        return None


def _text(cell: bytes | str) -> str:
    return (cell if isinstance(cell, str) else cell.decode("utf-8", "replace")).strip()


DOMAIN = Date()
