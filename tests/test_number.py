"""A number is read as it is written, a gap is a value, and anything else says what it is."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metier.domains.number import DOMAIN
from metier.errors import BadCell


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        (3, 3.0), (3.5, 3.5), (True, 1.0), ("12", 12.0), (" -3.5 ", -3.5), ("2e6", 2e6), (b"7", 7.0),
        (Decimal("1.5"), 1.5),
        (np.float32(0.5), 0.5), (np.int64(4), 4.0), (np.bool_(False), 0.0), ("+1", 1.0), (10**30, 1e30),
    ],
)  # fmt: skip
def test_a_number_is_read_as_it_is_written(cell: Any, number: float) -> None:
    assert DOMAIN.read(cell) == number
    assert type(DOMAIN.read(cell)) is float


@pytest.mark.parametrize("cell", [None, "", "  ", "?", "NA", "n/a", "NaN", "-", float("nan"), np.float64("nan"), b""])
def test_a_gap_is_a_value(cell: Any) -> None:
    assert DOMAIN.read(cell) is None


@pytest.mark.parametrize(
    "cell", ["twelve", "1,5", "1_000", "0x10", "12 %", [1], object(), "1 2", "9" * 9_999 + "x", 1j]
)
def test_what_is_no_number_says_what_it_is(cell: Any) -> None:
    with pytest.raises(BadCell, match=r"is no number\. Expected one such as 12"):
        DOMAIN.read(cell)


@pytest.mark.parametrize("cell", ["1e400", math.inf, -math.inf, 1e39, 10**400, "inf"])
def test_what_is_too_large_to_compute_with_is_refused(cell: Any) -> None:
    with pytest.raises(BadCell, match="is too large"):
        DOMAIN.read(cell)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(), st.binary(), st.floats(), st.integers(), st.none(), st.lists(st.integers())))
def test_any_cell_is_a_number_a_gap_or_refused(cell: Any) -> None:
    try:
        value = DOMAIN.read(cell)
    except BadCell:
        return
    assert value is None or (isinstance(value, float) and math.isfinite(np.float32(value)))
    assert value is None or DOMAIN.read(value) == value


def test_numbers_are_told_from_names_and_gaps_count_for_neither() -> None:
    assert DOMAIN.likely(["1", 2, None, "?"]) == 1
    assert DOMAIN.likely(["1", "two"]) == 0.5
    assert DOMAIN.likely([None, ""]) == 0
