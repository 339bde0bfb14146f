from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from metier.errors import MetierError
from metier.heads import forest
from metier.heads.forest import ForestHead
from metier.types import Rows, State

pytest.importorskip("lightgbm")

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(120, 6)).astype(np.float32)
SIGNS = (VECTORS[:, :3] > 0).astype(np.float32)


@pytest.fixture(scope="module")
def several() -> ForestHead:
    targets = SIGNS.copy()
    targets[::3, 1] = np.nan
    targets[:, 2] = np.nan
    return ForestHead(trees=10, rounds=20).fit(VECTORS, targets, loss="logistic", seed=0)


def test_gaps_are_no_answers(several: ForestHead) -> None:
    scores = several.scores(VECTORS)
    assert ((scores[:, :2] > 0) == SIGNS[:, :2]).mean() > 0.95
    assert np.ptp(scores[:, 2]) == 0  # nothing was known of this one


def test_numbers_are_estimated() -> None:
    wanted = (VECTORS[:, :1] + VECTORS[:, 1:2]).astype(np.float32)
    scores = ForestHead(trees=20).fit(VECTORS, wanted, loss="squared", seed=0).scores(VECTORS)
    assert np.corrcoef(scores[:, 0], wanted[:, 0])[0, 1] > 0.95


def test_a_split_falls_between_the_same_numbers_in_single_precision() -> None:
    thresholds = np.array([0.1, 0.5, 1e-35, -0.3, 16777217.0])
    floored = forest._floored(thresholds)
    assert (floored <= thresholds).all()
    assert (np.nextafter(floored, np.float32(np.inf)) > thresholds).all()


def test_trees_that_say_something_else_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forest, "_floored", lambda thresholds: np.asarray(thresholds + 0.5, np.float32))
    with pytest.raises(MetierError, match=r"differ from those grown by up to .* labels flip"):
        ForestHead(trees=5, rounds=5).fit(VECTORS, np.eye(2, dtype=np.float32)[SIGNS[:, 0].astype(int)], seed=0)


def broken(arrays: dict[str, Any], name: str, place: int, value: int) -> dict[str, Any]:
    return {**arrays, name: np.where(np.arange(len(arrays[name])) == place, value, arrays[name])}


@pytest.mark.parametrize(
    ("name", "value"),
    [("features", 6), ("onward", 0), ("onward", 10**6), ("columns", 3), ("columns", -1), ("roots", 1)],
)
def test_nodes_that_lead_astray_are_refused(several: ForestHead, name: str, value: int) -> None:
    state = several.state()
    name = f"random.{name}"
    arrays = broken(
        {k: v.astype(np.int64) if v.dtype == np.int32 else v for k, v in state.arrays.items()}, name, 0, value
    )
    arrays = {k: v.astype(np.int32) if v.dtype == np.int64 else v for k, v in arrays.items()}
    with pytest.raises(ValueError, match="do not fit one another"):
        ForestHead.restore(State(config=state.config, arrays=arrays))


def test_a_leaf_that_is_not_there_is_refused(several: ForestHead) -> None:
    state = several.state()
    arrays = {**state.arrays, "boosted.leaves": state.arrays["boosted.leaves"][:-1]}
    with pytest.raises(ValueError, match="do not fit one another"):
        ForestHead.restore(State(config=state.config, arrays=arrays))


def test_sparse_rows_are_declined_with_advice() -> None:
    none = Rows(starts=np.zeros(1, np.int64), columns=np.zeros(0, np.int32), weights=np.zeros(0, np.float32), width=1)
    with pytest.raises(Exception, match="Use the head 'hashed'"):
        ForestHead().fit(none, np.zeros((0, 2), np.float32), seed=0)
