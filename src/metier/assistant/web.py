"""An assistant over HTTP: a message in, entries out as JSON or as server-sent events; the widget, and a page for it.

A Starlette app that a gateway mounts. Turns run in threads. Who may speak in a conversation is who holds its secret:
its name is the secret's digest, so that nothing on the disk opens it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from importlib.resources import files
from time import monotonic
from typing import Annotated, Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from metier.assistant.base import Message
from metier.assistant.login import NotLoggedIn
from metier.assistant.state import Turn
from metier.assistant.store import Entry
from metier.assistant.talk import Talk

SECRET = "x-conversation-secret"
NOT_THERE = (
    f"There is no such conversation, or `{SECRET}` is not its own, or another customer is logged in. "
    "POST /conversations begins one."
)
MOST_BYTES = 16_000
POLL_S, BEAT_S = 0.5, 15.0
A_MINUTE, BEGUN_A_MINUTE = 60, 30  # messages of a conversation; conversations begun from one address
PAGES = {"widget.js": "text/javascript", "try.js": "text/javascript", "": "text/html; charset=utf-8"}
# nothing from elsewhere, nothing inline; a site that embeds the widget needs script-src and connect-src for us alone
POLICY = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}
Who = Callable[[Request], str | None]
Told = Callable[[str, Message, Turn, float], None]  # conversation, message, what came of it, milliseconds


class Said(msgspec.Struct, forbid_unknown_fields=True):
    """What a client posts: its own id for the message, so that sending it again is safe, and the text."""

    id: str
    text: str


class Rated(msgspec.Struct, forbid_unknown_fields=True):
    """Whether a reply was of use."""

    seq: int
    good: bool
    reason: Annotated[str, msgspec.Meta(max_length=2_000)] = ""


def nobody(_: Request) -> str | None:
    """Who is logged in, where nothing says so."""
    return None


def app(
    talk: Talk,
    *,
    who: Who = nobody,
    origins: Sequence[str] = (),
    begun_a_minute: int = BEGUN_A_MINUTE,
    told: Told = lambda conversation, message, turn, ms: None,
) -> Starlette:
    """The app.

    `who` says which customer a request comes from, and raises NotLoggedIn; the client's own word for it is never taken.
    `origins` are the sites whose pages may embed the widget. One address may begin `begun_a_minute` conversations.
    `told` hears of each turn.
    """
    served = _Served(talk, who, begun_a_minute, told)
    return Starlette(
        routes=[
            Route("/", page),
            Route("/widget.js", page),
            Route("/try.js", page),
            Route("/about", served.about),
            Route("/conversations", served.begin, methods=["POST"]),
            Route("/conversations/{conversation}", served.history, methods=["GET"]),
            Route("/conversations/{conversation}", served.forget, methods=["DELETE"]),
            Route("/conversations/{conversation}/messages", served.send, methods=["POST"]),
            Route("/conversations/{conversation}/events", served.listen, methods=["GET"]),
            Route("/conversations/{conversation}/ratings", served.rate, methods=["POST"]),
        ],
        middleware=[
            Middleware(
                CORSMiddleware, allow_origins=list(origins), allow_methods=["GET", "POST", "DELETE"],
                allow_headers=["authorization", "content-type", "last-event-id", SECRET], max_age=600,
            )
        ],
        exception_handlers={HTTPException: _problem, NotLoggedIn: _problem},
    )  # fmt: skip


def integrity() -> str:
    """The widget's digest, as a site's `integrity` attribute has it (Subresource Integrity, W3C)."""
    return "sha384-" + base64.b64encode(hashlib.sha384(_page("widget.js")).digest()).decode()


def name_of(secret: str) -> str:
    """What the conversation that a secret opens is called."""
    return hashlib.sha256(secret.encode()).hexdigest()[:32]


async def page(request: Request) -> Response:
    """The widget, and a page to try it on."""
    name = request.url.path.rpartition("/")[2]
    headers = {**POLICY, "access-control-allow-origin": "*"} if name == "widget.js" else POLICY
    return Response(_page(name or "try.html"), media_type=PAGES[name], headers=headers)


@cache
def _page(name: str) -> bytes:
    return files("metier.assistant").joinpath("pages", name).read_bytes()


class _Served:
    """What each address answers."""

    def __init__(self, talk: Talk, who: Who, begun_a_minute: int, told: Told) -> None:
        self._talk, self._who, self._told = talk, who, told
        self._messages, self._begun, self._opened = _Pace(A_MINUTE), _Pace(begun_a_minute), _Pace(begun_a_minute)

    async def about(self, _: Request) -> Response:
        """What a widget shows before anything is said."""
        script = self._talk.script
        can = [job.title for job in script.jobs.values() if job.title]
        return _json({"name": script.name, "greeting": script.say["greet"], "can": can, "person": script.say["person"]})

    async def begin(self, request: Request) -> Response:
        self._begun.step(_address(request))
        secret = secrets.token_urlsafe(24)
        return JSONResponse({"conversation": name_of(secret), "secret": secret}, status_code=201)

    async def send(self, request: Request) -> Response:
        conversation = _conversation(request)
        said = await _body(request, Said, '{"id": "...", "text": "..."}')
        if not 0 < len(said.id) <= 64:
            raise HTTPException(422, f"'id' has {len(said.id)} characters; expected 1 to 64, new for each message.")
        self._messages.step(conversation)
        customer = self._who(request)

        def allowed(held: Sequence[Entry]) -> None:
            _own(held, customer)
            if not held:  # anybody can make up a secret
                self._opened.step(_address(request))

        message = Message(id=said.id, text=said.text, at=datetime.now(UTC), customer=customer)
        started = monotonic()
        turn = await run_in_threadpool(partial(self._talk.send, conversation, message, allowed=allowed))
        self._told(conversation, message, turn, (monotonic() - started) * 1000)
        if "text/event-stream" in request.headers.get("accept", ""):
            return _stream(_pieces(turn))
        return _json(_shown(turn))

    async def history(self, request: Request) -> Response:
        held = await self._held(request, _conversation(request))
        return _json({"entries": seen(held, _after(request))})

    async def listen(self, request: Request) -> Response:
        conversation = _conversation(request)
        await self._held(request, conversation)
        return _stream(_listen(self._talk, conversation, _after(request), request))

    async def rate(self, request: Request) -> Response:
        conversation = _conversation(request)
        rated = await _body(request, Rated, '{"seq": 3, "good": true}')
        self._messages.step(conversation)
        customer = self._who(request)

        def allowed(held: Sequence[Entry]) -> None:
            _own(held, customer)
            _spoken(held)

        said = msgspec.to_builtins(rated)
        await run_in_threadpool(lambda: self._talk.note(conversation, "rated", said, allowed=allowed))
        return Response(status_code=204)

    async def forget(self, request: Request) -> Response:
        conversation = _conversation(request)
        await self._held(request, conversation)
        await run_in_threadpool(self._talk.log.forget, conversation)
        return Response(status_code=204)

    async def _held(self, request: Request, conversation: str) -> list[Entry]:
        """The log of a conversation, for whom it belongs to."""
        held = await run_in_threadpool(self._talk.log.entries, conversation)
        _own(held, self._who(request))
        return held


def _own(held: Sequence[Entry], customer: str | None) -> None:
    """What a customer said who was logged in is theirs alone, whoever holds the secret: it may lie in the browser of a
    machine that several use.

    Raises: HTTPException 404 where it is another's.
    """
    owner = next((one.data["customer"] for one in held if one.kind == "received" and one.data["customer"]), None)
    if owner is not None and customer != owner:
        raise HTTPException(404, NOT_THERE)


class _Pace:
    """How often something may happen in a minute, for each of many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._times: dict[str, deque[float]] = {}

    def step(self, of: str) -> None:
        """One more.

        Raises: HTTPException 429 where that is too many.
        """
        now = monotonic()
        if len(self._times) > 10_000:  # those that have been quiet for a minute
            self._times = {name: times for name, times in self._times.items() if times[-1] > now - 60}
        times = self._times.setdefault(of, deque(maxlen=self._most))
        if len(times) == self._most and times[0] > now - 60:
            wait = int(60 - (now - times[0])) + 1
            raise HTTPException(
                429, f"More than {self._most} in a minute. Try again in {wait} s.", headers={"Retry-After": str(wait)}
            )
        times.append(now)


def seen(held: Sequence[Entry], after: int = 0) -> list[dict[str, Any]]:
    """What a conversation shows to those who speak in it, from an entry on."""
    return [one for entry in held if entry.seq >= after for one in _seen(entry)]


def _seen(entry: Entry) -> list[dict[str, Any]]:
    data = entry.data
    if entry.kind == "received":
        return [{"seq": entry.seq, "from": "customer", "id": data["id"], "text": data["text"], "at": data["at"]}]
    if entry.kind == "ended":
        return [{"seq": entry.seq, "from": "assistant", "to": data["message"], **reply} for reply in data["replies"]]
    if entry.kind == "person":
        return [{"seq": entry.seq, "from": "person", "name": data["who"], "text": data["text"], "at": data["at"]}]
    if entry.kind in ("taken", "returned"):
        text = data.get("text", f"{data['who']} is here now.")
        return [{"seq": entry.seq, "from": "notice", "text": text, "at": data["at"]}]
    return []


def _conversation(request: Request) -> str:
    """The conversation that is named, where its secret was sent, too."""
    name = str(request.path_params["conversation"])
    if not secrets.compare_digest(name_of(request.headers.get(SECRET, "")), name):
        raise HTTPException(404, NOT_THERE)
    return name


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _spoken(entries: Sequence[Entry]) -> None:
    if not entries:
        raise HTTPException(404, "Nothing was said in this conversation yet, so there is nothing to rate.")


def _after(request: Request) -> int:
    given = request.headers.get("last-event-id", request.query_params.get("after", "0"))
    return int(given) if re.fullmatch(r"\d{1,12}", given) else 0


async def _body(request: Request, kind: type[Any], like: str) -> Any:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise HTTPException(413, f"The message is over {MOST_BYTES:,} bytes. Say it shorter.")
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise HTTPException(422, f"{problem}. Send {like}.") from None


def _shown(turn: Turn) -> dict[str, Any]:
    state = turn.state
    return {
        "replies": msgspec.to_builtins(turn.replies),
        "events": [{"verb": event.verb, "name": event.name} for event in turn.events],
        "owner": state.owner,
        "waiting": "" if state.pending is None else state.pending.what,
        "turn": state.turn,
    }


async def _pieces(turn: Turn) -> AsyncIterator[str]:
    for reply in turn.replies:
        yield f"event: reply\ndata: {json.dumps(msgspec.to_builtins(reply), ensure_ascii=False)}\n\n"
    end = {name: value for name, value in _shown(turn).items() if name != "replies"}
    yield f"event: end\ndata: {json.dumps(end, ensure_ascii=False)}\n\n"


async def _listen(talk: Talk, conversation: str, after: int, request: Request) -> AsyncIterator[str]:
    """Entries as they come, whichever process wrote them; a comment now and then keeps the line open."""
    yield ": open\n\n"
    quiet = 0.0
    while not await request.is_disconnected():
        found = seen(await run_in_threadpool(talk.log.entries, conversation), after)
        for entry in found:
            yield f"id: {entry['seq'] + 1}\nevent: entry\ndata: {json.dumps(entry, ensure_ascii=False)}\n\n"
            after = int(entry["seq"]) + 1
        quiet = 0.0 if found else quiet + POLL_S
        if quiet >= BEAT_S:
            yield ": still here\n\n"
            quiet = 0.0
        await asyncio.sleep(POLL_S)


def _stream(pieces: AsyncIterator[str]) -> Response:
    # a proxy that gathers what comes would hold a reply back
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(pieces, media_type="text/event-stream", headers=headers)


def _json(said: Any) -> Response:
    body = json.dumps(said, ensure_ascii=False)
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


async def _problem(_: Request, problem: Exception) -> Response:
    if isinstance(problem, HTTPException):
        return JSONResponse({"error": problem.detail}, status_code=problem.status_code, headers=problem.headers)
    return JSONResponse({"error": str(problem)}, status_code=401)
