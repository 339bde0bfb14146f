"""Numbers: what cells are read as one, what is learnt, promised and told of them, and how well intervals hold."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import metier
from metier.errors import BadCell, BadOption, MissingColumn, PromiseNotSupported, TooFewRows
from metier.judges.regress import spearman
from metier.tasks.regress import TASK
from metier.types import Estimate

THINGS = {"chair": 40, "table": 120, "wardrobe": 220, "lamp": 25, "sofa": 300, "shelf": 60}


def sales(count: int, seed: int) -> dict[str, list[Any]]:
    draw = random.Random(seed)
    chosen = [(draw.choice([*THINGS]), draw.choice(["oak", "pine"])) for _ in range(count)]
    return {
        "text": [f"a {thing} of {wood}, number {draw.randrange(10**6)}" for thing, wood in chosen],
        "price": [THINGS[t] * (1.5 if w == "oak" else 1) + draw.gauss(0, 10) for t, w in chosen],
    }


@pytest.fixture(scope="module")
def specialist() -> metier.Specialist:
    return metier.train(sales(600, 0), effort="quick")


def test_a_column_of_many_numbers_is_learnt_as_numbers_and_this_is_said(specialist: metier.Specialist) -> None:
    assert (specialist.task, specialist.labels) == ("regress", ("price",))


def test_the_truth_lies_inside_as_often_as_was_promised(specialist: metier.Specialist) -> None:
    figures = specialist.evaluate(sales(500, 1))
    assert figures.promise in ("kept", "within chance")
    said: dict[str, Any] = figures.json()
    assert 0.85 < said["inside"]["value"] < 0.97
    assert said["rmse"]["value"] < 40
    assert said["width"] < said["spread"]
    assert said["spearman"] > 0.9
    assert said["points"][0].keys() == {"truth", "estimate", "low", "high", "text"}


def test_a_stricter_promise_makes_intervals_wider(specialist: metier.Specialist) -> None:
    strict = metier.train(sales(600, 0), effort="quick", max_error=0.02)
    for text in sales(5, 2)["text"]:
        [usual], [wide] = specialist.predict([text]), strict.predict([text])
        assert isinstance(usual, Estimate)
        assert isinstance(wide, Estimate)
        assert (usual.probability, wide.probability) == pytest.approx((0.9, 0.98))
        assert wide.json()["high"] > usual.json()["high"]  # type: ignore[operator]


def test_what_is_too_wide_is_no_answer_where_a_width_was_asked_for(specialist: metier.Specialist) -> None:
    widths = sorted(d.json()["high"] - d.json()["low"] for d in specialist.predict(sales(200, 5)["text"]))  # type: ignore[operator]
    narrow = metier.train(sales(600, 0), effort="quick", max_width=widths[100])
    decisions = narrow.predict(sales(200, 5)["text"])
    assert 50 < sum(d.accepted for d in decisions) < 150
    for decision in decisions:
        assert isinstance(decision, Estimate)
        assert decision.accepted == (decision.reason is None)
        if decision.reason == "unsure":
            assert decision.json()["high"] - decision.json()["low"] > widths[100] * 0.9999  # type: ignore[operator]
    with pytest.raises(PromiseNotSupported, match=r"No interval is as narrow as 0\.001"):
        metier.train(sales(100, 0), effort="quick", max_width=0.001)
    with pytest.raises(BadOption, match="max_width=3: the answers are labels"):
        metier.train({"text": sales(60, 0)["text"], "label": ["x", "y"] * 30}, effort="quick", max_width=3)


def test_what_is_told_of_a_row(specialist: metier.Specialist) -> None:
    answer, strange, blank = specialist.predict(["a sofa of oak, number 3", "zxqv wkjh 7777 ŋŋŋ", ""])
    assert isinstance(answer, Estimate)
    low, estimate, high = [*answer.json().values()][1], answer.estimate, answer.high
    assert low < estimate < high  # type: ignore[operator]
    assert answer.label == f"{answer.estimate:.6g}"
    assert [*answer.json()][:5] == ["estimate", "low", "high", "probability", "accepted"]
    assert (strange.accepted, strange.label, strange.reason) == (False, None, "out_of_scope")
    assert (blank.reason, blank.json()["estimate"]) == ("bad_input", None)


def test_it_comes_back_from_its_folder_and_is_shown(specialist: metier.Specialist, tmp_path: Path) -> None:
    folder = tmp_path / "price"
    metier.train(sales(300, 0), effort="quick", output=folder)
    again = metier.load(folder)
    assert again.predict(["a lamp of pine"])[0].json()["low"] is not None
    page, card = ((folder / name).read_text("utf-8") for name in ("report.html", "README.md"))
    assert "Do intervals hold what they promise?" in page
    assert "a number, 'price'" in card.replace("\\", "")
    assert "The true value lies inside the interval 90.0% of the time." in card
    assert json.loads((folder / "report.json").read_text("utf-8"))["task"] == "regress"


def test_rows_that_are_none_of_its_business_come_in_a_table_of_their_own(specialist: metier.Specialist) -> None:
    figures: dict[str, Any] = specialist.evaluate(
        sales(100, 3), out_of_scope={"text": [f"ŋþ æß{i} ðđ" for i in range(50)]}
    ).json()
    assert figures["rows"] == 100
    assert figures["out_of_scope"]["caught"]["value"] > 0.9
    with pytest.raises(BadOption, match="the answers of this specialist are numbers"):
        specialist.evaluate(sales(100, 3), out_of_scope_label="oos")


def test_rows_without_a_number_are_counted(specialist: metier.Specialist) -> None:
    table = sales(100, 4)
    table["price"][:10] = [None] * 5 + ["n/a"] * 5
    figures = specialist.evaluate(table).json()
    assert (figures["rows"], figures["unlabelled"]) == (90, 10)


@pytest.mark.parametrize(("cell", "number"), [(1, 1.0), ("2.5", 2.5), (" 1e3 ", 1000.0), ("", None), (math.nan, None)])
def test_numbers_are_read(cell: Any, number: float | None) -> None:
    assert TASK.read(cell) == number


@pytest.mark.parametrize("cell", ["twelve", "nan", "1e400", True, [1], "12 euros"])
def test_what_is_no_number_is_refused(cell: Any) -> None:
    with pytest.raises(BadCell, match="is no number"):
        TASK.read(cell)


@pytest.mark.parametrize(
    ("cells", "likely"),
    [
        ([i * 0.37 for i in range(50)], True),
        ([str(i * 1.5) for i in range(50)], True),
        ([*range(100)], True),
        ([i % 5 for i in range(100)], False),
        ([i % 77 for i in range(2000)], False),
        ([True, False] * 30, False),
        (["a", "b"] * 30, False),
        ([0.5, 1.5] * 30, False),
    ],
)
def test_which_columns_look_like_numbers_to_be_estimated(cells: list[Any], likely: bool) -> None:
    assert (TASK.likely(cells) > 0.5) == likely


def test_too_little_is_refused_with_what_would_do() -> None:
    with pytest.raises(TooFewRows, match="Expected 20 or more"):
        metier.train(sales(12, 0), effort="quick", task="regress")
    with pytest.raises(TooFewRows, match="the only number is 3"):
        TASK.learn([3.0] * 30, "sales.csv")
    with pytest.raises(PromiseNotSupported, match="Expected 1,000 or more"):
        metier.train(sales(200, 0), effort="quick", max_error=0.001)
    with pytest.raises(MissingColumn, match="holds no number"):
        metier.train({"text": ["a b", "c d"] * 9, "label": ["x", "y"] * 9}, task="regress")


def test_the_order_of_ties_is_shared() -> None:
    assert spearman(np.array([1.0, 2, 3, 4]), np.array([10.0, 20, 20, 30])) == pytest.approx(0.9486833)
    assert math.isnan(spearman(np.array([1.0, 2]), np.array([3.0, 3])))
