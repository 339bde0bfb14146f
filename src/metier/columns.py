"""Which columns hold the input and which the target, by name first and by content where no name tells.

Asks every domain how much the cells look like its own; knows no domain by name. A file of text has one input; of a file
of numbers, categories and dates every column is read.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from metier import lazy
from metier.errors import BadOption, MissingColumn
from metier.targets import claimed, target_cells, target_columns, task_of
from metier.tasks.base import label_text as label_text
from metier.types import Input, Table

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
OFTEN, COMMONEST = 5.0, 90  # rows for each different value where a few cells may be too few to show it
TABLE, TO_OTHERS = 3, 2.0  # columns of single measures that make a table of a file, and how many for each other column
KEY_NAMES = ("id", "uuid", "guid", "index", "key", "rowid", "row", "nr", "no", "number", "unnamed")


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns to learn from, each with its domain, the task, and a sentence or two on how they were found."""

    inputs: tuple[Input, ...]
    target: str
    task: str
    said: str

    @property
    def input(self) -> str:
        """The input in words: the column, or all of them with commas between."""
        return named(self.inputs)

    @property
    def domain(self) -> str:
        """What the cells are in words: the domains of the columns, each once."""
        return ", ".join(dict.fromkeys(one.domain for one in self.inputs))

    @property
    def names(self) -> list[str]:
        """The columns of the input, then the target."""
        return [*(one.column for one in self.inputs), self.target]


def named(inputs: Sequence[Input]) -> str:
    """The columns of an input in words."""
    return ", ".join(one.column for one in inputs)


def cells_of(table: Table, inputs: Sequence[Input]) -> list[Any]:
    """What there is to read in each row: the cell of the one column, or the row of several.

    Raises: MissingColumn with all columns that are not there.
    """
    missing = [one.column for one in inputs if one.column not in table.columns]
    if missing:
        raise MissingColumn(
            f"{table.source}: no column {', '.join(repr(name) for name in missing)}. The specialist was trained with "
            f"{'it' if len(missing) == 1 else 'them'}; this table has: {', '.join(table.columns) or 'none'}. Rename "
            f"the column that holds the same thing, or name all with --input: {named(inputs)}."
        )
    columns = [table.columns[one.column] for one in inputs]
    return list(columns[0]) if len(columns) == 1 else list(zip(*columns, strict=True))


def split_names(asked: str | Sequence[str], known: Collection[str]) -> list[str]:
    """Names of columns as people write them: "age,job", or one that has a comma of its own."""
    if not isinstance(asked, str):
        return list(asked)
    return [asked] if asked in known else [name.strip() for name in asked.split(",") if name.strip()]


def choose(
    table: Table,
    *,
    input: str | Sequence[str] | None = None,
    target: str | None = None,
    task: str | None = None,
    aside: Sequence[str | None] = (),
) -> Columns:
    """Take the columns asked for, and guess those that are not; `aside` are columns with another use.

    Raises: MissingColumn where one is not there, cannot be guessed or is of the wrong kind; BadOption when both are the
    same column.
    """
    asked = None if input is None else split_names(input, table.columns)
    for name in asked or ():
        require(table, name, "--input")
    targets = [] if target is None else target_columns(table, target)
    for name in targets:
        require(table, name, "--target")
    if asked is not None and (not asked or len(set(asked)) < len(asked)):
        raise BadOption(f"input: {input!r} names {'a column twice' if asked else 'no column'}. Name each one once.")
    both = [name for name in asked or () if name in targets]
    if both:
        raise BadOption(f"'{both[0]}' is asked for as input and as target. Expected two columns of {_listed(table)}.")
    set_aside = {name for name in aside if name is not None}
    target_name, target_why = (target, "as asked") if target is not None else _guess_target(table, asked, set_aside)
    cells = target_cells(table, target_name)
    task_asked = task_of(cells, task)
    held = task_asked.seen(cells, f"{table.source}: column '{target_name}'")
    set_aside.update(target_columns(table, target_name))
    found = _Found(names=asked, why="as asked") if asked is not None else _guess_input(table, target_name, set_aside)
    inputs = tuple(Input(column=name, domain=_domain(table, name)) for name in found.names)
    return Columns(
        inputs=inputs,
        target=target_name,
        task=task_asked.name,
        said=f"{_inputs_said(inputs, found)}, target is column '{target_name}' ({target_why}; "
        f"{held}).{_task_said(task_asked.name, task, cells)}{found.left_out}",
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


@dataclass(frozen=True, kw_only=True)
class _Found:
    """Columns of the input, why they were taken, and a sentence on those that were not."""

    names: list[str]
    why: str
    left_out: str = ""


def _inputs_said(inputs: Sequence[Input], found: _Found) -> str:
    if len(inputs) == 1:
        return f"Input is column '{inputs[0].column}' ({found.why}; {inputs[0].domain})"
    of_domain: dict[str, list[str]] = {}
    for one in inputs:
        of_domain.setdefault(one.domain, []).append(one.column)
    listed = "; ".join(f"{domain}: {', '.join(names)}" for domain, names in of_domain.items())
    return f"Input is {len(inputs)} columns ({found.why}; {listed})"


def _guess_target(table: Table, inputs: Sequence[str] | None, aside: Collection[str]) -> tuple[str, str]:
    open_columns = [name for name in table.columns if name not in (inputs or ()) and name not in aside]
    for name in _by_name(open_columns, TARGET_NAMES):
        different, rows = _counted(table.columns[name])
        if different < rows or claimed(table.columns[name]):
            return name, "by its name"
    # the likeliest input is out of the running: a column of short texts may well repeat
    texts = set(_by_name(open_columns, INPUT_NAMES)[:1]) if inputs is None else set()
    counted = {name: _counted(table.columns[name]) for name in open_columns if name not in texts}
    repeating = [name for name, (different, rows) in counted.items() if 2 <= different <= rows / REPEATS]
    if len(repeating) == 1:
        return repeating[0], "the only one whose values repeat"
    numbers = [name for name in counted if _silent(table.columns[name], name) is None and claimed(table.columns[name])]
    if not repeating and len(numbers) == 1:
        return numbers[0], "the only one with numbers"
    found = f"Several repeat: {', '.join(repeating)}." if repeating else "None has values that repeat."
    raise MissingColumn(
        f"{table.source}: cannot guess which column holds the target. There is {_listed(table)}. {found} Expected a "
        f"name such as {', '.join(TARGET_NAMES[:4])} in the first line of the file. Name it with --target."
    )


def _guess_input(table: Table, target: str, aside: Collection[str]) -> _Found:
    """One column of text or of files, if there is one and it is no mere part of a table; else all that say anything."""
    best = {
        name: max(_likelihoods(cells).items(), key=lambda pair: pair[1])
        for name, cells in table.columns.items()
        if name != target and name not in aside
    }
    fit = {name: domain for name, (domain, likelihood) in best.items() if likelihood >= LIKELY}
    tabular = [name for name, domain in fit.items() if _is_tabular(domain)]
    others = [name for name in fit if name not in tabular]
    named_so = _by_name(others, INPUT_NAMES)
    if named_so:
        return _Found(names=named_so[:1], why="by its name")
    silent = {name: why for name in fit if (why := _silent(table.columns[name], name)) is not None}
    measures = [name for name in tabular if name not in silent]
    words = [name for name in others if name not in silent]
    if len(words) == 1 and measures and _are_truths(table, [*measures, *target_columns(table, target)]):
        listed = ", ".join(measures[:10]) + (f" and {len(measures) - 10} more" if len(measures) > 10 else "")
        return _Found(
            names=words,
            why="the only one that holds more than 0 and 1",
            left_out=f" Left out, as they look like more targets: {listed}. Name columns with --input to read them, or "
            "with --target to learn them too.",
        )
    if measures and (not words or len(measures) >= max(TABLE, TO_OTHERS * len(words))):
        said = "; ".join(f"'{name}' ({why})" for name, why in silent.items())
        return _Found(
            names=[name for name in fit if name not in silent],
            why="it looks like a table" if len(measures) + len(words) > 1 else "the only one that fits",
            left_out=f" Left out: {said}. Name the columns with --input to decide." if said else "",
        )
    if not others and tabular:
        return _Found(names=tabular, why="it looks like a table" if len(tabular) > 1 else "the only one that fits")
    if len(others) == 1:
        return _Found(names=others, why="the only one that fits" if len(fit) == 1 else "the only one of its kind")
    if others:
        lengths = {name: sum(len(str(cell)) for cell in _some(table.columns[name])) for name in others}
        return _Found(names=[max(others, key=lengths.__getitem__)], why="the longest cells")
    raise MissingColumn(
        f"{table.source}: cannot guess which column holds the input. There is {_listed(table)}, with '{target}' the "
        f"target and the rest of the wrong kind. Expected {_domains_listed()}. Name it with --input."
    )


def _silent(cells: Sequence[Any], name: str) -> str | None:
    """Why a column says nothing: it has one value throughout, or is a key, with another in every row."""
    full = [cell for cell in cells if cell is not None]
    different = len(set(map(str, full)))
    if different <= 1:
        return "one value only"
    called_so = any(word in KEY_NAMES for word in _words(name)) and not isinstance(full[0], float)
    return "a key, another value in every row" if called_so and different == len(full) else None


def _are_truths(table: Table, names: Sequence[str]) -> bool:
    """Whether these columns hold 0 and 1 alone, beside gaps."""
    return all(
        {str(cell).removesuffix(".0") for cell in table.columns[name] if cell is not None} == {"0", "1"}
        for name in names
    )


def _is_tabular(domain: str) -> bool:
    return bool(getattr(lazy.find("domains", domain, "DOMAIN"), "tabular", False))


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
    """Some of the cells, from all over the rows; where values come often, few enough of them that it shows."""
    full = [cell for cell in cells if cell is not None]
    counts = Counter(cell for cell in full if isinstance(cell, str))
    if LOOKED_AT / REPEATS < len(counts) <= len(full) / OFTEN:
        common = {value for value, _ in counts.most_common(COMMONEST)}
        full = [cell for cell in full if not isinstance(cell, str) or cell in common]
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
