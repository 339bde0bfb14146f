"""What a domain promises: cells in, values out, and the encoders that suit them.

Knows nothing of labels, heads or files. A new domain is one file in this folder that exposes `DOMAIN`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from metier.encoders.base import Encoder
from metier.types import Effort, Table, Value


class Domain(Protocol):
    """Seven members, no more to learn.

    A domain of single measures, such as numbers, may say `tabular = True`: a file of such columns is a table, and all
    of them are read. One whose values are moments says `moments = True`: rows are then held out in blocks of time. One
    that reads files says `files = True`: names of files in a table become paths, from the folder the table lies in.
    """

    name: str
    needs: tuple[str, ...]  # packages of the extra with this name; imported inside the methods
    sample: Table  # eight labelled rows, columns "input" and "target": contract tests, docs and `check` use them

    def likely(self, cells: Sequence[Any]) -> float:
        """How much these cells look like this domain's, 0 to 1."""
        ...

    def read(self, cell: Any) -> Value:
        """The value in a cell.

        Raises: BadCell, saying what is wrong with it.
        """
        ...

    def group(self, values: Sequence[Value]) -> NDArray[np.int64] | None:
        """One number a value; values with the same number stay on one side of a split. None: each stands alone."""
        ...

    def encoders(self, effort: Effort) -> Sequence[Encoder]:
        """Unfitted encoders from cheap to costly, one for each stage."""
        ...


@runtime_checkable
class Parted(Protocol):
    """What a domain has besides when its values have parts; evidence leaves out one at a time and sees what changes."""

    def parts(self, value: Value) -> Sequence[tuple[str, Value]]:
        """The name of each part, as people of the trade would say it, and the value without that part.

        At most a few dozen: each costs a prediction. None for a value that is all one part.
        """
        ...


@runtime_checkable
class Naming(Protocol):
    """What a domain has besides when the name of a label can be read as one of its values."""

    def named(self, label: str) -> Value | None:
        """The value that a label's name is, or None where it says nothing."""
        ...


@runtime_checkable
class Backed(Protocol):
    """What a domain has besides when its user may name the encoder of the last stage."""

    def backbone(self, source: str) -> Encoder:
        """The encoder in a file or a folder, or of a name on the hub.

        Raises: BadOption where it is none.
        """
        ...


@runtime_checkable
class Detailed(Protocol):
    """What a domain has besides when some encoders see more of a cell than it keeps for the others."""

    def for_encoders(self, encoders: Sequence[Encoder]) -> Domain:
        """The domain that keeps what these encoders see."""
        ...


def shown(cell: Any) -> str:
    """A cell in a message, made without a look at all of it: it may be huge, or nested beyond what can be printed."""
    if isinstance(cell, str | bytes):
        return repr(cell[:40])
    if isinstance(cell, float | np.floating) or (isinstance(cell, int) and cell.bit_length() < 128):
        return repr(cell)
    return f"a value of the type {type(cell).__name__}"
