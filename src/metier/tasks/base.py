"""What a task promises: answers in a column to targets a head can learn, and what was predicted to a decision.

Knows no domain and no model. A new task is one file in this folder that exposes `TASK`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from metier.types import Decision, Labels, Loss, Predicted, Targets


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The answers of a column. Shapes: k names, truth (n,) positions in names."""

    names: tuple[str, ...]
    truth: Labels

    def __len__(self) -> int:
        return len(self.truth)


class Task(Protocol):
    """Five members, no more to learn."""

    name: str
    loss: Loss  # how the targets are to be learnt

    def learn(self, answers: Sequence[str], source: str) -> Answers:
        """The names in a column of answers, and which each row has; `source` is named in errors.

        Raises: TooFewRows when there is too little to learn from.
        """
        ...

    def targets(self, answers: Answers) -> Targets:
        """What a head should say of each row (n, k)."""
        ...

    def decisions(self, names: Sequence[str], predicted: Predicted, microseconds: float) -> list[Decision]:
        """One decision a row; `microseconds` is what each took."""
        ...
