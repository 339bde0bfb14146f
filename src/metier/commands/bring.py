"""`metier assistant import rasa`: another tool's assistant as files of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from metier.commands.base import grid, say, show


def rasa(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A project of Rasa 3, forms or CALM.")],
    into: Annotated[Path, typer.Option(metavar="DIR", help="Where our files go; it must be new or empty.")],
    name: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What it is called.", show_default="the folder")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Turn a Rasa 3 project into an assistant, with a list of what needs a person. Nothing of it is run."""
    from metier.assistant.rasa import project, turned
    from metier.assistant.rasa.written import FIRST, LOOK
    from metier.errors import BadOption

    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise BadOption(f"--into {into}: holds something already. Name a new folder; nothing was written.")
    done = turned.turn(project.read(folder), name or folder.resolve().name.replace("_", " ").replace("-", " "))
    for file, text in done.files.items():
        path = into / file
        path.parent.mkdir(parents=True, exist_ok=True)  # new or empty, so nothing is written over
        path.write_text(text, encoding="utf-8")
    if as_json:
        left = [{"place": one.place, "found": one.found, "to_do": one.to_do, "rank": one.rank} for one in done.left]
        typer.echo(json.dumps({"files": sorted(done.files), "came": done.came, "left": left}, ensure_ascii=False))
        return
    table = grid("", "came over", "of", figures=(1, 2))
    for what, (came, of) in done.came.items():
        if of:
            table.add_row(what, str(came), str(of))
    show(table)
    first, look = (sum(one.rank == rank for one in done.left) for rank in (FIRST, LOOK))
    say(f"{into / 'IMPORT.md'} is for a person: {first} to do first, {look} to look at.")
    say(f"Now: metier assistant check {into}, then metier assistant train {into}")
