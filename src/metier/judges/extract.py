"""Figures about spans: how many of those marked are found to the character, how many of those found are right.

Knows spans and probabilities; not where they came from. A span is right where its start, its end and its label are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from metier.decide import measure
from metier.decide.accept import Rule
from metier.decide.measure import Bin
from metier.errors import TooFewRows
from metier.evaluation import SCHEMA, Grid, Latency, Line, Promise, interval, lines_of_time, percent, plain
from metier.judges.base import promise_of
from metier.types import Extraction, Found, Interval, Json, Span

MOST_LABELS, MOST_CONFUSIONS, MOST_EXAMPLES = 12, 8, 3
NOTHING = "nothing"


@dataclass(frozen=True, kw_only=True)
class SpanStage:
    """One stage: the texts that left there, and the share of them that is right in whole."""

    stage: int
    name: str
    rows: int
    share: float
    right: float | None
    microseconds: float | None


@dataclass(frozen=True, kw_only=True)
class OneLabel:
    """One label: spans marked with it, and how they fared; None where there is nothing to divide by."""

    label: str
    spans: int
    precision: float | None
    recall: float | None
    f1: float | None
    answered: float | None


@dataclass(frozen=True, kw_only=True)
class Slip:
    """What was marked, what was found in its place, how often, and a few of the texts."""

    truth: str
    found: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SpanFigures:
    """Every figure about texts with spans; `summary()` for people, `json()` for programs.

    `f1`, `precision` and `recall` are of all spans found, as if every one were answered; `error` is the share wrong
    among those answered, with its exact 99 % range, and `answered_recall` the share of marked spans that were answered
    rightly. `exact` is the share of texts in which everything is right.
    """

    task: ClassVar[str] = "extract"
    labels: tuple[str, ...]
    rows: int
    marked: int
    found: int
    f1: float
    precision: Interval | None
    recall: Interval | None
    exact: Interval
    coverage: Interval | None
    answered_recall: float
    error: Interval | None
    max_error: float | None
    promise: Promise
    calibration_error: float
    false_refusal: Interval
    false_refusal_asked: float
    bad_input: int
    unknown: Mapping[str, int]
    outside: int
    outside_answered: int
    stages: tuple[SpanStage, ...]
    per_label: tuple[OneLabel, ...]
    slips: tuple[Slip, ...]
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
        return [*span_lines(self.json()), *_lines_of_rows(self), *lines_of_time(self.latency)]

    def grids(self) -> list[Grid]:
        """The labels that are found worst, and what is taken for what."""
        known = sorted((one for one in self.per_label if one.f1 is not None), key=lambda one: one.f1 or 0)
        weakest = Grid(
            title=f"The {min(len(known), MOST_LABELS)} weakest of {len(self.labels):,} labels; all are in the report",
            columns=("Label", "F1", "Precision", "Recall", "Answered", "Spans"),
            rows=tuple(
                (one.label, *map(percent, (one.f1, one.precision, one.recall, one.answered)), f"{one.spans:,}")
                for one in known[:MOST_LABELS]
            ),
        )
        slips = tuple((slip.truth, slip.found, f"{slip.count:,}") for slip in self.slips[:MOST_CONFUSIONS])
        return [
            weakest,
            Grid(title="What is taken for what", columns=("Marked", "Found", "Spans"), rows=slips, names=2),
        ]


@dataclass(frozen=True, kw_only=True)
class Marked:
    """A text with the spans that a person marked, and what was decided of it."""

    text: str
    spans: Sequence[Span]
    decision: Extraction

    @property
    def right(self) -> list[bool]:
        """Whether each span found is right."""
        wanted = set(self.spans)
        return [Span(one.start, one.end, one.label) in wanted for one in self.decision.spans]


def span_figures(
    labels: Sequence[str],
    texts: Sequence[Marked],
    *,
    rule: Rule,
    outside: Sequence[Extraction] = (),
    stage_names: Sequence[str] = (),
    latency: Latency | None = None,
    notes: Sequence[str] = (),
) -> SpanFigures:
    """Judge what was found by what was marked; `outside` are decisions about texts that are none of its business.

    Raises: TooFewRows where there is no text.
    """
    if not texts:
        raise TooFewRows("evaluate: there is not one text with its spans. Expected one at least. Check the columns.")
    found = [one for text in texts for one in text.decision.spans]
    right = np.array([is_right for text in texts for is_right in text.right], np.bool_)
    sure = np.array([one.probability for one in found], np.float64)
    given = np.array([one.accepted for one in found], np.bool_)
    marked = sum(len(text.spans) for text in texts)
    hits, rows = int(right.sum()), len(texts)
    error = _error(int((given & ~right).sum()), int(given.sum()))
    return SpanFigures(
        labels=tuple(labels),
        rows=rows,
        marked=marked,
        found=len(found),
        f1=2 * hits / (marked + len(found)) if found or marked else 1.0,
        precision=measure.wilson(hits, len(found)) if found else None,
        recall=measure.wilson(hits, marked) if marked else None,
        exact=measure.wilson(sum(_whole(text) for text in texts), rows),
        coverage=measure.wilson(int(given.sum()), len(found)) if found else None,
        answered_recall=int((given & right).sum()) / marked if marked else 1.0,
        error=error,
        max_error=rule.max_error,
        promise=promise_of(error, rule.max_error),
        calibration_error=measure.calibration_error(sure, right) if found else 0.0,
        false_refusal=measure.wilson(sum(text.decision.reason == "out_of_scope" for text in texts), rows),
        false_refusal_asked=rule.false_refusal,
        bad_input=sum(text.decision.reason == "bad_input" for text in texts),
        unknown=Counter(span.label for text in texts for span in text.spans if span.label not in labels),
        outside=len(outside),
        outside_answered=sum(any(one.accepted for one in decision.spans) for decision in outside),
        stages=tuple(_stages(texts, stage_names, latency)),
        per_label=tuple(_one(label, texts) for label in labels),
        slips=_slips(texts),
        reliability=measure.reliability(sure, right) if found else (),
        latency=latency,
        notes=tuple(notes),
    )


def span_lines(figures: Mapping[str, Any]) -> list[Line]:
    """What the figures say, as they stand in JSON."""
    error, coverage = figures["error"], figures["coverage"]
    said = "nothing was promised" if figures["max_error"] is None else (
        f"promised at most {figures['max_error']:.1%}: {figures['promise']}"
    )  # fmt: skip
    return [
        Line("Span F1", f"{figures['f1']:.1%}", f"start, end and label right; {figures['marked']:,} spans marked"),
        Line("Precision", _range(figures["precision"]), f"of {figures['found']:,} spans found"),
        Line("Recall", _range(figures["recall"]), "of the spans marked"),
        Line("All right", _range(figures["exact"]), f"share of {figures['rows']:,} texts"),
        Line("Calibration error", f"{figures['calibration_error']:.3f}", "mean gap between probability and truth"),
        Line("Answered", _range(coverage), f"of the spans found; {figures['answered_recall']:.1%} of those marked"),
        Line("Wrong among answers", _range(error), f"{said}; exact 99% range"),
    ]


def _range(figure: Mapping[str, Any] | None) -> str:
    return f"{figure['value']:.1%} ({figure['low']:.1%} to {figure['high']:.1%})" if figure else "–"


def _lines_of_rows(e: SpanFigures) -> Iterator[Line]:
    asked = f"texts refused as out of scope; asked for: {percent(e.false_refusal_asked)}"
    yield Line("False refusal", interval(e.false_refusal), asked)
    if e.outside:
        share = f"{e.outside_answered / e.outside:.1%}"
        yield Line("Out of scope, answered anyway", share, f"of {e.outside:,} texts that are none of its business")
    for s in e.stages:
        right = f"{percent(s.right)} of them all right" if s.right is not None else "no text left here"
        yield Line(f"Left at stage {s.stage}", percent(s.share), f"{s.name}: {right}")
    if e.bad_input:
        yield Line("Bad input", f"{e.bad_input:,}", "texts that could not be read; their spans count as not found")
    if e.unknown:
        named = ", ".join(f"{name} ({count:,})" for name, count in sorted(e.unknown.items())[:5])
        yield Line("Unknown labels", f"{sum(e.unknown.values()):,}", f"never learnt, and so never found: {named}")


def _whole(text: Marked) -> bool:
    return all(text.right) and len(text.right) == len(text.spans)


def _error(wrong: int, given: int) -> Interval | None:
    if not given:
        return None
    low, high = measure.clopper_pearson(wrong, given, 0.99)
    return Interval(value=wrong / given, low=low, high=high, rows=given)


def _stages(texts: Sequence[Marked], names: Sequence[str], latency: Latency | None) -> Iterator[SpanStage]:
    times = latency.stages if latency else ()
    at: NDArray[np.int64] = np.array([text.decision.stage for text in texts])
    whole = np.array([_whole(text) for text in texts])
    for number in range(1, max(int(at.max()), len(names)) + 1):
        left = at == number
        yield SpanStage(
            stage=number,
            name=names[number - 1] if number <= len(names) else f"stage {number}",
            rows=int(left.sum()),
            share=float(left.mean()),
            right=float(whole[left].mean()) if left.any() else None,
            microseconds=times[number - 1] if number <= len(times) else None,
        )


def _one(label: str, texts: Sequence[Marked]) -> OneLabel:
    marked = sum(span.label == label for text in texts for span in text.spans)
    said = [(one, is_right) for text in texts for one, is_right in zip(text.decision.spans, text.right, strict=True)]
    own = [(one, is_right) for one, is_right in said if one.label == label]
    hits = sum(is_right for _, is_right in own)
    return OneLabel(
        label=label,
        spans=marked,
        precision=hits / len(own) if own else None,
        recall=hits / marked if marked else None,
        f1=2 * hits / (marked + len(own)) if own or marked else None,
        answered=sum(one.accepted for one, _ in own) / len(own) if own else None,
    )


def _slips(texts: Sequence[Marked]) -> tuple[Slip, ...]:
    """What was marked and what was found in its place, most frequent first; edges that are off keep their label."""
    seen: dict[tuple[str, str], list[str]] = {}
    for text in texts:
        wrong = [one for one, is_right in zip(text.decision.spans, text.right, strict=True) if not is_right]
        found = {Span(one.start, one.end, one.label) for one in text.decision.spans}
        for span in text.spans:
            if span not in found:
                beside = next((one for one in wrong if one.start < span.end and one.end > span.start), None)
                said = text.text[span.start : span.end]
                seen.setdefault((span.label, _named(span, beside)), []).append(said)
        for one in wrong:
            if not any(one.start < span.end and one.end > span.start for span in text.spans):
                seen.setdefault((NOTHING, one.label), []).append(one.text)
    ordered = sorted(seen.items(), key=lambda pair: -len(pair[1]))
    return tuple(
        Slip(truth=truth, found=found, count=len(some), examples=tuple(one[:60] for one in some[:MOST_EXAMPLES]))
        for (truth, found), some in ordered
    )


def _named(span: Span, beside: Found | None) -> str:
    if beside is None:
        return NOTHING
    return f"{beside.label}, other edges" if beside.label == span.label else beside.label
