"""Stages that find spans, from cheap to costly, and which text leaves where.

Knows texts, fields, taggers and how sure each is; learning is in `learn.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metier.decide.exits import Exit
from metier.decide.sigmoids import Sigmoids
from metier.extraction.crf import Crf, Read, Reals, Seen
from metier.extraction.familiar import Familiar
from metier.extraction.marks import marks
from metier.extraction.signs import Signs, signs
from metier.extraction.silent import Saying
from metier.extraction.words import Word, split
from metier.types import Floats, Span


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """A text, its words and their signs; made once for all stages."""

    text: str
    words: Sequence[Word]
    signs: Signs

    @classmethod
    def of(cls, text: str) -> Parsed:
        """The words and signs of a text."""
        words = split(text)
        return cls(text=text, words=words, signs=signs(text, words, marks(text, words)))

    def span(self, run: tuple[int, int, int], labels: Sequence[str]) -> Span:
        """The characters of a run of words, and its label by its number."""
        first, last, label = run
        return Span(self.words[first].start, self.words[last].end, labels[label])

    def seen(self, numbers: Reals) -> Seen:
        """The text as a field sees it, with what a tagger says of each word."""
        return Seen(signs=self.signs, numbers=numbers)


@dataclass(frozen=True, kw_only=True)
class Spotted:
    """Spans of a text with the probability of each, that of all together, and the stage the text left at."""

    spans: Sequence[Span]
    probabilities: Floats  # (s,)
    confidence: float
    stage: int


@dataclass(frozen=True, kw_only=True)
class SpanStage:
    """A field, the tagger whose numbers it weighs beside signs, what makes its sums honest, and when a text leaves."""

    tagger: Saying
    field: Crf
    spans: Sigmoids
    texts: Sigmoids
    scope: Familiar
    exit: Exit

    def run(self, parsed: Parsed, labels: Sequence[str], number: int) -> Spotted:
        """What this stage, the `number`th, finds in a text."""
        numbers = self.tagger.numbers(parsed.text, parsed.words)
        return self.told(self.field.read(parsed.seen(numbers)), parsed, labels, number)

    def told(self, read: Read, parsed: Parsed, labels: Sequence[str], number: int) -> Spotted:
        """What a field read, with calibrated probabilities."""
        found = [parsed.span(run, labels) for run in read.runs]
        held = np.array([label for _, _, label in read.runs], np.int64)
        scores = np.zeros((1, len(found), len(labels)), np.float32)
        scores[0, np.arange(len(found)), held] = log_odds(read.chances)
        probabilities = self.spans.probabilities(scores)[np.arange(len(found)), held]
        whole = self.texts.probabilities(log_odds(np.array([read.chance])).reshape(1, 1, 1).astype(np.float32))
        return Spotted(
            spans=found, probabilities=probabilities.astype(np.float64), confidence=float(whole[0, 0]), stage=number
        )


def log_odds(chances: Floats) -> Floats:
    """Probabilities on the line of real numbers, no further out than a float can tell."""
    held = np.clip(chances, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(held) - np.log1p(-held))
