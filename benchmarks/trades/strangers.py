"""Is what is none of a specialist's business refused? Pictures for one of digits, sounds for one of spoken digits.

Nothing strange is learnt or looked at: the threshold follows from held-out training rows and the 2 % of false refusal
that is stated. METIER_DATA=../shared/data python -m benchmarks.trades.strangers; `standard` takes a quarter of an hour.
"""

from __future__ import annotations

import io
import tarfile
import wave
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import metier
from benchmarks.trades.base import DATA, Figure
from metier.decide.measure import wilson
from metier.types import Effort

EFFORTS: tuple[Effort, ...] = ("quick", "standard")
SEED, EACH = 0, 300
RATE_HZ, SAMPLES = 8000, 4000
NOTES_HZ = 220 * 2 ** (np.array([0, 3, 5, 7, 10, 12, 15, 17]) / 12)  # pentatonic, two octaves
Cells = Sequence[bytes]


def run() -> Iterator[Figure]:
    digits, spoken = _digits(), _spoken()
    for effort in EFFORTS:
        yield from _asked("digits of scikit-learn", effort, *digits)
        yield from _asked("fsdd, speakers shared", effort, *spoken)


def _asked(
    data: str, effort: Effort, learnt: Cells, labels: Sequence[str], strange: Mapping[str, Cells]
) -> Iterator[Figure]:
    started = perf_counter()
    specialist = metier.train(list(zip(learnt, labels, strict=True)), effort=effort)
    seconds = perf_counter() - started
    for name, cells in strange.items():
        refused = sum(decision.reason == "out_of_scope" for decision in specialist.predict(cells))
        share = wilson(refused, len(cells))
        yield Figure(
            data=data, split=f"{len(cells)} {name}", measure="refused at 2 % false refusal", who=f"metier {effort}",
            value=share.value, low=share.low, high=share.high, seconds=seconds,
        )  # fmt: skip


def _digits() -> tuple[Cells, list[str], dict[str, Cells]]:
    """Two thirds are learnt; the strange are photographs, also grey and as small, and what has a digit's own pixels."""
    from sklearn.datasets import load_digits

    found, draw = load_digits(), np.random.default_rng(SEED)
    pictures, order = found.images * 15.9, draw.permutation(len(found.images))
    learnt, held = order[:1200], order[1200:]
    photographs = list(islice(_photographs(), EACH))
    grey = [Image.open(io.BytesIO(cell)).convert("L") for cell in photographs]
    return [_png(pictures[i]) for i in learnt], [str(found.target[i]) for i in learnt], {
        "digits held out, which should not be": [_png(pictures[i]) for i in held],
        "photographs of cifar10": photographs,
        "photographs, grey": [_png(np.asarray(one)) for one in grey],
        "photographs, grey, 8 by 8": [_png(np.asarray(one.resize((8, 8)))) for one in grey],
        "pictures of noise": [_png(draw.integers(0, 255, (8, 8))) for _ in range(EACH)],
        "digits in negative": [_png(255 - pictures[i]) for i in held],
    }  # fmt: skip


def _photographs() -> Iterator[bytes]:
    with tarfile.open(DATA / "cifar10" / "train.tar.gz") as archive:
        for member in archive:
            if file := archive.extractfile(member):
                yield file.read()


def _spoken() -> tuple[Cells, list[str], dict[str, Cells]]:
    """900 takes are learnt; the strange are noises, of a take's spectrum, too, and chords, half a second each."""
    draw = np.random.default_rng(SEED)
    files = sorted((DATA / "fsdd" / "recordings").glob("*.wav"))
    chosen = [files[i] for i in draw.permutation(len(files))[: 900 + EACH]]
    takes = [file.read_bytes() for file in chosen]
    return takes[:900], [file.name[0] for file in chosen[:900]], {
        "takes held out, which should not be": takes[900:],
        "white noises": [_wav(draw.normal(size=SAMPLES)) for _ in range(EACH)],
        "pink noises": [_wav(_pink(draw)) for _ in range(EACH)],
        "takes held out with their phases at random": [_scattered(take, draw) for take in takes[900:]],
        "chords": [_wav(_chords(draw)) for _ in range(EACH)],
    }  # fmt: skip


def _scattered(take: bytes, draw: np.random.Generator) -> bytes:
    """Noise with the very spectrum of a take."""
    with wave.open(io.BytesIO(take)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)
    bands = np.fft.rfft(samples)
    turned = np.exp(1j * draw.uniform(0, 2 * np.pi, len(bands)))
    return _wav(np.fft.irfft(np.abs(bands) * turned, len(samples)))


def _pink(draw: np.random.Generator) -> NDArray[np.float64]:
    bands = np.fft.rfft(draw.normal(size=SAMPLES))
    return np.fft.irfft(bands / np.sqrt(np.arange(1, len(bands) + 1)), SAMPLES)


def _chords(draw: np.random.Generator) -> NDArray[np.float64]:
    """Four chords of three plucked notes with four overtones each."""
    clock, sound = np.arange(SAMPLES) / RATE_HZ, np.zeros(SAMPLES)
    for start in range(0, SAMPLES, SAMPLES // 4):
        left = clock[: SAMPLES - start]
        for note in draw.choice(NOTES_HZ, 3, replace=False):
            for over in range(1, 5):
                sound[start:] += np.sin(2 * np.pi * note * over * left) / over * np.exp(-6 * left)
    return sound


def _png(pixels: NDArray[np.generic]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(file, "PNG")
    return file.getvalue()


def _wav(samples: NDArray[np.float64]) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(RATE_HZ)
        written.writeframes((samples / np.abs(samples).max() * 16_000).astype("<i2").tobytes())
    return file.getvalue()


if __name__ == "__main__":
    for figure in run():
        print(f"{figure.data}, {figure.who}, {figure.split}: {figure.value:.1%} refused", flush=True)
