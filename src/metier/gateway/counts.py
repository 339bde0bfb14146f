"""How often and how much, counted once for all workers of a gateway.

What may be taken is taken in one statement of a database or not at all, so that however many ask at once, whichever
process they ask, a limit is never overrun. Knows names and whole numbers, not what they stand for.
"""

from __future__ import annotations

import math
import time

from metier.database import Database

SWEPT_S = 3600.0  # how often counts that nobody asks for any more are thrown away
TABLE = "CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, amount BIGINT, until DOUBLE PRECISION)"
TAKE = (
    "INSERT INTO counts VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET amount = counts.amount + excluded.amount "
    "WHERE counts.amount + excluded.amount <= ?"
)


class Counts:
    """Counts in a database; `Counts()` keeps them in memory, for one process."""

    def __init__(self, url: str = ":memory:") -> None:
        self._database = Database(url)
        self._database.ask_nothing(TABLE)
        self._swept = -math.inf  # monotonic clocks begin at boot

    def take(self, name: str, amount: int, *, most: int, until: float) -> bool:
        """Add to a count where the sum stays within `most`; `until` it may be forgotten, as time.time() counts."""
        if amount > most:
            return False
        if time.monotonic() - self._swept > SWEPT_S:
            self._swept = time.monotonic()
            self._database.run("DELETE FROM counts WHERE until < ?", [(time.time(),)], forced=False)
        return self._database.run(TAKE, [(name, amount, until, most)], forced=False) > 0

    def give(self, name: str, amount: int) -> None:
        """Take from a count what was not used after all."""
        self._database.run("UPDATE counts SET amount = amount - ? WHERE name = ?", [(amount, name)], forced=False)

    def of(self, name: str) -> int:
        """What a count stands at."""
        found = self._database.ask("SELECT amount FROM counts WHERE name = ?", (name,))
        return int(found[0][0]) if found else 0

    def close(self) -> None:
        """Let the database go."""
        self._database.close()
