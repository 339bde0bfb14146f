"""Classify: exactly one of the names learnt, or an abstention.

Knows names and probabilities; not what was classified.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from metier.decide.accept import Rule, accept_threshold, candidate_threshold
from metier.decide.suspects import suspects
from metier.errors import BadOption, MissingColumn, TooFewRows
from metier.evaluation import Evaluation, Judging, Line
from metier.judge import OUTSIDE, UNKNOWN, evaluation_of
from metier.tasks.base import SPECIALIST, Answers, Doubt, Given, Thresholds, label_text
from metier.types import (
    Candidate,
    Decision,
    Floats,
    Labels,
    Loss,
    Passed,
    Predicted,
    Probabilities,
    Scores,
    Targets,
)

if TYPE_CHECKING:
    from metier.decide.calibrate import Blend

MOST_CANDIDATES = 5
LEAST_NAMES, LEAST_ROWS = 2, 2  # one row of a name to learn from, one to hold out
# What data sets call rows that are nobody's business; only where the specialist has no label of that name.
_OUTSIDE_NAMES = {"oos", "out of scope", "out of domain", "none of these"}


class Classify:
    """One name for each row."""

    name = "classify"
    form = SPECIALIST
    loss: Loss = "softmax"
    decision: type[Decision] = Decision
    named = True
    least_names = LEAST_NAMES
    beside = "a calibrated probability and the candidates that may be right"
    unsure = "its best label has a probability"
    listed = (
        ("accuracy, if made to answer everything", "accuracy"),
        ("share answered", "coverage"),
        ("wrong among those answered (99 % range)", "error"),
        ("refused as out of scope though in scope", "false_refusal"),
        ("macro-F1", "macro_f1"),
        ("calibration error", "calibration_error"),
    )
    numbers: frozenset[str] = frozenset()
    metrics: Mapping[str, str] = {"accuracy": "accuracy", "f1": "macro_f1"}
    sample: tuple[Any, ...] = ("card", "loan", "card", "pin", "loan", "pin")

    def likely(self, cells: Sequence[Any]) -> float:
        """Half: any cells that no other task takes for its own may be names."""
        return 0.5

    def seen(self, cells: Sequence[Any], where: str) -> str:
        """How many different names there are.

        Raises: MissingColumn when they can be no target: nothing in it, or no name twice.
        """
        labels = [label for label in map(label_text, cells) if label is not None]
        if not labels:
            raise MissingColumn(
                f"{where} is empty in all {len(cells):,} rows. Expected a label in each; fill it, or name another "
                "column with --target."
            )
        different = len(set(labels))
        if different == len(labels) > 2:
            raise MissingColumn(
                f"{where} is of the wrong kind for a target: its {different:,} values are all different, such as "
                f"{labels[0][:60]!r}. Expected labels that repeat. Name the column with --target."
            )
        return f"{different:,} different values in {len(cells):,} rows"

    def read(self, cell: Any) -> str | None:
        """The name in a cell."""
        return label_text(cell)

    def learn(self, answers: Sequence[str], source: str, columns: Sequence[str] = ()) -> Answers:
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

    def strata(self, answers: Answers) -> Labels:
        """The names themselves."""
        return answers.truth

    def opinion(self, scores: Scores, truth: Labels) -> Callable[[Scores], Targets]:
        """Calibrated probabilities."""
        from metier.decide.calibrate import Blend

        calibrator = Blend.fit(scores[None], truth)
        return lambda told: calibrator.probabilities(told[None])

    def calibrate(self, scores: Scores, *, truth: Labels, familiarity: Floats | None, max_error: float | None) -> Blend:
        """One blend of the heads for all names."""
        from metier.decide.calibrate import Blend

        return Blend.fit(scores, truth)

    def losses(self, truth: Labels, probabilities: Probabilities) -> Floats:
        """1 for a wrong name, 0 for the right one."""
        return np.asarray(probabilities.argmax(axis=1) != truth, np.float64)

    def thresholds(
        self,
        passed: Passed,
        inside: NDArray[np.bool_],
        truth: Labels,
        max_error: float | None,
        max_width: float | None = None,
    ) -> Thresholds:
        """The probability from which on at most `max_error` are wrong, and that of nearly all true names."""
        right = passed.probabilities.argmax(axis=1) == truth
        return Thresholds(
            accept=0.0 if max_error is None else accept_threshold(passed.confidence[inside], right[inside], max_error),
            candidate=candidate_threshold(passed.probabilities[np.arange(len(truth)), truth]),
        )

    def ruled(self, rule: Rule, passed: Passed) -> Predicted:
        """Accepted where in scope and sure enough."""
        in_scope = passed.scope >= rule.scope_threshold
        return Predicted(
            probabilities=passed.probabilities,
            scope=passed.scope,
            stage=passed.stage,
            in_scope=in_scope,
            accepted=in_scope & (passed.confidence >= rule.accept_threshold),
            candidates=passed.probabilities >= np.minimum(rule.candidate_threshold, passed.confidence)[:, None],
        )

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

    def leading(self, names: Sequence[str], probabilities: Probabilities) -> tuple[str, int]:
        """The likeliest name, accepted or not."""
        best = int(probabilities.argmax())
        return names[best], best

    def unread(self, problem: str) -> Decision:
        """An abstention without candidates."""
        return Decision.unread(problem)

    def replayed(self, decision: Decision) -> tuple[str | None, float]:
        """The label and its probability."""
        return decision.label, decision.probability

    def given(self, names: Sequence[str], answers: Sequence[str], outside_label: str | None) -> Given:
        """Positions of names; a label such as "oos" that was never learnt is taken as out of scope, with a note.

        Raises: BadOption when `outside_label` was learnt, or no row has it.
        """
        found = Counter(answers)
        if outside_label is not None:
            _check_outside(outside_label, names, found)
        learnt = {name: i for i, name in enumerate(names)}
        guessed = [name for name in found if name not in learnt and name != outside_label and _means_outside(name)]
        truths = dict.fromkeys(found, UNKNOWN) | dict.fromkeys(guessed, OUTSIDE) | learnt
        if outside_label is not None:
            truths[outside_label] = OUTSIDE
        truth = np.array([truths[answer] for answer in answers], np.int64)
        unknown = Counter(answer for answer in answers if truths[answer] == UNKNOWN)
        return Given(
            truth=truth,
            outside=truth == OUTSIDE,
            unknown=dict(unknown.most_common()),
            notes=[
                f"The specialist never learnt the label '{name}': its {found[name]:,} rows are taken as out of scope."
                for name in guessed
            ],
        )

    def judged(
        self,
        names: Sequence[str],
        truth: Labels,
        predicted: Predicted,
        known: Judging,
    ) -> Evaluation:
        """Accuracy, confusions, calibration, what a threshold would cost."""
        return evaluation_of(names, truth, predicted, known)

    def text(self, answer: str) -> str:
        """The name."""
        return answer

    def doubts(self, answers: Answers, probabilities: Probabilities) -> list[Doubt]:
        """Rows where another name is likelier, or the given one all but ruled out."""
        labels, names = answers.truth, answers.names
        found = suspects(labels, probabilities)
        told = []
        for row, likelier in zip(found.rows.tolist(), found.likelier.tolist(), strict=True):
            label, other = names[labels[row]], names[likelier]
            own, better = float(probabilities[row, labels[row]]), float(probabilities[row, likelier])
            told.append(
                Doubt(
                    kind="wrong_label",
                    row=row,
                    has=f"has the label '{label}' ({own:.1%}); '{other}' is likelier ({better:.1%})",
                    suggestion=f"Read it; if it is wrong, label it '{other}'.",
                    evidence={
                        "label": label,
                        "probability": round(own, 6),
                        "likelier": other,
                        "likelier_probability": round(better, 6),
                    },
                    alike=np.flatnonzero(labels == likelier),
                )
            )
        return told

    def told(self, names: Sequence[str]) -> str:
        """One of so many labels."""
        return f"one of {len(names):,} labels"

    def promised(self, max_error: float | None) -> str:
        """The share wrong."""
        if max_error is None:
            return "nothing"
        return f"at most {max_error:.1%} wrong among what it answers, with 95% confidence"

    def pledge(self, max_error: float | None) -> Sequence[str]:
        """The bound on the share wrong."""
        if max_error is None:
            return ["No bound on its errors was asked for when it was trained (`--max-error` sets one)."]
        return [
            f"At most {max_error * 100:.6g}% wrong among the inputs of its trade that it answers. The bound was "
            "tested for inputs drawn like the training rows, and holds for no others."
        ]

    def lines(self, figures: Mapping[str, Any]) -> list[Line]:
        """How right it is, how much it answers, and how much of that is wrong."""
        judged = f"made to answer all {figures['rows']:,} rows, each out of fold"
        return [
            Line("Accuracy", _range(figures["accuracy"]), f"{judged}; 95% range"),
            Line("Answered", _range(figures["coverage"]), "the others are unsure or look out of scope"),
            Line("Wrong among answered", _range(figures["error"]), _promise(figures)),
        ]


def _range(interval: Mapping[str, float] | None) -> str:
    return f"{interval['value']:.1%} ({interval['low']:.1%} to {interval['high']:.1%})" if interval else "–"


def _promise(figures: Mapping[str, Any]) -> str:
    if figures["max_error"] is None:
        return "nothing was promised; 99% range"
    return f"promised at most {figures['max_error']:.1%}: {figures['promise']}; 99% range"


def _means_outside(name: str) -> bool:
    return name.casefold().replace("_", " ").replace("-", " ").strip() in _OUTSIDE_NAMES


def _check_outside(name: str, labels: Sequence[str], found: Counter[str]) -> None:
    if name in labels:
        raise BadOption(
            f"out_of_scope_label: the specialist learnt '{name}' as one of its labels. Expected one it does not have. "
            f"Leave the option out, or train again without the rows of '{name}'."
        )
    if name not in found:
        others = ", ".join(other for other, _ in found.most_common() if other not in labels) or "none"
        raise BadOption(
            f"out_of_scope_label: no row has the label '{name}'. Labels of these rows that it never learnt: "
            f"{others}. Name one of them, or leave the option out."
        )


TASK = Classify()
