"""An assistant made ready to be served: what its author wrote, its specialists, its log, and who is logged in.

Knows where these come from; not how a turn is worked out, nor what the server is that mounts it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from starlette.requests import Request

from metier.assistant import check, minds, outside, watched, web, workshop
from metier.assistant.actions import Outside
from metier.assistant.login import Login
from metier.assistant.read import MODELS
from metier.assistant.store import Log, open_log
from metier.assistant.talk import Talk
from metier.assistant.turn import Rules
from metier.errors import MetierError

FORGET_S, FOLLOW_S, WATCH_S = 3600.0, 0.5, 3600.0
LOG = logging.getLogger("metier.assistant")


@contextmanager
def opened(
    folder: Path,
    *,
    log: str = "",
    at: Mapping[str, str] | None = None,
) -> Iterator[Talk]:
    """The assistant of a folder at work, for as long as the context lasts.

    Without addresses in `at`, the author's stand-in is started.

    Raises: BadAssistant where something is wrong with it, or it was never trained.
    """
    script = check.sound(folder)
    rules = Rules(script, minds.load(script))
    with ExitStack() as stack:
        places = stack.enter_context(outside.running(script.outside, at or {}))
        kept = open_log(log or folder / "state" / "log.db")
        stack.callback(kept.close)
        stack.enter_context(_forgetting(kept, timedelta(days=script.keep_days)))
        caller = Outside(folder, places)
        stack.callback(caller.close)
        talk = Talk(rules, kept, caller)
        stack.enter_context(_following(talk))
        stack.enter_context(_watching(talk))
        yield talk


def _forgetting(log: Log, after: timedelta) -> AbstractContextManager[None]:
    """While the context lasts, conversations that are over for so long are erased."""
    return _every(FORGET_S, lambda: log.forget_before((datetime.now(UTC) - after).isoformat()))


def _following(talk: Talk) -> AbstractContextManager[None]:
    """While the context lasts, what is promoted or tried is taken up by the conversations that begin from then on."""
    home = talk.script.folder
    seen = {"served": workshop.stamp(home), "tried": (0, 0.0)}

    def look() -> None:
        served, tried = workshop.stamp(home), workshop.tried(home)
        if served not in (0, seen["served"]):
            seen["served"] = served
            if (rules := _rules(home)) is not None:
                talk.versions.serve(rules)
        if tried != seen["tried"]:
            seen["tried"] = tried
            talk.versions.attempt(_rules(home, workshop.CANDIDATE) if tried[1] else None, tried[1])

    return _every(FOLLOW_S, look)


def _rules(home: Path, models: str = MODELS) -> Rules | None:
    """What was promoted or is to be tried; None, with a line in the log, where it cannot be served."""
    try:
        script = check.sound(home, models)
        rules = Rules(script, minds.load(script))
    except MetierError:  # what was served goes on, and the next change is looked at again
        LOG.exception("what lies in %s cannot be served", home / models)
        return None
    LOG.info("%s is taken up", home / models)
    return rules


def _watching(talk: Talk) -> AbstractContextManager[None]:
    """While the context lasts, an alarm about what is promised goes to the server's log when it comes up."""
    before: list[set[str]] = [set()]

    def look() -> None:
        found = watched.watched(talk.script, talk.log, datetime.now(UTC)).alarms
        alarms = {alarm.partition(":")[0]: alarm for alarm in found}
        for name in alarms.keys() - before[0]:
            LOG.warning("alarm of %s, %s", talk.script.name, alarms[name])
        before[0] = set(alarms)

    return _every(WATCH_S, look)


@contextmanager
def _every(seconds: float, work: Callable[[], object]) -> Iterator[None]:
    """The work at once and again and again, in a thread, while the context lasts."""
    ended = threading.Event()

    def again() -> None:
        while True:
            try:
                work()
            except Exception:
                LOG.exception("what is done every %.0f s failed", seconds)
            if ended.wait(seconds):
                return

    thread = threading.Thread(target=again, daemon=True)
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
