"""Files of records, each of several lines, to tables: a row a record, and a column for each name that any of them has.

Knows batches; where a record begins and ends, and what its cells are, is for the reader of its format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from metier.errors import UnreadableData
from metier.types import Table


@dataclass(frozen=True, kw_only=True)
class Record:
    """The cells of one record, or what is wrong with it."""

    cells: dict[str, str]
    problem: str | None


def tables(path: Path, read: Callable[[Path], Iterator[Record]], batch_rows: int, *, nothing: str) -> Iterator[Table]:
    """The records that `read` finds in a file, in order, as tables of at most `batch_rows` rows.

    It is read twice, since a column may begin anywhere. Raises: UnreadableData, saying `nothing`, when it holds no
    record, and whatever `read` raises.
    """
    names = dict.fromkeys(name for record in read(path) for name in record.cells)
    if not names:
        raise UnreadableData(f"{path}: {nothing}")
    records, first_row = read(path), 1
    while batch := list(islice(records, batch_rows)):
        yield Table(
            columns={name: [record.cells.get(name) for record in batch] for name in names},
            source=path.name,
            first_row=first_row,
            problems={i: record.problem for i, record in enumerate(batch) if record.problem},
        )
        first_row += len(batch)
