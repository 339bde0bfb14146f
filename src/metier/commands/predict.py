"""`metier predict`: what a specialist says of a few texts, of a file or of lines as they come in.

A file streams through in batches, and every row of it comes out again: one that cannot be read carries its error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from metier.commands.base import console, duration, grid, say, show, show_json, shown
from metier.errors import BadOption, UnreadableData

if TYPE_CHECKING:
    from metier.specialist import Specialist
    from metier.types import Decision, Table

OURS = ("label", "probability", "accepted", "reason", "scope", "candidates", "stage", "microseconds", "error")
CHUNK_BYTES, MOST_LINE_BYTES = 1 << 16, 8 * 2**20
MOST_SHOWN, MOST_CANDIDATES = 200, 3
Row = dict[str, Any]


def predict(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A specialist, as `metier train` wrote it.")],
    asked: Annotated[list[str], typer.Argument(metavar="TEXT… | FILE | -", help="Texts, one table file, or - for lines on standard input.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Answers as .csv, .tsv or .jsonl, with the other columns kept.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON a row.")] = False,
    input: Annotated[str | None, typer.Option(metavar="COLUMN", help="Column of FILE to read, if named otherwise than in training.")] = None,
) -> None:
    """Ask a specialist about texts or whole files."""
    from metier import artifact

    files = [word for word in asked if word == "-" or _is_file(word)]
    if files and len(asked) > 1:
        raise BadOption(f"'{files[0]}' stands beside other words. Expected texts alone, one file, or - alone; ask in turn.")
    if input is not None and (not files or files == ["-"]):
        raise BadOption(f"--input {input}: there is no file to look for the column in. Leave the option out.")
    if output is not None and as_json and output.suffix.lower() not in (".jsonl", ".ndjson"):
        raise BadOption(f"--json -o {output}: JSON goes to a file that ends in .jsonl. Rename it, or leave out --json.")
    specialist = artifact.load(folder)
    column = input or specialist.input_column
    if not files and output is None and not as_json:
        _show(asked, [specialist.predict([text])[0] for text in asked])
    elif not files:
        _write(_decided(specialist, iter([_table(column, asked)]), column), [column], output, as_json)
    elif files == ["-"]:
        _write(_decided(specialist, _lines(column), column), [column], output, as_json)
    else:
        names = [] if as_json else _names(files[0])
        _write(_decided(specialist, _batches(files[0]), column), names, output, as_json)


def _is_file(word: str) -> bool:
    """Whether a word means a table: by its ending, and because it is there or could be nothing else."""
    from metier.data.read import ENDINGS

    known = Path(word[-100:]).suffix.lower() in ENDINGS
    return known and (os.path.isfile(word) or not any(letter.isspace() for letter in word))


def _batches(path: str) -> Iterator[Table]:
    from metier.data.read import stream

    return stream(path)


def _names(path: str) -> list[str]:
    """The names of a file's columns, all of them: a line of JSON may bring one that no line before it had."""
    batches = _batches(path)
    whole = batches if Path(path).suffix.lower() in (".jsonl", ".ndjson") else [next(batches)]
    return list(dict.fromkeys(name for batch in whole for name in batch.columns))


def _table(column: str, cells: Sequence[Any]) -> Table:
    from metier.types import Table

    return Table(columns={column: cells})


def _lines(column: str) -> Iterator[Table]:
    """Lines of standard input as soon as they are there, so that one who asks line by line is answered so."""
    rest, number = b"", 0
    while chunk := sys.stdin.buffer.read1(CHUNK_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MOST_LINE_BYTES:
            raise UnreadableData(f"standard input: line {number + len(lines) + 1} is longer than 8 MiB. Cut it up.")
        if lines:
            yield _table(column, [line.removesuffix(b"\r") for line in lines])
            number += len(lines)
    if rest:
        yield _table(column, [rest])


def _decided(specialist: Specialist, batches: Iterator[Table], column: str) -> Iterator[tuple[Row, Decision]]:
    for batch in batches:
        # a row that could not be parsed is not read in part: as a gap it becomes an abstention, and gets its reason
        cells = [None if i in batch.problems else cell for i, cell in enumerate(_cells(batch, column))]
        for i, (row, decision) in enumerate(zip(batch.rows(), specialist.predict(cells), strict=True)):
            own = {name: cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell for name, cell in row.items()}
            yield own, replace(decision, error=batch.problems[i]) if i in batch.problems else decision


def _cells(batch: Table, column: str) -> Sequence[Any]:
    from metier.columns import require

    if column not in batch.columns and len(batch.problems) == len(batch):
        return [None] * len(batch)
    if column not in batch.columns and len(batch.columns) == 1:
        return next(iter(batch.columns.values()))
    require(batch, column, "--input")
    return batch.columns[column]


def _write(rows: Iterator[tuple[Row, Decision]], names: Sequence[str], output: Path | None, as_json: bool) -> None:
    """Rows to a file or to standard output; to a file with a count of what became of them."""
    from metier.data.write import starter, write

    ours = {name: f"metier_{name}" if name in names else name for name in OURS}
    taken = [f"'{name}' is {new}" for name, new in ours.items() if new != name]
    if taken and output is not None:
        say(f"The file has columns of our names already, so ours are called otherwise: {', '.join(taken)}.")
    if as_json:
        flat = ({"input": row, **decision.json()} for row, decision in rows)
    else:
        flat = ({**row, **{ours[name]: value for name, value in decision.json().items()}} for row, decision in rows)
    columns = [*names, *ours.values()]
    if output is not None:
        with _counting(flat) as (counted, counts):
            write(output, counted, columns)
        said = ", ".join(f"{count:,} {reason}" for reason, count in counts.items())
        say(f"{sum(counts.values()):,} rows to {output}: {said}.")
    elif as_json:
        for line in flat:
            show_json(line)
            sys.stdout.flush() if sys.stdin.isatty() else None
    else:
        put = starter(Path(".csv"))(sys.stdout, columns)
        for line in flat:
            put(line)
