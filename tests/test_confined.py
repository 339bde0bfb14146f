"""Work in another process: its answer comes back, and its limits hold."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from metier.data import confined
from metier.data.confined import Exceeded, Limits, Refused

JOBS = """
import os, time
from metier.data.confined import Refused
def echo(said, data):
    print("a library talks")
    return {"pid": os.getpid(), **said}, data[::-1]
def refuse(said, data):
    raise Refused("is not to my taste")
def trip(said, data):
    raise KeyError("x")
def sleep(said, data):
    time.sleep(60)
def spin(said, data):
    while True: pass
def eat(said, data):
    return {}, bytes(2**31)
def die(said, data):
    os._exit(3)
"""
SMALL = Limits(memory_bytes=1 << 30, cpu_s=1, wall_s=20)


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "some_jobs.py").write_text(JOBS, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return "some_jobs"


def test_the_process_is_kept_and_what_is_printed_is_no_answer(jobs: str) -> None:
    first = confined.run(f"{jobs}:echo", {"a": 1}, b"abc", SMALL)
    second = confined.run(f"{jobs}:echo", {"a": 2}, b"", SMALL)
    assert first[1] == b"cba"
    assert second[0] == {"a": 2, "pid": first[0]["pid"]}


def test_a_refusal_and_a_stumble_say_why(jobs: str) -> None:
    with pytest.raises(Refused, match="is not to my taste"):
        confined.run(f"{jobs}:refuse", {}, b"", SMALL)
    with pytest.raises(Refused, match=r"cannot be read \(KeyError: 'x'\)"):
        confined.run(f"{jobs}:trip", {}, b"", SMALL)


def test_limits_hold(jobs: str) -> None:
    with pytest.raises(Exceeded, match=r"took longer than 0.3 s"):
        confined.run(f"{jobs}:sleep", {}, b"", Limits(wall_s=0.3))
    with pytest.raises(Exceeded, match="took more than 1,024 MiB of memory"):
        confined.run(f"{jobs}:eat", {}, b"", SMALL)
    with pytest.raises(Exceeded, match="exit status 3"):
        confined.run(f"{jobs}:die", {}, b"", SMALL)


@pytest.mark.slow
def test_the_processor_is_bounded_too(jobs: str) -> None:
    with pytest.raises(Exceeded, match="over 1 s of processor"):
        confined.run(f"{jobs}:spin", {}, b"", Limits(cpu_s=1, wall_s=60))
