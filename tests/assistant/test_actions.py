"""Calls to the outside: where they may lead, and how long they may take."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

pytest.importorskip("httpx")
from metier.assistant.actions import Outside
from metier.assistant.base import Action, Place

PLACE = Place(file="assistant.yaml", line=1)


class Bank(BaseHTTPRequestHandler):
    """Remembers what it was asked; at /slow it answers a letter at a time."""

    asked: ClassVar[list[str]]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        slow = self.path == "/slow"
        self.send_response(200)
        self.send_header("content-length", "40" if slow else "2")
        self.end_headers()
        for _ in range(40 if slow else 1):
            try:
                self.wfile.write(b" " if slow else b"{}")
            except OSError:
                return
            time.sleep(0.05 if slow else 0)

    def log_message(self, *_: object) -> None:
        """Nothing to be said."""


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[tuple[Outside, list[str]]]:
    class ThisBank(Bank):
        asked: ClassVar[list[str]] = []

    server = ThreadingHTTPServer(("127.0.0.1", 0), ThisBank)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    outside = Outside(tmp_path, {"bank": f"http://127.0.0.1:{server.server_address[1]}"})
    yield outside, ThisBank.asked
    outside.close()
    server.shutdown()
    server.server_close()


def read(target: str) -> Action:
    return Action(name="look", how="get", target=target, changes=False, place=PLACE)


@pytest.mark.parametrize("said", [".", ".."])
def test_no_value_leads_to_another_address(bank: tuple[Outside, list[str]], said: str) -> None:
    outside, asked = bank
    result = outside.call(
        read("{bank}/customers/{customer}/payees/{payee}"), {"customer": "ana", "payee": said}, key=None
    )
    assert (result.outcome, asked) == ("refused", [])
    assert "payee" in str(result.value)


def test_signs_of_an_address_in_a_value_are_only_letters_of_it(bank: tuple[Outside, list[str]]) -> None:
    outside, asked = bank
    result = outside.call(read("{bank}/payees/{payee}"), {"payee": "../a?b=c#d/é"}, key=None)
    assert (result.outcome, asked) == ("ok", ["/payees/..%2Fa%3Fb%3Dc%23d%2F%C3%A9"])


def test_an_answer_that_does_not_end_is_not_waited_for(bank: tuple[Outside, list[str]]) -> None:
    outside, _ = bank
    started = time.monotonic()
    assert outside.call(read("{bank}/slow"), {}, key=None, timeout_s=0.3).outcome == "refused"
    assert time.monotonic() - started < 1.5
