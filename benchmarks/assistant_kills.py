"""Kills an assistant with signal 9 at random points of turns with effects, and counts what the bank did.

    python benchmarks/assistant_kills.py --assistant examples/bank --kills 2000

A process that has loaded the specialists forks one child a kill, so that a kill costs no start. The child finishes what
the one before left open, then talks a conversation up to its effect; it is killed at a moment drawn over the turn with
the effect, or over the child's whole life. The bank is the example's own, in a process of its own, over HTTP.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import runpy
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from metier.assistant import minds, read
from metier.assistant.actions import Outside
from metier.assistant.base import Message
from metier.assistant.store import Entry, open_log
from metier.assistant.talk import Talk
from metier.assistant.turn import Rules

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
FREEZE = ("ana", ("I lost my card", "green", "yes", "yes"))  # two effects: freeze, then a new card
TOP_UP = ("ben", ("top up £20 please", "yes"))  # one effect, by a function of the author's
PENCE, OVERDRAWN = 2_000, 2_140
TIMED = 12  # conversations that nobody kills come first


@dataclass(frozen=True)
class Place:
    """Where everything of one run is."""

    rules: Rules
    folder: Path  # of the assistant
    kept: Path
    bank: str

    def talk(self) -> Talk:
        return Talk(self.rules, open_log(self.kept / "log.db"), Outside(self.folder, {"bank": self.bank}))


@contextmanager
def bank(folder: Path, kept: Path) -> Iterator[str]:
    """The example's bank in a process of its own; it writes down the key of every change it is asked for."""
    heard, said = os.pipe()
    child = os.fork()
    if child == 0:
        code = runpy.run_path(str(folder / "bank.py"))
        inner = code["Bank"](kept / "bank.db")
        answer = inner.answer

        def noted(method: str, path: str, body: Any, key: str) -> Any:
            if method != "GET":
                with (kept / "asked.txt").open("a") as file:
                    file.write(f"{key}\n")
            return answer(method, path, body, key)

        inner.answer = noted
        server = code["serve"](inner)
        server.handle_error = lambda *_: None  # clients that died are what this is about
        os.write(said, str(server.server_address[1]).encode())
        server.serve_forever()
    port = os.read(heard, 16).decode()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def part(number: int) -> tuple[str, tuple[str, ...]]:
    """Who says what in a conversation."""
    return FREEZE if number % 2 else TOP_UP


def send(talk: Talk, number: int, place: int) -> None:
    """One message of a conversation; sent again it is the same message."""
    customer, texts = part(number)
    at = NOON + timedelta(seconds=place)
    talk.send(f"k{number}", Message(id=str(place), text=texts[place], at=at, customer=customer))


def finish(talk: Talk, number: int) -> None:
    """What a client does that got no answer: it sends again what it had sent."""
    talk.resume(f"k{number}")
    for place in range(len(part(number)[1])):
        send(talk, number, place)


def live(place: Place, number: int, pipe: int) -> None:
    """What a child does until it is killed. It says with a byte that a message was answered."""
    talk = place.talk()
    if number:
        finish(talk, number - 1)
    os.write(pipe, b"f")
    for message in range(len(part(number)[1])):
        send(talk, number, message)
        os.write(pipe, b"m")


def killed(place: Place, number: int, draw: random.Random, lasts: dict[str, float]) -> int:
    """Fork a child, kill it at a moment of its life; how many turns it had answered that the log does not have."""
    heard, said = os.pipe()
    child = os.fork()
    if child == 0:
        live(place, number, said)
        os._exit(0)
    os.close(said)
    answered = 0
    if number % 4 < 3:  # in the turn with the effect
        before = len(part(number)[1])  # a byte for what was finished, one for each message but the last
        while answered < before and os.read(heard, 1):
            answered += 1
        time.sleep(draw.uniform(0, 1.1 * lasts["turn"]))
    else:
        time.sleep(draw.uniform(0, 1.1 * lasts["life"]))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while os.read(heard, 1):
        answered += 1
    os.close(heard)
    with sqlite3.connect(place.kept / "log.db") as data:
        asked = "select count(*) from log where conversation = ? and kind = 'ended'"
        (ended,) = data.execute(asked, (f"k{number}",)).fetchone()
    data.close()
    return max(answered - 1 - int(ended), 0)


def timed(place: Place) -> dict[str, float]:
    """How long a child lives when nobody kills it, and its turn with an effect."""
    times: dict[str, list[float]] = {"turn": [], "life": []}
    for number in range(TIMED):
        heard, said = os.pipe()
        started = time.perf_counter()
        if os.fork() == 0:
            live(place, number, said)
            os._exit(0)
        os.close(said)
        moments = []
        while os.read(heard, 1):
            moments.append(time.perf_counter())
        os.wait()
        os.close(heard)
        times["life"].append(moments[-1] - started)
        times["turn"].append(moments[-1] - moments[-2])
    return {name: sorted(all_)[len(all_) // 2] for name, all_ in times.items()}


def ended_well(entries: list[Entry], owner: str) -> str:
    """How a conversation ended: done, with a person who knows, or lost."""
    if not entries or entries[-1].kind != "ended":
        return "lost"
    verbs = {event["verb"] for entry in entries if entry.kind == "ended" for event in entry.data["events"]}
    if "finishes" in verbs:
        return "done"
    return "with a person" if owner == "person" else "lost"


def counted(place: Place, conversations: int) -> dict[str, Any]:
    """What is left: conversations by how they ended, and effects that the bank was asked for or had twice."""
    talk = place.talk()
    ends: Counter[str] = Counter()
    data = sqlite3.connect(place.kept / "bank.db")
    for number in range(conversations):
        finish(talk, number)
    done = dict(data.execute("select key, what from effects where status < 300").fetchall())
    doubled, known = 0, set()
    for number in range(conversations):
        entries = talk.log.entries(f"k{number}")
        ends[ended_well(entries, talk.state(f"k{number}").owner)] += 1
        keys = [entry.data["key"] for entry in entries if entry.kind == "calling"]
        had = Counter(done[key] for key in keys if key in done)
        doubled += len(keys) - len(set(keys)) + sum(times - 1 for times in had.values())
        known |= set(keys)
    asked = Counter((place.kept / "asked.txt").read_text().split())
    (pence,) = data.execute("select pence from accounts where id = 'a3'").fetchone()
    data.close()
    return {
        "conversations": conversations,
        **{name: ends[name] for name in ("done", "with a person", "lost")},
        "effects": len(done),
        "effects doubled": doubled,
        "keys the bank was sent twice": sum(times > 1 for times in asked.values()),
        "effects without a key on disk": len(set(done) - known),
        "pence too many": pence + OVERDRAWN - PENCE * sum("top-ups" in what for what in done.values()),
    }


def run(folder: Path, kills: int, seed: int = 0) -> dict[str, Any]:
    """Kill, and count."""
    script = read.load(folder)
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as kept, bank(folder, Path(kept)) as where:
        place = Place(Rules(script, minds.load(script)), folder, Path(kept), where)
        lasts = timed(place)
        started = time.perf_counter()
        forgotten = sum(killed(place, TIMED + number, draw, lasts) for number in range(kills))
        found = counted(place, TIMED + kills)
    return {
        "kills": kills,
        **found,
        "answered turns forgotten": forgotten,
        "seconds": round(time.perf_counter() - started, 1),
    }


if __name__ == "__main__":
    asked_for = argparse.ArgumentParser(description=__doc__)
    asked_for.add_argument("--assistant", type=Path, default=Path(__file__).resolve().parents[1] / "examples" / "bank")
    asked_for.add_argument("--kills", type=int, default=2000)
    given = asked_for.parse_args()
    json.dump(run(given.assistant, given.kills), sys.stdout, indent=1)
    print()
