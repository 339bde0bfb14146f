"""A gateway as processes: sockets, workers, logs, and an end that loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from uvicorn.supervisors import Multiprocess

from metier import app, bucket
from metier.assistant import served, web
from metier.assistant.base import Message
from metier.assistant.desk import Desk
from metier.assistant.state import Turn
from metier.database import POSTGRES
from metier.errors import BadOption
from metier.gateway import settings as told
from metier.gateway.base import Answer, Ask, Outcome
from metier.gateway.counts import Counts
from metier.gateway.energy import meter
from metier.gateway.gateway import Gateway
from metier.gateway.keys import Keys
from metier.gateway.ledger import Ledger
from metier.gateway.prices import Price, price_of
from metier.gateway.redact import redacted
from metier.gateway.settings import Settings
from metier.gateway.traces import Traces
from metier.gateway.upstream import Budget, Upstream
from metier.types import Decision

TOLD = "METIER_TOLD"  # the settings as JSON, for workers, which begin with nothing but an environment
SHARED = "PROMETHEUS_MULTIPROC_DIR"  # a folder of the workers of one server
QUIET_S = 1.0  # between the first sign of an end and the last ask, for clients to hear that they should go elsewhere
NOT_STARTED = 3  # what uvicorn ends with where the application does not come up
SAY_S = 0.3  # for those who had come to the door as it was shut


class JsonLines(logging.Formatter):
    """A line of JSON for each event: time, level, what was said."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        said = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False)


def application(settings: Settings) -> Starlette:
    """The ASGI application that the settings describe."""
    counts = Counts(_counted(settings.ledger.url) if settings.keys or settings.upstream else ":memory:")
    traces = Traces(settings.traces) if settings.traces else None
    gateway = Gateway(
        bucket.opened(settings.registry),
        settings,
        upstream=None if settings.upstream is None else _upstream(settings.upstream, counts),
        ledger=_ledger(settings.ledger) if settings.ledger.url else None,
        keys=Keys(settings.keys, counts=counts) if settings.keys else None,
        traces=traces,
    )
    inside = contextlib.ExitStack()
    inside.callback(counts.close)
    mounts = [] if settings.assistant is None else [_assistant(settings.assistant, gateway, inside)]
    return app.build(gateway, mounts=mounts, beside=partial(_beside, gateway, inside))


def _assistant(said: told.Talking, gateway: Gateway, inside: contextlib.ExitStack) -> Mount:
    """The assistant at its address, with people at its desk; each of its turns is a line of the ledger."""

    def noted(conversation: str, message: Message, turn: Turn, ms: float) -> None:
        ask, answer = written(said.folder, conversation, message, turn, ms)
        for notes in gateway.notes:
            notes.note(ask, answer, [None])

    talk = inside.enter_context(served.opened(Path(said.folder), log=said.log, at=said.at))
    gateway.parts[Desk] = Desk(talk)
    who = served.customers(said.login_secret_env, said.customer)
    mounted = web.app(talk, who=who, origins=said.origins, begun_a_minute=said.conversations_a_minute, told=noted)
    return Mount("/assistant", mounted)


def written(folder: str, conversation: str, message: Message, turn: Turn, ms: float) -> tuple[Ask, Answer]:
    """A turn as the ledger knows answers: what was done is the label, and the surest thought its probability."""
    said = ", ".join(f"{event.verb} {event.name}".strip() for event in turn.events)[:200]
    declined = any(event.verb == "declines" for event in turn.events)
    sure = max((thought.score for thought in turn.trace if thought.score is not None), default=1.0)
    decision = Decision(
        label=None if declined else said or "says", probability=min(max(sure, 0.0), 1.0), accepted=not declined,
        reason="out_of_scope" if declined else None, scope=1.0, candidates=(), stage=1, microseconds=ms * 1000,
    )  # fmt: skip
    name, id = f"assistant {Path(folder).resolve().name}", f"{conversation}:{message.id}"
    outcome = Outcome(decision=decision, probabilities={}, id=id)
    ask = Ask(cells=[message.text], protocol="assistant", id=id, private=True)
    answer = Answer(id=id, model=name, version="", task="classify", labels=(), outcomes=[outcome], milliseconds=ms)
    return ask, answer


def _counted(ledger: str) -> str:
    """Where quotas and budgets are counted: in the ledger's database, or in a file beside it, so that no ask waits for
    a batch of the ledger's lines; without a ledger, where the workers of this server find one another."""
    if ledger.startswith(POSTGRES):
        return ledger
    if ledger:
        return str(Path(ledger).with_suffix(".counts.db"))
    return str(Path(os.environ[SHARED]) / "counts.db") if SHARED in os.environ else ":memory:"


def _upstream(said: told.Upstream, counts: Counts) -> Upstream:
    if said.dollars_a_million_in is None or said.dollars_a_million_out is None:
        price = price_of(said.model)
    else:
        price = Price(input=Decimal(str(said.dollars_a_million_in)), output=Decimal(str(said.dollars_a_million_out)))
    budget = Budget(calls=said.calls_a_day, dollars=Decimal(str(said.dollars_a_day)), counts=counts)
    return Upstream(said, price=price, budget=budget)


def _ledger(said: told.Kept) -> Ledger:
    compared = price_of(said.compared_with) if said.compared_with else None
    return Ledger(
        said.url, keep_inputs=said.keep_inputs, redact=redacted, compared=compared, meter=meter(said.tdp_watts)
    )


def worker() -> Starlette:
    """The same in a process of its own, which finds the settings in its environment."""
    settings = msgspec.json.decode(os.environ[TOLD], type=Settings)
    _log(settings)
    return application(settings)


def door(settings: Settings) -> socket.socket:
    """Where clients come in: theirs to knock at from here on, and answered once the gateway is ready.

    Raises: BadOption where somebody else has the port, or the address is not this machine's.
    """
    host, port = settings.host, settings.port
    try:
        kind = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=kind, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise BadOption(
                f"port {port} of {host} is taken. End what serves there, or take another: --port 0 finds a free one."
            ) from None
        raise BadOption(
            f"{host}:{port} cannot be served: {error.strerror}. Expected an address of this machine, and a port that "
            "this user may have (from 1024 on)."
        ) from None


def address(opened: socket.socket) -> str:
    """The door as clients write it."""
    host, port = opened.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(settings: Settings, opened: socket.socket) -> None:
    """Serve until SIGTERM or Ctrl-C; asks that have begun are answered before the end."""
    _log(settings)
    options: dict[str, Any] = {
        "access_log": False,
        "log_config": None,
        "timeout_graceful_shutdown": int(settings.drain_s) or None,
        "server_header": False,
        "date_header": False,
        "lifespan": "on",
    }
    if settings.workers == 1:
        server = uvicorn.Server(uvicorn.Config(application(settings), **options))
        server.run(sockets=[opened])
        if not server.started:
            sys.exit(NOT_STARTED)
        return
    with tempfile.TemporaryDirectory() as shared:
        os.environ |= {TOLD: msgspec.json.encode(settings).decode(), SHARED: shared}
        config = uvicorn.Config("metier.serving:worker", factory=True, workers=settings.workers, **options)
        Workers(config, sockets=[opened]).run()


def _log(settings: Settings) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=settings.log.upper(), handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each call: the ledger has them


@contextlib.contextmanager
def _beside(gateway: Gateway, inside: contextlib.ExitStack) -> Iterator[None]:
    with inside, _unhurried(gateway):
        yield


@contextlib.contextmanager
def _unhurried(gateway: Gateway) -> Iterator[None]:
    """An end in steps: the gateway says that it goes, and still answers; then the door is shut; then those inside end.

    A client that keeps a connection would else send its next ask into one that was just closed, and one that had come
    as far as the door would be turned away after it was let in by the system.
    """
    if threading.current_thread() is not threading.main_thread():  # signals are heard there alone
        yield
        return
    loop = asyncio.get_running_loop()
    heard = (signal.SIGTERM, signal.SIGINT)
    kept = {each: signal.getsignal(each) for each in heard}
    ends: set[asyncio.Task[None]] = set()

    async def end(number: int) -> None:
        await asyncio.sleep(QUIET_S)
        server = getattr(kept[signal.SIGTERM], "__self__", None)  # uvicorn listens to signals by a method of its server
        if isinstance(server, uvicorn.Server):
            await _shut(server)
        signal.raise_signal(number)

    def first(number: int, frame: FrameType | None) -> None:
        gateway.draining = True
        for each, own in kept.items():
            signal.signal(each, own)
        loop.call_soon_threadsafe(lambda: ends.add(loop.create_task(end(number))))

    for each in heard:
        signal.signal(each, first)
    yield


async def _shut(server: uvicorn.Server) -> None:
    """Take in whoever has connected, shut the door in the same moment, and let them say what they came for."""
    loop = asyncio.get_running_loop()
    came: list[socket.socket] = []
    doors = [socket.socket(fileno=os.dup(each.fileno())) for one in server.servers for each in one.sockets]
    for one in server.servers:
        one.close()
    await asyncio.sleep(0.01)  # the loop lets its own copies go; from here on nobody else takes anyone in
    for door in doors:
        door.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                came.append(door.accept()[0])
        door.close()

    def connection() -> asyncio.Protocol:
        made: asyncio.Protocol = server.config.http_protocol_class(  # type: ignore[call-arg]
            config=server.config, server_state=server.server_state, app_state=server.lifespan.state
        )
        return made

    for each in came:
        each.setblocking(False)
        await loop.connect_accepted_socket(connection, each)
    await asyncio.sleep(SAY_S)


class Workers(Multiprocess):
    """Processes that share a door; the one that started them shuts its own copy when they end."""

    def terminate_all(self) -> None:
        """Tell them all, and let nobody wait at a door behind which nobody is."""
        super().terminate_all()
        for door in self.sockets:
            door.close()
