"""Fights in short clips, five folds that keep the clips of one film together: metier against the mean frame.

METIER_DATA=../shared/data python -m benchmarks.trades.video [times dealt] [effort ...]
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from itertools import product
from time import perf_counter

import numpy as np

from benchmarks.trades.base import DATA, Figure, HeldOut

FOLDS, SPLITS = 5, 3  # so many ways of dealing the films into folds


def run(splits: int = SPLITS, efforts: tuple[str, ...] = ("quick", "standard")) -> Iterator[Figure]:
    from metier.data.split import folds
    from metier.domains.video import DOMAIN

    folder = DATA / "fight_video"
    with (folder / "clips.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    labels = np.array([row["label"] for row in rows])
    films = np.array([row["source"] for row in rows])
    truth, groups = (np.unique(names, return_inverse=True)[1].astype(np.int64) for names in (labels, films))
    ways: tuple[tuple[HeldOut, str, np.ndarray], ...] = (
        ("group", "film", groups), ("random", "clip, films shared", np.arange(len(groups))),
    )  # fmt: skip
    values = [DOMAIN.read(folder / row["file"]) for row in rows]
    means = np.stack([value.array.mean(axis=0)[::4, ::4].ravel() for value in values])
    cells = [{"clip": folder / row["file"], "label": row["label"], "source": row["source"]} for row in rows]

    def frame_average(learnt: np.ndarray, asked: np.ndarray) -> np.ndarray:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
        return model.fit(means[learnt], labels[learnt]).predict(means[asked])

    def metier_at(effort: str, group: str | None) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        import metier

        def answers(learnt: np.ndarray, asked: np.ndarray) -> np.ndarray:
            specialist = metier.train(
                [cells[i] for i in learnt], input="clip", target="label", effort=effort, group=group
            )
            probabilities = specialist.predicted([values[i] for i in asked]).probabilities
            return np.array(specialist.labels)[probabilities.argmax(axis=1)]

        return answers

    for way, name, kept in ways:
        named = "source" if way == "group" else None
        dealt = [folds(truth, kept.astype(np.int64), FOLDS, seed) for seed in range(splits)]
        peers = {"mean frame + logistic regression": frame_average, "always the commoner label": None}
        for who, answers in (peers | {f"metier {effort}": metier_at(effort, named) for effort in efforts}).items():
            started = perf_counter()
            right = np.zeros((splits, len(labels)), bool)
            for (split, fold), held in product(enumerate(dealt), range(FOLDS)):
                learnt, asked = np.flatnonzero(fold != held), np.flatnonzero(fold == held)
                said = np.full(len(asked), "fight") if answers is None else answers(learnt, asked)
                right[split, asked] = said == labels[asked]
            low, high = by_film(right.mean(axis=0), groups)
            note = "by way of dealing: " + ", ".join(f"{one:.1%}" for one in right.mean(axis=1))
            seconds = (perf_counter() - started) / splits / FOLDS
            yield Figure(
                data="fight_video", split=f"{FOLDS} folds by {name}, {splits} times", held_out=way, measure="accuracy",
                who=who, value=float(right.mean()), low=low, high=high, seconds=seconds, note=note,
            )  # fmt: skip


def by_film(right: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """The range of the mean when films, not clips, are drawn again."""
    random = np.random.default_rng(0)
    films = [right[groups == film] for film in np.unique(groups)]
    drawn = [np.concatenate([films[i] for i in random.integers(0, len(films), len(films))]).mean() for _ in range(2000)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


if __name__ == "__main__":
    for one in run(int(sys.argv[1]) if sys.argv[1:] else SPLITS, tuple(sys.argv[2:]) or ("quick", "standard")):
        print(one, flush=True)
