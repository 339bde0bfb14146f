"""The example bank's assistant with specialists learnt once, a bank of its own for each test, and a way to talk."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from metier.assistant import learn, minds, outside, read
from metier.assistant.actions import Outside
from metier.assistant.base import Action, Message, Minds, Result, Script
from metier.assistant.state import Turn
from metier.assistant.store import Log, open_log
from metier.assistant.talk import Talk
from metier.assistant.turn import Rules

BANK = Path(__file__).resolve().parents[2] / "examples" / "bank"
NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def bank_script(tmp_path_factory: pytest.TempPathFactory) -> Script:
    """A copy of the example, trained with as little effort as makes it real; once for all who test at the same time."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    trained = shared / "trained-bank"
    with (shared / "trained-bank.lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not trained.exists():
            work = shared / "trained-bank.partial"
            shutil.copytree(BANK, work, ignore=shutil.ignore_patterns("models", "state"))
            learn.learn(read.load(work), effort="quick")
            work.rename(trained)
    return read.load(Path(shutil.copytree(trained, tmp_path_factory.mktemp("assistants") / "bank")))


@pytest.fixture(scope="session")
def bank_minds(bank_script: Script) -> Minds:
    return minds.load(bank_script)


@dataclass
class Line:
    """A conversation as a test has it: `line("my card is lost").verbs`."""

    talk: Talk
    name: str = "c1"
    customer: str | None = "ana"
    at: datetime = NOON
    count: int = 0
    said: list[Turn] = field(default_factory=list)

    def __call__(self, text: str, *, id: str | None = None, after: timedelta = timedelta(seconds=5)) -> Turn:
        self.count += 1
        self.at += after
        turn = self.talk.send(
            self.name, Message(id=id or f"m{self.count}", text=text, at=self.at, customer=self.customer)
        )
        self.said.append(turn)
        return turn

    def does(self, text: str, **how: Any) -> list[str]:
        """The events of a turn, as transcripts name them."""
        return _verbs(self(text, **how))

    def calls(self, action: str) -> int:
        return sum(event.verb == "calls" and event.name == action for turn in self.said for event in turn.events)


def _verbs(turn: Turn) -> list[str]:
    return [f"{event.verb} {event.name}".strip() for event in turn.events]


class Watched:
    """The outside as it is, with every call written down, and faults where a test asks for them."""

    def __init__(self, inner: Outside) -> None:
        self.inner = inner
        self.made: list[tuple[str, str | None]] = []
        self.fault: Callable[[Action], Result | None] = lambda action: None

    def call(self, action: Action, values: Any, *, key: str | None, timeout_s: float = 10.0) -> Result:
        self.made.append((action.name, key))
        return self.fault(action) or self.inner.call(action, values, key=key, timeout_s=timeout_s)


@pytest.fixture
def watched(bank_script: Script) -> Iterator[Watched]:
    with outside.running(bank_script.outside, {}) as places:
        inner = Outside(bank_script.folder, places)
        yield Watched(inner)
        inner.close()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    kept = open_log(tmp_path / "log.db")
    yield kept
    kept.close()


@pytest.fixture
def line(bank_script: Script, bank_minds: Minds, watched: Watched, log: Log) -> Line:
    return Line(Talk(Rules(bank_script, bank_minds), log, watched))


@pytest.fixture
def says(rules: Rules, tmp_path: Path) -> Iterator[Any]:
    """What the assistant of a module does at each of several messages, in one line each."""
    log, caller = open_log(tmp_path / "log.db"), Outside(rules.script.folder, {})
    talk, calls = Talk(rules, log, caller), count()

    def run(*texts: str) -> list[str]:
        line = Line(talk, name=f"s{next(calls)}", customer=None)
        did = []
        for text in texts:
            events = line.does(text)
            shown = [reply.text for reply in line.said[-1].replies if reply.id.endswith((".confirm", ".done"))]
            did.append(" · ".join([*events, *shown]))
        return did

    yield run
    caller.close()
    log.close()
