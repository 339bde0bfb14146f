"""A file of predictions is there whole or not at all, and reads back as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from metier.data.read import read
from metier.data.write import write
from metier.errors import BadOption, CannotWrite

ROWS = [
    {"text": 'a, "b"\tc\nd 🙂', "label": "x", "probability": "0.5"},
    {"text": "half a pair \ud83d", "label": None, "probability": "1"},
]


@pytest.mark.parametrize("name", ["p.csv", "p.tsv", "p.jsonl", "p.ndjson"])
def test_rows_read_back_as_they_were_written(tmp_path: Path, name: str) -> None:
    assert write(tmp_path / name, ROWS[:1] * 2, list(ROWS[0])) == 2
    assert list(read(tmp_path / name).rows()) == ROWS[:1] * 2
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_half_a_surrogate_pair_does_not_stop_the_run(tmp_path: Path) -> None:
    write(tmp_path / "p.jsonl", ROWS, list(ROWS[0]))
    assert list(read(tmp_path / "p.jsonl").rows()) == ROWS


def test_lists_become_json_in_a_cell_and_gaps_empty_cells(tmp_path: Path) -> None:
    write(tmp_path / "p.csv", [{"a": [{"label": "é"}], "b": None}, {"b": 1.5}], ["a", "b"])
    assert (tmp_path / "p.csv").read_text(encoding="utf-8") == 'a,b\n"[{""label"": ""é""}]",\n,1.5\n'


def test_a_run_that_breaks_off_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text("old")

    def rows() -> Iterator[dict[str, Any]]:
        yield {"a": 1}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(path, rows(), ["a"])
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    write(tmp_path / "link.csv", [{"a": 1}], ["a"])
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == "a\n1\n"


@pytest.mark.skipif(sys.platform == "win32", reason="limits on the size of a file are set in the POSIX way")
def test_a_full_disk_is_explained_and_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys\n"
        "from metier.data.write import write\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "write(sys.argv[1], ({'a': 'x' * 100} for _ in range(10_000)), ['a'])\n"
    )
    source = Path(__file__).resolve().parents[1] / "src"
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "p.csv")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(source)},
    )
    assert "CannotWrite" in run.stderr
    assert "cannot be written (File too large). Nothing half-written was left. Free space" in run.stderr
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_to_is_explained(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match=r"cannot tell what to write. Expected a name that ends in \.csv, \.tsv"):
        write(tmp_path / "p.txt", [], [])
    with pytest.raises(CannotWrite, match=r"No such file or directory.*make the folder"):
        write(tmp_path / "absent" / "p.csv", [], [])
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(CannotWrite, match="this is no plain file"):
        write(tmp_path / "folder.csv", [], [])


def test_an_error_of_the_rows_is_not_taken_for_one_of_the_disk(tmp_path: Path) -> None:
    def rows() -> Iterator[dict[str, Any]]:
        yield {"a": 1}
        raise FileNotFoundError("the input went away")

    with pytest.raises(FileNotFoundError, match="the input went away"):
        write(tmp_path / "p.csv", rows(), ["a"])
    assert not list(tmp_path.iterdir())
