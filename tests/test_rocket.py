from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metier.encoders.rocket import KERNELS, LONGEST, Kernels, RocketEncoder
from metier.errors import BadCell
from metier.testing import check_encoder
from metier.types import State

AEON = json.loads((Path(__file__).parent / "minirocket_of_aeon.json").read_text(encoding="utf-8"))  # by aeon 1.6


def walks(lengths: list[int], channels: int = 1, seed: int = 0) -> list[Any]:
    draw = np.random.default_rng(seed)
    return [draw.normal(size=(channels, length)).cumsum(axis=1).astype(np.float32) for length in lengths]


@pytest.mark.parametrize("name", AEON)
def test_its_features_are_those_of_aeon(name: str) -> None:
    said = AEON[name]
    kernels = Kernels(
        dilations=np.array(said["dilations"], np.int64),
        counts=np.array(said["counts"], np.int64),
        channels=np.array(said["channels"], np.int64),
        ends=np.concatenate([[0], np.cumsum(said["together"])]).astype(np.int64),
        biases=np.array(said["biases"], np.float32),
    )
    for series, expected in zip(said["series"], said["features"], strict=True):
        features = np.empty(len(expected), np.float32)
        kernels.features(np.array(series, np.float32), features)
        # sums in another order may fall on the other side of a bias that was taken from this very series
        assert np.abs(features - expected).max() <= 1.01 / (len(series[0]) - 8 * max(said["dilations"]))
        assert np.mean(np.abs(features - expected) > 1e-5) < 0.02


def test_the_kernels_are_spread_as_aeon_spreads_them() -> None:
    fitted = Kernels.fit(walks([40] * 4), 504, seed=0)
    assert fitted.dilations.tolist() == AEON["one channel"]["dilations"]
    assert fitted.counts.tolist() == AEON["one channel"]["counts"]


@pytest.mark.parametrize("lengths", [[30] * 6, [4, 5, 9, 30, 31, 200], [4] * 6, [LONGEST + 5, 40, 50, 60, 70, 80]])
@pytest.mark.parametrize("channels", [1, 3])
def test_series_of_any_lengths_are_encoded(lengths: list[int], channels: int) -> None:
    check_encoder(RocketEncoder(features=len(KERNELS) * 4), walks(lengths, channels))


def test_a_level_or_a_scale_of_all_series_makes_no_difference() -> None:
    series = walks([50] * 8)
    plain, moved = (
        RocketEncoder(features=504).fit(some).encode(some) for some in (series, [3 * s + 7 for s in series])
    )
    assert np.abs(plain @ plain.T - moved @ moved.T).max() < 0.05


def test_a_series_that_never_changes_gives_finite_numbers() -> None:
    flat = [np.full((1, 20), 5, np.float32) for _ in range(4)]
    assert np.isfinite(RocketEncoder(features=504).fit(flat).encode(flat)).all()


def test_other_channels_than_those_learnt_are_refused() -> None:
    fitted = RocketEncoder(features=504).fit(walks([20] * 4, channels=2))
    with pytest.raises(BadCell, match="a series of 3 channels, and 2 were learnt"):
        fitted.encode(walks([20], channels=3))
    with pytest.raises(BadCell, match="a series of 1 channels, and 2 were learnt"):
        RocketEncoder().fit([*walks([20], channels=2), *walks([20])])


@pytest.mark.parametrize("part", ["dilations", "counts", "channels", "ends", "biases", "mean", "spread"])
def test_a_state_that_does_not_fit_itself_is_refused(part: str) -> None:
    state = RocketEncoder(features=504).fit(walks([20] * 4, channels=2)).state()
    broken = state.arrays[part] + 1000 if part in ("channels", "ends") else state.arrays[part][1:]
    with pytest.raises(ValueError, match=r"fit|for another number"):
        RocketEncoder.restore(State(config=state.config, arrays={**state.arrays, part: broken}))


def test_more_series_than_directions() -> None:
    fitted = RocketEncoder(features=504).fit(walks([12] * 300))
    assert fitted.width <= 256
    assert fitted.encode(walks([12] * 3)).shape == (3, fitted.width)


def test_kernels_are_values() -> None:
    fitted = Kernels.fit(walks([40] * 4), 504, seed=0)
    assert replace(fitted).biases is fitted.biases
