"""What was learnt is familiar when it comes again, however few rows there were, and what is unlike it is not."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
from numpy.typing import NDArray

import metier
from metier.decide.scope import Novelty, Scope


def waves(seed: int, rows: int) -> list[tuple[list[float], str]]:
    draw, clock = np.random.default_rng(seed), np.arange(60)
    made = []
    for i in range(rows):
        turn = clock / (3 if i % 2 else 6) + draw.uniform(0, 6)
        made.append(((np.sin(turn) + draw.normal(0, 0.3, 60)).round(3).tolist(), "fast" if i % 2 else "slow"))
    return made


@pytest.mark.parametrize("rows", [30, 60, 500])
def test_rows_are_no_strangers_to_a_distance_that_learnt_them(rows: int) -> None:
    draw = np.random.default_rng(0)
    learnt, new = draw.normal(size=(rows, 50)).astype(np.float32), draw.normal(size=(200, 50)).astype(np.float32)
    novelty = Novelty.fit(learnt, np.arange(rows) % 2)
    assert np.median(novelty.of(learnt)) <= np.median(novelty.of(new))
    assert novelty.of(new).max() < np.median(novelty.of(new + 50))


def test_few_noisy_series_are_in_scope_when_asked_again_and_noise_is_not() -> None:
    learnt = waves(0, 80)
    specialist = metier.train(learnt)
    again, new = (specialist.predict([cell for cell, _ in rows]) for rows in (learnt, waves(1, 100)))
    assert all(decision.accepted for decision in again)
    assert sum(decision.accepted for decision in new) >= 85
    noise = np.random.default_rng(2).normal(size=(20, 60)).round(3).tolist()
    assert not any(decision.accepted for decision in specialist.predict(noise))


def test_a_kept_row_counts_for_itself_and_not_for_what_lies_by_it() -> None:
    draw = np.random.default_rng(0)
    learnt = draw.normal(size=(40, 50)).astype(np.float32)
    novelty = Novelty.fit(learnt, np.arange(40) % 2)
    alone = Novelty(novelty.whitener, novelty.steps, novelty.centres)
    new = draw.normal(size=(200, 50)).astype(np.float32)
    assert novelty.of(learnt).max() < alone.of(learnt).min() / 100
    np.testing.assert_array_equal(novelty.of(new), alone.of(new))


def test_what_is_made_otherwise_is_strange_whatever_its_vector_says() -> None:
    draw = np.random.default_rng(0)
    vectors, signs = draw.normal(size=(400, 20)).astype(np.float32), draw.normal(size=(400, 3)).astype(np.float32)
    learnt, scores = np.arange(400) % 2, draw.normal(size=(1, 400, 2)).astype(np.float32)
    novelty = Novelty.fit(vectors, learnt, signs)
    scope = Scope.fit(novelty, novelty.of(vectors, signs), scores, newest=1)
    usual, otherwise = (
        scope.familiarity(novelty.of(vectors, given), scores) for given in (signs, np.float32(10) + signs)
    )
    assert otherwise.max() < np.quantile(usual, 0.01)
    again = Scope.restore(scope.state())
    np.testing.assert_array_equal(again.familiarity(again.novelty.of(vectors, signs), scores), usual)


def sounds(seed: int, rows: int) -> list[tuple[bytes, str]]:
    """Syllables at two pitches: tones with overtones that come and go four times a second, over a little noise."""
    draw, clock, made = np.random.default_rng(seed), np.arange(12_000) / 16_000, []
    for i in range(rows):
        pitch = (110 if i % 2 else 220) * draw.uniform(0.9, 1.1)
        tone = sum(np.sin(2 * np.pi * pitch * over * clock) / over for over in range(1, 6))
        syllables = np.clip(np.sin(2 * np.pi * (4 * clock + draw.uniform())), 0, 1)
        made.append((_wave(tone * syllables * 0.2 + draw.normal(0, 0.002, len(clock))), "low" if i % 2 else "high"))
    return made


def test_noise_is_no_speech_even_with_the_spectrum_of_speech() -> None:
    pytest.importorskip("soundfile")
    specialist, draw = metier.train(sounds(0, 80), effort="quick"), np.random.default_rng(2)
    assert sum(decision.accepted for decision in specialist.predict([cell for cell, _ in sounds(1, 60)])) >= 54
    heard = [np.frombuffer(cell[44:], "<i2") / 32_767 for cell, _ in sounds(1, 40)]
    turned = np.exp(1j * draw.uniform(0, 2 * np.pi, (40, 6_001)))
    for noise in (draw.normal(0, 0.2, (20, 12_000)), np.fft.irfft(np.abs(np.fft.rfft(heard)) * turned)):
        said = specialist.predict([_wave(one) for one in noise])
        assert np.mean([decision.reason == "out_of_scope" for decision in said]) > 0.9


def _wave(samples: NDArray[np.float64]) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes())
    return buffer.getvalue()
