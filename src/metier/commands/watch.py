"""`metier assistant promises`, `judge`: what is promised, watched on real conversations, and people's word for it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from metier.commands.base import FAILED, grid, say, share, show, shown
from metier.commands.chat import Home
from metier.commands.teach import AsJson, Kept, opened

if TYPE_CHECKING:
    from metier.assistant.judged import Heard
    from metier.assistant.watched import Watched

SHOWN = 5  # messages behind an alarm
KEYS = {"o": "ours", "n": "outside", "t": "neither"}
ASKED = "[o]urs, [n]ot ours, [t]alk or cannot tell, [q]uit: "


def promises(
    folder: Home,
    log: Kept = None,
    days: Annotated[int, typer.Option(min=1, metavar="N", help="Of how many days.")] = 30,
    margin: Annotated[str, typer.Option(metavar="SHARE", help="By how much a share or a confidence may move.")] = "5%",
    as_json: AsJson = False,
) -> None:
    """Watch the promises on real conversations, and what has moved; ends with 1 where there is an alarm."""
    import msgspec

    from metier.assistant import read, watched

    with opened(folder, log) as kept:
        found = watched.watched(read.load(folder), kept, datetime.now(UTC), days=days, margin=share(margin))
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        _put(found)
        say(f"More judgements make the ranges narrower: metier assistant judge {folder} --as NAME")
    if found.alarms:
        raise typer.Exit(FAILED)


def judge(
    folder: Home,
    who: Annotated[str, typer.Option("--as", metavar="WHO", help="Who you are.")],
    log: Kept = None,
    count: Annotated[int, typer.Option(min=1, metavar="N", help="How many messages, at most.")] = 20,
) -> None:
    """Judge a fair sample of messages, one by one: is it the assistant's business? What it did is shown afterwards."""
    from metier.assistant import judged, learn, read, watched

    script = read.load(folder)
    jobs = ", ".join(job.title or job.name for job in script.jobs.values())
    say(f"{script.name} does: {jobs}; and what its pages say.")
    done, barely = 0, learn.apart(script).barely
    with opened(folder, log) as kept:
        some = judged.heard(kept, watched.window(script, datetime.now(UTC)), script.taught)
        while done < count and (one := judged.unasked(kept, some, barely)) is not None:
            judged.look(kept, one.conversation, who)
            verdict = _asked(one)
            if not verdict:
                break
            judged.judge(kept, one.conversation, one.seq, verdict, who=who, drawn=True)
            one.drawn, one.verdict, done = True, verdict, done + 1
            say(f"It did: {one.did}", style="dim")
    say(f"{done:,} judged. What it comes to: metier assistant promises {folder}")


def _asked(one: Heard) -> str:
    """The verdict on a message; empty where somebody has had enough."""
    show("", *([shown(f"  {one.before}")] if one.before else []), shown(f"> {one.text}"))
    while True:
        sys.stderr.write(ASKED)
        sys.stderr.flush()
        said = sys.stdin.readline()
        key = said.strip()[:1].casefold()
        if not said or key == "q":
            return ""
        if key in KEYS:
            return KEYS[key]
        say("One letter: o, n, t or q.")


def _put(found: Watched) -> None:
    say(
        f"{found.turns:,} messages in {found.conversations:,} conversations since {found.since[:16]}; "
        f"{found.drawn:,} of {found.begun:,} that began something were judged."
    )
    table = grid("promise", "promised", "found", "95 % range", "of", "", figures=(1, 2, 3, 4))
    for one in found.promises:
        in_ms = one.name == "reply_p95"
        value, low, high = (_figure(figure, in_ms=in_ms) for figure in (one.found, one.low, one.high))
        table.add_row(one.name, one.promised, value, f"{low} to {high}" if value else "", f"{one.of:,}", one.verdict)
    moved = grid(
        f"since {found.recent[:10]}", "against", "then", "now", "99 % range of the difference", "", figures=(2, 3, 4)
    )
    for drift in found.drifts:
        then, now = (_figure(figure) for figure in (drift.then, drift.now))
        differ = "" if drift.low is None or drift.high is None else f"{drift.low:+.1%} to {drift.high:+.1%}"
        moved.add_row(drift.name, drift.against, then, now, differ, drift.verdict)
    show(table, "", moved)
    behind = [one.cases for one in found.promises if one.verdict == "broken"]
    behind += [one.cases for one in found.drifts if one.verdict == "moved"]
    for line, cases in zip(found.alarms, behind, strict=True):
        say(f"Alarm: {line}", style="red")
        for case in cases[:SHOWN]:
            show(shown(f"  {case.conversation[:12]}  {case.text}  ({case.did})", 160))


def _figure(value: float | None, *, in_ms: bool = False) -> str:
    if value is None:
        return "?" if in_ms else ""
    return f"{value:.0f}ms" if in_ms else f"{value:.1%}"
