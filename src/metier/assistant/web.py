"""An assistant over HTTP: a message in, events out as JSON or as server-sent events. A Starlette app that a gateway
mounts.

Knows no widget. Turns run in threads; who may speak in a conversation is who holds its name, which nobody can guess.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from metier.assistant.base import Message
from metier.assistant.state import Turn
from metier.assistant.talk import Talk

CONVERSATION = re.compile(r"[A-Za-z0-9_-]{16,64}")
MOST_BYTES = 16_000
POLL_S, BEAT_S = 0.5, 15.0
Who = Callable[[Request], str | None]


class Said(msgspec.Struct, forbid_unknown_fields=True):
    """What a client posts: its own id for the message, so that sending it again is safe, and the text."""

    id: str
    text: str


def nobody(_: Request) -> str | None:
    """Who is logged in, where nothing says so."""
    return None


def app(talk: Talk, *, who: Who = nobody) -> Starlette:
    """The app. `who` says which customer a request comes from; the client's own word for it is never taken."""

    async def begin(_: Request) -> Response:
        said = {
            "conversation": secrets.token_urlsafe(18),
            "name": talk.script.name,
            "greeting": talk.script.say["greet"],
        }
        return JSONResponse(said, status_code=201)

    async def send(request: Request) -> Response:
        conversation = _conversation(request)
        said = await _said(request)
        message = Message(id=said.id, text=said.text, at=datetime.now(UTC), customer=who(request))
        turn = await run_in_threadpool(talk.send, conversation, message)
        if "text/event-stream" in request.headers.get("accept", ""):
            return StreamingResponse(
                _pieces(turn), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
            )
        return _json(_shown(turn))

    async def history(request: Request) -> Response:
        after = request.query_params.get("after", "0")
        return _json(
            {
                "entries": await run_in_threadpool(
                    _entries, talk, _conversation(request), int(after) if after.isdecimal() else 0
                )
            }
        )

    async def listen(request: Request) -> Response:
        conversation = _conversation(request)
        given = request.headers.get("last-event-id", request.query_params.get("after", "0"))
        stream = _listen(talk, conversation, int(given) if given.isdecimal() else 0, request)
        return StreamingResponse(stream, media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def trace(request: Request) -> Response:
        return _json(
            {
                "turns": {
                    str(turn): said
                    for turn, said in (await run_in_threadpool(talk.log.traces, _conversation(request))).items()
                }
            }
        )

    async def forget(request: Request) -> Response:
        await run_in_threadpool(talk.log.forget, _conversation(request))
        return Response(status_code=204)

    return Starlette(
        routes=[
            Route("/conversations", begin, methods=["POST"]),
            Route("/conversations/{conversation}", history, methods=["GET"]),
            Route("/conversations/{conversation}", forget, methods=["DELETE"]),
            Route("/conversations/{conversation}/messages", send, methods=["POST"]),
            Route("/conversations/{conversation}/events", listen, methods=["GET"]),
            Route("/conversations/{conversation}/trace", trace, methods=["GET"]),
        ],
        exception_handlers={HTTPException: _problem},
    )


def _conversation(request: Request) -> str:
    name = str(request.path_params["conversation"])
    if CONVERSATION.fullmatch(name) is None:
        raise HTTPException(404, "There is no such conversation. POST /conversations begins one and says its name.")
    return name


async def _said(request: Request) -> Said:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise HTTPException(413, f"The message is over {MOST_BYTES:,} bytes. Say it shorter.")
    try:
        said = msgspec.json.decode(body, type=Said)
    except msgspec.DecodeError as problem:
        raise HTTPException(422, f'{problem}. Send {{"id": "...", "text": "..."}}.') from None
    if not 0 < len(said.id) <= 64:
        raise HTTPException(422, f"'id' has {len(said.id)} characters; expected 1 to 64, new for each message.")
    return said


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


def _entries(talk: Talk, conversation: str, after: int) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = []
    for entry in talk.log.entries(conversation):
        if entry.seq < after:
            continue
        if entry.kind == "received":
            shown.append(
                {
                    "seq": entry.seq,
                    "from": "customer",
                    "id": entry.data["id"],
                    "text": entry.data["text"],
                    "at": entry.data["at"],
                }
            )
        elif entry.kind == "ended":
            shown += [
                {"seq": entry.seq, "from": "assistant", "to": entry.data["message"], **reply}
                for reply in entry.data["replies"]
            ]
        elif entry.kind == "person":
            shown.append({"seq": entry.seq, "from": "person", **entry.data})
    return shown


async def _listen(talk: Talk, conversation: str, after: int, request: Request) -> AsyncIterator[str]:
    """Entries as they come, whichever process wrote them; a comment now and then keeps the line open."""
    quiet = 0.0
    while not await request.is_disconnected():
        entries = await run_in_threadpool(_entries, talk, conversation, after)
        for entry in entries:
            yield f"id: {entry['seq'] + 1}\nevent: entry\ndata: {json.dumps(entry, ensure_ascii=False)}\n\n"
            after = int(entry["seq"]) + 1
        quiet = 0.0 if entries else quiet + POLL_S
        if quiet >= BEAT_S:
            yield ": still here\n\n"
            quiet = 0.0
        await asyncio.sleep(POLL_S)


def _json(said: Any) -> Response:
    return Response(
        json.dumps(said, ensure_ascii=False), media_type="application/json", headers={"Cache-Control": "no-store"}
    )


async def _problem(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    return JSONResponse({"error": problem.detail}, status_code=problem.status_code)
