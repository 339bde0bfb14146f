"""Sounds: three instruments made of sines, learnt at any pitch, and noise that is none of them refused."""

from __future__ import annotations

import io
import wave

import numpy as np
from numpy.typing import NDArray

import metier

RATE_HZ = 16_000
OVERTONES = {
    "flute": (1, 0.1, 0.02),
    "clarinet": (1, 0, 0.6, 0, 0.4, 0, 0.2),
    "violin": (1, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.2),
}


def wav(samples: NDArray[np.float64]) -> bytes:
    """A sound as a WAV file of 16 bits."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((samples / np.abs(samples).max() * 30_000).astype("<i2").tobytes())
    return buffer.getvalue()


def played(instrument: str, random: np.random.Generator) -> bytes:
    """Half a second of an instrument, at a pitch between 200 and 600 Hz."""
    at = np.arange(RATE_HZ // 2) / RATE_HZ
    pitch = random.uniform(200, 600)
    waves = [loud * np.sin(2 * np.pi * pitch * n * at) for n, loud in enumerate(OVERTONES[instrument], 1)]
    return wav(np.sum(waves, axis=0) * np.minimum(1, 20 * at) + random.normal(0, 0.01, len(at)))


def main() -> None:
    """Learn 40 sounds of each instrument without a network, and judge 20 others."""
    random = np.random.default_rng(0)
    rows = [(played(instrument, random), instrument) for _ in range(60) for instrument in OVERTONES]
    specialist = metier.train(rows[:120], effort="quick")
    decisions = specialist.predict([sound for sound, _ in rows[120:]])
    right = [d.candidates[0].label == label for d, (_, label) in zip(decisions, rows[120:], strict=True)]
    print(f"right: {np.mean(right):.0%}")
    print(f"noise: {specialist.predict([wav(random.normal(0, 1, RATE_HZ // 2))])[0].reason}")


if __name__ == "__main__":
    main()
