"""What stands in the place of a tagger where a field has signs alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from metier.extraction.words import Word
from metier.types import State


class Saying(Protocol):
    """Whatever has something to say of words."""

    kind: ClassVar[str]

    def numbers(self, text: str, words: Sequence[Word]) -> NDArray[np.float32]:
        """What it says of every word of a text (t, d)."""
        ...

    def state(self) -> State:
        """Everything `restore` needs."""
        ...


class Silent:
    """Says nothing."""

    kind: ClassVar[str] = "silent.v1"

    def numbers(self, text: str, words: Sequence[Word]) -> NDArray[np.float32]:
        """No numbers (t, 0)."""
        return np.zeros((len(words), 0), np.float32)

    def state(self) -> State:
        """Nothing."""
        return State()

    @classmethod
    def restore(cls, state: State) -> Self:
        """One like any other."""
        return cls()


TAGGER: Any = Silent
