"""The desk: people who take conversations over from an assistant that is served here; and the page they do it on."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import msgspec
from msgspec import Struct

from metier.assistant import judged, outcomes, teach, workshop
from metier.assistant.desk import Desk, NotYours, UnknownConversation
from metier.errors import BadOption
from metier.gateway.base import BadRequest, Role, Trouble, Unanswerable, UnknownPath
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


class Meant(Struct, forbid_unknown_fields=True):
    """What a message means: `job:NAME`, a label, a section's id, or `outside`."""

    text: str
    means: str


class NewSection(Struct, forbid_unknown_fields=True):
    """A section for a file of knowledge."""

    file: str
    title: str
    text: str
    asked_as: str = ""


class NewTest(Struct, forbid_unknown_fields=True):
    """A conversation that is always to go as it went."""

    conversation: str


class Judged(Struct, forbid_unknown_fields=True):
    """Whether a message is ours, outside or neither; `drawn` where the desk asked for this one."""

    conversation: str
    seq: int
    verdict: str
    drawn: bool = False


class Decided(Struct, forbid_unknown_fields=True):
    """What a second person thinks of a proposal."""

    approved: bool


class Promoted(Struct, forbid_unknown_fields=True):
    """The share of new conversations that the candidate answers, 0 to 1; all of them without one."""

    share: float | None = None


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
            at("GET", "/found", found, "Conversations that hold ?text=, by ?job=, ?outcome= and ?ours=0.4-0.6, too."),
            at("GET", "/figures", figures, "What became of conversations, each share with its interval."),
            at(
                "GET",
                "/promises",
                promises,
                "The promises on real conversations, what has moved, and the data behind it.",
            ),
            at("GET", "/judgements", unasked, "The next message to judge; that it was seen is written down."),
            at("POST", "/judgements", judge, "Say whether a message is the assistant's business.", Judged),
            at("POST", "/switches", switch, "Turn a job, or all of them, off or on.", Switch, role="operate"),
            at("GET", "/conversations/{id}", look, "A conversation with its trace; looking is written down."),
            at("POST", "/conversations/{id}/take", take, "Take it over."),
            at("POST", "/conversations/{id}/say", say, "Answer the customer.", Words),
            at("POST", "/conversations/{id}/note", note, "A word among those at the desk.", Words),
            at("POST", "/conversations/{id}/back", back, "Give it back to the assistant."),
            at("GET", "/teaching", teaching, "What is proposed, what a message can mean, and the candidate."),
            at("POST", "/teaching/messages", message, "Propose what a message means.", Meant),
            at("POST", "/teaching/sections", section, "Propose a section.", NewSection),
            at("POST", "/teaching/tests", test, "Propose that a conversation always goes so.", NewTest),
            at("POST", "/teaching/proposals/{id}", decide, "Agree to a proposal, or refuse it.", Decided),
            at("POST", "/teaching/retrain", retrain, "Learn a candidate; takes a minute or two.", role="operate"),
            at("GET", "/teaching/replay", replay, "Turns that the candidate would take another way."),
            at("POST", "/teaching/promote", promote, "Serve the candidate.", Promoted, role="operate"),
            at("POST", "/teaching/rollback", rollback, "Serve what was served before.", role="operate"),
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
    named = {"jobs": desk.jobs(), "outcomes": outcomes.OUTCOMES}
    return reply({"who": _who(request), "queue": waiting, "off": off, **named})


async def found(gateway: Gateway, request: Request) -> Reply:
    """The latest fifty."""
    asked = request.query
    wanted = {name: asked[name] for name in ("job", "outcome") if asked.get(name)}
    ours = _band(asked.get("ours", ""))
    return reply({"found": await _done(lambda: _desk(gateway).found(asked.get("text", ""), ours=ours, **wanted))})


async def figures(gateway: Gateway, request: Request) -> Reply:
    """All that are kept."""
    desk = _desk(gateway)
    return reply({
        "figures": outcomes.figures(await _done(desk.outcomes)), "versions": await _done(workshop.versions, desk.home)
    })  # fmt: skip


async def promises(gateway: Gateway, request: Request) -> Reply:
    """Of the last thirty days, and of what is served now."""
    return reply(await _done(_desk(gateway).watched))


async def unasked(gateway: Gateway, request: Request) -> Reply:
    """None where all were judged."""
    return reply({"next": await _done(_desk(gateway).unasked, _who(request)), "jobs": _desk(gateway).jobs()})


async def judge(gateway: Gateway, request: Request) -> Reply:
    """The last word on a message counts."""
    said, who = read(request.body, Judged), _who(request)
    given = (said.conversation, said.seq, said.verdict, who)
    await _done(lambda: _desk(gateway).judge(*given, drawn=said.drawn))
    return reply({"judged": True})


async def replay(gateway: Gateway, request: Request) -> Reply:
    """Nothing outside is called."""
    return reply(await _done(_desk(gateway).replayed))


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


async def teaching(gateway: Gateway, request: Request) -> Reply:
    """Open proposals first to be looked at."""
    desk = _desk(gateway)
    proposals = await _done(desk.teaching.proposals)
    candidate, before = await _done(lambda: (workshop.candidate(desk.home), (desk.home / workshop.BEFORE).is_dir()))
    tried = await _done(lambda: workshop.tried(desk.home)[1])
    shown = [{**msgspec.to_builtins(one), "line": teach.shown(one.data)} for one in proposals]
    meanings = await _done(desk.teaching.meanings)
    return reply({"proposals": shown, "meanings": meanings, "candidate": candidate, "tried": tried, "before": before})


async def message(gateway: Gateway, request: Request) -> Reply:
    """Kept redacted."""
    said = read(request.body, Meant)
    return await _proposed(lambda: _desk(gateway).teaching.message(said.text, said.means, who=_who(request)))


async def section(gateway: Gateway, request: Request) -> Reply:
    """At the end of its file."""
    said = read(request.body, NewSection)
    given = (said.file, said.title, said.text, said.asked_as)
    return await _proposed(lambda: _desk(gateway).teaching.section(*given, who=_who(request)))


async def test(gateway: Gateway, request: Request) -> Reply:
    """As far as a transcript can say it."""
    said = read(request.body, NewTest)
    return await _proposed(lambda: _desk(gateway).teaching.test(said.conversation, who=_who(request)))


async def decide(gateway: Gateway, request: Request) -> Reply:
    """By somebody else than who proposed it."""
    said, id = read(request.body, Decided), request.params["id"]
    known, who = _desk(gateway).teaching, _who(request)
    await _done(lambda: known.approve(id, who=who) if said.approved else known.refuse(id, who=who))
    return reply({"id": id, "approved": said.approved})


async def retrain(gateway: Gateway, request: Request) -> Reply:
    """In a process of its own, so that nobody who is being answered waits for it."""
    command = [sys.executable, "-m", "metier", "assistant", "retrain", str(_desk(gateway).home), "--json"]
    done = await _done(lambda: subprocess.run(["nice", *command], capture_output=True, text=True, check=False))
    if not done.stdout.startswith("{"):
        raise Unanswerable(" ".join(done.stderr.split())[-500:] or "Training ended without a word. Look at the log.")
    return Reply(body=done.stdout.encode())


async def promote(gateway: Gateway, request: Request) -> Reply:
    """Followed by every worker within a second; with a share, by that share of the conversations that begin."""
    said, home = read(request.body, Promoted) if request.body else Promoted(), _desk(gateway).home
    if said.share is None:
        return reply(await _done(workshop.promote, home))
    return reply(await _done(workshop.attempt, home, said.share))


async def rollback(gateway: Gateway, request: Request) -> Reply:
    """Followed by every worker within a second."""
    await _done(workshop.roll_back, _desk(gateway).home)
    return reply({"back": True})


PROTOCOL = TheDesk()


async def _proposed(work: Any) -> Reply:
    return reply({"id": await _done(work)})


def _desk(gateway: Gateway) -> Desk:
    desk: Desk | None = gateway.parts.get(Desk)
    if desk is None:
        raise UnknownPath("No assistant is served here, so there is no desk. Run: metier assistant serve FOLDER")
    return desk


def _who(request: Request) -> str:
    return request.caller.owner if request.caller and request.caller.owner else "the desk"


def _band(said: str) -> tuple[float, float] | None:
    low, _, high = said.partition("-")
    try:
        return (float(low), float(high)) if said else None
    except ValueError:
        raise BadRequest(f"'{said:.20}' is no band. Write two probabilities, as in 0.4-0.6.", param="ours") from None


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
    except (judged.BadJudgement, teach.BadProposal, BadOption) as error:
        raise BadRequest(str(error)) from None
