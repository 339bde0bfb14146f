"""`metier ledger`: who answered, what it cost, what it would have cost, and who was right."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Annotated

import typer

from metier.commands.base import grid, show_json
from metier.commands.base import show as put

SPANS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def ledger(
    url: Annotated[str, typer.Argument(metavar="LEDGER", help="A file, or postgresql://…")] = "ledger.db",
    since: Annotated[str, typer.Option(metavar="SPAN", help="30m, 24h, 7d …; everything if left out.")] = "",
    corrected: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The corrected answers of a specialist, as rows to learn from."),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="CSV for --corrected.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON a specialist.")] = False,
) -> None:
    """Totals for each specialist, recomputed from every answer."""
    from metier.database import POSTGRES
    from metier.errors import UnreadableData
    from metier.gateway.ledger import Ledger

    if not url.startswith(POSTGRES) and not Path(url).exists():
        raise UnreadableData(f"{url}: there is no ledger. `metier serve` writes one; name it with [ledger] url.")
    held = Ledger(url)
    try:
        if corrected is not None:
            _write(held.rows(corrected), corrected, output)
            return
        totals = held.totals(time.time() - _seconds(since) if since else 0.0)
    finally:
        held.close()
    if as_json:
        for one in totals:
            show_json(one.json())
        return
    table = grid("Specialist", "Answers", "Here", "Upstream $", "Would be $", "Wh", "Wrong", figures=range(1, 6))
    for one in totals:
        hours = "not measured" if one.watt_hours is None else f"{one.watt_hours:.4f}"
        here = "" if one.served_here is None else f"{one.served_here:.1%}"
        would = one.compared_dollars or ""
        table.add_row(one.specialist, f"{one.answers:,}", here, one.upstream_dollars, would, hours, one.error or "")
    put(table)


def _write(rows: list[tuple[str, str]], name: str, output: Path | None) -> None:
    import csv

    path = output or Path(f"{name}-corrected.csv")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label"))
        writer.writerows(rows)
    put(f"{len(rows):,} rows in {path}; learn from them beside your own: metier train BOTH.csv -o {name}")


def _seconds(span: str) -> float:
    match = re.fullmatch(r"(\d+)([mhdw])", span.strip())
    if match is None:
        raise typer.BadParameter(f"'{span}' is no span. Write 30m, 24h, 7d or 4w.")
    return int(match[1]) * SPANS[match[2]]
