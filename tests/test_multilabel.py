"""Labels that stand by themselves: how they are written, what gaps mean, what is promised and told of each."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import metier
from metier.data.read import read
from metier.errors import BadCell, BadOption, TooFewRows
from metier.tasks.multilabel import TASK
from metier.types import Marking

TOPICS = {"delivery": "the parcel came late", "refund": "send my money back", "quality": "the handle broke"}


def messages(count: int, seed: int, *, gaps: float = 0.0) -> dict[str, list[Any]]:
    draw = random.Random(seed)
    table: dict[str, list[Any]] = {"text": [], **{topic: [] for topic in TOPICS}}
    for i in range(count):
        about = draw.sample([*TOPICS], draw.choice([0, 1, 1, 2]))
        table["text"].append(f"{i}: {' and '.join(TOPICS[topic] for topic in about) or 'I have a question'}")
        for topic in TOPICS:
            gap = topic != "delivery" and draw.random() < gaps
            table[topic].append(None if gap else int((topic in about) != (draw.random() < 0.05)))
    return table


@pytest.fixture(scope="module")
def specialist() -> metier.Specialist:
    return metier.train(messages(500, 0, gaps=0.3), target="delivery,refund,quality", effort="quick", max_error=0.15)


def test_columns_side_by_side_are_labels_and_blanks_are_gaps(specialist: metier.Specialist) -> None:
    assert (specialist.task, specialist.labels) == ("multilabel", ("delivery", "refund", "quality"))
    figures: dict[str, Any] = specialist.evaluate(messages(300, 1, gaps=0.3)).json()
    assert figures["roc_auc"]["value"] > 0.85
    assert figures["pairs"] < 3 * 300
    assert figures["per_label"][0]["rows"] == 300 > figures["per_label"][1]["rows"]
    assert figures["promise"] in ("kept", "within chance")
    assert figures["error"]["value"] < 0.15
    assert figures["calibration_error"] < 0.06


def test_every_label_is_told_with_its_probability(specialist: metier.Specialist) -> None:
    both, strange, blank = specialist.predict(["the handle broke and send my money back", "ŋþ æß ðđ ŧł", ""])
    assert isinstance(both, Marking)
    assert [mark.label for mark in both.labels] == ["delivery", "refund", "quality"]
    assert {mark.label for mark in both.labels if mark.there} == {"refund", "quality"}
    assert (both.label, both.words()) == ("refund|quality", "refund, quality")
    said: Any = both.json()["labels"]
    assert said["refund"]["there"] is True
    assert said["refund"]["probability"] > 0.5
    assert (strange.label, strange.reason, strange.accepted) == (None, "out_of_scope", False)
    assert (blank.reason, blank.json()["labels"]) == ("bad_input", {})


def test_without_a_promise_every_label_is_answered_and_with_one_only_the_sure() -> None:
    loose = metier.train(messages(400, 0), target="delivery,refund,quality", effort="quick")
    marks = [
        m for d in loose.predict(messages(50, 2)["text"]) if isinstance(d, Marking) and d.accepted for m in d.labels
    ]
    assert all(mark.there is not None for mark in marks)


def written(how: str, count: int = 300) -> Any:
    """The same messages with their labels as one column."""
    table = messages(count, 0)
    named = [[t for t in TOPICS if table[t][i]] for i in range(count)]
    cells: list[Any] = named if how == "lists" else ["|".join(names) or "|" for names in named]
    return {"text": table["text"], "topics": cells}


@pytest.mark.parametrize("how", ["lists", "bars"])
def test_names_in_one_cell_are_labels_too(how: str) -> None:
    specialist = metier.train(written(how), effort="quick")
    assert (specialist.task, specialist.labels) == ("multilabel", ("delivery", "quality", "refund"))
    figures = specialist.evaluate(written(how)).json()
    assert figures["rows"] == 300


def test_lists_are_read_from_json_lines(tmp_path: Path) -> None:
    file = tmp_path / "messages.jsonl"
    table = written("lists")
    lines = (json.dumps({"text": t, "topics": n}) for t, n in zip(table["text"], table["topics"], strict=True))
    file.write_text("\n".join(lines), "utf-8")
    specialist = metier.train(file, effort="quick", output=tmp_path / "topics")
    assert specialist.task == "multilabel"
    assert metier.load(tmp_path / "topics").labels == specialist.labels
    assert "Label by label" in (tmp_path / "topics" / "report.html").read_text("utf-8")
    assert len(read(file)) == 300


def test_labels_never_learnt_are_counted_and_rows_of_no_business_named(specialist: metier.Specialist) -> None:
    learnt = metier.train(written("bars"), effort="quick")
    table = written("bars", 60)
    table["topics"][:4] = ["delivery|weather"] * 2 + ["oos"] * 2
    figures: dict[str, Any] = learnt.evaluate(table, out_of_scope_label="oos").json()
    assert figures["unknown"] == {"weather": 2}
    assert (figures["rows"], figures["out_of_scope"]["rows"]) == (58, 2)
    with pytest.raises(BadOption, match="a label it learnt, or one no row has"):
        learnt.evaluate(table, out_of_scope_label="nothing")


@pytest.mark.parametrize(
    ("cell", "marks"),
    [
        ("a|b", ("a", "b")), ("b | a|b", ("a", "b")), ("|", ()), ("a", ("a",)), (["b", "a"], ("a", "b")), ([], ()),
        ("", None), (None, None), ((1, 0), (1.0, 0.0)), (("yes", "No"), (1.0, 0.0)), ((None, ""), None),
    ],
)  # fmt: skip
def test_cells_are_read(cell: Any, marks: Any) -> None:
    assert TASK.read(cell) == marks


def test_what_is_neither_there_nor_absent_is_refused() -> None:
    with pytest.raises(BadCell, match="'2' is neither 0 nor 1"):
        TASK.read((1, 2))
    with pytest.raises(TooFewRows, match="'refund'"):
        TASK.learn([("a",), ("b",), ("a", "b", "refund"), ()] * 1, "messages.csv")


def test_gaps_teach_nothing_and_cost_nothing() -> None:
    truth = np.array([[1, np.nan], [0, 1], [1, 0], [0, 0]], np.float32)
    sure = np.array([[0.9, 0.0], [0.1, 0.9], [0.9, 0.1], [0.1, 0.1]], np.float32)
    other = np.where(np.isnan(truth), 1.0, sure).astype(np.float32)
    assert np.array_equal(TASK.losses(truth, sure), TASK.losses(truth, other))
    assert TASK.losses(truth, sure).max() < 0.1
