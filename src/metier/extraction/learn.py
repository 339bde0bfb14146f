"""Texts with their spans to stages that find such spans in others. Every choice is made on texts not learnt from.

Knows folds, fields and taggers; reading files and telling figures is done elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from metier.decide.exits import Exit
from metier.decide.sigmoids import Sigmoids
from metier.extraction.adjoining import in_a_row
from metier.extraction.crf import Crf, Read, Reals
from metier.extraction.familiar import Familiar
from metier.extraction.newness import as_if_new
from metier.extraction.silent import Saying
from metier.extraction.stage import Parsed, SpanStage, Spotted, log_odds
from metier.extraction.tagger import Row
from metier.extraction.words import tag_names, tags
from metier.types import Floats, Labels, Span

Teach = Callable[[Sequence[Row], int], Saying]  # rows to learn from and how many tags -> what they taught
LEANINGS = (0.0, 0.5, 1.0)


@dataclass(frozen=True, kw_only=True)
class Lessons:
    """Texts with their spans, those that are alike by the number they share, and the fold in which each is held out.

    Shapes: n texts, group and fold (n,).
    """

    texts: Sequence[Parsed]
    spans: Sequence[Sequence[Span]]
    labels: Sequence[str]
    group: Labels
    fold: Labels
    strangers: bool = False  # texts to come are of none of these groups, as whoever named the groups says

    def paths(self) -> list[list[int]]:
        """The tags of every text, by number."""
        numbers = {name: i for i, name in enumerate(tag_names(self.labels))}
        pairs = zip(self.texts, self.spans, strict=True)
        return [[numbers[tag] for tag in tags(text.words, spans)] for text, spans in pairs]

    @property
    def count(self) -> int:
        """How many tags there are."""
        return 1 + 2 * len(self.labels)


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """A stage, and what it finds in each text without having learnt from it."""

    stage: SpanStage
    spotted: Sequence[Spotted]


def held_out(lessons: Lessons, teach: Teach, number: int, tick: Callable[[], None]) -> HeldOut:
    """A stage that learnt all texts, and what it says of each by fields that have not learnt it."""
    paths = lessons.paths()
    rows = [Row(text=one.text, words=one.words, path=path) for one, path in zip(lessons.texts, paths, strict=True)]
    numbers, tagger = _numbers(lessons, rows, teach, tick)
    seen = [one.seen(said) for one, said in zip(lessons.texts, numbers, strict=True)]
    states, meaning = in_a_row(lessons.texts, paths, lessons.count, lessons.group)
    leaning: dict[float, dict[int, Read]] = {lean: {} for lean in LEANINGS}
    for fold in np.unique(lessons.fold):
        inside = np.flatnonzero(lessons.fold != fold)
        rest, there = [seen[i] for i in inside], [states[i] for i in inside]
        field = Crf.fit(rest, there, meaning, lessons.group[inside], strangers=lessons.strangers)
        for lean, reads in leaning.items():
            leaned = field.leaning(lean)
            reads |= {i: leaned.read(seen[i]) for i in np.flatnonzero(lessons.fold == fold).tolist()}
        tick()
    lean, found = _best(lessons, {lean: [reads[i] for i in range(len(seen))] for lean, reads in leaning.items()})
    whole = Crf.fit(seen, states, meaning, lessons.group, strangers=lessons.strangers).leaning(lean)
    stage = _calibrated(lessons, found, tagger, whole)
    tick()
    pairs = zip(found, lessons.texts, strict=True)
    return HeldOut(stage=stage, spotted=[stage.told(read, one, lessons.labels, number) for read, one in pairs])


def _best(lessons: Lessons, leaning: Mapping[float, Sequence[Read]]) -> tuple[float, Sequence[Read]]:
    """The leaning whose spans have the highest F1, and what it reads; the smaller of two as good."""
    weights = as_if_new(lessons.texts, lessons.spans, lessons.fold)
    return max(leaning.items(), key=lambda pair: (_f1(lessons, pair[1], weights), -pair[0]))


def _f1(lessons: Lessons, reads: Sequence[Read], weights: Floats) -> float:
    """F1 of spans, each text counting for its weight (n,)."""
    right = both = 0.0
    for weight, text, read, marked in zip(weights.tolist(), lessons.texts, reads, lessons.spans, strict=True):
        right += weight * len({text.span(run, lessons.labels) for run in read.runs} & set(marked))
        both += weight * (len(read.runs) + len(marked))
    return round(2 * right / max(both, 1), 9)


def _numbers(
    lessons: Lessons, rows: Sequence[Row], teach: Teach, tick: Callable[[], None]
) -> tuple[Sequence[Reals], Saying]:
    """What a tagger that has not learnt a text says of its words, and one that has learnt all."""
    said: dict[int, Reals] = {}
    for fold in np.unique(lessons.fold):
        tagger = teach([rows[i] for i in np.flatnonzero(lessons.fold != fold).tolist()], lessons.count)
        for i in np.flatnonzero(lessons.fold == fold).tolist():
            said[i] = tagger.numbers(rows[i].text, rows[i].words)
        tick()
    return [said[i] for i in range(len(rows))], teach(rows, lessons.count)


def _calibrated(lessons: Lessons, reads: Sequence[Read], tagger: Saying, field: Crf) -> SpanStage:
    """The stage with sigmoids that make its chances honest, fitted to spans and texts held out."""
    chances, truth, whole = [], [], []
    for read, text, marked in zip(reads, lessons.texts, lessons.spans, strict=True):
        wanted = set(marked)
        right = [text.span(run, lessons.labels) in wanted for run in read.runs]
        for (_, _, label), chance, is_right in zip(read.runs, read.chances, right, strict=True):
            row = np.full(len(lessons.labels), np.nan, np.float32)
            row[label] = is_right
            truth.append(row)
            chances.append(chance)
        whole.append(all(right) and len(right) == len(wanted))
    spans = np.repeat(log_odds(np.array(chances))[None, :, None], len(lessons.labels), axis=2)
    texts = log_odds(np.array([read.chance for read in reads]))[None, :, None]
    return SpanStage(
        tagger=tagger,
        field=field,
        spans=Sigmoids.fit(spans.astype(np.float32), np.array(truth, np.float32).reshape(-1, len(lessons.labels))),
        texts=Sigmoids.fit(texts.astype(np.float32), np.array(whole, np.float32)[:, None]),
        scope=Familiar.fit([text.signs for text in lessons.texts], lessons.fold),
        exit=Exit.always(),
    )


def missed(spotted: Sequence[Spotted], spans: Sequence[Sequence[Span]]) -> Floats:
    """How many spans are wrong or not found in each text, as a share of all there are in a text on average (n,)."""
    per_text = max(sum(len(some) for some in spans) / max(len(spans), 1), 1e-9)
    wrong = [len(set(one.spans) ^ set(some)) for one, some in zip(spotted, spans, strict=True)]
    return np.array(wrong, np.float64) / 2 / per_text


def with_exits(held: Sequence[HeldOut], lessons: Lessons) -> tuple[list[SpanStage], list[Spotted]]:
    """The stages that are worth their place with learnt exits, and what the cascade of them finds, out of fold."""
    kept, spans, weights = [held[0]], lessons.spans, as_if_new(lessons.texts, lessons.spans, lessons.fold)
    for one in held[1:]:
        if missed(one.spotted, spans).sum() < missed(kept[-1].spotted, spans).sum():
            kept.append(one)
    stages, found = [kept[-1].stage], list(kept[-1].spotted)
    found = [replace(one, stage=len(kept)) for one in found]
    for number in range(len(kept) - 1, 0, -1):
        here = kept[number - 1]
        sure = np.array([one.confidence for one in here.spotted], np.float32)
        ones = np.ones(len(sure))
        exit = Exit.learn(sure, ones, weights * missed(here.spotted, spans), weights * missed(found, spans))
        leaving: NDArray[np.bool_] = exit.leaves(sure, ones)
        found = [
            replace(early, stage=number) if leaves else late
            for early, late, leaves in zip(here.spotted, found, leaving, strict=True)
        ]
        stages.insert(0, replace(here.stage, exit=exit))
    return stages, found
