"""Trees learn what each loss asks for, and the graph that runs says what they say."""

from __future__ import annotations

import numpy as np
import pytest

from metier.errors import BadOption, NotFaithful
from metier.heads import boosted
from metier.heads.boosted import BoostedHead
from metier.types import Rows

RNG = np.random.default_rng(0)
VECTORS = RNG.uniform(-1, 1, (400, 4)).astype(np.float32)
INSIDE = (np.abs(VECTORS[:, 0]) < 0.5) ^ (VECTORS[:, 1] > 0)  # no line parts these


def test_two_labels_are_one_sum_and_its_mirror() -> None:
    head = BoostedHead.suited(400).fit(VECTORS, np.eye(2, dtype=np.float32)[INSIDE.astype(int)], loss="softmax", seed=0)
    scores = head.scores(VECTORS)
    assert head.mirrored
    assert ((scores.argmax(axis=1) == 1) == INSIDE).mean() > 0.95
    np.testing.assert_array_equal(scores[:, 0], -scores[:, 1])


def test_labels_with_gaps_are_learnt_one_by_one() -> None:
    targets = np.stack([INSIDE, VECTORS[:, 2] > 0], axis=1).astype(np.float32)
    targets[:150, 0] = np.nan
    scores = BoostedHead.suited(400).fit(VECTORS, targets, loss="logistic", seed=0).scores(VECTORS)
    assert ((scores > 0) == np.stack([INSIDE, VECTORS[:, 2] > 0], axis=1)).mean() > 0.9


def test_numbers_are_learnt_as_they_are() -> None:
    wanted = np.where(INSIDE, 2.0, -1.0).astype(np.float32)[:, None]
    scores = BoostedHead.suited(400).fit(VECTORS, wanted, loss="squared", seed=0).scores(VECTORS)
    assert np.abs(scores - wanted).mean() < 0.8, "and 1.5 for one who always says the mean"


def test_rows_held_back_say_how_many_trees_are_enough() -> None:
    noise = RNG.integers(0, 2, 1000)
    vectors = RNG.normal(size=(1000, 3)).astype(np.float32)
    head = BoostedHead.suited(1000).fit(vectors, np.eye(2, dtype=np.float32)[noise], loss="softmax", seed=0)
    assert len(head.state().files["trees.onnx"]) < 60_000, "there is nothing to learn here"


def test_a_graph_that_says_anything_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosted, "_rounded_down", lambda threshold: float(np.float32(threshold)) + 0.3)
    with pytest.raises(NotFaithful, match=r"heads/boosted: of 400 rows \d+ get other scores from the ONNX graph"):
        BoostedHead.suited(400).fit(VECTORS, np.eye(2, dtype=np.float32)[INSIDE.astype(int)], loss="softmax", seed=0)


def test_sparse_rows_are_declined() -> None:
    rows = Rows(starts=np.zeros(2, np.int64), columns=np.zeros(0, np.int32), weights=np.zeros(0, np.float32), width=3)
    with pytest.raises(BadOption, match="takes dense vectors"):
        BoostedHead().fit(rows, np.ones((1, 2), np.float32), loss="softmax", seed=0)


@pytest.mark.parametrize("threshold", [0.1, -0.1, 1 / 3, 1e-30, 123456.789, 0.5])
def test_a_threshold_parts_singles_as_the_double_does(threshold: float) -> None:
    single = np.float32(boosted._rounded_down(threshold))
    around = [np.nextafter(single, np.float32(-np.inf)), single, np.nextafter(single, np.float32(np.inf))]
    assert [value <= single for value in around] == [float(value) <= threshold for value in around]
