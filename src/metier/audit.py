"""Finds what is wrong with the examples themselves, before they teach it.

Reads from top to bottom like a checklist. Knows no domain by name and does not learn: out-of-fold probabilities are
asked of whoever calls.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from metier import checks, lazy
from metier.checks import Readable
from metier.columns import Columns, choose, label_text, require
from metier.data.media import located
from metier.decide.suspects import suspects
from metier.domains.base import Domain
from metier.errors import BadCell
from metier.findings import SEVERITIES, Audit, Finding
from metier.types import Encoded, Labels, Probabilities, Rows, Table, Value

OutOfFold: TypeAlias = Callable[[Sequence[Value], Labels, Domain], Probabilities]


def audit(
    table: Table,
    *,
    test: Table | None = None,
    input: str | None = None,
    target: str | None = None,
    probabilities: OutOfFold,
) -> Audit:
    """All that looks wrong in a table of examples, gravest first; nothing is changed.

    `test` holds rows of the same columns that must not be learnt. `probabilities` gives, for values and labels, the
    probabilities of parts that had not learnt the row.

    Raises: MissingColumn.
    """
    columns = choose(table, input=input, target=target)
    domain: Domain = lazy.find("domains", columns.domain, "DOMAIN")
    rows, findings = _readable(table, columns, domain)
    findings += [*checks.label_names(rows), *checks.small_labels(rows), *checks.duplicates(rows)]
    findings += checks.long_cells(rows)
    if rows.values:
        encoder = domain.encoders("quick")[0].fit(rows.values, _one_hot(checks.one_spelling(rows)), loss="softmax")
        encoded = encoder.encode(rows.values)
        findings += checks.near_duplicates(rows, encoded)
        findings += _wrong_labels(rows, encoded, domain, probabilities)
        if test is not None:
            for name, option in ((columns.input, "--input"), (columns.target, "--target")):
                require(test, name, option)
            others, _ = _readable(test, columns, domain)
            findings += checks.leaks(rows, others)
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


def _readable(table: Table, columns: Columns, domain: Domain) -> tuple[Readable, list[Finding]]:
    kept: list[tuple[int, Any, Value, str]] = []
    gaps: dict[str, list[int]] = defaultdict(list)
    unread: list[tuple[int, str]] = []
    if getattr(domain, "files", False):
        table = located(table, columns.input)
    pairs = zip(table.columns[columns.input], table.columns[columns.target], strict=True)
    for number, (cell, answer) in enumerate(pairs, table.first_row):
        if number - table.first_row in table.problems:
            unread.append((number, table.problems[number - table.first_row]))
            continue
        try:
            label = label_text(answer)
            if label is None or cell is None or (isinstance(cell, str) and not cell.strip()):
                gaps[columns.target if label is None else columns.input].append(number)
            else:
                kept.append((number, cell, domain.read(cell), label))
        except BadCell as problem:
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
    return Readable(numbers=parts[0], cells=parts[1], values=parts[2], labels=parts[3]), findings


def _wrong_labels(rows: Readable, encoded: Encoded, domain: Domain, probabilities: OutOfFold) -> Iterator[Finding]:
    spelled = np.array(checks.one_spelling(rows))
    counts = Counter(spelled.tolist())
    learnt = np.flatnonzero([counts[label] > 1 for label in spelled.tolist()])
    names, labels = np.unique(spelled[learnt], return_inverse=True)
    if len(names) < 2:
        return
    given = probabilities([rows.values[i] for i in learnt], labels.astype(np.int64), domain)
    found = suspects(labels, given)
    for at, likelier in zip(found.rows.tolist(), found.likelier.tolist(), strict=True):
        i = int(learnt[at])
        nearest = _nearest(encoded, i, learnt[labels == likelier])
        own, better = float(given[at, labels[at]]), float(given[at, likelier])
        yield Finding(
            kind="wrong_label",
            severity="warning",
            rows=(rows.numbers[i],),
            message=f"{checks.shown(rows.cells[i])} (row {rows.numbers[i]:,}) has the label '{names[labels[at]]}' "
            f"({own:.1%}); '{names[likelier]}' is likelier ({better:.1%}), as of {checks.shown(rows.cells[nearest])} "
            f"(row {rows.numbers[nearest]:,})",
            suggestion=f"Read it; if it is wrong, label it '{names[likelier]}'.",
            evidence={
                "label": str(names[labels[at]]),
                "probability": round(own, 6),
                "likelier": str(names[likelier]),
                "likelier_probability": round(better, 6),
                "nearest_row": rows.numbers[nearest],
                "nearest": checks.shown(rows.cells[nearest]),
            },
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
