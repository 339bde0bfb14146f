"""A specialist: cells in, decisions out.

Knows its domain, task, cascade and rule. Files, training and figures are other people's work.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np

from metier import lazy
from metier.cascade import Cascade
from metier.decide.accept import Rule
from metier.decide.exits import Exit
from metier.domains.base import Domain
from metier.encoders.base import Choosy, Encoder
from metier.errors import BadCell
from metier.record import domain_of
from metier.tasks.base import Task
from metier.types import Decision, Input, Json, Packed, Passed, Predicted, Probabilities, Rows, Value

LONGEST_KEPT, MOST_BYTES_KEPT = 2_000, 200_000  # of a cell among the golden rows: characters, bytes


@dataclass(frozen=True, kw_only=True)
class Golden:
    """A training row and what was decided; replayed whenever the specialist is loaded.

    `cell` is as JSON has it: bytes are {"base64": "…"}, a row of several columns is a list.
    """

    cell: Json
    label: str | None
    probability: float
    stage: int

    @property
    def asked(self) -> Any:
        """The cell as `predict` takes it."""
        return asked_cell(self.cell)


@dataclass(frozen=True, kw_only=True)
class Specialist:
    """A small model that knows one trade.

    `specialist.predict(["where is my card?"])[0].label`; `.probability`; `.accepted`; `.reason` when it abstains.
    With several `inputs` a cell is a row of them: a tuple in their order, or a mapping from their names.
    """

    name: str
    inputs: tuple[Input, ...]
    task: str
    labels: tuple[str, ...]
    target_column: str
    cascade: Cascade
    rule: Rule
    recipe: Mapping[str, Json] = field(default_factory=dict)
    origin: Mapping[str, Json] = field(default_factory=dict)
    figures: Mapping[str, Json] = field(default_factory=dict)
    golden: tuple[Golden, ...] = ()

    def predict(self, cells: Sequence[Any]) -> list[Decision]:
        """One decision a cell, in order. A cell that cannot be read becomes an abstention that says why."""
        return self.told(cells)[0]

    def told(self, cells: Sequence[Any]) -> tuple[list[Decision], Probabilities]:
        """The decisions, and as (n, k) what `Predicted` has of every label; zeros for a cell that cannot be read."""
        started = perf_counter_ns()
        values, problems = self._read(cells)
        predicted = self.predicted(values)
        each = (perf_counter_ns() - started) / 1000 / max(len(cells), 1)
        decided = self._task.decisions(self.labels, predicted, each)
        if not problems:
            return decided, predicted.probabilities
        probabilities = np.zeros((len(cells), predicted.probabilities.shape[1]), np.float32)
        probabilities[[i for i in range(len(cells)) if i not in problems]] = predicted.probabilities
        decisions = iter(decided)
        whole = [self._task.unread(problems[i]) if i in problems else next(decisions) for i in range(len(cells))]
        return whole, probabilities

    def at_once(self, cell: Any) -> tuple[list[Decision], Probabilities] | None:
        """The same for one cell by the first stage alone; None where it would pass the row on."""
        started = perf_counter_ns()
        values, problems = self._read([cell])
        passed = None if problems else self.cascade.at_once(values)
        if passed is None:
            return None
        predicted = self.ruled(passed)
        each = (perf_counter_ns() - started) / 1000
        return self._task.decisions(self.labels, predicted, each), predicted.probabilities

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

    @property
    def depth(self) -> int:
        """How many stages there are."""
        return len(self.cascade.stages)

    def held_back(self, stage: int) -> Specialist:
        """The same with stages up to this one alone (from 1), each row taken through all of them."""
        before, last = self.cascade.stages[: stage - 1], self.cascade.stages[stage - 1]
        return replace(self, cascade=Cascade(stages=(*(replace(s, exit=Exit.never()) for s in before), last)))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the input."""
        return tuple(one.column for one in self.inputs)

    @property
    def encoders(self) -> Sequence[Encoder]:
        """Those of its stages."""
        return [stage.encoder for stage in self.cascade.stages]

    @cached_property
    def dense(self) -> Encoder | None:
        """The costliest encoder that gives dense vectors, which mean something by themselves; None without one."""
        values = [self.domain.read(golden.asked) for golden in self.golden[:1]]
        encoders = reversed(self.encoders) if values else ()
        return next((one for one in encoders if not isinstance(one.encode(values), Rows)), None)

    @cached_property
    def domain(self) -> Domain:
        """What reads a cell."""
        return domain_of(self.inputs, self.encoders)

    @cached_property
    def _fits(self) -> Callable[[Value], None] | None:
        first = self.cascade.stages[0].encoder
        return first.fits if isinstance(first, Choosy) else None

    @cached_property
    def _task(self) -> Task:
        task: Task = lazy.find("tasks", self.task, "TASK")
        return task

    def _read(self, cells: Sequence[Any]) -> tuple[list[Value], dict[int, str]]:
        read, fits = self.domain.read, self._fits
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


def json_cell(cell: Any) -> Json:
    """A cell as JSON has it, files by their content.

    Raises: ValueError for one that is too long to be kept, or is nothing JSON knows.
    """
    if isinstance(cell, tuple | list):
        return [json_cell(one) for one in cell]
    if isinstance(cell, Packed):
        cell = cell.data
    if isinstance(cell, Path) and cell.stat().st_size <= MOST_BYTES_KEPT:
        cell = cell.read_bytes()
    if isinstance(cell, bytes) and len(cell) <= MOST_BYTES_KEPT:
        return {"base64": base64.b64encode(cell).decode()}
    if isinstance(cell, date | np.datetime64):
        return str(cell)
    if isinstance(cell, np.generic):
        cell = cell.item()
    if isinstance(cell, float) and not math.isfinite(cell):
        return None
    if cell is None or isinstance(cell, bool | int | float) or (isinstance(cell, str) and len(cell) <= LONGEST_KEPT):
        return cell
    raise ValueError(f"{type(cell).__name__}: too long, or nothing that JSON knows")


def asked_cell(cell: Json) -> Any:
    """The cell that `json_cell` made JSON of."""
    if isinstance(cell, list):
        return [asked_cell(one) for one in cell]
    return base64.b64decode(str(cell["base64"])) if isinstance(cell, dict) else cell
