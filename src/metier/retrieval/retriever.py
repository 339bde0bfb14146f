"""A retriever: questions in, decisions out; each names the passage that answers, or says that none does.

A sibling of the specialist with the same verbs. Its answers are as many as there are passages and change with the
documents, so that no head could hold a score for each: candidates are found first, then weighed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter_ns
from typing import Any

import numpy as np

from metier.decide.accept import Rule
from metier.domains.base import Domain
from metier.encoders.base import Encoder
from metier.errors import BadCell
from metier.record import domain_of
from metier.retrieval.library import Library
from metier.retrieval.weigher import Weighed, Weigher, weigh
from metier.specialist import Golden
from metier.types import Answered, Candidate, Decision, Input, Json, Probabilities

MOST_CANDIDATES = 5


@dataclass(frozen=True, kw_only=True)
class Retriever:
    """Documents that answer questions: `retriever.predict(["what does a new card cost?"])[0].label`."""

    name: str
    library: Library
    weigher: Weigher
    rule: Rule
    recipe: Mapping[str, Json] = field(default_factory=dict)
    origin: Mapping[str, Json] = field(default_factory=dict)
    figures: Mapping[str, Json] = field(default_factory=dict)
    golden: tuple[Golden, ...] = ()
    task: str = "retrieve"
    inputs: tuple[Input, ...] = (Input(column="question", domain="text"),)
    labels: tuple[str, ...] = ()  # the passages are in its library
    target_column: str = "passage"

    @property
    def columns(self) -> tuple[str, ...]:
        """The column of the questions."""
        return tuple(one.column for one in self.inputs)

    @cached_property
    def domain(self) -> Domain:
        """What reads a question."""
        return domain_of(self.inputs)

    @property
    def encoders(self) -> Sequence[Encoder]:
        """The one of its library."""
        return [self.library.encoder]

    @property
    def dense(self) -> Encoder | None:
        """The encoder of questions and passages."""
        return self.library.encoder

    @property
    def depth(self) -> int:
        """Words and vectors are asked together."""
        return 1

    def held_back(self, stage: int) -> Retriever:
        """The same: there is one stage."""
        return self

    def predict(self, cells: Sequence[Any]) -> list[Decision]:
        """One decision a question, in order. A cell that is no text becomes an abstention that says why."""
        return [self._decided(cell) for cell in cells]

    def told(self, cells: Sequence[Any]) -> tuple[list[Decision], Probabilities]:
        """The decisions; no probability of each of its labels, since it has none that are settled."""
        return self.predict(cells), np.zeros((len(cells), 0), np.float32)

    def at_once(self, cell: Any) -> tuple[list[Decision], Probabilities] | None:
        """Nothing: a question has to be encoded."""
        return None

    def weighed(self, question: str) -> Weighed:
        """The candidates for a question in order."""
        return weigh(self.library, self.weigher.fusion, self.library.find(question, self.library.vector(question)))

    def replayed(self, cells: Sequence[Any]) -> tuple[Golden, ...]:
        """What is decided of these questions, as it is kept to be compared with."""
        decided = zip(cells, self.predict(cells), strict=True)
        return tuple(Golden(cell=c, label=d.label, probability=d.probability, stage=d.stage) for c, d in decided)

    def _decided(self, cell: Any) -> Decision:
        started = perf_counter_ns()
        try:
            return self._ruled(self.weighed(str(self.domain.read(cell))), started)
        except BadCell as problem:
            return Answered.unread(str(problem))

    def _ruled(self, weighed: Weighed, started: int) -> Decision:
        scope = float(self.weigher.familiarity(weighed.likeness[None])[0])
        probability = float(self.weigher.probability(weighed.signs[None])[0])
        in_scope = scope >= self.rule.scope_threshold
        accepted = in_scope and probability >= self.rule.accept_threshold
        best = self.library.passages[int(weighed.passages[0])]
        return Answered(
            label=best.name if accepted else None,
            probability=probability,
            accepted=accepted,
            reason=None if accepted else "unsure" if in_scope else "out_of_scope",
            scope=scope,
            candidates=self._candidates(weighed, probability),
            stage=1,
            microseconds=(perf_counter_ns() - started) / 1000,
            heading=best.heading,
            text=best.text,
        )

    def _candidates(self, weighed: Weighed, probability: float) -> tuple[Candidate, ...]:
        """The best passages; those behind the first share what it leaves."""
        rest = float(weighed.shares[1:].sum())
        shares = weighed.shares[:MOST_CANDIDATES] * ((1 - probability) / rest if rest > 0 else 0)
        shares[0] = probability
        names = (self.library.passages[i].name for i in weighed.passages[:MOST_CANDIDATES].tolist())
        return tuple(Candidate(label=n, probability=p) for n, p in zip(names, shares.tolist(), strict=True))
