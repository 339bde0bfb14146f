"""The page of an evaluation of labels that stand by themselves: reliability, and every label in a table.

Knows the order in which a reader wants the figures; computes none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from metier.decide.measure import wilson
from metier.evaluation import digits, percent
from metier.judges.multilabel import LabelFigures, three
from metier.report.parts import Drawing, Story, Tile, data, meter, table
from metier.report.svg import Plot

_RELIABILITY = (
    "Answers about labels in fifteen groups of equal size. On the dashed line, labels given 80% are there 80% of the "
    "time. Upright lines: 95% ranges."
)
_AREAS = "Each dot is a label, by how many rows have it. 1 tells all rows with it from those without, 0.5 none."
_FIFTHS = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]


def story(e: LabelFigures) -> Story:
    """What the page tells."""
    return Story(
        lead=_lead(e),
        tiles=list(_tiles(e)),
        drawings=[
            Drawing(question="Do probabilities mean what they say?", caption=_RELIABILITY, plots=[_reliability(e)]),
            Drawing(question="Which labels are hard to tell?", caption=_AREAS, plots=[_areas(e)]),
        ],
        sections={"Where rows leave": _stages(e), "Label by label": _labels(e)},
    )


def _lead(e: LabelFigures) -> str:
    said = f"It says of {percent(e.coverage.value)} of {e.rows:,} rows which of {len(e.labels):,} labels they have"
    said += f"; {percent(e.error.value)} of its answers about a label are wrong." if e.error else "."
    return said if e.roc_auc is None else f"{said} It tells labels apart with a mean ROC-AUC of {e.roc_auc.value:.3f}."


def _tiles(e: LabelFigures) -> Iterator[Tile]:
    if e.roc_auc is not None:
        beside = f"{e.roc_auc.low:.3f} to {e.roc_auc.high:.3f}"
        yield Tile(name="ROC-AUC", figure=f"{e.roc_auc.value:.3f}", beside=beside)
    yield Tile(name="Macro-F1", figure=percent(e.macro_f1), beside=f"micro-F1 {percent(e.micro_f1)}")
    yield Tile(name="Answered", figure=percent(e.coverage.value), beside=f"{percent(e.pairs_answered)} of all labels")
    if e.error is not None:
        kept = {"kept": "good", "within chance": "good", "broken": "bad"}.get(e.promise, "")
        beside = (
            f"promised {percent(e.max_error)} at most: {e.promise}" if e.max_error is not None else "nothing promised"
        )
        yield Tile(name="Wrong among answers", figure=percent(e.error.value), beside=beside, kind=kept)
    if e.out_of_scope is not None:
        beside = f"{percent(e.out_of_scope.answered.value)} answered anyway"
        yield Tile(name="Out of scope, refused", figure=percent(e.out_of_scope.caught.value), beside=beside)
    if e.latency is not None:
        beside = f"{e.latency.rows_per_s:,.0f} rows/s in bulk"
        yield Tile(name="Time for one", figure=f"{e.latency.median_us:,.0f} µs", beside=beside)


def _reliability(e: LabelFigures) -> str | None:
    if not e.reliability:
        return None
    plot = Plot(x=(0, 1), y=(0, 1))
    plot.axis_x(_FIFTHS, lambda v: f"{v:.0%}", "probability claimed")
    plot.axis_y(_FIFTHS, lambda v: f"{v:.0%}", "share that have the label")
    plot.line([(0, 0), (1, 1)], "guide").words(0.43, 0.36, "as claimed", kind="tick")
    for b in e.reliability:
        band = wilson(round(b.accuracy * b.rows), b.rows)
        plot.line([(b.confidence, band.low), (b.confidence, band.high)], "whisker")
    plot.line([(b.confidence, b.accuracy) for b in e.reliability])
    for b in e.reliability:
        plot.point(b.confidence, b.accuracy)
    return plot.svg("Reliability", f"Calibration error {digits(e.calibration_error)}.")


def _areas(e: LabelFigures) -> str | None:
    known = [(o.there, o.roc_auc) for o in e.per_label if o.roc_auc is not None and o.there]
    if len(known) < 2:
        return None
    low, high = min(n for n, _ in known), max(n for n, _ in known)
    if low == high:
        return None
    floor = min(0.5, *(area for _, area in known))
    plot = Plot(x=(low * 0.9, high * 1.1), y=(floor, 1), log_x=True)
    plot.axis_x([low, high], lambda v: f"{v:,.0f}", "rows that have the label")
    plot.axis_y([v for v in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0) if v >= floor], lambda v: f"{v:.1f}", "ROC-AUC")
    for there, area in known:
        plot.point(there, area)
    return plot.svg("ROC-AUC of each label", f"From {min(a for _, a in known):.3f} to {max(a for _, a in known):.3f}.")


def _stages(e: LabelFigures) -> str:
    columns = {"Stage": ""} | dict.fromkeys(("Leave", "Labels right", "ROC-AUC alone", "Rows"), "number")
    rows = (
        (data(f"{s.stage} · {s.name}"), percent(s.share), percent(s.accuracy), three(s.alone), f"{s.rows:,}")
        for s in e.stages
    )
    return table("Each row leaves at the first stage that is sure enough of all its labels.", columns, rows)


def _labels(e: LabelFigures) -> str:
    names = ("F1", "Precision", "Recall", "Answered", "There", "Rows")
    columns = {"Label": "", "ROC-AUC": "metered"} | dict.fromkeys(names, "number")
    rows = (
        (
            data(o.label),
            "–" if o.roc_auc is None else f"{meter(o.roc_auc)}{three(o.roc_auc)}",
            percent(o.f1),
            percent(o.precision),
            percent(o.recall),
            percent(o.answered),
            f"{o.there:,}",
            f"{o.rows:,}",
        )
        for o in sorted(e.per_label, key=lambda o: 2.0 if o.roc_auc is None else o.roc_auc)
    )
    caption = (
        "Worst first. Rows: those that say whether they have it. F1, precision and recall at a probability of 50%."
    )
    return table(caption, columns, rows)


STORY: Any = story
