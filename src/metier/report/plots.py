"""The plots of an evaluation, each as inline SVG, or nothing where its figures were not measured.

Knows the figures and how they are best seen; not the page around them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from metier.decide.measure import Bin, wilson
from metier.evaluation import Curve, Evaluation, digits, percent
from metier.report.svg import Plot, ticks
from metier.types import Interval

_FIFTHS = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]


class Answering(Protocol):
    """What the figures of different tasks have in common, where answers are right or wrong."""

    @property
    def reliability(self) -> tuple[Bin, ...]:
        """Claims beside what came of them."""
        ...

    @property
    def calibration_error(self) -> float:
        """The mean gap between them."""
        ...

    @property
    def curve(self) -> Curve:
        """Share wrong for every share answered."""
        ...

    @property
    def coverage(self) -> Interval:
        """Share answered."""
        ...

    @property
    def error(self) -> Interval | None:
        """Share wrong among those."""
        ...

    @property
    def max_error(self) -> float | None:
        """What was promised."""
        ...


def reliability(e: Answering) -> str | None:
    """How often answers given with some probability were right, against what was claimed."""
    if not e.reliability:
        return None
    plot = Plot(x=(0, 1), y=(0, 1))
    plot.axis_x(_FIFTHS, _whole, "probability claimed").axis_y(_FIFTHS, _whole, "share right")
    plot.line([(0, 0), (1, 1)], "guide").words(0.43, 0.36, "as claimed", kind="tick")
    for b in e.reliability:
        band = wilson(round(b.accuracy * b.rows), b.rows)
        plot.line([(b.confidence, band.low), (b.confidence, band.high)], "whisker")
    plot.line([(b.confidence, b.accuracy) for b in e.reliability])
    for b in e.reliability:
        plot.point(b.confidence, b.accuracy)
    worst = max(e.reliability, key=lambda b: abs(b.confidence - b.accuracy))
    return plot.svg(
        "Reliability",
        f"Calibration error {digits(e.calibration_error)}. The widest gap: {percent(worst.confidence)} was claimed, "
        f"{percent(worst.accuracy)} were right.",
    )


def confidences(e: Evaluation) -> str:
    """How many rows got each probability, the wrong ones apart."""
    right, wrong = e.confidences["right"], e.confidences["wrong"]
    tallest = max(1, *(r + w for r, w in zip(right, wrong, strict=True)))
    plot = Plot(x=(0, 1), y=(0, tallest), height=170)
    plot.axis_x(_FIFTHS, _whole, "probability claimed").axis_y(ticks(0, tallest, 3), lambda v: f"{v:,.0f}", "rows")
    for i, (r, w) in enumerate(zip(right, wrong, strict=True)):
        plot.bar(_slot(i, len(right)), (w, w + r)).bar(_slot(i, len(right)), (0, w), "b")
    plot.words(0, tallest, "right", dx=10, dy=12, kind="a").words(0, tallest, "wrong", dx=10, dy=28, kind="b")
    return plot.svg("Rows by probability", f"{sum(right):,} rows right, {sum(wrong):,} wrong.")


def risk_coverage(e: Answering) -> str:
    """What answering fewer rows, the surest ones, does to the share wrong; the promise and the rule's choice marked."""
    points = list(zip(e.curve.coverage, e.curve.risk, strict=True))
    marks = [e.max_error or 0.0, e.error.value if e.error else 0.0]
    highest = max(0.01, *e.curve.risk[len(points) // 20 :], *marks) * 1.15
    plot = Plot(x=(0, 1), y=(0, highest))
    plot.axis_x(_FIFTHS, _whole, "share of rows answered").axis_y(
        ticks(0, highest), _whole if highest > 0.04 else _tenth, "share wrong"
    )
    plot.line([(c, min(r, highest)) for c, r in points])
    if e.max_error is not None:
        plot.line([(0, e.max_error), (1, e.max_error)], "guide b")
        plot.words(0, e.max_error, f"promised: {percent(e.max_error)} at most", dx=8, dy=-6, kind="b")
    if e.error is not None:
        x, y = e.coverage.value, e.error.value
        plot.line([(x, 0), (x, highest)], "guide").line([(x, e.error.low), (x, min(e.error.high, highest))], "band")
        plot.point(x, y, radius=5)
        dx, anchor = (-8, "end") if x > 0.5 else (8, "start")
        for i, said in enumerate((f"answers {percent(x)}", f"{percent(y)} of them wrong")):
            plot.words(x, highest, said, dx=dx, dy=12 + 16 * i, anchor=anchor, kind="strong")
    return plot.svg(
        "Risk and coverage",
        f"Answering every row, {percent(e.curve.risk[-1])} are wrong; the rule answers {percent(e.coverage.value)}, "
        f"{percent(e.error.value if e.error else None)} of them wrong.",
    )


def stages(e: Evaluation) -> str | None:
    """The share of rows that leave at each stage, and how many of those are right."""
    n = len(e.stages)
    if not n:
        return None
    plot = Plot(x=(0, 1), y=(0, n), height=62 * n + 46, left=10, top=8)
    plot.axis_x(_FIFTHS, _whole, "share of rows that leave here")
    for s in e.stages:
        y = n - s.stage
        right = f"{percent(s.accuracy.value)} right" if s.accuracy else "no row"
        plot.bar((0, s.share), (y + 0.12, y + 0.5)).words(0, y + 0.6, f"{s.stage} · {s.name}", kind="strong")
        plot.words(1, y + 0.6, f"{percent(s.share)} leave, {right}", anchor="end")
    told = (f"Stage {s.stage}: {percent(s.share)} leave." for s in e.stages)
    return plot.svg("Rows leaving at each stage", " ".join(told))


def scope(e: Evaluation) -> str | None:
    """The scope of in-scope and out-of-scope rows, each kind as shares of itself."""
    if e.out_of_scope is None:
        return None
    inside, outside = (_shares(e.scopes[kind]) for kind in ("in scope", "out of scope"))
    tallest = max(*inside, *outside, 0.1)
    plot = Plot(x=(0, 1), y=(0, tallest))
    plot.axis_x(_FIFTHS, _whole, "scope")
    plot.axis_y(ticks(0, tallest), _whole, "share of rows of that kind")
    for i, (a, b) in enumerate(zip(inside, outside, strict=True)):
        low, high = _slot(i, len(inside))
        middle = (low + high) / 2
        plot.bar((low, middle), (0, b), "b").bar((middle, high), (0, a))
    plot.words(1, tallest, "out of scope", dx=-4, dy=14, anchor="end", kind="b")
    plot.words(1, tallest, "in scope", dx=-4, dy=30, anchor="end", kind="a")
    return plot.svg(
        "Scope of in-scope and out-of-scope rows",
        f"AUROC {digits(e.out_of_scope.scope_auroc)}; "
        f"{percent(e.out_of_scope.caught.value)} of the rows out of scope are refused.",
    )


def cost(e: Evaluation) -> str | None:
    """The time a row takes that leaves at each stage, against how many of those rows are right."""
    alone = all(s.alone is not None for s in e.stages)
    rights = [s.alone if alone else s.accuracy.value if s.accuracy else None for s in e.stages]
    known = [(s, s.microseconds, r) for s, r in zip(e.stages, rights, strict=True) if s.microseconds and r is not None]
    if len(known) < 2:
        return None
    low = 10.0 ** math.floor(math.log10(min(t for _, t, _ in known) * 0.9))
    high = 10.0 ** math.ceil(math.log10(max(t for _, t, _ in known) * 1.1))
    floor = max(0.0, math.floor(min(r for _, _, r in known) * 10 - 0.5) / 10)
    plot = Plot(x=(low, high), y=(floor, 1), log_x=True, height=260, top=48)
    decades = [low * 10**i for i in range(round(math.log10(high / low)) + 1)]
    plot.axis_x(decades, lambda v: f"{v:,.0f} µs", "time for one row")
    plot.axis_y(ticks(floor, 1, 4), _whole, f"share right, of {'all rows' if alone else 'the rows that leave there'}")
    for i, (s, t, r) in enumerate(known):
        radius = 4 + 8 * math.sqrt(s.share)
        dy, anchor = (radius + 14 if i % 2 == 0 else -radius - 6), ("start" if t * t < low * high else "end")
        plot.point(t, r, radius=radius)
        plot.words(t, r, f"stage {s.stage}: {t:,.0f} µs, {percent(r)}", dy=dy, anchor=anchor, kind="strong")
    return plot.svg(
        "Time and accuracy of each stage",
        " ".join(f"Stage {s.stage}: {t:,.0f} microseconds, {percent(r)} right." for s, t, r in known),
    )


def _slot(i: int, bins: int) -> tuple[float, float]:
    return (i + 0.06) / bins, (i + 0.94) / bins


def _shares(counts: Sequence[int]) -> list[float]:
    return [count / max(sum(counts), 1) for count in counts]


def _whole(share: float) -> str:
    return f"{share:.0%}"


def _tenth(share: float) -> str:
    return f"{share:.1%}"
