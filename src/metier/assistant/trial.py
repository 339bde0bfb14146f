"""Runs transcripts against an assistant, as they stand and as other people would have typed them. Knows no terminal."""

from __future__ import annotations

import random
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

from metier.assistant import outside
from metier.assistant.actions import Outside
from metier.assistant.base import Caller, Message
from metier.assistant.state import Event
from metier.assistant.store import Log, open_log
from metier.assistant.talk import Talk
from metier.assistant.transcripts import Transcript, holds
from metier.assistant.turn import Rules

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)  # a Wednesday: somebody is at most desks
STEP = timedelta(seconds=5)
FILLERS = ("um, ", "hi, ", "please, ", "ok so ", "well, ")
CONTRACTIONS = {
    "i am": "i'm",
    "what is": "what's",
    "do not": "don't",
    "it is": "it's",
    "i have": "i've",
    "cannot": "can't",
}


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How one transcript went: where it left the path, and what was done on the way."""

    transcript: Transcript
    manner: str
    missed: tuple[str, ...]
    events: tuple[Event, ...]
    turns_ms: tuple[float, ...]  # how long each took, its calls and its log included


def run_all(
    rules: Rules,
    chosen: Iterable[Transcript],
    *,
    manners: Sequence[str] = ("as written",),
    at: Mapping[str, str] | None = None,
) -> list[Ran]:
    """Each transcript in each manner, before a log of its own and, without addresses in `at`, a fresh stand-in."""
    script, runs = rules.script, list[Ran]()
    with tempfile.TemporaryDirectory() as work, closing(open_log(Path(work) / "log.db")) as log:
        for transcript, manner in product(chosen, manners):
            with outside.running(script.outside, at or {}) as places, closing(Outside(script.folder, places)) as caller:
                runs.append(run(rules, caller, log, transcript, manner))
    return runs


def run(
    rules: Rules, caller: Caller, log: Log, transcript: Transcript, manner: str = "as written", *, twice: bool = False
) -> Ran:
    """One transcript in a conversation of its own; `twice` sends each message a second time, as a poor line would."""
    change, talk = MANNERS[manner], Talk(rules, log, caller)
    missed: list[str] = []
    seen: list[Event] = []
    took: list[float] = []
    name = f"{transcript.place} {manner}"
    at = transcript.at or NOON
    for place, exchange in enumerate(transcript.exchanges):
        said = change(exchange.said, random.Random(f"{name} {place}"))
        message = Message(id=str(place), text=said, at=at + place * STEP, customer=transcript.customer)
        started = perf_counter()
        turn = talk.send(name, message)
        took.append((perf_counter() - started) * 1000)
        if twice:
            talk.send(name, message)
        did = " · ".join(_short(event) for event in turn.events) or "nothing"
        for one in exchange.expected:
            if not holds(one, turn.events, turn.replies, seen):
                missed.append(f'{one.place}: after "{said}" expected: {one.text}; found: {did}')
        seen += turn.events
    return Ran(transcript=transcript, manner=manner, missed=tuple(missed), events=tuple(seen), turns_ms=tuple(took))


def _short(event: Event) -> str:
    said = event.args.get("choices") or event.value or ""
    name = said.get("name", "") if isinstance(said, dict) else " | ".join(said) if isinstance(said, list) else said
    return " ".join(part for part in (event.verb, event.name, str(name)) if part)


def plain_case(text: str, draw: random.Random) -> str:
    """All small, or all capital."""
    return text.lower() if draw.random() < 0.5 else text.upper()


def typos(text: str, draw: random.Random) -> str:
    """One slip of the finger in a longer word: two letters swapped, one left out or one twice."""
    words = text.split(" ")
    long = [place for place, word in enumerate(words) if len(word) > 4 and word.isalpha()]
    if not long:
        return text
    place = draw.choice(long)
    word, spot = words[place], draw.randrange(1, len(words[place]) - 1)
    kinds = (
        word[:spot] + word[spot + 1] + word[spot] + word[spot + 2 :],
        word[:spot] + word[spot + 1 :],
        word[:spot] + word[spot] + word[spot:],
    )
    words[place] = draw.choice(kinds)
    return " ".join(words)


def filler(text: str, draw: random.Random) -> str:
    """What people say before they say it."""
    return draw.choice(FILLERS) + text


def contractions(text: str, _: random.Random) -> str:
    """Words drawn together, or apart again."""
    for long, short in CONTRACTIONS.items():
        pattern = re.compile(rf"\b{long}\b", re.IGNORECASE)
        if pattern.search(text):
            return pattern.sub(short, text)
        if short in text.lower():
            return re.sub(re.escape(short), long, text, flags=re.IGNORECASE)
    return text


def no_punctuation(text: str, _: random.Random) -> str:
    """Words and spaces; amounts keep their sign and their point."""
    return re.sub(r"(?<!\d)[.,;:!?'\"](?!\d)|[.,;:!?'\"](?!\d)", "", text)


MANNERS: dict[str, Callable[[str, random.Random], str]] = {
    "as written": lambda text, _: text,
    "case": plain_case,
    "typos": typos,
    "filler": filler,
    "contractions": contractions,
    "no punctuation": no_punctuation,
}


def started(runs: Sequence[Ran]) -> dict[str, int]:
    """How many transcripts start each job."""
    counts: dict[str, int] = {}
    for one in runs:
        for name in {event.name for event in one.events if event.verb == "starts"}:
            counts[name] = counts.get(name, 0) + 1
    return counts


def elsewhere(places: Sequence[str]) -> Iterator[str]:
    """Addresses that are not this machine: tests do not act on what is real."""
    for place in places:
        if urlsplit(place).hostname not in ("127.0.0.1", "localhost", "::1"):
            yield place
