"""Sounds as pictures: the loudness of each band of pitch over time, and the cepstrum that describes its shape.

Knows samples and their rate; no labels and no files. Loudness is told against the loudest moment of the same sound, so
that a recording says the same at any volume.

Source: Davis & Mermelstein 1980 for the cepstrum; O'Shaughnessy 1987 for the scale of pitch.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
FRAME, STEP, POINTS = 400, 160, 512  # 25 ms every 10 ms, and the length of the transform
BANDS = 64
LOWEST_HZ, HIGHEST_HZ = 60.0, 7_600.0
SIGNS, SLOW_POINTS = 3, 256
AT_ONCE = 15  # frames: more, and the product is shared among threads, which wait longer for each other than it takes
RANGE_DB = 80.0  # what lies further below the loudest moment is silence

F32 = NDArray[np.float32]


def log_mel(samples: F32) -> F32:
    """Loudness (t, BANDS) from -2, silence, to 2, the loudest moment; a sound shorter than a frame has one frame."""
    power = _power(_frames(samples))
    filtered = [power[at : at + AT_ONCE] @ _filters() for at in range(0, len(power), AT_ONCE)]
    bands: F32 = 10 * np.log10(np.concatenate(filtered) + np.float32(1e-10))  # (t, BANDS)
    loudest = max(float(bands.max()), -RANGE_DB + 1)  # of digital silence nothing is loud
    return np.asarray((np.maximum(bands - loudest, -RANGE_DB) + RANGE_DB / 2) / (RANGE_DB / 4), np.float32)


def signs(sounds: Sequence[F32]) -> F32:
    """How each sound is made (n, SIGNS), whatever it says: speech, an engine and a song each differ here from noise.

    How flat the spectrum of its loud moments is; how much the loudness moves, and how much of that is at 1 to 10 Hz,
    where syllables and beats are.

    Source: Peeters 2004, "A large set of audio features for sound description"; Scheirer & Slaney 1997 (modulation).
    """
    return np.array([_signs(samples) for samples in sounds], np.float32).reshape(len(sounds), SIGNS)


def _signs(samples: F32) -> list[float]:
    frames = _frames(samples / max(float(np.abs(samples).max(initial=0)), 1e-6))  # the same at any volume
    power = _power(frames) + np.float32(1e-10)  # (t, POINTS / 2 + 1)
    heard = power[:, 2 : POINTS // 4]  # 60 Hz to 4 kHz, which every recording has
    flat = np.exp(np.log(heard).mean(axis=1)) / heard.mean(axis=1)
    energy = power.sum(axis=1)
    share = energy / energy.sum()
    loud = np.sqrt(energy)
    moves = np.abs(np.fft.rfft(loud - loud.mean(), max(SLOW_POINTS, len(loud)))) ** 2
    hertz = np.fft.rfftfreq(max(SLOW_POINTS, len(loud)), STEP / RATE_HZ)
    slow = moves[(hertz >= 1) & (hertz <= 10)].sum() / (moves.sum() + 1e-12)
    signs = (share @ flat + 0.01, loud.std() / loud.mean() + 0.01, 1.02 - slow)
    return [float(np.log(sign)) for sign in signs]


def _frames(samples: F32) -> F32:
    """Windowed frames (t, FRAME); a sound shorter than a frame has one."""
    padded = np.zeros(max(len(samples), FRAME), np.float32)
    padded[: len(samples)] = samples
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::STEP] * _window(), np.float32)


def _power(frames: F32) -> F32:
    """The power of each pitch (t, POINTS / 2 + 1)."""
    spectrum = np.fft.rfft(frames, POINTS).astype(np.complex64)
    return np.asarray(spectrum.real**2 + spectrum.imag**2, np.float32)


def cepstrum(mel: F32, count: int) -> F32:
    """The first `count` coefficients (t, count) of each frame's shape."""
    return mel @ _cosines(count)


def deltas(rows: F32) -> F32:
    """How each column changes from frame to frame, over two frames to each side. Shapes: (t, d) to (t, d)."""
    padded = np.pad(rows, ((2, 2), (0, 0)), mode="edge")
    change = (padded[3:-1] - padded[1:-3]) + 2 * (padded[4:] - padded[:-4])
    return np.asarray(change / 10, np.float32)


def band_of(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where a pitch lies among the bands, as a fraction of their number."""
    low, high = _mel(np.array([LOWEST_HZ, HIGHEST_HZ]))
    return np.asarray((_mel(hertz) - low) / (high - low) * (BANDS + 1) - 1)


def hertz_of(band: NDArray[np.float64]) -> NDArray[np.float64]:
    """The pitch in the middle of a band; the way back from `band_of`."""
    low, high = _mel(np.array([LOWEST_HZ, HIGHEST_HZ]))
    return np.asarray(700 * (10 ** (((band + 1) / (BANDS + 1) * (high - low) + low) / 2595) - 1))


def _mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(2595 * np.log10(1 + np.maximum(hertz, 0) / 700))


@cache
def _window() -> F32:
    return np.hanning(FRAME).astype(np.float32)


@cache
def _filters() -> F32:
    """Triangles (POINTS / 2 + 1, BANDS), evenly spaced on the scale of pitch, each of area one."""
    edges = hertz_of(np.arange(-1, BANDS + 1, dtype=np.float64))  # (BANDS + 2,)
    at = np.arange(POINTS // 2 + 1) * RATE_HZ / POINTS
    rise = (at[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - at[:, None]) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0, np.minimum(rise, fall))
    return np.ascontiguousarray(triangles / np.maximum(triangles.sum(axis=0), 1e-9), np.float32)


@cache
def _cosines(count: int) -> F32:
    at = (np.arange(BANDS) + 0.5) * np.pi / BANDS
    cosines = np.cos(at[:, None] * np.arange(count)) * np.sqrt(2 / BANDS)
    cosines[:, 0] /= np.sqrt(2)
    return np.asarray(cosines, np.float32)
