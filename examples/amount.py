"""A domain of one's own in one file: amounts of money, such as "£4.50" or "EUR 1,200".

docs/add-a-domain.md walks through it. Knows no labels: what an amount was for is what a specialist learns.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from metier.errors import BadCell
from metier.types import Effort, Loss, State, Table, Targets, Vectors

CURRENCIES = {"£": "GBP", "$": "USD", "€": "EUR"}
AMOUNT = re.compile(r"\s*([£$€]|[A-Z]{3})\s?(\d{1,3}(?:,\d{3})*|\d+)(\.\d{2})?\s*")


@dataclass(frozen=True, kw_only=True)
class Amount:
    """What a cell means, once read: `Amount(currency="GBP", units=4.5)`."""

    currency: str
    units: float


class AmountEncoder:
    """Amounts as vectors: amounts of like size lie near one another, from a cent to a million."""

    kind = "amount.v1"
    head = "kernel"
    width = 32

    def fit(self, values: Sequence[Amount], targets: Targets, *, loss: Loss = "softmax") -> Self:
        """The encoder as it is: there is nothing to learn."""
        return self

    def encode(self, values: Sequence[Amount]) -> Vectors:
        """Vectors (n, 32) of length one: a bump on a scale of sizes."""
        sizes = np.array([math.log10(max(value.units, 0.01)) for value in values])
        places = np.linspace(-2, 6, self.width)
        bumps = np.exp(-((sizes[:, None] - places) ** 2) / 0.1)  # (n, 32)
        return (bumps / np.linalg.norm(bumps, axis=1, keepdims=True)).astype(np.float32)

    def state(self) -> State:
        """Nothing: the kind says it all."""
        return State()

    @classmethod
    def restore(cls, state: State) -> Self:
        """The one encoder there is of this kind."""
        return cls()


class AmountDomain:
    """Amounts of money, with a sign or a code of three letters before the number."""

    name = "amount"
    needs = ()
    sample = Table(
        columns={
            "input": ["£2.80", "£3.10", "£2.95", "£3.40", "£850.00", "EUR 1,200", "£975.00", "$1,450.00"],
            "target": ["coffee"] * 4 + ["rent"] * 4,
        }
    )

    def likely(self, cells: Sequence[Any]) -> float:
        """The share of the cells that are amounts."""
        return sum(bool(AMOUNT.fullmatch(str(cell))) for cell in cells) / max(len(cells), 1)

    def read(self, cell: Any) -> Amount:
        """The amount in a cell.

        Raises: BadCell where there is no currency, no number, or anything else beside them.
        """
        found = AMOUNT.fullmatch(cell) if isinstance(cell, str) else None
        if found is None:
            raise BadCell(
                f"{cell!r} is no amount of money. Expected a currency and a number, such as £4.50 or EUR 1,200."
            )
        currency, whole, cents = found.groups()
        units = float(whole.replace(",", "") + (cents or ""))
        return Amount(currency=CURRENCIES.get(currency, currency), units=units)

    def group(self, values: Sequence[Amount]) -> NDArray[np.int64] | None:
        """Each row stands alone: two payments of one amount are still two payments."""
        return None

    def encoders(self, effort: Effort) -> Sequence[AmountEncoder]:
        """One stage is all it takes."""
        return [AmountEncoder()]


DOMAIN = AmountDomain()
ENCODER = AmountEncoder
