"""`metier audit`: what is wrong with the examples themselves, and a cleaned copy of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metier.commands.base import Asked, Guessed, GuessedInput, grid, say, show, show_json, shown
from metier.errors import BadOption

if TYPE_CHECKING:
    import rich.table

    from metier.findings import Audit, Finding
    from metier.types import Table

MOST_OF_A_KIND, MOST_LETTERS = 5, 300


def audit(
    data: Annotated[str, typer.Argument(metavar="DATA", help="Labelled rows, as `metier train` reads them.")],
    test: Annotated[str | None, typer.Option(metavar="FILE", help="Rows that must not be among those of DATA.")] = None,
    fix: Annotated[
        Path | None, typer.Option(metavar="OUT.csv", help="Write a cleaned copy, and a list of changes beside it.")
    ] = None,
    relabel: Annotated[
        bool, typer.Option("--relabel", help="With --fix: change labels that are probably wrong, too.")
    ] = False,
    target: Guessed = None,
    input: GuessedInput = None,
    task: Asked = None,
    as_json: Annotated[bool, typer.Option("--json", help="All findings as one line of JSON.")] = False,
) -> None:
    """Find wrong labels, duplicates, leaks and classes that are too small."""
    if relabel and fix is None:
        raise BadOption("--relabel changes labels in the copy that --fix writes. Add --fix OUT.csv.")
    from metier import audit as audits
    from metier.data.read import read
    from metier.train import out_of_fold

    table = read(data, lenient=True)
    others = None if test is None else read(test, lenient=True)
    found = audits.audit(table, test=others, input=input, target=target, task=task, probabilities=out_of_fold)
    say(found.said)
    if as_json:
        show_json(found.json())
    else:
        _show(found)
    if fix is not None:
        _write_fixed(table, found, data, fix, relabel)


def _show(audit: Audit) -> None:
    if not audit.findings:
        show(f"Nothing to find in {audit.rows:,} rows.")
        return
    kinds: dict[str, list[Finding]] = {}
    for finding in audit.findings:
        kinds.setdefault(finding.kind, []).append(finding)
    for findings in kinds.values():
        show(_table(findings), "")
    counts = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in audit.counts().items())
    show(f"{audit.rows:,} rows: {counts}.")


def _table(findings: list[Finding]) -> rich.table.Table:
    """Findings of one kind, the gravest first, and what to do about them."""
    kind, severity = findings[0].kind.replace("_", " "), findings[0].severity
    title = f"{kind} ({severity}): {len(findings):,}"
    if len(findings) > MOST_OF_A_KIND:
        title += f", of which {MOST_OF_A_KIND}; all are in --json"
    table = grid("", title=title)
    first = findings[:MOST_OF_A_KIND]
    for finding, following in zip(first, [*first[1:], None], strict=True):
        table.add_row(shown(f"· {finding.message}", MOST_LETTERS))
        if following is None or following.suggestion != finding.suggestion:
            table.add_row(shown(f"  → {finding.suggestion}"))
    return table


def _write_fixed(table: Table, audit: Audit, data: str, copy: Path, relabel: bool) -> None:
    from metier.findings import fix, write_fixed

    listed = copy.with_name(f"{copy.stem}.changes{copy.suffix}")
    cleaned, changes = fix(table, audit, relabel=relabel)
    write_fixed(cleaned, changes, original=data, copy=copy, listed=listed)
    say(
        f"{len(cleaned):,} of {len(table):,} rows in {copy}, {len(changes):,} changes in {listed}. {data} is untouched."
    )
