"""Rows of several columns as a domain: each cell is read by the domain of its own column.

Knows columns and the seam of domains, and no domain by name. A gap in a column is a value like any other.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from metier import lazy
from metier.data import media
from metier.domains.base import Detailed, Domain, shown
from metier.encoders.base import Encoder
from metier.errors import BadCell
from metier.types import Effort, Input, Table, Value

Row: TypeAlias = tuple[Value, ...]
ALONE = "boosted"  # what names this head looks at columns one by one, and gains nothing from a meaning beside them


def domain_of(inputs: Sequence[Input], encoders: Sequence[Encoder] = ()) -> Domain:
    """The domain of what is read: that of the one column, or the record of several; it keeps what the encoders see.

    Raises: MissingPackage where one needs what is not installed.
    """
    domain = Record(inputs) if len(inputs) > 1 else _ready(inputs[0].domain)
    return domain.for_encoders(encoders) if isinstance(domain, Detailed) else domain


def _ready(name: str) -> Domain:
    """A domain whose packages are here: checked once, so that no cell of a thousand has to find out."""
    domain: Domain = lazy.find("domains", name, "DOMAIN")
    for package in domain.needs:
        lazy.need(package, extra=name, purpose=f"Reading cells of the domain '{name}'")
    return domain


def located(table: Table, inputs: Sequence[Input]) -> Table:
    """The table with names of files as paths, in the columns whose domain reads files."""
    for one in inputs:
        if one.column in table.columns and getattr(domain_of([one]), "files", False):
            table = media.located(table, one.column)
    return table


class Record:
    """The domain of rows: a cell is a tuple or list with one cell a column, or a mapping from their names."""

    name = "record"

    def __init__(self, inputs: Sequence[Input]) -> None:
        self.inputs = tuple(inputs)
        self.columns = tuple(one.column for one in self.inputs)
        self.domains: tuple[Domain, ...] = tuple(_ready(one.domain) for one in self.inputs)
        self.needs = tuple(dict.fromkeys(need for domain in self.domains for need in domain.needs))
        cells = zip(*(domain.sample.columns["input"] for domain in self.domains), strict=True)
        # the samples of the columns' domains side by side, with the labels of the first
        self.sample = Table(columns={"input": list(cells), "target": self.domains[0].sample.columns["target"]})

    def likely(self, cells: Sequence[Any]) -> float:
        """The share of cells that are rows of as many cells."""
        fitting = [isinstance(cell, tuple | list) and len(cell) == len(self.columns) for cell in cells]
        return sum(fitting) / max(len(fitting), 1)

    def read(self, cell: Any) -> Row:
        """The values of a row, None for a gap.

        Raises: BadCell naming the column whose cell cannot be read, or where there is no cell at all.
        """
        row = self._row(cell)
        try:
            values = tuple([read(own) for read, own in zip(self._reads, row, strict=True)])
        except BadCell:
            values = self._read_one_by_one(row)
        if all(value is None for value in values):  # not by count: an array is equal to nothing and everything
            raise BadCell(
                f"there is nothing in any of the {len(values)} columns: {', '.join(self.columns[:10])}. Expected a "
                "cell in one of them at least; fill it, or leave the row out."
            )
        return values

    def group(self, values: Sequence[Row]) -> NDArray[np.int64] | None:
        """Rows are of one group where every column that knows groups says so; each stands alone if none does."""
        known = [
            groups
            for place, domain in enumerate(self.domains)
            if (groups := _groups_at(domain, place, values)) is not None
        ]
        if not known:
            return None
        return np.unique(np.stack(known, axis=1), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)

    def encoders(self, effort: Effort) -> Sequence[Encoder]:
        """The stages of all columns side by side; a column with fewer goes on with its last.

        What looks at columns one by one has a stage of its own, before what is made of a meaning.
        """
        from metier.encoders.beside import beside

        offered = [domain.encoders(effort) for domain in self.domains]
        stages = [beside({place: own[0] for place, own in enumerate(offered)})]
        for rank in range(1, max(map(len, offered))):
            new = {place: own[rank] for place, own in enumerate(offered) if rank < len(own)}
            alone = {place: encoder for place, encoder in new.items() if encoder.head == ALONE}
            if alone:
                stages.append(beside(alone))
            if len(alone) < len(new):
                stages.append(beside({place: own[min(rank, len(own) - 1)] for place, own in enumerate(offered)}))
        return stages

    def parts(self, value: Row) -> Sequence[tuple[str, Row]]:
        """Each column that is no gap, by its name, and the row with a gap in its place."""
        return [
            (name, (*value[:place], None, *value[place + 1 :]))
            for place, name in enumerate(self.columns)
            if value[place] is not None and sum(one is not None for one in value) > 1
        ]

    def _row(self, cell: Any) -> Sequence[Any]:
        if isinstance(cell, Mapping):
            return self._by_name(cell)
        if not isinstance(cell, tuple | list) or len(cell) != len(self.columns):
            found = f"{len(cell)} cells" if isinstance(cell, tuple | list) else shown(cell)
            raise BadCell(
                f"{found}: no row. Expected {len(self.columns)} cells ({', '.join(self.columns[:10])}"
                f"{' …' if len(self.columns) > 10 else ''}), or a mapping from their names; fix the row."
            )
        return cell

    def _by_name(self, cells: Mapping[Any, Any]) -> Sequence[Any]:
        missing = [name for name in self.columns if name not in cells]
        unknown = [str(name) for name in cells if name not in self.columns]
        # a name left out is a gap, but one beside a name that nobody knows is probably misspelt
        if missing and (unknown or len(missing) == len(self.columns)):
            near = [close for name in unknown[:10] for close in difflib.get_close_matches(name, missing, n=1)]
            hint = f" Did you mean {', '.join(near)}?" if near else ""
            raise BadCell(
                f"no cell for {', '.join(missing[:10])}{' …' if len(missing) > 10 else ''}; not known: "
                f"{', '.join(unknown[:10]) or 'nothing'}.{hint} Expected the columns learnt; name them, leave gaps out."
            )
        return [cells.get(name) for name in self.columns]

    def _read_one_by_one(self, row: Sequence[Any]) -> Row:
        values = []
        for name, read, cell in zip(self.columns, self._reads, row, strict=True):
            try:
                values.append(read(cell))
            except BadCell as problem:
                raise BadCell(f"column '{name}': {problem}") from None
        return tuple(values)

    @cached_property
    def _reads(self) -> list[Callable[[Any], Value]]:
        return [_reading(domain) for domain in self.domains]


def _reading(domain: Domain) -> Callable[[Any], Value]:
    """How the domain reads a cell, with a gap where there is nothing to read."""
    try:
        domain.read(None)
    except BadCell:
        return lambda cell: None if _is_blank(cell) else domain.read(cell)
    return domain.read  # it knows gaps of its own


def _is_blank(cell: Any) -> bool:
    if isinstance(cell, str | bytes):
        return not cell.strip()
    return cell is None or (isinstance(cell, float) and cell != cell)


def _groups_at(domain: Domain, place: int, values: Sequence[Row]) -> NDArray[np.int64] | None:
    """The groups of one column; rows with a gap there stand alone."""
    there = [i for i, value in enumerate(values) if value[place] is not None]
    groups = domain.group([values[i][place] for i in there]) if there else None
    if groups is None:
        return None
    whole = np.arange(len(values), dtype=np.int64) + int(groups.max(initial=0)) + 1
    whole[there] = groups
    return whole
