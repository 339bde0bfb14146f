"""Does a `standard` specialist reach the figures it is meant to reach? BANKING77 and CLINC150, final rows, one run.

    python benchmarks/figures.py            # both data sets: about six minutes on two cores
    python benchmarks/figures.py few        # five and ten examples a class, seeds 0 to 2
    python benchmarks/figures.py thorough   # BANKING77 with a fine-tuned encoder: an hour or two, with torch

Writes benchmarks/results/figures.json and prints it as a table. Ratios are taken within the run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from machine import commit, machine
from text_rows import read

from metier.artifact import save
from metier.cascade import run_stage
from metier.decide.measure import auroc, calibration_error, clopper_pearson
from metier.specialist import Specialist
from metier.train import train
from metier.types import Table

RESULTS = Path(__file__).parent / "results" / "figures.json"
Figures = dict[str, Any]


def main(asked: list[str]) -> None:
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    runs: dict[str, Callable[[], Figures]] = {
        "banking77": banking77,
        "clinc150": lambda: of("clinc150")[2],
        "few": few,
        "thorough": thorough,
        "package": package,
    }
    for name in asked or ["banking77", "clinc150", "few", "package"]:
        about = {"date": time.strftime("%Y-%m-%d"), "commit": commit(), **machine(list(range(os.cpu_count() or 1)))}
        found[name] = {"figures": runs[name](), "run": about}
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")
        for figure, value in found[name]["figures"].items():
            print(f"{name:10} {figure:48} {value:.4g}", flush=True)


def banking77() -> Figures:
    """The whole table for one data set, and the rows that have nothing to do with a bank."""
    plain, promising, figures = of("banking77")
    clinc = json.loads((Path(os.environ.get("METIER_DATA", "../shared/data")) / "clinc150/data_full.json").read_text())
    life = [text for part in ("train", "val", "test") for text, label in clinc[part] if label == "meaning_of_life"]
    figures["meaning of life declined, of 150"] = sum(not d.accepted for d in promising.predict(life))
    return figures | speed(plain, [text for text, _ in read("banking77", None, 0).test])


def of(name: str) -> tuple[Specialist, Specialist, Figures]:
    """A specialist that promises nothing, one that promises 2 %, and their figures on test rows."""
    rows = read(name, None, 0)
    table = Table(columns={"text": [t for t, _ in rows.train], "label": [label for _, label in rows.train]})
    texts, labels = [t for t, _ in rows.test], np.array([label for _, label in rows.test])
    with TemporaryDirectory() as work:
        started = time.perf_counter()
        plain = train(table, input="text", target="label", work=Path(work)).specialist
        seconds = time.perf_counter() - started
        promising = train(table, input="text", target="label", max_error=0.02, work=Path(work)).specialist
    figures = {"training s": seconds, **unpromised(plain, texts, labels), **promised(promising, texts, labels)}
    strange, known = promising.predicted(rows.out_of_scope), promising.predicted(texts)
    figures["out-of-scope AUROC of scope"] = auroc(known.scope, strange.scope)
    refused = np.sort(known.scope)[int(0.02 * len(known.scope))]
    figures["out of scope caught where 2 % of test rows are refused"] = float((strange.scope < refused).mean())
    figures["out of scope refused by the learnt threshold"] = float((~strange.in_scope).mean())
    figures["out of scope declined"] = float((~strange.accepted).mean())
    return plain, promising, figures


def thorough() -> Figures:
    """The same data with all that can be given to it."""
    rows = read("banking77", None, 0)
    table = Table(columns={"text": [t for t, _ in rows.train], "label": [label for _, label in rows.train]})
    started = time.perf_counter()
    specialist = train(table, input="text", target="label", effort="thorough").specialist
    seconds = time.perf_counter() - started
    return {
        "training s": seconds,
        **unpromised(specialist, [t for t, _ in rows.test], np.array([label for _, label in rows.test])),
    }


def unpromised(specialist: Specialist, texts: list[str], labels: np.ndarray) -> Figures:
    names = np.array(specialist.labels)
    predicted = specialist.predicted(texts)
    right = names[predicted.probabilities.argmax(1)] == labels
    step, last = None, None
    for stage in specialist.cascade.stages:
        last = run_stage(stage, texts, None if last is None else last.scores)
        step = step or last
    assert step is not None
    assert last is not None
    always = (names[last.probabilities.argmax(1)] == labels).mean()
    return {
        "accuracy": float(right.mean()),
        "calibration error": calibration_error(predicted.probabilities.max(1), right),
        "stage one alone, accuracy": float((names[step.probabilities.argmax(1)] == labels).mean()),
        "share leaving at stage one": float((predicted.stage == 1).mean()),
        "accuracy lost by the cascade": float(always - right.mean()),
    }


def promised(specialist: Specialist, texts: list[str], labels: np.ndarray) -> Figures:
    predicted = specialist.predicted(texts)
    right = np.array(specialist.labels)[predicted.probabilities.argmax(1)] == labels
    answered = predicted.accepted
    low, high = clopper_pearson(int((answered & ~right).sum()), int(answered.sum()), 0.99)
    return {
        "promise 2 %: coverage": float(answered.mean()),
        "promise 2 %: measured error": float((~right[answered]).mean()),
        "promise 2 %: 99 % band, low": low,
        "promise 2 %: 99 % band, high": high,
        "promise 2 %: share leaving at stage one": float((predicted.stage == 1).mean()),
        "false refusal": float((~predicted.in_scope).mean()),
    }


def speed(specialist: Specialist, texts: list[str]) -> Figures:
    """Times of one run on one core; the encoder alone on every query is the measure of the cascade."""
    first, second = specialist.cascade.stages
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(every)})
    second.encoder.threads = 1  # type: ignore[attr-defined]
    one = [_seconds(lambda t=t: run_stage(first, [t], None)) for t in texts[:1000]]  # type: ignore[misc]
    many = min(_seconds(lambda: run_stage(first, texts * 10, None)) for _ in range(3))
    # of each query the best of three passes over all of them: a process that cuts in is no property of either
    cascade = np.min([[_seconds(lambda t=t: specialist.predict([t])) for t in texts] for _ in range(3)], axis=0)  # type: ignore[misc]
    encoder = np.min([[_seconds(lambda t=t: second.encoder.encode([t])) for t in texts] for _ in range(3)], axis=0)  # type: ignore[misc]
    os.sched_setaffinity(0, every)
    return {
        "stage one, one query, median µs": 1e6 * float(np.median(one)),
        "stage one in bulk, queries/s on one core": 10 * len(texts) / many,
        "whole cascade, mean µs": 1e6 * float(np.mean(cascade)),
        "int8 encoder on every query, mean µs": 1e6 * float(np.mean(encoder)),
        "cascade / encoder": float(np.mean(cascade) / np.mean(encoder)),
    }


def few() -> Figures:
    """Accuracy after five and ten examples of each class, as pandas' groupby().sample() draws them."""
    import pandas as pd

    rows = read("banking77", None, 0)
    frame, labels = pd.DataFrame(rows.train, columns=["text", "category"]), np.array([label for _, label in rows.test])
    found: Figures = {}
    for each in (5, 10):
        accuracies = []
        for seed in range(3):
            drawn = frame.groupby("category").sample(each, random_state=seed)
            table = Table(columns={"text": list(drawn.text), "category": list(drawn.category)})
            specialist = train(table, input="text", target="category").specialist
            guesses = specialist.predicted([t for t, _ in rows.test]).probabilities.argmax(1)
            accuracies.append(float((np.array(specialist.labels)[guesses] == labels).mean()))
        found[f"{each} examples a class, mean accuracy"] = float(np.mean(accuracies))
        found[f"{each} examples a class, lowest"] = min(accuracies)
    return found


def package() -> Figures:
    """Start-up, memory and size of the example bank's specialist, each in a process of its own; best of five."""
    from metier.data.read import read as read_table

    with TemporaryDirectory() as place:
        folder = Path(place) / "bank"
        save(train(read_table(Path(__file__).parent.parent / "examples/bank/intents.csv")).specialist, folder)
        size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
        memory = (
            f"import metier; metier.load({str(folder)!r}).predict(['hello']); "
            "print([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmRSS')][0])"
        )
        said = subprocess.run([sys.executable, "-c", memory], capture_output=True, text=True, check=True).stdout
        cold = [sys.executable, "-m", "metier", "predict", str(folder), "my card never came"]
        return {
            "import metier, s": min(_run([sys.executable, "-c", "import metier"]) for _ in range(5)),
            "python alone, s": min(_run([sys.executable, "-c", ""]) for _ in range(5)),
            "metier predict, cold, s": min(_run(cold) for _ in range(5)),
            "memory of one loaded specialist, MB": int(said) * 1024 / 1e6,
            "artifact, MB": size,
        }


def _run(command: list[str]) -> float:
    return _seconds(lambda: subprocess.run(command, capture_output=True, check=True))


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main(sys.argv[1:])
