"""Five rows and more, judged by hand: what counts as right, answered, refused, unknown."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from metier.decide.accept import Rule
from metier.errors import TooFewRows
from metier.evaluation import Judging
from metier.judge import OUTSIDE, UNKNOWN, evaluation_of
from metier.types import Predicted

LABELS = ("balance", "card lost", "transfer")


def _rule(max_error: float | None = 0.02) -> Rule:
    return Rule(
        false_refusal=0.02, max_error=max_error, scope_threshold=0.1, accept_threshold=0.6, candidate_threshold=0.1
    )


def _predicted(rows: list[tuple[list[float], float, int, bool, bool]]) -> Predicted:
    """Rows of (probabilities, scope, stage, in scope, accepted)."""
    probabilities = np.array([r[0] for r in rows], np.float32)
    return Predicted(
        probabilities=probabilities,
        scope=np.array([r[1] for r in rows]),
        stage=np.array([r[2] for r in rows]),
        in_scope=np.array([r[3] for r in rows]),
        accepted=np.array([r[4] for r in rows]),
        candidates=probabilities > 0.1,
    )


ROWS = [
    ([0.9, 0.1, 0.0], 0.9, 1, True, True),  # right
    ([0.2, 0.7, 0.1], 0.8, 1, True, True),  # wrong, answered
    ([0.0, 0.6, 0.4], 0.7, 2, True, False),  # right, unsure
    ([0.1, 0.1, 0.8], 0.1, 2, False, False),  # right, refused as out of scope
    ([0.0, 0.0, 0.0], 0.0, 0, False, False),  # unreadable
    ([0.3, 0.4, 0.3], 0.05, 2, False, False),  # out of scope, caught
    ([0.9, 0.1, 0.0], 0.8, 1, True, True),  # out of scope, answered anyway
    ([0.8, 0.1, 0.1], 0.9, 1, True, True),  # never learnt, answered
]
TRUTH = np.array([0, 0, 1, 2, 0, OUTSIDE, OUTSIDE, UNKNOWN])
TEXTS = [f"row {i}" for i in range(8)]


def _evaluation(**changes: Any) -> Any:
    options = {"rule": _rule(), "texts": TEXTS, "unknown": {"mortgage": 1}, **changes}
    return evaluation_of(LABELS, TRUTH, _predicted(ROWS), Judging(**options))


def test_in_scope_figures_count_every_in_scope_row_and_no_other() -> None:
    found = _evaluation()
    assert found.rows == 5
    assert (found.accuracy.value, found.accuracy.rows) == (0.6, 5)  # the unreadable row is there, and wrong
    assert found.coverage.value == 0.4
    assert (found.error.value, found.error.rows) == (0.5, 2)
    assert found.error.low < 0.01 < 0.99 < found.error.high
    assert found.false_refusal.value == 0.2  # the unreadable row is no refusal of scope
    assert found.bad_input == 1


def test_an_unreadable_cell_is_never_right_though_its_empty_row_points_at_the_right_label() -> None:
    rows = [([0.0, 0.0, 0.0], 0.0, 0, False, False), ROWS[0]]
    found = evaluation_of(LABELS, np.array([0, 0]), _predicted(rows), Judging(rule=_rule()))
    assert found.accuracy.value == 0.5
    assert found.per_class[0].recall == 0.5
    assert found.log_loss == pytest.approx(-math.log(0.9), abs=1e-6)  # of the one row with probabilities


def test_out_of_scope_rows_have_figures_of_their_own() -> None:
    out = _evaluation().out_of_scope
    assert (out.rows, out.caught.value, out.answered.value) == (2, 0.5, 0.5)
    assert out.scope_auroc == pytest.approx((4 + 1.5) / 8)  # 0.05 is under all four; 0.8 under one and tied with one
    assert evaluation_of(LABELS, TRUTH[:5], _predicted(ROWS[:5]), Judging(rule=_rule())).out_of_scope is None


def test_labels_never_learnt_are_named_counted_and_in_no_other_figure() -> None:
    found, without = (
        _evaluation(),
        evaluation_of(LABELS, TRUTH[:7], _predicted(ROWS[:7]), Judging(rule=_rule(), texts=TEXTS[:7])),
    )
    assert (found.unknown, found.unknown_answered) == ({"mortgage": 1}, 1)
    assert replace(found, unknown={}, unknown_answered=0) == without
    [line] = [line for line in found.summary() if line.name == "Unknown labels"]
    assert line.figure == "1"
    assert "mortgage (1)" in line.meaning
    assert "1 answered, each wrongly" in line.meaning


@pytest.mark.parametrize(
    ("wrong", "rows", "max_error", "expected"),
    [
        (1, 100, None, "none"),
        (1, 100, 0.02, "kept"),
        (2, 100, 0.02, "kept"),
        (3, 100, 0.02, "within chance"),
        (30, 100, 0.02, "broken"),
        (0, 0, 0.02, "untested"),
    ],
)
def test_a_promise_is_judged_by_the_range_of_the_error(
    wrong: int, rows: int, max_error: float | None, expected: str
) -> None:
    answered = [([0.9, 0.1, 0.0], 0.9, 1, True, True)] * rows
    predicted = _predicted([*answered, ([0.4, 0.3, 0.3], 0.9, 1, True, False)])
    truth = np.array([1] * wrong + [0] * (rows - wrong) + [0])
    found = evaluation_of(LABELS, truth, predicted, Judging(rule=_rule(max_error=max_error)))
    assert found.promise == expected
    assert (found.error is None) == (rows == 0)
    assert [line.figure for line in found.summary() if line.name == "Promise"] == ([expected] if max_error else [])


def test_stages_share_out_the_in_scope_rows() -> None:
    # the unreadable row is wrong at every stage, whatever the arrays hold for it
    alone = [
        np.eye(3, dtype=np.float32)[[0, 0, 0, 0, 0, 0, 0, 0]],
        np.eye(3, dtype=np.float32)[[0, 0, 1, 2, 0, 0, 0, 0]],
    ]
    one, two, three = _evaluation(stage_names=("ngrams.v1", "sentence.v1", "tuned.v1"), alone=alone).stages
    assert (one.name, one.rows, one.share, one.accuracy.value, one.alone) == ("ngrams.v1", 2, 0.4, 0.5, 0.4)
    assert (two.name, two.rows, two.share, two.accuracy.value, two.alone) == ("sentence.v1", 2, 0.4, 1.0, 0.8)
    assert (three.rows, three.share, three.accuracy, three.alone) == (0, 0.0, None, None)
    assert [s.name for s in _evaluation().stages] == ["stage 1", "stage 2"]


def test_confusions_carry_the_cells_as_people_read_them() -> None:
    [pair] = _evaluation().confusions
    assert (pair.truth, pair.guess, pair.count, pair.answered) == ("balance", "card lost", 1, 1)
    assert pair.share == 0.5  # the other error on "balance" is the unreadable row
    assert pair.examples == ("row 1",)
    [long] = _evaluation(texts=["x" * 5000] * 8).confusions
    assert len(long.examples[0]) == 200
    [bare] = _evaluation(texts=None).confusions
    assert bare.examples == ()


def test_histograms_hold_every_readable_row_of_their_kind() -> None:
    found = _evaluation()
    assert {kind: sum(counts) for kind, counts in found.confidences.items()} == {"right": 3, "wrong": 1}
    assert {kind: sum(counts) for kind, counts in found.scopes.items()} == {"in scope": 4, "out of scope": 2}


def test_json_is_plain_and_the_same_each_time() -> None:
    found = _evaluation().json()
    text = json.dumps(found, allow_nan=False)
    assert json.loads(text) == found
    assert found["schema"] == 1
    assert found["accuracy"] == {"value": 0.6, "low": 0.230724, "high": 0.882379, "rows": 5}
    assert found["latency"] is None
    assert text == json.dumps(_evaluation().json())


def test_figures_that_do_not_exist_are_null_and_a_dash() -> None:
    rows = [([0.0, 0.0, 0.0], 0.0, 0, False, False)]
    found = evaluation_of(LABELS, np.array([1]), _predicted(rows), Judging(rule=_rule()))
    assert found.accuracy.value == 0.0
    assert found.json()["calibration_error"] is None
    assert {line.name: line.figure for line in found.summary()}["Calibration error"] == "–"
    json.dumps(found.json(), allow_nan=False)


def test_ten_thousand_rows_keep_a_small_curve_that_ends_at_the_error_of_all() -> None:
    random = np.random.default_rng(0)
    confidence = random.uniform(0.34, 1, 10_000)
    rows = [([c, (1 - c) / 2, (1 - c) / 2], 0.5, 1, True, True) for c in confidence]
    truth = np.where(random.random(10_000) < confidence, 0, 1)
    curve = evaluation_of(LABELS, truth, _predicted(rows), Judging(rule=_rule())).curve
    assert len(curve.coverage) == len(curve.risk) == 200
    assert curve.coverage[-1] == 1.0
    assert curve.risk[-1] == pytest.approx((truth != 0).mean())


def test_no_row_with_a_known_label_is_an_error_that_names_the_labels() -> None:
    expected = r"none of the 1 rows has a label this specialist learnt.*balance, card lost, transfer.*target column"
    with pytest.raises(TooFewRows, match=expected):
        evaluation_of(LABELS, TRUTH[-1:], _predicted(ROWS[-1:]), Judging(rule=_rule()))
