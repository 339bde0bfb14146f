"""A real, tiny specialist against rows that go wrong in every way rows do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from metier.errors import BadOption, MissingColumn, TooFewRows
from metier.evaluate import BATCH_ROWS, MOST_ROWS_ALONE, evaluate
from metier.specialist import Specialist
from metier.types import Table

WORDS = {
    "balance": ("how much money is on my account", "show me the balance", "what is left on my current account"),
    "card lost": ("my card is gone", "someone stole my card", "I cannot find my debit card"),
    "transfer": ("send fifty euros to Ann", "wire the rent to my landlord", "transfer money to my sister"),
}
ENDS = ("", " please", " today", " now", " thanks", " as soon as you can", ", can you", " for me", "?", " again")
FOREIGN = ["qzx vbnm 1234", "Ωμέγα καὶ ἄλφα", "wkj ppq zzt", "xyzzy plugh"]


@pytest.fixture(scope="module")
def specialist() -> Specialist:
    train = pytest.importorskip("metier.train").train
    texts = [(text + end, label) for label, some in WORDS.items() for text in some for end in ENDS]
    rows = Table(columns={"text": [t for t, _ in texts], "intent": [label for _, label in texts]})
    trained: Specialist = train(rows, effort="quick", seed=0).specialist
    return trained


def _table(rows: list[tuple[Any, Any]]) -> Table:
    columns = {"text": [text for text, _ in rows], "intent": [label for _, label in rows]}
    return Table(columns=columns, source="test.csv", first_row=2)


KNOWN: list[tuple[Any, Any]] = [(some[0] + " kindly", label) for label, some in WORDS.items()] * 4


def test_what_it_says_is_what_is_judged(specialist: Specialist) -> None:
    found = evaluate(specialist, _table(KNOWN))
    decisions = specialist.predict([text for text, _ in KNOWN])
    best = [decision.candidates[0].label for decision in decisions]
    assert found.rows == 12
    assert found.accuracy.value == np.mean([b == label for b, (_, label) in zip(best, KNOWN, strict=True)])
    assert found.coverage.value == np.mean([decision.accepted for decision in decisions])
    assert [s.name for s in found.stages] == ["ngrams.v1"]
    assert found.stages[0].alone == found.accuracy.value
    assert (found.out_of_scope, found.unknown, found.unlabelled, found.bad_input) == (None, {}, 0, 0)


def test_a_cell_that_cannot_be_read_is_an_error_with_its_row_and_reason(specialist: Specialist) -> None:
    found = evaluate(specialist, _table([(None, "balance"), *KNOWN, (7, "transfer")]))
    assert found.bad_input == 2
    assert found.rows == 14
    assert found.accuracy.value == evaluate(specialist, _table(KNOWN)).accuracy.value * 12 / 14
    assert found.stages[0].alone == pytest.approx(found.accuracy.value)
    assert found.notes[0].startswith("test.csv row 2: nothing is not text.")
    assert found.notes[1].startswith("test.csv row 15: int '7' is not text.")


def test_many_unreadable_cells_fill_no_page_with_notes(specialist: Specialist) -> None:
    found = evaluate(specialist, _table([*KNOWN, *[(None, "balance")] * 50]))
    assert found.bad_input == 50
    assert len(found.notes) == 3


def test_labels_never_learnt_and_missing_labels_are_counted_apart(specialist: Specialist) -> None:
    strangers = [
        ("a mortgage", "loan"),
        ("gold", "invest"),
        ("a house", "loan"),
        ("hm", None),
        ("hm", " "),
        ("hm", [1]),
    ]
    found = evaluate(specialist, _table([*strangers, *KNOWN]))
    assert found.unknown == {"loan": 2, "invest": 1}
    assert found.unlabelled == 3
    assert found.rows == 12
    assert found.accuracy == evaluate(specialist, _table(KNOWN)).accuracy


def test_rows_beside_are_out_of_scope(specialist: Specialist) -> None:
    for column in ("text", "anything"):  # one column alone needs no name
        beside = Table(columns={column: [*FOREIGN, None]}, source="oos.txt")
        found = evaluate(specialist, _table(KNOWN), out_of_scope=beside)
        assert found.rows == 12
        assert found.out_of_scope is not None
        assert found.out_of_scope.rows == 5
        assert found.out_of_scope.caught.value >= 0.6
        assert found.out_of_scope.scope_auroc == 1.0
        assert found.bad_input == 1
        assert found.notes[0].startswith("oos.txt row 5: nothing is not text.")


@pytest.mark.parametrize("name", ["oos", "OUT_OF_SCOPE", "out-of-scope", "None of these"])
def test_a_label_that_says_out_of_scope_is_taken_at_its_word_with_a_note(specialist: Specialist, name: str) -> None:
    found = evaluate(specialist, _table([*KNOWN, *((text, name) for text in FOREIGN)]))
    assert found.out_of_scope is not None
    assert found.out_of_scope.rows == 4
    assert found.unknown == {}
    assert found.notes == (f"The specialist never learnt the label '{name}': its 4 rows are taken as out of scope.",)


def test_a_label_named_as_out_of_scope_needs_no_note(specialist: Specialist) -> None:
    found = evaluate(specialist, _table([*KNOWN, ("gold", "invest"), ("x y", "loan")]), out_of_scope_label="invest")
    assert found.out_of_scope is not None
    assert found.out_of_scope.rows == 1
    assert found.unknown == {"loan": 1}
    assert found.notes == ()


def test_an_out_of_scope_label_must_be_there_and_be_none_of_its_own(specialist: Specialist) -> None:
    with pytest.raises(BadOption, match=r"learnt 'balance' as one of its labels.*Leave the option out"):
        evaluate(specialist, _table(KNOWN), out_of_scope_label="balance")
    with pytest.raises(BadOption, match=r"no row has the label 'gold'.*never learnt: loan\. Name one of them"):
        evaluate(specialist, _table([*KNOWN, ("x y", "loan")]), out_of_scope_label="gold")


@pytest.mark.parametrize("column", ["text", "intent"])
def test_a_missing_column_is_named_with_those_there_are(specialist: Specialist, column: str) -> None:
    columns = dict(_table(KNOWN).columns)
    columns["other"] = columns.pop(column)
    with pytest.raises(MissingColumn, match=rf"test\.csv: no column '{column}'.*this table has: \w+, other\. Rename"):
        evaluate(specialist, Table(columns=columns, source="test.csv"))


def test_rows_beside_with_several_columns_must_have_the_right_one(specialist: Specialist) -> None:
    beside = Table(columns={"a": ["x"], "b": ["y"]}, source="oos.csv")
    with pytest.raises(MissingColumn, match=r"oos\.csv: no column 'text'"):
        evaluate(specialist, _table(KNOWN), out_of_scope=beside)


@pytest.mark.parametrize("rows", [[], [("gold", "invest")], [("hm", None)]])
def test_a_table_with_nothing_to_judge_is_refused(specialist: Specialist, rows: list[tuple[Any, Any]]) -> None:
    with pytest.raises(TooFewRows, match=r"has a label this specialist learnt.*balance, card lost, transfer"):
        evaluate(specialist, _table(rows))


def test_times_are_those_of_this_machine(specialist: Specialist) -> None:
    latency = evaluate(specialist, _table(KNOWN)).latency
    assert latency is not None
    assert latency.rows == 12
    assert 0 < latency.median_us <= latency.p95_us < 1e6
    assert latency.rows_per_s > 100
    assert latency.stages == (latency.median_us,)


def test_more_rows_than_a_batch_are_judged_like_few(specialist: Specialist) -> None:
    rows = [("", "balance"), *KNOWN * (MOST_ROWS_ALONE // 12 + 1)]
    many, few = evaluate(specialist, _table(rows)), evaluate(specialist, _table(KNOWN))
    assert many.rows > max(BATCH_ROWS, MOST_ROWS_ALONE)
    assert many.accuracy.value == pytest.approx(few.accuracy.value, abs=0.001)
    assert many.stages[0].alone is None  # too many rows to ask every stage about each
    assert many.bad_input == 1


def test_all_but_the_times_is_the_same_each_time(specialist: Specialist) -> None:
    one, two = (evaluate(specialist, _table(KNOWN)).json() for _ in range(2))
    timed = {"latency", "stages"}
    assert {k: v for k, v in one.items() if k not in timed} == {k: v for k, v in two.items() if k not in timed}
