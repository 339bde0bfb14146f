from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import metier
from metier.data.read import read, stream
from metier.data.series import moments
from metier.domains.series import DOMAIN, LARGEST
from metier.errors import BadCell, UnreadableData

HEAD = "@problemName Made\n@timeStamps false\n@univariate {univariate}\n@classLabel true a b\n@data\n"


@pytest.mark.parametrize(
    "cell",
    [
        "1, 2.5, 3, -4e1",
        "1;2.5;3;-4e1",
        "1 2.5 3 -40",
        "[1, 2.5, 3, -40]",
        [1, 2.5, 3, -40],
        (1, 2.5, 3, -40),
        np.array([1, 2.5, 3, -40]),
        np.array([[1, 2.5, 3, -40]], np.float32),
        b"1,2.5,3,-40",
        [[1, 2.5, 3, -40]],
    ],
)
def test_a_series_may_be_written_in_many_ways(cell: Any) -> None:
    value = DOMAIN.read(cell)
    assert value.dtype == np.float32
    assert value.tolist() == [[1, 2.5, 3, -40]]


def test_channels_are_lists_or_have_colons_between() -> None:
    for cell in ("1,2,3,4:5,6,7,8", "[[1,2,3,4],[5,6,7,8]]", [[1, 2, 3, 4], [5, 6, 7, 8]]):
        assert DOMAIN.read(cell).tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]


def test_gaps_are_filled_in_proportion_and_held_at_the_ends() -> None:
    assert DOMAIN.read("?,1,NaN,,4,5,6").tolist() == [[1, 1, 2, 3, 4, 5, 6]]
    assert DOMAIN.read([1, None, 3, float("nan")]).tolist() == [[1, 2, 3, 3]]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (None, "nothing is no series"),
        ("", "has nothing to read"),
        ("1,2,3", "3 steps are no series"),
        ("1,2,three,4", "'three' at step 3 is no number"),
        ("1,2,?,?,?", "channel 1 lacks 3 of 5 values"),
        ("1,2,3,1e400", "inf at step 4 of channel 1 is too large"),
        ("1,2,3,-1e30", "too large to reckon with"),
        ("1,2,3,4:1,2,3,4,5", "channels of 4 to 5 steps"),
        ("[1,2,[3],4]", "a list at step 3 is no number"),
        ("[1,2", "is no JSON list"),
        ("[" * 100_000, "is no JSON list"),
        ([1, 2, True, 4], "True at step 3 is no number"),
        ([1, 2, 10**400, 4], "too large"),
        ([[1, 2, 3, 4], 5], "5 among lists is no channel"),
        ([], "0 steps are no series"),
        (np.zeros((2, 2, 2)), "an array of shape"),
        (np.zeros((300, 4)), "300 channels"),
        ([[0.0] * 4] * 300, "300 channels"),
        (np.zeros((1, 1_000_001)), "1,000,001 numbers are too many"),
        (":" * 1000, "1,001 channels"),
        (1.5, "1.5 is no series"),
        (Path("none.csv"), "none.csv: No such file"),
        (Path("none.npy"), "the ending '.npy' is no series"),
    ],
)
def test_what_is_no_series_says_why(cell: Any, message: str) -> None:
    with pytest.raises(BadCell, match=message.replace("[", r"\[")):
        DOMAIN.read(cell)


numbers = st.one_of(st.none(), st.booleans(), st.integers(), st.floats())


@given(
    st.one_of(
        st.text(), st.text("0123456789,.:e-?[] "), st.binary(), numbers, st.lists(numbers), st.lists(st.lists(numbers))
    )
)
def test_any_cell_becomes_finite_numbers_or_is_refused(cell: Any) -> None:
    try:
        value = DOMAIN.read(cell)
    except BadCell:
        return
    assert value.ndim == 2
    assert np.abs(value).max() <= LARGEST * 1.01


def test_files_hold_a_line_for_each_step(tmp_path: Path) -> None:
    file = tmp_path / "one.csv"
    file.write_text("x,y\n1,5\n2,6\n3,\n4,8\n", encoding="utf-8")
    assert DOMAIN.read(file).tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    file.write_text("1,2,3,4\n", encoding="utf-8")
    assert DOMAIN.read(file).tolist() == [[1, 2, 3, 4]]
    file.write_text("1,2\n3\n", encoding="utf-8")
    with pytest.raises(BadCell, match=r"one\.csv: lines of 1 to 2 numbers"):
        DOMAIN.read(file)


def test_single_numbers_and_words_do_not_look_like_series() -> None:
    assert (
        DOMAIN.likely(["1", "2.5", "1,5", "where is it", "3 of 4, or 5", 7, None, "2024-01-01", "2024-01-01 10:00:00"])
        == 0
    )
    assert DOMAIN.likely(["1,2,3,4", [1, 2, 3], np.zeros(9)]) == 1


def test_the_parts_are_eighths_of_the_time_and_channels() -> None:
    value = DOMAIN.read([list(range(16)), [0.0, 2.0] * 8])
    parts = dict(DOMAIN.parts(value))
    assert len(parts) == 10
    assert np.allclose(parts["steps 4 to 5"][0], value[0])  # a straight line stays what it is
    assert not np.allclose(parts["steps 4 to 5"][1], value[1])
    assert (parts["channel 2"][1] == 1).all()


def test_ts_files_are_tables(tmp_path: Path) -> None:
    file = tmp_path / "made.ts"
    file.write_text("# told\n" + HEAD.format(univariate="false") + "1,2:3,4:a\n\n5,6:7,?:b\n", encoding="utf-8")
    table = read(file)
    assert table.columns == {"series": ["1,2:3,4", "5,6:7,?"], "label": ["a", "b"]}
    assert [len(part) for part in stream(file, batch_rows=1)] == [1, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3\n", "stands above @data"),
        ("@problemName x\n", "there is no line @data"),
        (HEAD.format(univariate="true"), "not one row below @data"),
        (HEAD.format(univariate="true") + "1,2,3\n", "no label after a colon"),
        (HEAD.format(univariate="true") + "1,2:3,4:a\n", "2 channels. Expected the 1"),
        (HEAD.format(univariate="true").replace("Stamps false", "Stamps true") + "(0,1):a\n", "its values carry times"),
    ],
)
def test_ts_files_that_are_none_say_why(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "made.ts"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableData, match=message):
        read(file)


def test_a_wide_csv_is_gathered_where_its_header_names_moments(tmp_path: Path) -> None:
    file = tmp_path / "wide.csv"
    file.write_text(
        ",".join(f"t{i}" for i in range(8)) + ",label\n1,2,3,4,5,6,7,8,a\n1,2,,4,5,,,,b\n", encoding="utf-8"
    )
    assert read(file).columns == {"series": ["1,2,3,4,5,6,7,8", "1,2,?,4,5"], "label": ["a", "b"]}


def test_only_names_that_say_so_are_moments() -> None:
    assert list(moments([f"x_t{i}" for i in range(1, 9)] + [f"y_t{i}" for i in range(1, 9)])) == ["x", "y"]
    assert list(moments([*map(str, range(9)), "label"])) == [""]
    for names in (
        [f"feature_{i}" for i in range(30)],
        ["t0", "t1", "label"],
        [f"t{i}" for i in (0, 2, 3, 4, 5, 6, 7, 8)],
    ):
        assert moments(names) == {}


def test_a_long_csv_is_gathered_by_series_and_time(tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    rows = [("p", t, t * 2, 9 - t, "up") for t in (0, 2, 1, 10)] + [("q", t, -t, t * t, "down") for t in range(3)]
    text = "\n".join(",".join(map(str, row)) for row in rows)
    file.write_text("series_id,time,x,y,label\n" + text + "\n", encoding="utf-8")
    assert read(file).columns == {
        "series": ["0,2,4,20:9,8,7,-1", "0,-1,-2:0,1,4"],
        "series_id": ["p", "q"],
        "label": ["up", "down"],
    }
    file.write_text("series_id,time,x\np,0,1\nq,0,1\np,1,1\n", encoding="utf-8")
    with pytest.raises(UnreadableData, match="other series stand between its rows"):
        read(file)


def test_a_specialist_learns_a_ts_file_is_saved_and_decides_the_same(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    rows = []
    for i in range(24):
        clock = np.arange(int(draw.integers(20, 30)))
        values = np.sin(clock / (1 + i % 2) + draw.uniform(0, 6)) + 0.1 * draw.normal(size=len(clock))
        rows.append(",".join(f"{value:.3f}" for value in values) + (":fast" if i % 2 == 0 else ":slow"))
    file = tmp_path / "made.ts"
    file.write_text(HEAD.format(univariate="true") + "\n".join(rows), encoding="utf-8")
    specialist = metier.train(str(file))
    assert specialist.domain.name == "series"
    specialist.save(tmp_path / "waves")
    cells = [row.rsplit(":", 1)[0] for row in rows]
    decisions = metier.load(tmp_path / "waves").predict([*cells, "1,2,3,4:1,2,3,4", "1,2,x,4"])
    assert [d.candidates[0].label for d in decisions[:-2]] == [row.rsplit(":", 1)[1] for row in rows]
    assert decisions[-1].reason == "bad_input"
    assert decisions[-2].error is not None
    assert "a series of 2 channels, and 1 were learnt" in decisions[-2].error
    assert json.dumps(decisions[0].json())
