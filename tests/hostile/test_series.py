"""Series that would fill the memory or hold a worker: each refused within a second, by name and by limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from metier.data.read import read
from metier.errors import UnreadableData

BROKEN: dict[str, tuple[bytes, str]] = {
    "million-lines.csv": (b"1\n" * 1_000_001, "are too many"),
    "one-line.csv": (b"1," * 1_000_001 + b"1", "are too many"),
    "large.txt": (b"0.123456789012345678901234," * 1_000_000, "bytes are too many"),
    "channels.csv": ((b",".join([b"1"] * 300) + b"\n") * 10, "300 channels"),
    "deep.txt": (b"[" * 1_000_000, "is no JSON list"),
    "ragged.csv": (b"1,2,3\n1,2\n1,2,3\n", "lines of 2 to 3 numbers"),
    "endless.csv": (b"1,2,3,1e400", "too large"),
    "nan.csv": (b"nan,nan,nan,nan,nan", "lacks 5 of 5"),
    "picture.csv": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100, "is no text"),
    "zeros.csv": (b"\0" * 1_000_000, "is no number"),
    "empty.csv": (b"", "nothing to read"),
    "digits.txt": (b"9" * 1_000_000, "steps are no series"),
}


@pytest.fixture(scope="module")
def found(told: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    return told("series", tmp_path_factory.mktemp("series"), BROKEN, "empty.csv")


@pytest.mark.parametrize("name", BROKEN)
def test_each_is_refused_at_once_by_name_and_limit(found: Any, name: str) -> None:
    found.check(name, BROKEN[name][1])


def test_none_takes_much_memory(found: Any) -> None:
    found.check_memory()


def test_a_ts_file_of_one_endless_line_or_none_ends(tmp_path: Path) -> None:
    file = tmp_path / "endless.ts"
    file.write_bytes(b"@problemName x\n" + b"#" * 10_000_000)
    started = time.process_time()
    with pytest.raises(UnreadableData, match=r"endless\.ts: there is no line @data"):
        read(file)
    assert time.process_time() - started < 1
