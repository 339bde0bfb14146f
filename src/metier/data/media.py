"""The bytes of a picture, a sound or a clip, from wherever a cell has them: a path, bytes, base64, or an archive.

Decodes nothing, and opens no file because a text names it: only a Path is followed, so that what comes over a network
reads nothing from the disk.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metier.errors import BadCell
from metier.types import Packed, Table

DATA_URL = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*;base64,")
FILE_NAME = re.compile(r"[^\x00-\x1f]{1,1000}\.[A-Za-z][A-Za-z0-9]{0,4}")  # "1,2,3.5" is a series, and names none
SHOWN = 16  # bytes of a file in a message


@dataclass(frozen=True, kw_only=True)
class RawFile:
    """A file as its bytes, and what it is called in a message."""

    name: str
    data: bytes

    def began(self) -> str:
        """How the file begins, for a message."""
        head = self.data[:SHOWN]
        shown = repr(head)[2:-1] if head else ""
        return f"a file of {len(self.data):,} bytes that begins '{shown}'" if head else "an empty file"

    @staticmethod
    def looks_like(cell: Any, endings: Sequence[str], signs: Sequence[re.Pattern[bytes]], type: str) -> bool:
        """Whether a cell names or holds a file of this kind, by its ending or its first bytes."""
        if isinstance(cell, Path | Packed):
            return str(cell).lower().endswith(tuple(endings))
        if isinstance(cell, bytes):
            return any(sign.match(cell) for sign in signs)
        if not isinstance(cell, str):
            return False
        if found := DATA_URL.match(cell[:100]):
            return (found["type"] or "").startswith(type)
        if cell.lower().endswith(tuple(endings)) and len(cell) <= 1000:
            return "\n" not in cell
        try:
            return len(cell) >= SHOWN and any(sign.match(base64.b64decode(cell[:64], validate=True)) for sign in signs)
        except ValueError:  # no base64, or letters that are not ASCII
            return False


def opened(cell: Any, *, most_bytes: int, kind: str, endings: Sequence[str]) -> RawFile:
    """The file a cell stands for, once its size is known to be in bounds.

    Raises: BadCell where there is none, or where it is larger than `most_bytes`.
    """
    if isinstance(cell, Path):
        return _from_disk(cell, most_bytes, kind, endings)
    if isinstance(cell, Packed):
        return _bounded(RawFile(name=cell.path, data=cell.data), most_bytes, kind)
    if isinstance(cell, bytes):
        return _bounded(RawFile(name=f"{len(cell):,} bytes", data=cell), most_bytes, kind)
    if isinstance(cell, str) and cell.strip():
        return _bounded(_from_text(cell.strip(), most_bytes, kind), most_bytes, kind)
    found = "nothing" if cell is None else f"{type(cell).__name__} {str(cell)[:40]!r}"
    raise BadCell(f"{found} is not {kind}. Expected a path, bytes or base64; fix the cell or leave its row out.")


def located(table: Table, column: str) -> Table:
    """The table with the names of files in one column as paths, from the folder the table itself lies in."""
    folder = Path() if table.folder is None else table.folder
    cells = [
        folder / cell
        if isinstance(cell, str) and not DATA_URL.match(cell[:100]) and FILE_NAME.fullmatch(cell)
        else cell
        for cell in table.columns[column]
    ]
    return table.replaced(column, cells)


def _from_disk(path: Path, most_bytes: int, kind: str, endings: Sequence[str]) -> RawFile:
    try:
        if not path.is_file():
            raise BadCell(
                f"{path}: there is no such file. Expected {kind}; check the path, from the folder of the table."
            )
        size = path.stat().st_size
        if size > most_bytes:
            raise BadCell(_too_large(str(path), size, most_bytes, kind))
        return RawFile(name=str(path), data=path.read_bytes())
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise BadCell(f"{path}: {said}. Expected {kind} that can be read ({', '.join(endings)}).") from error


def _from_text(text: str, most_bytes: int, kind: str) -> RawFile:
    found = DATA_URL.match(text[:200])
    name = f"base64 of {len(text):,} characters"
    if len(text) > most_bytes * 4 // 3 + 300:
        raise BadCell(_too_large(name, len(text) * 3 // 4, most_bytes, kind))
    try:
        return RawFile(name=name, data=base64.b64decode(text[found.end() if found else 0 :], validate=True))
    except (binascii.Error, ValueError):
        raise BadCell(
            f"{text[:60]!r} is not {kind}. Expected base64 or a data URL in a text; a file is given as a Path "
            "in Python, and by its name with its ending elsewhere."
        ) from None


def _bounded(raw: RawFile, most_bytes: int, kind: str) -> RawFile:
    if len(raw.data) > most_bytes:
        raise BadCell(_too_large(raw.name, len(raw.data), most_bytes, kind))
    return raw


def _too_large(name: str, size: int, most_bytes: int, kind: str) -> str:
    return f"{name}: {size:,} bytes are too many for {kind}. Expected at most {most_bytes:,}; make it smaller."
