"""What is learnt from beside the rows themselves: the names of their labels, where rows are few."""

from __future__ import annotations

import numpy as np
import pytest

import metier
from metier.domains.text import Text
from metier.learn import Examples, Named, by_labels

# no two rows of a label share a word, but each shares one with the name
ASKED = {
    "lost_or_stolen_card": ["somebody took it, stolen", "where is my card", "it got lost"],
    "exchange_rate": ["what do euros exchange at", "today's rate please"],
    "opening_hours": ["which hours on sunday", "opening when"],
    "house_mortgage": ["I want to buy a house", "can you give a mortgage"],
}


def test_names_are_learnt_from_in_every_fold_and_held_out_in_none() -> None:
    rows = ["a", "b", "c", "d"]
    strata = np.array([0, 1, 0, 1])
    eye = np.eye(2, dtype=np.float32)
    examples = Examples(
        values=rows,
        truth=strata,
        strata=strata,
        targets=eye[strata],
        loss="softmax",
        fold=np.array([0, 0, 1, 1]),
        named=Named(values=["zero", "one"], strata=np.array([0, 1]), targets=eye),
    )
    values, at, targets = examples.learnt(0)
    assert values == ["c", "d", "zero", "one"]
    np.testing.assert_array_equal(at, [0, 1, 0, 1])
    np.testing.assert_array_equal(targets, by_labels(examples)(0))
    assert examples.learnt(None)[0] == [*rows, "zero", "one"]


def test_with_few_rows_names_that_describe_their_labels_teach() -> None:
    specialist = metier.train([(text, name) for name, texts in ASKED.items() for text in texts], effort="quick")
    assert specialist.recipe["names_teach"] is True
    assert specialist.predict(["lost card"])[0].candidates[0].label == "lost_or_stolen_card"


def test_names_that_are_codes_are_no_text() -> None:
    rows = [(text, str(i)) for i, texts in enumerate(ASKED.values()) for text in texts]
    assert metier.train(rows, effort="quick").recipe["names_teach"] is False


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("lost_or_stolen_card", "lost or stolen card"),
        ("topUp-failed 2", "top up failed"),
        ("7", None),
        ("Überweisung", "überweisung"),
    ],
)
def test_the_words_of_a_label(label: str, words: str | None) -> None:
    assert Text().named(label) == words
