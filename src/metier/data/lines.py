"""Text files to batches of rows, line by line, in bounded memory: CSV, TSV and JSONL.

The standard library reads them, because what only predicts is installed without polars. Knows nothing of what columns
mean. A row that cannot be parsed stays in its batch with what could be read of it, and `Table.problems` says why.

Source: RFC 4180 for CSV; the tab-separated-values media type of IANA, which has no quotes; jsonlines.org.
"""

from __future__ import annotations

import csv
import io
import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeAlias

from metier.errors import UnreadableData
from metier.types import Json, Table

LONGEST_CELL = 8 * 2**20  # characters; a quote that is never closed stops here instead of swallowing the file
LONGEST_LINE = 8 * LONGEST_CELL
OVERLONG = "\0overlong"  # stands for a line too long to hold: with its NUL it can only become a problem

NOT_TEXT = {
    b"\xff\xfe": "text in UTF-16. Run: iconv -f utf-16 -t utf-8 {name} > utf8-{name}",
    b"\xfe\xff": "text in UTF-16. Run: iconv -f utf-16 -t utf-8 {name} > utf8-{name}",
    b"\x1f\x8b": "compressed. Run: gunzip -c {name} > plain-{name}",
    b"PK\x03\x04": "a ZIP archive or a spreadsheet. Save the sheet as 'CSV UTF-8', or unpack it",
    b"PAR1": "a Parquet file. Give it the ending .parquet",
    b"\x89PNG": "a picture. Expected a table; name the file in one, or lay files out label/file",
    b"\xff\xd8\xff": "a picture. Expected a table; name the file in one, or lay files out label/file",
    b"RIFF": "a sound, film or picture. Expected a table; name the file in one, or lay files out label/file",
}

Parsed: TypeAlias = tuple[int, Any, str | None]  # line number, cells or object, what is wrong


def delimited(path: Path, batch_rows: int, delimiter: str | None = None) -> Iterator[Table]:
    """A CSV or TSV file with a header, as tables of text cells; empty cells are None.

    Without a delimiter it is the one of comma, semicolon, tab and bar that cuts the header into most names. Blank lines
    are skipped, but in a file of one column each is a row with a gap.

    Raises: UnreadableData when there is no usable header or no row.
    """
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_CELL))
    with _opened(path) as file:
        lines, at, head = _header(path, _lines(file))
        chosen = delimiter or max(",;\t|", key=lambda d: len(next(csv.reader([head], delimiter=d))))
        names = _names(path, head, chosen)
        rows = _delimited_rows(path, lines, at + 1, chosen, len(names))
        for first_row, batch in _batches(path, rows, batch_rows):
            yield _delimited_table(path, names, batch, first_row)


def json_lines(path: Path, batch_rows: int) -> Iterator[Table]:
    """A file with one JSON object a line; a name that a row lacks is None, new names come after the known ones.

    Raises: UnreadableData when there is no row.
    """
    names: dict[str, None] = {}
    with _opened(path) as file:
        rows = _json_rows(path, _lines(file))
        for first_row, batch in _batches(path, rows, batch_rows):
            for _, row, _ in batch:
                names |= dict.fromkeys(row)
            # a batch of nothing but problems has rows all the same
            columns = {name: [row.get(name) for _, row, _ in batch] for name in names} or {"line": [None] * len(batch)}
            yield Table(
                columns=columns,
                source=path.name,
                first_row=first_row,
                problems={i: problem for i, (_, _, problem) in enumerate(batch) if problem},
            )


def parse_json(text: str) -> Json:
    """JSON as the standard has it: no NaN, no name twice in one object.

    Raises: ValueError saying where and why.
    """
    try:
        value: Json = _decode(text)
    except RecursionError:
        raise ValueError("lists or objects nested too deeply") from None
    return value


def not_utf8(name: str) -> str:
    """The advice for bytes that are not UTF-8."""
    return f"bytes that are not UTF-8. Expected UTF-8. Convert it: iconv -f latin1 -t utf-8 {name} > utf8-{name}"


@contextmanager
def _opened(path: Path) -> Iterator[io.TextIOWrapper]:
    try:
        with path.open("rb") as raw:
            start = raw.peek(4)[:4]
            for magic, what in NOT_TEXT.items():
                if start.startswith(magic):
                    raise UnreadableData(f"{path}: this is {what.format(name=path.name)}.")
            # bytes that are not UTF-8 come through as lone surrogates, to be told row by row
            yield io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")
    except OSError as error:
        raise UnreadableData(f"{path}: cannot be read ({error.strerror}). Check who may read it.") from None


def _lines(file: io.TextIOWrapper) -> Iterator[str]:
    for line in iter(partial(file.readline, LONGEST_LINE), ""):
        if len(line) < LONGEST_LINE or line.endswith(("\n", "\r")):
            yield line
            continue
        while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(("\n", "\r")):
            pass
        yield OVERLONG


def _header(path: Path, lines: Iterator[str]) -> tuple[Iterator[str], int, str]:
    for at, line in enumerate(lines, 1):
        if line.strip():
            if _is_bad(line):
                raise UnreadableData(f"{path}: the header, line {at}, has {_why_bad(line, path.name)}.")
            return lines, at, line
    raise UnreadableData(f"{path}: the file is empty. Expected a header with column names, then one row a line.")


def _names(path: Path, head: str, delimiter: str) -> list[str]:
    names = [name.strip() for name in next(csv.reader([head], delimiter=delimiter))]
    doubled = sorted({name for name in names if names.count(name) > 1 and name})
    if not all(names):
        raise UnreadableData(
            f"{path}: the header {names} has a column without a name (number {names.index('') + 1}). Expected a name "
            "for each. Name it or drop it; pandas writes no such column with to_csv(index=False)."
        )
    if doubled:
        raise UnreadableData(f"{path}: the header has {doubled} more than once. Give each column a name of its own.")
    return names


def _delimited_rows(path: Path, lines: Iterator[str], line: int, delimiter: str, width: int) -> Iterator[Parsed]:
    """Rows of `width` cells. After a quote that is never closed it goes on with the line below the quote."""
    held: list[str] = []  # the lines of the row under way
    again: deque[str] = deque()  # lines to be read once more, as rows of their own
    while True:
        try:
            for cells in csv.reader(_holding(again, lines, held), delimiter=delimiter, strict=True):
                if len(cells) == width:
                    yield line, cells, None
                elif cells or width == 1:
                    yield line, _fitted(cells, width), _miscounted(cells, width) if cells else None
                line += len(held)
                held.clear()
            return
        except csv.Error as error:
            cells = held[0].rstrip("\r\n").split(delimiter)  # in TSV quotes may be mere characters
            plain = delimiter == "\t" and len(cells) == width and max(map(len, cells)) <= LONGEST_CELL
            yield line, _fitted(cells, width), None if plain else _misquoted(error)
            again.extendleft(reversed(held[1:]))
            line += 1
            held.clear()


def _holding(again: deque[str], lines: Iterator[str], held: list[str]) -> Iterator[str]:
    while again:
        held.append(again.popleft())
        yield held[-1]
    for line in lines:
        held.append(line)
        yield line


def _fitted(cells: list[str], width: int) -> list[str]:
    return cells[:width] + [""] * (width - len(cells))


def _miscounted(cells: list[str], width: int) -> str:
    found = f"{len(cells)} cell" + "s" * (len(cells) > 1)
    return f"{found} where the header has {width}. Put quotes around a cell with the separator or a line break in it"


def _misquoted(error: csv.Error) -> str:
    if "field larger" in str(error):
        return f"a cell of more than {LONGEST_CELL // 2**20} MiB, or a quote that is never closed. Shorten or close it"
    return f"quotes that do not pair ({error}). Write a quote inside a quoted cell twice"


def _delimited_table(path: Path, names: list[str], batch: list[Parsed], first_row: int) -> Table:
    problems = {i: f"line {line}: {problem}" for i, (line, _, problem) in enumerate(batch) if problem}
    rows = [cells for _, cells, _ in batch]
    if _is_bad("".join(chain.from_iterable(rows))):  # one look at a whole batch: a look at each cell takes longer
        for i, (line, cells, _) in enumerate(batch):
            text = "".join(cells)
            if _is_bad(text):
                problems[i] = f"line {line}: {_why_bad(text, path.name)}"
                rows[i] = [_readable(cell) for cell in cells]
    columns = {name: list(cells) for name, cells in zip(names, zip(*rows, strict=True), strict=True)}
    for name, cells in columns.items():
        if "" in cells:
            columns[name] = [cell or None for cell in cells]
    return Table(columns=columns, source=path.name, first_row=first_row, problems=problems)


def _json_rows(path: Path, lines: Iterator[str]) -> Iterator[Parsed]:
    for at, line in enumerate(lines, 1):
        if line.isspace():
            continue
        row: Json = None
        problem: str | None = None
        if _is_bad(line):
            problem = f"line {at}: {_why_bad(line, path.name)}"
        try:
            row = parse_json(_readable(line) if problem else line)
            if not isinstance(row, dict):
                problem = problem or f'line {at}: {json.dumps(row)[:40]} is no object. Expected {{"name": value}}'
            elif len(line) > LONGEST_CELL and any(len(c) > LONGEST_CELL for c in row.values() if isinstance(c, str)):
                problem = problem or f"line {at}: a cell of more than {LONGEST_CELL // 2**20} MiB. Shorten it"
        except ValueError as error:
            problem = problem or f"line {at}: no valid JSON ({error}). Expected one object on one line"
        yield at, row if isinstance(row, dict) else {}, problem


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is no JSON value, write null for a gap")


def _each_name_once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise ValueError("a name comes twice in one object")
    return row


# one decoder for all lines: json.loads with hooks would make one for each
_decode = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_each_name_once).decode


def _is_bad(text: str) -> bool:
    if "\0" in text:
        return True
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _why_bad(text: str, name: str) -> str:
    if OVERLONG in text:
        return f"a line of more than {LONGEST_LINE // 2**20} MiB. Split it"
    if "\0" in text:
        return "a NUL character, which no text has. Check that the file is text in UTF-8, and remove it"
    return not_utf8(name)


def _readable(cell: str) -> str:
    return cell.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\0", "\ufffd")


def _batches(path: Path, rows: Iterator[Parsed], batch_rows: int) -> Iterator[tuple[int, list[Parsed]]]:
    first_row = 1
    while batch := list(islice(rows, batch_rows)):
        yield first_row, batch
        first_row += len(batch)
    if first_row == 1:
        raise UnreadableData(f"{path}: there is not one row. Expected one row a line, below the names in a CSV or TSV.")
