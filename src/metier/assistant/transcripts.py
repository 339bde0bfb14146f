"""Markdown transcripts: how an assistant must behave, in ten verbs. Reads them, and compares a turn with what they say.

Runs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from metier.assistant.base import BadAssistant, Place
from metier.assistant.state import Event, Reply

VERBS = {
    "starts": re.compile(r"starts (?P<name>\w+)"),
    "asks": re.compile(r"asks (?P<name>\w+)"),
    "sets": re.compile(r"sets (?P<name>\w+) = (?P<value>.+)"),
    "confirms": re.compile(r'confirms "(?P<value>.+)"'),
    "calls": re.compile(r"calls (?P<name>\w+) (?P<times>once|never|\d+ times)(?: with (?P<args>.+))?"),
    "answers": re.compile(r"answers (?P<name>[\w./-]+#[\w-]+)"),
    "says": re.compile(r'says "(?P<value>.+)"'),
    "offers": re.compile(r"offers (?P<value>.+)"),
    "declines": re.compile(r"declines"),
    "hands off": re.compile(r"hands off(?: (?P<name>.+))?"),
}


@dataclass(frozen=True, kw_only=True)
class Expected:
    """One `<` line."""

    verb: str
    place: Place
    text: str
    name: str = ""
    value: str = ""
    times: int = 1
    args: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A message and what must come of it."""

    said: str
    place: Place
    expected: tuple[Expected, ...]


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """One conversation that must go as it is written."""

    title: str
    place: Place
    customer: str | None
    at: datetime | None
    exchanges: tuple[Exchange, ...]


def read_folder(folder: Path) -> list[Transcript]:
    """Every transcript of the Markdown files of a folder.

    Raises: BadAssistant where a line is none of the forms.
    """
    found = []
    for path in sorted(folder.glob("**/*.md")):
        found += read(path.read_text(encoding="utf-8"), f"{folder.name}/{path.relative_to(folder).as_posix()}")
    return found


def read(text: str, file: str) -> list[Transcript]:
    """The transcripts of one file: a second-level heading each."""
    done: list[Transcript] = []
    title, customer, at, start = "", None, None, Place(file=file, line=1)
    exchanges: list[Exchange] = []

    def close() -> None:
        if exchanges:
            done.append(Transcript(title=title, place=start, customer=customer, at=at, exchanges=tuple(exchanges)))

    for number, line in enumerate(text.splitlines(), 1):
        place, line = Place(file=file, line=number), line.strip()
        if line.startswith("#"):
            close()
            title, customer, at, start, exchanges = line.lstrip("# "), None, None, place, []
        elif line.startswith("as:"):
            customer = line[3:].strip()
        elif line.startswith("at:"):
            at = _time(line[3:].strip(), place)
        elif line.startswith(">"):
            exchanges.append(Exchange(said=line[1:].strip(), place=place, expected=()))
        elif line.startswith("<"):
            if not exchanges:
                raise BadAssistant(
                    f"{place}: nothing was said before this line. Write a line that starts with > above it."
                )
            last = exchanges[-1]
            exchanges[-1] = Exchange(
                said=last.said, place=last.place, expected=(*last.expected, expected(line[1:].strip(), place))
            )
    close()
    return done


def expected(line: str, place: Place) -> Expected:
    """One `<` line, read.

    Raises: BadAssistant with the ten verbs.
    """
    for verb, pattern in VERBS.items():
        found = pattern.fullmatch(line)
        if found is not None:
            said = {name: value for name, value in found.groupdict().items() if value is not None}
            times = {"once": 1, "never": 0}.get(said.get("times", "once"))
            pairs = [pair.partition("=") for pair in said.get("args", "").split(",") if pair]
            return Expected(
                verb=verb, place=place, text=line, name=said.get("name", ""), value=said.get("value", ""),
                times=int(said["times"].split()[0]) if times is None else times,
                args={name.strip(): value.strip() for name, _, value in pairs},
            )  # fmt: skip
    raise BadAssistant(
        f"{place}: '{line}' is none of the ten forms: starts job, asks slot, sets slot = value, confirms "
        f'"text", calls action '
        f'once|never|N times [with k=v, ...], answers file#section, says "text", offers a | b, declines, hands '
        f"off [why]."
    )


def holds(one: Expected, events: Sequence[Event], replies: Sequence[Reply], before: Sequence[Event]) -> bool:
    """Whether a turn did what a line says. Calls are counted from the start of the conversation."""
    if one.verb == "calls":
        made = [event for event in (*before, *events) if event.verb == "calls" and event.name == one.name]
        return len(made) == one.times and all(
            _like(event.args.get(k), v) for event in made for k, v in one.args.items()
        )
    if one.verb == "says":
        return any(_within(one.value, reply.text) for reply in replies)
    return any(event.verb == one.verb and _event_holds(one, event) for event in events)


def _event_holds(one: Expected, event: Event) -> bool:
    if one.name and one.name != event.name:
        return False
    if one.verb == "sets":
        return _like(event.value, one.value)
    if one.verb == "confirms":
        return _within(one.value, str(event.value))
    if one.verb == "offers":
        return {part.strip() for part in one.value.split("|")} <= set(event.args["choices"])
    return True


def _like(value: Any, wanted: str) -> bool:
    if isinstance(value, Mapping):
        return any(_like(part, wanted) for part in value.values())
    if isinstance(value, bool):
        return wanted.casefold() in (("yes", "true") if value else ("no", "false"))
    if isinstance(value, int | float):
        try:
            return float(wanted.strip("£$€")) == value
        except ValueError:
            return False
    return wanted.casefold() in str(value).casefold().split() or wanted.casefold() == str(value).casefold()


def _within(part: str, text: str) -> bool:
    return " ".join(part.casefold().split()) in " ".join(text.casefold().split())


def _time(said: str, place: Place) -> datetime:
    try:
        return datetime.fromisoformat(said)
    except ValueError:
        raise BadAssistant(f"{place}: '{said}' is no time. Write it as 2026-11-23T10:00:00+00:00.") from None
