"""Finds what is wrong with the examples themselves, before they teach it.

Reads from top to bottom like a checklist. Knows no domain by name and does not learn: out-of-fold probabilities are
asked of whoever calls, and what makes an answer doubtful of the task.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from metier import checks, lazy
from metier.checks import Readable
from metier.columns import Columns, cells_of, choose, require
from metier.domains.base import Domain
from metier.errors import BadCell, PromiseNotSupported, TooFewRows
from metier.findings import SEVERITIES, Audit, Finding
from metier.record import domain_of, located
from metier.targets import target_cells, target_columns
from metier.tasks.base import Answer, Answers, Task
from metier.types import Encoded, Labels, Probabilities, Rows, Table, Value

OutOfFold: TypeAlias = Callable[[Sequence[Value], Answers, Domain, Task], Probabilities]


def audit(
    table: Table,
    *,
    test: Table | None = None,
    input: str | Sequence[str] | None = None,
    target: str | None = None,
    task: str | None = None,
    probabilities: OutOfFold,
) -> Audit:
    """All that looks wrong in a table of examples, gravest first; nothing is changed.

    `test` holds rows of the same columns that must not be learnt. `probabilities` gives, for values and answers, the
    probabilities of parts that had not learnt the row.

    Raises: MissingColumn.
    """
    columns = choose(table, input=input, target=target, task=task)
    domain = domain_of(columns.inputs)
    asked: Task = lazy.find("tasks", columns.task, "TASK")
    rows, findings = _readable(table, columns, domain, asked)
    if asked.named:
        findings += [*checks.label_names(rows), *checks.small_labels(rows)]
    findings += checks.duplicates(rows)
    findings += checks.long_cells(rows)
    if rows.values:
        encoder = domain.encoders("quick")[0].fit(rows.values, _one_hot(checks.one_spelling(rows)), loss="softmax")
        encoded = encoder.encode(rows.values)
        alone = len(columns.inputs) == 1  # rows of several columns may well be alike and yet two
        if alone:
            findings += checks.near_duplicates(rows, encoded)
        findings += _doubted(rows, encoded, domain, asked, target_columns(table, columns.target), probabilities)
        if test is not None:
            for one in columns.inputs:
                require(test, one.column, "--input")
            for name in target_columns(test, columns.target):
                require(test, name, "--target")
            others, _ = _readable(test, columns, domain, asked)
            findings += checks.leaks(rows, others, named=asked.named)
            if alone:
                findings += checks.near_leaks(rows, others, encoder.encode([*rows.values, *others.values]))
    grave = sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
    return Audit(
        source=table.source,
        rows=len(table),
        input=columns.input,
        target=columns.target,
        said=columns.said,
        findings=tuple(grave),
    )


def _readable(table: Table, columns: Columns, domain: Domain, task: Task) -> tuple[Readable, list[Finding]]:
    kept: list[tuple[int, Any, Value, Answer]] = []
    gaps: dict[str, list[int]] = defaultdict(list)
    unread: list[tuple[int, str]] = []
    table = located(table, columns.inputs)
    pairs = zip(cells_of(table, columns.inputs), target_cells(table, columns.target), strict=True)
    for number, (cell, answer) in enumerate(pairs, table.first_row):
        if number - table.first_row in table.problems:
            unread.append((number, table.problems[number - table.first_row]))
            continue
        try:
            label = task.read(answer)
            if label is None:
                gaps[columns.target].append(number)
            else:
                kept.append((number, cell, domain.read(cell), label))
        except BadCell as problem:
            if cell is None or (isinstance(cell, str) and not cell.strip()):
                gaps[columns.input].append(number)
            else:
                unread.append((number, str(problem)))
    findings = [
        Finding(
            kind="gap",
            severity="error",
            rows=tuple(numbers),
            message=f"column '{name}' is empty in {checks.rows_said(numbers)}",
            suggestion="Fill the cells, or leave the rows out.",
            evidence={"column": name},
        )
        for name, numbers in gaps.items()
    ]
    findings += [
        Finding(
            kind="unreadable",
            severity="error",
            rows=(number,),
            message=f"row {number:,} cannot be read: {problem}",
            suggestion="Fix the row, or leave it out.",
        )
        for number, problem in unread
    ]
    parts = tuple(zip(*kept, strict=True)) or ((), (), (), ())
    labels = tuple(map(task.text, parts[3]))
    return Readable(numbers=parts[0], cells=parts[1], values=parts[2], labels=labels, answers=parts[3]), findings


def _doubted(
    rows: Readable,
    encoded: Encoded,
    domain: Domain,
    task: Task,
    columns: Sequence[str],
    probabilities: OutOfFold,
) -> Iterator[Finding]:
    """Answers that are probably wrong, by parts that had not learnt them."""
    given: Sequence[Answer] = checks.one_spelling(rows) if task.named else rows.answers
    counts = Counter(rows.labels if not task.named else given)
    chosen = [i for i, answer in enumerate(given) if not task.named or counts[answer] > 1]
    try:
        answers = task.learn([given[i] for i in chosen], "", columns)
        told = probabilities([rows.values[i] for i in chosen], answers, domain, task)
    except (TooFewRows, PromiseNotSupported):
        return
    for doubt in task.doubts(answers, told):
        i, evidence = chosen[doubt.row], dict(doubt.evidence)
        message = f"{checks.shown(rows.cells[i])} (row {rows.numbers[i]:,}) {doubt.has}"
        if doubt.alike is not None:
            nearest = _nearest(encoded, i, np.array(chosen)[doubt.alike])
            message += f", as of {checks.shown(rows.cells[nearest])} (row {rows.numbers[nearest]:,})"
            evidence |= {"nearest_row": rows.numbers[nearest], "nearest": checks.shown(rows.cells[nearest])}
        yield Finding(
            kind=doubt.kind,
            severity="warning",
            rows=(rows.numbers[i],),
            message=message,
            suggestion=doubt.suggestion,
            evidence=evidence,
        )


def _one_hot(labels: Sequence[str]) -> Probabilities:
    names, truth = np.unique(labels, return_inverse=True)
    return np.eye(len(names), dtype=np.float32)[truth]


def _nearest(encoded: Encoded, i: int, candidates: Labels) -> int:
    """The candidate whose vector has the largest product with that of row i."""
    if not isinstance(encoded, Rows):
        return int(candidates[np.argmax(encoded[candidates] @ encoded[i])])
    own, others = encoded.take(np.array([i])), encoded.take(candidates)
    laid_out = np.zeros(encoded.width, np.float32)
    laid_out[own.columns] = own.weights
    of_candidate = np.repeat(np.arange(len(others)), np.diff(others.starts))
    products = np.bincount(of_candidate, others.weights * laid_out[others.columns], minlength=len(others))
    return int(candidates[np.argmax(products)])
