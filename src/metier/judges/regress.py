"""Figures about estimates: how far off they are, and how often the truth lies inside the interval.

Knows arrays of truths and of low, estimate, high; not where they came from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from metier.decide import measure
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
from metier.judges.base import Outside, outside_rows
from metier.types import Floats, Interval, Json, Predicted, Probabilities

TRIES = 200  # of drawing the rows again, for the range of a figure
MOST_POINTS, GROUPS, MOST_TEXT = 600, 5, 200


@dataclass(frozen=True, kw_only=True)
class NumberStage:
    """One stage: the rows that left there, and how far off they were; `alone` is its error on every row."""

    stage: int
    name: str
    rows: int
    share: float
    rmse: float | None
    inside: Interval | None
    width: float | None
    alone: float | None
    microseconds: float | None


@dataclass(frozen=True, kw_only=True)
class WidthGroup:
    """Rows with intervals of like width: what they claimed, and how far off they were."""

    low: float
    high: float
    width: float
    mae: float
    inside: Interval


@dataclass(frozen=True, kw_only=True)
class Point:
    """One row: its truth, what was said of it, and its cell as people read it."""

    truth: float
    estimate: float
    low: float
    high: float
    text: str


@dataclass(frozen=True, kw_only=True)
class NumberFigures:
    """Every figure about rows with a number; `summary()` for people, `json()` for programs.

    Errors are those of all readable rows of its trade, answered or not. `inside` is the share of true values inside the
    interval, of the rows answered, with its exact 99 % range; `promise` compares it with what was promised: "kept" at
    or over, "within chance" when under it but the range still holds it, "broken" when not even that.
    """

    task: ClassVar[str] = "regress"
    name: str
    rows: int
    rmse: Interval
    mae: Interval
    r2: float
    spearman: float
    coverage: Interval
    inside: Interval | None
    asked: float
    width: float | None
    spread: float
    max_error: float | None
    promise: Promise
    false_refusal: Interval
    false_refusal_asked: float
    bad_input: int
    unlabelled: int
    out_of_scope: Outside | None
    stages: tuple[NumberStage, ...]
    groups: tuple[WidthGroup, ...]
    furthest: tuple[Point, ...]
    points: tuple[Point, ...]
    latency: Latency | None
    notes: tuple[str, ...]

    def json(self) -> dict[str, Json]:
        """Everything as plain JSON values, floats to nine digits."""
        said = plain(self, exact=True)
        assert isinstance(said, dict)
        return {"schema": SCHEMA, "task": self.task, **said}

    def summary(self) -> list[Line]:
        """The figures that matter, most important first, each with what it means."""
        return [*number_lines(self.json()), *_lines_of_rows(self), *lines_of_time(self.latency)]

    def grids(self) -> list[Grid]:
        """By stage, by width of the interval, and the rows furthest off."""
        stages = tuple(
            (f"{s.stage} · {s.name}", percent(s.share), number(s.rmse), _held(s.inside), number(s.width), f"{s.rows:,}")
            for s in self.stages
        )
        groups = tuple(
            (f"{number(g.low)} to {number(g.high)}", number(g.mae), _held(g.inside), f"{g.inside.rows:,}")
            for g in self.groups
        )
        furthest = tuple(
            (p.text, number(p.truth), number(p.estimate), f"{number(p.low)} to {number(p.high)}") for p in self.furthest
        )
        return [
            Grid(title="By stage", columns=("Stage", "Leave", "RMSE", "Inside", "Width", "Rows"), rows=stages),
            Grid(title="By width of the interval", columns=("Width", "MAE", "Inside", "Rows"), rows=groups),
            Grid(title="Furthest off", columns=("Row", "Truth", "Estimate", "Interval"), rows=furthest),
        ]


def number_figures(
    name: str, truth: Floats, predicted: Predicted, given: Judging, *, max_error: float
) -> NumberFigures:
    """Judge estimates by the true numbers.

    Shapes: truth (n,), predicted n rows of low, estimate, high and share.
    Raises: TooFewRows when no row has a number and could be read.
    """
    rule, outside, alone = given.rule, given.strange(len(truth)), given.alone
    readable = predicted.stage > 0
    own, seen = ~outside, ~outside & readable
    if seen.sum() < 2:
        raise TooFewRows(
            f"evaluate: {int(seen.sum())} of {len(truth):,} rows have a number and a cell that can be read. Expected "
            "two or more. Check the columns."
        )
    low, estimate, high = (predicted.probabilities[:, i].astype(np.float64) for i in range(3))
    held, width, answered = (low <= truth) & (truth <= high), high - low, own & predicted.accepted
    missed = np.abs(truth - estimate)
    inside = _share(held[answered])
    variance = float(truth[seen].var())
    return NumberFigures(
        name=name,
        rows=int(own.sum()),
        rmse=_range(missed[seen], lambda m: math.sqrt(float((m**2).mean()))),
        mae=_range(missed[seen], lambda m: float(m.mean())),
        r2=1 - float((missed[seen] ** 2).mean()) / variance if variance else math.nan,
        spearman=spearman(truth[seen], estimate[seen]),
        coverage=measure.wilson(int(answered.sum()), int(own.sum())),
        inside=inside,
        asked=1 - max_error,
        width=float(width[answered].mean()) if answered.any() else None,
        spread=float(np.subtract(*np.quantile(truth[seen], [1 - max_error / 2, max_error / 2]))),
        max_error=rule.max_error,
        promise=_promise(inside, 1 - max_error),
        false_refusal=measure.wilson(int((seen & ~predicted.in_scope).sum()), int(own.sum())),
        false_refusal_asked=rule.false_refusal,
        bad_input=int((~readable).sum()),
        unlabelled=given.unlabelled,
        out_of_scope=outside_rows(seen, outside, predicted),
        stages=tuple(_stages(seen, truth, missed, held, width, predicted, given.stage_names, alone, given.latency)),
        groups=tuple(_groups(width[answered], missed[answered], held[answered])),
        furthest=tuple(
            _points(np.flatnonzero(seen)[np.argsort(-missed[seen], kind="stable")][:5], truth, predicted, given.texts)
        ),
        points=tuple(_points(_spread_over(np.flatnonzero(seen)), truth, predicted, None)),
        latency=given.latency,
        notes=tuple(given.notes),
    )


def spearman(one: Floats, other: Floats) -> float:
    """How well the order of one is that of the other, -1 to 1; NaN where one has no order."""
    ranks = [_ranks(values) for values in (one, other)]
    if any(r.std() == 0 for r in ranks):
        return math.nan
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def number_lines(figures: Mapping[str, Any]) -> list[Line]:
    """What the figures say, as they stand in JSON."""
    rmse, mae, inside = figures["rmse"], figures["mae"], figures["inside"]
    lines = [
        Line("RMSE", _between(rmse), f"root of the mean squared error of {rmse['rows']:,} rows; 95% range"),
        Line("MAE", _between(mae), "mean distance to the truth"),
        Line("R²", _three(figures["r2"]), "share of the spread that is explained; 0 is always saying the mean"),
        Line("Spearman", _three(figures["spearman"]), "how well the order is right; 1 is all of it"),
        Line("Answered", _percent_range(figures["coverage"]), "the others look out of scope, or are too wide"),
    ]
    if inside is None:
        return [*lines, Line("Inside the interval", "–", "nothing was answered")]
    said = f"promised {figures['asked']:.1%}: {figures['promise']}; exact 99% range"
    share = f"mean, and {number(figures['spread'])} would do knowing nothing"
    return [
        *lines,
        Line("Inside the interval", _percent_range(inside), said),
        Line("Width of the interval", number(figures["width"]), share),
    ]


def number(value: float | None) -> str:
    """A number as people read it: four digits."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _lines_of_rows(e: NumberFigures) -> Iterator[Line]:
    asked = f"in-scope rows refused as out of scope; asked for: {percent(e.false_refusal_asked)}"
    yield Line("False refusal", interval(e.false_refusal), asked)
    if out := e.out_of_scope:
        yield Line("Out of scope, refused", interval(out.caught), f"of {out.rows:,} rows that are none of its business")
        yield Line("Out of scope, answered anyway", interval(out.answered), "each of these answers is wrong")
        yield Line("AUROC of scope", digits(out.scope_auroc), "1 tells all out-of-scope rows apart, 0.5 none")
    for s in e.stages:
        alone = (
            f"; {number(s.alone)} if every row were answered here" if s.alone is not None and len(e.stages) > 1 else ""
        )
        yield Line(f"Left at stage {s.stage}", percent(s.share), f"{s.name}: RMSE {number(s.rmse)}{alone}")
    if e.bad_input:
        yield Line("Bad input", f"{e.bad_input:,}", "rows whose cell could not be read; they have no error")
    if e.unlabelled:
        yield Line("No number", f"{e.unlabelled:,}", "rows without a number; in no figure")


def _range(missed: Floats, figure: Callable[[Floats], float]) -> Interval:
    """A figure and its 95 % range over rows drawn again."""
    draw = np.random.default_rng(0)
    drawn = [figure(missed[draw.integers(0, len(missed), len(missed))]) for _ in range(TRIES)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    value = figure(missed)
    return Interval(value=value, low=min(float(low), value), high=max(float(high), value), rows=len(missed))


def _share(held: NDArray[np.bool_]) -> Interval | None:
    """The share inside with its exact 99 % range."""
    if not len(held):
        return None
    low, high = measure.clopper_pearson(int(held.sum()), len(held), 0.99)
    return Interval(value=float(held.mean()), low=low, high=high, rows=len(held))


def _promise(inside: Interval | None, asked: float) -> Promise:
    if inside is None:
        return "untested"
    if inside.value >= asked:
        return "kept"
    return "within chance" if inside.high >= asked else "broken"


def _stages(
    seen: NDArray[np.bool_],
    truth: Floats,
    missed: Floats,
    held: NDArray[np.bool_],
    width: Floats,
    predicted: Predicted,
    names: Sequence[str],
    alone: Sequence[Probabilities],
    latency: Latency | None,
) -> Iterator[NumberStage]:
    times = latency.stages if latency else ()
    for i in range(max(int(predicted.stage.max()), len(names), len(alone))):
        left = seen & (predicted.stage == i + 1)
        errors = (alone[i][seen, 1] - truth[seen]) if i < len(alone) else None
        yield NumberStage(
            stage=i + 1,
            name=names[i] if i < len(names) else f"stage {i + 1}",
            rows=int(left.sum()),
            share=float(left.sum() / seen.sum()),
            rmse=math.sqrt(float((missed[left] ** 2).mean())) if left.any() else None,
            inside=_share(held[left]),
            width=float(width[left].mean()) if left.any() else None,
            alone=None if errors is None else math.sqrt(float((errors**2).mean())),
            microseconds=times[i] if i < len(times) else None,
        )


def _groups(width: Floats, missed: Floats, held: NDArray[np.bool_]) -> Iterator[WidthGroup]:
    """The rows by the width of their interval, in groups of equal size."""
    order = np.argsort(width, kind="stable")
    for part in np.array_split(order, min(GROUPS, len(order)) or 1):
        if inside := _share(held[part]):
            yield WidthGroup(
                low=float(width[part[0]]),
                high=float(width[part[-1]]),
                width=float(width[part].mean()),
                mae=float(missed[part].mean()),
                inside=inside,
            )


def _points(
    rows: NDArray[np.int64], truth: Floats, predicted: Predicted, texts: Sequence[str] | None
) -> Iterator[Point]:
    for row in rows.tolist():
        low, estimate, high = predicted.probabilities[row, :3].tolist()
        text = "" if texts is None else texts[row]
        short = text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 1] + "…"
        yield Point(truth=float(truth[row]), estimate=estimate, low=low, high=high, text=short)


def _spread_over(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MOST_POINTS)).round().astype(np.int64))]


def _ranks(values: Floats) -> Floats:
    """Places in order from the smallest; equal values share the mean of theirs."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: Floats = (ends - (counts - 1) / 2)[group]
    return ranks


def _between(figure: Mapping[str, Any]) -> str:
    return f"{number(figure['value'])} ({number(figure['low'])} to {number(figure['high'])})"


def _percent_range(figure: Mapping[str, Any]) -> str:
    return f"{figure['value']:.1%} ({figure['low']:.1%} to {figure['high']:.1%})"


def _held(inside: Interval | None) -> str:
    return "–" if inside is None else percent(inside.value)


def _three(figure: float | None) -> str:
    return "–" if figure is None else f"{figure:.3f}"
