"""What a task promises: answers in a column to targets a head can learn, and what was predicted to a decision.

Knows no domain and no model. A new task is one file in this folder that exposes `TASK`; its page is the file of that
name in `report/`. One whose answers are no column beside the cells is a `Wording` alone, and has a form of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from metier.decide.accept import Rule
from metier.decide.base import Calibrator
from metier.errors import BadCell
from metier.evaluation import Judged, Judging, Line
from metier.types import (
    Decision,
    Floats,
    Json,
    Labels,
    Loss,
    Passed,
    Predicted,
    Probabilities,
    Scores,
    Targets,
    Truth,
)

Answer: TypeAlias = Any  # what a task's `read` makes of a target cell: a name, a number, several of them


SPECIALIST = "specialist"  # the form of a cascade of heads


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The answers of a column. Shapes: k names, n rows of truth, as the task has them."""

    names: tuple[str, ...]
    truth: Truth

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True, kw_only=True)
class Given:
    """The answers of rows to be judged. Shapes: n rows of truth; outside (n,), those that are none of its business.

    `unknown` counts the rows of each answer never learnt.
    """

    truth: Truth
    outside: NDArray[np.bool_]
    unknown: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """A row whose answer is probably wrong: what it has and what is likelier, in words and as evidence.

    `alike` are rows that have the likelier answer, of which the nearest may be shown.
    """

    kind: str
    row: int
    has: str
    suggestion: str
    evidence: Mapping[str, Json]
    alike: Labels | None = None


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """The confidence that an answer needs, and the probability that a candidate needs."""

    accept: float = 0.0
    candidate: float = 0.0


class Wording(Protocol):
    """What any task says of itself and of its decisions; `form` is how what it learns is put together, by `forms/`."""

    name: str
    form: str
    decision: type[Decision]  # what it decides; its JSON has the columns of an output
    named: bool  # whether an answer is one name, so that names can be misspelt and have too few rows
    least_names: int  # of what is learnt; fewer are a damaged one
    beside: str  # what stands beside an answer, as a person would say it
    unsure: str  # what was too low where it abstains as unsure
    listed: Sequence[tuple[str, str]]  # figures in the order a card lists them: name, and key in their JSON
    numbers: frozenset[str]  # keys of those that are no shares
    metrics: Mapping[str, str]  # figures the hub has a name for: that name, and key

    def unread(self, problem: str) -> Decision:
        """The abstention for a cell that cannot be read."""
        ...

    def told(self, names: Sequence[str]) -> str:
        """What it answers, in a few words: "one of 36 labels"."""
        ...

    def promised(self, max_error: float | None) -> str:
        """What it promises, in a few words."""
        ...

    def pledge(self, max_error: float | None) -> Sequence[str]:
        """The promise as a card states it, with what it is worth."""
        ...

    def lines(self, figures: Mapping[str, Any]) -> list[Line]:
        """The figures that training left, the most important first."""
        ...


@runtime_checkable
class Task(Wording, Protocol):
    """What is asked of a row whose answer is in another column, from the cell of an answer to the figures about many.

    "As the task has them" is for the task alone to know: nothing else looks into its truths.
    """

    loss: Loss  # how the targets are to be learnt
    sample: tuple[Any, ...]  # cells of answers: contract tests and docs use them

    def likely(self, cells: Sequence[Any]) -> float:
        """How much these cells look like this task's answers, 0 to 1. Cells of several columns are tuples."""
        ...

    def seen(self, cells: Sequence[Any], where: str) -> str:
        """What the cells of a target hold, in a few words.

        Raises: MissingColumn where they cannot be answers.
        """
        ...

    def read(self, cell: Any) -> Answer | None:
        """The answer in a cell; None for a gap.

        Raises: BadCell, saying what is wrong with it.
        """
        ...

    def learn(self, answers: Sequence[Answer], source: str, columns: Sequence[str] = ()) -> Answers:
        """The names in a target's columns, and what each row has of them; `source` is named in errors.

        Raises: TooFewRows when there is too little to learn from.
        """
        ...

    def targets(self, answers: Answers) -> Targets:
        """What a head should say of each row (n, k)."""
        ...

    def strata(self, answers: Answers) -> Labels:
        """Rows of like answers share a number (n,): folds are fair to each."""
        ...

    def opinion(self, scores: Scores, truth: Truth) -> Callable[[Scores], Targets]:
        """What makes targets of a teacher's scores (n, k), by its scores out of fold."""
        ...

    def calibrate(
        self, scores: Scores, *, truth: Truth, familiarity: Floats | None, max_error: float | None
    ) -> Calibrator:
        """The calibrator that suits out-of-fold scores (m, n, k).

        Raises: PromiseNotSupported where `max_error` takes more rows.
        """
        ...

    def losses(self, truth: Truth, probabilities: Probabilities) -> Floats:
        """How wrong each row is (n,): 1 for what is plainly wrong, or for one who knows nothing of the row."""
        ...

    def thresholds(
        self,
        passed: Passed,
        inside: NDArray[np.bool_],
        truth: Truth,
        max_error: float | None,
        max_width: float | None = None,
    ) -> Thresholds:
        """What keeps the promise among the rows `inside` (n,), those in scope.

        Raises: PromiseNotSupported with the number of rows that could support it, or with how narrow intervals are.
        """
        ...

    def ruled(self, rule: Rule, passed: Passed) -> Predicted:
        """The rule applied to what a cascade says."""
        ...

    def decisions(self, names: Sequence[str], predicted: Predicted, microseconds: float) -> list[Decision]:
        """One decision a row; `microseconds` is what each took."""
        ...

    def leading(self, names: Sequence[str], probabilities: Probabilities) -> tuple[str, int]:
        """What evidence is sought for, of one row's probabilities (k,): the answer, and the column it stands in."""
        ...

    def replayed(self, decision: Decision) -> tuple[str | None, float]:
        """What a replay on another machine must bring again, and a number near 1 that may differ by a thousandth."""
        ...

    def given(self, names: Sequence[str], answers: Sequence[Answer], outside_label: str | None) -> Given:
        """Answers of rows to be judged, by the names learnt.

        Raises: BadOption where no row can have the label `outside_label`.
        """
        ...

    def judged(
        self,
        names: Sequence[str],
        truth: Truth,
        predicted: Predicted,
        known: Judging,
    ) -> Judged:
        """Every figure about rows with their truths; `judge.py` says what the arguments are."""
        ...

    def text(self, answer: Answer) -> str:
        """An answer as a cell of one column would have it; equal for equal answers."""
        ...

    def doubts(self, answers: Answers, probabilities: Probabilities) -> list[Doubt]:
        """Rows whose answer is probably wrong, surest first, by probabilities (n, k) made without having learnt it."""
        ...


def label_text(cell: Any) -> str | None:
    """A label as text: 1, 1.0 and "1" are one label; None for a gap or blank.

    Raises: BadCell for a list or anything else that is no name.
    """
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, str | int | float):
        return str(cell)
    raise BadCell(f"{str(cell)[:60]!r} is a {type(cell).__name__} and no label. Expected one name or number.")
