"""Two taggers side by side: an encoder as it is still knows what one that was taught these tags has forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from metier.extraction.linear import Reals
from metier.extraction.tagger import Tagger
from metier.extraction.words import Word
from metier.types import State


class Pair:
    """What the first says of a word, and then what the second does."""

    kind: ClassVar[str] = "pair.v1"

    def __init__(self, first: Tagger, second: Tagger) -> None:
        self._both = (first, second)

    def numbers(self, text: str, words: Sequence[Word]) -> Reals:
        """The numbers of both for every word of a text (t, d)."""
        return np.concatenate([one.numbers(text, words) for one in self._both], axis=1)

    def state(self) -> State:
        """The states of both, each name with the number of its tagger before it."""
        first, second = (one.state() for one in self._both)
        return State(
            config={"0": dict(first.config), "1": dict(second.config)},
            arrays=_numbered(first.arrays, second.arrays),
            files=_numbered(first.files, second.files),
        )

    @classmethod
    def restore(cls, state: State) -> Self:
        """The pair that `state` was taken from.

        Raises: ValueError where parts of either do not fit one another.
        """
        config: dict[str, Any] = dict(state.config)
        return cls(
            *(
                Tagger.restore(State(config=config[n], arrays=_own(state.arrays, n), files=_own(state.files, n)))
                for n in ("0", "1")
            )
        )


def _numbered(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{number}.{name}": part for number, one in enumerate((first, second)) for name, part in one.items()}


def _own(parts: Mapping[str, Any], number: str) -> dict[str, Any]:
    return {name.partition(".")[2]: part for name, part in parts.items() if name.partition(".")[0] == number}


TAGGER: Any = Pair
