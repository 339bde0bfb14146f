"""What is learnt, seen from outside, and what a form promises: taken apart to be kept, put together again.

Knows parts by their kind, and neither files nor how anything was learnt. A new form is one file in this folder that
exposes `FORM`; the verbs that learn and judge such a thing are the file of that name in `kinds/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeAlias

from metier.decide.accept import Rule
from metier.domains.base import Domain
from metier.encoders.base import Encoder
from metier.specialist import Golden
from metier.types import Decision, Input, Json, Probabilities, State


class Part(Protocol):
    """What encoders, heads, calibrators, scopes, exits and whatever else is kept have in common.

    One that still reads states of before names their kinds: `older = ("scope.v2",)`.
    """

    kind: str

    def state(self) -> State:
        """Everything `restore` needs."""
        ...

    @classmethod
    def restore(cls, state: State) -> Self:
        """The part that `state` was taken from."""
        ...


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A place for parts in a stage, and where the code of such parts is found."""

    name: str
    folder: str
    member: str


Parts: TypeAlias = Mapping[str, Any]  # the parts of one stage, by their slots


class Learnt(Protocol):
    """What was learnt and answers: a specialist or a sibling of it. Cells in, decisions out."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The columns it reads; with several a cell is a row of them."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names."""
        ...

    @property
    def target_column(self) -> str:
        """The column its answers were learnt from."""
        ...

    @property
    def task(self) -> str:
        """What is asked of it, by its file in `tasks/`."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """The names it answers with, where they are settled."""
        ...

    @property
    def rule(self) -> Rule:
        """When it answers."""
        ...

    @property
    def recipe(self) -> Mapping[str, Json]:
        """How it was learnt."""
        ...

    @property
    def origin(self) -> Mapping[str, Json]:
        """What it was learnt from."""
        ...

    @property
    def figures(self) -> Mapping[str, Json]:
        """What it was worth on rows it had not learnt."""
        ...

    @property
    def golden(self) -> tuple[Golden, ...]:
        """Rows to replay."""
        ...

    @property
    def domain(self) -> Domain:
        """What reads a cell."""
        ...

    @property
    def encoders(self) -> Sequence[Encoder]:
        """All that make vectors of its cells, the cheapest first."""
        ...

    @property
    def dense(self) -> Encoder | None:
        """The encoder whose vectors mean something by themselves, where there is one."""
        ...

    @property
    def depth(self) -> int:
        """How many stages it has."""
        ...

    def held_back(self, stage: int) -> Learnt:
        """The same with stages up to this one alone (from 1), each row taken through all of them."""
        ...

    def predict(self, cells: Sequence[Any]) -> list[Decision]:
        """One decision a cell, in order. A cell that cannot be read becomes an abstention that says why."""
        ...

    def told(self, cells: Sequence[Any]) -> tuple[list[Decision], Probabilities]:
        """The decisions, and as (n, k) the probability of each of its labels."""
        ...

    def at_once(self, cell: Any) -> tuple[list[Decision], Probabilities] | None:
        """The same for one cell by what costs microseconds; None where more is needed."""
        ...

    def replayed(self, cells: Sequence[Any]) -> tuple[Golden, ...]:
        """What is decided of these cells, as it is kept to be compared with."""
        ...


class Form(Protocol):
    """How one sort of learnt thing comes apart into stages of parts, and together again."""

    slots: Mapping[str, Slot]  # of each of its stages

    def apart(self, learnt: Any) -> list[Parts]:
        """The parts of every stage."""
        ...

    def together(self, stages: Sequence[Parts], **common: Any) -> Learnt:
        """What `apart` was given; `common` is all that is no part, by the names that `Learnt` has for it."""
        ...
