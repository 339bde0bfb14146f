"""What is kept, and what happens once only: dedupe, keys, lost replies, kills, the same bytes again, nothing
personal."""

from __future__ import annotations

import os
import pwd
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from metier.assistant.base import Message, Result
from metier.assistant.store import PostgresLog, open_log, plain
from metier.assistant.talk import Talk
from metier.assistant.turn import Rules

FREEZE = ("I lost my card", "green", "yes", "yes")


def test_the_same_message_twice_is_one(line: Any) -> None:
    for text in FREEZE[:-1]:
        line(text)
    first = line("yes", id="again")
    assert line("yes", id="again").replies == first.replies
    assert line.calls("freeze") == 2  # told twice ...
    assert sum(name == "freeze" for name, _ in line.talk.caller.made) == 1  # ... done once


def test_an_effect_has_a_key_that_was_written_down_before(line: Any, log: Any) -> None:
    seen: list[Any] = []

    def look(action: Any) -> None:
        if action.changes:
            seen.append([entry.kind for entry in log.entries("c1")][-1])

    line.talk.caller.fault = look
    for text in FREEZE:
        line(text)
    assert seen == ["calling", "calling"]
    keys = [key for name, key in line.talk.caller.made if name in ("freeze", "reissue")]
    assert len(set(keys)) == 2
    assert all(key is None for name, key in line.talk.caller.made if name == "cards")


def test_a_lost_reply_is_never_asked_again_and_goes_to_a_person(line: Any) -> None:
    line.talk.caller.fault = lambda action: Result(outcome="unknown", value=None) if action.changes else None
    for text in FREEZE[:-1]:
        line(text)
    turn = line("yes")
    assert turn.replies[0].id == "say.unknown"
    assert turn.state.owner == "person"
    line("yes")
    assert sum(name == "freeze" for name, _ in line.talk.caller.made) == 1


def test_a_refusal_after_something_was_done_does_not_claim_that_nothing_was(line: Any) -> None:
    line.talk.caller.fault = lambda action: Result(outcome="refused", value=None) if action.name == "reissue" else None
    for text in FREEZE[:-1]:
        line(text)
    turn = line("yes")
    assert turn.state.owner == "person"
    assert all("nothing was" not in reply.text for reply in turn.replies)


def test_a_process_that_died_while_it_called_does_not_call_again(line: Any, log: Any) -> None:
    for text in FREEZE[:-1]:
        line(text)

    def die(action: Any) -> None:
        if action.changes:
            raise KeyboardInterrupt

    line.talk.caller.fault = die
    with pytest.raises(KeyboardInterrupt):
        line("yes")
    line.talk.caller.fault = lambda action: None
    made = len(line.talk.caller.made)
    again = Talk(line.talk.rules, log, line.talk.caller)
    turn = again.resume("c1")
    assert turn is not None
    assert turn.replies[0].id == "say.unknown"
    assert len(line.talk.caller.made) == made


def test_the_same_log_and_specialists_give_the_same_bytes(line: Any, log: Any) -> None:
    for text in (*FREEZE, "what does an overdraft cost?", "top up £20 from that card", "cancel", "meaning of life"):
        line(text)
    kept = [plain(entry.data) for entry in log.entries("c1") if entry.kind == "ended"]
    assert line.talk.replay("c1") == kept


def test_nothing_personal_reaches_the_disk(line: Any, log: Any, tmp_path: Path) -> None:
    planted = (
        "4111 1111 1111 1111",
        "4111111111111111",
        "GB82 WEST 1234 5698 7654 32",
        "jo.bloggs@example.org",
        "07700 900123",
    )
    for text in planted:
        line(f"my details are {text}, where is my transfer")
        line(text)
    log.close()
    for path in tmp_path.iterdir():
        data = path.read_bytes()
        for text in planted:
            assert text.encode() not in data, (path.name, text)


def as_nobody() -> None:
    """PostgreSQL does not run as root."""
    if os.getuid() == 0:
        user = pwd.getpwnam("nobody")
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A server of our own, on a socket in a folder of its own."""
    pytest.importorskip("psycopg", reason="the package psycopg is not installed")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    place = Path("/tmp") / f"metier-assistant-pg-{os.getpid()}"
    place.mkdir()
    if os.getuid() == 0:
        shutil.chown(place, "nobody")
    made = [found[-1] / "initdb", "-D", place / "data", "-U", "metier", "-A", "trust", "--no-sync"]
    subprocess.run(made, check=True, capture_output=True, preexec_fn=as_nobody, cwd=place)
    command = [found[-1] / "postgres", "-D", place / "data", "-k", place, "-c", "listen_addresses=", "-F"]
    with subprocess.Popen(command, preexec_fn=as_nobody, cwd=place, stderr=subprocess.DEVNULL) as server:
        try:
            end = time.monotonic() + 30
            while not (place / ".s.PGSQL.5432").exists() and time.monotonic() < end:
                time.sleep(0.05)
            time.sleep(0.3)
            yield f"postgresql:///postgres?host={place}&user=metier"
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=20)
            shutil.rmtree(place, ignore_errors=True)


@pytest.mark.slow
def test_the_same_in_postgresql(postgres: str, line: Any) -> None:
    log = open_log(postgres)
    assert isinstance(log, PostgresLog)
    line.talk = Talk(line.talk.rules, log, line.talk.caller)
    for text in FREEZE:
        line(text)
    assert line.calls("freeze") == 1
    assert [plain(entry.data) for entry in log.entries("c1") if entry.kind == "ended"] == line.talk.replay("c1")
    assert log.conversations() == ["c1"]
    assert len(log.traces("c1")) == 4
    log.forget("c1")
    assert log.entries("c1") == []
    log.close()


def test_what_is_old_is_forgotten(line: Any, log: Any) -> None:
    line("hello")
    assert log.forget_before("2020") == 0
    assert log.forget_before("2100") == 1
    assert log.entries("c1") == []


CHILD = """
import sys, json
from datetime import datetime, timedelta, UTC
from pathlib import Path
from metier.assistant import minds, read
from metier.assistant.actions import Outside
from metier.assistant.base import Message
from metier.assistant.store import open_log
from metier.assistant.talk import Talk
from metier.assistant.turn import Rules
folder, log, bank, texts = Path(sys.argv[1]), sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
script = read.load(folder)
talk = Talk(Rules(script, minds.load(script)), open_log(log), Outside(folder, {"bank": bank}))
print("ready", flush=True)
for line in sys.stdin:
    name = line.strip()
    for place, text in enumerate(texts):
        at = datetime(2026, 11, 25, 12, tzinfo=UTC) + timedelta(seconds=place)
        turn = talk.send(name, Message(id=str(place), text=text, at=at, customer="ana"))
    print(name, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kills", [pytest.param(10, id="10"), pytest.param(200, id="200")])
def test_kill_9_anywhere_does_nothing_twice_and_loses_nothing(
    kills: int, bank_script: Any, bank_minds: Any, tmp_path: Path
) -> None:
    """A child is killed at random moments; another goes on. The bank must hold each effect once, or a person must
    know."""
    import json

    from metier.assistant import outside
    from metier.assistant.actions import Outside

    draw = random.Random(7)
    kept = tmp_path / "log.db"
    with outside.running(bank_script.outside, {}) as places:
        killed = 0
        number = 0
        while killed < kills:
            child = subprocess.Popen(
                [sys.executable, "-c", CHILD, str(bank_script.folder), str(kept), places["bank"], json.dumps(FREEZE)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            assert child.stdin is not None
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            for _ in range(8):  # conversations begun before the kill, one after the other
                child.stdin.write(f"k{number}\n")
                number += 1
            child.stdin.flush()
            time.sleep(draw.uniform(0.01, 0.3))
            child.kill()
            child.wait()
            child.stdout.close()
            with suppress(BrokenPipeError):
                child.stdin.close()
            killed += 1
        log = open_log(kept)
        caller = Outside(bank_script.folder, places)
        talk = Talk(Rules(bank_script, bank_minds), log, caller)
        names = log.conversations()
        for name in names:
            talk.resume(name)
            for place, text in enumerate(FREEZE):
                at = bank_time(place)
                talk.send(name, Message(id=str(place), text=text, at=at, customer="ana"))
        for name in names:
            entries = log.entries(name)
            calling = [entry.data["key"] for entry in entries if entry.kind == "calling"]
            assert len(calling) == len(set(calling))
            assert entries[-1].kind == "ended"
            done = sum(
                e.kind == "called" and e.data["action"] == "freeze" and e.data["outcome"] == "ok" for e in entries
            )
            assert done == 1 or talk.state(name).owner == "person"
        log.close()
        caller.close()


def bank_time(place: int) -> Any:
    from datetime import UTC, datetime, timedelta

    return datetime(2026, 11, 25, 12, tzinfo=UTC) + timedelta(seconds=place)


def test_two_at_once_are_one_after_the_other(line: Any, log: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    for text in FREEZE[:-1]:
        line(text)
    at = line.at
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: line.talk.send("c1", Message(id=f"t{n}", text="yes", at=at, customer="ana")), range(4)))
    assert sum(name == "freeze" for name, _ in line.talk.caller.made) == 1
    numbers = [entry.seq for entry in log.entries("c1")]
    assert numbers == [*range(len(numbers))]
