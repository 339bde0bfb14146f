"""What can be seen in the rows themselves: names of labels, labels too small, repeated rows, leaks into a test set.

Knows no domain and learns nothing. Each check takes the rows and yields what it found.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metier.encoders.near import near_pairs
from metier.findings import Finding
from metier.types import Encoded, Packed, Rows, Value

SMALL = 5  # rows of a label below which little is learnt
LONG = 10_000  # characters; encoders read the beginning of a text and no more
CONFLICT = (
    0.85  # on bank queries 5 of 498 pairs this alike differ in their label, and 31 of the 559 between 0.80 and it
)
LEAK = 0.9  # a test row this near to a training row tests memory
SHOWN = 60  # characters of a cell in a message


@dataclass(frozen=True, kw_only=True)
class Readable:
    """The rows that can be read and have an answer.

    Shapes: all (n,); numbers as a person counts them, labels as given, answers as the task reads them.
    """

    numbers: tuple[int, ...]
    cells: tuple[Any, ...]
    values: tuple[Value, ...]
    labels: tuple[str, ...]
    answers: tuple[Any, ...] = ()


def long_cells(rows: Readable) -> Iterator[Finding]:
    """Texts so long that most of them goes unread."""
    for number, value in zip(rows.numbers, rows.values, strict=True):
        if isinstance(value, str) and len(value) > LONG:
            yield Finding(
                kind="long_cell",
                severity="note",
                rows=(number,),
                message=f"row {number:,} has {len(value):,} characters, of which only the beginning is looked at",
                suggestion="Check that it is one example; cut it to the part that decides.",
                evidence={"characters": len(value)},
            )


def label_names(rows: Readable) -> Iterator[Finding]:
    """Names that differ by case or space are one label; those that differ by other signs may be (but C, C++ and C#)."""
    counts = Counter(rows.labels)
    for same, key in ((True, _folded), (False, _bare)):
        alike: dict[str, list[str]] = defaultdict(list)
        for name in counts:
            alike[key(name)].append(name)
        for names in alike.values():
            if len(names) < 2 or (not same and len({_folded(name) for name in names}) < 2):
                continue
            names.sort(key=lambda name: (-counts[name], name))
            listed = ", ".join(f"'{name}' ({counts[name]:,})" for name in names)
            signs = "case or space" if same else "punctuation"
            yield Finding(
                kind="label_names",
                severity="error" if same else "warning",
                rows=tuple(n for n, label in zip(rows.numbers, rows.labels, strict=True) if label in names[1:]),
                message=f"labels that differ by {signs} only: {listed}",
                suggestion=f"If they mean the same, call all '{names[0]}'.",
                evidence={"names": {name: counts[name] for name in names}, "to": names[0], "same": same},
            )


def small_labels(rows: Readable) -> Iterator[Finding]:
    """Labels with too few rows to learn from."""
    labels = one_spelling(rows)
    counts = Counter(labels)
    for name, count in counts.items():
        if count < SMALL:
            yield Finding(
                kind="small_label",
                severity="error" if count < 2 else "warning",
                rows=tuple(n for n, label in zip(rows.numbers, labels, strict=True) if label == name),
                message=f"label '{name}' has {count} row{'s' * (count > 1)}"
                + (", and one cannot be both learnt and held out" if count < 2 else ""),
                suggestion=f"Bring {SMALL} rows or more, or leave the label out.",
                evidence={"label": name, "count": count},
            )


def duplicates(rows: Readable) -> Iterator[Finding]:
    """Inputs that occur more than once, the same but for case and space."""
    labels = one_spelling(rows)
    for places in _same_cells(rows).values():
        if len(places) < 2:
            continue
        numbers = tuple(rows.numbers[i] for i in places)
        counts = Counter(labels[i] for i in places)
        said = f"{shown(rows.cells[places[0]])} in {rows_said(numbers)}"
        if len(counts) == 1:
            yield Finding(
                kind="duplicate",
                severity="note",
                rows=numbers,
                message=f"the same input with the same label: {said}",
                suggestion="Keep the first.",
            )
        elif _measured(rows):
            yield Finding(
                kind="conflict",
                severity="warning",
                rows=numbers,
                message=f"the same input with different numbers ({_counted(counts)}): {said}",
                suggestion="Nothing, if each was really measured; the estimate will lie among them.",
                evidence={"labels": dict(counts)},
            )
        else:
            yield Finding(
                kind="conflict",
                severity="error",
                rows=numbers,
                message=f"the same input with different labels ({_counted(counts)}): {said}",
                suggestion="Decide which label is right; at most one of them can be learnt.",
                evidence={"labels": dict(counts)},
            )


def near_duplicates(rows: Readable, encoded: Encoded) -> Iterator[Finding]:
    """Pairs of inputs that say nearly the same, where the encoder gives sparse rows."""
    if not isinstance(encoded, Rows):
        return
    labels, keys = one_spelling(rows), [_key(cell) for cell in rows.cells]
    measured = _measured(rows)  # two numbers hardly ever are the same
    pairs = near_pairs(encoded)
    for i, j, similarity in zip(pairs.left.tolist(), pairs.right.tolist(), pairs.similarity.tolist(), strict=True):
        conflict = labels[i] != labels[j]
        if keys[i] == keys[j] or (conflict and (similarity < CONFLICT or measured)):
            continue
        one, other = (f"{shown(rows.cells[at])} (row {rows.numbers[at]:,}, '{labels[at]}')" for at in (i, j))
        yield Finding(
            kind="near_conflict" if conflict else "near_duplicate",
            severity="warning" if conflict else "note",
            rows=(rows.numbers[i], rows.numbers[j]),
            message=f"nearly the same input, {'different labels' if conflict else 'the same label'}: {one}, {other}",
            suggestion="Check that the difference in words is the difference in labels."
            if conflict
            else "Nothing, if both were really asked; such rows are kept on one side of every split.",
            evidence={"similarity": round(similarity, 4)},
        )


def leaks(rows: Readable, test: Readable, *, named: bool = True) -> Iterator[Finding]:
    """Test rows that are training rows too and, where answers are names, those that are in no training row."""
    places = _same_cells(rows)
    for number, cell in zip(test.numbers, test.cells, strict=True):
        learnt = [rows.numbers[i] for i in places.get(_key(cell), ())]
        if learnt:
            yield Finding(
                kind="leak",
                severity="error",
                rows=tuple(learnt),
                message=f"{shown(cell)} is in test row {number:,} and in training {rows_said(learnt)}",
                suggestion="Take it out of one of them: what was learnt by heart says nothing of what is new.",
                evidence={"test_row": number},
            )
    known = set(map(_folded, rows.labels if named else test.labels))
    for name, count in Counter(test.labels).items():
        if _folded(name) not in known:
            yield Finding(
                kind="unknown_label",
                severity="error",
                rows=(),
                message=f"label '{name}' has {count:,} test row{'s' * (count > 1)} and no training row",
                suggestion="Bring training rows, or take it out of the test: no answer to these can be right.",
                evidence={"label": name, "test_rows": count},
            )


def near_leaks(rows: Readable, test: Readable, encoded: Encoded) -> Iterator[Finding]:
    """Test rows that are nearly training rows.

    Shapes: encoded (n + m, d), the training rows and then those of the test.
    """
    if not isinstance(encoded, Rows):
        return
    n = len(rows.numbers)
    pairs = near_pairs(encoded, LEAK)
    for i, j, similarity in zip(pairs.left.tolist(), pairs.right.tolist(), pairs.similarity.tolist(), strict=True):
        if i < n <= j and _key(rows.cells[i]) != _key(test.cells[j - n]):
            yield Finding(
                kind="near_leak",
                severity="note",
                rows=(rows.numbers[i],),
                message=f"{shown(test.cells[j - n])} in test row {test.numbers[j - n]:,} is nearly "
                f"{shown(rows.cells[i])} in training row {rows.numbers[i]:,}",
                suggestion="Read figures on such test rows with care.",
                evidence={"test_row": test.numbers[j - n], "similarity": round(similarity, 4)},
            )


def one_spelling(rows: Readable) -> list[str]:
    """The labels with one name for those that differ by case or space: the commonest."""
    counts = Counter(rows.labels)
    chosen: dict[str, str] = {}
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        chosen.setdefault(_folded(name), name)
    return [chosen[_folded(name)] for name in rows.labels]


def shown(cell: Any) -> str:
    """A cell in a message, short and in one line."""
    said = ", ".join("" if one is None else str(one) for one in cell) if isinstance(cell, tuple) else str(cell)
    text = " ".join(said.split())
    return f"'{text[:SHOWN]}…'" if len(text) > SHOWN else f"'{text}'"


def rows_said(numbers: Sequence[int]) -> str:
    """Row numbers in a message: "rows 3, 7 and 12 more"."""
    listed = ", ".join(f"{number:,}" for number in numbers[:5])
    more = f" and {len(numbers) - 5:,} more" if len(numbers) > 5 else ""
    return f"row{'s' * (len(numbers) > 1)} {listed}{more}"


def _measured(rows: Readable) -> bool:
    """Whether answers are numbers, of which two may differ and both be right."""
    return bool(rows.answers) and all(isinstance(answer, float) for answer in rows.answers)


def _same_cells(rows: Readable) -> Mapping[Hashable, list[int]]:
    places: dict[Hashable, list[int]] = defaultdict(list)
    for i, cell in enumerate(rows.cells):
        places[_key(cell)].append(i)
    return places


def _key(cell: Any) -> Hashable:
    """Equal for cells that are the same but for case and space, and for files with the same content."""
    if isinstance(cell, str):
        return _folded(cell)
    if isinstance(cell, Path):
        return hashlib.sha256(cell.read_bytes()).digest()
    if isinstance(cell, Packed):
        return hashlib.sha256(cell.data).digest()
    return cell if isinstance(cell, bytes) else repr(cell)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _bare(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"'{name}' {count:,}" for name, count in counts.most_common())
