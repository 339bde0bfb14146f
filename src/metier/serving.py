"""A gateway as processes: sockets, workers, logs, and an end that loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from types import FrameType
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette

from metier import app
from metier.gateway.gateway import Gateway
from metier.gateway.settings import Settings
from metier.registry import Registry

TOLD = "METIER_TOLD"  # the settings as JSON, for workers, which begin with nothing but an environment
QUIET_S = 1.0  # between the first sign of an end and the last ask, for clients to hear that they should go elsewhere


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
    gateway = Gateway(Registry.open(settings.registry), settings)
    return app.build(gateway, beside=partial(_unhurried, gateway))


def worker() -> Starlette:
    """The same in a process of its own, which finds the settings in its environment."""
    settings = msgspec.json.decode(os.environ[TOLD], type=Settings)
    _log(settings)
    return application(settings)


def run(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C; asks that have begun are answered before the end."""
    _log(settings)
    options: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "access_log": False,
        "log_config": None,
        "timeout_graceful_shutdown": int(settings.drain_s) or None,
        "server_header": False,
        "date_header": False,
        "lifespan": "on",
    }
    if settings.workers == 1:
        uvicorn.run(application(settings), **options)
        return
    with tempfile.TemporaryDirectory() as shared:
        os.environ |= {TOLD: msgspec.json.encode(settings).decode(), "PROMETHEUS_MULTIPROC_DIR": shared}
        uvicorn.run("metier.serving:worker", factory=True, workers=settings.workers, **options)


def _log(settings: Settings) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=settings.log.upper(), handlers=[handler], force=True)


@contextlib.contextmanager
def _unhurried(gateway: Gateway) -> Iterator[None]:
    """An end in two steps: at the first signal the gateway says that it goes, and still answers; then nothing new.

    A client that keeps a connection would else send its next ask into one that was just closed.
    """
    if threading.current_thread() is not threading.main_thread():  # signals are heard there alone
        yield
        return
    loop = asyncio.get_running_loop()
    heard = (signal.SIGTERM, signal.SIGINT)
    servers = {each: signal.getsignal(each) for each in heard}

    def first(number: int, frame: FrameType | None) -> None:
        gateway.draining = True
        for each, server in servers.items():
            signal.signal(each, server)
        # set from a signal, so the loop has to be woken
        loop.call_soon_threadsafe(loop.call_later, QUIET_S, signal.raise_signal, number)

    for each in heard:
        signal.signal(each, first)
    yield
