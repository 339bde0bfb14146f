"""`metier evaluate`: a specialist against labelled rows, as tables here and as a report in two files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metier.commands.base import BROKEN_PROMISE, Folder, Renamed, figures_table, grid, say, show, show_json, shown
from metier.errors import BadOption

if TYPE_CHECKING:
    import rich.table

    from metier.evaluation import Evaluation
    from metier.types import Table

MOST_CLASSES, MOST_CONFUSIONS, MOST_LETTERS = 8, 5, 40


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
) -> Evaluation:
    from metier import api
    from metier.columns import split_names
    from metier.data.read import read
    from metier.data.write import write_text

    specialist = api.load(folder)
    table = _as_learnt(read(data), target, specialist.target_column, "--target")
    table = _inputs_as_learnt(table, input, specialist.columns)
    others = None if beside is None else read(beside)
    if others is not None and input is not None and set(split_names(input, others.columns)) <= set(others.columns):
        others = _inputs_as_learnt(others, input, specialist.columns)
    evaluation = specialist.evaluate(table, out_of_scope=others, out_of_scope_label=label)
    facts = {"Rows from": Path(data).name, "Judged": "rows it has not learnt from"}
    for ending, content in api.report_files(evaluation, title=f"{specialist.name}, evaluated", facts=facts).items():
        write_text(page if ending == ".html" else page.with_suffix(ending), content.decode())
    return evaluation


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
        raise BadOption(f"--input {asked}: {len(names)} columns. Expected {len(learnt)}, in the order {', '.join(learnt)}.")
    for name in names:
        require(table, name, "--input")
    renamed = {own: table.columns[name] for name, own in zip(names, learnt, strict=True)}
    return replace(table, columns={**table.columns, **renamed})


def _show(evaluation: Evaluation) -> None:
    show(figures_table(evaluation.summary()), "", _classes(evaluation))
    if evaluation.confusions:
        show("", _confusions(evaluation))
    for note in evaluation.notes:
        show(f"Note: {note}")


def _classes(evaluation: Evaluation) -> rich.table.Table:
    known = sorted((c for c in evaluation.per_class if c.f1 is not None), key=lambda c: c.f1 or 0)
    title = f"The {min(len(known), MOST_CLASSES)} weakest of {len(evaluation.labels):,} labels; all are in the report"
    table = grid("Label", "F1", "Precision", "Recall", "Answered", "Rows", figures=range(1, 6), title=title)
    for c in known[:MOST_CLASSES]:
        shares = ("–" if share is None else f"{share:.0%}" for share in (c.f1, c.precision, c.recall, c.accepted))
        table.add_row(shown(c.label, MOST_LETTERS), *shares, f"{c.rows:,}")
    return table


def _confusions(evaluation: Evaluation) -> rich.table.Table:
    table = grid("Label", "Taken for", "Rows", "Answered", figures=(2, 3), title="Confusions that matter")
    for pair in evaluation.confusions[:MOST_CONFUSIONS]:
        table.add_row(
            shown(pair.truth, MOST_LETTERS), shown(pair.guess, MOST_LETTERS), f"{pair.count:,}", f"{pair.answered:,}"
        )
    return table
