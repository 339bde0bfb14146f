"""When a row may leave a stage: confident enough, and familiar enough, that the costlier stages would change nothing.

Knows confidences and how wrong they were, nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from metier.types import Floats, State

LOSS_ALLOWED = (
    0.001  # of accuracy, or of what else is lost, out of fold: what a table that shows tenths of a point would not show
)
MINIMUM_FAMILIARITY = 0.03  # the strangest of training rows are always looked at by the last stage


@dataclass(frozen=True, kw_only=True)
class Exit:
    """A row leaves when both are reached; the last stage's exit is `Exit.always()`."""

    kind: ClassVar[str] = "exits.v1"
    confidence: float
    familiarity: float

    @classmethod
    def always(cls) -> Self:
        return cls(confidence=0.0, familiarity=0.0)

    @classmethod
    def never(cls) -> Self:
        return cls(confidence=2.0, familiarity=0.0)

    def leaves(self, confidence: NDArray[np.float32], familiarity: Floats) -> NDArray[np.bool_]:
        """Which rows leave here (n,)."""
        if self.confidence <= 0 and self.familiarity <= 0:
            return np.ones(len(confidence), np.bool_)
        return np.asarray((confidence >= self.confidence) & (familiarity >= self.familiarity))

    def state(self) -> State:
        return State(config={"confidence": self.confidence, "familiarity": self.familiarity})

    @classmethod
    def restore(cls, state: State) -> Self:
        config: dict[str, Any] = dict(state.config)
        return cls(confidence=config["confidence"], familiarity=config["familiarity"])

    @classmethod
    def learn(
        cls,
        confidence: NDArray[np.float32],
        familiarity: Floats,
        losses: Floats,
        losses_later: Floats,
    ) -> Self:
        """The lowest confidence whose leavers lose nothing against going on.

        Shapes: all (n,), out of fold; `losses` say how wrong each row is here, 1 for a plain error, and `losses_later`
        how wrong the stages that follow would be.
        """
        allowed = np.flatnonzero(familiarity >= MINIMUM_FAMILIARITY)
        order = allowed[np.argsort(-confidence[allowed], kind="stable")]
        if not len(order):
            return cls.never()
        lost = np.cumsum(losses[order] - losses_later[order])
        last_of_tie = np.append(confidence[order][1:] != confidence[order][:-1], True)
        fine = np.flatnonzero((lost <= LOSS_ALLOWED * len(confidence)) & last_of_tie)
        if not len(fine):
            return cls.never()
        return cls(confidence=float(confidence[order[fine[-1]]]), familiarity=MINIMUM_FAMILIARITY)


EXIT: Any = Exit
