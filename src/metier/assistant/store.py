"""An append-only log of events for each conversation, in SQLite, or in PostgreSQL by URL.

Knows nothing of what they mean. One turn of a conversation runs at a time, whoever runs it.
"""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from collections.abc import Mapping, Set
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from metier.database import POSTGRES, Database
from metier.types import Json

FORCED = ("calling", "called")  # with them everything before them
SAID = ("received", "ended", "person")  # what customers, the assistant and people at a desk say
TABLES = (
    """create table if not exists log (conversation text not null, seq integer not null, kind text not null,
    data text not null, at text not null, primary key (conversation, seq))""",
    """create table if not exists trace (conversation text not null, turn integer not null, data text not null,
    primary key (conversation, turn))""",
    "create table if not exists card (conversation text not null primary key, at text not null, data text not null)",
    """create table if not exists proposal (id text not null primary key, at text not null, who text not null,
    data text not null, standing text not null, decided text not null)""",
    "create table if not exists off (name text not null primary key, who text not null, at text not null)",
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of a conversation's log."""

    seq: int
    kind: str
    data: Any


@dataclass(frozen=True, kw_only=True)
class Card:
    """A conversation in the queue of a desk."""

    conversation: str
    at: str
    data: Any


@dataclass(frozen=True, kw_only=True)
class Proposed:
    """Something to be taught: `standing` is open, approved or refused, `decided` by whom."""

    id: str
    at: str
    who: str
    data: Any
    standing: str
    decided: str


def open_log(where: str | Path) -> Log:
    """The log at a path (SQLite) or a `postgresql://` URL."""
    return Log(str(where))


def is_log(path: Path) -> bool:
    """Whether a file is a log of conversations; nothing is written to it."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            found = connection.execute("select 1 from sqlite_master where type = 'table' and name = 'log'").fetchone()
    except sqlite3.Error:
        return False
    return found is not None


def plain(data: Any) -> str:
    """JSON in one form only: same data, same bytes."""
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


class Log:
    """What conversations are kept in; each thread has a connection of its own."""

    def __init__(self, url: str) -> None:
        self._url, self._local = url, threading.local()
        self._open: list[Database] = []
        if not url.startswith(POSTGRES):
            Path(url).parent.mkdir(parents=True, exist_ok=True)
        with self._here.alone("tables"):  # two that start at once would both make them
            for table in TABLES:
                self._here.ask_nothing(table)

    @property
    def _here(self) -> Database:
        held: Database | None = getattr(self._local, "database", None)
        if held is None:
            held = self._local.database = Database(self._url)
            self._open.append(held)
        return held

    def turn(self, conversation: str) -> AbstractContextManager[None]:
        """A context in which nobody else works at this conversation."""
        return self._here.alone(conversation)

    def append(self, conversation: str, seq: int, kind: str, data: Json, at: str) -> None:
        """One more entry. No kill of the process can undo it; `calling` and `called` survive a power cut, too."""
        row = (conversation, seq, kind, plain(data), at)
        self._here.run("insert into log values (?, ?, ?, ?, ?)", [row], forced=kind in FORCED)

    def entries(self, conversation: str) -> list[Entry]:
        """The whole log, in order."""
        rows = self._here.ask("select seq, kind, data from log where conversation = ? order by seq", (conversation,))
        return [Entry(seq=seq, kind=kind, data=json.loads(data)) for seq, kind, data in rows]

    def trace(self, conversation: str, turn: int, data: Json) -> None:
        """What a turn thought; beside the log, because times are never the same twice."""
        newer = "on conflict (conversation, turn) do update set data = excluded.data"
        row = (conversation, turn, plain(data))
        self._here.run(f"insert into trace values (?, ?, ?) {newer}", [row], forced=False)

    def traces(self, conversation: str) -> Mapping[int, Any]:
        """The thoughts of every turn."""
        rows = self._here.ask("select turn, data from trace where conversation = ? order by turn", (conversation,))
        return {turn: json.loads(data) for turn, data in rows}

    def put_card(self, conversation: str, data: Json, at: str) -> None:
        """What people at a desk are to see of a conversation; the time is that of the first."""
        newer = "on conflict (conversation) do update set data = excluded.data"
        self._here.run(f"insert into card values (?, ?, ?) {newer}", [(conversation, at, plain(data))])

    def drop_card(self, conversation: str) -> None:
        """Nothing of it is to be seen any more."""
        self._here.run("delete from card where conversation = ?", [(conversation,)])

    def cards(self) -> list[Card]:
        """Every card, the oldest first."""
        rows = self._here.ask("select conversation, at, data from card order by at, conversation")
        return [Card(conversation=name, at=at, data=json.loads(data)) for name, at, data in rows]

    def find(self, text: str, most: int) -> list[str]:
        """The latest conversations in whose log a text stands."""
        like = "%" + re.sub(r"([\\%_])", r"\\\1", json.dumps(text, ensure_ascii=False)[1:-1]) + "%"
        rows = self._here.ask(
            "select conversation from log group by conversation "
            "having sum(case when data like ? escape '\\' then 1 else 0 end) > 0 order by max(at) desc limit ?",
            (like, most),
        )
        return [name for (name,) in rows]

    def propose(self, id: str, data: Json, who: str, at: str) -> None:
        """Something that a second person is to look at."""
        row = (id, at, who, plain(data), "open", "")
        self._here.run("insert into proposal values (?, ?, ?, ?, ?, ?)", [row])

    def decide(self, id: str, standing: str, who: str) -> bool:
        """Close a proposal; False where it was closed already, or is none."""
        closed = "update proposal set standing = ?, decided = ? where id = ? and standing = 'open'"
        return self._here.run(closed, [(standing, who, id)]) == 1

    def proposals(self, most: int = 200) -> list[Proposed]:
        """The latest, the newest first."""
        rows = self._here.ask(
            "select id, at, who, data, standing, decided from proposal order by at desc, id limit ?", (most,)
        )
        return [
            Proposed(id=id, at=at, who=who, data=json.loads(data), standing=standing, decided=decided)
            for id, at, who, data, standing, decided in rows
        ]

    def turn_off(self, name: str, who: str, at: str) -> None:
        """Something is not to be done until it is turned on again; what it is, whoever asks knows."""
        newer = "on conflict (name) do update set who = excluded.who, at = excluded.at"
        self._here.run(f"insert into off values (?, ?, ?) {newer}", [(name, who, at)])

    def turn_on(self, name: str) -> None:
        """It may be done again."""
        self._here.run("delete from off where name = ?", [(name,)])

    def off(self) -> dict[str, tuple[str, str]]:
        """What is turned off, with who did it and when."""
        return {name: (who, at) for name, who, at in self._here.ask("select name, who, at from off order by name")}

    def conversations(self) -> list[str]:
        """Their names, the latest first."""
        rows = self._here.ask("select conversation from log group by conversation order by max(at) desc")
        return [name for (name,) in rows]

    def of_customer(self, customer: str) -> list[str]:
        """The conversations in which somebody was logged in as this customer, the latest first."""
        rows = self._here.ask("select conversation, data from log where kind = 'received' order by at desc", ())
        return list(dict.fromkeys(name for name, data in rows if json.loads(data)["customer"] == customer))

    def forget_proposals(self, said: Set[str]) -> None:
        """What was proposed of messages that read so, gone."""
        gone = [(one.id,) for one in self.proposals(most=1_000_000) if one.data.get("text") in said]
        self._here.run("delete from proposal where id = ?", gone)

    def forget(self, conversation: str) -> None:
        """Everything of one conversation, gone."""
        self._forget([(conversation,)])

    def forget_before(self, at: str) -> int:
        """Conversations in which nothing was said since, gone; how many. To look at one keeps it no longer."""
        said = ", ".join(f"'{kind}'" for kind in SAID)
        last = f"coalesce(max(case when kind in ({said}) then at end), '')"
        old = self._here.ask(f"select conversation from log group by conversation having {last} < ?", (at,))
        self._forget(old)
        return len(old)

    def _forget(self, names: list[tuple[Any, ...]]) -> None:
        for table in ("log", "trace", "card"):
            self._here.run(f"delete from {table} where conversation = ?", names)

    def close(self) -> None:
        """Let go of files and connections."""
        for database in self._open:
            database.close()
