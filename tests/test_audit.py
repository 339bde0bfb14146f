"""An audit names what is wrong with the examples, and a fix changes that and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metier.audit import audit
from metier.checks import shown
from metier.data.read import read
from metier.domains.base import Domain
from metier.errors import BadOption, MissingColumn
from metier.findings import Audit, Finding, fix, write_fixed
from metier.tasks.base import Answers, Task
from metier.types import Labels, Probabilities, Table

CARD = [
    "my card has not arrived",
    "where is the new card",
    "card still on its way",
    "card lost in the post",
    "no card yet",
]
FEE = [
    "why this fee",
    "charged a fee abroad",
    "the fee is too high",
    "refund the fee please",
    "what is the monthly fee",
]
GOOD = [*((text, "card") for text in CARD), *((text, "fee") for text in FEE)]


def out_of_fold(values: Sequence[Any], answers: Answers, domain: Domain, task: Task) -> Probabilities:
    """Words counted by label, the row itself left out: a real classifier, small enough for a test."""
    labels: Labels = answers.truth
    k = int(labels.max()) + 1
    words = [set(value.lower().split()) for value in values]
    probabilities = np.zeros((len(values), k), np.float32)
    for i, own in enumerate(words):
        for label in range(k):
            others = [w for j, w in enumerate(words) if j != i and labels[j] == label]
            share = [(sum(word in w for w in others) + 0.1) / (len(others) + 0.2) for word in own]
            probabilities[i, label] = np.exp(np.sum(np.log(share)))
    return probabilities / probabilities.sum(axis=1, keepdims=True)


def audited(rows: list[Any], **options: Any) -> Audit:
    return audit(read(rows), probabilities=out_of_fold, **options)


def of_kind(found: Audit, kind: str) -> list[Finding]:
    return [finding for finding in found.findings if finding.kind == kind]


def test_good_rows_give_no_finding() -> None:
    assert audited(GOOD).findings == ()


def test_a_wrong_label_is_named_with_its_evidence() -> None:
    found = of_kind(audited([*GOOD, ("my new card has not arrived yet", "fee")]), "wrong_label")
    assert found[0].rows == (11,)  # it makes its neighbours look wrong as well, but less so
    evidence = found[0].evidence
    assert (evidence["label"], evidence["likelier"], evidence["nearest_row"]) == ("fee", "card", 1)
    assert evidence["nearest"] == "'my card has not arrived'"
    assert float(str(evidence["probability"])) < 0.1 < 0.9 < float(str(evidence["likelier_probability"]))
    assert "'my new card has not arrived yet' (row 11) has the label 'fee'" in found[0].message
    assert "label it 'card'" in found[0].suggestion


def test_repeated_rows_are_notes_and_with_different_labels_errors_that_come_first() -> None:
    found = audited([*GOOD, ("Why  THIS fee", "fee"), ("no card yet", "fee")])
    assert [f.rows for f in of_kind(found, "duplicate")] == [(6, 11)]
    (conflict,) = of_kind(found, "conflict")
    assert (conflict.rows, conflict.severity) == ((5, 12), "error")
    assert "'card' 1, 'fee' 1): 'no card yet' in rows 5, 12" in conflict.message
    assert found.findings[0] == conflict
    assert not of_kind(found, "near_duplicate")


def test_nearly_repeated_rows_are_told_apart_by_their_labels() -> None:
    rows = [*GOOD, ("why this, fee", "fee"), ("no card yet!", "fee"), ("no card yet?", "card")]
    found = audited(rows)
    assert [f.rows for f in of_kind(found, "near_duplicate")] == [(5, 13), (6, 11)]
    conflicts = of_kind(found, "near_conflict")
    assert [f.rows for f in conflicts] == [(5, 12), (12, 13)]
    assert conflicts[0].evidence["similarity"] == 1.0
    assert conflicts[0].severity == "warning"


def test_labels_that_differ_by_case_or_space_are_one_and_those_that_differ_by_a_sign_may_be() -> None:
    found = audited(
        [*GOOD, ("fees abroad again", " Fee "), ("a fee I never agreed to", "FEE"), ("which fee is it", "f-ee")]
    )
    same, maybe = of_kind(found, "label_names")
    assert (same.severity, same.rows, same.evidence["to"]) == ("error", (11, 12), "fee")
    assert "differ by case or space only: 'fee' (5), ' Fee ' (1), 'FEE' (1)" in same.message
    assert (maybe.severity, maybe.evidence["same"]) == ("warning", False)
    assert [f.evidence["label"] for f in of_kind(found, "small_label")] == ["f-ee"]


def test_small_labels_are_warned_of_and_one_row_cannot_be_learnt() -> None:
    found = audited([*GOOD, ("close my account", "close"), ("hello", "chat"), ("hi there", "chat")])
    assert [(f.severity, f.rows) for f in of_kind(found, "small_label")] == [("error", (11,)), ("warning", (12, 13))]
    assert "one cannot be both learnt and held out" in of_kind(found, "small_label")[0].message


def test_gaps_long_cells_and_cells_that_cannot_be_read_are_named() -> None:
    found = audited([*GOOD, (None, "fee"), (" ", "fee"), ("a fee", None), (7.5, "fee"), ("fee " * 5000, "fee")])
    assert [(f.rows, f.evidence["column"]) for f in of_kind(found, "gap")] == [((11, 12), "input"), ((13,), "target")]
    assert of_kind(found, "gap")[0].message == "column 'input' is empty in rows 11, 12"
    (unreadable,) = of_kind(found, "unreadable")
    assert unreadable.rows == (14,)
    assert "float '7.5'" in unreadable.message
    assert [f.rows for f in of_kind(found, "long_cell")] == [(15,)]


def test_rows_of_a_file_that_cannot_be_parsed_are_named_by_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in GOOD) + "a, b,fee\n")
    found = audit(read(path, lenient=True), probabilities=out_of_fold)
    assert [f.rows for f in of_kind(found, "unreadable")] == [(11,)]
    assert "line 12: 3 cells where the header has 2" in of_kind(found, "unreadable")[0].message


def test_test_rows_that_were_learnt_are_leaks() -> None:
    test = read([("No card  yet", "card"), ("what is the monthly fee?!", "fee"), ("what is new", "chat")])
    found = audited(GOOD, test=test)
    (leak,) = of_kind(found, "leak")
    assert (leak.severity, leak.rows, leak.evidence["test_row"]) == ("error", (5,), 1)
    (near,) = of_kind(found, "near_leak")
    assert (near.rows, near.evidence["test_row"]) == ((10,), 2)
    (unknown,) = of_kind(found, "unknown_label")
    assert "label 'chat' has 1 test row and no training row" in unknown.message
    with pytest.raises(MissingColumn, match="no column 'target'"):
        audited(GOOD, test=Table(columns={"input": ["a"]}))


def test_one_label_has_nothing_to_be_mistaken_for() -> None:
    assert not of_kind(audited([("my card is lost", "card"), ("lost my card again", "card")]), "wrong_label")


ROWS = [
    *GOOD,
    ("Why this FEE", "fee"),
    (None, "card"),
    ("fees abroad again", "Fee"),
    ("my new card has not arrived yet", "fee"),
    ("no card yet", "fee"),
]


def test_a_fix_changes_what_is_certain_and_lists_each_change() -> None:
    table = read(ROWS)
    before = json.dumps(table.columns)
    cleaned, changes = fix(table, audit(table, probabilities=out_of_fold))
    assert json.dumps(table.columns) == before
    assert list(zip(cleaned.columns["input"], cleaned.columns["target"], strict=True)) == [
        *GOOD,
        ("fees abroad again", "fee"),
        ("my new card has not arrived yet", "fee"),
        ("no card yet", "fee"),
    ]
    assert [(c.row, c.change, c.before, c.after) for c in changes] == [
        (11, "dropped", "fee", None),
        (12, "dropped", "card", None),
        (13, "relabelled", "Fee", "fee"),
    ]
    assert "same input with the same label" in changes[0].why
    again = audit(cleaned, probabilities=out_of_fold)
    assert not {"duplicate", "gap", "label_names"} & set(again.counts())
    assert again.counts()["conflict"] == 1


def test_a_fix_leaves_no_label_of_a_single_row() -> None:
    table = Table(columns={"input": ["a", "b", "b", "c", "d"], "target": ["one", "two", "two", "Fee", "fee"]})
    found = audit(table, input="input", target="target", probabilities=out_of_fold)
    cleaned, changes = fix(table, found)
    assert len({label.casefold() for label in cleaned.columns["target"]}) == 1
    assert [(c.row, c.why) for c in changes if c.before == "one"] == [(1, "the only row of 'one'")]


def test_labels_that_are_probably_wrong_are_changed_only_when_asked() -> None:
    table = read(ROWS)
    cleaned, changes = fix(table, audit(table, probabilities=out_of_fold), relabel=True)
    assert cleaned.columns["target"][cleaned.columns["input"].index("my new card has not arrived yet")] == "card"
    assert (14, "relabelled", "fee", "card") in [(c.row, c.change, c.before, c.after) for c in changes]


def test_the_copy_and_the_list_are_written_beside_the_original_and_never_over_it(tmp_path: Path) -> None:
    original = tmp_path / "t.jsonl"
    original.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in ROWS))
    before = original.read_bytes()
    table = read(original)
    cleaned, changes = fix(table, audit(table, probabilities=out_of_fold))
    copy, listed = tmp_path / "clean.csv", tmp_path / "changes.jsonl"
    write_fixed(cleaned, changes, original=original, copy=copy, listed=listed)
    assert read(copy).columns == cleaned.columns
    assert [row["row"] for row in read(listed).rows()] == [11, 12, 13]
    (tmp_path / "link.jsonl").symlink_to(original)
    (tmp_path / "hard.jsonl").hardlink_to(original)
    for name in ("t.jsonl", "link.jsonl", "hard.jsonl"):
        with pytest.raises(BadOption, match=r"the cleaned copy would replace the original\. Name another file"):
            write_fixed(cleaned, changes, original=original, copy=tmp_path / name, listed=listed)
    with pytest.raises(BadOption, match="the list of changes would replace the cleaned copy"):
        write_fixed(cleaned, changes, original=original, copy=copy, listed=copy)
    assert original.read_bytes() == before


def test_the_json_of_an_audit_is_json() -> None:
    found = audited(ROWS)
    back = json.loads(json.dumps(found.json()))
    assert (back["rows"], back["input"], back["target"]) == (15, "input", "target")
    assert sum(back["counts"].values()) == len(back["findings"]) == len(found.findings)
    assert set(back["findings"][0]) == {"kind", "severity", "rows", "message", "suggestion", "evidence"}


def knowing(told: Any) -> Any:
    """Probabilities that are given, whatever is asked."""
    return lambda values, answers, domain, task: np.asarray(told, np.float32)


def test_a_number_far_from_its_interval_is_doubted() -> None:
    texts = [f"a chair of oak in {place}" for place in "abcdefghijklmnopqrstuvwxyz"]
    prices = [40.5 + i for i in range(26)]
    told = [[price - 5, price, price + 5, 0.9] for price in prices]
    prices[3] *= 100
    found = audit(read({"text": texts, "price": prices}), probabilities=knowing(told))
    odd = [finding for finding in found.findings if finding.kind == "odd_number"]
    assert [finding.rows for finding in odd] == [(4,)]
    assert "has 4350; 43.5 is likelier (38.5 to 48.5)" in odd[0].message
    assert not {"label_names", "small_label"} & {finding.kind for finding in found.findings}


def test_numbers_that_differ_for_like_inputs_are_no_labels_to_decide_on() -> None:
    texts = [f"a chair of oak in {place}" for place in "abcdefghijklmnopqrstuvwxyz"]
    prices = [40.5 + i for i in range(27)]
    told = [[price - 5, price, price + 5, 0.9] for price in prices]
    found = audit(read({"text": [*texts, texts[0]], "price": prices}), probabilities=knowing(told))
    [conflict] = found.findings
    assert (conflict.kind, conflict.severity, conflict.rows) == ("conflict", "warning", (1, 27))
    assert "different numbers" in conflict.message


def test_rows_of_several_columns_are_shown_as_their_cells() -> None:
    assert shown(("red", 2, None, "a  note")) == "'red, 2, , a note'"


def test_a_mark_that_is_all_but_ruled_out_is_doubted() -> None:
    texts = [f"message {letter}" for letter in "abcdefghijkl"]
    marks = {"late": [1, 0] * 6, "rude": [0, None, 1] * 4}
    told = [[0.9 if late else 0.1, 0.5] for late in marks["late"]]
    told[2][0] = 0.001
    found = audit(read({"text": texts, **marks}), target="late,rude", probabilities=knowing(told))
    [doubt] = [finding for finding in found.findings if finding.kind == "wrong_mark"]
    assert (doubt.rows, doubt.evidence["label"], doubt.evidence["there"]) == ((3,), "late", True)
    assert "has the label 'late' (0.1%)" in doubt.message
