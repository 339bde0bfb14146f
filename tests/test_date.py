"""A date is read where it can mean one day only; a gap is a value."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metier.domains.date import DOMAIN
from metier.errors import BadCell

DAY = 86_400.0
MARCH_31 = 19_813 * DAY


@pytest.mark.parametrize(
    "cell",
    [
        "2024-03-31", " 2024-03-31 ", "20240331", "2024-03-31T00:00:00Z", "2024-03-31T02:00:00+02:00", "31.03.2024",
        "2024/03/31", "31 Mar 2024", "March 31, 2024", date(2024, 3, 31), datetime(2024, 3, 31),
        datetime(2024, 3, 31, tzinfo=UTC), datetime(2024, 3, 30, 23, tzinfo=timezone(timedelta(hours=-1))),
        np.datetime64("2024-03-31"), MARCH_31, int(MARCH_31) * 1000, str(int(MARCH_31)), b"2024-03-31",
    ],
)  # fmt: skip
def test_every_spelling_of_one_day_is_that_day(cell: Any) -> None:
    assert DOMAIN.read(cell) == MARCH_31


@pytest.mark.parametrize("cell", [None, "", " ", "NaT", "n/a", float("nan"), np.datetime64("NaT")])
def test_a_gap_is_a_value(cell: Any) -> None:
    assert DOMAIN.read(cell) is None


@pytest.mark.parametrize("cell", ["03/04/2024", "2024-02-30", "yesterday", 5, True, object(), "1" * 100, "31.04.2024"])
def test_what_is_no_date_or_two_is_refused(cell: Any) -> None:
    with pytest.raises(BadCell, match="is no date, or may be two"):
        DOMAIN.read(cell)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=60), st.binary(), st.floats(), st.integers(), st.none(), st.dates(), st.datetimes()))
def test_any_cell_is_a_moment_a_gap_or_refused(cell: Any) -> None:
    try:
        value = DOMAIN.read(cell)
    except BadCell:
        return
    assert value is None or isinstance(value, float)


@settings(max_examples=100, deadline=None)
@given(st.datetimes())
def test_what_is_written_is_what_is_read(moment: datetime) -> None:
    assert DOMAIN.read(moment.isoformat()) == DOMAIN.read(moment)


def test_bare_numbers_are_no_sign_of_a_date() -> None:
    assert DOMAIN.likely(["2024-01-01", None]) == 1
    assert DOMAIN.likely(["20240101", 1.7e9, 5]) == 0
