"""`metier assistant teach`, `review`, `retrain`, `promote`, `rollback`, `gaps`: what is corrected and learnt."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metier.commands.base import FAILED, effort_of, grid, say, share, show, shown
from metier.commands.chat import Home
from metier.errors import BadOption

if TYPE_CHECKING:
    from metier.assistant.store import Log
    from metier.assistant.teach import Teaching
    from metier.assistant.workshop import Compared

SHOWN = 20  # groups of gaps
Who = Annotated[str, typer.Option("--as", metavar="WHO", help="Who you are; a second person has to agree.")]
Kept = Annotated[
    str | None,
    typer.Option("--log", metavar="FILE|URL", help="Where conversations are.", show_default="FOLDER/state/log.db"),
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def teach(
    folder: Home,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What a customer said.")],
    means: Annotated[
        str, typer.Argument(metavar="MEANING", help="job:NAME, a label, a section as cards.md#delivery, or outside.")
    ],
    who: Who,
    log: Kept = None,
) -> None:
    """Propose what a message means."""
    teaching, kept = _opened(folder, log)
    try:
        id = teaching.message(text, means, who=who)
    finally:
        kept.close()
    say(f"Proposed as {id}. Somebody else agrees: metier assistant review {folder} --approve {id} --as NAME")


def review(
    folder: Home,
    approve: Annotated[str | None, typer.Option(metavar="ID", help="Agree to it.")] = None,
    refuse: Annotated[str | None, typer.Option(metavar="ID", help="Do not.")] = None,
    who: Annotated[str, typer.Option("--as", metavar="WHO", help="Who you are.")] = "",
    log: Kept = None,
    as_json: AsJson = False,
) -> None:
    """List what is proposed, agree to one, or refuse it."""
    from metier.assistant.teach import shown as line

    if (approve or refuse) and not who:
        raise BadOption("--as says who agrees or refuses. Add --as NAME.")
    teaching, kept = _opened(folder, log)
    try:
        if approve:
            path = teaching.approve(approve, who=who)
            say(f"Added to {path}. Learn it: metier assistant retrain {folder}")
        if refuse:
            teaching.refuse(refuse, who=who)
            say("Refused; nothing has changed.")
        if approve or refuse:
            return
        found = teaching.proposals()
        if not as_json and not any(one.standing == "open" for one in found):
            say("Nothing waits for a second person.")
        for one in found:
            if as_json:
                typer.echo(
                    json.dumps({"id": one.id, "at": one.at, "who": one.who, "standing": one.standing, **one.data})
                )
            elif one.standing == "open":
                show(shown(f"{one.id}  {one.who}: {line(one.data)}"))
    finally:
        kept.close()


def retrain(
    folder: Home,
    effort: Annotated[str, typer.Option(help="quick, standard or thorough.")] = "standard",
    as_json: AsJson = False,
) -> None:
    """Learn a candidate from the files as they are, and put it beside what is served."""
    from metier.assistant import workshop

    compared = workshop.retrain(folder, effort=effort_of(effort), told=say)
    if as_json:
        import msgspec

        typer.echo(msgspec.json.encode(compared).decode())
        return
    _put(compared)
    say(f"Nothing else is served yet. If it is better: metier assistant promote {folder}")
    if compared.after.failed:
        raise typer.Exit(FAILED)


def promote(
    folder: Home,
    part: Annotated[
        str, typer.Option("--share", metavar="SHARE", help="Let it answer only this share of new conversations: 5%.")
    ] = "",
) -> None:
    """Serve the candidate; a server that runs follows within a second."""
    from metier.assistant import workshop

    if part:
        asked = share(part)
        _put(workshop.attempt(folder, asked))
        say(f"It answers {asked:.0%} of the conversations that begin from now on; each ends with what it began with.")
        say(f"What came of them: metier assistant figures {folder}. No more of it: metier assistant rollback {folder}")
        return
    _put(workshop.promote(folder))
    say(f"Served from now on. Back to what was before: metier assistant rollback {folder}")


def rollback(folder: Home) -> None:
    """Serve again what was served before; where a candidate is tried on a share, try it no more."""
    from metier.assistant import workshop

    tried = workshop.tried(folder)[1] > 0
    workshop.roll_back(folder)
    say("The candidate is tried no more." if tried else "What was served before is served again.")


def gaps(folder: Home, log: Kept = None, as_json: AsJson = False) -> None:
    """Group what was declined or not understood: what to build next, and how often it was asked for."""
    from metier.assistant import gaps as found_gaps

    with opened(folder, log) as kept:
        found = found_gaps.gaps(kept)
    if as_json:
        for one in found:
            typer.echo(json.dumps({"count": one.count, "why": one.why, "examples": one.examples}, ensure_ascii=False))
        return
    if not found:
        say("Nothing was declined or not understood.")
        return
    table = grid("times", "why", "such as", figures=(0,))
    for one in found[:SHOWN]:
        table.add_row(str(one.count), one.why, shown(" | ".join(one.examples)))
    show(table)


@contextmanager
def opened(folder: Path, log: str | None) -> Iterator[Log]:
    """The log of an assistant, or the one that is named, for as long as the context lasts. It has to be there.

    Where nobody has talked to the assistant yet there is an empty one, which is gone afterwards.

    Raises: BadAssistant where the folder holds none; BadOption where the log that is named is not there.
    """
    from metier.assistant import read
    from metier.assistant.store import is_log, open_log
    from metier.database import POSTGRES

    read.written(folder)
    with ExitStack() as stack:
        where = log or str(folder / "state" / "log.db")
        if not where.startswith(POSTGRES) and not Path(where).is_file():
            if log:
                raise BadOption(f"--log {log}: there is no such file, so no conversation is kept there. Name another.")
            say(f"Nobody has talked to it yet: {where} comes with the first conversation.")
            where = str(Path(stack.enter_context(tempfile.TemporaryDirectory())) / "log.db")
        elif not where.startswith(POSTGRES) and not is_log(Path(where)):
            raise BadOption(f"{where} holds no conversations: it is something else. Name the log by --log FILE.")
        kept = open_log(where)
        stack.callback(kept.close)
        yield kept


def _opened(folder: Path, log: str | None) -> tuple[Teaching, Log]:
    from metier.assistant import minds, read
    from metier.assistant.store import open_log
    from metier.assistant.teach import Teaching

    script = read.load(folder)  # before a log is made for it
    kept = open_log(log or folder / "state" / "log.db")
    return Teaching(script, kept, minds.redactor(script)), kept


def _put(compared: Compared) -> None:
    before, after = compared.before, compared.after
    table = grid("", "before", "after", figures=(1, 2))
    table.add_row("transcripts passed", *(f"{one.passed} of {one.transcripts}" for one in (before, after)))
    table.add_row("taught messages known", *(f"{one.taught_right} of {one.taught}" for one in (before, after)))
    for name in after.accuracy:
        cells = (f"{one.accuracy[name]:.1%}" if name in one.accuracy else "" for one in (before, after))
        table.add_row(f"{name}, right on held-out lines", *cells)
    show(table)
    for place in after.failed:
        say(f"{place} goes another way with the candidate.", style="yellow")
