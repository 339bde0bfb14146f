"""What an encoder's vectors say of each word: log-probabilities of the tags, as numbers for a field to weigh.

Knows vectors and tags; which tags may follow one another is the field's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from metier.extraction.linear import Layer, Reals, alone, near
from metier.extraction.vectors import WordVectors
from metier.extraction.words import Word
from metier.types import State, Vectors


@dataclass(frozen=True, kw_only=True)
class Row:
    """A text to learn from: its words, and the number of each one's tag."""

    text: str
    words: Sequence[Word]
    path: Sequence[int]


class Tagger:
    """Vectors of words, and layers over them: each says of every tag how probable it is."""

    kind: ClassVar[str] = "tagger.v1"

    def __init__(self, vectors: WordVectors, layers: Sequence[Layer]) -> None:
        self._vectors, self._layers = vectors, tuple(layers)

    @classmethod
    def fit(cls, vectors: WordVectors, held: Sequence[Vectors], paths: Sequence[Sequence[int]], count: int) -> Self:
        """A word alone and a word with its neighbours, from vectors that are already there.

        Both, since a field makes more of the two than of either; `count` is how many tags there are.
        """
        return cls(vectors, [alone(held, paths, count), near(held, paths, count)])

    def numbers(self, text: str, words: Sequence[Word]) -> Reals:
        """What its layers say of every word of a text, side by side (t, layers x k)."""
        return self.said(self._vectors.encode(text, words))

    def said(self, vectors: Vectors) -> Reals:
        """The same of vectors (t, d) that are already there."""
        return np.concatenate([layer.said(vectors) for layer in self._layers], axis=1)

    def state(self) -> State:
        """The vectors' state, and the layers."""
        inside = self._vectors.state()
        arrays = {
            f"{name}{number or ''}": getattr(layer, name)
            for number, layer in enumerate(self._layers)
            for name in ("weights", "bias", "edge")
        }
        return State(config=inside.config, files=inside.files, arrays=arrays)

    @classmethod
    def restore(cls, state: State) -> Self:
        """The tagger that `state` was taken from.

        Raises: ValueError where layers and vectors do not fit one another.
        """
        vectors, arrays = WordVectors.restore(state), state.arrays
        layers = []
        for number in (n or "" for n in range(len(arrays)) if f"weights{n or ''}" in arrays):
            weights, bias = arrays[f"weights{number}"], arrays[f"bias{number}"]
            if weights.shape not in ((vectors.width, len(bias)), (3 * vectors.width, len(bias))):
                raise ValueError(f"weights of shape {weights.shape} over vectors of width {vectors.width}")
            # a tagger kept before there were neighbours has no edge, and needs none
            edge = arrays.get(f"edge{number}", np.zeros(vectors.width, np.float32))
            layers.append(Layer(weights=weights, bias=bias, edge=edge))
        return cls(vectors, layers)


TAGGER: Any = Tagger
