"""Files of sequences to tables: a row a record, its letters in the column `sequence`, and a column for each attribute.

A header is a name and what is said of it, `>P1 label=kinase set=train` or NCBI's `[gene=cydA]`. Knows how such a file
is laid out, and no biology: whether the letters are a sound sequence is their domain's affair.

Source: NCBI, "BLAST topics: FASTA format"; biotrainer's "Data standardization" for attributes in headers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from metier.data.records import Record, tables
from metier.errors import UnreadableData
from metier.types import Table

MOST_RECORD_BYTES = 5_000_000
SEQUENCE, NAME = "sequence", "name"
BRACKETED = re.compile(r"\[(\w[\w.-]*)=([^\]]*)\]")
ATTRIBUTE = re.compile(r"(?:^|\s)(\w[\w.-]*)=(.*?)(?=\s+\w[\w.-]*=|\s*$)")


def sequences(path: Path, batch_rows: int) -> Iterator[Table]:
    """The records of a FASTA file in order, as tables of at most `batch_rows` rows.

    Raises: UnreadableData when the file cannot be read or holds no record.
    """
    nothing = "there is no sequence. Expected letters below a line that begins with '>'."
    yield from tables(path, _records, batch_rows, nothing=nothing)


def _records(path: Path) -> Iterator[Record]:
    header, start, size = "", 1, 0
    letters: list[str] = []
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                line = raw.decode("utf-8", "replace").strip()
                if line.startswith(">"):
                    if header or letters:
                        yield _record(header, letters, start, size)
                    header, letters, start, size = line, [], number, 0
                elif line and not line.startswith(";"):
                    size += len(raw)
                    if size <= MOST_RECORD_BYTES:
                        letters.append(line)
    except OSError as error:
        raise UnreadableData(f"{path}: cannot be read ({error.strerror}). Check who may read it.") from None
    if header or letters:
        yield _record(header, letters, start, size)


def _record(header: str, letters: list[str], start: int, size: int) -> Record:
    problem = None
    if size > MOST_RECORD_BYTES:
        problem = f"a sequence of {size:,} bytes, over the limit of {MOST_RECORD_BYTES:,}. Cut it up."
    elif not letters:
        problem = f"no letters below {header[:40]!r}. Expected a sequence there; leave the record out."
    if problem is not None:
        return Record(cells={SEQUENCE: ""}, problem=f"line {start:,}: {problem}")
    name, _, said = header[1:].strip().partition(" ")
    told = {key: value.strip() for key, value in BRACKETED.findall(said) or ATTRIBUTE.findall(said) if value.strip()}
    return Record(cells={SEQUENCE: "".join(letters), **({NAME: name} if name else {}), **told}, problem=None)
