"""Which column holds the input and which the target, by name first and by content where no name tells.

Asks every domain how much the cells look like its own; knows no domain by name.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from metier import lazy
from metier.errors import BadOption, MissingColumn
from metier.targets import claimed, target_cells, target_columns, task_of
from metier.tasks.base import label_text as label_text
from metier.types import Table

# singular, and the surest first
INPUT_NAMES = (
    *("input", "text", "query", "utterance", "sentence", "message", "question", "request", "prompt", "content"),
    *("body", "comment", "review", "description", "document", "file", "subject", "title"),
)
TARGET_NAMES = (
    "target",
    "label",
    "intent",
    "category",
    "class",
    "topic",
    "tag",
    "answer",
    "type",
    "y",
    *("price", "value", "amount", "score", "rating"),
)
LOOKED_AT = 200
LIKELY = 0.5  # below it no domain takes the cells for its own
REPEATS = 2.0  # rows for each different value before a column may be guessed to be the target


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns to learn from, the domain of the input, the task, and a sentence or two on how they were found."""

    input: str
    target: str
    domain: str
    task: str
    said: str


def choose(table: Table, *, input: str | None = None, target: str | None = None, task: str | None = None) -> Columns:
    """Take the columns asked for, and guess those that are not.

    Raises: MissingColumn where one is not there, cannot be guessed or is of the wrong kind; BadOption when both are the
    same column.
    """
    if input is not None:
        require(table, input, "--input")
    for name in target_columns(table, target) if target is not None else ():
        require(table, name, "--target")
    if input is not None and target is not None and input in target_columns(table, target):
        raise BadOption(f"'{input}' is asked for as input and as target. Expected two columns of {_listed(table)}.")
    target_name, target_why = (target, "as asked") if target is not None else _guess_target(table, input)
    cells = target_cells(table, target_name)
    asked = task_of(cells, task)
    held = asked.seen(cells, f"{table.source}: column '{target_name}'")
    input_name, input_why = (input, "as asked") if input is not None else _guess_input(table, target_name)
    domain = _domain(table, input_name)
    return Columns(
        input=input_name,
        target=target_name,
        domain=domain,
        task=asked.name,
        said=f"Input is column '{input_name}' ({input_why}; {domain}), target is column '{target_name}' ({target_why}; "
        f"{held}).{_task_said(asked.name, task, cells)}",
    )


def _task_said(name: str, asked: str | None, cells: Sequence[Any]) -> str:
    """A sentence on the task, where there was anything to choose."""
    if asked is not None:
        return f" The task is '{name}' (as asked)."
    return f" The task is '{name}' (by the values; --task says otherwise)." if claimed(cells) else ""


def require(table: Table, name: str, option: str) -> None:
    """Check that a column is there.

    Raises: MissingColumn with the columns that are, and the nearest of them.
    """
    if name in table.columns:
        return
    folded = {column.casefold(): column for column in table.columns}
    near = difflib.get_close_matches(name.casefold(), folded, n=1)
    hint = f" Did you mean '{folded[near[0]]}'?" if near else ""
    raise MissingColumn(f"{table.source}: no column '{name}'. There is {_listed(table)}.{hint} Name it with {option}.")


def _guess_target(table: Table, input: str | None) -> tuple[str, str]:
    open_columns = [name for name in table.columns if name != input]
    for name in _by_name(open_columns, TARGET_NAMES):
        different, rows = _counted(table.columns[name])
        if different < rows or claimed(table.columns[name]):
            return name, "by its name"
    # the likeliest input is out of the running: a column of short texts may well repeat
    texts = set(_by_name(open_columns, INPUT_NAMES)[:1]) if input is None else set()
    counted = {name: _counted(table.columns[name]) for name in open_columns if name not in texts}
    repeating = [name for name, (different, rows) in counted.items() if 2 <= different <= rows / REPEATS]
    if len(repeating) == 1:
        return repeating[0], "the only one whose values repeat"
    found = f"Several repeat: {', '.join(repeating)}." if repeating else "None has values that repeat."
    raise MissingColumn(
        f"{table.source}: cannot guess which column holds the target. There is {_listed(table)}. {found} Expected a "
        f"name such as {', '.join(TARGET_NAMES[:4])} in the first line of the file. Name it with --target."
    )


def _guess_input(table: Table, target: str) -> tuple[str, str]:
    likely = {name: max(_likelihoods(cells).values()) for name, cells in table.columns.items() if name != target}
    fit = [name for name, likelihood in likely.items() if likelihood >= LIKELY]
    named = _by_name(fit, INPUT_NAMES)
    if named:
        return named[0], "by its name"
    if len(fit) == 1:
        return fit[0], "the only one that fits"
    if fit:
        lengths = {name: sum(len(str(cell)) for cell in _some(table.columns[name])) for name in fit}
        return max(fit, key=lengths.__getitem__), "the longest cells"
    raise MissingColumn(
        f"{table.source}: cannot guess which column holds the input. There is {_listed(table)}, with '{target}' the "
        f"target and the rest of the wrong kind. Expected {_domains_listed()}. Name it with --input."
    )


def _domain(table: Table, name: str) -> str:
    likely = _likelihoods(table.columns[name])
    best = max(likely, key=likely.__getitem__)
    if likely[best] < LIKELY:
        shown = ", ".join(repr(cell)[:40] for cell in _some(table.columns[name])[:3]) or "nothing but gaps"
        raise MissingColumn(
            f"{table.source}: column '{name}' is of the wrong kind for an input: it holds {shown}. Expected "
            f"{_domains_listed()}. There is {_listed(table)}. Name the column with --input."
        )
    return best


def _likelihoods(cells: Sequence[Any]) -> dict[str, float]:
    some = _some(cells)
    return {name: lazy.find("domains", name, "DOMAIN").likely(some) if some else 0.0 for name in lazy.names("domains")}


def _some(cells: Sequence[Any]) -> list[Any]:
    full = [cell for cell in cells if cell is not None]
    return full[:: max(1, len(full) // LOOKED_AT)][:LOOKED_AT]


def _counted(cells: Sequence[Any]) -> tuple[int, int]:
    """How many different names and numbers a column holds, and in how many rows."""
    full = [cell for cell in cells if isinstance(cell, str | int | float)]
    return len(set(full)), len(full)


def _by_name(columns: Sequence[str], names: Sequence[str]) -> list[str]:
    """The columns with one of these names, in the order of the names; a whole name goes before part of one."""
    words: dict[str, list[str]] = {column: _words(column) for column in columns}
    ranked: list[tuple[tuple[int, int], str]] = []
    for column, parts in words.items():
        for rank, name in enumerate(names):
            if name in parts:
                ranked.append(((len(parts) > 1, rank), column))
                break
    return [column for _, column in sorted(ranked, key=lambda pair: pair[0])]


def _words(column: str) -> list[str]:
    parts = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column).lower())
    return [part if part == "class" else part.removesuffix("s") for part in parts]


def _listed(table: Table) -> str:
    return ", ".join(f"'{name}'" for name in table.columns)


def _domains_listed() -> str:
    return " or ".join(sorted(lazy.names("domains")))
