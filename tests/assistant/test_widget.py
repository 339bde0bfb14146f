"""The widget in a real browser: by keyboard and buttons, after a reload, offline, narrow, dark, by the rules of axe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from metier.assistant import web
from metier.testing.browser import AXE, Page, drive
from metier.testing.servers import running

pytestmark = pytest.mark.slow
# a site with the strictest policy that can hold the widget, and axe as a file of its own
POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'"
SITE = """<!doctype html><html lang="en"><title>A bank</title><meta name="viewport" content="width=device-width">
<script src="/assistant/widget.js" defer></script><main><h1>A bank</h1></main></html>"""
ROOT = "document.querySelector('metier-assistant').shadowRoot"
TEXTS = f"[...{ROOT}.querySelectorAll('.said')].map((one) => one.innerText)"


@pytest.fixture
def address(line: Any) -> Iterator[str]:
    async def site(_: Any) -> Response:
        return Response(SITE, media_type="text/html", headers={"content-security-policy": POLICY})

    app = web.app(line.talk, who=lambda request: "ana")
    with running(Starlette(routes=[Route("/", site), Mount("/assistant", app)])) as found:
        yield found


def test_it_is_talked_to_by_keyboard_and_buttons_and_survives_a_reload(address: str, tmp_path: Path) -> None:
    async def walk(page: Page) -> None:
        await page.open(address)
        await page.until(f"{ROOT}.querySelector('.launch')")
        await page.do(f"{ROOT}.querySelector('.launch').click()")
        await page.until(f'{TEXTS}[0].includes("I\'m a program")')
        assert await page.do(f"{ROOT}.activeElement.id") == "text"  # focus goes to the field
        await page.write("I lost my card")
        await page.until(f"{TEXTS}.some((text) => text.includes('Which card?'))")
        await page.do(f"[...{ROOT}.querySelectorAll('.said button')].find((one) => one.innerText === 'Blue').click()")
        await page.until(f"{TEXTS}.some((text) => text.includes('send a new one'))")
        used = f"[...{ROOT}.querySelectorAll('.said button')].find((one) => one.innerText === 'Blue').disabled"
        assert await page.do(used) is True
        await page.write("no thanks")
        await page.until(f"{ROOT}.querySelector('.said.confirm')?.innerText.includes('Freeze Blue')")
        before = await page.do(TEXTS)
        await page.open(address)
        await page.until(f"{TEXTS}.length === {len(before)}")
        assert await page.do(TEXTS) == before
        await page.do(f"[...{ROOT}.querySelectorAll('.said.confirm button')][0].click()")
        await page.until(f"{TEXTS}.some((text) => text.includes('is frozen'))")
        assert len(await page.do(TEXTS)) == len(before) + 2
        await page.key("Escape")
        assert await page.do(f"{ROOT}.querySelector('.panel').hidden") is True
        assert await page.do(f"{ROOT}.activeElement.className") == "launch"
        assert page.complaints == []

    drive(tmp_path, walk)


def test_another_customer_at_the_same_machine_sees_nothing_of_it(line: Any, tmp_path: Path) -> None:
    logged_in = ["ana"]

    async def site(_: Any) -> Response:
        page = SITE.replace(" defer", ' data-login="/token" defer')
        return Response(page, media_type="text/html", headers={"content-security-policy": POLICY})

    async def token(_: Any) -> Response:
        return JSONResponse({"token": logged_in[0]})

    def who(request: Request) -> str | None:
        return request.headers.get("authorization", "").removeprefix("Bearer ") or None

    async def walk(page: Page) -> None:
        await page.open(address)
        await page.until(f"{ROOT}.querySelector('.launch')")
        await page.do(f"{ROOT}.querySelector('.launch').click()")
        await page.until(f'{TEXTS}[0].includes("I\'m a program")')
        await page.write("I lost my card")
        await page.until(f"{TEXTS}.some((text) => text.includes('Which card?'))")
        await page.open(address)
        await page.until(f"{TEXTS}.some((text) => text.includes('Which card?'))")  # Ana again
        logged_in[0] = "ben"
        await page.open(address)
        await page.until(f"{ROOT}.querySelector('.launch')")
        await page.do(f"{ROOT}.querySelector('.panel').hidden && {ROOT}.querySelector('.launch').click()")
        await page.until(f"{TEXTS}.length > 0")
        assert not await page.do(f"{TEXTS}.some((text) => text.includes('card?'))")
        await page.write("when will my new card come?")
        await page.until(f"{TEXTS}.some((text) => text.includes('working days'))")
        logged_in[0] = "ana"  # in the middle of it, as after a login in another tab
        await page.open(address)
        await page.until(f"{ROOT}.querySelector('.launch')")
        await page.do(f"{ROOT}.querySelector('.panel').hidden && {ROOT}.querySelector('.launch').click()")
        await page.until(f"{TEXTS}.length > 0")
        assert not await page.do(f"{TEXTS}.some((text) => text.includes('working days'))")

    app = web.app(line.talk, who=who)
    routes = [Route("/", site), Route("/token", token), Mount("/assistant", app)]
    with running(Starlette(routes=routes)) as address:
        drive(tmp_path, walk)


def test_a_card_s_number_never_leaves_the_page_and_what_was_not_sent_can_be(
    address: str, tmp_path: Path, line: Any
) -> None:
    async def walk(page: Page) -> None:
        await page.open(address)
        await page.until(f"{ROOT}.querySelector('.launch')")
        await page.do(f"{ROOT}.querySelector('.launch').click()")
        await page.send("Input.insertText", text="my card 4111 1111 1111 1111")
        assert await page.do(f"{ROOT}.querySelector('textarea').value") == "my card •••• 1111"
        await page.send("Network.enable")
        gone = {"latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        await page.send("Network.emulateNetworkConditions", offline=True, **gone)
        await page.key("Enter")
        await page.until(f"{ROOT}.querySelector('.state.bad')?.innerText.includes('Not sent')")
        await page.send("Network.emulateNetworkConditions", offline=False, **{**gone, "downloadThroughput": -1})
        await page.do(f"[...{ROOT}.querySelectorAll('.state.bad button')][0]?.click()")
        await page.until(f"!{ROOT}.querySelector('.mine') && {ROOT}.querySelectorAll('.said').length >= 3")

    drive(tmp_path, walk)
    (conversation,) = line.talk.log.conversations()
    assert "4111" not in str(line.talk.log.entries(conversation))


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (320, "light"), (320, "dark")])
def test_axe_finds_nothing(address: str, tmp_path: Path, width: int, scheme: str) -> None:
    async def walk(page: Page) -> None:
        await page.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=640, deviceScaleFactor=1, mobile=False
        )
        await page.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        await page.open(address)
        await page.until(f"{ROOT}.querySelector('.launch')")
        await page.do(f"{ROOT}.querySelector('.launch').click()")
        await page.write("what does a new card cost?")
        await page.until(f"{TEXTS}.some((text) => text.includes('£5'))")
        await page.do(AXE)
        rules = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']"
        found = await page.do(
            f"axe.run(document, {{ runOnly: {rules} }}).then((told) => told.violations.map((one) => "
            "`${one.id}: ${one.help} ${one.nodes[0].html}`))"
        )
        assert found == []
        overflow = await page.do(
            f"{ROOT}.querySelector('.panel').scrollWidth > {ROOT}.querySelector('.panel').clientWidth"
        )
        assert overflow is False

    drive(tmp_path, walk)
