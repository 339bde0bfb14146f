"""Ten kinds of small pictures, a fifth of them held out: metier against edges + SVM and k-means patches.

METIER_DATA=../shared/data python -m benchmarks.trades.image                  all 50,000 rows, of which 10,000 held out
METIER_DATA=../shared/data python -m benchmarks.trades.image 5000 standard    so many rows, one effort
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from time import perf_counter

import numpy as np

from benchmarks.trades.base import DATA, Figure

HELD_OUT = 0.2
EFFORTS = ("quick", "standard")
PATCHES, PATCH = 400, 6


def run(rows: int | None = None, efforts: tuple[str, ...] = EFFORTS) -> Iterator[Figure]:
    import metier
    from metier.data.read import read
    from metier.decide.measure import clopper_pearson
    from metier.domains.image import DOMAIN

    table = read(DATA / "cifar10" / "train.tar.gz")
    order = np.random.default_rng(0).permutation(len(table))[:rows]
    table = table.take(order)
    cells, labels = table.columns["file"], np.array(table.columns["label"])
    held = np.arange(len(labels)) >= round((1 - HELD_OUT) * len(labels))
    values = [DOMAIN.read(cell) for cell in cells]
    pixels = np.stack([value.array for value in values])

    def figure(who: str, said: np.ndarray, seconds: float) -> Figure:
        right = int((said == labels[held]).sum())
        low, high = clopper_pearson(right, int(held.sum()))
        split = f"{int(held.sum()):,} of {len(labels):,} held out"
        return Figure(
            data="cifar10", split=split, measure="accuracy", who=who, value=right / held.sum(), low=low, high=high,
            seconds=seconds,
        )  # fmt: skip

    for who, features in (("edges and colours + linear SVM", edges), (f"{PATCHES} k-means patches + SVM", patches)):
        started = perf_counter()
        yield figure(who, svm(features(pixels), labels, held), perf_counter() - started)
    for effort in efforts:
        started = perf_counter()
        specialist = metier.train(table.take(np.flatnonzero(~held)), effort=effort)
        seconds = perf_counter() - started
        probabilities = specialist.predicted([values[i] for i in np.flatnonzero(held)]).probabilities
        yield figure(f"metier {effort}", np.array(specialist.labels)[probabilities.argmax(axis=1)], seconds)


def edges(pixels: np.ndarray) -> np.ndarray:
    from metier.encoders.hog import features

    return np.stack([features(one) for one in pixels])


def patches(pixels: np.ndarray) -> np.ndarray:
    """Source: Coates, Lee & Ng 2011, "An Analysis of Single-Layer Networks", with fewer patches."""
    from sklearn.cluster import MiniBatchKMeans

    random = np.random.default_rng(0)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (PATCH, PATCH), axis=(1, 2))  # (n, 27, 27, 3, 6, 6)
    some = windows[
        random.integers(0, len(pixels), 40_000), random.integers(0, 27, 40_000), random.integers(0, 27, 40_000)
    ]
    rows = normal(some.reshape(len(some), -1).astype(np.float32))
    mean = rows.mean(axis=0)
    values, directions = np.linalg.eigh(np.cov(rows - mean, rowvar=False))
    whitener = (directions / np.sqrt(values + 0.1)) @ directions.T
    centres = MiniBatchKMeans(PATCHES, random_state=0, n_init=1, batch_size=2048).fit((rows - mean) @ whitener)
    found = np.empty((len(pixels), 4 * PATCHES), np.float32)
    for row, picture in zip(found, windows, strict=True):
        seen = (normal(picture.reshape(27 * 27, -1).astype(np.float32)) - mean) @ whitener
        near = centres.transform(seen).astype(np.float32)
        votes = np.maximum(0, near.mean(axis=1, keepdims=True) - near).reshape(27, 27, PATCHES)
        quarters = [votes[y, x] for y in (slice(0, 14), slice(14, 27)) for x in (slice(0, 14), slice(14, 27))]
        row[:] = np.concatenate([quarter.sum(axis=(0, 1)) for quarter in quarters])
    return found


def normal(rows: np.ndarray) -> np.ndarray:
    rows = rows - rows.mean(axis=1, keepdims=True)
    return rows / np.sqrt(rows.var(axis=1, keepdims=True) + 10)


def svm(features: np.ndarray, labels: np.ndarray, held: np.ndarray) -> np.ndarray:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    model = make_pipeline(StandardScaler(), LinearSVC(C=0.001)).fit(features[~held], labels[~held])
    return model.predict(features[held])


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    words = tuple(word for word in sys.argv[1:] if not word.isdigit())
    for one in run(numbers[0] if numbers else None, words or EFFORTS):
        print(one, flush=True)
