"""An assistant served as users serve it: a process, its page, a turn in the ledger, and what is refused beforehand."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from metier import serving
from metier.assistant import web
from metier.assistant.base import Message
from metier.gateway.ledger import Ledger

LAST = re.compile(r"http://127\.0\.0\.1:\d+/assistant/")


def begun(folder: Path, home: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "metier", "assistant", "serve", str(folder), "--port", "0", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=home)


def talked(address: str) -> Any:
    with httpx.Client(base_url=address, timeout=30) as client:
        said = client.post("conversations").raise_for_status().json()
        client.headers[web.SECRET] = said["secret"]
        path = f"conversations/{said['conversation']}/messages"
        return client.post(path, json={"id": "1", "text": "how much is in savings?"}).raise_for_status().json()


def test_a_process_answers_and_its_turns_are_in_the_ledger(bank_script: Any, tmp_path: Path) -> None:
    running = begun(bank_script.folder, tmp_path, "--as", "ana")
    try:
        assert running.stderr is not None
        address = next(found[0] for line in running.stderr if (found := LAST.search(line)))
        for _ in range(100):
            try:
                if httpx.get(f"{address}about").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        assert "widget.js" in httpx.get(address).text
        assert talked(address)["replies"][-1]["text"] == "Savings: £8,012.77."
    finally:
        running.send_signal(signal.SIGTERM)
        out, _ = running.communicate(timeout=30)
    assert web.integrity() in out
    rows = sqlite3.connect(tmp_path / "ledger.db").execute("select protocol, specialist, label, input from answers")
    protocol, specialist, label, text = rows.fetchall()[0]
    assert (protocol, specialist, text) == ("assistant", "assistant bank", None)
    assert "balance" in label


def test_what_customers_say_is_erased_with_its_conversation_and_is_nowhere_else(line: Any, tmp_path: Path) -> None:
    turn = line("I am Ana Silva, and how much is in savings?")
    message = Message(id="m1", text="I am Ana Silva, and how much is in savings?", at=line.at)
    ledger = Ledger(str(tmp_path / "ledger.db"), keep_inputs=True)
    ask, answer = serving.written("bank", line.name, message, turn, 5.0)
    ledger.note(ask, answer, [None])
    (kept,) = ledger.latest()
    ledger.close()
    assert (kept["id"], kept["input"]) == ("c1:m1", None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--origin", "bank.example/path"], "origins has"),
        (["--as", "ana", "--host", "0.0.0.0"], "no keys are asked for"),
        (["--at", "bank"], "expected NAME=URL"),
        (["--as", "ana", "--at", "bank=https://api.bank.example"], "which is not on this machine"),
    ],
)
def test_what_makes_no_sense_is_one_line(bank_script: Any, tmp_path: Path, options: list[str], said: str) -> None:
    running = begun(bank_script.folder, tmp_path, *options)
    _, error = running.communicate(timeout=60)
    assert running.returncode == 1
    assert said in " ".join(error.split())
    assert "Traceback" not in error
