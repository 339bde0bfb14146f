"""A specialist against rows it has not seen: what it says of each, how long it takes, and what that is worth.

Knows nothing of how a specialist decides, nor of how the figures are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from time import perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier import lazy
from metier.cascade import run_stage
from metier.columns import cells_of
from metier.errors import BadCell, MissingColumn
from metier.evaluation import Judged, Judging, Latency
from metier.judge import OUTSIDE
from metier.record import located
from metier.specialist import Specialist
from metier.targets import target_cells, target_columns
from metier.tasks.base import Answer, Task
from metier.types import Input, Predicted, Probabilities, Scores, Table, Truth, Value

BATCH_ROWS, TIMED_ROWS, SHOWN_BAD_CELLS = 1024, 300, 3
MOST_ROWS_ALONE = 5000  # every stage on every row is the slowest thing here, and the figure is settled by then


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """The rows to judge: cells, their truths, and what each is called in a message.

    `unknown` counts the rows of each label never learnt, `unlabelled` those that are not here for want of a label.
    """

    cells: list[Any]
    truth: Truth
    outside: NDArray[np.bool_]
    names: list[str]
    unknown: Mapping[str, int]
    unlabelled: int
    notes: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class _Said:
    """What the specialist says of each row, and of which it could read nothing (by place, with the reason)."""

    predicted: Predicted
    bad: dict[int, str]
    alone: list[Probabilities]
    rows_per_s: float


def evaluate(
    specialist: Specialist,
    table: Table,
    *,
    out_of_scope: Table | None = None,
    out_of_scope_label: str | None = None,
) -> Judged:
    """Figures of a specialist on labelled rows it has not learnt from, timed on this machine.

    Every row of `out_of_scope`, and rows with the label `out_of_scope_label`, are none of its business: an answer to
    them is wrong. A label such as "oos" that the specialist never learnt counts as that by itself, and a note says so.

    Raises: MissingColumn, BadOption, TooFewRows when no row has a label that was learnt.
    """
    table = located(table, specialist.inputs)
    out_of_scope = out_of_scope and located(_renamed(out_of_scope, specialist.inputs), specialist.inputs)
    task: Task = lazy.find("tasks", specialist.task, "TASK")
    rows = _rows(specialist, task, table, out_of_scope, out_of_scope_label)
    said = _said(specialist, rows.cells)
    readable = [cell for i, cell in enumerate(rows.cells) if i not in said.bad]
    known = Judging(
        rule=specialist.rule,
        outside=rows.outside,
        texts=[cell if isinstance(cell, str) else name for cell, name in zip(rows.cells, rows.names, strict=True)],
        stage_names=[stage.encoder.kind for stage in specialist.cascade.stages],
        alone=said.alone,
        unknown=rows.unknown,
        unlabelled=rows.unlabelled,
        latency=_latency(specialist, readable, said.rows_per_s),
        notes=[*rows.notes, *(f"{rows.names[i]}: {said.bad[i]}" for i in list(said.bad)[:SHOWN_BAD_CELLS])],
    )
    return task.judged(specialist.labels, rows.truth, said.predicted, known)


def _rows(specialist: Specialist, task: Task, table: Table, beside: Table | None, outside_label: str | None) -> _Rows:
    for name in target_columns(table, specialist.target_column):
        _column(table, name)
    inputs, targets = cells_of(table, specialist.inputs), target_cells(table, specialist.target_column)
    answers = [_answer(task, cell) for cell in targets]
    kept = [i for i, answer in enumerate(answers) if answer is not None]
    given = task.given(specialist.labels, [answers[i] for i in kept], outside_label)
    others = cells_of(beside, specialist.inputs) if beside is not None else []
    return _Rows(
        cells=[*(inputs[i] for i in kept), *others],
        truth=np.concatenate([given.truth, np.full((len(others), *given.truth.shape[1:]), OUTSIDE, given.truth.dtype)]),
        outside=np.append(given.outside, np.ones(len(others), bool)),
        names=[*(_place(table, i) for i in kept), *(_place(beside, i) for i in range(len(others)) if beside)],
        unknown=given.unknown,
        unlabelled=len(table) - len(kept),
        notes=given.notes,
    )


def _renamed(table: Table, inputs: Sequence[Input]) -> Table:
    """Rows that are out of scope; their only column may have any name."""
    if len(inputs) == len(table.columns) == 1:
        return replace(table, columns={inputs[0].column: next(iter(table.columns.values()))})
    return table


def _column(table: Table, name: str) -> list[Any]:
    if name not in table.columns:
        raise MissingColumn(
            f"{table.source}: no column '{name}'. The specialist was trained with it; this table has: "
            f"{', '.join(table.columns) or 'none'}. Rename the column that holds the same thing."
        )
    return list(table.columns[name])


def _answer(task: Task, cell: Any) -> Answer | None:
    """The answer as training would have read it; None for a gap, and for what can be none."""
    try:
        return task.read(cell)
    except BadCell:
        return None


def _place(table: Table, i: int) -> str:
    return f"{table.source} row {table.first_row + i}"


def _said(specialist: Specialist, cells: Sequence[Any]) -> _Said:
    """What it says of every cell in batches; the clock counts reading and predicting, not what is asked besides."""
    n = len(cells)
    nothing = specialist.ruled(specialist.cascade.run([]))
    whole = Predicted(**{f.name: _empty(getattr(nothing, f.name), n) for f in fields(Predicted)})
    stages = specialist.cascade.stages if n <= MOST_ROWS_ALONE else ()
    alone: list[Probabilities] = [_empty(nothing.probabilities, n) for _ in stages]
    read, bad, spent = specialist.domain.read, dict[int, str](), 0
    specialist.predict(cells[:1])  # compiles and opens what waits for its first use, before the clock runs
    for start in range(0, n, BATCH_ROWS):
        started = perf_counter_ns()
        values = _read(read, cells, range(start, min(start + BATCH_ROWS, n)), bad)
        if not values:
            continue
        part = specialist.predicted(list(values.values()))
        spent += perf_counter_ns() - started
        for field in fields(Predicted):
            getattr(whole, field.name)[list(values)] = getattr(part, field.name)
        scores: Scores | None = None
        for stage, probabilities in zip(stages, alone, strict=True):
            step = run_stage(stage, list(values.values()), scores)
            probabilities[list(values)], scores = step.probabilities, step.scores
    return _Said(predicted=whole, bad=bad, alone=alone, rows_per_s=(n - len(bad)) / max(spent, 1) * 1e9)


def _empty(like: NDArray[Any], n: int) -> NDArray[Any]:
    """Zeros for n rows of such an array."""
    return np.zeros((n, *like.shape[1:]), like.dtype)


def _read(read: Callable[[Any], Value], cells: Sequence[Any], batch: range, bad: dict[int, str]) -> dict[int, Value]:
    """The values of a batch by their place; the reasons of those that cannot be read go to `bad`."""
    values: dict[int, Value] = {}
    for i in batch:
        try:
            values[i] = read(cells[i])
        except BadCell as problem:
            bad[i] = str(problem)
    return values


def _latency(specialist: Specialist, cells: Sequence[Any], rows_per_s: float) -> Latency | None:
    """Single cells, spread over all of them, one call each."""
    if not cells:
        return None
    chosen = np.unique(np.linspace(0, len(cells) - 1, min(len(cells), TIMED_ROWS)).round().astype(int))
    times, stages = np.zeros(len(chosen)), np.zeros(len(chosen), int)
    for j, i in enumerate(chosen):
        started = perf_counter_ns()
        [decision] = specialist.predict([cells[i]])
        times[j], stages[j] = (perf_counter_ns() - started) / 1000, decision.stage
    by_stage = [times[stages == s + 1] for s in range(len(specialist.cascade.stages))]
    return Latency(
        median_us=float(np.median(times)),
        p95_us=float(np.quantile(times, 0.95)),
        rows=len(times),
        rows_per_s=rows_per_s,
        stages=tuple(float(np.median(part)) if len(part) else None for part in by_stage),
    )
