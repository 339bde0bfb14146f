"""`metier domains`: what a cell may be here, and how to install what is missing."""

from __future__ import annotations

from typing import Annotated

import typer

from metier.commands.base import grid, show, show_json


def domains(
    as_json: Annotated[bool, typer.Option("--json", help="All of it as one line of JSON.")] = False,
) -> None:
    """List what cells may be, whether its packages are installed, and how to install the rest."""
    from metier.installed import domains as listed

    found = listed()
    if as_json:
        show_json([domain.json() for domain in found])
        return
    table = grid("Domain", "Here", "What it reads")
    for domain in found:
        table.add_row(domain.name, "yes" if domain.ready else "no", domain.does)
    commands = [f"{domain.name}: {domain.install}" for domain in found if domain.install is not None]
    show(table, *(["", "To install the rest:", *commands] if commands else []))
