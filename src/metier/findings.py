"""What an audit found, and a cleaned copy of the table with a list of every change.

Knows no domain and looks for nothing: `audit.py` does. The original is never written to.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from metier.data.write import write
from metier.errors import BadOption
from metier.types import Json, Table

Severity: TypeAlias = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
DROPPED = ("unreadable", "gap")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing to look at, with what to do about it.

    `rows` are counted from 1, below the header, as in `Table.first_row`. What `evidence` holds depends on the kind.
    """

    kind: str
    severity: Severity
    rows: tuple[int, ...]
    message: str
    suggestion: str
    evidence: Mapping[str, Json] = field(default_factory=dict)

    def json(self) -> dict[str, Json]:
        """The finding as plain JSON values."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "rows": list(self.rows),
            "message": self.message,
            "suggestion": self.suggestion,
            "evidence": dict(self.evidence),
        }


@dataclass(frozen=True, kw_only=True)
class Audit:
    """All that was found in a table, gravest first."""

    source: str
    rows: int
    input: str  # the column
    target: str
    said: str  # how the columns were found
    findings: tuple[Finding, ...]

    def counts(self) -> dict[str, int]:
        """How many findings of each kind, in the order they are listed."""
        counted: dict[str, int] = {}
        for finding in self.findings:
            counted[finding.kind] = counted.get(finding.kind, 0) + 1
        return counted

    def json(self) -> dict[str, Json]:
        """The audit as plain JSON values."""
        return {
            "source": self.source,
            "rows": self.rows,
            "input": self.input,
            "target": self.target,
            "counts": dict(self.counts()),
            "findings": [finding.json() for finding in self.findings],
        }


@dataclass(frozen=True, kw_only=True)
class Change:
    """What became of one row of the original, and why; `after` is None for a row left out."""

    row: int
    change: Literal["dropped", "relabelled"]
    before: Json
    after: Json
    why: str

    def json(self) -> dict[str, Json]:
        """The change as plain JSON values."""
        return {
            "row": self.row,
            "change": self.change,
            "before": self.before,
            "after": self.after,
            "why": self.why,
        }


def fix(table: Table, audit: Audit, *, relabel: bool = False) -> tuple[Table, tuple[Change, ...]]:
    """A copy without gaps, repeated rows and labels of a single row, with one spelling for each, and every change made.

    Labels that are probably wrong are changed to the likelier one with `relabel` only. Nothing else is touched:
    conflicts, near-duplicates and leaks are for a person to judge.
    """
    target = audit.target
    cells = list(table.columns.get(target, ()))  # of several columns none is renamed
    changes: list[Change] = []
    for row, after, why in _renamed(audit.findings, relabel):
        before, cells[row - table.first_row] = cells[row - table.first_row], after
        changes.append(Change(row=row, change="relabelled", before=before, after=after, why=why))
    dropped = dict(_dropped(audit.findings))
    dropped |= _alone(audit.findings, dropped, {change.row: change.after for change in changes})
    for row, why in dropped.items():
        parts = [table.columns[name][row - table.first_row] for name in _columns(table, target)]
        before = _plain(parts[0]) if len(parts) == 1 else [_plain(part) for part in parts]
        changes.append(Change(row=row, change="dropped", before=before, after=None, why=why))
    columns = {**table.columns, target: cells} if target in table.columns else table.columns
    renamed = Table(columns=columns, source=table.source)
    kept = [i for i in range(len(table)) if i + table.first_row not in dropped]
    return renamed.take(kept), tuple(sorted(changes, key=lambda change: change.row))


def _columns(table: Table, target: str) -> list[str]:
    return [target] if target in table.columns else [name.strip() for name in target.split(",")]


def write_fixed(
    table: Table, changes: Sequence[Change], *, original: str | Path, copy: str | Path, listed: str | Path
) -> None:
    """Write the cleaned copy and the list of changes to files of their own.

    Raises: BadOption when one of them is the original or both are the same, CannotWrite.
    """
    paths = {"the original": Path(original), "the cleaned copy": Path(copy), "the list of changes": Path(listed)}
    seen: dict[Path, str] = {}
    for what, path in paths.items():
        same = seen.setdefault(path.resolve(), what)
        if same != what or (what != "the original" and _same_file(path, paths["the original"])):
            raise BadOption(
                f"{path}: {what} would replace {same if same != what else 'the original'}. Name another file."
            )
    write(copy, ({name: _plain(cell) for name, cell in row.items()} for row in table.rows()), list(table.columns))
    write(listed, (change.json() for change in changes), list(Change.__dataclass_fields__))


def _renamed(findings: Iterable[Finding], relabel: bool) -> Iterator[tuple[int, str, str]]:
    for finding in findings:
        if finding.kind == "label_names" and finding.evidence["same"]:
            for row in finding.rows:
                yield row, str(finding.evidence["to"]), finding.message
        if finding.kind == "wrong_label" and relabel:
            yield finding.rows[0], str(finding.evidence["likelier"]), finding.message


def _dropped(findings: Iterable[Finding]) -> Iterator[tuple[int, str]]:
    for finding in findings:
        rows = finding.rows if finding.kind in DROPPED else finding.rows[1:] if finding.kind == "duplicate" else ()
        for row in rows:
            yield row, finding.message


def _alone(findings: Iterable[Finding], dropped: Container[int], renamed: Mapping[int, Json]) -> dict[int, str]:
    """Rows that are the last of their label: one row cannot be both learnt and held out."""
    alone: dict[int, str] = {}
    for finding in findings:
        if finding.kind == "small_label":
            name = finding.evidence["label"]
            left = [row for row in finding.rows if row not in dropped and renamed.get(row, name) == name]
            alone |= {row: f"the only row of '{name}'" for row in left if len(left) == 1}
    return alone


def _same_file(a: Path, b: Path) -> bool:
    return a.exists() and b.exists() and a.samefile(b)


def _plain(cell: Any) -> Any:
    return str(cell) if isinstance(cell, Path) else cell
