"""What every calibrator promises: scores in, probabilities that mean what they say out.

Knows no domain and no task; each task says which calibrator suits its scores.
"""

from __future__ import annotations

from typing import ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from metier.types import Floats, Loss, Probabilities, Scores, State


class Calibrator(Protocol):
    """Scores of one or several heads to probabilities; the same row gives the same bytes alone and in any batch."""

    kind: ClassVar[str]
    loss: ClassVar[Loss]  # of the heads whose scores it takes

    def probabilities(self, scores: Scores, familiarity: Floats | None = None) -> Probabilities:
        """Calibrated probabilities (n, k) of scores (m, n, k) of m heads.

        `familiarity` (n,) is what the scope says of the rows, for calibrators that trust the strange less.
        """
        ...

    def confidence(self, probabilities: Probabilities) -> NDArray[np.float32]:
        """How sure each row is (n,), 0 to 1: what exits and the rule compare."""
        ...

    def leanings(self, scores: Scores) -> Floats:
        """How far each row leans to each answer, in the columns of its probabilities: log-odds, or numbers as they are.

        Where a probability has come to its end, what is added to its scores or taken from them still shows.
        """
        ...

    def state(self) -> State:
        """Everything `restore` needs to give equal probabilities again."""
        ...

    @classmethod
    def restore(cls, state: State) -> Self:
        """The calibrator that `state` was taken from."""
        ...
