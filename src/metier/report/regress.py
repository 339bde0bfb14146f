"""The page of an evaluation of numbers: predicted against true, what intervals hold, error against width.

Knows the order in which a reader wants the figures; computes none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from metier.evaluation import percent
from metier.judges.regress import NumberFigures, number
from metier.report.parts import Drawing, Story, Tile, data, table
from metier.report.svg import Plot, ticks

_POINTS = "Each dot is a row, with its interval. On the dashed line, the estimate is the truth."
_INSIDE = (
    "Rows in groups by the width of their interval. Each group should hold its true value as often as promised: the "
    "dashed line. Upright lines: 99% ranges."
)
_WIDTH = "Where intervals are wide, estimates should be further off; else the width says nothing."
_STAGES = "Each row leaves at the first stage whose interval is as narrow as going on would make it."


def story(e: NumberFigures) -> Story:
    """What the page tells."""
    columns = {"Stage": ""} | dict.fromkeys(("Leave", "RMSE", "Alone", "Inside", "Width", "Rows"), "number")
    stages = (
        (data(f"{s.stage} · {s.name}"), percent(s.share), number(s.rmse), number(s.alone),
         percent(s.inside.value if s.inside else None), number(s.width), f"{s.rows:,}")
        for s in e.stages
    )  # fmt: skip
    furthest = (
        (data(p.text), number(p.truth), number(p.estimate), f"{number(p.low)} to {number(p.high)}") for p in e.furthest
    )
    far = {"Row": ""} | dict.fromkeys(("Truth", "Estimate", "Interval"), "number")
    return Story(
        lead=_lead(e),
        tiles=list(_tiles(e)),
        drawings=[
            Drawing(question="Is it right?", caption=_POINTS, plots=[_scatter(e)]),
            Drawing(question="Do intervals hold what they promise?", caption=_INSIDE, plots=[_inside(e)]),
            Drawing(question="Does it know when it is far off?", caption=_WIDTH, plots=[_width(e)]),
        ],
        sections={
            "Where rows leave": table(_STAGES, columns, stages),
            "Furthest off": table("The largest errors first. Is the truth right?", far, furthest),
        },
    )


def _lead(e: NumberFigures) -> str:
    said = f"It estimates {data(e.name)} for {percent(e.coverage.value)} of {e.rows:,} rows"
    if e.inside is not None:
        said += f"; {percent(e.inside.value)} of the true values lie inside their interval, {percent(e.asked)} promised"
    return f"{said}. Made to answer every row, it is off by {number(e.mae.value)} on average."


def _tiles(e: NumberFigures) -> Iterable[Tile]:
    yield Tile(name="RMSE", figure=number(e.rmse.value), beside=f"{number(e.rmse.low)} to {number(e.rmse.high)}")
    yield Tile(name="R²", figure=f"{e.r2:.3f}", beside=f"Spearman {e.spearman:.3f}")
    yield Tile(name="Answered", figure=percent(e.coverage.value), beside="of in-scope rows")
    if e.inside is not None:
        kept = {"kept": "good", "within chance": "good", "broken": "bad"}.get(e.promise, "")
        beside = f"promised {percent(e.asked)}: {e.promise}"
        yield Tile(name="Inside the interval", figure=percent(e.inside.value), beside=beside, kind=kept)
    if e.out_of_scope is not None:
        beside = f"{percent(e.out_of_scope.answered.value)} answered anyway"
        yield Tile(name="Out of scope, refused", figure=percent(e.out_of_scope.caught.value), beside=beside)
    if e.latency is not None:
        beside = f"{e.latency.rows_per_s:,.0f} rows/s in bulk"
        yield Tile(name="Time for one", figure=f"{e.latency.median_us:,.0f} µs", beside=beside)


def _scatter(e: NumberFigures) -> str | None:
    if not e.points:
        return None
    lows, highs = zip(*((min(p.truth, p.estimate), max(p.truth, p.estimate)) for p in e.points), strict=True)
    low, high = min(lows), max(highs)
    if low == high:
        return None
    plot = Plot(x=(low, high), y=(low, high), height=400, left=62)
    plot.axis_x(ticks(low, high), number, "truth").axis_y(ticks(low, high), number, "estimate")
    for p in e.points[:: max(1, len(e.points) // 150)]:
        plot.line([(p.truth, max(p.low, low)), (p.truth, min(p.high, high))], "whisker")
    plot.line([(low, low), (high, high)], "guide")
    for p in e.points:
        plot.point(p.truth, p.estimate, radius=2.5)
    told = f"RMSE {number(e.rmse.value)}, R squared {e.r2:.3f}, over {e.rows:,} rows."
    return plot.svg("Estimates against true values", told)


def _inside(e: NumberFigures) -> str | None:
    if not e.groups:
        return None
    floor = max(0.0, math.floor(min(g.inside.low for g in e.groups) * 10) / 10)
    plot = Plot(x=(0, len(e.groups)), y=(floor, 1))
    plot.axis_y(ticks(floor, 1), lambda v: f"{v:.0%}", "share inside")
    plot.axis_x([], number, "mean width of the interval")
    for i, g in enumerate(e.groups):
        plot.line([(i + 0.5, g.inside.low), (i + 0.5, g.inside.high)], "whisker").point(i + 0.5, g.inside.value)
        plot.words(i + 0.5, floor, number(g.width), dy=16, anchor="middle", kind="tick")
    plot.line([(0, e.asked), (len(e.groups), e.asked)], "guide b")
    plot.words(0, e.asked, f"promised: {percent(e.asked)}", dx=8, dy=-6, kind="b")
    told = ", ".join(f"width {number(g.width)}: {percent(g.inside.value)}" for g in e.groups)
    return plot.svg("Share of true values inside, by width of the interval", told)


def _width(e: NumberFigures) -> str | None:
    if len(e.groups) < 2:
        return None
    widest, furthest = max(g.width for g in e.groups), max(g.mae for g in e.groups)
    if not widest or not furthest:
        return None
    plot = Plot(x=(0, widest * 1.05), y=(0, furthest * 1.1), left=62)
    plot.axis_x(ticks(0, widest * 1.05), number, "mean width of the interval")
    plot.axis_y(ticks(0, furthest * 1.1), number, "mean distance to the truth")
    points = [(g.width, g.mae) for g in e.groups]
    plot.line(points)
    for x, y in points:
        plot.point(x, y, radius=5)
    return plot.svg("Error against width", f"From {number(points[0][1])} to {number(points[-1][1])}.")


STORY: Any = story
