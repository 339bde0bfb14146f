"""Proteins: fitness of variants of GB1, learnt from one and two changes, told of three and four (FLIP, two_vs_rest).

The README of the data names no figure; the paper (Dallago et al. 2021) has 0.59 for ridge regression on one-hot
letters, 0.55 for ESM-1b and 0.32 for a convolutional network. The first is run again here, on the same rows.
Run: python -m benchmarks.trades.protein
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.trades.base import DATA, Figure

SPLIT = "two_vs_rest, column set"
LETTERS = "ACDEFGHIKLMNPQRSTVWY"
DRAWS = 200  # of the bootstrap


def run() -> Iterator[Figure]:
    import metier

    train, test = _rows("train"), _rows("test")
    truth = np.array([fitness for _, fitness in test])
    for who, estimates, seconds in _peers(train, test):
        yield _spearman(who, estimates, truth, seconds)
    for effort in ("quick", "standard"):
        started = perf_counter()
        rows = [{"sequence": sequence, "fitness": fitness} for sequence, fitness in train]
        specialist = metier.train(rows, input="sequence", target="fitness", task="regress", effort=effort)
        seconds = perf_counter() - started
        cells = [sequence for sequence, _ in test]
        decisions: list[Any] = list(specialist.predict(cells))
        yield _spearman(f"metier {effort}", np.array([d.estimate for d in decisions]), truth, seconds)
        inside = float(np.mean([d.low <= y <= d.high for d, y in zip(decisions, truth, strict=True)]))
        yield Figure(
            data="flip_gb1", split=SPLIT, measure="true values inside the interval of 90 %", who=f"metier {effort}",
            value=inside, note="the test rows lie outside of what was learnt: three and four changes",
        )  # fmt: skip
        yield Figure(
            data="flip_gb1", split=SPLIT, measure="ms for one row, median, lower is better", who=f"metier {effort}",
            value=_ms(specialist, cells), note="265 letters",
        )  # fmt: skip


def _rows(part: str) -> list[tuple[str, float]]:
    with (DATA / "flip_gb1" / "two_vs_rest.csv").open(encoding="utf-8") as file:
        return [(row["sequence"], float(row["target"])) for row in csv.DictReader(file) if row["set"] == part]


def _peers(
    train: list[tuple[str, float]], test: list[tuple[str, float]]
) -> Iterator[tuple[str, np.ndarray[Any, Any], float]]:
    from sklearn.linear_model import Ridge

    started = perf_counter()
    vectors, unseen = (_one_hot([sequence for sequence, _ in rows]) for rows in (train, test))
    fitted = Ridge(alpha=1.0).fit(vectors, [fitness for _, fitness in train])
    yield "ridge on one-hot letters", fitted.predict(unseen), perf_counter() - started
    wild = train[0][0]
    yield "fewest changes from the wild type", -np.array([_changes(wild, sequence) for sequence, _ in test]), 0.0


def _one_hot(sequences: list[str]) -> np.ndarray[Any, Any]:
    letters = np.array([list(sequence) for sequence in sequences])
    return np.concatenate([letters == letter for letter in LETTERS], axis=1).astype(np.float32)


def _changes(one: str, other: str) -> float:
    return float(sum(a != b for a, b in zip(one, other, strict=True)))


def _spearman(who: str, estimates: np.ndarray[Any, Any], truth: np.ndarray[Any, Any], seconds: float) -> Figure:
    from scipy.stats import spearmanr

    draw = np.random.default_rng(0)
    drawn = [draw.integers(len(truth), size=len(truth)) for _ in range(DRAWS)]
    low, high = np.quantile([spearmanr(estimates[rows], truth[rows])[0] for rows in drawn], [0.025, 0.975])
    return Figure(
        data="flip_gb1", split=SPLIT, measure="Spearman", who=who,
        value=float(spearmanr(estimates, truth)[0]), low=float(low), high=float(high), seconds=seconds,
    )  # fmt: skip


def _ms(specialist: Any, cells: list[str]) -> float:
    times = []
    for cell in cells[:100]:
        started = perf_counter()
        specialist.predict([cell])
        times.append(1000 * (perf_counter() - started))
    return median(times)


if __name__ == "__main__":
    for figure in run():
        print(figure, flush=True)
