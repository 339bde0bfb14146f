"""An append-only log of events for each conversation, in SQLite, or in PostgreSQL by URL. Knows nothing of what they
mean.

One turn of a conversation runs at a time, whoever runs it: the lock is the operating system's or the database's, so
that
a process that is killed lets go of it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from metier.types import Json

FORCED = ("calling", "called")  # with them everything before them
LOCKS = 64  # files that conversations share, by their hash
TABLES = (
    """create table if not exists log (conversation text not null, seq integer not null, kind text not null, data
    text not null,
    at text not null, primary key (conversation, seq))""",
    """create table if not exists trace (conversation text not null, turn integer not null, data text not null,
    primary key (conversation, turn))""",
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of a conversation's log."""

    seq: int
    kind: str
    data: Any


class Log(Protocol):
    """What a conversation is kept in."""

    def turn(self, conversation: str) -> Any:
        """A context in which nobody else works at this conversation."""

    def append(self, conversation: str, seq: int, kind: str, data: Json, at: str) -> None:
        """One more entry. No kill of the process can undo it; `calling` and `called` survive a power cut, too."""

    def entries(self, conversation: str) -> list[Entry]:
        """The whole log, in order."""

    def trace(self, conversation: str, turn: int, data: Json) -> None:
        """What a turn thought; beside the log, because times are never the same twice."""

    def traces(self, conversation: str) -> Mapping[int, Any]:
        """The thoughts of every turn."""

    def conversations(self) -> list[str]:
        """Their names, the latest first."""

    def forget(self, conversation: str) -> None:
        """Everything of one conversation, gone."""

    def forget_before(self, at: str) -> int:
        """Conversations whose last entry is older, gone; how many."""

    def close(self) -> None:
        """Let go of files and connections."""


def open_log(where: str | Path) -> Log:
    """The log at a path (SQLite) or a `postgresql://` URL."""
    if str(where).startswith(("postgresql://", "postgres://")):
        return PostgresLog(str(where))
    return SqliteLog(Path(where))


def plain(data: Any) -> str:
    """JSON in one form only: same data, same bytes."""
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


class SqliteLog:
    """A log in one file. In WAL mode a commit outlives the process; those around an effect are forced to disk as
    well."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []
        self._threads = [threading.Lock() for _ in range(LOCKS)]
        for table in TABLES:
            self._here.execute(table)

    @property
    def _here(self) -> sqlite3.Connection:
        held: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if held is None:
            held = sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False)
            held.execute("pragma journal_mode=wal")
            self._local.connection = held
            self._open.append(held)
        return held

    @contextmanager
    def turn(self, conversation: str) -> Iterator[None]:
        """A context in which nobody else works at this conversation: a thread's lock, then a file's."""
        place = int(hashlib.sha256(conversation.encode()).hexdigest(), 16) % LOCKS
        with self._threads[place], self._path.with_name(f"{self._path.name}.lock-{place}").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def append(self, conversation: str, seq: int, kind: str, data: Json, at: str) -> None:
        """One more entry."""
        self._here.execute(f"pragma synchronous={'full' if kind in FORCED else 'normal'}")
        self._here.execute("insert into log values (?, ?, ?, ?, ?)", (conversation, seq, kind, plain(data), at))

    def entries(self, conversation: str) -> list[Entry]:
        """The whole log, in order."""
        rows = self._here.execute(
            "select seq, kind, data from log where conversation = ? order by seq", (conversation,)
        )
        return [Entry(seq=seq, kind=kind, data=json.loads(data)) for seq, kind, data in rows]

    def trace(self, conversation: str, turn: int, data: Json) -> None:
        """What a turn thought."""
        self._here.execute("insert or replace into trace values (?, ?, ?)", (conversation, turn, plain(data)))

    def traces(self, conversation: str) -> dict[int, Any]:
        """The thoughts of every turn."""
        rows = self._here.execute("select turn, data from trace where conversation = ? order by turn", (conversation,))
        return {turn: json.loads(data) for turn, data in rows}

    def conversations(self) -> list[str]:
        """Their names, the latest first."""
        return [
            name
            for (name,) in self._here.execute(
                "select conversation from log group by conversation order by max(at) desc"
            )
        ]

    def forget(self, conversation: str) -> None:
        """Everything of one conversation, gone."""
        for table in ("log", "trace"):
            self._here.execute(f"delete from {table} where conversation = ?", (conversation,))

    def forget_before(self, at: str) -> int:
        """Conversations whose last entry is older, gone; how many."""
        old = [
            n
            for (n,) in self._here.execute(
                "select conversation from log group by conversation having max(at) < ?", (at,)
            )
        ]
        for name in old:
            self.forget(name)
        return len(old)

    def close(self) -> None:
        """Let go of the file."""
        for connection in self._open:
            connection.close()


class PostgresLog:
    """The same in PostgreSQL, a connection a thread; the lock is an advisory one of the session."""

    def __init__(self, url: str) -> None:
        from metier import lazy

        lazy.need("psycopg", extra="postgres", purpose="A log in PostgreSQL")
        self._url = url
        self._local = threading.local()
        self._open: list[Any] = []
        self._here.execute("select pg_advisory_lock(7)")  # two that start at once would both make the tables
        for table in TABLES:
            self._here.execute(table)
        self._here.execute("select pg_advisory_unlock(7)")

    @property
    def _here(self) -> Any:
        import psycopg

        held = getattr(self._local, "connection", None)
        if held is None or held.closed:
            held = psycopg.connect(self._url, autocommit=True)
            self._local.connection = held
            self._open.append(held)
        return held

    @contextmanager
    def turn(self, conversation: str) -> Iterator[None]:
        """A context in which nobody else works at this conversation."""
        place = int.from_bytes(hashlib.sha256(conversation.encode()).digest()[:8], "big", signed=True)
        self._here.execute("select pg_advisory_lock(%s)", (place,))
        try:
            yield
        finally:
            self._here.execute("select pg_advisory_unlock(%s)", (place,))

    def append(self, conversation: str, seq: int, kind: str, data: Json, at: str) -> None:
        """One more entry."""
        self._here.execute("insert into log values (%s, %s, %s, %s, %s)", (conversation, seq, kind, plain(data), at))

    def entries(self, conversation: str) -> list[Entry]:
        """The whole log, in order."""
        rows = self._here.execute(
            "select seq, kind, data from log where conversation = %s order by seq", (conversation,)
        )
        return [Entry(seq=seq, kind=kind, data=json.loads(data)) for seq, kind, data in rows]

    def trace(self, conversation: str, turn: int, data: Json) -> None:
        """What a turn thought."""
        self._here.execute(
            "insert into trace values (%s, %s, %s) on conflict (conversation, turn) do update set data = excluded.data",
            (conversation, turn, plain(data)),
        )

    def traces(self, conversation: str) -> dict[int, Any]:
        """The thoughts of every turn."""
        rows = self._here.execute("select turn, data from trace where conversation = %s order by turn", (conversation,))
        return {turn: json.loads(data) for turn, data in rows}

    def conversations(self) -> list[str]:
        """Their names, the latest first."""
        rows = self._here.execute("select conversation from log group by conversation order by max(at) desc")
        return [name for (name,) in rows]

    def forget(self, conversation: str) -> None:
        """Everything of one conversation, gone."""
        for table in ("log", "trace"):
            self._here.execute(f"delete from {table} where conversation = %s", (conversation,))

    def forget_before(self, at: str) -> int:
        """Conversations whose last entry is older, gone; how many."""
        rows = self._here.execute("select conversation from log group by conversation having max(at) < %s", (at,))
        old = [name for (name,) in rows]
        for name in old:
            self.forget(name)
        return len(old)

    def close(self) -> None:
        """Let go of the connections."""
        for connection in self._open:
            connection.close()
