"""`metier assistant`: make one, check what its author wrote, train its specialists, run its transcripts, serve it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metier.commands import bring, records, teach, watch
from metier.commands.base import FAILED, effort_of, grid, say, show, shown
from metier.commands.chat import At, Home, addresses
from metier.errors import BadOption

if TYPE_CHECKING:
    from metier.assistant.kept import Measured
    from metier.assistant.trial import Ran


def new(folder: Home) -> None:
    """Write the smallest assistant that works, to begin with."""
    from metier.assistant import starter

    for name in starter.write(folder):
        say(f"{folder / name}")
    say(f"Now: metier assistant train {folder}, then metier chat {folder}, or metier assistant serve {folder}.")


def train(
    folder: Home,
    effort: Annotated[str, typer.Option(help="quick, standard or thorough.")] = "standard",
    anew: Annotated[bool, typer.Option("--anew", help="Train again what has not changed, too.")] = False,
) -> None:
    """Train the specialists whose rows, phrases or sections have changed."""
    from metier.assistant import learn, read

    done = learn.learn(read.load(folder), effort=effort_of(effort), told=say, anew=anew)
    say(
        f"Trained {', '.join(done)}. Talk to it: metier chat {folder}"
        if done
        else "Nothing has changed since the last training."
    )


def check(folder: Home) -> None:
    """Say what is wrong with an assistant, with file, line and what to write instead."""
    from metier.assistant import check as checks
    from metier.assistant import minds, read

    script = read.load(folder)
    found = checks.check(script, minds.load(script) if minds.trained(script) else None)
    for one in found:
        show(shown(f"{one.place}: {one.grade}: {one.problem} {one.fix}"))
    wrong = sum(one.grade == "error" for one in found)
    say(f"{wrong} errors, {len(found) - wrong} other remarks.")
    if wrong:
        raise typer.Exit(FAILED)


def trial(
    folder: Home,
    paraphrase: Annotated[int, typer.Option(metavar="N", help="Run each in N other manners, 5 at most.")] = 0,
    only: Annotated[str | None, typer.Option(metavar="TEXT", help="Only transcripts whose title holds it.")] = None,
    at: At = None,
) -> None:
    """Run the transcripts, say which went another way and which jobs none starts, and whether promises are kept."""
    from metier.assistant import kept, minds, read, transcripts
    from metier.assistant import trial as trials
    from metier.assistant.turn import Rules

    script = read.load(folder)
    given = addresses(at)
    for place in trials.elsewhere(tuple(given.values())):
        say(f"{place} is not on this machine: what the transcripts change there is changed.", style="yellow")
    rules = Rules(script, minds.load(script))
    chosen = [
        one
        for one in transcripts.read_folder(folder / "tests")
        if only is None or only.casefold() in one.title.casefold()
    ]
    runs = trials.run_all(rules, chosen, manners=[*trials.MANNERS][: 1 + paraphrase], at=given)
    _put(runs, [*script.jobs])
    written = [one for one in runs if one.manner == "as written"]
    promises = [*kept.measured(script, [ms for one in written for ms in one.turns_ms])]
    _put_promises(promises)
    if any(one.missed for one in written) or any(one.verdict == "broken" for one in promises):
        raise typer.Exit(FAILED)


def serve(
    folder: Home,
    host: Annotated[str | None, typer.Option(help="The address; others than loopback demand keys.")] = None,
    port: Annotated[int | None, typer.Option(help="The port; 0 takes a free one.")] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Settings in TOML; [assistant] holds more of these.")
    ] = None,
    customer: Annotated[
        str | None, typer.Option("--as", metavar="CUSTOMER", help="Who everybody is, to try it on this machine.")
    ] = None,
    origin: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="A site whose pages may embed the widget.")
    ] = None,
    at: At = None,
) -> None:
    """Answer customers: the widget and its API, under the gateway with its keys, ledger and console."""
    from metier import lazy

    for package in ("msgspec", "uvicorn", "starlette", "httpx", "prometheus_client"):
        lazy.need(package, extra="serve", purpose="Serving")
    lazy.need("jwt", extra="assistant", purpose="Telling who is logged in")

    from metier import serving
    from metier.assistant import check as checks
    from metier.assistant import minds, web
    from metier.assistant.trial import elsewhere
    from metier.gateway import settings

    for place in elsewhere(tuple(addresses(at).values())) if customer else ():
        raise BadOption(
            f"--as {customer} makes everybody {customer}, at {place}, which is not on this machine. Leave it out, and "
            "name login_secret_env in the settings: then each is who the site says."
        )
    minds.load(checks.sound(folder))  # what is wrong or not trained is said before anything is served
    told = settings.assistant_of(config)
    given = {"customer": customer, "origins": origin, "at": addresses(at)}
    told |= {"folder": str(folder), **{name: value for name, value in given.items() if value}}
    said = settings.read(config, registry=str(folder / "models"), host=host, port=port, assistant=told)
    door = serving.door(said)
    where = f"{serving.address(door)}/assistant/"
    tag = f'<script src="{where}widget.js" integrity="{web.integrity()}" crossorigin="anonymous" defer></script>'
    say(f"Try it at {where}. A site embeds it by this tag; Ctrl-C ends it.")
    typer.echo(tag)  # whole, to be copied
    serving.run(said, door)


def _put(runs: list[Ran], jobs: list[str]) -> None:
    from metier.assistant import trial

    for one in runs:
        for line in one.missed:
            show(shown(f"{line} [{one.manner}: {one.transcript.title}]"))
    table = grid("manner", "passed", "of", figures=(1, 2))
    for manner in dict.fromkeys(one.manner for one in runs):
        held = [one for one in runs if one.manner == manner]
        table.add_row(manner, str(sum(not one.missed for one in held)), str(len(held)))
    failed = {one.transcript.place for one in runs if one.missed}
    total = {one.transcript.place for one in runs}
    table.add_row("every manner", str(len(total) - len(failed)), str(len(total)))
    counts = trial.started(runs)
    covered = grid("job", "transcripts", figures=(1,))
    for job in jobs:
        covered.add_row(job, str(counts.get(job, 0)) if job in counts else "none: write one")
    show(table, "", covered)


def _put_promises(promises: list[Measured]) -> None:
    table = grid("promise", "asked", "measured", "of", "", figures=(1, 2, 3))
    for one in promises:
        table.add_row(one.name, one.promised, one.found, f"{one.of:,}", one.verdict)
    if promises:
        show("", table)


def app() -> typer.Typer:
    """The verbs under their one name."""
    from metier.commands.base import guarded

    verbs = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
    for verb in (
        new,
        train,
        check,
        serve,
        teach.teach,
        teach.review,
        teach.retrain,
        teach.promote,
        teach.rollback,
        teach.gaps,
        records.figures,
        watch.promises,
        watch.judge,
        records.replay,
        records.evidence,
        records.export,
        records.erase,
    ):
        verbs.command()(guarded(verb))
    verbs.command("test")(guarded(trial))
    others = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=bring.__doc__)
    others.callback()(lambda: None)  # one tool so far, and its name is said all the same
    others.command()(guarded(bring.rasa))
    verbs.add_typer(others, name="import")
    return verbs
