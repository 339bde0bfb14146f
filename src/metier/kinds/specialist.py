"""A specialist: learnt from rows with their answers in a column of the table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from metier.columns import cells_of, choose
from metier.data.read import read
from metier.evaluate import evaluate
from metier.evaluation import Judged
from metier.kinds.base import Made, Opened, Options, Progress, named
from metier.record import located
from metier.specialist import Specialist
from metier.train import train

MOST_TIMED = 16  # rows
TAKES = frozenset({
    "input", "target", "group", "order", "effort", "encoder", "max_error", "max_width", "false_refusal", "max_ms",
    "max_mb", "seed",
})  # fmt: skip


class SpecialistKind:
    """Rows to a cascade."""

    def opened(self, data: Any, options: Options) -> Opened:
        """The table, and the columns that were asked for or guessed."""
        options.only("specialist", TAKES)
        table = read(data)
        columns = choose(
            table, input=options.input, target=options.target, task=options.task, aside=(options.group, options.order)
        )
        some = located(table.take(range(min(len(table), MOST_TIMED))), columns.inputs)
        settled = replace(
            options, input=[one.column for one in columns.inputs], target=columns.target, task=columns.task
        )
        return Opened(data=table, options=settled, said=columns.said, cells=cells_of(some, columns.inputs))

    def train(self, opened: Opened, *, folder: Path | None, work: Path | None, progress: Progress) -> Made:
        """The recipe of `train.py`."""
        o = opened.options
        trained = train(
            opened.data, name=named(folder), input=o.input, target=o.target, task=o.task, group=o.group, order=o.order,
            effort=o.effort, encoder=o.encoder, max_error=o.max_error, max_width=o.max_width,
            false_refusal=o.false_refusal, max_ms=o.max_ms, max_mb=o.max_mb, seed=o.seed, work=work, progress=progress,
        )  # fmt: skip
        return Made(learnt=trained.specialist, evaluation=trained.evaluation, notes=(opened.said, *trained.notes[1:]))

    def evaluate(self, learnt: Specialist, data: Any, *, out_of_scope: Any, out_of_scope_label: str | None) -> Judged:
        """Its figures on labelled rows."""
        beside = None if out_of_scope is None else read(out_of_scope)
        return evaluate(learnt, read(data), out_of_scope=beside, out_of_scope_label=out_of_scope_label)


KIND = SpecialistKind()
