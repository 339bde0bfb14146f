"""Who answered, how sure, how long it took, what it cost and what it would have cost; and who was right.

Lines are handed over and written by a thread of its own, so that no answer waits for a disk; feedback is on the disk
when it is acknowledged. Inputs are kept only where that is asked for, and then redacted.
"""

from __future__ import annotations

import logging
import queue
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from operator import attrgetter
from typing import Any

from metier.database import Database
from metier.decide.measure import clopper_pearson
from metier.errors import BadOption
from metier.gateway.base import Answer, Ask
from metier.gateway.energy import Meter
from metier.gateway.prices import Price
from metier.gateway.upstream import Bill, text_of
from metier.types import Decision, Extraction, Json

LOG = logging.getLogger("metier.gateway")
MOST_WAITING = 100_000  # lines; beyond it the newest are counted as lost, and answers go on
EVERY_S = 0.1
LONGEST_INPUT = 4_000
WORDS = re.compile(r"\]\([^()]*(?:\([^()]*\)[^()]*)*\)")  # of a span, as "[amount](£50)" has them
Redact = Callable[[str], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One answer. Money as text, so that no digit is lost; `watt_hours` is None where nothing was measured."""

    id: str
    time: float
    key: str | None
    protocol: str
    specialist: str
    version: str
    stage: int
    accepted: int
    reason: str | None
    label: str | None
    probability: float
    scope: float
    microseconds: float
    milliseconds: float
    served_by: str
    tokens_in: int
    tokens_out: int
    billed: str
    compared: str | None
    watt_hours: float | None
    input: str | None


NAMES = tuple(one.name for one in fields(Line))
ROW = attrgetter(*NAMES)  # `astuple` copies deeply, and takes as long as a first stage
KINDS = {"time": "DOUBLE PRECISION", "stage": "INTEGER", "accepted": "INTEGER", "probability": "DOUBLE PRECISION",
         "scope": "DOUBLE PRECISION", "microseconds": "DOUBLE PRECISION", "milliseconds": "DOUBLE PRECISION",
         "tokens_in": "INTEGER", "tokens_out": "INTEGER", "watt_hours": "DOUBLE PRECISION"}  # fmt: skip
COLUMNS = ", ".join(f"{name} {KINDS.get(name, 'TEXT')}" for name in NAMES)
TABLES = (
    f"CREATE TABLE IF NOT EXISTS answers ({COLUMNS}, PRIMARY KEY (id))",
    "CREATE INDEX IF NOT EXISTS answers_time ON answers (time)",
    "CREATE TABLE IF NOT EXISTS feedback (id TEXT PRIMARY KEY, label TEXT, key TEXT, time DOUBLE PRECISION)",
    "CREATE TABLE IF NOT EXISTS shadows (id TEXT, version TEXT, label TEXT, probability DOUBLE PRECISION,"
    " accepted INTEGER, PRIMARY KEY (id, version))",
    "CREATE TABLE IF NOT EXISTS methods (method TEXT PRIMARY KEY, since DOUBLE PRECISION)",
)
ADD = f"INSERT INTO answers ({', '.join(NAMES)}) VALUES ({', '.join('?' * len(NAMES))}) ON CONFLICT (id) DO NOTHING"
ADD_METHOD = "INSERT INTO methods VALUES (?, ?) ON CONFLICT (method) DO NOTHING"
ADD_SHADOW = "INSERT INTO shadows VALUES (?, ?, ?, ?, ?) ON CONFLICT (id, version) DO NOTHING"


@dataclass(frozen=True, kw_only=True)
class Total:
    """What a specialist did."""

    specialist: str
    answers: int
    served_here: float | None
    upstream_dollars: str
    compared_dollars: str | None
    watt_hours: float | None
    corrected: int
    wrong: int
    error: str | None

    def json(self) -> dict[str, Json]:
        """As plain JSON values."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Answers of one version that somebody looked at: how many were given, and how many of those were wrong."""

    answered: int
    wrong: int
    asked: int
    refused: int


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What the version in production and the one that watches said of the same cell, and what is right."""

    served: str | None
    watching: str | None
    truth: str


class Ledger:
    """A ledger in a file of SQLite, or in PostgreSQL by its address."""

    def __init__(
        self, url: str, *, keep_inputs: bool = False, redact: Redact = str, compared: Price | None = None,
        meter: Meter | None = None,
    ) -> None:  # fmt: skip
        self._database = Database(url)
        for statement in TABLES:
            self._database.ask_nothing(statement)
        self._keep, self._redact, self._compared, self._meter = keep_inputs, redact, compared, meter
        if meter is not None:
            self._database.run(ADD_METHOD, [(meter.method, time.time())])
        self._waiting: queue.Queue[tuple[str, tuple[Any, ...]] | threading.Event] = queue.Queue(MOST_WAITING)
        self.lost = 0
        self._ended = threading.Event()
        self._writer = threading.Thread(target=self._write, name="ledger", daemon=True)
        self._writer.start()

    def note(self, ask: Ask, answer: Answer, bills: Sequence[Bill | None]) -> None:
        """Take note of an answer; it is written within a moment."""
        now, watts = time.time(), self._meter.watts() if self._meter is not None else None
        width = sum(map(len, answer.labels)) + 3 * len(answer.labels) + len(ask.instructions)
        keep = self._keep and not ask.private
        for cell, outcome, bill in zip(ask.cells, answer.outcomes, bills, strict=True):
            decision, text = outcome.decision, text_of(cell)
            compared = None
            if self._compared is not None and text is not None:
                compared = str(self._compared.of_characters(len(text) + width))
            self._put(ADD, ROW(Line(
                id=outcome.id, time=now, key=ask.caller.key if ask.caller else None, protocol=ask.protocol,
                specialist=answer.model, version=answer.version, stage=decision.stage, accepted=int(decision.accepted),
                reason=decision.reason, label=self._named(decision, _best(decision)),
                probability=decision.probability, scope=decision.scope, microseconds=decision.microseconds,
                milliseconds=answer.milliseconds, served_by=outcome.served_by,
                tokens_in=bill.tokens_in if bill else 0, tokens_out=bill.tokens_out if bill else 0,
                billed=str(bill.dollars) if bill else "0", compared=compared,
                watt_hours=None if watts is None else decision.microseconds / 3.6e9 * watts,
                input=self._redact(text)[:LONGEST_INPUT] if keep and text is not None else None,
            )))  # fmt: skip

    def shadowed(self, ask: Ask, answer: Answer, version: str, decisions: Sequence[Decision]) -> None:
        """Take note of what a version that only watches would have said."""
        for outcome, decision in zip(answer.outcomes, decisions, strict=True):
            row = (
                outcome.id,
                version,
                self._named(decision, decision.label),
                decision.probability,
                int(decision.accepted),
            )
            self._put(ADD_SHADOW, row)

    def feedback(self, answer: str, label: str, *, key: str | None = None) -> None:
        """What would have been right. On the disk when this returns; a later word replaces an earlier one.

        Raises: BadOption for an answer that is not there.
        """
        self.flush()
        if "](" in label:
            label = self._redact(label) if self._keep else WORDS.sub("]", label)
        if not self._database.ask("SELECT 1 FROM answers WHERE id = ?", (answer,)):
            raise BadOption(f"There is no answer '{answer:.80}' in the ledger. Send the id that came with it.")
        statement = (
            "INSERT INTO feedback VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET label = excluded.label, "
            "key = excluded.key, time = excluded.time"
        )
        self._database.run(statement, [(answer, label, key, time.time())])

    def _named(self, decision: Decision, label: str | None) -> str | None:
        """The label; where spans are named by the words of what was asked, it is kept as those are."""
        if label is None or not isinstance(decision, Extraction):
            return label
        return self._redact(label) if self._keep else decision.kinds()

    def totals(self, since: float = 0.0) -> list[Total]:
        """A line for each specialist, recomputed from every answer."""
        self.flush()
        found: dict[str, list[tuple[Any, ...]]] = {}
        rows = self._database.ask(
            "SELECT a.specialist, a.served_by, a.accepted, a.billed, a.compared, a.watt_hours, a.label, f.label "
            "FROM answers a LEFT JOIN feedback f ON f.id = a.id WHERE a.time >= ?",
            (since,),
        )
        for row in rows:
            found.setdefault(row[0], []).append(row[1:])
        return [_total(name, each) for name, each in sorted(found.items())]

    def methods(self) -> list[str]:
        """How watt-hours were measured, the first method first; none where they were not."""
        return [str(row[0]) for row in self._database.ask("SELECT method FROM methods ORDER BY since")]

    def judged(self, specialist: str, version: str, last: int = 1000) -> Judged:
        """The last answers of a version as people judged them, and how many it took for out of scope."""
        self.flush()
        rows = self._database.ask(
            "SELECT a.accepted, a.reason, a.label, f.label FROM answers a LEFT JOIN feedback f ON f.id = a.id "
            "WHERE a.specialist = ? AND a.version = ? AND a.stage > 0 ORDER BY a.time DESC LIMIT ?",
            (specialist, version, last),
        )
        looked = [(label, right) for accepted, _, label, right in rows if accepted and right is not None]
        return Judged(
            answered=len(looked),
            wrong=sum(label != right for label, right in looked),
            asked=len(rows),
            refused=sum(reason == "out_of_scope" for _, reason, _, _ in rows),
        )

    def pairs(self, specialist: str, version: str) -> list[Pair]:
        """Answers whose truth is known and that the version watched."""
        self.flush()
        rows = self._database.ask(
            "SELECT a.label, s.label, f.label FROM answers a JOIN shadows s ON s.id = a.id JOIN feedback f "
            "ON f.id = a.id WHERE a.specialist = ? AND s.version = ?",
            (specialist, version),
        )
        return [Pair(served=served, watching=watching, truth=truth) for served, watching, truth in rows]

    def latest(self, most: int = 50, *, doubtful: bool = False) -> list[dict[str, Json]]:
        """The last answers; or those that were not given, or hardly, and that nobody has looked at."""
        self.flush()
        where = (
            "WHERE (accepted = 0 OR probability < 0.6) AND stage > 0 AND id NOT IN (SELECT id FROM feedback)"
            if doubtful
            else ""
        )
        rows = self._database.ask(f"SELECT {', '.join(NAMES)} FROM answers {where} ORDER BY time DESC LIMIT ?", (most,))
        return [{**dict(zip(NAMES, row, strict=True)), "accepted": bool(row[NAMES.index("accepted")])} for row in rows]

    def minutes(self, count: int = 60) -> list[dict[str, Json]]:
        """How many answers were given by whom, in each of the last minutes that had any."""
        self.flush()
        since = time.time() - 60 * count
        rows = self._database.ask("SELECT time, served_by FROM answers WHERE time >= ?", (since,))
        found: dict[int, dict[str, int]] = {}
        for at, by in rows:
            one = found.setdefault(int(at // 60), {"specialist": 0, "upstream": 0, "nobody": 0})
            one[by] += 1
        return [{"time": minute * 60, **found[minute]} for minute in sorted(found)]

    def rows(self, specialist: str) -> list[tuple[str, str]]:
        """Inputs that were kept and the labels that people gave them, to learn from."""
        self.flush()
        found = self._database.ask(
            "SELECT a.input, f.label FROM answers a JOIN feedback f ON f.id = a.id "
            "WHERE a.specialist = ? AND a.input IS NOT NULL ORDER BY f.time",
            (specialist,),
        )
        return [(str(text), str(label)) for text, label in found]

    def flush(self) -> None:
        """Come back when everything noted so far is written."""
        written = threading.Event()
        self._waiting.put(written)
        written.wait()

    def close(self) -> None:
        """Write what waits, and end."""
        self.flush()
        self._ended.set()
        self._writer.join(timeout=10)
        self._database.close()

    def _put(self, statement: str, row: tuple[Any, ...]) -> None:
        try:
            self._waiting.put_nowait((statement, row))
        except queue.Full:
            self.lost += 1

    def _write(self) -> None:
        while not self._ended.is_set():
            taken: dict[str, list[tuple[Any, ...]]] = {}
            flushed: list[threading.Event] = []
            try:
                one = self._waiting.get(timeout=EVERY_S)
                while True:
                    if isinstance(one, threading.Event):
                        flushed.append(one)
                    else:
                        taken.setdefault(one[0], []).append(one[1])
                    one = self._waiting.get_nowait()
            except queue.Empty:
                pass
            for statement, rows in taken.items():
                try:
                    self._database.run(statement, rows)
                except Exception:  # a disk that is full now may not be later, and answers go on meanwhile
                    self.lost += len(rows)
                    LOG.exception("%d lines could not be written to the ledger", len(rows))
            for event in flushed:
                event.set()


def _best(decision: Decision) -> str | None:
    """The label that was given, or the likeliest of those that were not."""
    if decision.label is not None:
        return decision.label
    return decision.candidates[0].label if decision.candidates else None


def _total(name: str, rows: Sequence[tuple[Any, ...]]) -> Total:
    here = sum(by == "specialist" and bool(accepted) for by, accepted, *_ in rows)
    looked = [(label, right) for _, accepted, _, _, _, label, right in rows if right is not None and accepted]
    wrong = sum(label != right for label, right in looked)
    compared = [Decimal(row[3]) for row in rows if row[3] is not None]
    hours = [row[4] for row in rows if row[4] is not None]
    error = None
    if looked:
        low, high = clopper_pearson(wrong, len(looked))
        error = f"{wrong / len(looked):.1%} ({low:.1%} to {high:.1%}, n={len(looked):,})"
    return Total(
        specialist=name,
        answers=len(rows),
        served_here=here / len(rows),
        upstream_dollars=f"{sum((Decimal(row[2]) for row in rows), Decimal(0)):.6f}",
        compared_dollars=f"{sum(compared, Decimal(0)):.6f}" if compared else None,
        watt_hours=sum(hours) if hours else None,
        corrected=sum(row[6] is not None for row in rows),
        wrong=wrong,
        error=error,
    )
