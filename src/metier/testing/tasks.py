"""The contract of tasks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from metier.decide.accept import Rule
from metier.decide.base import Calibrator
from metier.errors import TooFewRows
from metier.evaluation import Judging
from metier.tasks.base import Answer, Answers, Task
from metier.testing.base import ContractBroken, expect, expect_dense
from metier.types import Passed, Predicted, Probabilities

MICROSECONDS, TIMES = 2.5, 5  # how often the sample is learnt


def check_task(task: Task, cells: Sequence[Any] | None = None) -> None:
    """Hold a task to its promise: answers learnt in any order, too few refused, an answer or a reason for each row.

    `cells` are those of answers, without gaps; by default the task's own sample.

    Raises: ContractBroken.
    """
    expect(task.name.isidentifier(), f"name: {task.name!r} must be a file's name without .py, such as 'classify'")
    answers = [task.read(cell) for cell in (task.sample if cells is None else cells)] * TIMES
    for gap in (None, "", "  "):
        expect(task.read(gap) is None, f"read: {gap!r} became {task.read(gap)!r}; None was expected of a gap")
    learnt = task.learn(answers, "sample")
    expect(len(set(learnt.names)) == len(learnt.names) > 0, f"learn: {learnt.names}; different names were expected")
    expect(len(learnt) == len(answers), f"learn: {len(learnt)} truths of {len(answers)} answers")
    turned = task.learn(answers[::-1], "sample")
    steady = turned.names == learnt.names and np.array_equal(turned.truth[::-1], learnt.truth)
    expect(steady, "learn: the names depend on the order of the rows")
    targets = task.targets(learnt)
    k = targets.shape[1]
    expect_dense("targets", targets, (len(answers), len(learnt.names)))
    if task.loss != "squared":
        expect(((targets >= 0) & (targets <= 1)).all(), "targets: some lie outside 0 to 1")
    strata = task.strata(learnt)
    expect(strata.shape == (len(answers),) and strata.min() == 0, "strata: a number from 0 for each row was expected")
    _check_too_little(task, answers[:1])
    scores = targets + np.random.default_rng(0).normal(0, 0.3, size=(len(answers), k)).astype(np.float32)
    given = task.given(learnt.names, answers, None)
    expect(np.array_equal(given.truth, learnt.truth), "given: other truths than those learnt")
    calibrator = task.calibrate(scores[None], truth=learnt.truth, familiarity=None, max_error=None)
    probabilities = calibrator.probabilities(scores[None])
    losses = task.losses(learnt.truth, probabilities)
    expect(losses.shape == (len(answers),) and (losses >= 0).all(), "losses: one of 0 or more was expected of each row")
    expect(losses.mean() < 1, "losses: a head that knows much loses as much as one that knows nothing")
    _check_decisions(task, learnt, probabilities, calibrator)


def _check_too_little(task: Task, answers: Sequence[Answer]) -> None:
    try:
        task.learn(answers, "sample")
    except TooFewRows as error:
        expect("sample" in str(error), f"learn: {str(error)!r} does not say which data is too little")
    else:
        raise ContractBroken("learn: one row was enough; TooFewRows was expected")


def _check_decisions(task: Task, learnt: Answers, probabilities: Probabilities, calibrator: Calibrator) -> None:
    """An answer, one not sure enough, one out of scope, and one that is both."""
    names, confidence = learnt.names, calibrator.confidence(probabilities)
    order = np.argsort(-confidence, kind="stable")[[0, -1, 1, -2]]
    scope = np.array([0.6, 0.6, 0.001, 0.001])
    # above what any label of the least sure row reaches, and below what every label of the surest does
    passed = Passed(
        probabilities=probabilities[order], confidence=confidence[order], scope=scope, stage=np.array([1, 2, 2, 1])
    )
    rule = Rule(false_refusal=0.02, max_error=None, scope_threshold=0.01, accept_threshold=0.0, candidate_threshold=0.1)
    for accept in (0.0, float(confidence[order[0]]), 1.1):
        predicted = task.ruled(replace(rule, accept_threshold=accept), passed)
        expect(not predicted.accepted[2:].any(), "ruled: a row out of scope was accepted")
        expect(
            bool(predicted.accepted[0]) == (accept <= 1), f"ruled: accepted from {accept} on, at {confidence[order[0]]}"
        )
        _check_said(task, names, predicted)
    none = task.decisions(names, task.ruled(rule, _none(passed)), MICROSECONDS)
    expect(none == [], f"decisions: {none} for no rows")
    answer, column = task.leading(names, probabilities[0])
    expect(answer in names and 0 <= column < probabilities.shape[1], f"leading: {answer!r} in column {column}")
    unread = task.unread("it was blank")
    expect(unread.reason == "bad_input" and unread.error == "it was blank", "unread: neither the reason nor the error")
    keys = list(unread.json())
    for decision in task.decisions(names, task.ruled(rule, passed), MICROSECONDS):
        expect([*decision.json(), "error"] == keys, "decisions: JSON with other keys than that of a cell not read")
        expect(isinstance(task.replayed(decision)[1], float), "replayed: a number was expected second")
        json.dumps(decision.json(), allow_nan=False)
    judged = task.judged(names, learnt.truth, task.ruled(rule, _all(probabilities, calibrator)), Judging(rule=rule))
    json.dumps(judged.json(), allow_nan=False)
    expect(judged.rows == len(learnt), f"judged: {judged.rows} rows of {len(learnt)}")
    expect(len(judged.summary()) > 2, "judged: hardly a line in its summary")
    expect(len(task.lines(judged.json())) > 0, "lines: none of the figures it has written down")


def _check_said(task: Task, names: Sequence[str], predicted: Predicted) -> None:
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


def _none(passed: Passed) -> Passed:
    return Passed(**{field.name: getattr(passed, field.name)[:0] for field in fields(Passed)})


def _all(probabilities: Probabilities, calibrator: Calibrator) -> Passed:
    n = len(probabilities)
    return Passed(
        probabilities=probabilities,
        confidence=calibrator.confidence(probabilities),
        scope=np.ones(n),
        stage=np.ones(n, np.int64),
    )
