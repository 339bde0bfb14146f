"""A gateway as processes: sockets, workers, logs, and an end that loses nothing."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

import uvicorn

from metier import app
from metier.errors import BadOption
from metier.gateway.gateway import Gateway
from metier.gateway.settings import Settings
from metier.registry import Registry


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


def application(settings: Settings) -> Any:
    """The ASGI application that the settings describe."""
    return app.build(Gateway(Registry.open(settings.registry), settings))


def run(settings: Settings, *, log: str) -> None:
    """Serve until SIGTERM or Ctrl-C; asks that have begun are answered before the end.

    Raises: BadOption for a level of logging that there is not.
    """
    levels = logging.getLevelNamesMapping()
    if log.upper() not in levels:
        raise BadOption(f"--log {log}: expected debug, info, warning or error.")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=levels[log.upper()], handlers=[handler])
    config = uvicorn.Config(
        application(settings),
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=int(settings.drain_s) or None,
        server_header=False,
        date_header=False,
        h11_max_incomplete_event_size=65_536,
        lifespan="on",
    )
    uvicorn.Server(config).run()
