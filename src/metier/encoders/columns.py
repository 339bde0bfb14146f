"""Numbers, categories and dates of a row to one vector, all columns in one compiled pass.

Knows nothing of text or media, and of a column only what its cells are. Two forms of the same thing: for linear heads a
number is a curve of straight pieces and a category one weight for each name; for trees every column is one position
from 0 to 1. In both a gap has a place of its own, and what lies outside of what was learnt can be told from it.

Source: category order by smoothed target means, Micci-Barreca 2001; days to dates, Hinnant, "chrono-compatible
low-level date algorithms".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metier.types import Effort, Floats, Loss, State, Targets, Value, Vectors

Form: TypeAlias = Literal["linear", "trees"]
Sort: TypeAlias = Literal["number", "category", "date"]

MOST_WIDTH = 1_024  # columns of the linear form, shared out where many ask for more
MOST_KNOTS: dict[Form, int] = {"linear": 12, "trees": 255}
MOST_NAMES: dict[Form, int] = {"linear": 128, "trees": 1_024}  # of one category; rarer ones are as good as never seen
LEAST_SEEN = 5  # rows of a name that has a place
FEW_ROWS = 1_000  # below this a number is a straight line, and a name seen twice has a place
ROWS_A_KNOT = 200
PRIOR = 10.0  # rows that a name's mean is drawn to the common mean by
CLIP = 3.0  # of a standardised number: a straight line is not to be followed far out

# what is read out of a cell, by its number in the plan
PLAIN, ELAPSED, MONTH, WEEKDAY, DAY, HOUR, NAME = range(7)
PARTS: dict[Sort, tuple[int, ...]] = {
    "number": (PLAIN,),
    "date": (ELAPSED, MONTH, WEEKDAY, DAY, HOUR),
    "category": (NAME,),
}
TREES = ("boosted", "forest")  # heads that look at columns one by one, and only at the order of their numbers
GAP, UNSEEN = -0.5, -2.0  # positions in the form for trees, where what was learnt lies from 0 to 1
# columns of the plan, one row for each reading
SOURCE, PART, FIRST, KNOTS, SIZE, CENTRE, SCALE, LOW, HIGH, UNIT, FREE = range(11)


@njit(cache=True, nogil=True)
def _part(seconds: float, part: int) -> float:
    """A part of the calendar of a moment in seconds since 1970."""
    days = np.floor(seconds / 86_400)
    if part == ELAPSED:
        return seconds / 86_400
    if part == WEEKDAY:
        return np.float64((days + 3) % 7)
    if part == HOUR:
        return np.float64((seconds - days * 86_400) / 3_600)
    z = np.int64(days) + 719_468
    era = z // 146_097
    of_era = z - era * 146_097
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    if part == DAY:
        return np.float64(of_year - (153 * month + 2) // 5 + 1)
    return np.float64(month + 3 if month < 10 else month - 9)


@njit(cache=True, nogil=True)
def _beyond(value: float, reading: Floats) -> float:
    """How far a number lies outside of what was learnt; 0 inside."""
    excess = max(reading[LOW] - value, value - reading[HIGH]) / reading[UNIT] - reading[FREE]
    return np.log1p(excess) if excess > 0 else 0.0


@njit(cache=True, nogil=True)
def _for_lines(cells: Floats, plan: Floats, knots: Floats, width: int) -> NDArray[np.float32]:
    """First one column a reading for what was never seen; then, of a number, its line, its gap and its pieces, of a
    category its gap and its names."""
    vectors = np.zeros((len(cells), width), np.float32)
    for i in range(len(cells)):
        for r in range(len(plan)):
            reading = plan[r]
            value, part, first = cells[i, int(reading[SOURCE])], int(reading[PART]), int(reading[FIRST])
            if part == NAME:
                if np.isnan(value):
                    vectors[i, first] = 1
                elif value < 0:
                    vectors[i, r] = 1
                else:
                    vectors[i, first + 1 + int(value)] = 1
                continue
            if np.isnan(value):
                vectors[i, first + 1] = 1
                continue
            if part != PLAIN:
                value = _part(value, part)
            vectors[i, r] = _beyond(value, reading)
            vectors[i, first] = 0.5 * min(max((value - reading[CENTRE]) / reading[SCALE], -CLIP), CLIP)
            size, at = int(reading[SIZE]), int(reading[KNOTS])
            if size == 0:
                continue
            k = np.searchsorted(knots[at : at + size], value, side="right") - 1
            if k < 0 or k >= size - 1:
                vectors[i, first + 2 + min(max(k, 0), size - 1)] = 1
            else:
                within = (value - knots[at + k]) / (knots[at + k + 1] - knots[at + k])
                vectors[i, first + 2 + k] = 1 - within
                vectors[i, first + 3 + k] = within
    return vectors


@njit(cache=True, nogil=True)
def _for_trees(cells: Floats, plan: Floats, knots: Floats) -> NDArray[np.float32]:
    """One position a reading: among the knots for a number, in the order of their targets for names."""
    vectors = np.empty((len(cells), len(plan)), np.float32)
    for i in range(len(cells)):
        for r in range(len(plan)):
            reading = plan[r]
            value, part, at = cells[i, int(reading[SOURCE])], int(reading[PART]), int(reading[KNOTS])
            if np.isnan(value):
                vectors[i, r] = GAP
                continue
            if part == NAME:
                vectors[i, r] = UNSEEN if value < 0 else knots[at + int(value)]
                continue
            if part != PLAIN:
                value = _part(value, part)
            size = int(reading[SIZE])
            k = np.searchsorted(knots[at : at + size], value, side="right") - 1
            if k < 0:
                vectors[i, r] = -_beyond(value, reading)
            elif k >= size - 1:
                vectors[i, r] = 1 + _beyond(value, reading)
            else:
                vectors[i, r] = (k + (value - knots[at + k]) / (knots[at + k + 1] - knots[at + k])) / (size - 1)
    return vectors


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """What is read out of one column: of what sort, how it is scaled, where its knots lie or its names."""

    source: int
    part: int
    knots: Floats
    centre: float = 0.0
    scale: float = 1.0
    low: float = 0.0
    high: float = 0.0
    unit: float = 1.0
    free: float = 0.0

    def width(self) -> int:
        """Columns of the linear form, beside the one for what was never seen."""
        return len(self.knots) + (1 if self.part == NAME else 2)


class ColumnsEncoder:
    """Cells of numbers, categories and dates to dense vectors.

    Alone it takes the values of one column, `ColumnsEncoder(sorts=("number",))`; joined, rows of several: `places` says
    where in the row each column stands.
    """

    kind = "columns.v1"
    swift = True

    def __init__(self, *, sorts: Sequence[Sort], places: Sequence[int] | None = None, form: Form = "linear") -> None:
        self.sorts, self.form = tuple(sorts), form
        self.places = None if places is None else tuple(places)
        self.names: tuple[tuple[str, ...], ...] = tuple(() for sort in self.sorts if sort == "category")
        self.plan = np.zeros((0, 11))
        self.knots = np.zeros(0)

    @property
    def head(self) -> str:
        return "linear" if self.form == "linear" else "boosted"

    @property
    def novel(self) -> int:
        """How many of the first columns tell of what was never seen, and are 0 on nearly all that was."""
        return len(self.plan) if self.form == "linear" else 0

    @cached_property
    def width(self) -> int:
        if self.form == "trees" or not len(self.plan):
            return len(self.plan)
        return int(self.plan[-1, FIRST] + self.plan[-1, SIZE] + (1 if self.plan[-1, PART] == NAME else 2))

    def suited(self, head: str) -> ColumnsEncoder:
        """The same columns in the form that suits a head."""
        return type(self)(sorts=self.sorts, places=self.places, form="trees" if head in TREES else "linear")

    @classmethod
    def joined(cls, encoders: Sequence[tuple[int, ColumnsEncoder]]) -> ColumnsEncoder:
        """One encoder of the columns of several, each with its place in the row."""
        sorts = [encoder.sorts[0] for _, encoder in encoders]
        return cls(sorts=sorts, places=[place for place, _ in encoders], form=encoders[0][1].form)

    def fit(self, values: Sequence[Value], targets: Targets, *, loss: Loss) -> Self:
        """Learns where the numbers of each column lie, and which names it has."""
        fitted = type(self)(sorts=self.sorts, places=self.places, form=self.form)
        shared = MOST_WIDTH // max(len(self.names), 1) if self.form == "linear" else MOST_WIDTH
        most = min(MOST_NAMES[self.form], shared)
        fitted.names = tuple(_names(column, most) for column in self._columns(values, "category"))
        cells = fitted._cells(values)
        readings = [r for source in range(len(self.sorts)) for r in fitted._readings(cells[:, source], source, targets)]
        fitted.plan, fitted.knots = _planned(_fitting(readings, self.form), self.form)
        return fitted

    def encode(self, values: Sequence[Value]) -> Vectors:
        """Vectors (n, width)."""
        cells = self._cells(values)
        if self.form == "trees":
            positions: Vectors = _for_trees(cells, self.plan, self.knots)
            return positions
        vectors: Vectors = _for_lines(cells, self.plan, self.knots, self.width)
        return vectors

    def state(self) -> State:
        places = None if self.places is None else list(self.places)
        names = [list(column) for column in self.names]
        return State(
            config={"form": self.form, "sorts": list(self.sorts), "places": places, "names": names},  # type: ignore[dict-item]
            arrays={"plan": self.plan, "knots": self.knots},
        )

    @classmethod
    def restore(cls, state: State) -> Self:
        config: dict[str, Any] = dict(state.config)
        encoder = cls(sorts=config["sorts"], places=config["places"], form=config["form"])
        encoder.names = tuple(tuple(names) for names in config["names"])
        encoder.plan = np.ascontiguousarray(state.arrays["plan"], np.float64)
        encoder.knots = np.ascontiguousarray(state.arrays["knots"], np.float64)
        _check(encoder)
        return encoder

    # The cells of a row, numbers and dates first, then categories by the number of their name.

    @cached_property
    def _measured(self) -> list[int]:
        return [place for place, sort in enumerate(self.sorts) if sort != "category"]

    @cached_property
    def _ordered(self) -> list[Sort]:
        return [*(self.sorts[i] for i in self._measured), *(sort for sort in self.sorts if sort == "category")]

    @cached_property
    def _codes(self) -> list[dict[str | None, float]]:
        """For each category the number of each name; NaN for a gap."""
        return [{None: np.nan, **{name: float(i) for i, name in enumerate(column)}} for column in self.names]

    @cached_property
    def _picks(self) -> tuple[Any, list[tuple[Any, int]]]:
        """What takes the numbers out of a row, and for each category what gives its number, and its place."""
        places = range(len(self.sorts)) if self.places is None else self.places
        numbers = [places[i] for i in self._measured]
        names = [places[i] for i, sort in enumerate(self.sorts) if sort == "category"]
        gets = [(codes.get, place) for codes, place in zip(self._codes, names, strict=True)]
        if len(numbers) > 1:
            return itemgetter(*numbers), gets
        return (lambda row: (row[numbers[0]],)) if numbers else (lambda row: ()), gets

    def _cells(self, values: Sequence[Value]) -> Floats:
        """Numbers as they are, names by their number, gaps as NaN (n, columns)."""
        rows = [(value,) for value in values] if self.places is None else values
        numbers, names = self._picks
        cells = [(*numbers(row), *[get(row[place], -1.0) for get, place in names]) for row in rows]
        return np.array(cells, np.float64).reshape(len(cells), len(self.sorts))

    def _columns(self, values: Sequence[Value], sort: Sort) -> Iterator[list[Value]]:
        places = range(len(self.sorts)) if self.places is None else self.places
        rows = [(value,) for value in values] if self.places is None else values
        for place, own in zip(places, self.sorts, strict=True):
            if own == sort:
                yield [row[place] for row in rows]

    def _readings(self, cells: Floats, source: int, targets: Targets) -> Iterator[_Reading]:
        sort = self._ordered[source]
        if sort == "category":
            names = self.names[source - len(self._measured)]
            yield _Reading(source=source, part=NAME, knots=_order(cells, len(names), targets))
            return
        full = cells[~np.isnan(cells)]
        for part in PARTS[sort]:
            read = full if part == PLAIN else np.array([_part(seconds, part) for seconds in full])
            if part in (PLAIN, ELAPSED) or len(np.unique(read)) > 1:  # no hours where there are days only
                yield _number(read, source, part, self.form)


def stages(sort: Sort, effort: Effort) -> list[ColumnsEncoder]:
    """The stages of a column: what a linear head takes, and from `standard` on what trees take."""
    first = ColumnsEncoder(sorts=(sort,))
    return [first] if effort == "quick" else [first, first.suited("boosted")]


def _names(column: Sequence[str | None], most: int) -> tuple[str, ...]:
    """The names that have a place, the commonest first."""
    counts = Counter(name for name in column if name is not None)
    least = LEAST_SEEN if len(column) >= FEW_ROWS else 2
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    return tuple(name for name in ranked[:most] if counts[name] >= least)


def _order(codes: Floats, count: int, targets: Targets) -> Floats:
    """The position of each name, 0 to 1: names whose rows have like targets stand side by side."""
    if not count:
        return np.zeros(0)
    known = np.flatnonzero(codes >= 0)  # neither a gap nor without a place
    wanted = np.nan_to_num(np.asarray(targets[known], np.float64), nan=np.nan)
    there = ~np.isnan(wanted)
    common = np.where(there, wanted, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)  # (k,)
    sums, counts = np.zeros((count, len(common))), np.zeros((count, len(common)))
    np.add.at(sums, codes[known].astype(np.int64), np.where(there, wanted - common, 0))
    np.add.at(counts, codes[known].astype(np.int64), there)
    means = sums / (counts + PRIOR)  # (names, k)
    # several labels: along the line on which the means lie farthest apart
    _, _, directions = np.linalg.svd(means, full_matrices=False)
    along = means @ (directions[0] * np.where(directions[0][np.argmax(np.abs(directions[0]))] < 0, -1, 1))
    positions = np.empty(count)
    positions[np.argsort(along, kind="stable")] = np.linspace(0, 1, count) if count > 1 else 0.5
    return positions


def _number(read: Floats, source: int, part: int, form: Form) -> _Reading:
    """How a number is scaled, and where its pieces meet: as many rows in each."""
    if not len(read):
        return _Reading(source=source, part=part, knots=np.zeros(0))
    low, high = float(read.min()), float(read.max())
    near, far = np.quantile(read, [0.01, 0.99])
    spread = float(far - near) or (high - low) or abs(high) or 1.0
    scale = float(read.std()) or 1.0
    count = MOST_KNOTS[form] if form == "trees" else min(MOST_KNOTS[form], len(read) // ROWS_A_KNOT)
    few = form == "linear" and len(read) < FEW_ROWS
    knots = np.zeros(0) if few else np.unique(np.quantile(read, np.linspace(0, 1, max(count, 2)), method="nearest"))
    of_calendar = part != PLAIN  # time goes on: what is new in it is no stranger than a whole span away
    return _Reading(
        source=source, part=part, knots=knots if len(knots) > 1 or form == "trees" else np.zeros(0),
        centre=float(read.mean()), scale=scale, low=low, high=high,
        unit=(high - low) or 1.0 if of_calendar else spread, free=1.0 if of_calendar else 0.0,
    )  # fmt: skip


def _fitting(readings: Sequence[_Reading], form: Form) -> list[_Reading]:
    """The same with fewer pieces and names each, where all together would be too wide."""
    if form == "trees" or sum(reading.width() for reading in readings) <= MOST_WIDTH:
        return list(readings)
    share = max(MOST_WIDTH // len(readings) - 2, 0)
    return [
        reading if reading.part == NAME or len(reading.knots) <= share
        else replace(reading, knots=reading.knots[np.linspace(0, len(reading.knots) - 1, share).astype(int)])
        for reading in readings
    ]  # fmt: skip


def _planned(readings: Sequence[_Reading], form: Form) -> tuple[Floats, Floats]:
    """Readings as numbers that compiled code can go by: the plan (r, 11), and the knots of all."""
    plan, first, at = np.zeros((len(readings), 11)), len(readings), 0
    for row, reading in zip(plan, readings, strict=True):
        row[:] = (
            reading.source, reading.part, first, at, len(reading.knots), reading.centre, reading.scale, reading.low,
            reading.high, reading.unit, reading.free,
        )  # fmt: skip
        first += reading.width()
        at += len(reading.knots)
    return plan, np.concatenate([np.zeros(0), *(reading.knots for reading in readings)])


def _check(encoder: ColumnsEncoder) -> None:
    """Refuse a plan that would lead compiled code astray.

    Raises: ValueError.
    """
    plan, knots, columns = encoder.plan, encoder.knots, len(encoder.sorts)
    fits = plan.ndim == 2 and plan.shape[1] == 11 and bool(np.isfinite(plan).all()) and len(encoder.names) == sum(
        sort == "category" for sort in encoder.sorts
    )  # fmt: skip
    if fits and len(plan):
        widths = plan[:, SIZE] + np.where(plan[:, PART] == NAME, 1, 2)
        names = {len(encoder.sorts) - len(encoder.names) + i: len(column) for i, column in enumerate(encoder.names)}
        fits = (
            bool(((plan[:, SOURCE] >= 0) & (plan[:, SOURCE] < columns) & (plan[:, SIZE] >= 0)).all())
            and bool(np.array_equal(plan[:, FIRST], len(plan) + np.concatenate([[0], widths.cumsum()[:-1]])))
            and bool(np.array_equal(plan[:, KNOTS], np.concatenate([[0], plan[:, SIZE].cumsum()[:-1]])))
            and int(plan[:, SIZE].sum()) == len(knots)
            and all(
                names.get(int(row[SOURCE]), -1) == row[SIZE] for row in plan if row[PART] == NAME
            )
        )  # fmt: skip
    if not fits:
        raise ValueError("the plan, knots and names of columns do not fit one another")


ENCODER: Any = ColumnsEncoder
