"""Categories: a country, a colour, a kind of contract; one of a few names that come again and again, or a gap.

A cell is a short text, a number or a truth value. Knows nothing of what the names mean: two are the same or not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier.domains.base import shown
from metier.encoders.base import Encoder
from metier.errors import BadCell
from metier.types import Effort, Table

LONGEST = 200  # characters of a name
MOST_WORDS = 4  # of what is taken for a name where nobody said so
FEW_WORDS, LONGER = 3, 0.8  # a name of so many words counts less than a text does
MOST_WHOLE = 1e15  # from there on a float is no count
MANY, SURE_OF_MANY = 30, 0.95  # of so many names a domain that knows them for its own is the surer one: molecules
REPEATS = 2.0  # cells for each different one


class Category:
    """The domain of names."""

    name = "category"
    tabular = True
    needs: tuple[str, ...] = ()
    sample = Table(
        columns={
            "input": ["red", "orange", "red", "orange", "blue", "green", "blue", "green"],
            "target": ["warm"] * 4 + ["cold"] * 4,
        },
        source="the sample of the domain 'category'",
    )

    def likely(self, cells: Sequence[Any]) -> float:
        """The share of cells that are short names, where names repeat; three words and more may as well be a text."""
        seen = [cell for cell in cells if cell is not None and not (isinstance(cell, str) and not cell.strip())]
        names = [cell.strip() if isinstance(cell, str) else cell for cell in seen if _is_name(cell)]
        if not names or len(set(names)) * REPEATS > len(names):
            return 0.0
        short = sum(not isinstance(name, str) or len(name.split()) < FEW_WORDS for name in names)
        share = (short + LONGER * (len(names) - short)) / len(seen)
        return share * SURE_OF_MANY if len(set(names)) > MANY else share

    def read(self, cell: Any) -> str | None:
        """The name in a cell, white space at its ends removed; None for a gap.

        1, 1.0 and "1" are one name. Raises: BadCell where there is a list or a page of text.
        """
        if type(cell) is str and 0 < len(name := cell.strip()) <= LONGEST:
            return name
        if isinstance(cell, bytes):
            cell = cell.decode("utf-8", "replace")
        if isinstance(cell, str):
            name = cell.strip()
            if len(name) > LONGEST:
                raise BadCell(
                    f"{name[:40]!r} … has {len(name):,} characters. Expected a name of at most {LONGEST}; shorten it."
                )
            return name or None
        if cell is None or (isinstance(cell, float) and math.isnan(cell)):
            return None
        if isinstance(cell, bool | np.bool_):
            return str(bool(cell))
        if not isinstance(cell, Real):
            raise BadCell(f"{shown(cell)} is no name. Expected a short text, a number or nothing; fix the cell.")
        try:
            number = float(cell)
        except OverflowError:
            number = math.inf
        return str(int(number)) if number.is_integer() and abs(number) < MOST_WHOLE else str(number)

    def group(self, values: Sequence[str | None]) -> NDArray[np.int64] | None:
        """Each row stands alone: rows of one name are what is compared."""
        return None

    def encoders(self, effort: Effort) -> Sequence[Encoder]:
        """One weight for each name; from `standard` on trees behind it."""
        from metier.encoders.columns import stages

        return stages("category", effort)


def _is_name(cell: Any) -> bool:
    if isinstance(cell, str):
        return len(cell) <= LONGEST and len(cell.split()) <= MOST_WORDS and not _is_number(cell)
    return isinstance(cell, bool | np.bool_)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


DOMAIN = Category()
