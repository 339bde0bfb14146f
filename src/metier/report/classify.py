"""The page of an evaluation of names: reliability, what a threshold costs, labels taken for others.

Knows the order in which a reader wants the figures; computes none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metier.evaluation import ClassFigures, Confusion, Evaluation, percent
from metier.report import plots
from metier.report.parts import Drawing, Story, Tile, data, meter, table

_SHOWN_CONFUSIONS = 15
_RELIABILITY = (
    "Rows in fifteen groups of equal size. On the dashed line, answers given with 80% are right 80% of the time. "
    "Upright lines: 95% ranges."
)
_RISK = "Only the surest rows answered, more and more of them. The dot is where the rule stops, with its 99% range."
_STAGES = "Each row leaves at the first stage that is sure enough of it."
_SCOPE = (
    "Scope is the share of training rows that look less like what was learnt. Rows of its own spread evenly; "
    "others should pile up on the left."
)
_COST = "Median time of single rows on this machine. The larger the dot, the more rows leave there."


def story(e: Evaluation) -> Story:
    """What the page tells."""
    return Story(
        lead=_lead(e),
        tiles=_tiles(e),
        drawings=[
            Drawing(
                question="Do probabilities mean what they say?",
                caption=_RELIABILITY,
                plots=[plots.reliability(e), plots.confidences(e)],
            ),
            Drawing(question="What does answering less buy?", caption=_RISK, plots=[plots.risk_coverage(e)]),
            Drawing(question="Where do rows leave?", caption=_STAGES, plots=[plots.stages(e)]),
            Drawing(question="Does it know what is not its business?", caption=_SCOPE, plots=[plots.scope(e)]),
            Drawing(question="What does the next stage cost?", caption=_COST, plots=[plots.cost(e)]),
        ],
        sections={"Labels taken for others": _confusions(e.confusions), "Label by label": _classes(e.per_class)},
    )


def _lead(e: Evaluation) -> str:
    said = f"It answers {percent(e.coverage.value)} of {e.rows:,} rows with {len(e.labels):,} labels"
    said += f"; {percent(e.error.value)} of its answers are wrong." if e.error else "."
    return f"{said} Made to answer every row, it is right on {percent(e.accuracy.value)}."


def _tiles(e: Evaluation) -> list[Tile]:
    beside = f"{percent(e.accuracy.low)} to {percent(e.accuracy.high)}"
    tiles = [Tile(name="Accuracy", figure=percent(e.accuracy.value), beside=beside)]
    tiles.append(Tile(name="Answered", figure=percent(e.coverage.value), beside="of in-scope rows"))
    if e.error is not None:
        kept = {"kept": "good", "within chance": "good", "broken": "bad"}.get(e.promise, "")
        beside = (
            f"promised {percent(e.max_error)} at most: {e.promise}" if e.max_error is not None else "nothing promised"
        )
        tiles.append(Tile(name="Wrong among answered", figure=percent(e.error.value), beside=beside, kind=kept))
    if e.out_of_scope is not None:
        beside = f"{percent(e.out_of_scope.answered.value)} answered anyway"
        tiles.append(Tile(name="Out of scope, refused", figure=percent(e.out_of_scope.caught.value), beside=beside))
    if e.latency is not None:
        beside = f"{e.latency.rows_per_s:,.0f} rows/s in bulk"
        tiles.append(Tile(name="Time for one", figure=f"{e.latency.median_us:,.0f} µs", beside=beside))
    return tiles


def _confusions(pairs: Sequence[Confusion]) -> str:
    if not pairs:
        return "<p>No label was taken for another.</p>"
    rows = (
        (
            f"{data(pair.truth)}<p>taken for <b>{data(pair.guess)}</b>{_examples(pair)}</p>",
            f"{meter(pair.count / pairs[0].count)}{pair.count:,}",
            percent(pair.share),
            f"{pair.answered:,}",
        )
        for pair in pairs[:_SHOWN_CONFUSIONS]
    )
    left = f" {len(pairs) - _SHOWN_CONFUSIONS:,} rarer pairs are in the JSON." if len(pairs) > _SHOWN_CONFUSIONS else ""
    caption = f"Most frequent first, with the rows it was surest of.{left} Many of one pair: are the two labels one?"
    return table(caption, {"Label": "", "Rows": "metered", "Of its errors": "number", "Answered": "number"}, rows)


def _examples(pair: Confusion) -> str:
    return "".join(f'<br><span class="soft">“{data(text)}”</span>' for text in pair.examples[:2])


def _classes(classes: Sequence[ClassFigures]) -> str:
    rows = (
        (
            data(c.label),
            "–" if c.f1 is None else f"{meter(c.f1)}{percent(c.f1)}",
            percent(c.precision),
            percent(c.recall),
            percent(c.accepted),
            f"{c.rows:,}",
        )
        for c in sorted(classes, key=lambda c: 2.0 if c.f1 is None else c.f1)
    )
    columns = {"Label": "", "F1": "metered"} | dict.fromkeys(("Precision", "Recall", "Answered", "Rows"), "number")
    caption = "Worst first. Precision: right among those given this label. Recall: right among those that have it."
    return table(caption, columns, rows)


STORY: Any = story
