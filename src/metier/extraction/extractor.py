"""An extractor: texts in, decisions out that hold spans, each with its probability and its value.

A sibling of `specialist.py`. Files, training and figures are other people's work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np

from metier.decide.accept import Rule
from metier.decide.exits import Exit
from metier.domains.base import Domain
from metier.encoders.base import Encoder
from metier.errors import BadCell
from metier.extraction.personal import CHECKED, Personal, personal
from metier.extraction.stage import Parsed, SpanStage, Spotted
from metier.extraction.value import value
from metier.record import domain_of
from metier.specialist import Golden
from metier.types import Candidate, Decision, Extraction, Found, Input, Json, Probabilities, Span


class Seen(NamedTuple):
    """What was found in a text, and how much it looks like those learnt from."""

    spotted: Spotted
    scope: float


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """A small model that finds spans in texts.

    `extractor.predict(["send £50 to Ana"])[0].spans`; each has `.label`, `.text`, `.value`, `.probability`.
    """

    name: str
    inputs: tuple[Input, ...]
    task: str
    labels: tuple[str, ...]
    target_column: str
    stages: tuple[SpanStage, ...]
    rule: Rule
    recipe: Mapping[str, Json] = field(default_factory=dict)
    origin: Mapping[str, Json] = field(default_factory=dict)
    figures: Mapping[str, Json] = field(default_factory=dict)
    golden: tuple[Golden, ...] = ()

    def predict(self, cells: Sequence[Any]) -> list[Decision]:
        """One decision a cell, in order. A cell that cannot be read becomes an abstention that says why."""
        return [self._decision(cell) for cell in cells]

    def told(self, cells: Sequence[Any]) -> tuple[list[Decision], Probabilities]:
        """The decisions, and as (n, k) how probable the surest span of each label is; zeros where there is none."""
        decisions = self.predict(cells)
        place = {label: i for i, label in enumerate(self.labels)}
        probabilities = np.zeros((len(cells), len(self.labels)), np.float32)
        for row, decision in zip(probabilities, decisions, strict=True):
            assert isinstance(decision, Extraction)
            for span in decision.spans:
                row[place[span.label]] = max(row[place[span.label]], span.probability)
        return decisions, probabilities

    def at_once(self, cell: Any) -> tuple[list[Decision], Probabilities] | None:
        """The same for one cell by the first stage alone; None where it would pass the text on."""
        first = self.held_back(1)
        decisions, probabilities = first.told([cell])
        sure = len(self.stages) == 1 or decisions[0].stage == 0 or self._leaves(0, self._first(cell))
        return (decisions, probabilities) if sure else None

    def found(self, text: str) -> Seen:
        """What the first stage that is sure of a text finds in it, or else the last."""
        parsed = Parsed.of(text)
        for number in range(len(self.stages)):
            spotted = self.stages[number].run(parsed, self.labels, number + 1)
            if self._leaves(number, spotted):
                break
        return Seen(spotted, self.stages[0].scope.share(parsed.signs))

    def decided(self, text: str, seen: Seen, microseconds: float) -> Extraction:
        """The rule applied to what was found in a text."""
        spotted, in_scope = seen.spotted, seen.scope >= self.rule.scope_threshold
        certain = [one for one in personal(text) if one.kind in CHECKED]
        spans = tuple(
            self._found(text, span, float(p), in_scope and self._sound(span, certain))
            for span, p in zip(spotted.spans, spotted.probabilities, strict=True)
        )
        given = [one for one in spans if one.accepted]
        accepted = in_scope and (bool(given) or not spans)
        return Extraction(
            label=" ".join(f"[{one.label}]({one.text})" for one in given) if accepted else None,
            probability=min((one.probability for one in given or spans), default=spotted.confidence),
            accepted=accepted,
            reason=None if accepted else "unsure" if in_scope else "out_of_scope",
            scope=seen.scope,
            candidates=_candidates(spans),
            stage=spotted.stage,
            microseconds=microseconds,
            spans=spans,
        )

    def replayed(self, cells: Sequence[Any]) -> tuple[Golden, ...]:
        """What is decided of these cells, as it is kept to be compared with."""
        pairs = zip(cells, self.predict(cells), strict=True)
        return tuple(Golden(cell=cell, label=d.label, probability=d.probability, stage=d.stage) for cell, d in pairs)

    def held_back(self, stage: int) -> Extractor:
        """The same with stages up to this one alone (from 1), each text taken through all of them."""
        before = tuple(replace(one, exit=Exit.never()) for one in self.stages[: stage - 1])
        return replace(self, stages=(*before, self.stages[stage - 1]))

    def read(self, cell: Any) -> tuple[str, int]:
        """The text of a cell, and where in the cell it begins.

        Raises: BadCell.
        """
        text: str = self.domain.read(cell)
        return text, max(cell.find(text), 0) if isinstance(cell, str) else 0

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the input."""
        return tuple(one.column for one in self.inputs)

    @property
    def depth(self) -> int:
        """How many stages it has."""
        return len(self.stages)

    @property
    def encoders(self) -> Sequence[Encoder]:
        """None: its vectors are of words, not of texts."""
        return ()

    @property
    def dense(self) -> Encoder | None:
        """None, for the same reason."""
        return None

    @cached_property
    def domain(self) -> Domain:
        """What reads a cell."""
        return domain_of(self.inputs)

    def _decision(self, cell: Any) -> Extraction:
        started = perf_counter_ns()
        try:
            text, at = self.read(cell)
        except BadCell as problem:
            return Extraction.unread(str(problem))
        seen = self.found(text)
        decision = self.decided(text, seen, (perf_counter_ns() - started) / 1000)
        moved = tuple(replace(one, start=one.start + at, end=one.end + at) for one in decision.spans)
        return replace(decision, spans=moved) if at else decision

    def _first(self, cell: Any) -> Spotted:
        return self.stages[0].run(Parsed.of(self.read(cell)[0]), self.labels, 1)

    def _leaves(self, number: int, spotted: Spotted) -> bool:
        sure = np.array([spotted.confidence], np.float32)
        return number + 1 == len(self.stages) or bool(self.stages[number].exit.leaves(sure, np.ones(1))[0])

    def _sound(self, span: Span, certain: Sequence[Personal]) -> bool:
        """Whether checksums leave a span standing: none is torn, and where all spans of its label checked, it does."""
        if any(_torn(one, span) for one in certain):
            return False
        return span.label not in self._checked or any((one.start, one.end) == span[:2] for one in certain)

    @cached_property
    def _checked(self) -> frozenset[str]:
        """The labels whose spans have a checksum that is right."""
        said: Any = self.recipe.get("checked", ())
        return frozenset(said)

    def _found(self, text: str, span: Span, probability: float, sound: bool) -> Found:
        said = text[span.start : span.end]
        return Found(
            start=span.start,
            end=span.end,
            label=span.label,
            text=said,
            value=value(span.label, said),
            probability=probability,
            accepted=sound and probability >= self.rule.accept_threshold,
        )


def _torn(certain: Personal, span: Span) -> bool:
    """Whether a span is a piece of a number that checks, or holds one of its ends: that is no answer."""
    apart = span.end <= certain.start or certain.end <= span.start
    return not apart and not (span.start <= certain.start and certain.end <= span.end)


def _candidates(spans: Sequence[Found]) -> tuple[Candidate, ...]:
    """Spans that are no answer, the likeliest first."""
    unsure = sorted((one for one in spans if not one.accepted), key=lambda one: -one.probability)
    return tuple(Candidate(label=f"[{one.label}]({one.text})", probability=one.probability) for one in unsure)
