"""The model behind the specialists: asked for what they do not accept, within a deadline, a budget and a breaker.

Knows the OpenAI chat format and nothing of who asks. An answer is taken only when it is one of the labels.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from time import monotonic, time
from typing import Any

import httpx

from metier.gateway import settings
from metier.gateway.base import TooLate, Unavailable
from metier.gateway.counts import Counts
from metier.gateway.prices import Price

RETRIES_SHARE = 0.1  # of the traffic; a server in trouble is not helped by more
FAILURES, REST_S = 5, 10.0  # so many in a row open the breaker, for so long
NONE = "none of these"
TRYABLE = frozenset({408, 409, 429, 500, 502, 503, 504})
MOST_REPLY = 10_000_000
NANO = 1_000_000_000
DAY_S = 86_400
MOST_TOKENS = 64  # of an answer that is a label


@dataclass(frozen=True, kw_only=True)
class Bill:
    """What a call used."""

    model: str
    tokens_in: int
    tokens_out: int
    dollars: Decimal


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """One of the labels, or None where it named none of them, and what that cost."""

    label: str | None
    bill: Bill


class Budget:
    """Calls and money of a day, UTC. What a call may cost at most is set aside before it is made, so that however many
    are made at once, by however many workers, they do not overrun it together.
    """

    def __init__(self, *, calls: int, dollars: Decimal, counts: Counts | None = None) -> None:
        self._most_calls, self._most = calls, _nano(dollars)
        self._counts = counts or Counts()

    @property
    def calls(self) -> int:
        """How many were made today."""
        return self._counts.of(f"{_today()} calls")

    @property
    def dollars(self) -> Decimal:
        """What was spent today, and what is set aside."""
        return Decimal(self._counts.of(f"{_today()} dollars")) / NANO

    def take(self, most: Decimal) -> bool:
        """Set aside what a call may cost; False where that is more than is left."""
        today, forgotten = _today(), time() + 2 * DAY_S
        if not self._counts.take(f"{today} calls", 1, most=self._most_calls, until=forgotten):
            return False
        if self._counts.take(f"{today} dollars", _nano(most), most=self._most, until=forgotten):
            return True
        self._counts.give(f"{today} calls", 1)
        return False

    def settle(self, taken: Decimal, spent: Decimal) -> None:
        """Give back what was set aside and not spent."""
        self._counts.give(f"{_today()} dollars", _nano(taken) - _nano(spent))


class Breaker:
    """Open after failures in a row; after a rest one call is let through to see."""

    def __init__(self) -> None:
        self._failures, self._open_until = 0, 0.0

    @property
    def open(self) -> bool:
        """Whether calls are kept back; to ask once the rest is over keeps back all others until one came through."""
        if self._failures < FAILURES:
            return False
        if monotonic() < self._open_until:
            return True
        self._open_until = monotonic() + REST_S
        return False

    def note(self, *, well: bool) -> None:
        """How a call went."""
        self._failures = 0 if well else self._failures + 1
        if not well and self._failures >= FAILURES:
            self._open_until = monotonic() + REST_S


class Upstream:
    """An OpenAI-compatible server."""

    def __init__(self, said: settings.Upstream, *, price: Price, budget: Budget) -> None:
        self.said, self.budget = said, budget
        self.breaker = Breaker()
        self._price = price
        self._retries = 1.0
        key = os.environ.get(said.key_env, "") if said.key_env else ""
        self._client = httpx.AsyncClient(
            base_url=said.url.rstrip("/") + "/",
            headers={"authorization": f"Bearer {key}"} if key else {},
            limits=httpx.Limits(max_connections=said.most_at_once),
            timeout=said.timeout_s,
            trust_env=False,
        )

    async def close(self) -> None:
        """Let its connections go."""
        await self._client.aclose()

    async def choose(self, text: str, labels: Sequence[str], *, instructions: str, deadline: float) -> Chosen:
        """Which of the labels it gives a text.

        Raises: Unavailable where it cannot be asked or does not answer, TooLate where the deadline passes.
        """
        told = instructions or "Which of the labels fits the text?"
        body = {
            "model": self.said.model,
            "messages": [
                {"role": "system", "content": f"{told} Answer with one label as JSON, or '{NONE}' if none fits."},
                {"role": "user", "content": text},
            ],
            "response_format": {
                "type": "json_schema",
                "json_schema": {
                    "name": "label",
                    "strict": True,
                    "schema": {
                        "type": "object",
                        "properties": {"label": {"type": "string", "enum": [*labels, NONE]}},
                        "required": ["label"],
                        "additionalProperties": False,
                    },
                },
            },
            "max_tokens": MOST_TOKENS,
            "temperature": 0,
        }
        # a token is a byte at least, so no text of n bytes is more than n tokens
        most = self._price.of(tokens_in=len(json.dumps(body)), tokens_out=MOST_TOKENS)
        said, bill = await self._asked(body, most, deadline)
        return Chosen(label=_label(said, labels), bill=bill)

    async def passed_on(self, body: dict[str, Any], *, deadline: float) -> tuple[dict[str, Any], Bill]:
        """A chat that is none of a specialist's business, as its server answers it.

        Raises: as `choose`.
        """
        tokens = body.get("max_completion_tokens") or body.get("max_tokens") or 4096
        asked = {**body, "model": self.said.model, "stream": False}
        most = self._price.of(tokens_in=len(json.dumps(body)), tokens_out=int(tokens))
        return await self._asked(asked, most, deadline)

    async def streamed(self, body: dict[str, Any], *, deadline: float) -> tuple[AsyncIterator[bytes], Bill]:
        """The same, as its server sends it, event by event; what was set aside counts as spent, all of it.

        Raises: as `choose`, before the first event.
        """
        tokens = body.get("max_completion_tokens") or body.get("max_tokens") or 4096
        longest = len(json.dumps(body))
        most = self._price.of(tokens_in=longest, tokens_out=int(tokens))
        await self._admitted(most)
        request = self._client.build_request(
            "POST", "chat/completions", json={**body, "model": self.said.model, "stream": True}
        )
        try:
            async with asyncio.timeout(deadline - monotonic()):
                reply = await self._client.send(request, stream=True)
        except (httpx.HTTPError, TimeoutError) as error:
            self.breaker.note(well=False)
            raise Unavailable(f"The upstream did not answer: {type(error).__name__}. Ask again later.") from None
        self.breaker.note(well=reply.status_code < 500)
        if reply.status_code != 200:
            await reply.aclose()
            raise Unavailable(f"The upstream answered {reply.status_code}. See its own log.")
        return _events(reply), Bill(model=self.said.model, tokens_in=longest, tokens_out=int(tokens), dollars=most)

    async def _admitted(self, most: Decimal) -> None:
        if self.breaker.open:
            raise Unavailable("The upstream failed several times in a row and is left alone for some seconds.")
        if not await asyncio.to_thread(self.budget.take, most):
            raise Unavailable("The budget of the upstream is spent for today. Raise it in the settings, or wait.")

    async def _asked(self, body: dict[str, Any], most: Decimal, deadline: float) -> tuple[dict[str, Any], Bill]:
        await self._admitted(most)
        spent = most  # where nobody knows what it cost, all that was set aside counts
        try:
            said = await self._tried(body, deadline)
            stated = said.get("usage")
            usage: dict[str, Any] = stated if isinstance(stated, dict) else {}
            tokens = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
            tokens_in, tokens_out = (one if isinstance(one, int) and one >= 0 else 0 for one in tokens)
            spent = self._price.of(tokens_in=tokens_in, tokens_out=tokens_out)
            return said, Bill(model=self.said.model, tokens_in=tokens_in, tokens_out=tokens_out, dollars=spent)
        finally:
            await asyncio.to_thread(self.budget.settle, most, spent)

    async def _tried(self, body: dict[str, Any], deadline: float) -> dict[str, Any]:
        """One try, and another where the server may do better then and retries are still a small share of all."""
        self._retries = min(self._retries + RETRIES_SHARE, 10.0)
        while True:
            left = min(deadline - monotonic(), self.said.timeout_s)
            if left <= 0:
                raise TooLate("The deadline passed before the upstream answered. Give it longer, or ask for less.")
            try:
                async with asyncio.timeout(left):
                    reply = await self._client.post("chat/completions", json=body)
                status, problem = reply.status_code, f"it answered {reply.status_code}"
            except TimeoutError:
                self.breaker.note(well=False)
                raise TooLate(f"The upstream did not answer within {left:.1f} s.") from None
            except httpx.HTTPError as error:
                status, problem = 503, type(error).__name__
            if status == 200:
                self.breaker.note(well=True)
                return _object(reply.content)
            self.breaker.note(well=status < 500 and status != 429)
            if status not in TRYABLE or self._retries < 1:
                raise Unavailable(f"The upstream could not be asked: {problem}. The specialists go on without it.")
            self._retries -= 1
            await asyncio.sleep(min(0.2, max(deadline - monotonic(), 0)))


def text_of(cell: Any) -> str | None:
    """A cell as an upstream can read it; None for pictures, sounds and the like."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool | int | float):
        return str(cell)
    if isinstance(cell, dict | list | tuple):
        try:
            return json.dumps(cell, ensure_ascii=False)
        except (TypeError, ValueError):
            return None
    return None


async def _events(reply: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in reply.aiter_raw():
            yield piece
    finally:
        await reply.aclose()


def _object(raw: bytes) -> dict[str, Any]:
    if len(raw) > MOST_REPLY:
        raise Unavailable(f"The upstream answered {len(raw):,} bytes; expected {MOST_REPLY:,} at most.")
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        raise Unavailable("The upstream answered something that is no JSON.") from None
    if not isinstance(said, dict):
        raise Unavailable("The upstream answered JSON that is no object.")
    return said


def _label(said: dict[str, Any], labels: Sequence[str]) -> str | None:
    """The label in a chat's reply: as JSON was asked for, or as the bare text."""
    try:
        content = said["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        return None
    if not isinstance(content, str):
        return None
    try:
        read = json.loads(content)
        content = read.get("label") if isinstance(read, dict) else content
    except (ValueError, RecursionError):
        pass
    return content.strip() if isinstance(content, str) and content.strip() in labels else None


def _nano(dollars: Decimal) -> int:
    """Dollars as whole numbers that a database adds up, rounded up: a token may cost less than a millionth."""
    return int((dollars * NANO).to_integral_value(ROUND_CEILING))


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
