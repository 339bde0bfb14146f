"""`metier assistant figures`, `replay`, `evidence`, `export`, `erase`: what is kept of conversations, put to use."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from metier.commands.base import grid, say, show, shown
from metier.commands.chat import Home
from metier.commands.teach import AsJson, Kept, opened
from metier.errors import BadOption

Customer = Annotated[str, typer.Option("--customer", metavar="ID", help="Whose conversations.")]
SHOWN = 20
COMPARED = ("resolved", "handed off", "turns declined", "turns not understood")  # from version to version


def figures(folder: Home, log: Kept = None, as_json: AsJson = False) -> None:
    """What became of conversations: resolved, handed off and why, declined, abandoned; each with its interval."""
    import msgspec

    from metier.assistant import outcomes, workshop

    with opened(folder, log) as kept:
        found = outcomes.figures(outcomes.outcomes(kept, datetime.now(UTC)))
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    table = grid("", "share", "interval", "of", figures=(1, 2, 3))
    for one in found.shares:
        share = f"{one.count / one.of:.1%}" if one.of else "–"
        table.add_row(one.name, share, f"{one.low:.1%} to {one.high:.1%}" if one.of else "", f"{one.of:,}")
    show(table)
    named = workshop.versions(folder) if found.versions else {}
    for version, shares in found.versions.items():
        told = [one for one in shares if one.name in COMPARED and one.of]
        said = ", ".join(f"{one.name} {one.low:.0%} to {one.high:.0%}" for one in told)
        called = " ".join(filter(None, (named.get(version), version or "unnamed")))
        say(f"version {called}, {shares[0].of:,} conversations: {said}")
    for why, count in sorted(found.reasons.items(), key=lambda pair: -pair[1]):
        say(f"handed off, {why}: {count:,}")
    say(f"A turn's specialists took {found.p50_ms:g} ms at the median and {found.p95_ms:g} ms at the 95th percentile.")


def replay(
    folder: Home,
    log: Kept = None,
    served: Annotated[bool, typer.Option("--served", help="By what is served now, not by the candidate.")] = False,
    as_json: AsJson = False,
) -> None:
    """Work the latest conversations out anew by the candidate, calling nothing: which turns go another way?"""
    import msgspec

    from metier.assistant import minds, read, replayed, workshop
    from metier.assistant.turn import Rules

    if not served and not (folder / workshop.CANDIDATE).is_dir():
        raise BadOption(f"{folder}: there is no candidate. Make one: metier assistant retrain {folder}")
    script = read.load(folder) if served else read.load(folder, workshop.CANDIDATE)
    with opened(folder, log) as kept:
        found = replayed.replayed(kept, Rules(script, minds.load(script)))
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    say(f"{len(found.changed):,} of {found.turns:,} turns go another way.")
    table = grid("a customer wrote", "then", "now")
    for one in found.changed[:SHOWN]:
        table.add_row(shown(one.text), shown(one.before), shown(one.after))
    if found.changed:
        show(table)


def evidence(
    folder: Home,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="ZIP", help="The archive to write.")],
    log: Kept = None,
) -> None:
    """One archive for whoever must be convinced: models, what they learnt from, tests, thresholds, changes, digests."""
    from metier.assistant import pack, read

    with opened(folder, log) as kept:
        digest = pack.pack(read.load(folder), kept, output)
    say(f"{output}. Its manifest's sha256 is")
    typer.echo(digest)


def export(folder: Home, customer: Customer, log: Kept = None) -> None:
    """Everything that is kept of one customer's conversations, as JSON; one line a conversation."""
    with opened(folder, log) as kept:
        names = kept.of_customer(customer)
        for name in names:
            entries = [{"kind": entry.kind, **entry.data} for entry in kept.entries(name)]
            typer.echo(json.dumps({"conversation": name, "entries": entries}, ensure_ascii=False))
    say(f"{len(names):,} conversations of {customer}.")


def erase(folder: Home, customer: Customer, log: Kept = None) -> None:
    """Erase one customer's conversations, and what was taught from their very words; learn anew without it."""
    from metier.assistant import subject

    with opened(folder, log) as kept:
        gone, taught = subject.erase(kept, folder, customer)
    say(f"{gone:,} conversations erased, {taught:,} taught messages with them.")
    if taught:
        say(f"What was learnt from them is forgotten by: metier assistant retrain {folder}, then promote.")
