"""The console in a real browser: every page draws what the gateway says, and nothing from elsewhere is asked for."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from metier import app
from metier.gateway.gateway import Gateway
from metier.gateway.ledger import Ledger
from metier.gateway.settings import Settings
from metier.registry import Registry
from metier.testing.servers import running

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def address(bank_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("console")
    registry = Registry(folder / "shelf")
    registry.add(bank_folder)
    ledger = Ledger(str(folder / "ledger.db"), keep_inputs=True)
    gateway = Gateway(registry, Settings(registry=str(folder / "shelf")), ledger=ledger)
    with running(app.build(gateway)) as found:
        for text in ("I lost my card", "<img src=x onerror=document.title='broken'>", "В чём смысл жизни?"):
            httpx.post(f"{found}/v1/specialists/bank/decide", json={"inputs": text})
        yield found


def drawn(address: str, page: str, home: Path) -> str:
    """What a page holds once its script has run."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt install chromium)")
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000", "--dump-dom",
        f"--user-data-dir={home}", f"{address}/console/#{page}",
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("specialists", "bank@1"),
        ("playground/bank", "Ask</button>"),
        ("traffic", "report_lost_or_stolen_card"),
        ("ledger", "No promise is broken"),
        ("inbox", "Right would be"),
        ("registry", "promote bank@1 to production"),
        ("keys", "answers this machine alone"),
    ],
)
def test_every_page_is_drawn(address: str, tmp_path: Path, page: str, expected: str) -> None:
    html = drawn(address, page, tmp_path)
    assert expected in html
    assert "[object" not in html
    assert 'class="bad"' not in html
    assert "<title>broken" not in html


@pytest.mark.slow
def test_what_people_wrote_is_text_and_no_markup(address: str, tmp_path: Path) -> None:
    html = drawn(address, "inbox", tmp_path) + drawn(address, "traffic", tmp_path)
    assert "<img" not in html


def test_the_page_asks_nobody_else_and_keeps_to_a_strict_policy(address: str) -> None:
    for file in ("", "console.css", "console.js", "draw.js"):
        reply = httpx.get(f"{address}/console/{file}")
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert "unsafe" not in reply.headers["content-security-policy"]
        found = re.findall(r"https?://[^\s\"']+", reply.text)
        assert [one for one in found if not one.startswith("http://www.w3.org/")] == []
    assert httpx.get(f"{address}/console").headers["location"] == "/console/"
    assert httpx.get(f"{address}/console/..%2f..%2fkeys.py").status_code == 404
