"""What the console shows and does: feedback, the ledger, the registry, keys; and the page itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, cast

from msgspec import Struct

from metier.errors import BadOption
from metier.gateway.base import BadRequest, Forbidden, Role, Trouble, Unanswerable, UnknownPath
from metier.gateway.gateway import Gateway
from metier.gateway.keys import Keys
from metier.gateway.ledger import Ledger
from metier.protocols.base import Endpoint, Reply, Request, read, reply, shown
from metier.registry import Registry

TYPES = {
    "index.html": "text/html; charset=utf-8",
    "console.css": "text/css",
    "console.js": "text/javascript",
    "draw.js": "text/javascript",
}


class Right(Struct):
    """What would have been the answer."""

    id: str
    label: str


class Promotion(Struct):
    """A version, and what it becomes."""

    version: str
    alias: str = "production"
    share: float = 0.0


class Wanted(Struct):
    """A key that is to be made."""

    owner: str
    role: str = "ask"
    a_minute: int = 0


class Console:
    """The protocol."""

    name = "console"

    def __init__(self) -> None:
        def at(method: str, path: str, call: Any, role: Role, about: str, asks: Any = None) -> Endpoint:
            return Endpoint(method=method, path=path, call=call, role=role, about=about, asks=asks)

        self.endpoints: Sequence[Endpoint] = [
            Endpoint(method="GET", path="/console", call=moved, public=True, about="To the page."),
            Endpoint(method="GET", path="/console/", call=page, public=True, about="The page."),
            Endpoint(method="GET", path="/console/{file}", call=page, public=True, about="A part of the page."),
            at("POST", "/v1/feedback", feedback, "correct", "Say what would have been right.", Right),
            at("GET", "/v1/ledger", ledger, "correct", "Totals and alarms."),
            at("GET", "/v1/ledger/traffic", traffic, "correct", "The last answers, and how many a minute."),
            at("GET", "/v1/ledger/doubtful", doubtful, "correct", "Answers that somebody should look at."),
            at("GET", "/v1/registry", registry, "operate", "Versions, and who did what."),
            at("POST", "/v1/registry/{name}/promote", promote, "operate", "Make a version be an alias.", Promotion),
            at("POST", "/v1/registry/{name}/rollback", rollback, "operate", "Give production back."),
            at("GET", "/v1/keys", keys, "operate", "Every key, but not the keys themselves."),
            at("POST", "/v1/keys", new_key, "operate", "A key, shown once.", Wanted),
            at("DELETE", "/v1/keys/{id}", revoke, "operate", "End a key."),
        ]

    def trouble(self, trouble: Trouble) -> dict[str, Any]:
        """A word for programs, a sentence for people."""
        return {"error": {"code": trouble.code, "message": str(trouble), "param": trouble.param}}


async def moved(gateway: Gateway, request: Request) -> Reply:
    """The page lies in a folder, so that its parts are found beside it."""
    return Reply(status=308, headers={"location": "/console/"})


async def page(gateway: Gateway, request: Request) -> Reply:
    """The page and its parts, and nothing else of that folder."""
    name = request.params.get("file", "index.html")
    if name not in TYPES:
        raise UnknownPath(f"There is no '{name:.40}' in the console.")
    return shown(files("metier.gateway").joinpath("console", name), TYPES[name])


async def feedback(gateway: Gateway, request: Request) -> Reply:
    """On the disk when it is acknowledged."""
    said = read(request.body, Right)
    who = request.caller.key if request.caller else None
    await _did(_ledger(gateway).feedback, said.id, said.label, key=who)
    return reply({"id": said.id, "label": said.label})


async def ledger(gateway: Gateway, request: Request) -> Reply:
    """Recomputed from every answer."""
    found = await asyncio.to_thread(_ledger(gateway).totals)
    kept = gateway.settings.ledger
    body = {
        "totals": [one.json() for one in found],
        "alarms": [one.json() for one in gateway.alarms],
        "compared_with": kept.compared_with or None,
        "energy": f"CPU time times {kept.tdp_watts:g} W over all cores" if kept.tdp_watts else "not measured",
        "lost_lines": _ledger(gateway).lost,
    }
    return reply(body)


async def traffic(gateway: Gateway, request: Request) -> Reply:
    """The last hour."""
    held = _ledger(gateway)
    minutes, latest = await asyncio.to_thread(lambda: (held.minutes(), held.latest()))
    return reply({"minutes": minutes, "latest": latest})


async def doubtful(gateway: Gateway, request: Request) -> Reply:
    """Abstained or hardly sure, and not yet looked at."""
    found = await asyncio.to_thread(lambda: _ledger(gateway).latest(doubtful=True))
    return reply({"answers": found})


async def registry(gateway: Gateway, request: Request) -> Reply:
    """Every version of every name."""
    held = _registry(gateway)
    state, record = await asyncio.to_thread(lambda: (held.state(), held.record()))
    added = {(line["name"], line["version"]): line["time"] for line in record if line["what"] == "add"}
    specialists = [
        {
            "name": name,
            "versions": [
                {"version": one, "is": state.aliases[name].of(one), "added": added.get((name, one))}
                for one in reversed(versions)
            ],
            "before": list(state.aliases[name].before),
        }
        for name, versions in sorted(state.versions.items())
    ]
    said = [
        {
            "time": line["time"],
            "who": line["who"],
            "what": f"{line['what']} {line['name']}@{line['version']}"
            + (f" to {line['alias']}" if "alias" in line else ""),
        }
        for line in reversed(record[-100:])
    ]
    return reply({"specialists": specialists, "record": said})


async def promote(gateway: Gateway, request: Request) -> Reply:
    """Followed by every worker within a second."""
    said = read(request.body, Promotion)
    name = f"{request.params['name']}@{said.version}"
    held = _registry(gateway)
    entry = await _did(held.promote, name, alias=said.alias, share=said.share, who=_who(request))
    await gateway.pool.refresh()
    return reply({"name": entry.name, "version": entry.version, "alias": said.alias})


async def rollback(gateway: Gateway, request: Request) -> Reply:
    """To the version before."""
    entry = await _did(_registry(gateway).rollback, request.params["name"], who=_who(request))
    await gateway.pool.refresh()
    return reply({"name": entry.name, "version": entry.version, "alias": "production"})


async def keys(gateway: Gateway, request: Request) -> Reply:
    """Whose, since when, and whether they still open."""
    found = [] if gateway.keys is None else gateway.keys.all()
    fields = ("id", "owner", "role", "made", "a_minute", "revoked")
    return reply({"keys": [{name: getattr(key, name) for name in fields} for key in found]})


async def new_key(gateway: Gateway, request: Request) -> Reply:
    """Shown once."""
    said = read(request.body, Wanted)
    secret = await _did(_keys(gateway).new, said.owner, cast(Role, said.role), a_minute=said.a_minute)
    return reply({"key": secret})


async def revoke(gateway: Gateway, request: Request) -> Reply:
    """Refused from within a second on."""
    key = await _did(_keys(gateway).revoke, request.params["id"])
    return reply({"id": key.id, "revoked": key.revoked})


PROTOCOL = Console()


async def _did(work: Any, *given: Any, **named: Any) -> Any:
    """The work in a thread; an option that makes no sense is the caller's error."""
    try:
        return await asyncio.to_thread(work, *given, **named)
    except BadOption as error:
        raise BadRequest(str(error)) from None


def _who(request: Request) -> str:
    return f"key {request.caller.key}" if request.caller else "console"


def _ledger(gateway: Gateway) -> Ledger:
    if gateway.ledger is None:
        raise Unanswerable("This gateway keeps no ledger. Name one in the settings: [ledger] url.")
    return gateway.ledger


def _registry(gateway: Gateway) -> Registry:
    if not isinstance(gateway.shelf, Registry):
        raise Unanswerable("What this gateway serves is no registry that can be changed.")
    return gateway.shelf


def _keys(gateway: Gateway) -> Keys:
    if gateway.keys is None:
        raise Forbidden("This gateway asks for no keys. Name a file of them in the settings, then make the first here.")
    return gateway.keys
