"""`metier predict`: what a specialist says of a few texts, of a file or of lines as they come in.

A file streams through in batches, and every row of it comes out again: one that cannot be read carries its error.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metier.commands.base import Folder, Renamed, console, duration, grid, say, show, show_json, shown
from metier.errors import BadOption, UnreadableData

if TYPE_CHECKING:
    from metier.specialist import Specialist
    from metier.types import Decision, Table

CHUNK_BYTES, MOST_LINE_BYTES = 1 << 16, 8 * 2**20
MOST_SHOWN, MOST_CANDIDATES = 200, 3
FIGURES_WIDTH = 28  # of the columns beside text and answer, and the space between them
Row = dict[str, Any]


def predict(
    folder: Folder,
    asked: Annotated[
        list[str],
        typer.Argument(
            metavar="TEXT|FILE|-", help="Texts or media files, one table, or - for lines of standard input."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="A .csv, .tsv or .jsonl for the answers; other columns are kept."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON a row.")] = False,
    input: Renamed = None,
) -> None:
    """Ask a specialist about texts, media files or whole tables."""
    from metier import artifact

    files = [word for word in asked if word == "-" or _is_file(word)]
    if files and len(asked) > 1:
        raise BadOption(f"'{files[0]}' stands beside other words. Expected texts, one file, or - alone. Ask in turn.")
    if input is not None and (not files or files == ["-"]):
        raise BadOption(f"--input {input}: there is no file to look for the column in. Leave the option out.")
    if output is not None and as_json and output.suffix.lower() not in (".jsonl", ".ndjson"):
        raise BadOption(f"--json -o {output}: JSON goes to a file that ends in .jsonl. Rename it, or leave out --json.")
    specialist = artifact.load(folder)
    column = input or specialist.input_column
    cells = [Path(word) if _takes_files(specialist) and Path(word).is_file() else word for word in asked]
    if not files and output is None and not as_json:
        _show(asked, [specialist.predict([cell])[0] for cell in cells])
    elif not files:
        _write(
            _decided(specialist, iter([_table(column, cells)]), column), _ours(specialist), [column], output, as_json
        )
    elif files == ["-"]:
        _write(_decided(specialist, _lines(column), column), _ours(specialist), [column], output, as_json)
    else:
        names = [] if as_json else _names(files[0])
        batches = _located(specialist, _batches(files[0]), column)
        _write(_decided(specialist, batches, column), _ours(specialist), names, output, as_json)


def _takes_files(specialist: Specialist) -> bool:
    """Whether the specialist reads files: then a word that names one means it."""
    from metier import lazy

    return bool(getattr(lazy.find("domains", specialist.domain, "DOMAIN"), "files", False))


def _located(specialist: Specialist, batches: Iterator[Table], column: str) -> Iterator[Table]:
    """The batches, with the names of files in their cells as paths where the specialist reads files."""
    from metier.data.media import located

    for batch in batches:
        known = column in batch.columns and _takes_files(specialist)
        yield located(batch, column) if known else batch


def _is_file(word: str) -> bool:
    """Whether a word means a table: by its ending, and because it is there or could be nothing else."""
    from metier.data.read import ENDINGS

    known = Path(word[-100:]).suffix.lower() in ENDINGS
    return known and (not any(letter.isspace() for letter in word) or Path(word).is_file())


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
    stdin: BufferedReader = sys.stdin.buffer  # type: ignore[assignment]
    while chunk := stdin.read1(CHUNK_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MOST_LINE_BYTES:
            raise UnreadableData(f"standard input: line {number + len(lines) + 1} is longer than 8 MiB. Cut it up.")
        if lines:
            yield _table(column, [line.removesuffix(b"\r") for line in lines])
            number += len(lines)
            sys.stdout.flush()  # before waiting for more
    if rest:
        yield _table(column, [rest])


def _decided(specialist: Specialist, batches: Iterator[Table], column: str) -> Iterator[tuple[Row, Decision]]:
    for batch in batches:
        # a row that could not be parsed is not read in part: as a gap it becomes an abstention, and gets its reason
        cells = [None if i in batch.problems else cell for i, cell in enumerate(_cells(batch, column))]
        answers = zip(batch.rows(), specialist.predict(cells), strict=True)
        for i, (row, decision) in enumerate(answers):
            told = replace(decision, error=batch.problems[i]) if i in batch.problems else decision
            yield {name: _own(cell) for name, cell in row.items()}, told


def _cells(batch: Table, column: str) -> Sequence[Any]:
    from metier.columns import require

    if column not in batch.columns and len(batch.problems) == len(batch):
        return [None] * len(batch)
    if column not in batch.columns and len(batch.columns) == 1:
        return next(iter(batch.columns.values()))
    require(batch, column, "--input")
    return batch.columns[column]


def _own(cell: Any) -> Any:
    """A cell of the row itself, as JSON and CSV can have it."""
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    if isinstance(cell, Path):
        return str(cell)
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def _ours(specialist: Specialist) -> list[str]:
    """The names of what its decisions hold."""
    from metier import lazy

    return list(lazy.find("tasks", specialist.task, "TASK").unread("so that the error is among them").json())


def _write(
    rows: Iterator[tuple[Row, Decision]], keys: Sequence[str], names: Sequence[str], output: Path | None, as_json: bool
) -> None:
    """Rows to a file, with a count of what became of them, or to standard output."""
    from metier.data.write import starter, write

    ours = {name: f"metier_{name}" if name in names else name for name in keys}
    taken = [f"'{name}' is '{new}'" for name, new in ours.items() if new != name]
    if taken:
        say(f"The file has columns with names of ours; among the answers {', '.join(taken)}.")
    columns = [*names, *ours.values()]
    if output is not None:
        counts: Counter[str] = Counter()
        with _counted(rows, counts) as counting:
            write(output, (_flat(row, decision, ours, as_json) for row, decision in counting), columns)
        say(f"{counts.total():,} rows in {output}: {', '.join(f'{n:,} {name}' for name, n in counts.most_common())}.")
    elif as_json:
        for row, decision in rows:
            show_json(_flat(row, decision, ours, as_json))
    else:
        put = starter(Path("answers.csv"))(sys.stdout, columns)
        for row, decision in rows:
            put(_flat(row, decision, ours, as_json))


def _flat(row: Row, decision: Decision, ours: Mapping[str, str], as_json: bool) -> Row:
    """The row with the answer: beside it for programs, among its columns for tables."""
    answer = decision.json()
    return {"input": row, **answer} if as_json else {**row, **{ours[name]: value for name, value in answer.items()}}


@contextmanager
def _counted(rows: Iterator[tuple[Row, Decision]], counts: Counter[str]) -> Iterator[Iterator[tuple[Row, Decision]]]:
    """The same rows, counted by what became of them, with a bar of how far it is."""
    error = console(stderr=True)

    def counting() -> Iterator[tuple[Row, Decision]]:
        for row, decision in rows:
            counts[decision.reason or "accepted"] += 1
            yield row, decision

    if not error.is_terminal:
        yield counting()
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.fields[rows]} rows"), TimeElapsedColumn())
    with Progress(*columns, console=error, transient=True) as bars:
        bar = bars.add_task("", total=None, rows="0")

        def shown_too() -> Iterator[tuple[Row, Decision]]:
            for number, pair in enumerate(counting(), 1):
                if number % 1000 == 0:
                    bars.update(bar, rows=f"{number:,}")
                yield pair

        yield shown_too()


def _show(texts: Sequence[str], decisions: Sequence[Decision]) -> None:
    table = grid("Text", "Answer", "Sure", "Stage", "Time", figures=range(2, 5))
    for text, decision in zip(texts, decisions, strict=True):
        sure, time = f"{decision.probability:.1%}", duration(decision.microseconds)
        table.add_row(shown(text, MOST_SHOWN), shown(_answer(decision)), sure, str(decision.stage), time)
    # a label is a name and should not be broken in two: it has its room before the text does
    room = console().width - FIGURES_WIDTH
    table.columns[1].width = min(max(26, *(len(d.words()) for d in decisions)), room - 12)
    table.columns[0].max_width = room - table.columns[1].width
    show(table)


def _answer(decision: Decision) -> str:
    """The label, or why there is none; and what else it may be."""
    if decision.error is not None:
        return f"none, bad input: {decision.error}"
    others = [c for c in decision.candidates if not decision.accepted or c.label != decision.label]
    guesses = ", ".join(f"{c.label} {c.probability:.0%}" for c in others[:MOST_CANDIDATES])
    if decision.accepted:
        return f"{decision.words()}\nor {guesses}" if guesses else decision.words()
    nearest = guesses or decision.words()
    return f"none, {str(decision.reason).replace('_', ' ')}; nearest: {nearest}"
