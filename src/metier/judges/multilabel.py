"""Figures about labels that stand by themselves: how well each is told, with gaps where nobody said.

Knows arrays of truths and probabilities; not where they came from. An answer is one about a label, there or not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from metier.decide import measure
from metier.decide.measure import Bin
from metier.errors import TooFewRows
from metier.evaluation import (
    SCHEMA,
    Grid,
    Judging,
    Latency,
    Line,
    Promise,
    digits,
    interval,
    lines_of_time,
    percent,
    plain,
)
from metier.judges.base import Outside, outside_rows, promise_of
from metier.types import Interval, Json, Predicted, Probabilities, Targets

TRIES = 100  # of drawing the rows again, for the range of a figure
MOST_LABELS = 8  # in the short table


@dataclass(frozen=True, kw_only=True)
class LabelStage:
    """One stage: the rows that left there, and how much of what was said of their labels is right."""

    stage: int
    name: str
    rows: int
    share: float
    accuracy: float | None
    alone: float | None  # the mean area under the ROC curve on every row
    microseconds: float | None


@dataclass(frozen=True, kw_only=True)
class OneLabel:
    """One label: rows that say whether it is there, and those where it is; None where there is nothing to divide by."""

    label: str
    rows: int
    there: int
    roc_auc: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    answered: float | None


@dataclass(frozen=True, kw_only=True)
class LabelFigures:
    """Every figure about rows with any number of labels; `summary()` for people, `json()` for programs.

    `error` is the share wrong among answers about labels, with the 99 % range over rows drawn again; `promise` compares
    it with `max_error`: "kept" at or under, "within chance" when over it but the range still holds it, "broken" when
    not even that. `exact` is the share of rows whose labels are all right.
    """

    task: ClassVar[str] = "multilabel"
    labels: tuple[str, ...]
    rows: int
    pairs: int
    roc_auc: Interval | None
    macro_f1: float
    micro_f1: float
    exact: Interval
    calibration_error: float
    coverage: Interval
    pairs_answered: float
    error: Interval | None
    max_error: float | None
    promise: Promise
    false_refusal: Interval
    false_refusal_asked: float
    bad_input: int
    unlabelled: int
    unknown: Mapping[str, int]
    out_of_scope: Outside | None
    stages: tuple[LabelStage, ...]
    per_label: tuple[OneLabel, ...]
    reliability: tuple[Bin, ...]
    latency: Latency | None
    notes: tuple[str, ...]

    def json(self) -> dict[str, Json]:
        """Everything as plain JSON values, floats to six places."""
        said = plain(self)
        assert isinstance(said, dict)
        return {"schema": SCHEMA, "task": self.task, **said}

    def summary(self) -> list[Line]:
        """The figures that matter, most important first, each with what it means."""
        return [*label_lines(self.json()), *_lines_of_rows(self), *lines_of_time(self.latency)]

    def grids(self) -> list[Grid]:
        """The labels that are told worst."""
        known = sorted((o for o in self.per_label if o.roc_auc is not None), key=lambda o: o.roc_auc or 0)
        title = f"The {min(len(known), MOST_LABELS)} weakest of {len(self.labels):,} labels; all are in the report"
        columns = ("Label", "ROC-AUC", "F1", "Precision", "Recall", "Answered", "There", "Rows")
        rows = tuple(
            (o.label, *map(three, (o.roc_auc, o.f1, o.precision, o.recall)), percent(o.answered), f"{o.there:,}",
             f"{o.rows:,}")
            for o in known[:MOST_LABELS]
        )  # fmt: skip
        return [Grid(title=title, columns=columns, rows=rows)]


def label_figures(names: Sequence[str], truth: Targets, predicted: Predicted, given: Judging) -> LabelFigures:
    """Judge probabilities by the true labels.

    Shapes: truth (n, k) of 0, 1 and NaN, predicted n rows of k.
    Raises: TooFewRows when no row has a label and could be read.
    """
    rule, outside = given.rule, given.strange(len(truth))
    readable = predicted.stage > 0
    own, seen = ~outside, ~outside & readable
    known = ~np.isnan(truth) & seen[:, None]  # (n, k)
    if not known.any():
        raise TooFewRows(
            f"evaluate: none of the {len(truth):,} rows has a label this specialist learnt and a cell that can be "
            f"read. Expected at least one of its {len(names)} labels. Check the target columns and the spelling."
        )
    there, guessed = truth > 0.5, predicted.probabilities >= 0.5
    right = there == guessed
    answered = known & ~predicted.candidates & predicted.in_scope[:, None]
    error = _over_rows(answered & ~right, answered)
    sure = np.maximum(predicted.probabilities, 1 - predicted.probabilities)
    per_label = tuple(
        _one(name, there[known[:, q], q], predicted.probabilities[known[:, q], q], answered[known[:, q], q])
        for q, name in enumerate(names)
    )
    rows, f1s = int(own.sum()), [o.f1 for o in per_label if o.f1 is not None]
    hit, said = int((there & guessed & known).sum()), int((there & known).sum() + (guessed & known).sum())
    return LabelFigures(
        labels=tuple(names),
        rows=rows,
        pairs=int(known.sum()),
        roc_auc=_roc_auc(truth, predicted.probabilities, seen),
        macro_f1=float(np.mean(f1s)) if f1s else math.nan,
        micro_f1=2 * hit / said if said else math.nan,
        exact=measure.wilson(int(((right | ~known).all(axis=1) & seen).sum()), rows),
        calibration_error=measure.calibration_error(sure[known], right[known]),
        coverage=measure.wilson(int((own & predicted.accepted).sum()), rows),
        pairs_answered=float(answered.sum() / known.sum()),
        error=error,
        max_error=rule.max_error,
        promise=promise_of(error, rule.max_error),
        false_refusal=measure.wilson(int((seen & ~predicted.in_scope).sum()), rows),
        false_refusal_asked=rule.false_refusal,
        bad_input=int((~readable).sum()),
        unlabelled=given.unlabelled,
        unknown=dict(given.unknown),
        out_of_scope=outside_rows(seen, outside, predicted),
        stages=tuple(_stages(truth, known, right, predicted, given.stage_names, given.alone, given.latency)),
        per_label=per_label,
        reliability=measure.reliability(predicted.probabilities[known], there[known]),
        latency=given.latency,
        notes=tuple(given.notes),
    )


def label_lines(figures: Mapping[str, Any]) -> list[Line]:
    """What the figures say, as they stand in JSON."""
    auc, error, many = figures["roc_auc"], figures["error"], len(figures["labels"])
    between = f"{auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f})" if auc else "–"
    pairs = f"{figures['pairs_answered']:.1%} of {figures['pairs']:,} answers about a label"
    lines = [
        Line("ROC-AUC", between, f"mean over {many:,} labels, {figures['rows']:,} rows; 95% range"),
        Line("Macro-F1", f"{figures['macro_f1']:.1%}", "every label alike, however rare"),
        Line("Micro-F1", f"{figures['micro_f1']:.1%}", "every answer alike"),
        Line("All labels right", _range(figures["exact"]), "share of rows"),
        Line("Calibration error", f"{figures['calibration_error']:.3f}", "mean gap between probability and truth"),
        Line("Answered", _range(figures["coverage"]), f"rows with one sure label or more; {pairs}"),
    ]
    said = "nothing was promised" if figures["max_error"] is None else (
        f"promised at most {figures['max_error']:.1%}: {figures['promise']}"
    )  # fmt: skip
    return [*lines, Line("Wrong among answers", _range(error) if error else "–", f"{said}; 99% range")]


def three(figure: float | None) -> str:
    """Three digits behind the point; a dash where there is no figure."""
    return "–" if figure is None else f"{figure:.3f}"


def _lines_of_rows(e: LabelFigures) -> Iterator[Line]:
    asked = f"in-scope rows refused as out of scope; asked for: {percent(e.false_refusal_asked)}"
    yield Line("False refusal", interval(e.false_refusal), asked)
    if out := e.out_of_scope:
        yield Line("Out of scope, refused", interval(out.caught), f"of {out.rows:,} rows that are none of its business")
        yield Line("Out of scope, answered anyway", interval(out.answered), "each of these answers is wrong")
        yield Line("AUROC of scope", digits(out.scope_auroc), "1 tells all out-of-scope rows apart, 0.5 none")
    for s in e.stages:
        alone = f"; ROC-AUC {three(s.alone)} if every row were answered here" if len(e.stages) > 1 else ""
        right = f"{percent(s.accuracy)} of their labels right" if s.accuracy is not None else "no row left here"
        yield Line(f"Left at stage {s.stage}", percent(s.share), f"{s.name}: {right}{alone}")
    if e.bad_input:
        yield Line("Bad input", f"{e.bad_input:,}", "rows whose cell could not be read; in no figure about labels")
    if e.unlabelled:
        yield Line("No label", f"{e.unlabelled:,}", "rows with nothing but gaps; in no figure")
    if e.unknown:
        named = ", ".join(f"{name} ({count:,})" for name, count in list(e.unknown.items())[:5])
        yield Line("Unknown labels", f"{sum(e.unknown.values()):,}", f"never learnt, in no figure: {named}")


def _one(label: str, there: NDArray[np.bool_], told: Probabilities, answered: NDArray[np.bool_]) -> OneLabel:
    guessed = told >= 0.5
    hit = int((there & guessed).sum())
    area = measure.auroc(told[there], told[~there])
    return OneLabel(
        label=label,
        rows=len(there),
        there=int(there.sum()),
        roc_auc=None if math.isnan(area) else area,
        precision=_divided(hit, int(guessed.sum())),
        recall=_divided(hit, int(there.sum())),
        f1=_divided(2 * hit, int(there.sum() + guessed.sum())),
        answered=_divided(int(answered.sum()), len(there)),
    )


def _divided(part: int, of: int) -> float | None:
    return part / of if of else None


def mean_area(truth: Targets, probabilities: Probabilities) -> float:
    """The mean area under the ROC curve of the labels that are on some rows and missing from others; gaps left out."""
    areas = [
        measure.auroc(told[given == 1], told[given == 0]) for given, told in zip(truth.T, probabilities.T, strict=True)
    ]
    return float(np.nanmean(areas)) if not np.isnan(areas).all() else math.nan


def _roc_auc(truth: Targets, probabilities: Probabilities, seen: NDArray[np.bool_]) -> Interval | None:
    rows = np.flatnonzero(seen)
    value = mean_area(truth[rows], probabilities[rows])
    if math.isnan(value):
        return None
    return _drawn(rows, value, lambda drawn: mean_area(truth[drawn], probabilities[drawn]), 0.95)


def _over_rows(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> Interval | None:
    """The share of pairs, with a range over rows drawn again: the labels of one row are right and wrong together."""
    parts, wholes = part.sum(axis=1), whole.sum(axis=1)  # (n,)
    if not wholes.sum():
        return None
    value = float(parts.sum() / wholes.sum())
    rows = np.flatnonzero(wholes)
    found = _drawn(rows, value, lambda drawn: float(parts[drawn].sum() / wholes[drawn].sum()), 0.99)
    # where nothing was wrong, drawing again says nothing of what may be: the exact range over rows does
    high = max(found.high, measure.clopper_pearson(0, len(rows), 0.99)[1])
    return Interval(value=value, low=found.low, high=high, rows=int(wholes.sum()))


def _drawn(
    rows: NDArray[np.int64], value: float, figure: Callable[[NDArray[np.int64]], float], held: float
) -> Interval:
    draw = np.random.default_rng(0)
    figures = [figure(rows[draw.integers(0, len(rows), len(rows))]) for _ in range(TRIES)]
    low, high = np.nanquantile(figures, [(1 - held) / 2, (1 + held) / 2])
    return Interval(value=value, low=min(float(low), value), high=max(float(high), value), rows=len(rows))


def _stages(
    truth: Targets,
    known: NDArray[np.bool_],
    right: NDArray[np.bool_],
    predicted: Predicted,
    names: Sequence[str],
    alone: Sequence[Probabilities],
    latency: Latency | None,
) -> Iterator[LabelStage]:
    times, seen = latency.stages if latency else (), known.any(axis=1)
    for i in range(max(int(predicted.stage.max()), len(names), len(alone))):
        left = seen & (predicted.stage == i + 1)
        given = known[left]
        area = mean_area(truth[seen], alone[i][seen]) if i < len(alone) else math.nan
        yield LabelStage(
            stage=i + 1,
            name=names[i] if i < len(names) else f"stage {i + 1}",
            rows=int(left.sum()),
            share=float(left.sum() / seen.sum()),
            accuracy=float(right[left][given].mean()) if given.any() else None,
            alone=None if math.isnan(area) else area,
            microseconds=times[i] if i < len(times) else None,
        )


def _range(figure: Mapping[str, Any]) -> str:
    return f"{figure['value']:.1%} ({figure['low']:.1%} to {figure['high']:.1%})"
