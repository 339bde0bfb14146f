"""Classify: exactly one of the names learnt, or an abstention.

Knows names and probabilities; not what was classified.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metier.errors import TooFewRows
from metier.tasks.base import Answers
from metier.types import Candidate, Decision, Loss, Predicted, Targets

MOST_CANDIDATES = 5
LEAST_NAMES, LEAST_ROWS = 2, 2  # one row of a name to learn from, one to hold out


class Classify:
    """One name for each row."""

    name = "classify"
    loss: Loss = "softmax"

    def learn(self, answers: Sequence[str], source: str) -> Answers:
        """The names in alphabetical order.

        Raises: TooFewRows with every name that has a single row, or when there is only one name.
        """
        names, truth, counts = np.unique(np.array(answers), return_inverse=True, return_counts=True)
        if len(names) < LEAST_NAMES:
            raise TooFewRows(
                f"{source}: the only label is '{names[0]}'. Expected two or more different ones. "
                "Add rows of another, or name another column with --target."
            )
        single = [str(name) for name in names[counts < LEAST_ROWS]]
        if single:
            shown = ", ".join(f"'{name}'" for name in single[:10]) + (" …" if len(single) > 10 else "")
            raise TooFewRows(
                f"{source}: {len(single)} of {len(names)} labels have a single row: {shown}. Expected 2 or more, so "
                "that one can be learnt from and one held out (5 are better). Add rows, or leave these labels out."
            )
        return Answers(names=tuple(str(name) for name in names), truth=truth.astype(np.int64))

    def targets(self, answers: Answers) -> Targets:
        """One-hot rows."""
        return np.eye(len(answers.names), dtype=np.float32)[answers.truth]

    def decisions(self, names: Sequence[str], predicted: Predicted, microseconds: float) -> list[Decision]:
        """The likeliest name where it is accepted; candidates by falling probability, the likeliest among them."""
        best = predicted.probabilities.argmax(axis=1)
        return [self._decision(names, predicted, i, int(best[i]), microseconds) for i in range(len(best))]

    def _decision(self, names: Sequence[str], predicted: Predicted, i: int, best: int, microseconds: float) -> Decision:
        probabilities = predicted.probabilities[i]
        chosen = predicted.candidates[i].nonzero()[0]
        if len(chosen) > 1:
            chosen = chosen[np.argsort(-probabilities[chosen], kind="stable")][:MOST_CANDIDATES]
        accepted = bool(predicted.accepted[i])
        return Decision(
            label=names[best] if accepted else None,
            probability=float(probabilities[best]),
            accepted=accepted,
            reason=None if accepted else "unsure" if predicted.in_scope[i] else "out_of_scope",
            scope=float(predicted.scope[i]),
            candidates=tuple(Candidate(label=names[c], probability=float(probabilities[c])) for c in chosen),
            stage=int(predicted.stage[i]),
            microseconds=microseconds,
        )


TASK = Classify()
