"""Rows are held out by group, in blocks of time or at random, and what was done is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from metier.data.split import blocks, together
from metier.errors import BadOption, MissingColumn
from metier.parting import parting
from metier.types import Input, Table

AGE = (Input(column="age", domain="number"),)
WITH_DAY = (*AGE, Input(column="day", domain="date"))


def table(**columns: list[Any]) -> Table:
    return Table(columns=columns, source="rows.csv")


def test_blocks_follow_one_another_and_part_neither_moments_nor_groups() -> None:
    moments = np.array([5, 1, 1, 2, 9, 9, 9, 3, 4, 7], float)
    fold = blocks(moments, None, 3)
    order = np.argsort(moments, kind="stable")
    assert (np.diff(fold[order]) >= 0).all()
    assert set(fold.tolist()) == {0, 1, 2}
    for value in (1, 9):
        assert len(set(fold[moments == value].tolist())) == 1
    groups = np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    grouped = blocks(moments, groups, 3)
    assert all(len(set(grouped[groups == group].tolist())) == 1 for group in range(5))


def test_groups_of_two_kinds_keep_together_what_either_does() -> None:
    joined = together(np.array([0, 0, 1, 2, 3]), np.array([5, 6, 6, 7, 8]))
    assert joined is not None
    assert len({*joined[:3].tolist()}) == 1
    assert len({*joined.tolist()}) == 3
    assert together(None, None) is None
    assert together(None, np.array([1])) is not None


def test_a_group_is_never_parted_and_a_gap_stands_alone() -> None:
    parted = parting(table(age=[1] * 6, who=["a", "a", "b", "b", None, None]), AGE, group="who")
    assert parted.said == "Rows with the same 'who' are held out together"
    assert parted.groups is not None
    assert len(set(parted.groups.tolist())) == 4
    fold = parted.folds(np.array([0, 1, 0, 1, 0, 1]), None, 2, 0)
    assert fold[0] == fold[1]
    assert fold[2] == fold[3]


def test_an_order_may_be_numbers_or_dates() -> None:
    for cells in (["3", "1", "2"], ["2024-03-01", "2024-01-01", "2024-02-01"]):
        parted = parting(table(age=[1] * 3, when=cells), AGE, order="when")
        assert parted.folds(np.array([0, 1, 0]), None, 3, 0).tolist() == [2, 0, 1]
        assert parted.said == "Rows are held out in blocks of time by 'when' (as asked)"


def test_the_only_date_among_the_inputs_gives_the_order_unasked() -> None:
    rows = table(age=[1] * 3, day=["2024-03-01", None, "2024-02-01"], who=["a", "b", "c"])
    assert "by 'day' (the only one with moments; another can be named with --order)" in parting(rows, WITH_DAY).said
    assert parting(rows, AGE).said == ""
    assert "day" not in parting(rows, WITH_DAY, group="who").said, "whoever names a group has said how"
    assert parting(table(age=[1, 2], day=["2024-03-01"] * 2), WITH_DAY).said == "", "one day only parts nothing"


def test_what_cannot_part_rows_is_refused() -> None:
    rows = table(age=[1, 2], who=["a", "a"], word=["b", "c"])
    with pytest.raises(MissingColumn, match=r"no column 'whom'. There is 'age', 'who', 'word'. Name it with --group"):
        parting(rows, AGE, group="whom")
    with pytest.raises(BadOption, match="group: column 'who' has one value throughout"):
        parting(rows, AGE, group="who")
    with pytest.raises(BadOption, match="order: row 1 of column 'word'"):
        parting(rows, AGE, order="word")
    with pytest.raises(BadOption, match="order: column 'age' has one value throughout"):
        parting(table(age=[1, 1]), AGE, order="age")


@pytest.mark.parametrize(
    ("cells", "runs"),
    [
        (["b", "a", "c"], True),
        (["a", "b", "c"], False),
        (["9", "10", "11"], False),
        ([3, 2, None, 1], False),
        (["same", "same", "same"], True),
        ([b"2", "1", 3], True),
        ([[1], [0]], True),
    ],
)
def test_rows_are_held_out_in_runs_unless_a_column_gave_them_their_order(cells: list[Any], runs: bool) -> None:
    assert parting(table(age=cells), AGE).runs == runs
