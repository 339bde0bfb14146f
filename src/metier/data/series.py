"""Files of series to tables with one series a row: `.ts`, and the wide and long CSV whose header says what they are.

A series becomes text: numbers with commas between, channels with colons, as `.ts` has it; what the numbers mean is not
known here. Wide: columns t0, t1, … or 0, 1, …, with a channel's name before (`x_t0`). Long: a column that names the
series, one that tells the time, and the rest measured or, where the same throughout a series, told of it.

Source: the format `.ts` of the UEA and UCR archive, timeseriesclassification.com.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from metier.errors import UnreadableData
from metier.types import Table

COLUMN, LABEL = "series", "label"
LONGEST_LINE = 64 * 2**20  # characters
LEAST_WIDE = 8  # numbered columns, before they are taken for moments
MOMENT = re.compile(r"(?:(?P<channel>.+?)[_.:])?(?P<mark>t|time|step)?_?(?P<number>\d+)", re.IGNORECASE)
IDS = ("series", "series_id", "case", "case_id")
TIMES = ("t", "time", "step", "timestep", "timestamp")


def ts_lines(path: Path, batch_rows: int) -> Iterator[Table]:
    """A `.ts` file as tables of at most `batch_rows` rows, columns "series" and, where it has labels, "label".

    Raises: UnreadableData where it is no such file; a line that does not fit its header becomes a problem of its row.
    """
    with _opened(path) as file:
        head, at = _head(path, file)
        rows: list[tuple[str | None, str | None, str | None]] = []
        first = 1
        for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), ""), at + 1):
            if line.strip():
                rows.append(_ts_row(number, line.strip(), head))
            if len(rows) == batch_rows:
                yield _ts_table(path, rows, head, first)
                first, rows = first + len(rows), []
        if rows:
            yield _ts_table(path, rows, head, first)
        elif first == 1:
            raise UnreadableData(f"{path}: there is not one row below @data. Expected one series a line.")


@dataclass(frozen=True, kw_only=True)
class Head:
    """What stands above @data."""

    labelled: bool
    channels: int | None


def _opened(path: Path) -> Any:
    try:
        return path.open(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise UnreadableData(f"{path}: cannot be read ({error.strerror}). Check who may read it.") from None


def _head(path: Path, file: Any) -> tuple[Head, int]:
    said: dict[str, list[str]] = {}
    for at, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), ""), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        name = words[0].lower()
        if name == "@data":
            break
        if not name.startswith("@"):
            raise UnreadableData(f"{path}: line {at} stands above @data and is {line[:40]!r}. Expected @ or #.")
        said[name] = [word.lower() for word in words[1:]]
    else:
        raise UnreadableData(f"{path}: there is no line @data. Expected a .ts file of the UEA and UCR archive.")
    if said.get("@timestamps", ["false"])[0] == "true":
        raise UnreadableData(
            f"{path}: its values carry times. Expected values at even steps; bring them to a clock and leave times out."
        )
    labelled = any(said.get(name, ["false"])[0] == "true" for name in ("@classlabel", "@targetlabel"))
    univariate = said.get("@univariate", [""])[0] == "true"
    number = said.get("@dimensions", said.get("@dimension", [""]))[0]
    return Head(labelled=labelled, channels=1 if univariate else int(number) if number.isdigit() else None), at


def _ts_row(number: int, line: str, head: Head) -> tuple[str | None, str | None, str | None]:
    """A series, its label, and what is wrong with the line."""
    series, label = line, None
    if head.labelled:
        series, _, label = line.rpartition(":")
        if not series:
            return None, None, f"line {number}: no label after a colon. Expected values:label"
    channels = series.count(":") + 1
    if head.channels is not None and channels != head.channels:
        return None, label, f"line {number}: {channels} channels. Expected the {head.channels} of the header"
    return series, label, None


def _ts_table(path: Path, rows: Sequence[tuple[str | None, str | None, str | None]], head: Head, first: int) -> Table:
    columns: dict[str, list[Any]] = {COLUMN: [row[0] for row in rows]}
    if head.labelled:
        columns[LABEL] = [row[1] for row in rows]
    problems = {i: row[2] for i, row in enumerate(rows) if row[2]}
    return Table(columns=columns, source=path.name, first_row=first, problems=problems)


def gathered(batches: Iterator[Table]) -> Iterator[Table]:
    """The same tables, but for those whose header says that they hold series: one series a row."""
    first = next(batches, None)
    if first is None:
        return
    names = list(first.columns)
    if channels := moments(names):
        yield from (_widened(table, channels) for table in (first, *batches))
    elif keys := _long_keys(names):
        yield from _lengthened(first, batches, *keys)
    else:
        yield first
        yield from batches


def moments(names: Sequence[str]) -> dict[str, list[str]]:
    """The columns of each channel in order of time; nothing where the names do not say that they are moments."""
    found: dict[str, dict[int, str]] = {}
    for name in names:
        seen = MOMENT.fullmatch(name)
        if seen and (seen["mark"] or not seen["channel"]):  # x_1, x_2 may be any numbers; x_t1, t1 and 1 are moments
            found.setdefault(seen["channel"] or "", {})[int(seen["number"])] = name
    channels = {}
    for channel, numbered in found.items():
        order = sorted(numbered)
        if len(order) < LEAST_WIDE or order[0] not in (0, 1) or order[-1] - order[0] != len(order) - 1:
            return {}
        channels[channel] = [numbered[number] for number in order]
    return channels if len({len(columns) for columns in channels.values()}) == 1 else {}


def _widened(table: Table, channels: Mapping[str, Sequence[str]]) -> Table:
    """Gaps at the end of all channels mean that a series has ended."""
    taken = {name for columns in channels.values() for name in columns}
    series: list[str | None] = []
    for i in range(len(table)):
        cells = [[table.columns[name][i] for name in columns] for columns in channels.values()]
        while cells[0] and all(channel[-1] is None for channel in cells):
            for channel in cells:
                channel.pop()
        series.append(_text(cells) if cells[0] else None)
    kept = {name: cells for name, cells in table.columns.items() if name not in taken}
    return Table(
        columns={COLUMN: series, **kept}, source=table.source, first_row=table.first_row, problems=table.problems
    )


def _text(channels: Sequence[Sequence[Any]]) -> str:
    return ":".join(",".join("?" if cell is None else str(cell).strip() for cell in channel) for channel in channels)


def _long_keys(names: Sequence[str]) -> tuple[str, str] | None:
    folded = {name.lower(): name for name in names}
    ids = [folded[name] for name in IDS if name in folded]
    times = [folded[name] for name in TIMES if name in folded]
    return (ids[0], times[0]) if len(ids) == 1 and len(times) == 1 and len(names) > 2 else None


def _lengthened(first: Table, batches: Iterator[Table], name: str, time: str) -> Iterator[Table]:
    """Rows that follow one another with the same name are one series; problems of its lines are its own."""
    rows = (
        (dict(row), table.problems.get(i)) for table in (first, *batches) for i, row in enumerate(table.rows())
    )  # fmt: skip
    series: list[list[dict[str, Any]]] = []
    problems: dict[int, str] = {}
    seen: set[Any] = set()
    for key, some in groupby(rows, key=lambda row: row[0][name]):
        members = list(some)
        wrong = next((problem for _, problem in members if problem), None)
        if key in seen:
            wrong = f"line of series {key!r}: other series stand between its rows. Sort the file by '{name}'"
        seen.add(key)
        if wrong:
            problems[len(series)] = wrong
        series.append([row for row, _ in members])
    columns = [column for column in first.columns if column not in (name, time)]
    # told of a series as a whole: the same in all its rows, throughout the file, and not the same everywhere
    constant = [c for c in columns if all(len({row[c] for row in members}) == 1 for members in series)]
    measured = [c for c in columns if c not in constant] or columns[:1]
    texts = [_text([[row[c] for row in _in_time(members, time)] for c in measured]) for members in series]
    kept = {c: [members[0][c] for members in series] for c in columns if c not in measured}
    named = {name: [members[0][name] for members in series]} if name != COLUMN else {}
    yield Table(columns={COLUMN: texts, **named, **kept}, source=first.source, problems=problems)


def _in_time(rows: Sequence[dict[str, Any]], time: str) -> Sequence[dict[str, Any]]:
    """Sorted by the time, as numbers where they are, else as text, which ISO dates sort rightly."""
    try:
        return sorted(rows, key=lambda row: float(row[time]))
    except (TypeError, ValueError):
        return sorted(rows, key=lambda row: str(row[time]))
