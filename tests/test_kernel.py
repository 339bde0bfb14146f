"""Kernel ridge regression on wide vectors: fewer directions, the same answers."""

from __future__ import annotations

import numpy as np
import pytest

from metier.heads.kernel import NARROW, KernelHead
from metier.types import State, Vectors


def test_wide_vectors_are_compared_along_fewer_directions_and_answers_stay() -> None:
    vectors, truth = _clusters(600, 2 * NARROW)
    targets = np.eye(4, dtype=np.float32)[truth]
    wide = KernelHead().fit(vectors[:400], targets[:400], loss="softmax", seed=0)
    assert wide.state().arrays["landmarks"].shape == (400, NARROW)
    assert (wide.scores(vectors[400:]).argmax(axis=1) == truth[400:]).mean() > 0.95
    again = KernelHead.restore(wide.state())
    np.testing.assert_array_equal(again.scores(vectors[400:]), wide.scores(vectors[400:]))
    one_by_one = np.concatenate([wide.scores(vectors[i : i + 1]) for i in range(400, 410)])
    np.testing.assert_array_equal(one_by_one, wide.scores(vectors[400:410]))


def test_narrow_vectors_are_compared_as_they_are() -> None:
    vectors, truth = _clusters(300, 32)
    head = KernelHead().fit(vectors, np.eye(4, dtype=np.float32)[truth], loss="softmax", seed=0)
    assert "directions" not in head.state().arrays


def test_directions_in_single_precision_as_they_were_are_still_read() -> None:
    vectors, truth = _clusters(400, 2 * NARROW)
    head = KernelHead().fit(vectors, np.eye(4, dtype=np.float32)[truth], loss="softmax", seed=0)
    now = head.state()
    whole = now.arrays["directions"] * now.arrays["steps"]
    arrays = {name: array for name, array in now.arrays.items() if name != "steps"} | {"directions": whole}
    assert KernelHead.older == ("kernel.v2",)
    again = KernelHead.restore(State(config=now.config, arrays=arrays))
    np.testing.assert_allclose(again.scores(vectors[:20]), head.scores(vectors[:20]), atol=1e-4)


def test_directions_of_another_width_are_refused() -> None:
    vectors, truth = _clusters(400, 2 * NARROW)
    state = KernelHead().fit(vectors, np.eye(4, dtype=np.float32)[truth], loss="softmax", seed=0).state()
    broken = {**state.arrays, "directions": state.arrays["directions"][:, :-1]}
    with pytest.raises(ValueError, match="do not fit one another"):
        KernelHead.restore(State(config=state.config, arrays=broken))


def _clusters(n: int, d: int) -> tuple[Vectors, np.ndarray]:
    random = np.random.default_rng(0)
    truth = random.integers(0, 4, n)
    vectors = random.standard_normal((4, d))[truth] + 1.5 * random.standard_normal((n, d))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), truth
