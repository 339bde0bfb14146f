"""The figures about a set of judged rows: what they are, how they read, and how they are written down.

Computes none of them; `judge.py` does. "In-scope rows" are those with a label the specialist learnt: accuracy, coverage
and errors are theirs alone, and a row whose cell could not be read stays among them, as an error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np

from metier.decide.accept import Rule
from metier.decide.measure import Bin, Bools
from metier.types import Interval, Json, Probabilities

SCHEMA = 1
_MOST_CLASSES, _MOST_CONFUSIONS = 8, 5  # in the short tables
Promise: TypeAlias = Literal["none", "kept", "within chance", "broken", "untested"]
_PROMISES: Mapping[Promise, str] = {
    "none": "nothing was promised",
    "kept": "at most {} wrong was promised",
    "within chance": "at most {} wrong was promised: over it, by no more than chance allows",
    "broken": "at most {} wrong was promised: more than chance allows; these rows are not like those it learnt from",
    "untested": "at most {} wrong was promised, and nothing was answered",
}


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Time on the machine that measured it: one cell at a time, and many at once.

    Units: microseconds a row; rows a second. `stages` has the median for rows that left at each stage, None where none
    did.
    """

    median_us: float
    p95_us: float
    rows: int
    rows_per_s: float
    stages: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class Judging:
    """What is known of rows that are judged, besides their truths and what was predicted.

    `outside` says which rows are none of its business, none where it is left out; `texts` are the cells as people read
    them, for examples; `alone` is what each stage says of every row; `unknown` counts the rows of each label never
    learnt; `unlabelled` those without a label, which are not among the rows.

    Shapes: outside (n,), texts n, alone one (n, k) a stage.
    """

    rule: Rule
    outside: Bools | None = None
    texts: Sequence[str] | None = None
    stage_names: Sequence[str] = ()
    alone: Sequence[Probabilities] = ()
    unknown: Mapping[str, int] = field(default_factory=dict)
    unlabelled: int = 0
    latency: Latency | None = None
    notes: Sequence[str] = ()

    def strange(self, n: int) -> Bools:
        """Which of the n rows are none of its business."""
        return np.zeros(n, bool) if self.outside is None else self.outside


@dataclass(frozen=True, kw_only=True)
class StageFigures:
    """One stage: the in-scope rows that left there, and how right they were.

    `alone` is the accuracy if every in-scope row were answered by this stage, where that is known.
    """

    stage: int
    name: str
    rows: int
    share: float
    accuracy: Interval | None
    alone: float | None
    microseconds: float | None


@dataclass(frozen=True, kw_only=True)
class ClassFigures:
    """One label; None where there is nothing to divide by. `accepted` is the share of its rows that were answered."""

    label: str
    rows: int
    precision: float | None
    recall: float | None
    f1: float | None
    accepted: float | None


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """One label taken for another; `share` of all errors on that label, `answered` how many got out as answers."""

    truth: str
    guess: str
    count: int
    share: float
    answered: int
    examples: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class OutOfScope:
    """Rows that are none of the specialist's business.

    `caught` were refused as out of scope, `answered` got an answer they should not have; the rest were unsure or
    unreadable. The areas say how well the scope and the probability tell these rows from in-scope ones.
    """

    rows: int
    caught: Interval
    answered: Interval
    scope_auroc: float
    probability_auroc: float


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Share wrong among the rows answered, for every share answered; `area` is its mean over all rows."""

    coverage: tuple[float, ...]
    risk: tuple[float, ...]
    area: float


class Line(NamedTuple):
    """One figure as people read it."""

    name: str
    figure: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A small table as people read it; the first column holds names, the others figures."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    names: int = 1  # how many columns hold names


class Judged(Protocol):
    """What every task's figures have in common; `task` names the file in `report/` that shows them."""

    task: ClassVar[str]

    @property
    def rows(self) -> int:
        """How many rows were judged."""
        ...

    @property
    def promise(self) -> Promise:
        """What became of the promise."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about the rows."""
        ...

    def json(self) -> dict[str, Json]:
        """Everything as plain JSON values."""
        ...

    def summary(self) -> list[Line]:
        """The figures that matter, most important first."""
        ...

    def grids(self) -> list[Grid]:
        """The same by label, stage or kind of row, as short tables."""
        ...


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Every figure about a set of rows; `summary()` for people, `json()` for programs.

    `accuracy` is as if forced to answer every in-scope row. `error` is the share wrong among in-scope rows answered,
    with its exact 99 % range, None when nothing was answered. `promise` compares it with `max_error`: "kept" at or
    under, "within chance" when over it but the range still holds it, "broken" when not even that, "untested" when
    nothing was answered. `confidences` and `scopes` count rows in twenty equal bins from 0 to 1, by kind of row.
    """

    task: ClassVar[str] = "classify"
    labels: tuple[str, ...]
    rows: int
    accuracy: Interval
    macro_f1: float
    calibration_error: float
    log_loss: float
    brier: float
    coverage: Interval
    error: Interval | None
    max_error: float | None
    promise: Promise
    false_refusal: Interval
    false_refusal_asked: float
    bad_input: int
    unlabelled: int
    unknown: Mapping[str, int]
    unknown_answered: int
    out_of_scope: OutOfScope | None
    stages: tuple[StageFigures, ...]
    per_class: tuple[ClassFigures, ...]
    confusions: tuple[Confusion, ...]
    curve: Curve
    reliability: tuple[Bin, ...]
    confidences: Mapping[str, tuple[int, ...]]
    scopes: Mapping[str, tuple[int, ...]]
    latency: Latency | None
    notes: tuple[str, ...]

    def json(self) -> dict[str, Json]:
        """Everything as plain JSON values, floats to six places."""
        said = plain(self)
        assert isinstance(said, dict)
        return {"schema": SCHEMA, **said}

    def summary(self) -> list[Line]:
        """The figures that matter, most important first, each with what it means."""
        return [
            *_lines_of_answers(self),
            *_lines_of_abstentions(self),
            *_lines_of_rows(self),
            *lines_of_time(self.latency),
        ]

    def grids(self) -> list[Grid]:
        """The weakest labels, and those most often taken for others."""
        known = sorted((c for c in self.per_class if c.f1 is not None), key=lambda c: c.f1 or 0)
        title = f"The {min(len(known), _MOST_CLASSES)} weakest of {len(self.labels):,} labels; all are in the report"
        weakest = Grid(
            title=title,
            columns=("Label", "F1", "Precision", "Recall", "Answered", "Rows"),
            rows=tuple(
                (c.label, *(whole(share) for share in (c.f1, c.precision, c.recall, c.accepted)), f"{c.rows:,}")
                for c in known[:_MOST_CLASSES]
            ),
        )
        if not self.confusions:
            return [weakest]
        pairs = tuple(
            (pair.truth, pair.guess, f"{pair.count:,}", f"{pair.answered:,}")
            for pair in self.confusions[:_MOST_CONFUSIONS]
        )
        columns = ("Label", "Taken for", "Rows", "Answered")
        return [weakest, Grid(title="Confusions that matter", columns=columns, rows=pairs, names=2)]


def plain(value: Any, *, exact: bool = False) -> Json:
    """Dataclasses, mappings and sequences as JSON values; floats to six places, or nine digits; NaN as null."""
    if is_dataclass(value):
        return {f.name: plain(getattr(value, f.name), exact=exact) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(part, exact=exact) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return [plain(part, exact=exact) for part in value]
    if isinstance(value, float):
        return (float(f"{value:.9g}") if exact else round(value, 6)) if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int) else str(value)


def _lines_of_answers(e: Evaluation) -> list[Line]:
    lines = [
        Line("Accuracy", interval(e.accuracy), f"right if made to answer all {e.rows:,} in-scope rows; 95% range"),
        Line("Macro-F1", percent(e.macro_f1), "the same for every label alike, however rare"),
        Line("Calibration error", digits(e.calibration_error), "mean gap between probability and truth"),
        Line("Answered", interval(e.coverage), "share of in-scope rows that got an answer"),
    ]
    if e.error is None:
        lines.append(Line("Wrong among answered", "–", "nothing was answered"))
    else:
        lines.append(Line("Wrong among answered", interval(e.error), f"{e.error.rows:,} answers; exact 99% range"))
    if e.max_error is not None:
        lines.append(Line("Promise", e.promise, _PROMISES[e.promise].format(percent(e.max_error))))
    return lines


def _lines_of_abstentions(e: Evaluation) -> list[Line]:
    asked = f"in-scope rows refused as out of scope; asked for: {percent(e.false_refusal_asked)}"
    lines = [Line("False refusal", interval(e.false_refusal), asked)]
    if out := e.out_of_scope:
        lines += [
            Line("Out of scope, refused", interval(out.caught), f"of {out.rows:,} rows that are none of its business"),
            Line("Out of scope, answered anyway", interval(out.answered), "each of these answers is wrong"),
            Line("AUROC of scope", digits(out.scope_auroc), "1 tells all out-of-scope rows apart, 0.5 none"),
            Line("AUROC of probability", digits(out.probability_auroc), "the same by the probability alone"),
        ]
    return lines


def _lines_of_rows(e: Evaluation) -> list[Line]:
    lines = []
    for s in e.stages:
        right = f"{percent(s.accuracy.value)} of them right" if s.accuracy else "no row left here"
        alone = (
            f"; {percent(s.alone)} if every row were answered here" if s.alone is not None and len(e.stages) > 1 else ""
        )
        lines.append(Line(f"Left at stage {s.stage}", percent(s.share), f"{s.name}: {right}{alone}"))
    if e.bad_input:
        lines.append(Line("Bad input", f"{e.bad_input:,}", "rows whose cell could not be read; none counts as right"))
    if e.unlabelled:
        lines.append(Line("No label", f"{e.unlabelled:,}", "rows without a label; in no figure"))
    if e.unknown:
        named = ", ".join(f"{name} ({count:,})" for name, count in list(e.unknown.items())[:5])
        named += f" and {len(e.unknown) - 5:,} more" if len(e.unknown) > 5 else ""
        answered = f"{e.unknown_answered:,} answered, each wrongly" if e.unknown_answered else "none answered"
        meaning = f"never learnt, in no other figure: {named}; {answered}"
        lines.append(Line("Unknown labels", f"{sum(e.unknown.values()):,}", meaning))
    return lines


def lines_of_time(latency: Latency | None) -> list[Line]:
    """What one row costs, and many."""
    if latency is None:
        return []
    single = f"median; 95% within {latency.p95_us:,.0f} µs; {latency.rows:,} rows, one at a time"
    return [
        Line("Time for one", f"{latency.median_us:,.0f} µs", single),
        Line("In bulk", f"{latency.rows_per_s:,.0f} rows/s", "in batches, on this machine"),
    ]


def whole(share: float | None) -> str:
    """A share without decimals; a dash where there is none."""
    return "–" if share is None or math.isnan(share) else f"{share:.0%}"


def percent(share: float | None) -> str:
    """A share as people read it; a dash where there is none."""
    return "–" if share is None or math.isnan(share) else f"{share:.1%}"


def digits(figure: float) -> str:
    """A figure between 0 and 1 that is no share; a dash where there is none."""
    return "–" if math.isnan(figure) else f"{figure:.3f}"


def interval(share: Interval) -> str:
    """A share with its range as people read it."""
    return f"{share.value:.1%} ({share.low:.1%} to {share.high:.1%})"
