"""Molecules beside the usual baselines: a random forest and LightGBM on Morgan fingerprints, on the same rows.

    python -m benchmarks.trades.molecule

DeepChem's scaffold split: sets of one scaffold by falling size, the largest into train until it holds 80 %, then
validation, then test. Beside it as many rows at random, to say what such a split flatters by. Nothing is chosen on
validation or test rows; the 10 % of validation are left unused.

Source: `ScaffoldSplitter` of DeepChem; Wu et al. 2018, "MoleculeNet".
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.trades.base import DATA, Figure, HeldOut
from metier.domains.molecule import DOMAIN
from metier.errors import BadCell
from metier.types import Loss

TASKS: dict[Loss, str] = {"softmax": "classify", "squared": "regress", "logistic": "multilabel"}
SPLITS: dict[HeldOut, str] = {"group": "scaffold 80/10/10, as DeepChem", "random": "random 80/10/10"}
RESAMPLED = 1_000
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Question:
    """A file, what is asked of its molecules, and how the answers are judged."""

    name: str
    file: str
    columns: tuple[str, ...] | None  # None: all but the molecule and its name
    loss: Loss
    measure: str


QUESTIONS = (
    Question(name="BBBP", file="BBBP.csv", columns=("p_np",), loss="softmax", measure="ROC-AUC"),
    Question(
        name="ESOL",
        file="ESOL_delaney-processed.csv",
        columns=("measured log solubility in mols per litre",),
        loss="squared",
        measure="RMSE, lower is better",
    ),
    Question(name="Tox21", file="tox21.csv", columns=None, loss="logistic", measure="ROC-AUC, mean of 12"),
)


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Canonical SMILES and answers (n, k) with gaps, and which rows are learnt from and asked about."""

    held_out: HeldOut
    values: Sequence[str]
    answers: Floats
    train: NDArray[np.int64]
    test: NDArray[np.int64]


def rows_of(question: Question) -> list[Rows]:
    """The rows that can be read, by DeepChem's split of them and at random."""
    from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

    from metier.encoders.molecules import quiet

    values, answers, scaffolds = [], [], []
    with (DATA / "moleculenet" / question.file).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            smiles = row.pop("smiles")
            row.pop("mol_id", None)
            try:
                values.append(DOMAIN.read(smiles))
            except BadCell:
                continue  # DeepChem leaves them out too
            asked = question.columns or tuple(row)
            answers.append([float(row[name]) if row[name] else np.nan for name in asked])
            with quiet():
                scaffolds.append(MurckoScaffoldSmiles(smiles, includeChirality=False))
    train, valid, test = scaffold_split(scaffolds)
    order = np.random.default_rng(0).permutation(len(values))
    ways: dict[HeldOut, tuple[NDArray[np.int64], NDArray[np.int64]]] = {
        "group": (train, test), "random": (order[: len(train)], order[len(train) + len(valid) :]),
    }  # fmt: skip
    return [
        Rows(held_out=way, values=values, answers=np.array(answers), train=train, test=test)
        for way, (train, test) in ways.items()
    ]


def scaffold_split(scaffolds: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Train, validation and test rows as DeepChem deals them out."""
    sets: dict[str, list[int]] = {}
    for i, scaffold in enumerate(scaffolds):
        sets.setdefault(scaffold, []).append(i)
    train: list[int] = []
    valid: list[int] = []
    test: list[int] = []
    for rows in sorted(sets.values(), key=lambda rows: (len(rows), rows[0]), reverse=True):
        if len(train) + len(rows) <= 0.8 * len(scaffolds):
            train += rows
        elif len(train) + len(valid) + len(rows) <= 0.9 * len(scaffolds):
            valid += rows
        else:
            test += rows
    return np.array(train), np.array(valid), np.array(test)


def judged(question: Question, answers: Floats, said: Floats) -> float:
    """The measure of answers (n, k) that have gaps."""
    from sklearn.metrics import roc_auc_score

    if question.loss == "squared":
        return float(np.sqrt(np.mean((answers - said) ** 2)))
    each = []
    for truth, score in zip(answers.T, said.T, strict=True):
        known = ~np.isnan(truth)
        if len(set(truth[known])) == 2:
            each.append(roc_auc_score(truth[known], score[known]))
    return float(np.mean(each))


def figure(question: Question, rows: Rows, who: str, learn: Callable[[], Floats], note: str = "") -> Figure:
    """One cell of the table, with the interval of a bootstrap over test rows."""
    started = time.perf_counter()
    said = learn()
    seconds = time.perf_counter() - started
    answers, rng = rows.answers[rows.test], np.random.default_rng(0)
    drawn = [rng.integers(0, len(answers), len(answers)) for _ in range(RESAMPLED)]
    low, high = np.quantile([judged(question, answers[d], said[d]) for d in drawn], [0.025, 0.975])
    value = judged(question, answers, said)
    return Figure(
        data=f"moleculenet {question.name}", split=SPLITS[rows.held_out], held_out=rows.held_out,
        measure=question.measure, who=who, value=value, low=float(low), high=float(high), seconds=seconds, note=note,
    )  # fmt: skip


def fingerprints(values: Sequence[str]) -> NDArray[np.uint8]:
    """Morgan fingerprints of radius 2 in 2,048 bits, as the field's baselines have them."""
    from rdkit.Chem import rdFingerprintGenerator

    from metier.encoders.molecules import molecule

    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    return np.stack([generator.GetFingerprintAsNumPy(molecule(value)) for value in values])


def each_column(rows: Rows, columns: NDArray[np.uint8], answer: Callable[[Floats, Floats, Floats], Floats]) -> Floats:
    """A model for each column of the answers, learnt from the rows that have one."""
    said = np.zeros((len(rows.test), rows.answers.shape[1]))
    for q in range(rows.answers.shape[1]):
        known = rows.train[~np.isnan(rows.answers[rows.train, q])]
        said[:, q] = answer(columns[known], rows.answers[known, q], columns[rows.test])
    return said


def random_forest(question: Question) -> Callable[[Floats, Floats, Floats], Floats]:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    def answer(learnt: Floats, wanted: Floats, asked: Floats) -> Floats:
        if question.loss == "squared":
            return np.asarray(RandomForestRegressor(random_state=0).fit(learnt, wanted).predict(asked))
        forest = RandomForestClassifier(n_estimators=500, random_state=0)
        return np.asarray(forest.fit(learnt, wanted).predict_proba(asked)[:, 1])

    return answer


def boosting(question: Question) -> Callable[[Floats, Floats, Floats], Floats]:
    import lightgbm

    def answer(learnt: Floats, wanted: Floats, asked: Floats) -> Floats:
        data = lightgbm.Dataset(learnt.astype(np.float32), wanted, params={"verbose": -1})
        objective = "regression" if question.loss == "squared" else "binary"
        settings = {"objective": objective, "verbose": -1, "seed": 0, "num_threads": 1}
        return np.asarray(lightgbm.train(settings, data).predict(asked.astype(np.float32)))

    return answer


def last_stage(question: Question, rows: Rows) -> Floats:
    """What the last stage of `standard` says of the test rows, without calibration, which changes no order."""
    from metier.heads.forest import ForestHead

    encoder = DOMAIN.encoders("standard")[-1]
    learnt, asked = (encoder.encode([rows.values[i] for i in part]) for part in (rows.train, rows.test))
    wanted = rows.answers[rows.train].astype(np.float32)
    centre, spread = (wanted.mean(), wanted.std()) if question.loss == "squared" else (0.0, 1.0)
    if question.loss == "softmax":
        wanted = np.hstack([1 - wanted, wanted])
    head = ForestHead.suited(len(rows.train)).fit(learnt, (wanted - centre) / spread, loss=question.loss, seed=0)
    scores = head.scores(asked).astype(np.float64)
    return scores[:, 1:] if question.loss == "softmax" else scores * spread + centre


def cascade(question: Question, rows: Rows) -> Floats:
    """What a whole specialist says, exits and calibration included."""
    from metier.train import train
    from metier.types import Table

    asked = [f"answer {q}" for q in range(rows.answers.shape[1])]
    number = float if question.loss == "squared" else int
    columns: dict[str, list[object]] = {"smiles": [rows.values[i] for i in rows.train]}
    for name, answers in zip(asked, rows.answers[rows.train].T, strict=True):
        columns[name] = [None if np.isnan(answer) else number(answer) for answer in answers]
    table = Table(columns=columns)
    specialist = train(table, input="smiles", target=",".join(asked), task=TASKS[question.loss]).specialist
    said = specialist.predicted([rows.values[i] for i in rows.test]).probabilities.astype(np.float64)
    return said if question.loss == "logistic" else said[:, 1:2]  # the second label, or the estimate


def run() -> Iterator[Figure]:
    for question in QUESTIONS:
        for rows in rows_of(question):
            bits = fingerprints(rows.values)
            ways: dict[str, Callable[[], Floats]] = {
                "metier standard": partial(cascade, question, rows),
                "metier standard, last stage alone": partial(last_stage, question, rows),
                "random forest on Morgan fingerprints": partial(each_column, rows, bits, random_forest(question)),
                "LightGBM defaults on Morgan fingerprints": partial(each_column, rows, bits, boosting(question)),
            }
            for who, learn in ways.items():
                yield figure(question, rows, who, learn)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for one in run():
        print(
            f"{one.data:20} {one.measure:24} {one.who:42} {one.value:.3f} ({one.low:.3f} to {one.high:.3f})", flush=True
        )
