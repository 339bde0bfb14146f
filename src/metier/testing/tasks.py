"""The contract of tasks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metier.errors import TooFewRows
from metier.tasks.base import Task
from metier.testing.base import ContractBroken, expect, expect_dense, softmax
from metier.types import Predicted

MICROSECONDS = 2.5


def check_task(task: Task, answers: Sequence[str] = ("card", "loan", "card", "pin", "loan", "pin")) -> None:
    """Hold a task to its promise: answers learnt in any order, too few refused, an answer or a reason for each row.

    Raises: ContractBroken.
    """
    expect(task.name.isidentifier(), f"name: {task.name!r} must be a file's name without .py, such as 'classify'")
    learnt = task.learn(answers, "sample")
    expect(len(set(learnt.names)) == len(learnt.names) > 0, f"learn: {learnt.names}; different names were expected")
    expect(len(learnt) == len(answers), f"learn: {len(learnt)} truths of {len(answers)} answers")
    turned = task.learn(answers[::-1], "sample")
    steady = turned.names == learnt.names and np.array_equal(turned.truth[::-1], learnt.truth)
    expect(steady, "learn: the names depend on the order of the rows")
    targets = task.targets(learnt)
    expect_dense("targets", targets, (len(answers), len(learnt.names)))
    expect(((targets >= 0) & (targets <= 1)).all(), "targets: some lie outside 0 to 1")
    _check_too_little(task, answers[:1])
    _check_decisions(task, learnt.names)


def _check_too_little(task: Task, answers: Sequence[str]) -> None:
    try:
        task.learn(answers, "sample")
    except TooFewRows as error:
        expect("sample" in str(error), f"learn: {str(error)!r} does not say which data is too little")
    else:
        raise ContractBroken("learn: one row was enough; TooFewRows was expected")


def _check_decisions(task: Task, names: Sequence[str]) -> None:
    predicted = _predicted(len(names))
    decisions = task.decisions(names, predicted, MICROSECONDS)
    expect(len(decisions) == len(predicted), f"decisions: {len(decisions)} for {len(predicted)} rows")
    for i, decision in enumerate(decisions):
        reason = None if predicted.accepted[i] else "unsure" if predicted.in_scope[i] else "out_of_scope"
        said = f"accepted {decision.accepted}, reason {decision.reason}, label {decision.label is not None}"
        due = f"accepted {reason is None}, reason {reason}, label {reason is None}"
        expect(said == due, f"decisions: {said}; {due} was expected")
        said = f"scope {decision.scope}, stage {decision.stage}, microseconds {decision.microseconds}"
        due = f"scope {predicted.scope[i]}, stage {predicted.stage[i]}, microseconds {MICROSECONDS}"
        expect(said == due, f"decisions: {said}; {due} was expected")
        likely = [candidate.probability for candidate in decision.candidates]
        expect(likely == sorted(likely, reverse=True), "decisions: the candidates do not fall in probability")
        expect({c.label for c in decision.candidates} <= set(names), "decisions: a candidate that was never learnt")
    none = task.decisions(names, _predicted(len(names), rows=0), MICROSECONDS)
    expect(none == [], f"decisions: {none} for no rows")


def _predicted(k: int, rows: int = 4) -> Predicted:
    """An answer, one not sure enough, one out of scope, and one that is both."""
    rng = np.random.default_rng(0)
    probabilities = softmax(rng.normal(size=(rows, k)).astype(np.float32))
    in_scope, sure = np.array([True, True, False, False])[:rows], np.array([True, False, True, False])[:rows]
    return Predicted(
        probabilities=probabilities,
        scope=np.where(in_scope, 0.6, 0.001),
        stage=np.array([1, 2, 2, 1])[:rows],
        in_scope=in_scope,
        accepted=in_scope & sure,
        candidates=probabilities >= np.median(probabilities, axis=1, keepdims=True),
    )
