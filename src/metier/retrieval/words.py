"""Words in common: BM25 over passages, by bm25s.

Knows texts by their place, and no vectors. Its arrays are kept as safetensors and its words as JSON: what bm25s would
write itself is not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from metier import lazy
from metier.types import State

WORD = re.compile(r"\w+")
LARGE = 50_000  # passages
COMMON = 0.02  # of a large collection: a word that more passages have tells little, and costs most of the time


class Words:
    """An index of the words of passages."""

    kind = "words.v1"

    def __init__(self, places: dict[str, int], data: Any, indices: Any, indptr: Any, count: int) -> None:
        self._places, self._data, self._indices, self._indptr, self._count = places, data, indices, indptr, count
        held = np.diff(indptr)
        self._weights = np.log1p((count - held + 0.5) / (held + 0.5))  # (words,), BM25's own
        self._rarest = float(np.log1p((count + 0.5) / 0.5))
        self._heavy = held > COMMON * count if count > LARGE else np.zeros(len(held), bool)

    @classmethod
    def build(cls, texts: Sequence[str]) -> Self:
        """The index of these texts."""
        bm25s = lazy.bring("bm25s", extra="retrieve", purpose="Finding passages by words")
        places: dict[str, int] = {}
        rows = [[places.setdefault(word, len(places)) for word in split(text)] for text in texts]
        engine = bm25s.BM25()
        made = engine.build_index_from_ids(list(range(len(places))), rows, show_progress=False)
        return cls(places, made["data"], made["indices"], made["indptr"].astype(np.int64), len(texts))

    def scores(self, question: str, chosen: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """How well each passage, or each chosen one, has the words of a question: about 1 where it has them all."""
        found, whole = self._asked(question)
        sums = self._sums(found)
        wanted = sums if chosen is None else sums[chosen]
        return (wanted / max(whole, 1e-9)).astype(np.float32)

    def best(self, question: str, count: int) -> NDArray[np.int64]:
        """The passages that have most of its words, in no order."""
        found, _ = self._asked(question)
        if not found:
            return np.empty(0, np.int64)
        touched = np.concatenate([self._indices[self._indptr[w] : self._indptr[w + 1]] for w in found])
        weights = np.concatenate([self._data[self._indptr[w] : self._indptr[w + 1]] for w in found])
        sums = np.bincount(touched, weights, minlength=self._count)
        held = np.flatnonzero(sums > 0)  # to order these alone: of a million, most have none of the words
        best = held if len(held) <= count else held[np.argpartition(-sums[held], count - 1)[:count]]
        return np.sort(best).astype(np.int64)

    def _asked(self, question: str) -> tuple[list[int], float]:
        words = list(dict.fromkeys(split(question)))
        found = [self._places[word] for word in words if word in self._places]
        whole = float(self._weights[found].sum()) + self._rarest * (len(words) - len(found))
        light = [word for word in found if not self._heavy[word]]
        return light or sorted(found, key=lambda word: -self._weights[word])[:1], whole

    def _sums(self, found: Sequence[int]) -> NDArray[np.float64]:
        sums = np.zeros(self._count)
        for word in found:
            own = slice(self._indptr[word], self._indptr[word + 1])
            sums[self._indices[own]] += self._data[own]  # a passage stands once under each word
        return sums

    def state(self) -> State:
        """Everything `restore` needs."""
        words = json.dumps(list(self._places), ensure_ascii=False).encode("utf-8", "replace")
        arrays = {"data": self._data, "indices": self._indices, "indptr": self._indptr}
        return State(config={"count": self._count}, arrays=arrays, files={"words.json": words})

    @classmethod
    def restore(cls, state: State) -> Self:
        """The index that `state` was taken from."""
        places = {word: i for i, word in enumerate(json.loads(state.files["words.json"]))}
        arrays = state.arrays
        count = int(str(state.config["count"]))
        return cls(places, arrays["data"], arrays["indices"], arrays["indptr"], count)


def split(text: str) -> list[str]:
    """The words of a text, in lower case and by their stems."""
    return [_stem(word) for word in WORD.findall(text.lower())]


@lru_cache(maxsize=200_000)
def _stem(word: str) -> str:
    return _stemmer().stemWord(word)  # type: ignore[no-any-return]


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    return lazy.bring("snowballstemmer", extra="retrieve", purpose="Finding passages by words").stemmer("english")
