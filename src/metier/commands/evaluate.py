"""`metier evaluate`: a specialist against labelled rows, as tables here and as a report in two files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metier.commands.base import BROKEN_PROMISE, Folder, Renamed, figures_table, grid, say, show, show_json, shown
from metier.errors import BadOption

if TYPE_CHECKING:
    import rich.table

    from metier.evaluation import Grid, Judged
    from metier.forms.base import Learnt
    from metier.types import Table

MOST_LETTERS = 40


def evaluate(
    folder: Folder,
    data: Annotated[str, typer.Argument(metavar="DATA", help="Labelled rows it has not learnt from.")],
    target: Renamed = None,
    input: Renamed = None,
    out_of_scope: Annotated[
        str | None, typer.Option(metavar="FILE", help="Rows that are none of its business.")
    ] = None,
    out_of_scope_label: Annotated[
        str | None, typer.Option(metavar="NAME", help="The label of such rows in DATA.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html",
            help="Where the report goes, and its JSON beside it.",
            show_default="FOLDER-evaluation.html, here",
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit with status 3 when the promise is broken.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All figures as one line of JSON.")] = False,
) -> None:
    """Measure a specialist on rows it has not learnt from, and write a report."""
    page = report or Path(f"{folder.resolve().name}-evaluation.html")
    if page.suffix.lower() not in (".html", ".htm"):
        raise BadOption(f"--report {page}: a report is an HTML file. Expected a name that ends in .html.")
    evaluation = _evaluated(folder, data, target, input, out_of_scope, out_of_scope_label, page)
    if as_json:
        show_json(evaluation.json())
    else:
        _show(evaluation)
        say(f"Report: {page} and {page.with_suffix('.json')}")
    if check and evaluation.promise == "broken":
        raise typer.Exit(BROKEN_PROMISE)


def _evaluated(
    folder: Path, data: str, target: str | None, input: str | None, beside: str | None, label: str | None, page: Path
) -> Judged:
    from metier import api
    from metier.columns import split_names
    from metier.data.read import read
    from metier.data.write import write_text

    specialist = api.load(folder)
    table = read(data)
    for asked, learnt in _pairs(table, target, specialist.target_column):
        table = _as_learnt(table, asked, learnt, "--target")
    table = _inputs_as_learnt(table, input, specialist.columns)
    others = None if beside is None else read(beside)
    if others is not None and input is not None and set(split_names(input, others.columns)) <= set(others.columns):
        others = _inputs_as_learnt(others, input, specialist.columns)
    evaluation = specialist.evaluate(table, out_of_scope=others, out_of_scope_label=label)
    seen = _is_learnt(table, specialist)
    if seen:
        say("These are the very rows it has learnt from, and the figures flatter it. Give rows that it has not seen.")
    facts = {"Rows from": Path(data).name, "Judged": f"rows it has {'' if seen else 'not '}learnt from"}
    for ending, content in api.report_files(evaluation, title=f"{specialist.name}, evaluated", facts=facts).items():
        write_text(page if ending == ".html" else page.with_suffix(ending), content.decode())
    return evaluation


def _is_learnt(table: Table, specialist: Learnt) -> bool:
    """Whether the rows are all those of the training, in their order."""
    from metier.data.read import digest
    from metier.record import located
    from metier.targets import target_columns

    names = [*specialist.columns, *target_columns(table, specialist.target_column)]
    return digest(located(table, specialist.inputs), names) == specialist.origin.get("sha256")


def _pairs(table: Table, target: str | None, learnt: str) -> Iterator[tuple[str, str]]:
    """The columns asked for beside those they had in training; several where the target was several.

    Raises: BadOption where they are not as many.
    """
    from metier.targets import target_columns

    if target is None:
        return
    ours, theirs = target_columns(table, target), target_columns(table, learnt)
    if len(ours) != len(theirs):
        raise BadOption(f"--target {target}: {len(ours)} columns, and it learnt {len(theirs)}: {learnt}. Name as many.")
    yield from zip(ours, theirs, strict=True)


def _as_learnt(table: Table, asked: str | None, learnt: str, option: str) -> Table:
    """The table with the column asked for under the name it had in training."""
    from metier.columns import require

    if asked is None:
        return table
    require(table, asked, option)
    return replace(table, columns={**table.columns, learnt: table.columns[asked]})


def _inputs_as_learnt(table: Table, asked: str | None, learnt: Sequence[str]) -> Table:
    """The same for the columns of the input, in the order in which they were learnt."""
    from metier.columns import require, split_names

    if asked is None:
        return table
    names = split_names(asked, table.columns)
    if len(names) != len(learnt):
        raise BadOption(f"--input {asked}: {len(names)} columns. Expected {len(learnt)}: {', '.join(learnt)}.")
    for name in names:
        require(table, name, "--input")
    renamed = {own: table.columns[name] for name, own in zip(names, learnt, strict=True)}
    return replace(table, columns={**table.columns, **renamed})


def _show(evaluation: Judged) -> None:
    show(figures_table(evaluation.summary()))
    for short in evaluation.grids():
        if short.rows:
            show("", _table(short))
    for note in evaluation.notes:
        show(f"Note: {note}")


def _table(short: Grid) -> rich.table.Table:
    table = grid(*short.columns, figures=range(short.names, len(short.columns)), title=short.title)
    for row in short.rows:
        table.add_row(*(shown(cell, MOST_LETTERS) for cell in row))
    return table
