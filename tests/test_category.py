"""A name is read as it is, whatever kind of cell holds it; names that repeat make a category of a column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metier.domains.category import DOMAIN, LONGEST
from metier.errors import BadCell


@pytest.mark.parametrize(
    ("cell", "name"),
    [("red", "red"), ("  dark red ", "dark red"), (1, "1"), (1.0, "1"), ("1", "1"), (0.5, "0.5"), (True, "True"),
     (np.bool_(True), "True"), (b"blue", "blue"), (np.int64(3), "3"), ("unknown", "unknown")],
)  # fmt: skip
def test_a_name_is_read_as_it_is(cell: Any, name: str) -> None:
    assert DOMAIN.read(cell) == name


@pytest.mark.parametrize("cell", [None, "", "  ", float("nan")])
def test_a_gap_is_a_value(cell: Any) -> None:
    assert DOMAIN.read(cell) is None


def test_what_is_no_name_says_why() -> None:
    with pytest.raises(BadCell, match="a value of the type list is no name"):
        DOMAIN.read(["red"])
    with pytest.raises(BadCell, match=f"Expected a name of at most {LONGEST}"):
        DOMAIN.read("x" * 500)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(), st.binary(), st.floats(), st.integers(), st.none(), st.dictionaries(st.text(), st.text())))
def test_any_cell_is_a_name_a_gap_or_refused(cell: Any) -> None:
    try:
        value = DOMAIN.read(cell)
    except BadCell:
        return
    assert value is None or (isinstance(value, str) and value and DOMAIN.read(value) == value)


def test_names_repeat_and_numbers_and_sentences_are_none() -> None:
    assert DOMAIN.likely(["a", "b", "a", "b", None, ""]) == 1
    assert DOMAIN.likely(["a", "b", "c"]) == 0, "nothing repeats"
    assert DOMAIN.likely(["1", "2", "1", "2"]) == 0, "numbers are measured"
    assert DOMAIN.likely(["where is the card you sent me"] * 4) == 0
