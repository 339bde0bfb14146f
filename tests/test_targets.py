"""Targets of one column and of several, and the task that is taken from their cells."""

from __future__ import annotations

from typing import Any

import pytest

from metier.columns import choose
from metier.errors import BadOption, MissingColumn
from metier.targets import target_cells, target_columns, task_of
from metier.types import Table

TEXTS = [f"text number {'abcdefgh'[i % 8]}{i}" for i in range(60)]


def table(**columns: list[Any]) -> Table:
    return Table(columns={"text": TEXTS, **columns}, source="rows.csv")


@pytest.mark.parametrize(
    ("cells", "task"),
    [
        (["a", "b", "c"] * 20, "classify"),
        ([1, 2, 3] * 20, "classify"),
        ([i * 0.5 for i in range(60)], "regress"),
        ([*range(60)], "regress"),
        (["a|b", "a", "b|c"] * 20, "multilabel"),
        ([["a"], ["a", "b"], []] * 20, "multilabel"),
    ],
)
def test_the_cells_tell_what_is_asked(cells: list[Any], task: str) -> None:
    assert task_of(cells, None).name == task
    found = choose(table(target=cells))
    assert (found.task, found.target) == (task, "target")
    assert ("--task says otherwise" in found.said) == (task != "classify")


def test_what_is_asked_for_is_taken() -> None:
    numbers = table(target=[*range(30)] * 2)
    assert choose(numbers).task == "regress"
    asked = choose(numbers, task="classify")
    assert asked.task == "classify"
    assert asked.said.endswith("The task is 'classify' (as asked).")
    with pytest.raises(
        BadOption, match=r"task='sort' is unknown\. Expected one of classify, extract, multilabel, regress, retrieve"
    ):
        choose(numbers, task="sort")


def test_several_columns_are_one_target() -> None:
    rows = table(tall=[0, 1] * 30, old=["", "1"] * 30)
    found = choose(rows, target="tall,old")
    assert (found.input, found.target, found.task) == ("text", "tall,old", "multilabel")
    assert "2 labels, 25% gaps, in 60 rows" in found.said
    assert target_cells(rows, "tall, old")[:2] == [(0, ""), (1, "1")]
    with pytest.raises(MissingColumn, match="no column 'odd'"):
        choose(rows, target="tall,odd")


def test_a_column_may_have_a_comma_in_its_name() -> None:
    assert target_columns(Table(columns={"a,b": [1]}), "a,b") == ["a,b"]
