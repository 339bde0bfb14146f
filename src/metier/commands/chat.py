"""`metier chat`: an assistant at the terminal, with what it thought beside it where that is asked for."""

from __future__ import annotations

import secrets
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metier.commands.base import say, show, shown
from metier.errors import BadOption

if TYPE_CHECKING:
    from metier.assistant.state import Turn

Home = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of an assistant.")]
At = Annotated[
    list[str] | None,
    typer.Option("--at", metavar="NAME=URL", help="Where {NAME} of an action is; by default its stand-in."),
]


def chat(
    folder: Home,
    customer: Annotated[
        str, typer.Option("--as", metavar="CUSTOMER", help="Who is logged in; empty for nobody.")
    ] = "ana",
    log: Annotated[
        str | None,
        typer.Option(metavar="FILE|URL", help="Where conversations are kept.", show_default="FOLDER/state/log.db"),
    ] = None,
    conversation: Annotated[
        str | None, typer.Option(metavar="ID", help="Go on with an earlier one.", show_default="a new one")
    ] = None,
    at: At = None,
    trace: Annotated[bool, typer.Option("--trace", help="What each specialist thought, and how long it took.")] = False,
    train: Annotated[bool, typer.Option("--train", help="Learn first what has changed since last time.")] = False,
) -> None:
    """Talk to an assistant."""
    from metier.assistant import check, learn, minds, outside
    from metier.assistant.actions import Outside
    from metier.assistant.base import Message
    from metier.assistant.store import open_log
    from metier.assistant.talk import Talk
    from metier.assistant.turn import Rules

    script = check.sound(folder)
    if train:
        learn.learn(script, told=say)
    rules = Rules(script, minds.load(script))
    with ExitStack() as stack:
        places = stack.enter_context(outside.running(script.outside, addresses(at)))
        kept = open_log(log or folder / "state" / "log.db")
        stack.callback(kept.close)
        caller = Outside(folder, places)
        stack.callback(caller.close)
        talk = Talk(rules, kept, caller)
        name = conversation or secrets.token_hex(6)
        say(f"{script.name}. Conversation {name}; Ctrl-D ends it, --conversation {name} goes on with it.", style="dim")
        while (line := _line()) is not None:
            message = Message(id=secrets.token_hex(8), text=line, at=datetime.now(UTC), customer=customer or None)
            _put(talk.send(name, message), trace=trace)


def addresses(given: list[str] | None) -> dict[str, str]:
    """`bank=http://...` as a dictionary.

    Raises: BadOption where one is no such pair.
    """
    pairs = [one.partition("=") for one in given or ()]
    for name, sign, url in pairs:
        if not sign or not url.startswith(("http://", "https://")):
            raise BadOption(f"--at {name}{sign}{url}: expected NAME=URL, as in --at bank=https://bank.example.")
    return {name: url for name, _, url in pairs}


def _line() -> str | None:
    if sys.stdin.isatty():
        try:
            return input("> ")
        except EOFError:
            return None
    line = sys.stdin.readline()
    if not line:
        return None
    show(f"> {line.rstrip()}")
    return line.rstrip("\n")


def _put(turn: Turn, *, trace: bool) -> None:
    for reply in turn.replies:
        choices = f"  [{' | '.join(reply.choices)}]" if reply.choices else ""
        source = f"  (from: {reply.source})" if reply.source else ""
        show(shown(reply.text + choices + source))
    for thought in turn.trace if trace else ():
        score = "" if thought.score is None else f" {thought.score:.3f}"
        among = ", ".join(f"{label} {chance:.2f}" for label, chance in thought.candidates)
        say(
            f"    {thought.ms:7.2f} ms  {thought.step}: {thought.said}{score}{f' ({among})' if among else ''}",
            style="dim",
        )
