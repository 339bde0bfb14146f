"""What an upstream bills."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class Price:
    input_usd_per_million: Decimal
    output_usd_per_million: Decimal

    def of(self, *, tokens_in: int, tokens_out: int) -> Decimal:
        return (self.input_usd_per_million * tokens_in + self.output_usd_per_million * tokens_out) / 1_000_000
