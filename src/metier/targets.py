"""The target of a table: one column or several side by side, and which task its cells ask for.

Asks every task how much the cells look like its own; knows no task by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metier import lazy
from metier.errors import BadOption
from metier.tasks.base import Task, Wording
from metier.types import Table

LOOKED_AT = 2_000
LIKELY = 0.5  # of a task that takes whatever no other wants


def target_columns(table: Table, target: str) -> list[str]:
    """The columns a target names: itself, or those between its commas; columns that are not there stay as named."""
    if target in table.columns or "," not in target:
        return [target]
    return [name.strip() for name in target.split(",") if name.strip()]


def target_cells(table: Table, target: str) -> Sequence[Any]:
    """The cells of a target, one a row; of several columns each is a tuple."""
    names = target_columns(table, target)
    if len(names) == 1:
        return table.columns[names[0]]
    return list(zip(*(table.columns[name] for name in names), strict=True))


def task_of(cells: Sequence[Any], asked: str | None) -> Task:
    """The task asked for, or the one whose answers the cells look like most.

    Raises: BadOption where there is no such task.
    """
    if asked is not None and asked not in lazy.names("tasks"):
        raise BadOption(f"task={asked!r} is unknown. Expected one of {', '.join(sorted(lazy.names('tasks')))}.")
    names = [asked] if asked is not None else sorted(lazy.names("tasks"))
    found: list[Wording] = [lazy.find("tasks", name, "TASK") for name in names]
    tasks: list[Task] = [task for task in found if isinstance(task, Task)]
    if not tasks:
        raise BadOption(f"task={asked!r} has no column of answers to be read. Expected another task for this verb.")
    some = _some(cells)
    return max(tasks, key=lambda task: task.likely(some))


def claimed(cells: Sequence[Any]) -> bool:
    """Whether some task takes the cells for its own, so that they are more than names that repeat."""
    return task_of(cells, None).likely(_some(cells)) > LIKELY


def _some(cells: Sequence[Any]) -> list[Any]:
    full = [cell for cell in cells if cell is not None]
    return full[:: max(1, len(full) // LOOKED_AT)][:LOOKED_AT]
