"""Spoken digits of a speaker never heard: metier against MFCC and a support vector machine, on the same rows.

METIER_DATA=../shared/data python -m benchmarks.trades.audio [quick|standard]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.trades.base import DATA, Figure, HeldOut

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
EFFORTS = ("quick", "standard")
SPLITS: dict[HeldOut, str] = {
    "group": "leave one speaker out, mean of six", "random": "takes 0 to 4 held out, speakers shared",
}  # fmt: skip


def run(efforts: tuple[str, ...] = EFFORTS) -> Iterator[Figure]:
    import metier
    from metier.domains.audio import DOMAIN

    files = sorted((DATA / "fsdd" / "recordings").glob("*.wav"))
    digits = np.array([file.stem.split("_")[0] for file in files])
    speakers = np.array([file.stem.split("_")[1] for file in files])
    takes = np.array([int(file.stem.split("_")[2]) for file in files])
    alone = [(f"without {speaker}", speakers != speaker) for speaker in SPEAKERS]
    ways: tuple[tuple[HeldOut, list[tuple[str, np.ndarray]]], ...] = (
        ("group", alone), ("random", [("takes 0 to 4 held out", takes >= 5)]),
    )  # fmt: skip
    features = np.stack([mfcc(DOMAIN.read(file).array) for file in files])
    for way, splits in ways:
        found = [svm(features, digits, rows) for _, rows in splits]
        yield figure(way, "MFCC means and spreads + SVM", found)
    for effort, (way, splits) in product(efforts, ways):
        found = []
        for split, rows in splits:
            started = perf_counter()
            table = [{"file": file, "label": digit} for file, digit in zip(files, digits, strict=True)]
            specialist = metier.train([table[i] for i in np.flatnonzero(rows)], effort=effort)
            seconds = perf_counter() - started
            right = judged(specialist, [files[i] for i in np.flatnonzero(~rows)], digits[~rows])
            found.append((right, seconds))
            print(f"{effort} {split}: {right.mean():.3f}, {seconds:.0f} s", flush=True)
        yield figure(way, f"metier {effort}", found)


def judged(specialist, files: list[Path], digits: np.ndarray) -> np.ndarray:
    """Whether the likeliest label is right, answered or not."""
    from metier.domains.audio import DOMAIN

    probabilities = specialist.predicted([DOMAIN.read(file) for file in files]).probabilities
    return np.array(specialist.labels)[probabilities.argmax(axis=1)] == digits


def mfcc(samples: np.ndarray) -> np.ndarray:
    from metier.encoders.spectrum import cepstrum, log_mel

    rows = cepstrum(log_mel(samples), 13)
    return np.concatenate([rows.mean(axis=0), rows.std(axis=0)])


def svm(features: np.ndarray, digits: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, float]:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    started = perf_counter()
    model = make_pipeline(StandardScaler(), SVC(C=10)).fit(features[rows], digits[rows])
    return model.predict(features[~rows]) == digits[~rows], perf_counter() - started


def figure(way: HeldOut, who: str, found: list[tuple[np.ndarray, float]]) -> Figure:
    """The mean over the speakers, and its range: speakers are drawn again, each with its own rows."""
    means = np.array([right.mean() for right, _ in found])
    random = np.random.default_rng(0)
    drawn = [means[random.integers(0, len(means), len(means))].mean() for _ in range(2000)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    alone = len(means) == 1
    return Figure(
        data="fsdd", split=SPLITS[way], held_out=way, measure="accuracy", who=who, value=float(means.mean()),
        low=None if alone else float(low), high=None if alone else float(high),
        seconds=float(np.mean([seconds for _, seconds in found])),
        note="" if alone else "by speaker: " + ", ".join(f"{mean:.1%}" for mean in means),
    )  # fmt: skip


if __name__ == "__main__":
    for one in run(tuple(sys.argv[1:]) or EFFORTS):
        print(one, flush=True)
