"""An assistant made ready to be served: what its author wrote, its specialists, its log, and who is logged in.

Knows where these come from; not how a turn is worked out, nor what the server is that mounts it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from starlette.requests import Request

from metier.assistant import minds, outside, read, web
from metier.assistant.actions import Outside
from metier.assistant.login import Login
from metier.assistant.store import Log, open_log
from metier.assistant.talk import Talk
from metier.assistant.turn import Rules

EVERY_S = 3600.0


@contextmanager
def opened(
    folder: Path,
    *,
    log: str = "",
    at: Mapping[str, str] | None = None,
) -> Iterator[Talk]:
    """The assistant of a folder at work, for as long as the context lasts.

    Without addresses in `at`, the author's stand-in is started.

    Raises: BadAssistant where it was never trained.
    """
    script = read.load(folder)
    rules = Rules(script, minds.load(script))
    with ExitStack() as stack:
        places = stack.enter_context(outside.running(script.outside, at or {}))
        kept = open_log(log or folder / "state" / "log.db")
        stack.callback(kept.close)
        stack.enter_context(_forgetting(kept, timedelta(days=script.keep_days)))
        caller = Outside(folder, places)
        stack.callback(caller.close)
        yield Talk(rules, kept, caller)


@contextmanager
def _forgetting(log: Log, after: timedelta) -> Iterator[None]:
    """While the context lasts, conversations that are over for so long are erased, at once and every hour."""
    ended = threading.Event()

    def work() -> None:
        while True:
            log.forget_before((datetime.now(UTC) - after).isoformat())
            if ended.wait(EVERY_S):
                return

    thread = threading.Thread(target=work, name="forgetting", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(10)


def customers(secret_env: str, customer: str) -> web.Who:
    """Who is logged in: whom a token says that is signed by the secret in that variable; without one, always the same.

    Raises: BadOption for a secret that is too short.
    """
    return _signed(Login(os.environ[secret_env])) if secret_env else _always(customer)


def _signed(login: Login) -> web.Who:
    def who(request: Request) -> str | None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        return login.customer(token) if token else None

    return who


def _always(customer: str) -> web.Who:
    return lambda request: customer or None
