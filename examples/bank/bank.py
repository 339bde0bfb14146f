"""A small bank behind HTTP, with SQLite: customers, cards, accounts, transfers, payments. Every change has a key.

Run it: `python examples/bank/bank.py 8900 bank.db`. The assistant's tests start one for each transcript by `start`.
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TABLES = """
create table if not exists cards (id text primary key, customer text, name text, last4 text, status text);
create table if not exists accounts (id text primary key, customer text, name text, pence integer);
create table if not exists transfers (id text primary key, customer text, recipient text, pence integer,
  date text, due text, status text);
create table if not exists payments (id text primary key, customer text, shop text, pence integer,
  date text, status text);
create table if not exists trips (customer text, country text, until text);
create table if not exists effects (key text primary key, what text, answer text, status integer);
"""
ROWS = {
    "cards": [
        ("c1", "ana", "Blue", "4421", "active"),
        ("c2", "ana", "Green", "7702", "active"),
        ("c3", "ana", "Gold", "9035", "active"),
        ("c4", "ben", "Silver", "1180", "active"),
    ],
    "accounts": [
        ("a1", "ana", "Current account", 124050),
        ("a2", "ana", "Savings", 801277),
        ("a3", "ben", "Current account", -2140),
    ],
    "transfers": [
        ("t1", "ana", "Maria Lopez", 25000, "23 November", "26 November", "pending"),
        ("t2", "ana", "Oak Lettings", 85000, "20 November", "21 November", "sent"),
        ("t3", "ana", "Tom Price", 4000, "18 November", "19 November", "returned"),
        ("t4", "ben", "Leeds Cycles", 12999, "22 November", "23 November", "sent"),
    ],
    "payments": [
        ("p1", "ana", "Kestrel Coffee", 1250, "24 November", "booked"),
        ("p2", "ana", "Brightwell Books", 3499, "22 November", "booked"),
        ("p3", "ana", "Harbour Games", 8999, "21 November", "booked"),
        ("p4", "ben", "Moor Street Garage", 21000, "19 November", "booked"),
    ],
}


class Refusal(Exception):
    """The bank says no: a status and a reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Bank:
    """What the bank knows and does."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._data = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._data.execute("pragma journal_mode=wal")
        self._data.executescript(f"begin; {TABLES} commit;")
        if not self._data.execute("select 1 from cards").fetchone():
            self._data.execute("begin")
            for table, rows in ROWS.items():
                self._data.executemany(f"insert into {table} values ({','.join('?' * len(rows[0]))})", rows)
            self._data.execute("commit")

    def answer(self, method: str, path: str, body: Mapping[str, Any], key: str) -> tuple[int, Any]:
        """A status and what is said."""
        with self._lock:
            try:
                if method == "GET":
                    return 200, self._read(path)
                return self._once(key, f"{method} {path}", lambda: self._change(path, body))
            except Refusal as no:
                return no.status, {"reason": no.reason}

    def effects(self) -> list[str]:
        """Everything that was changed, each once."""
        return [what for (what,) in self._data.execute("select what from effects where status < 300 order by rowid")]

    def close(self) -> None:
        """Let go of the file."""
        self._data.close()

    def _once(self, key: str, what: str, change: Callable[[], Any]) -> tuple[int, Any]:
        if not key:
            raise Refusal(400, "an Idempotency-Key is needed")
        before = self._data.execute("select answer, status from effects where key = ?", (key,)).fetchone()
        if before is not None:
            return int(before[1]), json.loads(before[0])
        self._data.execute("begin immediate")
        try:
            answer, status = change(), 201
        except Refusal as no:
            answer, status = {"reason": no.reason}, no.status
        self._data.execute("insert into effects values (?, ?, ?, ?)", (key, what, json.dumps(answer), status))
        self._data.execute("commit")
        return status, answer

    def _read(self, path: str) -> Any:
        found = re.fullmatch(r"/customers/(\w+)/(cards|accounts|transfers|payments)(?:\?limit=(\d+))?", path)
        if found is None:
            raise Refusal(404, "no such address")
        rows = self._data.execute(
            f"select * from {found[2]} where customer = ? limit ?", (found[1], int(found[3] or 50))
        ).fetchall()
        return [SHOWN[found[2]](*row) for row in rows]

    def _change(self, path: str, body: Mapping[str, Any]) -> Any:
        for pattern, change in CHANGES:
            if found := re.fullmatch(pattern, path):
                return change(self._data, body, *found.groups())
        raise Refusal(404, "no such address")


def pounds(pence: int) -> str:
    """An amount as it is read."""
    return f"{'-' if pence < 0 else ''}£{abs(pence) / 100:,.2f}"


SHOWN: Mapping[str, Callable[..., dict[str, Any]]] = {
    "cards": lambda i, _, name, last4, status: {"id": i, "name": name, "last4": last4, "status": status},
    "accounts": lambda i, _, name, pence: {"id": i, "name": name, "balance": pounds(pence)},
    "transfers": lambda i, _, to, pence, date, due, status: {
        "id": i, "name": f"{pounds(pence)} to "
        f"{to}", "to": to, "amount": pounds(pence), "date": date, "due": due, "status": status,
    },
    "payments": lambda i, _, shop, pence, date, status: {
        "id": i, "name": f"{pounds(pence)} at {shop}", "shop": shop, "date": date, "status": status,
    },
}  # fmt: skip


def _freeze(data: sqlite3.Connection, _: Mapping[str, Any], card: str) -> Any:
    if not data.execute("update cards set status = 'frozen' where id = ?", (card,)).rowcount:
        raise Refusal(404, "no such card")
    return {"card": card, "frozen": True}


def _replace(data: sqlite3.Connection, _: Mapping[str, Any], card: str) -> Any:
    if not data.execute("select 1 from cards where id = ?", (card,)).fetchone():
        raise Refusal(404, "no such card")
    return {"card": card, "days": "3 to 5"}


def _top_up(data: sqlite3.Connection, body: Mapping[str, Any], customer: str) -> Any:
    card = data.execute("select status from cards where id = ? and customer = ?", (body["card"], customer)).fetchone()
    if card is None or card[0] != "active":
        raise Refusal(409, "the card is frozen" if card else "no such card")
    if body["amount"] > 1000:
        raise Refusal(409, "the card's limit is £1,000")
    data.execute(
        "update accounts set pence = pence + ? where id = (select min(id) from accounts where customer = ?)",
        (round(body["amount"] * 100), customer),
    )
    pence = data.execute("select pence from accounts where customer = ? order by id", (customer,)).fetchone()[0]
    return {"balance": pounds(pence)}


def _dispute(data: sqlite3.Connection, _: Mapping[str, Any], payment: str) -> Any:
    if not data.execute(
        "update payments set status = 'disputed' where id = ? and status = 'booked'", (payment,)
    ).rowcount:
        raise Refusal(409, "already disputed")
    return {"number": f"D-{payment.upper()}"}


def _trip(data: sqlite3.Connection, body: Mapping[str, Any], customer: str) -> Any:
    data.execute("insert into trips values (?, ?, ?)", (customer, body["country"], body["until"]))
    return {"country": body["country"]}


CHANGES: tuple[tuple[str, Callable[..., Any]], ...] = (
    (r"/cards/(\w+)/freeze", _freeze),
    (r"/cards/(\w+)/replacement", _replace),
    (r"/customers/(\w+)/top-ups", _top_up),
    (r"/payments/(\w+)/dispute", _dispute),
    (r"/customers/(\w+)/trips", _trip),
)


def serve(bank: Bank, port: int = 0) -> ThreadingHTTPServer:
    """The bank at a port of this machine; 0 takes a free one."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # head and body in one packet

        def do_GET(self) -> None:
            self._reply("GET")

        def do_POST(self) -> None:
            self._reply("POST")

        def _reply(self, method: str) -> None:
            said = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = bank.answer(
                method, self.path, json.loads(said or b"{}"), self.headers.get("Idempotency-Key", "")
            )
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    return Server(("127.0.0.1", port), Handler)


def start(folder: Path) -> tuple[dict[str, str], Callable[[], None]]:
    """A bank of its own for one conversation: where it is, and what ends it."""
    bank = Bank(folder / "bank.db")
    server = serve(bank)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()
        bank.close()

    return {"bank": f"http://127.0.0.1:{server.server_address[1]}"}, stop


if __name__ == "__main__":
    serve(Bank(Path(sys.argv[2])), int(sys.argv[1])).serve_forever()
