"""Limits that many take from at once: threads, processes, the workers of a gateway."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from metier.gateway.counts import Counts
from metier.gateway.keys import Keys
from metier.testing.servers import running

CALLS = 37


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of either kind."""
    if request.param == "sqlite":
        return str(tmp_path / "counts.db")
    address = str(request.getfixturevalue("postgres"))
    import psycopg

    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS counts")
    return address


def test_what_is_taken_never_goes_beyond_and_what_is_given_back_may_be_taken_again(url: str) -> None:
    with closing(Counts(url)) as counts, closing(Counts(url)) as other:
        assert counts.take("a", 3, most=5, until=time.time() + 60)
        assert not other.take("a", 3, most=5, until=time.time() + 60)
        assert other.take("a", 2, most=5, until=time.time() + 60)
        counts.give("a", 4)
        assert (other.of("a"), other.of("b")) == (1, 0)
        assert not counts.take("b", 6, most=5, until=time.time() + 60)
        assert other.of("b") == 0


def test_threads_at_once_take_no_more_than_there_is(url: str) -> None:
    with ExitStack() as opened, ThreadPoolExecutor(16) as pool:
        several = [opened.enter_context(closing(Counts(url))) for _ in range(4)]
        took = list(pool.map(lambda i: several[i % 4].take("a", 1, most=CALLS, until=time.time() + 60), range(400)))
        assert sum(took) == CALLS == several[0].of("a")


def test_what_is_past_is_forgotten(url: str) -> None:
    with closing(Counts(url)) as counts, closing(Counts(url)) as later:
        counts.take("old", 1, most=1, until=time.time() - 1)
        assert later.take("new", 1, most=1, until=time.time() + 60)
        assert counts.of("old") == 0


@pytest.mark.parametrize("times", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_however_many_ask_two_workers_at_once_no_limit_is_overrun(shelf: Path, tmp_path: Path, times: int) -> None:
    """Calls of the upstream, and asks of a key."""
    called: list[str] = []

    async def reply(request: Request) -> JSONResponse:
        called.append(request.url.path)
        return JSONResponse({"choices": [{"message": {"content": "north"}}], "usage": {"prompt_tokens": 9}})

    quota = times // 2
    keys = Keys(tmp_path / "keys.json")
    secret = keys.new("ana", a_day=quota)
    with running(Starlette(routes=[Route("/v1/chat/completions", reply, methods=["POST"])])) as upstream:
        (tmp_path / "metier.toml").write_text(
            f'registry = "{shelf}"\nport = 0\nworkers = 2\nkeys = "keys.json"\nlog = "error"\n[upstream]\n'
            f'url = "{upstream}/v1"\nmodel = "gpt-5-nano"\ncalls_a_day = {CALLS}\n'
        )
        command = [sys.executable, "-m", "metier", "serve"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as gateway:
            try:
                assert gateway.stderr is not None
                address = gateway.stderr.readline().partition(" at ")[2].partition(",")[0]
                said = asyncio.run(asked(address, secret, times))
            finally:
                gateway.terminate()
    statuses = Counter(status for status, _ in said)
    assert statuses == {200: quota, 429: times - quota}
    assert Counter(by for status, by in said if status == 200)["upstream"] == CALLS == len(called)


async def asked(address: str, secret: str, times: int) -> list[tuple[int, str]]:
    """A question that no specialist was taught, so that only the upstream can answer it, many times at once."""
    body = {
        "input": "which way?",
        "questions": [{"type": "choice", "name": "way", "choices": [{"value": "north"}, {"value": "south"}]}],
    }
    headers = {"authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=60) as client:
        at_once = asyncio.Semaphore(64)  # a pool of connections takes ever longer to hand them out to ever more

        async def one() -> tuple[int, str]:
            async with at_once:
                reply = await client.post("/v1/decisions", json=body)
            return reply.status_code, reply.headers.get("x-served-by", "")

        return list(await asyncio.gather(*(one() for _ in range(times))))
