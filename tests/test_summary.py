from __future__ import annotations

import numpy as np
import pytest

from metier.encoders.summary import SummaryEncoder, summary
from metier.testing import check_encoder
from metier.types import State


@pytest.mark.parametrize("channels", [1, 2, 7])
def test_series_of_any_lengths_are_encoded(channels: int) -> None:
    draw = np.random.default_rng(0)
    check_encoder(SummaryEncoder(), [draw.normal(size=(channels, t)).astype(np.float32) for t in (4, 5, 16, 17, 300)])


def test_every_number_is_finite_whatever_the_series() -> None:
    for series in (np.zeros((2, 4)), np.full((1, 9), 1e17), np.eye(4), np.full((1, 5), -3.5)):
        assert np.isfinite(summary(series.astype(np.float32))).all()


def test_what_differs_in_rhythm_alone_is_told_apart() -> None:
    clock = np.arange(64)
    rows = [
        np.sin(clock * 2 * np.pi / length + shift)[None].astype(np.float32) for length in (8, 4) for shift in range(6)
    ]
    vectors = SummaryEncoder().fit(rows).encode(rows)
    apart = np.linalg.norm(vectors[:, None] - vectors[None], axis=-1)
    assert apart[:6, 6:].min() > np.median(apart[:6, :6])


def test_a_state_for_other_channels_is_refused() -> None:
    series = [np.random.default_rng(i).normal(size=(2, 20)).astype(np.float32) for i in range(5)]
    state = SummaryEncoder().fit(series).state()
    wrong = {**state.arrays, "level": np.zeros(3, np.float32), "spread": np.ones(3, np.float32)}
    with pytest.raises(ValueError, match="numbers of 3 channels"):
        SummaryEncoder.restore(State(arrays=wrong))
