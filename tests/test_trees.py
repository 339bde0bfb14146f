"""Masks of leaves say what a walk through the trees would, for every row, and lead nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from metier.encoders.trees import Trees
from metier.errors import MetierError

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(300, 3)).astype(np.float32)


def grown(leaves: int, rng: np.random.Generator) -> dict[str, Any]:
    """A tree of random splits as LightGBM describes one."""
    if leaves == 1:
        return {"leaf_value": float(rng.normal())}
    left = int(rng.integers(1, leaves))
    return {
        "split_feature": int(rng.integers(3)), "threshold": float(rng.normal()), "decision_type": "<=",
        "left_child": grown(left, rng), "right_child": grown(leaves - left, rng),
    }  # fmt: skip


def walked(tree: dict[str, Any], row: Any) -> float:
    while "leaf_value" not in tree:
        tree = tree["left_child" if float(row[tree["split_feature"]]) <= tree["threshold"] else "right_child"]
    return float(tree["leaf_value"])


FORESTS = [[grown(leaves, RNG) for leaves in sizes] for sizes in ([1, 2, 32, 31], [], [7, 32])]
TREES = Trees.of(FORESTS, 3, 1.0)


def test_every_row_falls_where_a_walk_ends() -> None:
    wanted = [[sum(walked(tree, row) for tree in forest) for forest in FORESTS] for row in VECTORS]
    np.testing.assert_allclose(TREES.sums(VECTORS), wanted, atol=1e-5)


def test_a_row_is_the_same_alone_and_a_single_sum_can_be_mirrored() -> None:
    alone = Trees.of(FORESTS[:1], 3, 0.5)
    together = alone.sums(VECTORS, mirrored=True)
    np.testing.assert_array_equal(np.vstack([alone.sums(row[None], mirrored=True) for row in VECTORS]), together)
    np.testing.assert_array_equal(together[:, 0], -together[:, 1])
    np.testing.assert_allclose(together[:, 1], TREES.sums(VECTORS)[:, 0] / 2, atol=1e-6)


@pytest.mark.parametrize("threshold", [0.1, -0.1, 1 / 3, 1e-30, 123456.789, 0.5])
def test_a_threshold_parts_singles_as_the_double_does(threshold: float) -> None:
    single = np.float32(threshold)
    around = np.array([np.nextafter(single, np.float32(end)) for end in (-np.inf, np.inf)] + [single])[:, None]
    ends = {"left_child": {"leaf_value": 0}, "right_child": {"leaf_value": 1}}
    split = {"split_feature": 0, "threshold": threshold, "decision_type": "<=", **ends}
    above = Trees.of([[split]], 1, 1.0).sums(around.astype(np.float32))[:, 0]
    assert above.tolist() == [float(value) > threshold for value in around[:, 0]]


def test_what_masks_cannot_hold_is_refused() -> None:
    with pytest.raises(MetierError, match=r"A tree has 33 leaves\. Expected at most 32"):
        Trees.of([[grown(33, RNG)]], 3, 1.0)
    with pytest.raises(MetierError, match="A tree splits by '=='"):
        Trees.of([[{**grown(2, RNG), "decision_type": "=="}]], 3, 1.0)
    with pytest.raises(ValueError, match="vectors have 2 columns, and trees are of 3"):
        TREES.sums(np.ascontiguousarray(VECTORS[:, :2]))


def test_they_come_back_as_they_were() -> None:
    again = Trees.restore(TREES.state().arrays)
    np.testing.assert_array_equal(again.sums(VECTORS), TREES.sums(VECTORS))


@pytest.mark.parametrize(
    ("name", "damaged"),
    [
        ("tree", TREES.tree + np.uint16(6)),
        ("tree", TREES.tree[:-1]),
        ("kept", TREES.kept.astype(np.int64)),
        ("leaves", TREES.leaves[:, :16]),
        ("features", TREES.features + 1),
        ("features", TREES.features[::-1]),
        ("targets", np.array([0, 4, 4, 9])),
        ("targets", np.zeros(0, np.int64)),
    ],
)
def test_arrays_that_lead_astray_are_refused(name: str, damaged: Any) -> None:
    with pytest.raises(ValueError, match="do not fit one another"):
        Trees.restore({**TREES.state().arrays, name: damaged})
