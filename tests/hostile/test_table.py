"""Cells and files made to hurt a table: each is refused, or read as what it is, in a moment and within bounds."""

from __future__ import annotations

import csv
import json
import resource
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest

import metier
from metier import lazy
from metier.errors import BadCell, MetierError, UnreadableData
from metier.record import Record
from metier.types import Input

NUMBERS = ["1e400", "-1e400", "9" * 5_000_000, "1" * 399, "0x7fffffff", "1e", "∞", "١٢", "1_0", "--1", "1e1000000000"]
DATES = ["9999-99-99", "0000-00-00", "1e300", "2024-01-01T99:99", "12/13/14", "٢٠٢٤-٠١-٠١", "2024-01-01" * 1000]
NESTED: Any = []
for _ in range(5_000):
    NESTED = [NESTED]


def name(cell: Any) -> str:
    return cell[:12] if isinstance(cell, str) else type(cell).__name__


@pytest.mark.parametrize("cell", [*NUMBERS, NESTED, {"a": 1}, b"\xff\xfe", np.zeros(3)], ids=name)
def test_a_number_that_is_none_or_does_not_fit_is_refused_in_a_moment(cell: Any) -> None:
    started = perf_counter()
    domain = lazy.find("domains", "number", "DOMAIN")
    value, said = None, ""
    try:
        value = domain.read(cell)
    except BadCell as problem:
        said = str(problem)
    assert len(said) < 300
    assert value is None or np.isfinite(np.float32(value))
    assert perf_counter() - started < 1


@pytest.mark.parametrize("cell", [*DATES, NESTED, b"\xff", np.zeros(3)], ids=name)
def test_a_date_that_is_none_is_refused_in_a_moment(cell: Any) -> None:
    started = perf_counter()
    with pytest.raises(BadCell, match="is no date, or may be two"):
        lazy.find("domains", "date", "DOMAIN").read(cell)
    assert perf_counter() - started < 1


@pytest.mark.parametrize("cell", ["x" * 50_000_000, {"a": 1}, NESTED, np.zeros(3)], ids=name)
def test_a_name_that_is_none_is_refused_in_a_moment(cell: Any) -> None:
    with pytest.raises(BadCell, match="Expected a"):
        lazy.find("domains", "category", "DOMAIN").read(cell)


@pytest.mark.parametrize(
    ("kind", "cells"), [("number", NUMBERS), ("date", DATES), ("category", ["x" * 5_000_000, "x" * 201])]
)
def test_none_takes_much_memory_or_a_second(
    told: Callable[..., Any], tmp_path: Path, kind: str, cells: Sequence[str]
) -> None:
    named = {f"{i}.cell": (cell, "") for i, cell in enumerate(cells)}
    found = told(kind, tmp_path, named, "0.cell")
    found.check_memory()
    assert all(error in ("read", "BadCell") and seconds < 1 for error, _, seconds in found.found.values())


def test_a_row_of_a_million_cells_is_refused_by_their_count() -> None:
    record = Record((Input(column="a", domain="number"), Input(column="b", domain="category")))
    started = perf_counter()
    with pytest.raises(BadCell, match="1000000 cells: no row"):
        record.read([1] * 1_000_000)
    with pytest.raises(BadCell, match="not known: "):
        record.read({str(i): i for i in range(100_000)})
    assert perf_counter() - started < 1


def test_many_names_stay_within_bounds() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = [{"name": f"n{i % 90}", "size": i % 7, "label": "ab"[i % 2]} for i in range(1_500)]
    specialist = metier.train(rows, input="name,size", target="label", effort="quick")
    assert specialist.cascade.stages[0].encoder.width < 120
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 256 * 1024


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("nul.csv", b"a,b,label\n1,\0,x\n", "nul.csv: a row cannot be read. Line 2"),
        ("wide.csv", b"a,b,label\n1,2,3,4,5\n", "5 cells where the header has 3"),
        ("nan.jsonl", b'{"a": NaN, "label": "x"}\n', "NaN is no JSON value"),
        ("twice.csv", b"a,a,label\n1,2,x\n", "more than once"),
        ("deep.jsonl", b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", "nested too deeply"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    started = perf_counter()
    with pytest.raises(UnreadableData, match=r"\w+\.(csv|jsonl)") as refused:
        metier.train(tmp_path / name, target="label", effort="quick")
    assert said in str(refused.value)
    assert perf_counter() - started < 1


def test_numbers_among_which_one_is_none_are_refused_with_its_row(tmp_path: Path) -> None:
    path = tmp_path / "ages.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["age", "size", "label"])
        writer.writerows([[i, i * 2, "ab"[i % 2]] for i in range(50)] + [["1e400", 3, "a"], ["old", 3, "b"]])
    with pytest.raises(
        MetierError, match=r"ages.csv: 2 of 52 rows.*row 51: column 'age': '1e400' is too large"
    ) as refused:
        metier.train(path, target="label", effort="quick")
    assert "row 52: column 'age': 'old' is no number" in str(refused.value)


def test_a_changed_plan_of_columns_is_damage(tmp_path: Path) -> None:
    rows = [{"size": i, "kind": "ab"[i % 2], "label": "xy"[i % 2]} for i in range(40)]
    metier.train(rows, input="size,kind", target="label", effort="quick", output=tmp_path / "table")
    said = json.loads((tmp_path / "table" / "specialist.json").read_text())
    assert [one["domain"] for one in said["inputs"]] == ["number", "category"]
    (tmp_path / "table" / "arrays.safetensors").write_bytes(b"\x08" + b"\0" * 7 + b"{}      ")
    with pytest.raises(MetierError, match=r"arrays\.safetensors"):
        metier.load(tmp_path / "table")
