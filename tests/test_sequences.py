from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from metier.cli import command_line
from metier.data import sequences
from metier.data.read import read, stream
from metier.errors import UnreadableData


def written(tmp_path: Path, text: str, name: str = "some.fasta") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode())
    return path


def test_a_record_is_a_row_and_what_its_header_says_is_columns(tmp_path: Path) -> None:
    said = ">P1 label=a kinase set=train\r\nMKV\r\nLIM\r\n;a remark\n\n>lcl|2 [gene=cydA] [protein=cytochrome d]\nMA\n"
    said += ">\nGG\n"
    assert {name: list(cells) for name, cells in read(written(tmp_path, said)).columns.items()} == {
        "sequence": ["MKVLIM", "MA", "GG"],
        "name": ["P1", "lcl|2", None],
        "label": ["a kinase", None, None],
        "set": ["train", None, None],
        "gene": [None, "cydA", None],
        "protein": [None, "cytochrome d", None],
    }


def test_every_batch_has_every_column(tmp_path: Path) -> None:
    path = written(tmp_path, "".join(f">s{i}{' late=1' * (i == 4)}\nMK\n" for i in range(5)), "some.faa")
    assert [(len(table), table.first_row) for table in stream(path, 2)] == [(2, 1), (2, 3), (1, 5)]
    assert all(sorted(table.columns) == ["late", "name", "sequence"] for table in stream(path, 2))


def test_what_is_no_sequence_stays_in_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequences, "MOST_RECORD_BYTES", 20)
    (table,) = stream(written(tmp_path, ">empty\n>good\nMKV\n>long\n" + "M" * 30 + "\n"))
    assert table.columns["sequence"] == ["", "MKV", ""]
    assert "line 1: no letters below '>empty'" in table.problems[0]
    assert "line 4: a sequence of 31 bytes, over the limit" in table.problems[2]
    with pytest.raises(UnreadableData, match="there is no sequence"):
        read(written(tmp_path, "\n;nothing\n"))


def test_a_file_of_sequences_teaches_and_is_asked(tmp_path: Path) -> None:
    draw = random.Random(0)
    kinds = {"membrane": "AVLIMFW", "soluble": "DEKRNQS"}
    rows = [(f"P{i}", kind, "".join(draw.choices(kinds[kind], k=60))) for i in range(40) for kind in kinds]
    data = written(tmp_path, "".join(f">{name} label={kind}\n{s[:40]}\n{s[40:]}\n" for name, kind, s in rows))
    run = CliRunner().invoke(command_line(), ["train", str(data), "-o", str(tmp_path / "shelf"), "--effort", "quick"])
    assert run.exit_code == 0, run.output
    asked = written(tmp_path, "".join(f">{name}\n{s}\n" for name, _, s in rows[:6]), "asked.fa")
    run = CliRunner().invoke(command_line(), ["predict", str(tmp_path / "shelf"), str(asked)])
    found = list(csv.DictReader(io.StringIO(run.stdout)))
    assert [(one["name"], one["label"]) for one in found] == [(name, kind) for name, kind, _ in rows[:6]]
    assert "sequence" not in found[0]  # its name says which it is
