"""A tab of a real browser, driven by Chromium's DevTools protocol, and the rules of axe."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import axe_core_python
import pytest

CHROMIUM = shutil.which("chromium")
AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
WAIT = """new Promise((done, late) => { const began = Date.now(); (function look() {
  const found = (() => { try { return %s; } catch { return false; } })();
  if (found) done(found);
  else if (Date.now() - began > 15000) late(new Error("never: " + %s));
  else setTimeout(look, 50);
})(); })"""


class Page:
    """A tab of Chromium, by its DevTools protocol."""

    def __init__(self, wire: Any) -> None:
        self._wire, self._count = wire, 0
        self.complaints: list[str] = []

    async def send(self, method: str, **params: Any) -> Any:
        """A command of the protocol, and what it came to."""
        self._count += 1
        await self._wire.send_str(json.dumps({"id": self._count, "method": method, "params": params}))
        while True:
            said = json.loads((await self._wire.receive(timeout=30)).data)
            if said.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
                self.complaints.append(json.dumps(said["params"]))
            if said.get("id") == self._count:
                assert "error" not in said, said
                return said["result"]

    async def do(self, script: str) -> Any:
        """The value of a script, awaited."""
        told = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]["exception"].get("description")
        return told["result"].get("value")

    async def until(self, condition: str) -> Any:
        """Wait for a script to be true, 15 s at most."""
        return await self.do(WAIT % (condition, json.dumps(condition)))

    async def open(self, address: str, *, holds: str = "metier-assistant") -> None:
        """Go there, and wait until the page holds what a selector names."""
        await self.send("Page.navigate", url=address)
        await self.until(f"document.readyState === 'complete' && document.querySelector({holds!r})")

    async def key(self, key: str) -> None:
        """Press and let go."""
        text = {"Enter": "\r"}.get(key)
        for kind in ("keyDown", "keyUp"):
            await self.send("Input.dispatchKeyEvent", type=kind, key=key, **({"text": text} if text else {}))

    async def write(self, text: str) -> None:
        """Type a text, then Enter."""
        await self.send("Input.insertText", text=text)
        await self.key("Enter")


@contextlib.asynccontextmanager
async def chromium(home: Path) -> AsyncIterator[Page]:
    """A tab of a browser of its own; where there is none, the test is skipped."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt install chromium)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--remote-debugging-port={port}",
        f"--user-data-dir={home}", "about:blank",
    ]  # fmt: skip
    browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        async with aiohttp.ClientSession() as session:
            for _ in range(200):
                with contextlib.suppress(aiohttp.ClientError):
                    tabs = await (await session.get(f"http://127.0.0.1:{port}/json")).json()
                    if any(one["type"] == "page" for one in tabs):
                        break
                await asyncio.sleep(0.1)
            tab = next(one for one in tabs if one["type"] == "page")
            async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as wire:
                page = Page(wire)
                for domain in ("Page", "Runtime", "Log"):
                    await page.send(f"{domain}.enable")
                yield page
    finally:
        browser.terminate()
        browser.wait(10)


def drive(home: Path, walk: Callable[[Page], Coroutine[Any, Any, None]]) -> None:
    """Walk through pages in a browser whose profile lies in `home`."""

    async def whole() -> None:
        async with chromium(home) as page:
            await walk(page)

    asyncio.run(whole())
