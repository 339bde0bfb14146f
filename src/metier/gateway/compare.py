"""Whether one version is better than another, from answers that both gave and whose truth is known.

Only pairs in which one is right and the other is not say anything. Source: McNemar 1947; the exact range of the share
of those that the newer version wins is Clopper and Pearson's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metier.decide.measure import clopper_pearson
from metier.gateway.ledger import Pair


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Pairs, how many each version alone had right, and the range of the newer one's share of those."""

    pairs: int
    won: int
    lost: int
    low: float
    high: float

    @property
    def better(self) -> bool:
        """Whether the whole range lies above a half."""
        return self.low > 0.5

    def __str__(self) -> str:
        if not self.won + self.lost:
            return f"{self.pairs:,} pairs, and in none is one right and the other wrong."
        return (
            f"{self.pairs:,} pairs: in {self.won:,} only the newer is right, in {self.lost:,} only the one in "
            f"production; its share {self.won / (self.won + self.lost):.0%} ({self.low:.0%} to {self.high:.0%})."
        )


def better(pairs: Sequence[Pair]) -> Compared:
    """The comparison; a decision that was not given is not right."""
    won = sum(pair.watching == pair.truth != pair.served for pair in pairs)
    lost = sum(pair.served == pair.truth != pair.watching for pair in pairs)
    low, high = clopper_pearson(won, won + lost) if won + lost else (0.0, 1.0)
    return Compared(pairs=len(pairs), won=won, lost=lost, low=low, high=high)
