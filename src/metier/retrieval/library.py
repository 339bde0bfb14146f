"""Passages ready to be searched: their words, their vectors, and how a question compares with each.

Knows no weights and no thresholds. A passage is encoded as its heading, its text in pieces, and the questions it is
known to answer; one whose digest has not changed keeps the vectors it had.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from metier.data.passages import Passage
from metier.encoders.sentence import SentenceEncoder
from metier.retrieval.vectors import Near, coded
from metier.retrieval.words import Words
from metier.types import Floats, Labels, State, Vectors

PIECE, MOST_PIECES = 900, 8  # characters of a piece of text, about what the encoder reads; pieces of a passage
FOUND = 64  # passages that each of words and vectors brings to be compared
ALL = 1_000  # passages up to which each is compared
SENTENCE = re.compile(r"(?<=[.!?\n])\s+")
HEADING, TEXT, ASKED = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class Found:
    """What may answer a question. Shapes: passages (c,), marks (c, 3) as `fusion.MARKS` names them."""

    passages: Labels
    marks: Floats


@dataclass(frozen=True, kw_only=True)
class Library:
    """Passages, and all that searches them. Shapes: kinds (m,) of what each vector was made from."""

    kind: ClassVar[str] = "library.v1"
    passages: tuple[Passage, ...]
    encoder: SentenceEncoder
    words: Words
    near: Near
    kinds: NDArray[np.int8]

    @classmethod
    def build(
        cls,
        passages: Sequence[Passage],
        encoder: SentenceEncoder,
        *,
        before: Library | None = None,
        told: Callable[[float], None] = lambda done: None,
    ) -> Library:
        """The library of these passages; vectors are taken from `before` where a passage is the same."""
        known = before._known() if before is not None and before.encoder.sha256 == encoder.sha256 else {}
        codes, scales, owners, kinds = [], [], [], []
        for i, passage in enumerate(passages):
            own = parts(passage)
            made = known.get(passage.digest) or coded(encoder.encode([text for _, text in own]))
            codes.append(made[0])
            scales.append(made[1])
            owners.append(np.full(len(own), i, np.int64))
            kinds.append(np.array([kind for kind, _ in own], np.int8))
            told((i + 1) / len(passages))
        return cls(
            passages=tuple(passages),
            encoder=encoder,
            words=Words.build([f"{one.heading} {one.text}" for one in passages]),
            near=Near.build(np.concatenate(codes), np.concatenate(scales), np.concatenate(owners)),
            kinds=np.concatenate(kinds),
        )

    def state(self) -> State:
        """The passages as lines of JSON, and what its parts need; arrays and files by the part they belong to."""
        lines = (json.dumps(asdict(one), ensure_ascii=False) for one in self.passages)
        states = {"encoder": self.encoder.state(), "words": self.words.state(), "near": self.near.state()}
        files = {name: data for state in states.values() for name, data in state.files.items()}
        arrays = {f"{part}.{name}": array for part, state in states.items() for name, array in state.arrays.items()}
        return State(
            config={part: dict(state.config) for part, state in states.items()},
            arrays={**arrays, "kinds": self.kinds},
            files={**files, "passages.jsonl": "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")},
        )

    @classmethod
    def restore(cls, state: State) -> Self:
        """The library that `state` was taken from."""

        def part(name: str) -> State:
            own = {key.partition(".")[2]: array for key, array in state.arrays.items() if key.startswith(f"{name}.")}
            return State(config=dict(state.config[name]), arrays=own, files=state.files)  # type: ignore[arg-type]

        # cut as bytes: a text may hold what ends a line for str alone, such as U+2028
        said = map(json.loads, state.files["passages.jsonl"].splitlines())
        return cls(
            passages=tuple(Passage(**{**one, "asked": tuple(one["asked"])}) for one in said),
            encoder=SentenceEncoder.restore(part("encoder")),
            words=Words.restore(part("words")),
            near=Near.restore(part("near")),
            kinds=np.asarray(state.arrays["kinds"], np.int8),
        )

    def vector(self, question: str) -> Vectors:
        """A question as a vector (d,)."""
        vector: Vectors = self.encoder.encode([question])[0]
        return vector

    def find(self, question: str, vector: Vectors, *, without: Labels | None = None) -> Found:
        """The passages that may answer a question, compared with it; vectors at the places `without` are not seen."""
        if len(self.passages) <= ALL:
            passages = np.arange(len(self.passages))
        else:
            passages = np.union1d(self.near.best(vector, FOUND), self.words.best(question, FOUND))
        vectors, places, of = self.near.of(passages)
        cosines = (vectors @ vector).astype(np.float64)
        if without is not None and len(without):
            cosines[np.isin(places, without)] = -1
        text = self.kinds[places] == TEXT
        marks = np.full((len(passages), 3), -1.0)
        np.maximum.at(marks[:, 0], of[~text], cosines[~text])
        np.maximum.at(marks[:, 1], of[text], cosines[text])
        bare = marks[:, 0] <= -1  # it has neither heading nor question: the text stands for both
        marks[bare, 0] = marks[bare, 1]
        marks[:, 2] = self.words.scores(question, passages)
        return Found(passages=passages, marks=marks)

    def asked_places(self) -> dict[str, list[tuple[int, int]]]:
        """Each question known to be answered: the passages that do, and the places of its vectors."""
        found: dict[str, list[tuple[int, int]]] = defaultdict(list)
        place = 0
        for i, passage in enumerate(self.passages):
            for kind, text in parts(passage):
                if kind == ASKED:
                    found[text].append((i, place))
                place += 1
        return found

    @cached_property
    def alike(self) -> Labels:
        """A number for each passage, the same where headings are: such passages answer the same questions (n,)."""
        numbers: dict[str, int] = {}
        said = [one.heading or f"\0{i}" for i, one in enumerate(self.passages)]
        return np.array([numbers.setdefault(heading, len(numbers)) for heading in said], np.int64)

    @cached_property
    def places(self) -> dict[str, int]:
        """Where the passage of each name stands."""
        return {passage.name: i for i, passage in enumerate(self.passages)}

    def _known(self) -> dict[str, tuple[NDArray[np.int8], NDArray[np.float32]]]:
        ends = np.searchsorted(self.near.owners, np.arange(len(self.passages)), side="right")
        starts = np.concatenate([[0], ends[:-1]])
        return {
            passage.digest: (self.near.codes[start:end], self.near.scales[start:end])
            for passage, start, end in zip(self.passages, starts, ends, strict=True)
        }


def parts(passage: Passage) -> list[tuple[int, str]]:
    """What of a passage is encoded: the kind of each text, and the text."""
    heading = [(HEADING, passage.heading)] if passage.heading else []
    return [*heading, *((TEXT, piece) for piece in _pieces(passage.text)), *((ASKED, one) for one in passage.asked)]


def _pieces(text: str) -> list[str]:
    """A text in pieces that the encoder reads whole, cut between sentences where that can be."""
    pieces = [""]
    for sentence in SENTENCE.split(text):
        if pieces[-1] and len(pieces[-1]) + len(sentence) > PIECE:
            pieces.append("")
        pieces[-1] = f"{pieces[-1]} {sentence}".strip()
    return pieces[:MOST_PIECES]


PART = Library
