"""A specialist: cells in, decisions out.

Knows its domain, task, cascade and rule. Files, training and figures are other people's work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter_ns
from typing import Any

from metier import lazy
from metier.cascade import Cascade
from metier.decide.accept import Rule
from metier.domains.base import Domain
from metier.encoders.base import Choosy
from metier.errors import BadCell
from metier.tasks.base import Task
from metier.types import Decision, Json, Passed, Predicted, Value


@dataclass(frozen=True, kw_only=True)
class Golden:
    """A training row and what was decided; replayed whenever the specialist is loaded."""

    cell: str
    label: str | None
    probability: float
    stage: int


@dataclass(frozen=True, kw_only=True)
class Specialist:
    """A small model that knows one trade.

    `specialist.predict(["where is my card?"])[0].label`; `.probability`; `.accepted`; `.reason` when it abstains.
    """

    name: str
    domain: str
    task: str
    labels: tuple[str, ...]
    input_column: str
    target_column: str
    cascade: Cascade
    rule: Rule
    recipe: Mapping[str, Json] = field(default_factory=dict)
    origin: Mapping[str, Json] = field(default_factory=dict)
    figures: Mapping[str, Json] = field(default_factory=dict)
    golden: tuple[Golden, ...] = ()

    def predict(self, cells: Sequence[Any]) -> list[Decision]:
        """One decision a cell, in order. A cell that cannot be read becomes an abstention that says why."""
        started = perf_counter_ns()
        values, problems = self._read(cells)
        predicted = self.predicted(values)
        each = (perf_counter_ns() - started) / 1000 / max(len(cells), 1)
        decided = self._task.decisions(self.labels, predicted, each)
        if not problems:
            return decided
        decisions = iter(decided)
        return [self._task.unread(problems[i]) if i in problems else next(decisions) for i in range(len(cells))]

    def predicted(self, values: Sequence[Value]) -> Predicted:
        """The same as arrays, for values already read."""
        return self.ruled(self.cascade.run(values))

    def ruled(self, passed: Passed) -> Predicted:
        """The rule applied to what the cascade says."""
        return self._task.ruled(self.rule, passed)

    def replayed(self, cells: Sequence[Any]) -> tuple[Golden, ...]:
        """What is decided of these cells, as it is kept to be compared with."""
        decided = [(cell, d, *self._task.replayed(d)) for cell, d in zip(cells, self.predict(cells), strict=True)]
        return tuple(Golden(cell=cell, label=label, probability=p, stage=d.stage) for cell, d, label, p in decided)

    @cached_property
    def _domain(self) -> Domain:
        domain: Domain = lazy.find("domains", self.domain, "DOMAIN")
        return domain

    @cached_property
    def _fits(self) -> Callable[[Value], None] | None:
        first = self.cascade.stages[0].encoder
        return first.fits if isinstance(first, Choosy) else None

    @cached_property
    def _task(self) -> Task:
        task: Task = lazy.find("tasks", self.task, "TASK")
        return task

    def _read(self, cells: Sequence[Any]) -> tuple[list[Value], dict[int, str]]:
        read, fits = self._domain.read, self._fits
        values, problems = [], {}
        for i, cell in enumerate(cells):
            try:
                value = read(cell)
                if fits is not None:
                    fits(value)
                values.append(value)
            except BadCell as problem:
                problems[i] = str(problem)
        return values, problems
