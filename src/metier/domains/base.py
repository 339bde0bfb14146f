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
    """Seven members, no more to learn."""

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
class Naming(Protocol):
    """What a domain has besides when the name of a label can be read as one of its values."""

    def named(self, label: str) -> Value | None:
        """The value that a label's name is, or None where it says nothing."""
        ...
