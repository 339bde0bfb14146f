"""Documents to a retriever: their passages encoded, and what candidates are worth learnt from questions.

Every choice is made on questions whose own words were left out, and on folds that had no say in it. That the documents
do not answer is learnt by leaving out the passages that do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from metier.data.passages import Asked as Pair
from metier.data.split import folds
from metier.decide.accept import Rule, accept_threshold, scope_threshold
from metier.errors import TooFewRows
from metier.judges.retrieve import Asked, Missed, gain
from metier.retrieval.fusion import ANSWERED, USUAL_RIGHT, USUAL_THERE, Fusion, Judgement, Odds
from metier.retrieval.library import HEADING, Found, Library, parts
from metier.retrieval.weigher import Weighed, Weigher, weigh
from metier.types import Floats, Labels

FOLDS, LEAST = 5, 2
FEW = 10  # known questions, under which headings are asked, too, and weights are the usual ones
A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question, the passages that answer it, and the places of its own vectors, which it must not see.

    `siblings` are the places of all that these passages are known to be asked.
    """

    text: str
    right: Labels
    own: Labels
    siblings: Labels


@dataclass(frozen=True, kw_only=True)
class Taught:
    """What candidates are worth, when to answer, and what became of the questions, out of fold."""

    weigher: Weigher
    rule: Rule
    asked: Asked
    missed: tuple[Missed, ...]
    questions: int
    known: bool


def known_questions(library: Library) -> list[Question]:
    """Each question that a passage is known to answer, with all passages that do."""
    found = []
    asked = library.asked_places()
    at = np.array([pair for places in asked.values() for pair in places], np.int64).reshape(-1, 2)
    for text, places in asked.items():
        right = np.flatnonzero(np.isin(library.alike, [library.alike[i] for i, _ in places]))
        own = np.array([place for _, place in places], np.int64)
        found.append(Question(text=text, right=right, own=own, siblings=at[np.isin(at[:, 0], right), 1]))
    return found


def headings(library: Library) -> list[Question]:
    """Headings in the place of questions, where no question is known."""
    found, place = [], 0
    for i, passage in enumerate(library.passages):
        own = parts(passage)
        places = [place + j for j, (kind, _) in enumerate(own) if kind == HEADING]
        place += len(own)
        if places:
            alike = np.flatnonzero(library.alike == library.alike[i])
            own_places = np.array(places, np.int64)
            found.append(Question(text=passage.heading, right=alike, own=own_places, siblings=own_places))
    return found


def teach(
    library: Library,
    *,
    absent: Sequence[Pair] = (),
    max_error: float | None,
    false_refusal: float,
    seed: int,
    told: Callable[[float], None] = lambda done: None,
) -> Taught:
    """Learn what candidates are worth from the questions a library is known to answer, or else from its headings.

    `absent` are questions that the documents do not answer.

    Raises: TooFewRows where there are not ten questions, PromiseNotSupported with the number that could.
    """
    known = known_questions(library)
    if len(known) < FEW:
        known, questions = [], [*known, *headings(library)]
    else:
        questions = known
    if len(questions) < LEAST:
        raise TooFewRows(
            f"{len(questions)} questions or headings to learn from. Expected {LEAST} or more. Write some below "
            "passages, 'Asked as: … | …', or give them with --questions."
        )
    found, first_asked = _sought(library, questions, told)
    fold = folds(np.zeros(len(questions), np.int64), np.array([one.right[0] for one in questions]), FOLDS, seed)
    judged = _judged(found, questions)
    # as often for passages never asked for before: they stand beside others that have been
    lessons = list(_both(judged, _judged(first_asked, questions)))
    # a heading is told from its own text alone while others keep theirs, which says nothing of what marks are worth
    fusions = _fusions(lessons if known else [], fold)
    here = [weigh(library, fusions[int(at)], one) for at, one in _both(fold, found)]
    lacking = [
        (int(at), weigh(library, fusions[int(at)], one, ~own.right))
        for at, one, own in zip(fold, found, judged, strict=True)
        if not own.right.all()
    ]
    # a stranger lacks its answer in every fold, and is judged with the first
    vectors = [(one.question, library.vector(one.question)) for one in absent]
    lacking += [(0, weigh(library, fusions[None], library.find(text, vector))) for text, vector in vectors]
    seen = _Seen.of(fold, here, [one.passages[0] in q.right for one, q in _both(here, questions)], lacking)
    likely = _out_of_fold(seen)
    right, there = seen.odds(-1)
    weigher = Weigher(fusion=fusions[None], right=right, there=there, usual=np.sort([*likely.there, *ANSWERED]))
    ranks = [rank_of(one, q.right) for one, q in _both(here, questions)]
    rule, asked = _ruled(seen, likely, weigher, ranks, max_error, false_refusal)
    missed = _missed(library, questions, here, likely.right)
    return Taught(weigher=weigher, rule=rule, asked=asked, missed=missed, questions=len(questions), known=bool(known))


def _sought(
    library: Library, questions: Sequence[Question], told: Callable[[float], None]
) -> tuple[list[Found], list[Found]]:
    """What is found for each question without its own words, and without any that its passages are asked by."""
    found, first_asked = [], []
    for i, one in enumerate(questions):
        vector = library.vector(one.text)
        found.append(library.find(one.text, vector, without=one.own))
        first_asked.append(library.find(one.text, vector, without=one.siblings))
        told(i / len(questions))
    return found, first_asked


def _judged(found: Sequence[Found], questions: Sequence[Question]) -> list[Judgement]:
    return [Judgement(marks=f.marks, right=np.isin(f.passages, q.right)) for f, q in _both(found, questions)]


def _fusions(lessons: Sequence[tuple[Judgement, Judgement]], fold: Labels) -> dict[int | None, Fusion]:
    """Weights learnt without each fold, and under None from all; the usual ones where there is no lesson."""

    def without(held: int | None) -> Fusion:
        return Fusion.fit([one for i, pair in enumerate(lessons) if fold[i] != held for one in pair])

    return {held: without(held) for held in [*range(FOLDS), None]}


def _missed(
    library: Library, questions: Sequence[Question], here: Sequence[Weighed], probability: Floats
) -> tuple[Missed, ...]:
    return tuple(
        Missed(
            question=q.text,
            said=library.passages[int(one.passages[0])].name,
            right=library.passages[int(q.right[0])].name,
            probability=float(p),
        )
        for one, q, p in zip(here, questions, probability, strict=True)
        if one.passages[0] not in q.right
    )


def _ruled(
    seen: _Seen,
    likely: _Likely,
    weigher: Weigher,
    ranks: Sequence[tuple[int, float]],
    max_error: float | None,
    false_refusal: float,
) -> tuple[Rule, Asked]:
    """The rule that keeps what was promised on these questions, and what becomes of them under it."""
    scope, absent_scope = (weigher.rank(one) for one in (likely.there, likely.absent_there))
    least = scope_threshold(weigher.rank(weigher.usual), false_refusal)
    inside, accept = scope >= least, 0.0
    if max_error is not None:
        accept = accept_threshold(likely.right[inside].astype(np.float32), seen.right[inside], max_error)
    rule = Rule(
        false_refusal=false_refusal, max_error=max_error, scope_threshold=least, accept_threshold=accept,
        candidate_threshold=0.0,
    )  # fmt: skip
    probability = np.concatenate([likely.right, likely.absent_right])
    return rule, asked_of(ranks, probability, np.concatenate([scope, absent_scope]), rule)


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What the calibrators see of n questions, and of m whose answer is not there.

    Shapes: fold (n,), signs and likeness (n, 3), right (n,); the same of the absent ones (m,).
    """

    fold: Labels
    signs: Floats
    likeness: Floats
    right: NDArray[np.bool_]
    absent_fold: Labels
    absent_signs: Floats
    absent_likeness: Floats

    @classmethod
    def of(
        cls, fold: Labels, here: Sequence[Weighed], right: Sequence[bool], lacking: Sequence[tuple[int, Weighed]]
    ) -> Self:
        """From the candidates of each question, and of each whose answer was left out, with its fold."""
        return cls(
            fold=fold,
            signs=np.array([one.signs for one in here]),
            likeness=np.array([one.likeness for one in here]),
            right=np.array(right, bool),
            absent_fold=np.array([at for at, _ in lacking], np.int64),
            absent_signs=np.array([one.signs for _, one in lacking]).reshape(-1, 3),
            absent_likeness=np.array([one.likeness for _, one in lacking]).reshape(-1, 3),
        )

    def odds(self, held: int) -> tuple[Odds, Odds]:
        """Of being right and of being there, learnt from all but one fold."""
        here, absent = self.fold != held, self.absent_fold != held
        likeness = np.concatenate([self.likeness[here], self.absent_likeness[absent]])
        there = np.concatenate([np.ones(here.sum(), bool), np.zeros(absent.sum(), bool)])
        right = Odds.fit(self.signs[here], self.right[here], USUAL_RIGHT)
        return right, Odds.fit(likeness, there, USUAL_THERE)


@dataclass(frozen=True, kw_only=True)
class _Likely:
    """How likely each question's first passage is right, and its answer there, by odds that had not learnt it."""

    right: Floats
    there: Floats
    absent_right: Floats
    absent_there: Floats


def _out_of_fold(seen: _Seen) -> _Likely:
    n, m = len(seen.fold), len(seen.absent_fold)
    likely = _Likely(right=np.empty(n), there=np.empty(n), absent_right=np.empty(m), absent_there=np.empty(m))
    for f in range(FOLDS):
        here, absent = seen.fold == f, seen.absent_fold == f
        right, there = seen.odds(f)
        likely.right[here], likely.there[here] = right.of(seen.signs[here]), there.of(seen.likeness[here])
        likely.absent_right[absent] = right.of(seen.absent_signs[absent])
        likely.absent_there[absent] = there.of(seen.absent_likeness[absent])
    return likely


def _both(one: Iterable[A], other: Iterable[B]) -> Iterator[tuple[A, B]]:
    return zip(one, other, strict=True)


def rank_of(weighed: Weighed, right: Labels) -> tuple[int, float]:
    """The place of the first right passage, 0 where none was found, and the gain of the first ten."""
    hits = np.isin(weighed.passages, right)
    return (int(hits.argmax()) + 1 if hits.any() else 0), gain(hits, len(right))


def asked_of(ranks: Sequence[tuple[int, float]], probability: Floats, scope: Floats, rule: Rule) -> Asked:
    """What became of questions; those beyond the ranks have no answer in the documents."""
    n = len(probability)
    rank, gains = np.zeros(n, np.int64), np.zeros(n)
    rank[: len(ranks)], gains[: len(ranks)] = [r for r, _ in ranks], [g for _, g in ranks]
    in_scope = scope >= rule.scope_threshold
    return Asked(
        absent=np.arange(n) >= len(ranks), rank=rank, gain=gains, probability=probability, scope=scope,
        in_scope=in_scope, accepted=in_scope & (probability >= rule.accept_threshold),
    )  # fmt: skip
