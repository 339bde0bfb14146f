"""SQLite or PostgreSQL behind one small door: a statement with `?`, rows as tuples.

Knows two dialects and no tables. Each thread that writes opens its own.
"""

from __future__ import annotations

import fcntl
import hashlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from metier import lazy
from metier.errors import CannotWrite

Row: TypeAlias = tuple[Any, ...]
Done = TypeVar("Done")
POSTGRES = ("postgresql://", "postgres://")
LOCKS = 64  # files that the names of `alone` share, by their hash


class Database:
    """Statements one after the other; each call is a transaction, and is on the disk when it returns.

    `with database.alone("c1"):` nobody else, in this process or another, is inside under that name.
    """

    def __init__(self, url: str) -> None:
        self._lock, self._url = threading.Lock(), url
        self.postgres = url.startswith(POSTGRES)
        try:
            self._connection: Any = _postgres(url) if self.postgres else _sqlite(Path(url))
        except (OSError, sqlite3.Error) as error:
            raise CannotWrite(
                f"{_shown(url)}: {error}. Name a file in a folder that may be written, or a database."
            ) from None

    def run(self, statement: str, rows: Sequence[Row], *, forced: bool = True) -> int:
        """One statement for each row, all of them or none; how many rows of the table that changed.

        Not `forced`, it outlives a kill of the process, and a power cut once a forced one has followed.
        """

        def work() -> int:
            if self.postgres:
                with self._connection.transaction(), self._connection.cursor() as cursor:
                    cursor.executemany(statement.replace("?", "%s"), rows)
                    return int(cursor.rowcount)
            self._connection.execute(f"PRAGMA synchronous={'FULL' if forced else 'NORMAL'}")
            with self._connection:
                return int(self._connection.executemany(statement, rows).rowcount)

        return self._done(work)

    def ask_nothing(self, statement: str) -> None:
        """A statement that finds no rows."""
        self._done(lambda: self._connection.execute(statement))

    def ask(self, statement: str, values: Row = ()) -> list[Row]:
        """The rows that a statement finds."""
        asked = statement.replace("?", "%s") if self.postgres else statement
        return self._done(lambda: [tuple(row) for row in self._connection.execute(asked, values).fetchall()])

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """A context for one at a time, whoever it is; a process that is killed lets go of it."""
        digest = hashlib.sha256(name.encode()).digest()
        if self.postgres:
            place = int.from_bytes(digest[:8], "big", signed=True)
            self.ask("select pg_advisory_lock(?)", (place,))
            try:
                yield
            finally:
                self.ask("select pg_advisory_unlock(?)", (place,))
            return
        path = Path(self._url)
        with path.with_name(f"{path.name}.lock-{int.from_bytes(digest, 'big') % LOCKS}").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # of this opening of the file: other threads wait as well
            yield

    def _done(self, work: Callable[[], Done]) -> Done:
        """The work, by one thread at a time; once more on a new connection where a server had let go of the old one."""
        with self._lock:
            try:
                return work()
            except Exception:
                if not self.postgres or not (self._connection.closed or self._connection.broken):
                    raise
                self._connection = _postgres(self._url)
                return work()

    def close(self) -> None:
        """Let it go."""
        with self._lock:
            self._connection.close()


def _sqlite(path: Path) -> sqlite3.Connection:
    # several processes write: each waits for its turn, and readers wait for none
    connection = sqlite3.connect(path, check_same_thread=False, timeout=30)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")  # what is acknowledged survives a power cut as well
    return connection


def _postgres(url: str) -> Any:
    lazy.need("psycopg", extra="postgres", purpose="A database in PostgreSQL")
    import psycopg

    try:
        return psycopg.connect(url, autocommit=True)
    except psycopg.OperationalError as error:
        raise OSError(str(error).splitlines()[0]) from None


def _shown(url: str) -> str:
    """The address without its password."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}" if mark else url
