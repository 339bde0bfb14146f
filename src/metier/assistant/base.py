"""What the parts of an assistant are to one another: the author's words as values, and the seams to models.

Computes nothing and reads no file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from metier.errors import MetierError
from metier.types import Decision, Json


class BadAssistant(MetierError):
    """Mend the lines named; `metier assistant check FOLDER` lists them all."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where something is written: `assistant.yaml:12`."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, kw_only=True)
class Remark:
    """One finding: an `error` keeps the assistant from working as written, the rest is worth a look."""

    place: Place
    grade: str
    problem: str
    fix: str


@dataclass(frozen=True, kw_only=True)
class Action:
    """One call to the outside: `{post: "{bank}/cards/{card.id}/freeze", changes: true}`, `{python: "deeds:top_up"}`."""

    name: str
    how: str  # get, post, put, delete or python
    target: str
    changes: bool
    place: Place
    body: Mapping[str, Any] = field(default_factory=dict)
    key_env: str = ""  # the variable that holds the key of the other side


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One thing a job asks for; `kind` is pick, yes_no, money, number, date, time, code or text."""

    name: str
    kind: str
    say: str
    place: Place
    source: str = ""  # the action whose items are picked from
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # to pick from, with other words for each
    pattern: str = ""  # of a code
    past: bool = False  # of a date
    least: float | None = None
    most: float | None = None
    optional: bool = False


@dataclass(frozen=True, kw_only=True)
class Step:
    """One action of a job, done only where the slot `given` is true, if one is named."""

    action: str
    given: str | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a customer can have done, or be told."""

    name: str
    place: Place
    title: str
    when: tuple[str, ...] = ()
    like: tuple[str, ...] = ()
    marked: tuple[str, ...] = ()  # the same phrases as they are written, where slots are marked in one of them
    login: bool = False
    ask: Mapping[str, Slot] = field(default_factory=dict)
    confirm: str | None = None
    do: tuple[Step, ...] = ()
    done: str | Mapping[str, str] | None = None
    failed: str = "person"
    answer: str | None = None
    places: Mapping[str, Place] = field(default_factory=dict)  # of single labels, templates and steps


@dataclass(frozen=True, kw_only=True)
class Section:
    """One heading of the knowledge: its text is an answer, with its id `cards.md#delivery`."""

    id: str
    title: str
    text: str
    asked_as: tuple[str, ...]
    place: Place


LATER = "No one is here right now. Write what you need, and a person answers here from {next_open}."


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The people behind the assistant: when they are there, and what sends a customer to them."""

    to: str = "console"
    when: tuple[str, ...] = ("asked", "2 misunderstandings", "2 failed steps", "complaint", "vulnerable")
    open: str | None = None
    closed: str = LATER

    @property
    def elsewhere(self) -> bool:
        """Whether it is an address to be told, and not the desk built in."""
        return "://" in self.to.replace("{desk}", "http://desk")


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """A specialist by its folder, and the files of rows it is learnt from; None where somebody else trained it."""

    folder: Path
    rows: tuple[Path, ...] | None
    place: Place


@dataclass(frozen=True, kw_only=True)
class Script:
    """Everything the author wrote, checked for form."""

    name: str
    folder: Path
    language: str
    say: Mapping[str, str]
    models: Mapping[str, Learnt]
    actions: Mapping[str, Action]
    jobs: Mapping[str, Job]
    knowledge: Mapping[str, Section]
    desk: Desk
    promise: Mapping[str, str]
    redact: tuple[str, ...] | None  # what is taken out besides numbers and addresses; None: all that can be
    keep_days: int
    currency: str = "£"
    workshop: Path = Path("models")  # where what is learnt lies
    taught: tuple[tuple[str, str], ...] = ()  # messages and what they mean, as people at the desk have taught it
    writer: Action | None = None  # a language model, asked where nothing else knows; off unless it is named
    outside: Path | None = None  # a Python file that stands in for the outside, in tests and trials
    sources: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Found:
    """The best section for a question: how probably it answers, how familiar the question is, whether to show it."""

    id: str
    score: float
    familiar: float
    sure: bool


@dataclass(frozen=True, kw_only=True)
class Result:
    """What an action came back with. `outcome` is ok, refused (surely nothing happened) or unknown (it may have)."""

    outcome: str
    value: Json


class Decider(Protocol):
    """A specialist, as far as an assistant needs one."""

    def predict(self, cells: Sequence[Any], /) -> list[Decision]:
        """One decision a cell."""


class Library(Protocol):
    """Finds the section that answers a question, or says that none does."""

    def find(self, question: str) -> Found | None:
        """The best section; None where there is no knowledge at all."""

    def near(self, question: str, most: int) -> Sequence[Found]:
        """The sections that may answer, the best first."""


class Speller(Protocol):
    """Sets right what was mistyped."""

    def mend(self, text: str) -> str:
        """The text as it was meant."""


class Caller(Protocol):
    """Does what an action says."""

    def call(self, action: Action, values: Mapping[str, Any], *, key: str | None, timeout_s: float = 10.0) -> Result:
        """One call; it never raises for what the other side does."""


@dataclass(frozen=True, kw_only=True)
class Minds:
    """The specialists of an assistant; `acts` and `scope` may be missing, and then nothing is known by them."""

    intent: Decider
    acts: Decider | None
    scope: Decider | None
    library: Library
    redact: Callable[[str], str]  # what a customer or a person wrote, as it may reach a disk
    mask: Callable[[str], str]  # what came from outside, as it may reach a disk
    entities: Decider | None = None  # marks in a message what belongs to which slot
    speller: Speller
    phrases: Mapping[str, str] = field(default_factory=dict)  # what was learnt as it stands, and its label
    scope_least: float = 0.0  # how much a message must be ours, see scope.py
    version: str = ""  # another one for other specialists or another file of the author's


EVERYTHING = "*"  # turned off: people answer, and nobody else


@dataclass(frozen=True, kw_only=True)
class Message:
    """What a customer sent. `id` is the client's own, so that the same one sent twice is one."""

    id: str
    text: str
    at: datetime
    customer: str | None = None
    off: tuple[str, ...] = ()  # jobs that are turned off at that time; EVERYTHING: people only
