"""The page of an evaluation of spans: reliability, every label, and what is taken for what.

Knows the order in which a reader wants the figures; computes none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from metier.evaluation import percent
from metier.judges.extract import SpanFigures
from metier.report import plots
from metier.report.parts import Drawing, Story, Tile, data, meter, table

_RELIABILITY = (
    "Spans found, in fifteen groups of equal size. On the dashed line, spans given 80% are right 80% of the time. "
    "Upright lines: 95% ranges."
)


def story(e: SpanFigures) -> Story:
    """What the page tells."""
    return Story(
        lead=_lead(e),
        tiles=list(_tiles(e)),
        drawings=[
            Drawing(question="Do probabilities mean what they say?", caption=_RELIABILITY, plots=[plots.reliability(e)])
        ],
        sections={"Label by label": _labels(e), "What is taken for what": _slips(e), "Where texts leave": _stages(e)},
    )


def _lead(e: SpanFigures) -> str:
    said = f"Of {e.marked:,} spans that people marked in {e.rows:,} texts it finds "
    said += f"{percent(e.recall.value if e.recall else None)} to the character, with their label; "
    return said + f"{percent(e.precision.value if e.precision else None)} of the spans it finds are right."


def _tiles(e: SpanFigures) -> Iterator[Tile]:
    yield Tile(name="Span F1", figure=percent(e.f1), beside="start, end and label right")
    yield Tile(name="Texts all right", figure=percent(e.exact.value), beside=f"of {e.rows:,}")
    if e.coverage is not None:
        beside = f"{percent(e.answered_recall)} of the spans marked"
        yield Tile(name="Answered", figure=percent(e.coverage.value), beside=beside)
    if e.error is not None:
        kept = {"kept": "good", "within chance": "good", "broken": "bad"}.get(e.promise, "")
        beside = (
            f"promised {percent(e.max_error)} at most: {e.promise}" if e.max_error is not None else "nothing promised"
        )
        yield Tile(name="Wrong among answers", figure=percent(e.error.value), beside=beside, kind=kept)
    if e.latency is not None:
        beside = f"{e.latency.rows_per_s:,.0f} texts/s in bulk"
        yield Tile(name="Time for one", figure=f"{e.latency.median_us:,.0f} µs", beside=beside)


def _labels(e: SpanFigures) -> str:
    columns = {"Label": "", "F1": "metered"} | dict.fromkeys(("Precision", "Recall", "Answered", "Spans"), "number")
    rows = (
        (
            data(one.label),
            "–" if one.f1 is None else f"{meter(one.f1)}{percent(one.f1)}",
            percent(one.precision),
            percent(one.recall),
            percent(one.answered),
            f"{one.spans:,}",
        )
        for one in sorted(e.per_label, key=lambda one: 2.0 if one.f1 is None else one.f1)
    )
    return table("Worst first. A span is right where its start, its end and its label are.", columns, rows)


def _slips(e: SpanFigures) -> str:
    columns = {"Marked": "", "Found": "", "Spans": "number", "Such as": ""}
    rows = (
        (data(slip.truth), data(slip.found), f"{slip.count:,}", data(" · ".join(slip.examples))) for slip in e.slips
    )
    return table("Most frequent first.", columns, rows)


def _stages(e: SpanFigures) -> str:
    columns = {"Stage": ""} | dict.fromkeys(("Leave", "All right", "Texts"), "number")
    rows = ((data(f"{s.stage} · {s.name}"), percent(s.share), percent(s.right), f"{s.rows:,}") for s in e.stages)
    return table("Each text leaves at the first stage that is sure enough of it.", columns, rows)


STORY: Any = story
