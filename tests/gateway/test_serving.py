"""The gateway as a process: how soon it answers, and how it ends."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

CARD = {"inputs": "I lost my card"}
DECIDE = "/v1/specialists/bank/decide"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def process(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    port = free_port()
    command = [sys.executable, "-m", "metier", "serve", str(folder), "--port", str(port), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder.parent) as running:
        address = f"http://127.0.0.1:{port}"
        try:
            until_ready(address, running)
            yield running, address
        finally:
            running.kill()


def until_ready(address: str, running: subprocess.Popen[str], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and running.poll() is None:
        try:
            if httpx.get(f"{address}/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.02)
    raise AssertionError(f"not ready: {running.poll()}")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_no_request_is_lost_when_it_is_told_to_end(shelf: Path, workers: str) -> None:
    statuses: list[int] = []
    refused: list[str] = []

    def ask(address: str, ended: threading.Event) -> None:
        with httpx.Client(base_url=address, timeout=20) as client:
            while not ended.is_set():
                try:
                    statuses.append(client.post(DECIDE, json=CARD).status_code)
                except httpx.ConnectError:
                    return  # the door is shut, and the ask was never taken
                except httpx.TransportError as error:
                    refused.append(repr(error))

    with process(shelf, "--workers", workers) as (running, address):
        ended = threading.Event()
        clients = [threading.Thread(target=ask, args=(address, ended)) for _ in range(4)]
        for client in clients:
            client.start()
        time.sleep(1)
        running.send_signal(signal.SIGTERM)
        running.wait(timeout=30)
        ended.set()
        for client in clients:
            client.join(timeout=30)
    assert len(statuses) > 50
    assert set(statuses) == {200}
    assert not refused


def test_a_folder_with_a_damaged_specialist_does_not_start(shelf: Path, tmp_path: Path) -> None:
    (tmp_path / "shelf" / "bank").mkdir(parents=True)
    for file in (shelf / "bank").iterdir():
        (tmp_path / "shelf" / "bank" / file.name).write_bytes(file.read_bytes())
    with (tmp_path / "shelf" / "bank" / "arrays.safetensors").open("r+b") as arrays:
        arrays.seek(1000)
        arrays.write(b"\xff\xff")
    command = [sys.executable, "-m", "metier", "serve", str(tmp_path / "shelf"), "--port", str(free_port())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "changed since it was written" in done.stderr


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--host", "0.0.0.0"], "no keys are asked for"),
        (["--config", "none.toml"], "No such file"),
        (["--workers", "0"], "workers"),
        (["--log", "loud"], "log"),
    ],
)
def test_what_makes_no_sense_ends_in_one_line(shelf: Path, options: list[str], expected: str) -> None:
    command = [sys.executable, "-m", "metier", "serve", str(shelf), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=shelf.parent)
    assert done.returncode == 1
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_that_is_taken_ends_in_one_line_before_an_address_is_said(shelf: Path, workers: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        command = [sys.executable, "-m", "metier", "serve", str(shelf), "--port", port, "--workers", workers]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=shelf.parent)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"Error: port {port} of 127.0.0.1 is taken. End what serves there, or take another: --port 0 finds a free one."
    ]


def test_port_0_says_which_one_it_found(shelf: Path) -> None:
    command = [sys.executable, "-m", "metier", "serve", str(shelf), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=shelf.parent) as running:
        try:
            assert running.stderr is not None
            found = re.search(r"http://127.0.0.1:(\d+)", running.stderr.readline())
            assert found is not None
            assert found[1] != "0"
            until_ready(found[0], running)
        finally:
            running.kill()


def test_serving_never_imports_torch_or_a_trainer(shelf: Path) -> None:
    code = (
        "import sys\nfrom metier import serving\nfrom metier.gateway.settings import Settings\n"
        f"serving.application(Settings(registry={str(shelf)!r}))\n"
        "print([name for name in ('torch', 'sklearn', 'pandas', 'polars') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_logs_are_lines_of_json(shelf: Path) -> None:
    with process(shelf) as (running, address):
        httpx.post(f"{address}{DECIDE}", json=CARD)
        running.send_signal(signal.SIGTERM)
        running.wait(timeout=30)
        assert running.stderr is not None
        first, *lines = running.stderr.read().splitlines()
    assert "a page at http://127.0.0.1" in first
    assert lines
    assert all(re.match(r'\{"time": "\d{4}-', line) for line in lines), lines
