"""The page of a retriever: how high right passages stand, how honest it is, what it missed.

Knows the order in which a reader wants the figures; computes none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from metier.evaluation import percent
from metier.judges.retrieve import RetrieveFigures
from metier.report import plots
from metier.report.parts import Drawing, Story, Tile, data, table

_HONEST = "Questions in groups by what was claimed. On the dashed line, claims are kept."
_RISK = "Answering only the surest questions, how many of the answers are wrong?"
_MISSED = "Questions whose first passage is not the right one, the surest first. Is the answer there, in other words?"


def story(e: RetrieveFigures) -> Story:
    """What the page tells."""
    missed = ((data(m.question), data(m.said), data(m.right), percent(m.probability)) for m in e.missed)
    return Story(
        lead=(
            f"Of {e.rows:,} questions that the {e.passages:,} passages answer, the first passage is right for "
            f"{percent(e.first.value)}; {percent(e.coverage.value)} get an answer, the others an honest no."
        ),
        tiles=list(_tiles(e)),
        drawings=[
            Drawing(question="Is its probability honest?", caption=_HONEST, plots=[plots.reliability(e)]),
            Drawing(question="What does a stricter threshold buy?", caption=_RISK, plots=[plots.risk_coverage(e)]),
        ],
        sections={"Missed": table(_MISSED, {"Question": "", "Said": "", "Right": "", "Sure": "number"}, missed)},
    )


def _tiles(e: RetrieveFigures) -> Iterable[Tile]:
    yield Tile(name="NDCG@10", figure=f"{e.ndcg.value:.3f}", beside=f"{e.ndcg.low:.3f} to {e.ndcg.high:.3f}")
    yield Tile(name="First is right", figure=percent(e.first.value), beside=f"{e.rows:,} questions")
    yield Tile(name="Answered", figure=percent(e.coverage.value), beside="of questions they answer")
    if e.error is not None:
        kept = {"kept": "good", "within chance": "good", "broken": "bad"}.get(e.promise, "")
        yield Tile(name="Wrong among answered", figure=percent(e.error.value), beside=e.promise, kind=kept)
    if e.out_of_scope is not None:
        beside = f"{percent(e.out_of_scope.answered.value)} answered anyway"
        yield Tile(name="Not in them, refused", figure=percent(e.out_of_scope.caught.value), beside=beside)
    if e.latency is not None:
        yield Tile(name="Time for one", figure=f"{e.latency.median_us:,.0f} µs", beside="median")


STORY: Any = story
