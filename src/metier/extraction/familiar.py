"""How much a text looks like those learnt from: by the share of its words, and of pairs of them, that were seen there.

Told as the share of held-out training texts that look less familiar, as `decide/scope.py` tells it. Knows no labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from metier.extraction.signs import Hashes, Signs, among
from metier.types import Floats, Labels, State

KNOTS = 128
BESIDE = np.uint64(0x9E3779B97F4A7C15)


class Familiar:
    """Words and pairs of words that were seen, and how familiar texts are that were not learnt from."""

    kind: ClassVar[str] = "familiar.v1"

    def __init__(self, *, seen: Hashes, knots: Floats, held: Floats | None = None) -> None:
        self._seen, self._knots = seen, knots
        self.held = np.zeros(0) if held is None else held  # of the texts learnt from, each held out; not kept

    @classmethod
    def fit(cls, texts: Sequence[Signs], fold: Labels) -> Self:
        """What was seen in all texts, with shares from texts held out. Shapes: n texts, fold (n,)."""
        each = [_words_and_pairs(text) for text in texts]
        shares = np.ones(len(texts))
        for held in np.unique(fold):
            inside = np.unique(np.concatenate([each[i] for i in np.flatnonzero(fold != held)]))
            for i in np.flatnonzero(fold == held):
                shares[i] = _share(each[i], inside)
        knots = np.quantile(shares, np.linspace(0, 1, min(KNOTS, len(texts))))
        held = np.searchsorted(knots, shares, side="right") / len(knots)
        return cls(seen=np.unique(np.concatenate(each)), knots=knots, held=held)

    def share(self, text: Signs) -> float:
        """The share of training texts that look less familiar than this one, 0 to 1."""
        at = np.searchsorted(self._knots, _share(_words_and_pairs(text), self._seen), side="right")
        return float(at / len(self._knots))

    def state(self) -> State:
        """The arrays."""
        return State(arrays={"seen": self._seen, "knots": self._knots})

    @classmethod
    def restore(cls, state: State) -> Self:
        """What `state` was taken from."""
        return cls(seen=state.arrays["seen"], knots=state.arrays["knots"])


def _words_and_pairs(text: Signs) -> Hashes:
    pairs = text.low[:-1] * BESIDE ^ text.low[1:]
    return np.unique(np.concatenate([text.low, pairs]))


def _share(words: Hashes, seen: Hashes) -> float:
    return float(among(words, seen).mean()) if len(words) else 0.0


SCOPE: Any = Familiar
