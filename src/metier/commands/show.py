"""`metier show`: what a specialist is, where it came from, what it promises and what it costs here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metier.commands.base import Folder, figure_lines, figures_table, show_json, shown
from metier.commands.base import show as put

if TYPE_CHECKING:
    from metier.tasks.base import Wording

MOST_LABELS = 12


def show(
    folder: Folder,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as one line of JSON.")] = False,
) -> None:
    """Say what a specialist is, where it came from, what it promises and what it costs."""
    from metier import artifact, lazy
    from metier.timing import stage_microseconds

    said: dict[str, Any] = dict(artifact.describe(folder))
    specialist = artifact.load(folder)
    microseconds = stage_microseconds(specialist, [golden.asked for golden in specialist.golden])
    if as_json:
        # long rows are not kept with it, and without one there is nothing to time; JSON has no NaN
        show_json({**said, "microseconds": [None if math.isnan(time) else time for time in microseconds]})
        return
    task: Wording = lazy.find("tasks", said["task"], "TASK")
    domains = ", ".join(dict.fromkeys(one["domain"] for one in said["inputs"]))
    put(f"{said['name']}: from {domains} to {task.told(said['labels'])} (task '{said['task']}')", "")
    figures = figures_table(figure_lines(said["task"], said["figures"], microseconds))
    put(figures_table(_origin(said, task)), "", figures, "")
    put(figures_table(_files(said)))
    if said["unlisted"]:
        put(f"No part of it, and never read: {', '.join(said['unlisted'])}")


def _origin(said: Mapping[str, Any], task: Wording) -> list[tuple[str, str, str]]:
    from metier.tasks.base import Task

    origin, recipe, rule = said["origin"], said["recipe"], said["rule"]
    columns = ", ".join(one["column"] for one in said["inputs"])
    labels = ", ".join(said["labels"][:MOST_LABELS])
    more = f" and {len(said['labels']) - MOST_LABELS:,} more" if len(said["labels"]) > MOST_LABELS else ""
    promise = task.promised(rule["max_error"])
    left_out = " ".join(recipe.get("left_out") or ())
    return [
        *([("Labels", labels + more, "")] if isinstance(task, Task) and task.loss != "squared" else []),
        ("Learnt from", f"{origin.get('source')}: {origin.get('rows', 0):,} rows", ""),
        ("Columns", f"{columns} → {said['target']}", ""),
        ("Data, sha256", f"{origin.get('sha256')}", ""),
        ("Recipe", f"effort {recipe.get('effort')}, seed {recipe.get('seed')}. {left_out}".strip(), ""),
        *(("Held out", str(note), "") for note in said["figures"].get("notes") or ()),
        ("Made with", ", ".join(f"{name} {version}" for name, version in origin.get("libraries", {}).items()), ""),
        ("Promises", promise, ""),
        ("Refuses as out of scope", f"{rule['false_refusal']:.1%} of its own kind of rows", ""),
    ]


def _files(said: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    files = sorted(said["files"].items(), key=lambda pair: -pair[1]["bytes"])
    lines = [(shown(name, 40), f"{stated['bytes'] / 1e6:,.2f} MB", "") for name, stated in files]
    return [*lines, ("In all", f"{said['bytes'] / 1e6:,.2f} MB", "every file matches its sha256")]
