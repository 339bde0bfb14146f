"""Files out of cells: where they come from, what names them, and that a table's names become paths."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from metier.data.media import RawFile, located, opened
from metier.data.read import read
from metier.errors import BadCell
from metier.types import Packed, Table

BYTES = b"RIFF\x04\0\0\0WAVE"


def test_a_file_comes_from_a_path_from_bytes_from_base64_or_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(BYTES)
    text = base64.b64encode(BYTES).decode()
    cells = [path, BYTES, text, f"data:audio/wav;base64,{text}", Packed(path="low/a.wav", data=BYTES)]
    found = [opened(cell, most_bytes=100, kind="a sound", endings=(".wav",)) for cell in cells]
    assert {file.data for file in found} == {BYTES}
    assert [file.name for file in found] == [
        str(path), "12 bytes", "base64 of 16 characters", "base64 of 38 characters", "low/a.wav",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (None, "nothing is not a sound"),
        ("", "str '' is not a sound"),
        (5, "int '5' is not a sound"),
        ("a.wav", "'a.wav' is not a sound. Expected base64 or a data URL in a text; a file is given as a Path in"),
        (Path("none.wav"), "none.wav: there is no such file"),
        (bytes(101), "101 bytes: 101 bytes are too many for a sound. Expected at most 100"),
        ("A" * 1000, "bytes are too many for a sound. Expected at most 100"),
    ],
)
def test_what_is_no_file_is_refused(cell: object, said: str) -> None:
    with pytest.raises(BadCell, match="Expected") as raised:
        opened(cell, most_bytes=100, kind="a sound", endings=(".wav",))
    assert said in str(raised.value)


def test_names_in_a_table_begin_where_the_table_lies(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("file,label\na/1.wav,x\n/b/2.wav,y\n", encoding="utf-8")
    table = read(tmp_path / "list.csv")
    assert table.folder == tmp_path
    assert table.take([0]).folder == tmp_path
    assert located(table, "file").columns["file"] == [tmp_path / "a/1.wav", Path("/b/2.wav")]


def test_what_is_no_name_stays_as_it_is() -> None:
    cells = ["data:audio/wav;base64,UklGRg==", "UklGRgQAAABXQVZF", BYTES, None]
    assert located(Table(columns={"x": cells}), "x").columns["x"] == cells


def test_cells_are_known_by_ending_by_first_bytes_and_by_type() -> None:
    from metier.domains.audio import ENDINGS, SIGNS

    yes = [Path("a.WAV"), "folder/b.flac", BYTES, "data:audio/ogg;base64,xx", base64.b64encode(BYTES * 4).decode()]
    no = [
        Path("a.png"),
        "where is my card?",
        b"hello",
        "data:image/png;base64,xx",
        5,
        "aaaa bbbb cccc dddd",
        "A shop billed me twice 😠",
    ]
    for cells, expected in ((yes, True), (no, False)):
        assert [RawFile.looks_like(cell, ENDINGS, SIGNS, "audio/") for cell in cells] == [expected] * len(cells)
