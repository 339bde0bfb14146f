"""The gateway as an ASGI application: addresses, keys, limits, errors in the words of whoever is spoken to.

Knows protocols by their seam: the folder is listed, and each brings its own addresses.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic, perf_counter
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route, compile_path
from starlette.types import Receive, Scope, Send

from metier import lazy
from metier.gateway.base import (
    ROLES,
    Caller,
    Forbidden,
    NotAllowed,
    Role,
    TooLarge,
    Trouble,
    Unavailable,
    UnknownPath,
    WrongMethod,
)
from metier.gateway.gateway import Gateway
from metier.protocols.base import Endpoint, Reply, Request, Speech, version

LOG = logging.getLogger("metier.gateway")
SAFE_ID = re.compile(r"[A-Za-z0-9._:=+/-]{1,128}")
OWN_HOST = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?")
OWN_PAGES = re.compile(rf"https?://{OWN_HOST.pattern}")  # by their origin
BODY_S = 30.0  # for a body to arrive; a slower client is let go
FIRST = (
    "openai",
    "decisions",
    "operations",
    "specialists",
    "oip",
    "tei",
    "mlflow",
    "console",
)  # of two that name one address


@dataclass(frozen=True, kw_only=True)
class Address:
    """An endpoint and whose it is."""

    endpoint: Endpoint
    speech: Speech


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Every address: exact ones in a dictionary, those with pieces as patterns in order."""

    exact: Mapping[str, Mapping[str, Address]] = field(default_factory=dict)
    pieces: Sequence[tuple[re.Pattern[str], Mapping[str, Any], Mapping[str, Address]]] = ()

    @classmethod
    def of(cls, speeches: Sequence[Speech]) -> Addresses:
        """The addresses of all of them; where two name the same, the earlier has it."""
        by_path: dict[str, dict[str, Address]] = {}
        for speech in speeches:
            for endpoint in speech.endpoints:
                by_path.setdefault(endpoint.path, {}).setdefault(
                    endpoint.method, Address(endpoint=endpoint, speech=speech)
                )
        exact = {path: ways for path, ways in by_path.items() if "{" not in path}
        pieces = []
        for path, ways in by_path.items():
            if "{" in path:
                pattern, _, convertors = compile_path(path)
                pieces.append((pattern, convertors, ways))
        return cls(exact=exact, pieces=pieces)

    def find(self, path: str, method: str) -> tuple[Address, dict[str, str]]:
        """Who answers there, and the pieces of the path.

        Raises: UnknownPath, WrongMethod.
        """
        ways = self.exact.get(path)
        if ways is not None and method in ways:
            return ways[method], {}
        known = list(ways or ())
        for pattern, convertors, others in self.pieces if ways is None else ():
            match = pattern.match(path)
            if match is not None:
                if method in others:
                    return others[method], {n: str(convertors[n].convert(v)) for n, v in match.groupdict().items()}
                known += others
        if known:
            raise WrongMethod(
                f"{path[:100]} is asked by {' or '.join(sorted(set(known)))}, not by {method[:20]}.", allowed=known
            )
        raise UnknownPath(f"There is nothing at {path[:100]!r}. See /openapi.json for every address.")


def speeches() -> list[Speech]:
    """Every protocol that is installed, those with exact addresses first."""
    names = sorted(lazy.names("protocols"), key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))
    return [lazy.find("protocols", name, "PROTOCOL") for name in names]


class Door:
    """The ASGI application around a gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.speeches = speeches()
        self._addresses = Addresses.of(self.speeches)
        self._most = int(gateway.settings.most_body_mb * 1_000_000)
        self.running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        self.running += 1
        started = perf_counter()
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        given = headers.get("x-request-id") or headers.get("x-amzn-trace-id") or ""
        request_id = given if SAFE_ID.fullmatch(given) else secrets.token_hex(8)
        try:
            answer = await self._traced(scope, headers, request_id, receive)
        finally:
            self.running -= 1
        if answer is not None:
            if self._gateway.draining:  # a client that keeps its connection is told to make another, elsewhere
                answer = replace(answer, headers={**answer.headers, "connection": "close"})
            await _send(answer, request_id, send)
            took = (perf_counter() - started) * 1000
            LOG.debug("%s %s %s %.2f ms", scope["method"], scope["path"], answer.status, took)

    async def _traced(self, scope: Scope, headers: Mapping[str, str], id: str, receive: Receive) -> Reply | None:
        """The same reply, with a span around it where somebody wants spans."""
        if self._gateway.traces is None:
            return await self._reply(scope, headers, id, receive)
        with self._gateway.traces.request(scope["method"], scope["path"], headers, id) as ended:
            answer = await self._reply(scope, headers, id, receive)
            ended(None if answer is None else answer.status)
        return answer

    async def _reply(self, scope: Scope, headers: Mapping[str, str], id: str, receive: Receive) -> Reply | None:
        """What is said, errors in the words of whoever was spoken to; None where nobody is there any more."""
        speech = self.speeches[0]
        try:
            address, params = self._addresses.find(scope["path"], scope["method"])
            speech = address.speech
            caller = None
            if not address.endpoint.public:
                caller = await self._admitted(headers, address.endpoint.role)
                if not self._gateway.ready:
                    raise Unavailable("The gateway is starting. Ask again in a moment.", retry_after=1)
            body = await self._body(headers, receive)
            request = Request(
                method=scope["method"], path=scope["path"], headers=headers, body=body, params=params, id=id,
                query=dict(parse_qsl(scope["query_string"].decode("latin-1"))), caller=caller,
                deadline=_deadline(headers),
            )  # fmt: skip
            return await _while_connected(address.endpoint.call(self._gateway, request), receive)
        except Trouble as trouble:
            self._gateway.metrics.trouble(trouble.code)
            return _said(speech, trouble)
        except ConnectionResetError:
            return None
        except Exception:  # the last door: whatever broke, its caller gets an answer and others go on
            LOG.exception("request %s failed", id)
            return _said(speech, Trouble(f"Something broke here that should not. Its number is {id}."))

    async def _admitted(self, headers: Mapping[str, str], role: Role) -> Caller | None:
        if self._gateway.keys is None:
            _own(headers.get("origin", ""), headers.get("host", ""), role)
            return None
        key = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not key:
            raise NotAllowed("No key was sent. Send `Authorization: Bearer KEY`; `metier keys new` makes one.")
        known = self._gateway.keys.key(key)
        if ROLES.index(known.role) < ROLES.index(role):
            raise Forbidden(f"This key may {known.role}, and the address needs one that may {role}.")
        if known.a_minute or known.a_day:
            await asyncio.to_thread(self._gateway.keys.count, known)  # other workers may be counting
        return Caller(key=known.id, role=known.role, owner=known.owner)

    async def _body(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        stated = headers.get("content-length", "")
        if stated.isdecimal() and int(stated) > self._most:
            raise TooLarge(f"The body is {int(stated):,} bytes; expected {self._most:,} at most (most_body_mb).")
        pieces: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(BODY_S):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ConnectionResetError
                    piece = message.get("body", b"")
                    size += len(piece)
                    if size > self._most:
                        raise TooLarge(f"The body is over {self._most:,} bytes (most_body_mb).")
                    pieces.append(piece)
                    if not message.get("more_body"):
                        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        except TimeoutError:
            raise SlowClient(f"The body took longer than {BODY_S:.0f} s to arrive. Send it faster.") from None


def _own(origin: str, host: str, role: Role) -> None:
    """Where no key is asked for, any page in this machine's browser could: those of other sites change nothing here.

    Nor do they read: a site may have its own name lead here (DNS rebinding), and its page then sends no origin.

    Raises: Forbidden.
    """
    if host and role != "ask" and not OWN_HOST.fullmatch(host):
        raise Forbidden(f"{host[:100]} is not how this machine calls itself. Ask 127.0.0.1, or serve with keys.")
    if origin and role != "ask" and not OWN_PAGES.fullmatch(origin):
        raise Forbidden(f"A page of {origin[:100]} asks for what only this gateway's own pages may. Serve with keys.")


class SlowClient(Trouble, status=408, code="request_timeout"):
    """A body that does not end."""


async def _while_connected(work: Awaitable[Reply], receive: Receive) -> Reply:
    """The work, given up when the caller leaves.

    It is asked for only where the work does not end at once: most of it does, and a second task takes as long.
    """
    task = asyncio.ensure_future(work)
    await asyncio.sleep(0)
    if task.done():
        return task.result()
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ConnectionResetError
        return task.result()
    finally:
        leaving.cancel()
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Trouble):
                await task


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _deadline(headers: Mapping[str, str]) -> float | None:
    """`x-deadline-ms`: how long the caller waits."""
    stated = headers.get("x-deadline-ms", "")
    return monotonic() + int(stated) / 1000 if stated.isdecimal() and len(stated) < 9 else None


def _said(speech: Speech, trouble: Trouble) -> Reply:
    headers = {"x-should-retry": "false"} if trouble.status < 429 and trouble.status != 408 else {}
    if trouble.retry_after is not None:
        headers = {"retry-after": str(trouble.retry_after)}
    if isinstance(trouble, WrongMethod):
        headers["allow"] = ", ".join(sorted(set(trouble.allowed)))
    if trouble.status == 401:
        headers["www-authenticate"] = "Bearer"
    return Reply(body=msgspec.json.encode(speech.trouble(trouble)), status=trouble.status, headers=headers)


async def _send(answer: Reply, request_id: str, send: Send) -> None:
    said = {"content-type": answer.type, "x-request-id": request_id, **answer.headers}
    headers = [(name.encode("latin-1"), _line(value)) for name, value in said.items()]
    if answer.stream is None:
        headers.append((b"content-length", str(len(answer.body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    async for piece in answer.stream:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _line(value: str) -> bytes:
    """A header's value: a label may hold anything, a header no end of line."""
    if value.isascii() and value.isprintable():
        return value.encode("latin-1")
    return re.sub(r"[\x00-\x1f\x7f]", " ", value).encode("latin-1", "replace")


def openapi(told: Sequence[Speech]) -> dict[str, Any]:
    """Every address of every protocol."""
    endpoints = [(speech, endpoint) for speech in told for endpoint in speech.endpoints]
    kinds = [kind for _, endpoint in endpoints for kind in (endpoint.asks, endpoint.says) if kind is not None]
    schemas, named = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    by_kind = dict(zip(map(id, kinds), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for speech, endpoint in endpoints:
        path = re.sub(r"\{(\w+):\w+\}", r"{\1}", endpoint.path)
        ways = paths.setdefault(path, {})
        if endpoint.method.lower() not in ways:
            ways[endpoint.method.lower()] = _operation(speech, endpoint, path, by_kind)
    return {
        "openapi": "3.1.0",
        "info": {"title": "metier gateway", "version": version()},
        "paths": paths,
        "components": {
            "schemas": named,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}, {}],
    }


def _operation(speech: Speech, endpoint: Endpoint, path: str, schemas: Mapping[int, Any]) -> dict[str, Any]:
    ok: dict[str, Any] = {"description": "The answer."}
    if endpoint.says is not None:
        ok["content"] = {"application/json": {"schema": schemas[id(endpoint.says)]}}
    trouble = {"description": "Why there is none.", "content": {"application/json": {"schema": {"type": "object"}}}}
    said: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{endpoint.method}_{path}").strip("_").lower(),
        "tags": [speech.name],
        "summary": endpoint.about,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            for name in re.findall(r"\{(\w+)\}", path)
        ],
        "responses": {
            "200": ok, **{str(s): trouble for s in (400, 401, 403, 404, 405, 408, 413, 422, 429, 500, 503, 504)}
        },
    }  # fmt: skip
    if endpoint.asks is not None:
        said["requestBody"] = {"required": True, "content": {endpoint.type: {"schema": schemas[id(endpoint.asks)]}}}
    return said


def build(
    gateway: Gateway,
    *,
    mounts: Sequence[BaseRoute] = (),
    beside: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
) -> Starlette:
    """The application: what `metier serve` runs, and what tests ask. `beside` is entered while it runs."""
    door = Door(gateway)

    async def described(_: WebRequest) -> JSONResponse:
        return JSONResponse(openapi(door.speeches))

    @contextlib.asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        await gateway.start()
        with beside():
            yield
        await gateway.stop()

    application = Starlette(routes=[Route("/openapi.json", described), *mounts], lifespan=life)
    application.router.default = door  # no Mount at "/": a path with a line's end in it would pass it by
    return application
