"""Tables: will a client of the bank subscribe, before the call and so without its duration, which leaks the answer?

The file lies in order of time. At random a fifth of the rows is held out, three times over, since one draw alone moves
the area by a point; by time it is the last fifth. Peers take the same columns, categories as such, and are as their
makers ship them. AutoGluon holds packages to other versions than ours, so it runs in an environment of its own: `python
-m venv .venv-autogluon && .venv-autogluon/bin/pip install 'autogluon.tabular[lightgbm,catboost,xgboost]'`, and its
interpreter in METIER_AUTOGLUON. It has as long as metier took. Run: python -m benchmarks.trades.table
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

import metier
from benchmarks.trades.base import DATA, Figure
from metier.data.read import read
from metier.types import Table

FILE = DATA / "bank_marketing" / "bank-full.csv"
TARGET, LEAK = "y", "duration"
SEED, RESAMPLED, TIMED_ROWS = 0, 500, 2000
DRAWS = (0, 1, 2)
AUTOGLUON = os.environ.get(
    "METIER_AUTOGLUON", str(Path(__file__).parents[2] / ".venv-autogluon" / "bin" / "python")
)  # fmt: skip
AUTOGLUON_CODE = """
import sys
import numpy, pandas
from autogluon.tabular import TabularPredictor
folder, target, limit = sys.argv[1:]
learnt, asked = (pandas.read_csv(f"{folder}/{name}.csv") for name in ("learnt", "asked"))
predictor = TabularPredictor(label=target, eval_metric="roc_auc", path=f"{folder}/kept", verbosity=0)
predictor.fit(learnt, presets="medium_quality", time_limit=float(limit))
numpy.savetxt(f"{folder}/said.txt", predictor.predict_proba(asked)[1].to_numpy())
"""

Ints = NDArray[np.int64]
Learner = Callable[[Any, NDArray[np.int64]], Any]


def run() -> Iterator[Figure]:
    """The bank at random and by time, then two small tables of scikit-learn."""
    table = read(FILE)
    table = Table(columns={name: cells for name, cells in table.columns.items() if name != LEAK}, source=FILE.name)
    n = len(table)
    orders = {f"random 80/20, draw {seed}": np.random.default_rng(seed).permutation(n) for seed in DRAWS}
    orders["time, last 20 %"] = np.arange(n)
    reached: dict[str, list[float]] = {}
    for split, order in orders.items():
        for figure in _bank(table, split, order[: int(0.8 * n)], order[int(0.8 * n) :]):
            if split.startswith("random") and figure.measure == "ROC-AUC":
                reached.setdefault(figure.who, []).append(figure.value)
            yield figure
    for who, values in reached.items():
        note = ", ".join(f"{value:.4f}" for value in values)
        yield Figure(
            data="bank_marketing without duration", split=f"random 80/20, mean of {len(values)}", measure="ROC-AUC",
            held_out="random", who=who, value=float(np.mean(values)), note=note,
        )  # fmt: skip
    yield from _small()


def _bank(table: Table, split: str, learnt: Ints, held: Ints) -> Iterator[Figure]:
    truth = (np.array(table.columns[TARGET]) == "yes").astype(np.int64)
    columns = [name for name in table.columns if name != TARGET]

    def figure(who: str, scores: NDArray[Any], seconds: float, note: str = "") -> Figure:
        value, low, high = _area(truth[held], scores)
        return Figure(
            data="bank_marketing without duration", split=split, measure="ROC-AUC", who=who, value=value, low=low,
            high=high, seconds=seconds, note=note, held_out="time" if split.startswith("time") else None,
        )  # fmt: skip

    if split.startswith("time"):
        moments = [float(i) for i in range(len(table))]
        ordered = Table(columns={**table.columns, "moment": moments}, source=table.source)
        rows, order = ordered.take(learnt), "moment"
    else:
        rows, order = table.take(learnt), None
    started = perf_counter()
    specialist = metier.train(rows, input=columns, target=TARGET, order=order, seed=SEED)
    seconds = perf_counter() - started
    cells = list(zip(*(table.columns[name] for name in columns), strict=True))
    values = [specialist.domain.read(cells[i]) for i in held]
    scores = specialist.predicted(values).probabilities[:, specialist.labels.index("yes")]
    yield figure("metier standard", scores, seconds, " ".join(specialist.figures["notes"]))  # type: ignore[arg-type]
    yield _time(specialist, [cells[i] for i in held[:TIMED_ROWS]], split)
    frame, limit = _frame(table, columns), float(np.ceil(seconds))
    for who, fit in _peers().items():
        started = perf_counter()
        fitted = fit(frame.iloc[learnt], truth[learnt])
        seconds = perf_counter() - started
        yield figure(who, fitted.predict_proba(frame.iloc[held])[:, 1], seconds)
    if Path(AUTOGLUON).exists():
        started = perf_counter()
        scores = _AutoGluon(frame.iloc[learnt], truth[learnt], limit).predict_proba(frame.iloc[held])[:, 1]
        seconds, note = perf_counter() - started, f"{limit:.0f} s, as long as metier took"
        yield figure("AutoGluon medium_quality", scores, seconds, note)


def _time(specialist: Any, rows: list[Any], split: str) -> Figure:
    specialist.predict(rows[:1])
    times = []
    for row in rows:
        started = perf_counter()
        specialist.predict([row])
        times.append((perf_counter() - started) * 1000)
    return Figure(
        data="bank_marketing without duration", split=split, measure="ms a row, in process, median",
        who="metier standard",
        value=float(np.median(times)), low=float(np.quantile(times, 0.025)), high=float(np.quantile(times, 0.975)),
    )  # fmt: skip


def _small() -> Iterator[Figure]:
    """Accuracy over five folds, each held out once."""
    from sklearn.datasets import load_breast_cancer, load_wine
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from metier.decide.measure import wilson
    from metier.estimator import MetierClassifier

    for name, load in (("breast_cancer", load_breast_cancer), ("wine", load_wine)):
        cells, truth = load(return_X_y=True)
        parts = StratifiedKFold(5, shuffle=True, random_state=SEED)
        for who, peer in (
            ("metier standard", MetierClassifier()),
            ("logistic regression, standardised", make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))),
            ("scikit-learn HistGradientBoosting defaults", HistGradientBoostingClassifier(random_state=SEED)),
        ):
            started = perf_counter()
            right = int((cross_val_predict(peer, cells, truth, cv=parts) == truth).sum())
            found = wilson(right, len(truth))
            yield Figure(
                data=f"{name} of scikit-learn", split="5 folds, random", measure="accuracy", who=who, value=found.value,
                low=found.low, high=found.high, seconds=perf_counter() - started,
            )  # fmt: skip


def _frame(table: Table, columns: list[str]) -> Any:
    """The columns as pandas has them: numbers, and categories with all their names."""
    import pandas

    made = {}
    for name in columns:
        cells = table.columns[name]
        try:
            made[name] = pandas.Series([float(cell) for cell in cells])
        except ValueError:
            made[name] = pandas.Series(cells, dtype="category")
    return pandas.DataFrame(made)


def _peers() -> dict[str, Learner]:
    """Everybody installed here."""
    peers: dict[str, Learner] = {}
    if importlib.util.find_spec("lightgbm"):
        peers["LightGBM defaults"] = _lightgbm
    if importlib.util.find_spec("catboost"):
        peers["CatBoost defaults"] = _catboost
    peers["scikit-learn HistGradientBoosting defaults"] = _histogram
    return peers


def _lightgbm(frame: Any, truth: Ints) -> Any:
    import lightgbm

    return lightgbm.LGBMClassifier(random_state=SEED, verbose=-1).fit(frame, truth)


def _catboost(frame: Any, truth: Ints) -> Any:
    import catboost

    names = [name for name in frame if str(frame[name].dtype) == "category"]
    return catboost.CatBoostClassifier(
        cat_features=names, random_seed=SEED, verbose=False, allow_writing_files=False
    ).fit(frame, truth)


def _histogram(frame: Any, truth: Ints) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=SEED).fit(frame, truth)


class _AutoGluon:
    """Learns within a time limit, in an environment of its own; frames travel as files."""

    def __init__(self, frame: Any, truth: Ints, time_limit_s: float) -> None:
        self._folder = Path(tempfile.mkdtemp())
        frame.assign(**{TARGET: truth}).to_csv(self._folder / "learnt.csv", index=False)
        self._time_limit_s = time_limit_s

    def predict_proba(self, rows: Any) -> Any:
        rows.to_csv(self._folder / "asked.csv", index=False)
        asked = [AUTOGLUON, "-W", "ignore", "-c", AUTOGLUON_CODE, str(self._folder), TARGET, str(self._time_limit_s)]
        done = subprocess.run(asked, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        said = np.loadtxt(self._folder / "said.txt")
        shutil.rmtree(self._folder)
        return np.column_stack([1 - said, said])


def _area(truth: Ints, scores: NDArray[Any]) -> tuple[float, float, float]:
    """ROC-AUC, and what 95 of 100 samples of the held-out rows would give."""
    from scipy.stats import rankdata

    def area(truth: Ints, scores: NDArray[Any]) -> float:
        ones = int(truth.sum())
        return float((rankdata(scores)[truth == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(truth) - ones)))

    draw = np.random.default_rng(SEED)
    samples = [draw.integers(0, len(truth), len(truth)) for _ in range(RESAMPLED)]
    low, high = np.quantile([area(truth[rows], scores[rows]) for rows in samples], [0.025, 0.975])
    return area(truth, scores), float(low), float(high)


if __name__ == "__main__":
    for figure in run():
        print(figure, flush=True)
