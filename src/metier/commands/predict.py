"""`metier predict`: what a specialist says of a few texts, of a file or of lines as they come in.

A file streams through in batches, and every row of it comes out again: one that cannot be read carries its error. Where
a specialist reads several columns, a row on the command line is written `age=58 job=technician`, or as a JSON object.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BufferedReader
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metier.commands.base import Folder, Renamed, console, duration, grid, say, show, show_json, shown
from metier.errors import BadOption, UnreadableData

if TYPE_CHECKING:
    from metier.evidence import Evidence
    from metier.forms.base import Learnt
    from metier.types import Decision, Json, Table

CHUNK_BYTES, MOST_LINE_BYTES = 1 << 16, 8 * 2**20
MOST_SHOWN, MOST_CANDIDATES, MOST_PARTS = 200, 3, 3
FIGURES_WIDTH = 28  # of the columns beside text and answer, and the space between them
NARROW, SURE_WIDTH = 60, 10  # columns of a terminal
Row = dict[str, Any]
Cells = Callable[["Table"], Sequence[Any]]  # what there is to read in each row of a batch


@dataclass(frozen=True, kw_only=True)
class Told:
    """A row, what was decided of it, and the evidence where it was asked for."""

    row: Row
    decision: Decision
    evidence: Evidence | None


def predict(
    folder: Folder,
    asked: Annotated[
        list[str],
        typer.Argument(
            metavar="TEXT|FILE|-",
            help="Texts or media files; one table, archive or folder/; or - for lines of standard input. Several "
            "columns: name=value …, or JSON objects.",
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
    evidence: Annotated[
        bool, typer.Option("--evidence", help="What speaks for each answer, at the cost of some predictions more.")
    ] = False,
) -> None:
    """Ask a specialist about texts, rows, media files or whole tables."""
    from metier import artifact

    files = [word for word in asked if word == "-" or _is_file(word)]
    if files and len(asked) > 1:
        raise BadOption(f"'{files[0]}' stands beside other words. Expected texts, one file, or - alone. Ask in turn.")
    if input is not None and (not files or files == ["-"]):
        raise BadOption(f"--input {input}: there is no file to look for the column in. Leave the option out.")
    if output is not None and as_json and output.suffix.lower() not in (".jsonl", ".ndjson"):
        raise BadOption(f"--json -o {output}: JSON goes to a file that ends in .jsonl. Rename it, or leave out --json.")
    specialist = artifact.load(folder)
    columns = list(specialist.columns)
    ours = [*_ours(specialist), *(["evidence"] if evidence else [])]
    own: Cells = _rows if len(columns) > 1 else lambda batch: batch.columns[columns[0]]
    if not files:
        table, shown_as = _words(asked, columns)
        table = _located(table, specialist, columns)  # a word that names a file means it
        if output is None and not as_json:
            told = [_told(specialist, [cell], evidence)[0] for cell in own(table)]
            _show(shown_as, [decision for decision, _ in told], [because for _, because in told])
        else:
            _write(_decided(specialist, iter([table]), own, evidence), ours, list(table.columns), output, as_json)
    elif files == ["-"]:
        lines = _lines(columns[0])
        batches = map(_objects, lines) if len(columns) > 1 else lines
        _write(_decided(specialist, batches, own, evidence), ours, columns, output, as_json)
    else:
        names = [] if as_json else _names(files[0])
        cells = _of_file(specialist, input)
        _write(_begun(_decided(specialist, _batches(files[0]), cells, evidence)), ours, names, output, as_json)


def _located(batch: Table, specialist: Learnt, columns: Sequence[str]) -> Table:
    """The batch, with names of files as paths in the columns whose domain reads files."""
    from metier.record import located
    from metier.types import Input

    inputs = [Input(column=name, domain=one.domain) for name, one in zip(columns, specialist.inputs, strict=True)]
    return located(batch, inputs)


def _is_file(word: str) -> bool:
    """Whether a word means a table, archive or folder/: by its end, and as it is there or could be nothing else."""
    from metier.data.archive import ENDINGS as PACKED
    from metier.data.read import ENDINGS

    if word.endswith("/") and Path(word).is_dir():
        return True
    known = Path(word[-100:]).suffix.lower() in ENDINGS or word.lower().endswith(PACKED)
    return known and (not any(letter.isspace() for letter in word) or Path(word).is_file())


def _batches(path: str) -> Iterator[Table]:
    from metier.data.read import stream

    return stream(path)


def _names(path: str) -> list[str]:
    """The names of a file's columns, all of them: a line of JSON may bring one that no line before it had."""
    batches = _batches(path)
    whole = batches if Path(path).suffix.lower() in (".jsonl", ".ndjson") else [next(batches)]
    names = list(dict.fromkeys(name for batch in whole for name in batch.columns))
    return [name for name in names if "name" not in names or name != _record(path)]  # a record's name says which it is


def _record(path: str) -> str | None:
    """The column of what the file's records are, where it is a file of such."""
    from metier.data.read import ENDINGS, RECORDS

    return RECORDS.get(ENDINGS.get(Path(path).suffix.lower(), ""))


def _words(words: Sequence[str], columns: Sequence[str]) -> tuple[Table, Sequence[str]]:
    """What was asked on the command line as a table, and each row of it as it was asked.

    Raises: BadOption where words are neither texts nor rows.
    """
    if len(columns) == 1:
        return _table({columns[0]: words}), words
    if all(word.lstrip().startswith("{") for word in words):
        return _from_rows([_object(word) for word in words]), words
    pairs = [word.partition("=") for word in words]
    if not all(equals and name.strip() for name, equals, _ in pairs):
        raise BadOption(
            f"'{words[0]}': the specialist reads {len(columns)} columns. Expected name=value for each, a JSON object "
            f"or a file. Its columns: {', '.join(columns)}."
        )
    row = {name.strip(): value or None for name, _, value in pairs}
    return _from_rows([row]), [" ".join(words)]


def _object(text: str) -> Row:
    from metier.data.lines import parse_json

    try:
        row = parse_json(text)
    except ValueError as error:
        raise BadOption(f"'{text[:60]}': no valid JSON ({error}). Expected one object: {{\"name\": value}}.") from None
    assert isinstance(row, dict)  # it began with a brace
    return row


def _objects(batch: Table) -> Table:
    """Lines as the objects that they are; one that is none becomes a problem."""
    from metier.data.lines import parse_json

    rows: list[Row] = []
    problems: dict[int, str] = {}
    for i, line in enumerate(next(iter(batch.columns.values()))):
        found: Json = None
        try:
            found = parse_json(line.decode("utf-8"))
        except ValueError as error:
            problems[i] = f"no valid JSON ({error}). Expected one object on one line"
        if not isinstance(found, dict):
            problems.setdefault(i, "no JSON object. Expected one on one line")
        rows.append(found if isinstance(found, dict) else {})
    return _from_rows(rows, problems)


def _from_rows(rows: Sequence[Row], problems: Mapping[int, str] | None = None) -> Table:
    names = dict.fromkeys(name for row in rows for name in row) or {"line": None}
    return _table({name: [row.get(name) for row in rows] for name in names}, problems)


def _rows(batch: Table) -> Sequence[Row]:
    """Every row with what it has: a name it lacks is a gap, one that nobody knows an error."""
    return [{name: cell for name, cell in row.items() if cell is not None} for row in batch.rows()]


def _table(columns: Mapping[str, Sequence[Any]], problems: Mapping[int, str] | None = None) -> Table:
    from metier.types import Table

    return Table(columns=columns, problems=problems or {})


def _lines(column: str) -> Iterator[Table]:
    """Lines of standard input as soon as they are there, so that one who asks line by line is answered so."""
    rest, number = b"", 0
    stdin: BufferedReader = sys.stdin.buffer  # type: ignore[assignment]
    while chunk := stdin.read1(CHUNK_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MOST_LINE_BYTES:
            raise UnreadableData(f"standard input: line {number + len(lines) + 1} is longer than 8 MiB. Cut it up.")
        if lines:
            yield _table({column: [line.removesuffix(b"\r") for line in lines]})
            number += len(lines)
            sys.stdout.flush()  # before waiting for more
    if rest:
        yield _table({column: [rest]})


def _told(specialist: Learnt, cells: Sequence[Any], evident: bool) -> list[tuple[Decision, Evidence | None]]:
    decisions = specialist.predict(cells)
    if not evident:
        return [(decision, None) for decision in decisions]
    from metier.evidence import evidence

    return list(zip(decisions, evidence(specialist, cells), strict=True))


def _decided(specialist: Learnt, batches: Iterator[Table], cells_of: Cells, evident: bool) -> Iterator[Told]:
    for batch in batches:
        # a row that could not be parsed is not read in part: as nothing it becomes an abstention, and gets its reason
        cells = [_NOTHING if i in batch.problems else cell for i, cell in enumerate(cells_of(batch))]
        answers = zip(batch.rows(), _told(specialist, cells, evident), strict=True)
        for i, (row, (decision, because)) in enumerate(answers):
            known = replace(decision, error=batch.problems[i]) if i in batch.problems else decision
            yield Told(row={name: _own(cell) for name, cell in row.items()}, decision=known, evidence=because)


def _begun(rows: Iterator[Told]) -> Iterator[Told]:
    """The same rows, the first one decided: what is wrong with a file as a whole is said before anything is written."""
    return chain(list(islice(rows, 1)), rows)


_NOTHING = object()  # no cell of any domain


def _of_file(specialist: Learnt, asked: str | None) -> Cells:
    """What takes the columns of the input out of a batch, under the names asked for or those learnt."""
    from metier.columns import require, split_names

    learnt = specialist.columns

    def cells(batch: Table) -> Sequence[Any]:
        names = list(learnt) if asked is None else split_names(asked, batch.columns)
        record = _record(batch.source)
        missing = asked is None and len(names) == 1 and names[0] not in batch.columns
        if missing and record is not None and record in batch.columns:
            return batch.columns[record]
        if len(names) != len(learnt):
            raise BadOption(f"--input {asked}: {len(names)} columns. Expected {len(learnt)}: {', '.join(learnt)}.")
        if len(batch.problems) == len(batch) and not set(names) <= set(batch.columns):
            return [None] * len(batch)
        if len(names) == len(batch.columns) == 1 and names[0] not in batch.columns:
            return next(iter(batch.columns.values()))
        for name in names:
            require(batch, name, "--input")
        found = _located(batch, specialist, names)
        columns = [found.columns[name] for name in names]
        return columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))

    return cells


def _own(cell: Any) -> Any:
    """A cell of the row itself, as JSON and CSV can have it."""
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    if isinstance(cell, Path):
        return str(cell)
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def _ours(specialist: Learnt) -> list[str]:
    """The names of what its decisions hold."""
    from metier import lazy

    return list(lazy.find("tasks", specialist.task, "TASK").unread("so that the error is among them").json())


def _write(rows: Iterator[Told], keys: Sequence[str], names: Sequence[str], output: Path | None, as_json: bool) -> None:
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
            write(output, (_flat(told, ours, as_json) for told in counting), columns)
        say(f"{counts.total():,} rows in {output}: {', '.join(f'{n:,} {name}' for name, n in counts.most_common())}.")
    elif as_json:
        for told in rows:
            show_json(_flat(told, ours, as_json))
    else:
        put = starter(Path("answers.csv"))(sys.stdout, columns)
        for told in rows:
            put(_flat(told, ours, as_json))


def _flat(told: Told, ours: Mapping[str, str], as_json: bool) -> Row:
    """The row with the answer: beside it for programs, among its columns for tables."""
    answer = told.decision.json()
    if told.evidence is not None:
        answer = {**answer, "evidence": told.evidence.json()}
    if as_json:
        return {"input": told.row, **answer}
    return {**told.row, **{ours[name]: value for name, value in answer.items()}}


@contextmanager
def _counted(rows: Iterator[Told], counts: Counter[str]) -> Iterator[Iterator[Told]]:
    """The same rows, counted by what became of them, with a bar of how far it is."""
    error = console(stderr=True)

    def counting() -> Iterator[Told]:
        for told in rows:
            counts[told.decision.reason or "accepted"] += 1
            yield told

    if not error.is_terminal:
        yield counting()
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.fields[rows]} rows"), TimeElapsedColumn())
    with Progress(*columns, console=error, transient=True) as bars:
        bar = bars.add_task("", total=None, rows="0")

        def shown_too() -> Iterator[Told]:
            for number, told in enumerate(counting(), 1):
                if number % 1000 == 0:
                    bars.update(bar, rows=f"{number:,}")
                yield told

        yield shown_too()


def _show(texts: Sequence[str], decisions: Sequence[Decision], because: Sequence[Evidence | None]) -> None:
    narrow = console().width < NARROW  # a label matters more than how long it took
    heads = ("Text", "Answer", "Sure") if narrow else ("Text", "Answer", "Sure", "Stage", "Time")
    table = grid(*heads, figures=range(2, len(heads)))
    for text, decision, evidence in zip(texts, decisions, because, strict=True):
        read = decision.error is None
        sure, time = (f"{decision.probability:.1%}", duration(decision.microseconds)) if read else ("–", "–")
        answer = "\n".join([_answer(decision), *_because(evidence)])
        cells = (shown(text, MOST_SHOWN), shown(answer), sure, str(decision.stage) if read else "–", time)
        table.add_row(*cells[: len(heads)])
    # a label is a name and should not be broken in two: it has its room before the text does
    room = console().width - (SURE_WIDTH if narrow else FIGURES_WIDTH)
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


def _because(evidence: Evidence | None) -> list[str]:
    """What speaks for an answer in lines: the parts that push most, the training rows most alike."""
    if evidence is None:
        return []
    lines = [f"{one.push:+.3f} from {one.part}" for one in evidence.parts[:MOST_PARTS]]
    lines += [f"{one.similarity:.2f} like {one.cell}" for one in evidence.nearest]
    if evidence.inside is not None:
        lines.append(f"{'inside' if evidence.inside else 'outside'} what was learnt")
    return lines
