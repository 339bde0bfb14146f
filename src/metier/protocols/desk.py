"""The desk: people who take conversations over from an assistant that is served here; and the page they do it on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import msgspec
from msgspec import Struct

from metier.assistant.desk import Desk, NotYours, UnknownConversation
from metier.gateway.base import BadRequest, Role, Trouble, UnknownPath
from metier.gateway.gateway import Gateway
from metier.protocols.base import Endpoint, Reply, Request, read, reply, shown

TYPES = {"desk.html": "text/html; charset=utf-8", "desk.css": "text/css", "desk.js": "text/javascript"}


class Taken(Trouble, status=409, code="conflict"):
    """Somebody else has the conversation."""


class Words(Struct, forbid_unknown_fields=True):
    """What a person says or notes."""

    text: str


class Switch(Struct, forbid_unknown_fields=True):
    """A job, or `*` for all, and whether it may be done."""

    name: str
    on: bool


class TheDesk:
    """The protocol."""

    name = "desk"

    def __init__(self) -> None:
        def at(method: str, path: str, call: Any, about: str, asks: Any = None, role: Role = "correct") -> Endpoint:
            return Endpoint(method=method, path=f"/v1/desk{path}", call=call, role=role, about=about, asks=asks)

        self.endpoints: Sequence[Endpoint] = [
            Endpoint(method="GET", path="/desk", call=moved, public=True, about="To the page."),
            Endpoint(method="GET", path="/desk/", call=page, public=True, about="The page."),
            Endpoint(method="GET", path="/desk/{file}", call=page, public=True, about="A part of the page."),
            at("GET", "", queue, "Who waits, who is answered, and what is turned off."),
            at("GET", "/found", found, "Conversations that hold a text: ?text="),
            at("POST", "/switches", switch, "Turn a job, or all of them, off or on.", Switch, role="operate"),
            at("GET", "/conversations/{id}", look, "A conversation with its trace; looking is written down."),
            at("POST", "/conversations/{id}/take", take, "Take it over."),
            at("POST", "/conversations/{id}/say", say, "Answer the customer.", Words),
            at("POST", "/conversations/{id}/note", note, "A word among those at the desk.", Words),
            at("POST", "/conversations/{id}/back", back, "Give it back to the assistant."),
        ]

    def trouble(self, trouble: Trouble) -> dict[str, Any]:
        """A word for programs, a sentence for people."""
        return {"error": {"code": trouble.code, "message": str(trouble), "param": trouble.param}}


async def moved(gateway: Gateway, request: Request) -> Reply:
    """The page lies in a folder, so that its parts are found beside it."""
    return Reply(status=308, headers={"location": "/desk/"})


async def page(gateway: Gateway, request: Request) -> Reply:
    """The page and its parts, and nothing else of that folder."""
    name = request.params.get("file", "desk.html")
    if name not in TYPES:
        raise UnknownPath(f"There is no '{name:.40}' at the desk.")
    return shown(files("metier.assistant").joinpath("pages", name), TYPES[name])


async def queue(gateway: Gateway, request: Request) -> Reply:
    """The longest wait first."""
    desk = _desk(gateway)
    waiting = await _done(desk.queue)
    off = [{"name": name, "who": who, "at": at} for name, (who, at) in (await _done(desk.off)).items()]
    return reply({"who": _who(request), "queue": waiting, "jobs": desk.jobs(), "off": off})


async def found(gateway: Gateway, request: Request) -> Reply:
    """The latest fifty."""
    return reply({"found": await _done(_desk(gateway).found, request.query.get("text", ""))})


async def switch(gateway: Gateway, request: Request) -> Reply:
    """From the next message of anybody on."""
    said = read(request.body, Switch)
    await _done(lambda: _desk(gateway).turn(said.name, _who(request), on=said.on))
    return reply(msgspec.to_builtins(said))


async def look(gateway: Gateway, request: Request) -> Reply:
    """All of it."""
    return reply(await _done(_desk(gateway).look, request.params["id"], _who(request)))


async def take(gateway: Gateway, request: Request) -> Reply:
    """The assistant is silent from now on."""
    await _done(_desk(gateway).take, request.params["id"], _who(request))
    return reply({"who": _who(request)})


async def say(gateway: Gateway, request: Request) -> Reply:
    """On the disk when it is acknowledged; the widget shows it."""
    await _done(_desk(gateway).say, request.params["id"], _who(request), _text(request))
    return reply({"said": True})


async def note(gateway: Gateway, request: Request) -> Reply:
    """Not for the customer."""
    await _done(_desk(gateway).note, request.params["id"], _who(request), _text(request))
    return reply({"noted": True})


async def back(gateway: Gateway, request: Request) -> Reply:
    """The assistant answers again."""
    await _done(_desk(gateway).give_back, request.params["id"], _who(request))
    return reply({"back": True})


PROTOCOL = TheDesk()


def _desk(gateway: Gateway) -> Desk:
    desk: Desk | None = gateway.parts.get(Desk)
    if desk is None:
        raise UnknownPath("No assistant is served here, so there is no desk. Run: metier assistant serve FOLDER")
    return desk


def _who(request: Request) -> str:
    return request.caller.owner if request.caller and request.caller.owner else "the desk"


def _text(request: Request) -> str:
    text = read(request.body, Words).text.strip()
    if not text:
        raise BadRequest("'text' is empty. Say something.", param="text")
    return text


async def _done(work: Any, *given: Any) -> Any:
    """The work in a thread; what is not there or somebody else's is said with its status."""
    try:
        return await asyncio.to_thread(work, *given)
    except UnknownConversation as error:
        raise UnknownPath(str(error)) from None
    except NotYours as error:
        raise Taken(str(error)) from None
