"""Columns are found by name or content, what was taken is said, and what cannot be is explained."""

from __future__ import annotations

from typing import Any

import pytest

from metier.columns import choose, label_text
from metier.errors import BadCell, BadOption, MissingColumn
from metier.types import Table

TEXTS = ["Where is my card?", "where is it", "I was charged twice", "Why was I charged"]
LABELS = ["card", "card", "charge", "charge"]


def table(**columns: list[Any]) -> Table:
    return Table(columns=columns, source="bank.csv")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("text", "category"), ("text", "category")),
        (("label", "utterance"), ("utterance", "label")),
        (("Customer Query", "intent_name"), ("Customer Query", "intent_name")),
        (("userMessages", "Labels"), ("userMessages", "Labels")),
        (("body", "class"), ("body", "class")),
        (("target", "input"), ("input", "target")),
        (("a", "b"), ("a", "b")),
        (("b", "a"), ("b", "a")),
    ],
)
def test_names_tell_and_where_they_do_not_content_does(names: tuple[str, str], expected: tuple[str, str]) -> None:
    cells = {expected[0]: TEXTS * 3, expected[1]: LABELS * 3}
    cells[expected[0]] = [f"{text} {i}" for i, text in enumerate(TEXTS * 3)]
    found = choose(table(**{name: cells[name] for name in names}))
    assert (found.input, found.target, found.domain) == (*expected, "text")


def test_what_was_taken_and_why_is_said_in_a_sentence() -> None:
    assert choose(table(text=TEXTS, category=LABELS)).said == (
        "Input is column 'text' (by its name; text), "
        "target is column 'category' (by its name; 2 different values in 4 rows)."
    )
    assert "'b' (as asked; text)" in choose(table(text=TEXTS, b=TEXTS, category=LABELS), input="b").said


def test_a_whole_name_goes_before_part_of_one_and_numbers_are_no_input() -> None:
    found = choose(table(text_id=[1, 2, 3, 4], label_text=TEXTS, label=LABELS, query=TEXTS))
    assert (found.input, found.target) == ("query", "label")


def test_where_nothing_repeats_the_only_numbers_are_the_target() -> None:
    measured = [0.5 + i / 7 for i in range(40)]
    found = choose(table(smiles=["C" * (i + 1) + "O" for i in range(40)], solubility=measured, id=list(range(40))))
    assert (found.input, found.target, found.task) == ("smiles", "solubility", "regress")
    with pytest.raises(MissingColumn, match="None has values that repeat"):
        choose(table(smiles=["C" * (i + 1) + "O" for i in range(40)], one=measured, two=measured))


def test_of_columns_nobody_named_the_longest_cells_are_the_input() -> None:
    found = choose(table(who=["Ann B", "Bob C", "Cid D", "Dan E"], what=TEXTS, label=LABELS))
    assert found.input == "what"


@pytest.mark.parametrize(
    "labels", [[1, 1, 2, 2], [1.0, 1.0, 2.0, 2.0], ["1", "1", "2", "2"], [True, True, False, False]]
)
def test_numbers_may_be_labels(labels: list[Any]) -> None:
    assert choose(table(text=TEXTS, label=labels)).target == "label"


def test_a_number_is_the_same_label_from_every_kind_of_file() -> None:
    assert [label_text(cell) for cell in (1, 1.0, "1", True, 0.5, None, "", " ")] == ["1"] * 3 + ["True", "0.5"] + [
        None
    ] * 3
    with pytest.raises(BadCell, match=r"\['a', 'b'\]\" is a list and no label. Expected one name or number"):
        label_text(["a", "b"])


def test_a_column_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(MissingColumn) as missing:
        choose(table(text=TEXTS, Category=LABELS), target="categry")
    assert str(missing.value) == (
        "bank.csv: no column 'categry'. There is 'text', 'Category'. Did you mean 'Category'? Name it with --target."
    )
    with pytest.raises(MissingColumn, match=r"no column 'zzz'. There is 'text', 'label'. Name it with --input"):
        choose(table(text=TEXTS, label=LABELS), input="zzz")


@pytest.mark.parametrize(
    ("columns", "asked", "said"),
    [
        (
            {"text": TEXTS, "label": ["a", "b", "c", "d"]},
            {},
            "cannot guess which column holds the target.*None has values",
        ),
        (
            {"text": TEXTS, "x": LABELS, "y2": LABELS},
            {},
            r"Several repeat: x, y2\. Expected a name such as target, label",
        ),
        ({"text": TEXTS}, {}, "cannot guess which column holds the target. There is 'text'"),
        ({"text": TEXTS, "label": TEXTS}, {"target": "label"}, "its 4 values are all different, such as 'Where is"),
        ({"text": TEXTS, "label": [None, " ", "", None]}, {"target": "label"}, "'label' is empty in all 4 rows"),
        (
            {"text": [{"a": 1}, {"a": 2}, {}, {}], "label": LABELS},
            {"input": "text"},
            "wrong kind for an input: it holds {'a': 1}, {'a': 2}",
        ),
        (
            {"text": [{"a": 1}, {"a": 2}, {}, {}], "label": LABELS},
            {},
            "cannot guess which column holds the input.*wrong kind",
        ),
        ({"text": [None] * 4, "label": LABELS}, {"input": "text"}, "it holds nothing but gaps. Expected .*text"),
        ({"label": LABELS}, {}, "cannot guess which column holds the input"),
    ],
)
def test_a_column_of_the_wrong_kind_is_explained(
    columns: dict[str, list[Any]], asked: dict[str, str], said: str
) -> None:
    with pytest.raises(MissingColumn, match=said) as refused:
        choose(table(**columns), **asked)
    assert "ame" in str(refused.value).split(". ")[-1]


def test_one_column_for_both_is_refused() -> None:
    with pytest.raises(
        BadOption, match=r"'text' is asked for as input and as target\. Expected two columns of 'text', 'l'"
    ):
        choose(table(text=TEXTS, l=LABELS), input="text", target="text")


def test_columns_of_0_and_1_beside_a_target_of_the_same_kind_are_other_targets() -> None:
    assays = {f"assay{i}": [1, 0, None, 0] * 5 for i in range(4)}
    made = {"smiles": [f"C{'C' * i}O" for i in range(20)], "toxic": [0, 1] * 10, **assays}
    found = choose(table(**made), target="toxic")
    assert found.input == "smiles"
    assert "as they look like more targets: assay0, assay1, assay2, assay3. Name columns with --input" in found.said
    counted = made | {"assay0": list(range(20))}
    assert choose(table(**counted), target="toxic").input == "smiles, assay0, assay1, assay2, assay3"


def test_a_name_of_many_is_a_category_where_names_come_often() -> None:
    def domain(cells: list[str]) -> str:
        rows = {"thing": cells, "size": [i % 97 / 7 for i in range(6_000)], "sold": ["yes", "no", "no"] * 2_000}
        return choose(table(**rows), target="sold", input="thing,size").inputs[0].domain

    assert domain([f"town {i * 7919 % 600}" for i in range(6_000)]) == "category"
    assert domain([f"town {i // 2}" for i in range(6_000)]) == "text"
    assert domain(["C" * (i % 600 + 1) + "=O" for i in range(6_000)]) == "molecule"
