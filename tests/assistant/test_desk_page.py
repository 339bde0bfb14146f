"""The desk in a real browser: a customer and a person in two tabs, by keyboard, narrow, dark, by the rules of axe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Mount

from metier import app
from metier.assistant import judged, web
from metier.assistant.desk import Desk
from metier.assistant.replayed import Replayed
from metier.assistant.turn import Rules
from metier.gateway.gateway import Gateway
from metier.gateway.settings import Settings
from metier.registry import Registry
from metier.testing.browser import AXE, Page, drive
from metier.testing.servers import running

pytestmark = pytest.mark.slow
WHOLE = "document.querySelector('#main').innerText"


@pytest.fixture
def address(line: Any, tmp_path: Path) -> Iterator[str]:
    gateway = Gateway(Registry(tmp_path / "shelf"), Settings(registry=str(tmp_path / "shelf")))
    gateway.parts[Desk] = Desk(line.talk)
    with running(app.build(gateway, mounts=[Mount("/assistant", web.app(line.talk))])) as found:
        yield found


async def pressed(page: Page, button: str) -> None:
    found = f"[...document.querySelectorAll('button')].find((one) => one.innerText.startsWith({button!r}))"
    await page.until(found)
    await page.do(f"{found}.click()")


def test_a_person_takes_over_answers_and_gives_back_by_keyboard(address: str, line: Any, tmp_path: Path) -> None:
    async def walk(page: Page) -> None:
        await page.open(f"{address}/desk/", holds="#queue .empty")
        line("my blue card is lost")
        line("a person please <img src=x>")
        await page.until("document.querySelector('#queue').innerText.includes('a person please <img')")
        await page.key("j")
        await page.until(f"{WHOLE}.includes('Take over')")
        await page.key("t")
        await page.until("document.activeElement?.id === 'reply'")
        await page.write("Hello, I see your blue card.")
        await pressed(page, "Send")
        await page.until(f"{WHOLE}.includes('I see your blue card')")
        line("how long does a new one take?")
        await page.until(f"{WHOLE}.includes('May answer it')")
        await pressed(page, "Use “")
        await page.until("document.querySelector('#reply').value.length > 20")
        await pressed(page, "Send")
        await page.do("document.querySelector('#note').value = 'calm customer'")
        await pressed(page, "Keep")
        await page.until(f"{WHOLE}.includes('calm customer')")
        await pressed(page, "Give back")
        await page.until("document.querySelector('#queue .empty')")
        assert page.complaints == []

    drive(tmp_path, walk)
    shown = web.seen(line.talk.log.entries(line.name))
    assert next(one["text"] for one in shown if one["from"] == "person") == "Hello, I see your blue card."
    assert len([one for one in shown if one["from"] == "person"]) == 2
    assert line.talk.state(line.name).owner == "assistant"


def test_a_message_is_taught_and_a_conversation_made_a_test(address: str, line: Any, tmp_path: Path) -> None:
    line("what do I have left to spend")

    async def walk(page: Page) -> None:
        await page.open(f"{address}/desk/#{line.name}", holds=".entry .teach")
        await page.do("document.querySelector('.entry .teach').open = true")
        await page.until("document.querySelector('.teach option[value=\"job:balance\"]')")
        await page.do("document.querySelector('.teach select').value = 'job:balance'")
        await pressed(page, "Propose")
        await page.do("document.querySelector('#teaching').open = true")
        await page.until("document.querySelector('#teaching').innerText.includes('means job:balance')")
        await pressed(page, "Make this conversation a test")
        await page.until("document.querySelector('#teaching').innerText.includes('a test: > what do I have')")
        assert "Agree" not in await page.do("document.querySelector('#teaching').innerText")  # one's own
        assert page.complaints == []

    drive(tmp_path, walk)
    assert {one.data["kind"] for one in line.talk.log.proposals()} == {"message", "test"}


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (400, "dark")])
def test_axe_finds_nothing_and_nothing_runs_over(
    address: str, line: Any, tmp_path: Path, width: int, scheme: str
) -> None:
    line("how much would another card be?")
    line("a person please")
    Desk(line.talk).turn("top_up", "Ann", on=False)

    async def walk(page: Page) -> None:
        await page.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
        )
        await page.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        await page.open(f"{address}/desk/#{line.name}", holds=".entries")
        await page.do("document.querySelector('#switches').open = true")
        await page.do("document.querySelector('#teaching').open = true")
        await page.until("document.querySelector('#teaching').innerText.includes('Learn a candidate')")
        await page.do("document.querySelectorAll('.entries details').forEach((one) => (one.open = true))")
        await page.do(AXE)
        found = await page.do(
            "axe.run().then((found) => found.violations.map((one) => one.id + ': ' + one.nodes[0].html))"
        )
        assert found == []
        assert await page.do("document.documentElement.scrollWidth <= innerWidth")

    drive(tmp_path, walk)


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (400, "dark")])
def test_figures_and_a_narrower_search(address: str, line: Any, tmp_path: Path, width: int, scheme: str) -> None:
    for name, said in {"c1": "what does a new card cost?", "c2": "what is the meaning of life?"}.items():
        line.name = name
        line(said)
    served = line.talk.rules
    line.talk.versions.serve(Rules(served.script, replace(served.minds, version="fresher")))
    line.name = "c3"
    line("let me talk to a human")

    async def walk(page: Page) -> None:
        await page.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
        )
        await page.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        await page.open(f"{address}/desk/#~figures", holds="figure.days rect")
        assert "null" not in await page.do(WHOLE)
        assert "handed off" in await page.do(WHOLE)
        assert "33.3 %" in await page.do(WHOLE)
        assert re.search(r"fresher\s+1\s", await page.do(WHOLE))
        await page.do("document.querySelector('#narrow').open = true")
        await page.until("document.querySelector('#outcome option[value=\"handed off\"]')")
        await page.do("document.querySelector('#outcome').value = 'handed off'")
        await pressed(page, "Find")
        await page.until("document.querySelectorAll('#queue li').length === 1")
        assert "meaning of life" not in await page.do("document.querySelector('#queue').innerText")
        await page.do(AXE)
        found = await page.do(
            "axe.run().then((found) => found.violations.map((one) => one.id + ': ' + one.nodes[0].html))"
        )
        assert found == []
        assert await page.do("document.documentElement.scrollWidth <= innerWidth")
        assert page.complaints == []

    drive(tmp_path, walk)


def test_no_page_says_null_and_figures_are_counted_when_somebody_asks(
    address: str, line: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line("what does a new card cost?")  # nothing was handed over, so there are no reasons for it
    counted: list[int] = []
    count = Desk.outcomes
    monkeypatch.setattr(Desk, "outcomes", lambda self: counted.append(1) or count(self))
    monkeypatch.setattr(Desk, "replayed", lambda self: Replayed(turns=1, changed=[]))

    async def walk(page: Page) -> None:
        await page.open(f"{address}/desk/#~figures", holds="figure.days rect")
        assert "null" not in await page.do("document.body.innerText")
        await page.do("new Promise((done) => setTimeout(done, 5000))")  # the queue is asked for twice and more
        assert len(counted) == 1
        await pressed(page, "Count again")
        await page.until("document.querySelector('figure.days rect')")
        assert len(counted) == 2
        await page.do("document.querySelector('#teaching').open = true")
        await page.until("document.querySelector('#teaching').innerText.includes('Learn a candidate')")
        await page.do("location.hash = '~replay'")
        await page.until(f"{WHOLE}.includes('0 of 1 turns')")
        await page.do("location.hash = ''")
        await page.until(f"{WHOLE}.includes('Choose a conversation')")
        assert "null" not in await page.do("document.body.innerText")
        assert page.complaints == []

    drive(tmp_path, walk)


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (400, "dark")])
def test_promises_are_judged_and_an_alarm_leads_to_its_conversations(
    address: str, line: Any, tmp_path: Path, width: int, scheme: str
) -> None:
    line.at = datetime.now(UTC)
    for n, text in enumerate(["how much is in savings?", "what is the meaning of life?"]):
        line.name = f"c{n}"
        line(text)
    for n in range(30):  # declined, though they were the assistant's own
        name = f"lost{n}"
        line.talk.log.append(
            name,
            0,
            "received",
            {"id": "m", "text": f"my blue one {n}", "at": line.at.isoformat(), "customer": None},
            "",
        )
        ended = {"message": "m", "events": [{"verb": "declines"}], "replies": [], "state": {"turn": 1}}
        line.talk.log.append(name, 1, "ended", ended, line.at.isoformat())
        judged.judge(line.talk.log, name, 0, "ours", who="Ann", drawn=True)

    async def walk(page: Page) -> None:
        await page.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
        )
        await page.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        await page.open(f"{address}/desk/#~promises", holds=".judging")
        assert "null" not in await page.do("document.body.innerText")
        assert "Alarm: false_refusal" in await page.do(WHOLE)
        await pressed(page, "Judge messages")
        await page.until("document.querySelector('.judging blockquote')")
        first = await page.do("document.querySelector('.judging blockquote').innerText")
        assert "declines" not in await page.do("document.querySelector('.judging').innerText")  # seen afterwards
        await page.do("document.activeElement.blur()")
        await page.key("o")
        await page.until(f"document.querySelector('.judging').innerText.includes({first!r} + '”: it did')")
        await page.key("n")
        await page.until("document.querySelector('.judging').innerText.includes('has been judged')")
        await page.do("document.querySelector('.alarms details').open = true")
        await page.do(AXE)
        found = await page.do(
            "axe.run().then((found) => found.violations.map((one) => one.id + ': ' + one.nodes[0].html))"
        )
        assert found == []
        assert await page.do("document.documentElement.scrollWidth <= innerWidth")
        await page.do("document.querySelector('.alarms a').click()")
        await page.until("document.querySelector('.entries')?.innerText.includes('my blue one')")
        assert re.search("Ann judged “my blue one \\d+”: ours", await page.do(WHOLE))
        await page.do("document.querySelector('.entry .teach').open = true")
        await pressed(page, "Not ours")
        await page.until(f"{WHOLE}.includes('”: not ours')")
        assert page.complaints == []

    drive(tmp_path, walk)
    verdicts = {one.conversation: (one.verdict, one.who, one.drawn) for one in judged.heard(line.talk.log)}
    assert {verdicts["c0"][0], verdicts["c1"][0]} == {"ours", "outside"}
    assert [one for one in verdicts.values() if one == ("outside", "the desk", True)]  # the last word, and a draw still
