"""Rows to a CSV, TSV or JSONL file, one by one as they come, that is there whole or not at all.

Knows nothing of what the columns mean.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeAlias

from metier.errors import BadOption, CannotWrite

Line: TypeAlias = Callable[[Mapping[str, Any]], Any]


def write(path: str | Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> int:
    """Write rows to a file by its ending and say how many; a run that is killed leaves the old file, or none.

    In CSV and TSV a gap is an empty cell, and a list or an object is JSON in a cell. JSONL has each row as it is.

    Raises: BadOption for another ending, CannotWrite when the disk is full or the folder is not ours.
    """
    path = Path(path)
    start, count = starter(path), 0
    with replacing(path) as file:
        line = start(file, columns)
        for count, row in enumerate(rows, 1):  # noqa: B007 - the last number is the count
            try:
                line(row)
            except OSError as error:
                raise _cannot(path, error) from error
    return count


def write_text(path: Path, text: str) -> None:
    """Write a text to a file, whole or not at all.

    Raises: CannotWrite.
    """
    with replacing(path) as file, _teaching(path):
        file.write(text)


def starter(path: Path) -> Callable[[IO[str], Sequence[str]], Line]:
    """What begins a file of this ending and gives the function that writes a line of it.

    Raises: BadOption for another ending.
    """
    starters = {".csv": _delimited(","), ".tsv": _delimited("\t"), ".jsonl": _json, ".ndjson": _json}
    if path.suffix.lower() not in starters:
        raise BadOption(f"{path}: cannot tell what to write. Expected a name that ends in {', '.join(starters)}.")
    return starters[path.suffix.lower()]


@contextmanager
def replacing(path: Path) -> Iterator[IO[str]]:
    """A file to write UTF-8 text to, that takes the place of `path` once all went well.

    Raises: CannotWrite.
    """
    path = path.resolve()  # a link stays a link
    part = path.with_name(f".{path.name}.{os.getpid()}.part")  # beside it: only within a disk is replacing one step
    with _teaching(path):
        if path.exists() and not path.is_file():
            raise CannotWrite(f"{path}: this is no plain file. Name a file that is new, or one to replace.")
        # half a surrogate pair is no character: in JSON it is written as it was escaped
        file = part.open("w", encoding="utf-8", errors="backslashreplace", newline="")
    try:
        yield file
        with _teaching(path):
            file.flush()
            os.fsync(file.fileno())
            file.close()
            part.replace(path)
    except BaseException:
        with suppress(OSError):  # what is still unwritten goes with the file
            file.close()
        part.unlink(missing_ok=True)
        raise


@contextmanager
def _teaching(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _cannot(path, error) from error


def _cannot(path: Path, error: OSError) -> CannotWrite:
    return CannotWrite(
        f"{path}: cannot be written ({error.strerror}). Nothing half-written was left. Free space, make the folder, or "
        "name another place."
    )


def _delimited(delimiter: str) -> Callable[[IO[str], Sequence[str]], Line]:
    def start(file: IO[str], columns: Sequence[str]) -> Line:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow(columns)
        return lambda row: writer.writerow([_cell(row.get(column)) for column in columns])

    return start


def _json(file: IO[str], columns: Sequence[str]) -> Line:
    encode = json.JSONEncoder(ensure_ascii=False, default=str).encode
    return lambda row: file.write(encode(dict(row)) + "\n")


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict | tuple) else value
