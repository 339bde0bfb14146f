"""A retriever: questions in, decisions out; each names the passage that answers, or says that none does.

A sibling of the specialist with the same verbs. Its labels are as many as there are passages and change with the
documents, so that no head could hold a score for each: candidates are found first, then weighed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier.decide.accept import Rule
from metier.errors import BadCell
from metier.retrieval.fusion import Fusion, Odds
from metier.retrieval.library import Found, Library
from metier.specialist import Golden
from metier.types import Answered, Candidate, Decision, Floats, Input, Json, Labels

TASK, COLUMN = "retrieve", "question"
MOST_CANDIDATES = 5


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """Candidates in order, best first, with what the calibrators see of the first of them.

    Shapes: passages (c,), shares (c,) that sum to 1, signs (3,) of its being right, likeness (3,) of its being there.
    """

    passages: Labels
    shares: Floats
    signs: Floats
    likeness: Floats


@dataclass(frozen=True, kw_only=True)
class Retriever:
    """Documents that answer questions: `retriever.predict(["what does a new card cost?"])[0].label`.

    `right` gives the probability that the best passage answers, `there` how much the question looks like one that the
    documents answer, and `usual` what `there` said of questions they do answer, sorted.
    """

    name: str
    library: Library
    fusion: Fusion
    right: Odds
    there: Odds
    usual: Floats
    rule: Rule
    recipe: Mapping[str, Json] = field(default_factory=dict)
    origin: Mapping[str, Json] = field(default_factory=dict)
    figures: Mapping[str, Json] = field(default_factory=dict)
    golden: tuple[Golden, ...] = ()
    task: str = TASK
    inputs: tuple[Input, ...] = (Input(column=COLUMN, domain="text"),)

    @property
    def columns(self) -> tuple[str, ...]:
        """The column of the questions."""
        return tuple(one.column for one in self.inputs)

    def predict(self, cells: Sequence[Any]) -> list[Decision]:
        """One decision a question, in order. A cell that is no text becomes an abstention that says why."""
        return [self._decided(cell) for cell in cells]

    def ranked(self, question: str) -> tuple[Weighed, Decision]:
        """All candidates in order, and what was decided."""
        started = perf_counter_ns()
        weighed = self.weighed(question)
        return weighed, self._ruled(weighed, started)

    def weighed(self, question: str) -> Weighed:
        """The candidates for a question in order."""
        return weigh(self.library, self.fusion, self.library.find(question, self.library.vector(question)))

    def replayed(self, cells: Sequence[Any]) -> tuple[Golden, ...]:
        """What is decided of these questions, as it is kept to be compared with."""
        decided = zip(cells, self.predict(cells), strict=True)
        return tuple(Golden(cell=c, label=d.label, probability=d.probability, stage=d.stage) for c, d in decided)

    def _decided(self, cell: Any) -> Decision:
        started = perf_counter_ns()
        try:
            return self._ruled(self.weighed(read(cell)), started)
        except BadCell as problem:
            return Answered.unread(str(problem))

    def _ruled(self, weighed: Weighed, started: int) -> Decision:
        familiar = float(self.there.of(weighed.likeness[None])[0])
        scope = float(np.searchsorted(self.usual, familiar, side="right") / max(len(self.usual), 1))
        probability = float(self.right.of(weighed.signs[None])[0])
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
        shares = weighed.shares[:MOST_CANDIDATES] * ((1 - probability) / max(rest, 1e-12))
        shares = np.minimum(shares, probability)
        shares[0] = probability
        names = (self.library.passages[i].name for i in weighed.passages[:MOST_CANDIDATES].tolist())
        return tuple(Candidate(label=n, probability=p) for n, p in zip(names, shares.tolist(), strict=True))


def weigh(library: Library, fusion: Fusion, found: Found, kept: NDArray[np.bool_] | None = None) -> Weighed:
    """What was found, in order; only the `kept` of it (c,), as if the others were not in the documents."""
    passages, marks = (found.passages, found.marks) if kept is None else (found.passages[kept], found.marks[kept])
    shares = fusion.shares(marks)
    order = np.argsort(-shares, kind="stable")
    alike = library.alike[passages]
    mass = np.clip(shares[alike == alike[order[0]]].sum(), 1e-6, 1 - 1e-6)
    best = marks[order[0]]
    return Weighed(
        passages=passages[order],
        shares=shares[order],
        signs=np.array([np.log(mass / (1 - mass)), best[0], best[1]]),
        likeness=best,
    )


def read(cell: Any) -> str:
    """The question in a cell.

    Raises: BadCell for what is no text, or blank.
    """
    from metier.domains.text import DOMAIN

    return str(DOMAIN.read(cell))
