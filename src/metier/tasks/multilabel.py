"""Multilabel: which of the labels learnt a row has, each with a probability of its own.

A gap among the labels of a row is no answer, and teaches nothing. Knows names and probabilities; not what was labelled.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from metier.decide.accept import Rule, accept_threshold
from metier.errors import BadCell, BadOption, MissingColumn, TooFewRows
from metier.evaluation import Judging, Line
from metier.judges.multilabel import LabelFigures, label_figures, label_lines
from metier.tasks.base import SPECIALIST, Answers, Doubt, Given, Thresholds, label_text
from metier.types import (
    Candidate,
    Decision,
    Floats,
    Labels,
    Loss,
    Marked,
    Marking,
    Passed,
    Predicted,
    Probabilities,
    Scores,
    Targets,
)

if TYPE_CHECKING:
    from metier.decide.sigmoids import Sigmoids

Marks: TypeAlias = tuple[float, ...] | tuple[str, ...]  # one a column, NaN for a gap; or the names that are there

BETWEEN = "|"  # the names of one cell
LEAST_ROWS = 2  # with a label and without it, one to learn from, one to hold out
THERE: Mapping[str, float] = {"1": 1.0, "true": 1.0, "yes": 1.0, "0": 0.0, "false": 0.0, "no": 0.0}
HARDLY = 0.02  # what is given is doubted where it is less probable
LIKELY_SHARE = 0.1  # of cells with several names, from which on a column is taken for one of many labels


class Multilabel:
    """Any number of labels for each row, none among them."""

    name = "multilabel"
    form = SPECIALIST
    loss: Loss = "logistic"
    decision: type[Decision] = Marking
    named = False
    least_names = 1
    beside = "a calibrated probability for each"
    unsure = "none of its labels is sure, each with a probability for or against"
    listed = (
        ("area under the ROC curve, mean over labels", "roc_auc"),
        ("macro-F1", "macro_f1"),
        ("micro-F1", "micro_f1"),
        ("share of rows answered", "coverage"),
        ("wrong among answers about a label (99 % range)", "error"),
        ("refused as out of scope though in scope", "false_refusal"),
        ("calibration error", "calibration_error"),
    )
    numbers = frozenset({"roc_auc"})
    metrics: Mapping[str, str] = {"roc_auc": "roc_auc", "f1": "macro_f1"}
    sample: tuple[Any, ...] = ("card|pin", ["card"], "pin", "loan|card", ["loan"], "|", "pin", "card|loan|pin")

    def likely(self, cells: Sequence[Any]) -> float:
        """High for cells of several columns, for lists, and for texts of which some hold several names between bars."""
        full = [cell for cell in cells if cell is not None and cell != ""]
        if not full:
            return 0.0
        if sum(isinstance(cell, tuple | list) for cell in full) > len(full) / 2:
            return 1.0
        several = [cell for cell in full if isinstance(cell, str) and BETWEEN in cell]
        names = {name for cell in several for name in _names(cell)}
        return 0.9 if len(several) >= LIKELY_SHARE * len(full) and len(names) <= len(full) / 2 else 0.0

    def seen(self, cells: Sequence[Any], where: str) -> str:
        """How many labels there are, and how much of them is gaps.

        Raises: MissingColumn when there is no label at all.
        """
        marks = [mark for mark in map(self._read_or_gap, cells) if mark is not None]
        if not marks:
            raise MissingColumn(
                f"{where} holds no label in {len(cells):,} rows. Expected names such as 'a|b', lists, or several "
                "columns of 0 and 1. Name the columns with --target a,b,c, or another task with --task."
            )
        if isinstance(cells[0], tuple):
            gaps = 1 - sum(not math.isnan(value) for mark in marks for value in mark if isinstance(value, float)) / (
                len(cells) * len(cells[0])
            )
            return f"{len(cells[0]):,} labels, {gaps:.0%} gaps, in {len(cells):,} rows"
        names = {name for mark in marks for name in mark}
        return f"{len(names):,} different labels, {sum(map(len, marks)) / len(marks):.1f} a row, in {len(cells):,} rows"

    def _read_or_gap(self, cell: Any) -> Marks | None:
        try:
            return self.read(cell)
        except BadCell:
            return None

    def read(self, cell: Any) -> Marks | None:
        """Of several columns 0, 1 or NaN each; of one the names in it; None where there is nothing but gaps.

        Raises: BadCell for anything else.
        """
        if isinstance(cell, tuple):
            marks = tuple(_mark(part) for part in cell)
            return None if all(map(math.isnan, marks)) else marks
        if isinstance(cell, list):
            return tuple(sorted({name for part in cell if (name := label_text(part)) is not None}))
        if (
            cell is None
            or (isinstance(cell, float) and math.isnan(cell))
            or (isinstance(cell, str) and not cell.strip())
        ):
            return None
        return tuple(sorted(set(_names(str(label_text(cell))))))

    def learn(self, answers: Sequence[Marks], source: str, columns: Sequence[str] = ()) -> Answers:
        """The names of the columns, or those in the cells in alphabetical order.

        Raises: TooFewRows with every label that too few rows have, or lack.
        """
        names = tuple(columns) if len(columns) > 1 else tuple(sorted({str(n) for marks in answers for n in marks}))
        truth = _truth(names, answers, by_column=len(columns) > 1)
        there, absent = np.nansum(truth, axis=0), np.nansum(1 - truth, axis=0)
        rare = [name for name, a, b in zip(names, there, absent, strict=True) if min(a, b) < LEAST_ROWS]
        if rare or not names:
            shown = ", ".join(f"'{name}'" for name in rare[:10]) + (" …" if len(rare) > 10 else "")
            raise TooFewRows(
                f"{source}: {len(rare)} of {len(names)} labels are on fewer than {LEAST_ROWS} rows, or missing from "
                f"fewer: {shown or 'there is none'}. Expected {LEAST_ROWS} or more of both kinds, so that one can be "
                "learnt from and one held out. Add rows, or leave these labels out."
            )
        return Answers(names=names, truth=truth)

    def targets(self, answers: Answers) -> Targets:
        """1 where a label is, 0 where it is not, NaN where nobody said."""
        return np.asarray(answers.truth, np.float32)

    def strata(self, answers: Answers) -> Labels:
        """The rarest label of each row; rows of none share a number."""
        there = np.nan_to_num(answers.truth)
        rarest = np.where(there > 0, there.sum(axis=0), np.inf)
        strata = np.where(there.any(axis=1), 1 + rarest.argmin(axis=1), 0)
        return np.unique(strata, return_inverse=True)[1].astype(np.int64)

    def opinion(self, scores: Scores, truth: Targets) -> Callable[[Scores], Targets]:
        """Calibrated probabilities."""
        from metier.decide.sigmoids import Sigmoids

        calibrator = Sigmoids.fit(scores[None], truth)
        return lambda told: calibrator.probabilities(told[None])

    def calibrate(
        self, scores: Scores, *, truth: Targets, familiarity: Floats | None, max_error: float | None
    ) -> Sigmoids:
        """A sigmoid for each label."""
        from metier.decide.sigmoids import Sigmoids

        return Sigmoids.fit(scores, truth)

    def losses(self, truth: Targets, probabilities: Probabilities) -> Floats:
        """The mean squared distance to the labels given, each in parts of what always saying its share would lose."""
        usual = np.nanmean(truth, axis=0, dtype=np.float64)
        lost = (probabilities - truth) ** 2 / np.maximum(usual * (1 - usual), 1e-3)  # (n, k)
        return np.asarray(np.nanmean(lost, axis=1), np.float64)

    def thresholds(
        self,
        passed: Passed,
        inside: NDArray[np.bool_],
        truth: Targets,
        max_error: float | None,
        max_width: float | None = None,
    ) -> Thresholds:
        """How sure a label must be for at most `max_error` of the answers about labels to be wrong.

        One label of each row is drawn: those of one row are not independent of one another, and the test takes them so.
        """
        if max_error is None:
            return Thresholds()
        draw = np.random.default_rng(0)
        chosen = np.where(np.isnan(truth), -1, draw.random(truth.shape)).argmax(axis=1)  # (n,)
        rows = np.flatnonzero(inside)
        told, given = passed.probabilities[rows, chosen[rows]], truth[rows, chosen[rows]]
        return Thresholds(
            accept=accept_threshold(np.maximum(told, 1 - told), (told >= 0.5) == (given > 0.5), max_error)
        )

    def ruled(self, rule: Rule, passed: Passed) -> Predicted:
        """Accepted where in scope and one label at least is sure."""
        in_scope = passed.scope >= rule.scope_threshold
        unsure = np.maximum(passed.probabilities, 1 - passed.probabilities) < rule.accept_threshold
        return Predicted(
            probabilities=passed.probabilities,
            scope=passed.scope,
            stage=passed.stage,
            in_scope=in_scope,
            accepted=in_scope & ~unsure.all(axis=1),
            candidates=unsure,
        )

    def decisions(self, names: Sequence[str], predicted: Predicted, microseconds: float) -> list[Decision]:
        """Every label, there or not, or unsure."""
        return [self._decision(names, predicted, i, microseconds) for i in range(len(predicted))]

    def _decision(self, names: Sequence[str], predicted: Predicted, i: int, microseconds: float) -> Decision:
        told, unsure = predicted.probabilities[i].tolist(), predicted.candidates[i].tolist()
        accepted, in_scope = bool(predicted.accepted[i]), bool(predicted.in_scope[i])
        marks = tuple(
            Marked(label=name, probability=p, there=None if open_ or not in_scope else p >= 0.5)
            for name, p, open_ in zip(names, told, unsure, strict=True)
        )
        likely = sorted((c for c in zip(names, told, unsure, strict=True) if c[2]), key=lambda c: -c[1])
        return Marking(
            label=BETWEEN.join(mark.label for mark in marks if mark.there) if accepted else None,
            probability=min((max(p, 1 - p) for p in told), default=0.0),
            accepted=accepted,
            reason=None if accepted else "unsure" if in_scope else "out_of_scope",
            scope=float(predicted.scope[i]),
            candidates=tuple(Candidate(label=name, probability=p) for name, p, _ in likely),
            stage=int(predicted.stage[i]),
            microseconds=microseconds,
            labels=marks,
        )

    def leading(self, names: Sequence[str], probabilities: Probabilities) -> tuple[str, int]:
        """The likeliest label, accepted or not."""
        best = int(probabilities.argmax())
        return names[best], best

    def unread(self, problem: str) -> Decision:
        """An abstention without labels."""
        return Marking.unread(problem)

    def replayed(self, decision: Decision) -> tuple[str | None, float]:
        """The labels that are there, and the probability of the least sure."""
        return decision.label, decision.probability

    def given(self, names: Sequence[str], answers: Sequence[Marks], outside_label: str | None) -> Given:
        """Truths by the names learnt; what was never learnt is counted and in no figure.

        Raises: BadOption where `outside_label` was learnt, or no row has it.
        """
        by_column = any(isinstance(value, float) for marks in answers[:1] for value in marks)
        found = Counter(str(name) for marks in answers for name in marks) if not by_column else Counter()
        if outside_label is not None and (outside_label in names or outside_label not in found):
            raise BadOption(
                f"out_of_scope_label: '{outside_label}' is a label it learnt, or one no row has. Expected the name of "
                "rows that are none of its business. Leave the option out, or give them in a file with --out-of-scope."
            )
        return Given(
            truth=_truth(names, answers, by_column=by_column),
            outside=np.array([outside_label is not None and outside_label in marks for marks in answers], bool),
            unknown={n: count for n, count in found.most_common() if n not in names and n != outside_label},
        )

    def judged(
        self,
        names: Sequence[str],
        truth: Targets,
        predicted: Predicted,
        known: Judging,
    ) -> LabelFigures:
        """How well each label is told, and how honest its probabilities are."""
        return label_figures(names, truth, predicted, known)

    def text(self, answer: Marks) -> str:
        """The names between bars, or the marks of the columns."""
        parts = ["" if isinstance(value, float) and math.isnan(value) else str(value) for value in answer]
        return BETWEEN.join(parts)

    def doubts(self, answers: Answers, probabilities: Probabilities) -> list[Doubt]:
        """Labels that are on a row though all but ruled out, or missing from it though all but certain."""
        given = answers.truth
        own = np.where(given > 0.5, probabilities, 1 - probabilities)  # how probable what is given is
        found = [(row, label) for row, label in np.argwhere(~np.isnan(given) & (own < HARDLY)).tolist()]
        found.sort(key=lambda pair: float(own[pair]))
        return [
            Doubt(
                kind="wrong_mark",
                row=row,
                has=f"{'has' if given[row, label] else 'lacks'} the label '{answers.names[label]}' "
                f"({probabilities[row, label]:.1%})",
                suggestion="Read it, and change the label if it is wrong.",
                evidence={
                    "label": answers.names[label],
                    "there": bool(given[row, label]),
                    "probability": round(float(probabilities[row, label]), 6),
                },
            )
            for row, label in found
        ]

    def told(self, names: Sequence[str]) -> str:
        """Any of so many labels."""
        return f"any of {len(names):,} labels"

    def promised(self, max_error: float | None) -> str:
        """The share wrong."""
        if max_error is None:
            return "nothing"
        return f"at most {max_error:.1%} wrong among its answers about a label, with 95% confidence"

    def pledge(self, max_error: float | None) -> Sequence[str]:
        """The bound on the share wrong."""
        if max_error is None:
            return ["No bound on its errors was asked for when it was trained (`--max-error` sets one)."]
        return [
            f"At most {max_error * 100:.6g}% wrong among the answers about a label, there or not, that it gives. The "
            "bound was tested for inputs drawn like the training rows, and holds for no others."
        ]

    def lines(self, figures: Mapping[str, Any]) -> list[Line]:
        """How well labels are told, how much is answered, and how much of that is wrong."""
        return label_lines(figures)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(BETWEEN) if name.strip()]


def _mark(cell: Any) -> float:
    """1 or 0 of a column for one label; NaN for a gap.

    Raises: BadCell for anything else.
    """
    label = None if isinstance(cell, float) and math.isnan(cell) else label_text(cell)
    if label is None:
        return math.nan
    if label.strip().lower() not in THERE:
        raise BadCell(
            f"{label[:60]!r} is neither 0 nor 1. Expected one of {', '.join(THERE)} in each target column, or a blank."
        )
    return THERE[label.strip().lower()]


def _truth(names: Sequence[str], answers: Sequence[Marks], *, by_column: bool) -> Targets:
    """0, 1 and NaN (n, k)."""
    if by_column:
        return np.array(answers, np.float32).reshape(len(answers), len(names))
    truth, places = np.zeros((len(answers), len(names)), np.float32), {name: i for i, name in enumerate(names)}
    for row, marks in zip(truth, answers, strict=True):
        row[[places[str(name)] for name in marks if name in places]] = 1
    return truth


TASK = Multilabel()
