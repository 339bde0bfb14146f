"""What is kept, and what happens once only: dedupe, keys, lost replies, kills, the same bytes, nothing personal."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from metier.assistant.base import Message, Result
from metier.assistant.store import open_log, plain
from metier.assistant.talk import Talk

KILLS = Path(__file__).resolve().parents[2] / "benchmarks" / "assistant_kills.py"
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


@pytest.mark.slow
def test_the_same_in_postgresql(postgres: str, line: Any) -> None:
    log = open_log(postgres)
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
    line.talk.note("c1", "viewed", {"who": "Ann"})  # today, and the message is older
    assert log.forget_before((line.at + timedelta(seconds=1)).isoformat()) == 1
    assert log.entries("c1") == []


def test_kill_9_anywhere_does_nothing_twice_and_loses_nothing(bank_script: Any) -> None:
    """The script whose figures for 2,000 kills are in the documentation."""
    command = [sys.executable, KILLS, "--assistant", bank_script.folder, "--kills", "20"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=120).stdout)
    assert found["effects"] > 20
    assert found["done"] + found["with a person"] == found["conversations"]
    never = ("lost", "effects doubled", "keys the bank was sent twice", "effects without a key on disk")
    assert [found[name] for name in (*never, "pence too many", "answered turns forgotten")] == [0] * 6


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
