"""Every way in gives the same table, and what cannot be read is kept, named and explained."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.data import lines
from metier.data.read import digest, read, stream
from metier.errors import UnreadableData
from metier.types import Table

COLUMNS = {"text": ["where is my card?", "naïve 🙂 ‏שלום\u200b", 'a, b; c\t"d"\nnext'], "label": ["card", None, "other"]}


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def csv_of(columns: dict[str, list[str | None]], delimiter: str) -> str:
    rows = [list(columns), *zip(*columns.values(), strict=True)]
    cells = [['"' + (cell or "").replace('"', '""') + '"' for cell in row] for row in rows]
    return "".join(delimiter.join(row) + "\r\n" for row in cells)


def json_lines_of(columns: dict[str, list[str | None]]) -> str:
    rows = zip(*columns.values(), strict=True)
    return "".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", csv_of(COLUMNS, ",")),
        ("t.csv", "\ufeff" + csv_of(COLUMNS, ";")),
        ("t.csv", csv_of(COLUMNS, "\t")),
        ("t.csv", csv_of(COLUMNS, "|")),
        ("t.TSV", csv_of(COLUMNS, "\t")),
        ("t.jsonl", json_lines_of(COLUMNS)),
        ("t.ndjson", "\ufeff" + json_lines_of(COLUMNS).replace("\n", "\r\n\r\n")),
        ("t.json", json.dumps([dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)])),
    ],
)
def test_the_same_cells_give_the_same_table_and_digest_from_every_kind_of_file(
    tmp_path: Path, name: str, content: str
) -> None:
    table = read(written(tmp_path / name, content))
    assert table.columns == COLUMNS
    assert table.source == name
    assert digest(table, ["text", "label"]) == digest(Table(columns=COLUMNS), ["text", "label"])


def test_parquet_and_frames_and_plain_python_give_the_same_table(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(COLUMNS)
    frame.write_parquet(tmp_path / "t.parquet")
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]
    for source in (str(tmp_path / "t.parquet"), frame, frame.lazy(), COLUMNS, rows):
        assert read(source).columns == COLUMNS


def test_gaps_of_pandas_become_none_and_numbers_stay_numbers() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"text": ["a", None], "n": [1.5, float("nan")], "k": pandas.array([1, None], dtype="Int64")}
    )
    assert read(frame).columns == {"text": ["a", None], "n": [1.5, None], "k": [1, None]}


def test_parquet_streams_in_batches_with_numbers_and_gaps(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    polars.DataFrame({"n": [float(i) for i in range(10)], "x": [float("nan"), *range(9)]}).write_parquet(
        tmp_path / "t.parquet"
    )
    batches = list(stream(tmp_path / "t.parquet", batch_rows=4))
    assert [(len(batch), batch.first_row) for batch in batches] == [(4, 1), (4, 5), (2, 9)]
    assert batches[0].columns["x"][0] is None
    assert [n for batch in batches for n in batch.columns["n"]] == list(range(10))


def test_pairs_become_input_and_target_and_a_table_is_returned_as_it_is() -> None:
    table = read([("a", "x"), ["b", None]])
    assert table.columns == {"input": ["a", "b"], "target": ["x", None]}
    assert read(table) is table


def test_rows_that_lack_a_name_get_a_gap_also_when_the_name_comes_late(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl", '{"a": 1}\n{"a": 2, "b": [1, {"c": null}]}\n')
    assert read(path).columns == {"a": [1, 2], "b": [None, [1, {"c": None}]]}
    assert [batch.columns for batch in stream(path, batch_rows=1)] == [{"a": [1]}, {"a": [2], "b": [[1, {"c": None}]]}]
    joined = read([{"a": 1}, {"b": 2.5}])
    assert joined.columns == {"a": [1, None], "b": [None, 2.5]}


def test_a_folder_of_labels_is_a_table_of_paths(tmp_path: Path) -> None:
    for name in ("yes/b.txt", "yes/deep/a.txt", "no/c.txt", "no/.hidden", ".git/config"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "README").write_text("no example")
    table = read(tmp_path)
    files = [tmp_path / name for name in ("no/c.txt", "yes/b.txt", "yes/deep/a.txt")]
    assert table.columns == {"file": files, "label": ["no", "yes", "yes"]}
    before = digest(table, ["file", "label"])
    files[0].write_text("changed")
    assert digest(table, ["file", "label"]) != before


def test_blank_lines_are_skipped_but_are_gaps_where_there_is_one_column(tmp_path: Path) -> None:
    assert len(read(written(tmp_path / "a.csv", "\n\na,b\n\n1,2\n\n"))) == 1
    assert read(written(tmp_path / "b.csv", "a\nx\n\ny\n")).columns == {"a": ["x", None, "y"]}


def test_tsv_with_quotes_that_are_mere_characters_is_read(tmp_path: Path) -> None:
    content = 'text\tlabel\n"Hi" she said\tx\n5" disk\ty\n"open\tz\n"also open\tz\n'
    table = read(written(tmp_path / "t.tsv", content))
    assert table.columns["text"] == ['"Hi" she said', '5" disk', '"open', '"also open']


def broken_files() -> Iterator[Any]:
    def case(name: str, content: str | bytes, row: int, cells: dict[str, Any], said: str) -> Any:
        return pytest.param(name, content, row, cells, said, id=said)

    yield case("t.csv", "a,b\n1,2\nx,y,z\n3,4\n", 1, {"a": "x", "b": "y"}, "line 3: 3 cells where the header has 2")
    yield case("t.csv", "a,b\n1,2\nx\n3,4\n", 1, {"a": "x", "b": None}, "line 3: 1 cell where the header has 2")
    yield case("t.csv", b"a,b\n1,2\n\xe9,y\n3,4\n", 1, {"a": "\ufffd", "b": "y"}, "line 3: bytes that are not UTF-8")
    yield case("t.csv", "a,b\n1,2\nx\0,y\n3,4\n", 1, {"a": "x\ufffd", "b": "y"}, "line 3: a NUL character")
    yield case("t.csv", 'a,b\n1,2\n"x,y\n3,4\n', 1, {"a": '"x', "b": "y"}, "line 3: quotes that do not pair")
    yield case("t.csv", 'a,b\n1,2\n"x"y,z\n3,4\n', 1, {"a": '"x"y', "b": "z"}, "line 3: quotes that do not pair")
    ok, last = '{"a": "1", "b": "2"}\n', '{"a": "3", "b": "4"}\n'
    yield case("t.jsonl", ok + '{"a": \n' + last, 1, {"a": None, "b": None}, "line 2: no valid JSON")
    yield case("t.jsonl", ok + '["a"]\n' + last, 1, {"a": None, "b": None}, 'line 2: ["a"] is no object')
    yield case("t.jsonl", ok + '{"a": NaN}\n' + last, 1, {"a": None, "b": None}, "line 2: no valid JSON (NaN is")
    yield case("t.jsonl", ok + '{"a": 1, "a": 2}\n' + last, 1, {"a": None}, "line 2: no valid JSON (a name comes twice")
    yield case("t.jsonl", ok + "[" * 100_000 + "\n" + last, 1, {"a": None}, "line 2: no valid JSON (lists or")
    yield case(
        "t.jsonl",
        ok.encode() + b'{"a": "\xff", "b": 1}\n' + last.encode(),
        1,
        {"a": "\ufffd", "b": 1},
        "line 2: bytes that",
    )


@pytest.mark.parametrize("batch_rows", [1, 100])
@pytest.mark.parametrize(("name", "content", "row", "cells", "said"), list(broken_files()))
def test_a_broken_row_stays_in_its_place_and_the_rows_around_it_are_whole(
    tmp_path: Path, name: str, content: str | bytes, row: int, cells: dict[str, Any], said: str, batch_rows: int
) -> None:
    path = written(tmp_path / name, content)
    batches = list(stream(path, batch_rows=batch_rows))
    rows = [cells for batch in batches for cells in batch.rows()]
    problems = {batch.first_row - 1 + i: text for batch in batches for i, text in batch.problems.items()}
    assert rows[0] == {"a": "1", "b": "2"}
    assert rows[-1] == {"a": "3", "b": "4"}
    assert {name: rows[row][name] for name in cells} == cells
    assert list(problems) == [row]
    assert problems[row].startswith(said)
    with pytest.raises(UnreadableData) as refused:
        read(path)
    assert f"{path}: a row cannot be read. L{said[1:]}" in str(refused.value)
    assert read(path, lenient=True).problems == problems


def test_all_broken_rows_are_counted_and_the_first_are_named(tmp_path: Path) -> None:
    content = "a,b\n" + "1,2\n" * 3 + "x\n" * 8
    expected = "8 of 11 rows cannot be read. Line 5: 1 cell .* Also line 6, 7, 8, 9, 10 and more"
    with pytest.raises(UnreadableData, match=expected):
        read(written(tmp_path / "t.csv", content))


def test_bytes_of_another_encoding_are_told_with_the_command_that_converts_them(tmp_path: Path) -> None:
    path = written(tmp_path / "in.csv", "text,label\ncafé,x\n".encode("latin-1"))
    with pytest.raises(UnreadableData, match=r"Line 2: .*iconv -f latin1 -t utf-8 in\.csv > utf8-in\.csv"):
        read(path)


def test_a_quote_that_is_never_closed_loses_only_its_own_line(tmp_path: Path) -> None:
    content = "text,label\n" + '"open,x\n' + "".join(f"row {i},x\n" for i in range(5000)) + 'a "quoted" word,y\n'
    batches = list(stream(written(tmp_path / "t.csv", content), batch_rows=1000))
    assert sum(map(len, batches)) == 5002
    assert [list(batch.problems) for batch in batches] == [[0], [], [], [], [], []]
    assert batches[-1].columns["text"][-1] == 'a "quoted" word'


def test_quotes_that_never_pair_cost_no_square(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "text,label\n" + 'x,"o\n' * 50_000 + '"open\n' + "y,z\n" * 50_000)
    began = time.process_time()
    batches = list(stream(path))
    assert sum(map(len, batches)) == 100_001
    assert batches[-1].columns["text"][-1] == "y"
    assert sum(len(batch.problems) for batch in batches) == 50_001
    assert time.process_time() - began < 10  # half a second is usual; a square takes minutes


def test_a_cell_may_have_8_mib_and_one_more_is_a_problem_of_its_row(tmp_path: Path) -> None:
    fits = "x" * lines.LONGEST_CELL
    for name, content in (
        ("t.csv", f"a,b\n{fits},1\n{fits}x,2\nlast,3\n"),
        ("t.jsonl", "".join(json.dumps({"a": a, "b": "1"}) + "\n" for a in (fits, fits + "x", "last"))),
    ):
        (batch,) = stream(written(tmp_path / name, content))
        assert batch.columns["a"][0] == fits
        assert batch.columns["a"][2] == "last"
        assert list(batch.problems) == [1]
        assert "8 MiB" in batch.problems[1]


def test_a_line_without_end_is_a_problem_of_its_row_and_not_held_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 1000)
    path = written(tmp_path / "t.csv", "a,b\n1,2\n" + "x" * 5000 + ",y\n3,4\n")
    (batch,) = stream(path)
    assert batch.columns["a"][0] == "1"
    assert batch.columns["a"][2] == "3"
    assert batch.problems == {1: "line 3: a line of more than 0 MiB. Split it"}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", "", "the file is empty. Expected a header"),
        ("t.csv", "\n\n", "the file is empty"),
        ("t.csv", "text,label\n", "there is not one row"),
        ("t.jsonl", "", "there is not one row"),
        ("t.json", "[]", "there is not one row"),
        ("t.json", '{"a": 1}', "a JSON dict. Expected a list of objects"),
        ("t.json", '{"a": 1}\n{"a": 2}', r"one object on each line, end the name in \.jsonl"),
        ("t.json", b'[\n{"a": "\xe9"}]', "line 2 has bytes that are not UTF-8"),
        ("t.json", '[{"a": 1}, 3]', "entry 2 of the list is '3'"),
        ("t.csv", "a,b,a\n1,2,3\n", r"the header has \['a'\] more than once"),
        ("t.csv", ",text,label\n0,a,b\n", r"a column without a name \(number 1\).*to_csv\(index=False\)"),
        ("t.csv", "a,b\n1,2\n".encode("utf-16"), "text in UTF-16. Run: iconv -f utf-16"),
        ("t.csv", gzip.compress(b"a,b\n1,2\n", mtime=0), "compressed. Run: gunzip -c t.csv"),
        ("t.csv", b"PK\x03\x04rest", "a spreadsheet. Save the sheet"),
        ("t.csv", b"caf\xe9,b\n1,2\n", "the header, line 1, has bytes that are not UTF-8"),
        ("t.xlsx", b"PK\x03\x04rest", "the ending '.xlsx' says nothing of how to read it. Expected one of .csv, .tsv"),
        ("t", "a,b\n1,2\n", "the ending '' says nothing"),
    ],
)
def test_a_file_that_is_of_no_use_is_explained(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    path = written(tmp_path / name, content)
    with pytest.raises(UnreadableData, match=said) as refused:
        read(path)
    assert name in str(refused.value)


def test_what_is_not_there_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UnreadableData, match="there is no such file or folder"):
        read(tmp_path / "absent.csv")
    with pytest.raises(UnreadableData, match=r"no file in a subfolder. Expected .*/label/file"):
        read(tmp_path)


def test_a_file_that_is_no_parquet_is_explained(tmp_path: Path) -> None:
    pytest.importorskip("polars")
    with pytest.raises(UnreadableData, match=r"polars cannot read it .* Expected PARQUET"):
        read(written(tmp_path / "t.parquet", "a,b\n1,2\n"))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (3, "A int is no data. Expected a path, a polars or pandas frame"),
        ([], "there is not one row"),
        ({}, "there is not one row"),
        (["a", "b"], "entry 1 of the list is 'a'. Expected dictionaries throughout, or"),
        ([("a", "x"), {"a": 1}], "entry 2 of the list is .*Expected dictionaries throughout, or"),
        ({"a": ["x"], "b": ["y", "z"]}, "not of one length: {'a': 1, 'b': 2}"),
        ({"a": "text"}, "Column 'a' is a str. Expected a list of cells"),
    ],
)
def test_python_values_that_are_no_data_are_explained(source: Any, said: str) -> None:
    with pytest.raises(UnreadableData, match=said):
        read(source)


def test_a_large_file_streams_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    with path.open("w") as file:
        file.write("text,label\n")
        file.writelines(f"row number {i} of a large file,label {i % 7}\n" for i in range(100_000))
    tracemalloc.start()
    rows = sum(len(batch) for batch in stream(path, batch_rows=1000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == 100_000
    assert peak < 5e6


@given(
    st.lists(
        st.tuples(*[st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)] * 2),
        min_size=1,
    )
)
def test_any_text_comes_back_from_csv_and_jsonl(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    columns: dict[str, list[str | None]] = {"a": [a for a, _ in rows], "b": [b for _, b in rows]}
    folder = tmp_path_factory.mktemp("any")
    assert read(written(folder / "t.csv", csv_of(columns, ","))).columns == columns
    assert read(written(folder / "t.jsonl", json_lines_of(columns))).columns == columns


def test_digest_tells_apart_what_joined_text_would_not() -> None:
    tables = [{"a": ["ab"], "b": ["c"]}, {"a": ["a"], "b": ["bc"]}, {"a": ["a"], "b": [None]}, {"a": [1], "b": ["1"]}]
    assert len({digest(read(table), ["a", "b"]) for table in tables}) == 4
