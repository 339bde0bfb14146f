from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.utils import estimator_checks

from metier.errors import BadCell, BadOption, TooFewRows
from metier.estimator import MetierClassifier, MetierRegressor

BANK = Path(__file__).resolve().parents[1] / "examples" / "bank"
# the checks that fit on numbers are for estimators that take numbers
CHECKS = (
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_valid_tag_types",
)


@pytest.fixture(scope="module")
def rows() -> tuple[list[str], list[str]]:
    table = list(csv.reader((BANK / "intents.csv").read_text("utf-8").splitlines()))[1:]
    return [row[0] for row in table[:168]], [row[1] for row in table[:168]]  # six intents


@pytest.fixture(scope="module")
def fitted(rows: tuple[list[str], list[str]]) -> MetierClassifier:
    return MetierClassifier(effort="quick").fit(*rows)


@pytest.mark.parametrize("name", CHECKS)
def test_what_scikit_learn_asks_of_every_estimator(name: str) -> None:
    getattr(estimator_checks, name)("MetierClassifier", MetierClassifier(effort="quick"))


def test_what_scikit_learn_asks_of_estimators_of_text() -> None:
    with pytest.warns(UserWarning, match="Can't test estimator MetierClassifier which requires input"):
        estimator_checks.check_estimator(MetierClassifier(effort="quick"))


def test_fit_gives_what_classifiers_have(fitted: MetierClassifier, rows: tuple[list[str], list[str]]) -> None:
    texts, labels = rows
    assert fitted.classes_.tolist() == sorted(set(labels))
    probabilities = fitted.predict_proba(texts)
    assert probabilities.shape == (len(texts), 6)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (fitted.predict(texts) == fitted.classes_[probabilities.argmax(axis=1)]).all()
    assert fitted.score(texts, labels) > 0.95


def test_predict_always_answers_and_decide_may_not(fitted: MetierClassifier) -> None:
    strange = ["zxqv wkjh pfff 77777"]
    assert fitted.predict(strange)[0] in fitted.classes_
    [decision] = fitted.decide(strange)
    assert not decision.accepted
    assert decision.label is None


def test_a_cell_without_text_has_no_label(fitted: MetierClassifier) -> None:
    with pytest.raises(BadCell, match=r"X\[1\]: nothing is not text"):
        fitted.predict(["I lost my card", None])
    assert [d.reason == "bad_input" for d in fitted.decide(["I lost my card", None])] == [False, True]


def test_labels_stay_what_they_were(rows: tuple[list[str], list[str]]) -> None:
    texts, names = rows
    numbers = [{name: 2 + 4 * i for i, name in enumerate(sorted(set(names)))}[name] for name in names]  # 2, 6, 10 …
    fitted = MetierClassifier(effort="quick").fit(pandas.DataFrame({"text": texts}), pandas.Series(numbers))
    assert fitted.classes_.tolist() == [2, 6, 10, 14, 18, 22]
    assert fitted.specialist_.labels == ("10", "14", "18", "2", "22", "6")
    assert np.issubdtype(fitted.predict(texts).dtype, np.integer)
    assert fitted.score(texts, numbers) > 0.95


def test_parameters_travel(rows: tuple[list[str], list[str]]) -> None:
    asked: dict[str, Any] = {"effort": "quick", "max_error": 0.3, "false_refusal": 0.05, "seed": 3}
    copied = clone(MetierClassifier(**asked)).fit(*rows)
    assert copied.get_params() == {**asked, "max_ms": None, "max_mb": None}
    assert copied.specialist_.rule.max_error == 0.3
    assert copied.specialist_.recipe["seed"] == 3


def test_it_goes_into_cross_validation(rows: tuple[list[str], list[str]]) -> None:
    assert cross_val_score(MetierClassifier(effort="quick"), *rows, cv=2).mean() > 0.7


def test_what_it_cannot_fit(rows: tuple[list[str], list[str]]) -> None:
    texts, labels = rows
    with pytest.raises(NotFittedError, match="not fitted"):
        MetierClassifier().predict(texts)
    with pytest.raises(ValueError, match="X is one text"):
        MetierClassifier().fit("I lost my card", labels)
    with pytest.raises(ValueError, match="one column of cells"):
        MetierClassifier().fit(np.zeros((len(labels), 2, 2)), labels)
    with pytest.raises(ValueError, match="one label for each of the 168"):
        MetierClassifier().fit(texts, labels[:-1])
    with pytest.raises(TooFewRows, match="only label"):
        MetierClassifier(effort="quick").fit(texts[:28], labels[:28])
    with pytest.raises(BadOption, match="effort='hard' is unknown"):
        MetierClassifier(effort="hard").fit(texts, labels)  # type: ignore[arg-type]


def test_numbers_are_estimated_with_intervals() -> None:
    draw = np.random.default_rng(0)
    sizes = {"chair": 40.0, "table": 120.0, "sofa": 300.0}
    things = draw.choice([*sizes], 300)
    texts = [f"a {thing} of {wood}" for thing, wood in zip(things, draw.choice(["oak", "pine"], 300), strict=True)]
    prices = np.array([sizes[str(thing)] for thing in things]) + draw.normal(0, 5, 300)
    fitted = MetierRegressor(effort="quick").fit(texts, prices)
    assert fitted.score(texts, prices) > 0.8
    low, high = fitted.predict_interval(texts).T
    assert 0.8 < ((low <= prices) & (prices <= high)).mean() <= 1
    assert fitted.decide(texts[:1])[0].accepted
    with pytest.raises(ValueError, match=r"y has shape \(3,\)\. Expected one number"):
        MetierRegressor().fit(texts, [1.0, 2.0, 3.0])


def test_a_matrix_has_labels_that_stand_by_themselves() -> None:
    draw = np.random.default_rng(0)
    matrix = draw.integers(0, 2, (200, 2)).astype(float)
    texts = [f"{'late parcel' if a else 'on time'}, {'money back' if b else 'all is well'}" for a, b in matrix]
    matrix[::5, 1] = np.nan
    fitted = MetierClassifier(effort="quick").fit(texts, matrix)
    assert fitted.specialist_.task == "multilabel"
    assert fitted.predict(["late parcel, all is well"]).tolist() == [[1, 0]]
    assert fitted.predict_proba(texts).shape == (200, 2)
