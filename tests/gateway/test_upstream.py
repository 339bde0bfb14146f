"""The upstream, against a real server that says what it is told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from time import monotonic
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from metier.gateway import settings
from metier.gateway.base import TooLate, Unavailable
from metier.gateway.prices import Price
from metier.gateway.upstream import FAILURES, Budget, Chosen, Upstream, text_of
from metier.testing.servers import running

PRICE = Price(input=Decimal(1), output=Decimal(2))
LABELS = ("billing", "fraud")
Says = Callable[[int, dict[str, Any]], Response]


def chat(content: str, **usage: int) -> Response:
    message = {"role": "assistant", "content": content}
    return JSONResponse({"choices": [{"index": 0, "message": message}], "usage": usage})


class Scripted:
    """A server whose replies are a function of how often it was asked, and what."""

    def __init__(self, says: Says, wait: float = 0.0) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self._says, self._wait = says, wait

    async def reply(self, request: Request) -> Response:
        body = json.loads(await request.body())
        self.asked.append(body)
        self.keys.append(request.headers.get("authorization"))
        await asyncio.sleep(self._wait)
        return self._says(len(self.asked), body)

    @contextmanager
    def upstream(self, **said: Any) -> Iterator[Upstream]:
        app = Starlette(routes=[Route("/v1/chat/completions", self.reply, methods=["POST"])])
        with running(app) as address:
            told = settings.Upstream(url=f"{address}/v1", model="big", **said)
            budget = Budget(calls=told.calls_a_day, dollars=Decimal(str(told.dollars_a_day)))
            yield Upstream(told, price=PRICE, budget=budget)


def choose(upstream: Upstream, seconds: float = 5.0, times: int = 1) -> list[Chosen | BaseException]:
    async def run() -> list[Chosen | BaseException]:
        asks = [
            upstream.choose("they took my money twice", LABELS, instructions="", deadline=monotonic() + seconds)
            for _ in range(times)
        ]
        try:
            return await asyncio.gather(*asks, return_exceptions=True)
        finally:
            await upstream.close()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("content", "label"),
    [
        ('{"label": "fraud"}', "fraud"),
        (" fraud ", "fraud"),
        ('{"label": "none of these"}', None),
        ('{"label": "refund"}', None),
        ("I think it is fraud.", None),
        ('{"label": ["fraud"]}', None),
        ("[" * 5000, None),
    ],
)
def test_an_answer_is_taken_only_when_it_is_one_of_the_labels(content: str, label: str | None) -> None:
    server = Scripted(lambda n, body: chat(content, prompt_tokens=100, completion_tokens=10))
    with server.upstream() as upstream:
        (chosen,) = choose(upstream)
    assert isinstance(chosen, Chosen)
    assert chosen.label == label
    assert chosen.bill.dollars == Decimal("0.00012")
    schema = server.asked[0]["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["label"]["enum"] == [*LABELS, "none of these"]


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIG_KEY", "sk-1")
    server = Scripted(lambda n, body: chat("fraud"))
    with server.upstream(key_env="BIG_KEY") as upstream:
        choose(upstream)
    assert server.keys == ["Bearer sk-1"]


def test_ten_thousand_at_once_do_not_overrun_the_budget() -> None:
    server = Scripted(lambda n, body: chat("fraud", prompt_tokens=200, completion_tokens=5))
    with server.upstream(calls_a_day=37) as upstream:
        said = choose(upstream, seconds=60, times=10_000)
    assert sum(isinstance(one, Chosen) for one in said) == 37 == len(server.asked)
    assert all(isinstance(one, Chosen) or "budget" in str(one) for one in said)


def test_money_is_set_aside_before_it_is_spent() -> None:
    server = Scripted(lambda n, body: chat("fraud", prompt_tokens=200, completion_tokens=5), wait=0.05)
    with server.upstream(dollars_a_day=0.005) as upstream:
        said = choose(upstream, times=200)
        assert upstream.budget.dollars <= Decimal("0.005")
    # fewer than were wanted; how many, the clock says: what a call set aside and did not spend is there for later ones
    assert 0 < sum(isinstance(one, Chosen) for one in said) == len(server.asked) < 200


def test_a_failure_is_tried_again_but_seldom() -> None:
    server = Scripted(lambda n, body: chat("fraud") if n == 2 else Response(status_code=503))
    with server.upstream() as upstream:
        (chosen,) = choose(upstream)
    assert isinstance(chosen, Chosen)
    broken = Scripted(lambda n, body: Response(status_code=500))
    with broken.upstream() as upstream:
        said = choose(upstream, times=4)
    assert all(isinstance(one, Unavailable) for one in said)
    assert len(broken.asked) <= 4 + 2  # one try more at the start, and a tenth of the traffic after


def test_the_breaker_leaves_a_failing_server_alone() -> None:
    server = Scripted(lambda n, body: Response(status_code=500))

    async def one_by_one(upstream: Upstream) -> list[str]:
        said = []
        for _ in range(20):
            with pytest.raises(Unavailable) as caught:
                await upstream.choose("x", LABELS, instructions="", deadline=monotonic() + 5)
            said.append(str(caught.value))
        await upstream.close()
        return said

    with server.upstream() as upstream:
        said = asyncio.run(one_by_one(upstream))
    assert len(server.asked) <= FAILURES + 2
    assert "left alone" in said[-1]


def test_the_deadline_of_the_caller_holds() -> None:
    server = Scripted(lambda n, body: chat("fraud"), wait=3)
    with server.upstream() as upstream:
        started = monotonic()
        (said,) = choose(upstream, seconds=0.2)
        took = monotonic() - started
    assert isinstance(said, TooLate)
    assert took < 2.5


@pytest.mark.parametrize("body", [b"no json", b"[]", b'{"choices": []}', b'{"choices": [{"message": {}}]}'])
def test_a_reply_that_is_none_is_no_answer(body: bytes) -> None:
    with Scripted(lambda n, asked: Response(body)).upstream() as upstream:
        (said,) = choose(upstream)
    assert isinstance(said, Unavailable) or (isinstance(said, Chosen) and said.label is None)


def test_what_an_upstream_can_read() -> None:
    assert text_of("x") == "x"
    assert text_of({"a": 1, "b": "é"}) == '{"a": 1, "b": "é"}'
    assert text_of(b"bytes") is None
    assert text_of({"file": b"bytes"}) is None
