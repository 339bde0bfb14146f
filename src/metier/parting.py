"""How rows are held out, so that a figure says what new rows will get: by group, in blocks of time, or at random.

Knows columns and the numbers in them; not what is learnt from the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from metier import lazy
from metier.data.split import blocks, folds, together
from metier.domains.base import Domain
from metier.errors import BadCell, BadOption, MissingColumn
from metier.types import Floats, Input, Labels, Table

MEASURES = ("date", "number")  # what can be put in order, the surer first


@dataclass(frozen=True, kw_only=True)
class Parting:
    """Rows that stay together and the moment of each, where either is known; `said` is empty where neither is.

    `runs` keeps rows of a label together that follow one another. Shapes: groups (n,), moments (n,).
    """

    groups: Labels | None = None
    moments: Floats | None = None
    runs: bool = False
    said: str = ""

    def folds(self, truth: Labels, alike: Labels | None, count: int, seed: int) -> Labels:
        """The fold of each row (n,); `alike` are groups that the rows' domain knows of."""
        groups = together(self.groups, alike)
        if self.moments is not None:
            return blocks(self.moments, groups, count)
        return folds(truth, groups, count, seed, runs=self.runs)


def parting(table: Table, inputs: Sequence[Input], *, group: str | None = None, order: str | None = None) -> Parting:
    """Take the columns asked for; without one, the only column of moments among the inputs gives the order.

    Raises: MissingColumn where one is not there, BadOption where it parts nothing or cannot be put in order.
    """
    for name, option in ((group, "--group"), (order, "--order")):
        if name is not None and name not in table.columns:
            listed = ", ".join(f"'{column}'" for column in table.columns)
            raise MissingColumn(f"{table.source}: no column '{name}'. There is {listed}. Name it with {option}.")
    groups = None if group is None else _groups(table.columns[group], group)
    why = "as asked"
    if order is None and group is None:
        order, why = _only_moment(inputs), "the only one with moments; another can be named with --order"
    moments = None if order is None else _moments(table.columns[order], order)
    said = [f"Rows with the same '{group}' are held out together"] if group is not None else []
    if moments is not None and len(np.unique(moments)) > 1:
        said.append(f"rows are held out in blocks of time by '{order}' ({why})")
    elif moments is not None and why == "as asked":
        raise BadOption(f"order: column '{order}' has one value throughout. Expected a time or number that grows.")
    else:
        moments = None
    sentence = " and ".join(said)
    runs = not any(_sorted(table.columns[one.column]) for one in inputs)
    return Parting(groups=groups, moments=moments, runs=runs, said=sentence[:1].upper() + sentence[1:])


def _sorted(cells: Sequence[Any]) -> bool:
    """Whether a column gave the file its order, so that rows that follow one another are alike for no other reason."""
    known: Sequence[Any] = [cell for cell in cells if cell is not None]
    with suppress(TypeError, ValueError):
        known = [float(cell) for cell in known]
    try:
        pairs = list(pairwise(known))
        return len(set(known)) > 1 and (all(a <= b for a, b in pairs) or all(a >= b for a, b in pairs))
    except TypeError:  # cells of several kinds, or of one that has no order
        return False


def _groups(cells: Sequence[Any], name: str) -> Labels:
    """One number for each different cell; rows with a gap stand alone."""
    known, groups = np.unique([str(cell) for cell in cells], return_inverse=True)
    if len(known) < 2:
        raise BadOption(f"group: column '{name}' has one value throughout. Expected two or more groups of rows.")
    alone = np.array([cell is None for cell in cells])
    return np.where(alone, len(known) + np.arange(len(cells)), groups).astype(np.int64)


def _only_moment(inputs: Sequence[Input]) -> str | None:
    moments = [one.column for one in inputs if getattr(lazy.find("domains", one.domain, "DOMAIN"), "moments", False)]
    return moments[0] if len(moments) == 1 else None


def _moments(cells: Sequence[Any], name: str) -> Floats:
    """The cells as numbers; those with a gap come first."""
    domains: list[Domain] = [lazy.find("domains", measure, "DOMAIN") for measure in MEASURES]
    domain = max(domains, key=lambda domain: domain.likely(cells))
    moments = np.full(len(cells), -np.inf)
    for i, cell in enumerate(cells):
        try:
            read = domain.read(cell)
        except BadCell as problem:
            raise BadOption(f"order: row {i + 1} of column '{name}': {problem}") from None
        moments[i] = -np.inf if read is None else read
    return moments
