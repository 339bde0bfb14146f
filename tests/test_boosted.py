"""Trees learn what each loss asks for, and those that are kept say what those that were grown say."""

from __future__ import annotations

import numpy as np
import pytest

from metier.encoders import trees
from metier.errors import BadOption, NotFaithful
from metier.heads.boosted import BoostedHead
from metier.types import Rows, State

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
    assert len(head.state().arrays["leaves"]) < 60, "there is nothing to learn here"


def test_trees_that_say_anything_else_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "_rounded_down", lambda threshold: float(np.float32(threshold)) + 0.3)
    with pytest.raises(NotFaithful, match=r"heads/boosted: of 400 rows \d+ get other scores from the trees kept"):
        BoostedHead.suited(400).fit(VECTORS, np.eye(2, dtype=np.float32)[INSIDE.astype(int)], loss="softmax", seed=0)


def test_pairs_of_columns_are_seen_where_they_are_worth_it() -> None:
    vectors = RNG.uniform(0, 1, (3_000, 6)).astype(np.float32)
    cells = (vectors[:, :2] * 8).astype(int)
    odds = RNG.uniform(0, 1, (8, 8))[cells[:, 0], cells[:, 1]]  # no two neighbours are alike
    targets = np.eye(2, dtype=np.float32)[(RNG.uniform(0, 1, len(odds)) < odds).astype(int)]
    head = BoostedHead.suited(3_000).fit(vectors, targets, loss="softmax", seed=0)
    assert "pairs" in head.state().arrays
    again = BoostedHead.restore(head.state())
    np.testing.assert_array_equal(again.scores(vectors), head.scores(vectors))


def test_trees_that_were_kept_as_a_graph_still_run() -> None:
    from onnx import TensorProto, helper

    ensemble = helper.make_node(
        "TreeEnsembleRegressor", ["vectors"], ["sums"], domain="ai.onnx.ml", n_targets=1,
        nodes_treeids=[0, 0, 0], nodes_nodeids=[0, 1, 2], nodes_featureids=[1, 0, 0], nodes_values=[0.5, 0.0, 0.0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"], nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0],
        target_treeids=[0, 0], target_nodeids=[1, 2], target_ids=[0, 0], target_weights=[-2.0, 3.0],
    )  # fmt: skip
    graph = helper.make_graph(
        [ensemble], "trees", [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor_value_info("sums", TensorProto.FLOAT, [None, 1])],
    )  # fmt: skip
    versions = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 3)]
    written = helper.make_model(graph, opset_imports=versions, ir_version=10).SerializeToString()
    state = State(config={"labels": 2, "mirrored": True}, files={"trees.onnx": written})
    for head in (BoostedHead.restore(state), BoostedHead.restore(BoostedHead.restore(state).state())):
        assert head.scores(np.array([[9, 0.4], [9, 0.6]], np.float32)).tolist() == [[2, -2], [-3, 3]]


def test_sparse_rows_are_declined() -> None:
    rows = Rows(starts=np.zeros(2, np.int64), columns=np.zeros(0, np.int32), weights=np.zeros(0, np.float32), width=3)
    with pytest.raises(BadOption, match="takes dense vectors"):
        BoostedHead().fit(rows, np.ones((1, 2), np.float32), loss="softmax", seed=0)
