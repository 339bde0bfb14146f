"""What every file of this folder gives: figures, one at a time, each with who reached it on which rows.

Knows no domain. A file exposes `run()`; peers run in it on the rows that metier had.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

DATA = Path(os.environ.get("METIER_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))
HeldOut: TypeAlias = Literal["group", "time", "random"]  # what kept test rows from the rows learnt


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One cell of the table: `low` and `high` bound the value with 95 % confidence, where that was measured."""

    data: str  # "moleculenet BBBP"
    split: str  # "scaffold 80/10/10"
    measure: str  # "ROC-AUC", "RMSE, lower is better"
    who: str  # "metier standard", "random forest on Morgan fingerprints"
    value: float
    low: float | None = None
    high: float | None = None
    seconds: float | None = None  # of training
    note: str = ""
    held_out: HeldOut | None = None  # where the same was measured in several ways, so that they can stand side by side


class Trade(Protocol):
    """A module of this folder."""

    def run(self) -> Iterator[Figure]:
        """Figures in the order they are reached, so that a stopped run keeps what it has."""
        ...
