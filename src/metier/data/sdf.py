"""Files of molecules to tables: a row a molecule, its mol block in the column `molecule`, and a column for each tag.

Knows how such a file is laid out, and no chemistry: whether a block is a sound molecule is its domain's affair.

Source: Dassault Systèmes, "CTfile Formats", the chapter on SDfiles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from metier.data.records import Record, tables
from metier.errors import UnreadableData
from metier.types import Table

MOST_RECORD_BYTES = 1_000_000
MOLECULE, NAME = "molecule", "name"
TAG = re.compile(r">.*?<([^>\r\n]+)>")
END, NEXT = "M  END", "$$$$"


def molecules(path: Path, batch_rows: int) -> Iterator[Table]:
    """The molecules of an .sdf or .mol file in order, as tables of at most `batch_rows` rows.

    Raises: UnreadableData when the file cannot be read or holds no molecule.
    """
    nothing = f"there is no molecule. Expected mol blocks with '{NEXT}' between them."
    yield from tables(path, _records, batch_rows, nothing=nothing)


def _records(path: Path) -> Iterator[Record]:
    lines: list[str] = []
    start = size = 0
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                line = raw.rstrip(b"\r\n").decode("utf-8", "replace")
                if line.startswith(NEXT):
                    yield _record(lines, start + 1, size)
                    lines, start, size = [], number, 0
                    continue
                size += len(raw)
                if size <= MOST_RECORD_BYTES:
                    lines.append(line)
    except OSError as error:
        raise UnreadableData(f"{path}: cannot be read ({error.strerror}). Check who may read it.") from None
    if any(line.strip() for line in lines):
        yield _record(lines, start + 1, size)


def _record(lines: list[str], start: int, size: int) -> Record:
    end = next((i for i, line in enumerate(lines) if line.startswith(END)), None)
    problem = None
    if size > MOST_RECORD_BYTES:
        problem = f"a molecule of {size:,} bytes, over the limit of {MOST_RECORD_BYTES:,}. Leave it out."
    elif end is None:
        problem = f"a molecule without '{END}'. Expected a mol block, its tags and '{NEXT}'. Fix it, or leave it out."
    elif any("�" in line for line in lines):
        problem = "a molecule with bytes that are not UTF-8. Expected UTF-8 text; convert the file first."
    if problem is not None:
        return Record(cells={MOLECULE: ""}, problem=f"line {start:,}: {problem}")
    assert end is not None
    cells = {MOLECULE: "\n".join(lines[: end + 1])}
    if lines[0].strip():
        cells[NAME] = lines[0].strip()
    return Record(cells=cells | _tags(lines[end + 1 :]), problem=None)


def _tags(lines: list[str]) -> dict[str, str]:
    """The data items below a block: a line with the name in <>, the value, a blank line."""
    tags: dict[str, list[str]] = {}
    name: str | None = None
    for line in lines:
        found = TAG.match(line)
        if found and name is None:
            name = found[1].strip()
            tags[name] = []
        elif not line.strip():
            name = None
        elif name is not None:
            tags[name].append(line.strip())
    return {name: "\n".join(value) for name, value in tags.items() if value}
