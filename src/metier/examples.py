"""Table to examples: every row read, its answer understood, and the fold it is held out in.

Knows columns, domains and tasks by their seams; not which stages will learn from the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from metier.checkpoint import Checkpoint
from metier.columns import Columns, cells_of
from metier.domains.base import Domain, Naming
from metier.encoders.base import Encoder
from metier.errors import BadCell, TooFewRows
from metier.learn import Encodings, Examples, Named, by_labels, held_out, one_thread
from metier.parting import Parting
from metier.targets import target_cells, target_columns
from metier.tasks.base import Answers, Task
from metier.types import Labels, Table, Value

FOLDS = 5
MANY_ROWS, FEWER_FOLDS = 20_000, 3
NAMES_TEACH = 30  # rows of a label beyond which its name says nothing that they do not


def rows_of(table: Table, columns: Columns, domain: Domain, task: Task) -> tuple[list[Value], Answers]:
    """Every row as a value, and its answer.

    Raises: BadCell naming the rows that cannot be read or have no label, TooFewRows where the labels do not suffice.
    """
    values, labels, problems = [], [], []
    pairs = zip(cells_of(table, columns.inputs), target_cells(table, columns.target), strict=True)
    for number, (cell, answer) in enumerate(pairs):
        try:
            label = task.read(answer)
            if label is None:
                raise BadCell(f"column '{columns.target}' is empty. Expected an answer")
            values.append(domain.read(cell))
            labels.append(label)
        except BadCell as problem:
            problems.append(f"row {table.first_row + number}: {str(problem).removesuffix('.')}")
    if problems:
        more = f" … and {len(problems) - 5:,} more rows" if len(problems) > 5 else ""
        raise BadCell(
            f"{table.source}: {len(problems):,} of {len(table):,} rows cannot be learnt from. "
            + " | ".join(problems[:5])
            + f"{more}. Fix them, or let `metier audit --fix` write a copy without them."
        )
    return values, task.learn(labels, table.source, target_columns(table, columns.target))


def examples_of(
    values: Sequence[Value], answers: Answers, domain: Domain, task: Task, seed: int, parted: Parting
) -> Examples:
    """Targets and folds for rows already read.

    Raises: TooFewRows where what is held out together leaves fewer than two labels.
    """
    strata = task.strata(answers)
    fold = parted.folds(strata, domain.group(values), _fold_count(strata), seed)
    if task.loss == "softmax" and any(len(np.unique(strata[fold != held])) < 2 for held in np.unique(fold)):
        raise TooFewRows(
            "rows that are nearly the same, of one group or of one time are held out together, and what is left of "
            f"{len(strata):,} rows then has fewer than two labels. Expected two on either side. Bring rows that differ "
            "more, or leave out --group and --order."
        )
    targets = task.targets(answers)
    named = Named(values=[], strata=strata[:0], targets=targets[:0])
    return Examples(
        values=values, truth=answers.truth, strata=strata, targets=targets, loss=task.loss, fold=fold, named=named
    )


def with_names(
    examples: Examples, answers: Answers, domain: Domain, task: Task, encoder: Encoder, seed: int
) -> Examples:
    """Where rows are few, each label's name as one more row of it, unless held-out rows come out worse for it.

    A name is often the shortest description of its label: on BANKING77 with five rows a label, worth two points.
    """
    many = len(examples.truth) > NAMES_TEACH * len(answers.names)
    if many or task.loss != "softmax" or not isinstance(domain, Naming):
        return examples
    read = [(i, value) for i, name in enumerate(answers.names) if (value := domain.named(name)) is not None]
    if not read:
        return examples
    at = np.array([i for i, _ in read], np.int64)
    targets = np.eye(len(answers.names), dtype=np.float32)[at]
    more = replace(examples, named=Named(values=[value for _, value in read], strata=at, targets=targets))

    def wrong(tried: Examples) -> float:
        kept = Checkpoint(None, fingerprint="")
        encodings = Encodings(encoder, tried, kept, "")
        held = held_out(
            encodings, encodings.head, by_labels(tried), checkpoint=kept, name="", seed=seed, tick=lambda: None
        )
        scores = held.scores[None]
        calibrator = task.calibrate(scores, truth=tried.truth, familiarity=None, max_error=None)
        return float(task.losses(tried.truth, calibrator.probabilities(scores)).mean())

    with one_thread():
        return more if wrong(more) <= wrong(examples) else examples


def _fold_count(strata: Labels) -> int:
    """Five folds, or as many as half the strata have rows for; of many rows three tell as much, in less time."""
    most = FOLDS if len(strata) < MANY_ROWS else FEWER_FOLDS
    return int(np.clip(np.median(np.bincount(strata)), 2, most))
