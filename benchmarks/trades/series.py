"""Time series: five sets of the UCR and UEA archives as they are split, against aeon's MiniRocket and 1-NN with DTW.

aeon holds numba and pandas to older versions than ours, so it runs in the same run but in an environment of its own:
`python -m venv .venv-aeon && .venv-aeon/bin/pip install aeon`, and its interpreter in METIER_AEON.
Run: python -m benchmarks.trades.series
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.trades.base import DATA, Figure

SETS = ("ArrowHead", "BasicMotions", "GunPoint", "ItalyPowerDemand", "JapaneseVowels")
AEON = os.environ.get("METIER_AEON", str(Path(__file__).parents[2] / ".venv-aeon" / "bin" / "python"))
SPLIT = "as given"


def run() -> Iterator[Figure]:
    reached: dict[str, list[tuple[float, int]]] = {}
    for name in SETS:
        for figure in (*_ours(name), *_peers(name)):
            if figure.measure == "accuracy":
                reached.setdefault(figure.who, []).append((figure.value, _rows(name)))
            yield figure
    for who, accuracies in reached.items():
        spread = sum(p * (1 - p) / n for p, n in accuracies) ** 0.5 / len(accuracies)
        mean = float(np.mean([p for p, _ in accuracies]))
        yield Figure(
            data="ucr, mean of five", split=SPLIT, measure="accuracy", who=who,
            value=mean, low=mean - 1.96 * spread, high=mean + 1.96 * spread,
        )  # fmt: skip


def _ours(name: str) -> Iterator[Figure]:
    import metier
    from metier.data.read import read

    test = read(_file(name, "TEST"))
    for effort in ("quick", "standard"):
        started = perf_counter()
        specialist = metier.train(str(_file(name, "TRAIN")), effort=effort)
        seconds = perf_counter() - started
        decisions = specialist.predict(test.columns["series"])
        best = [decision.candidates[0].label for decision in decisions]
        right = np.array(best) == np.array(test.columns["label"])
        yield _accuracy(name, f"metier {effort}", right, seconds)
        yield Figure(
            data=name, split=SPLIT, measure="ms for one row, median, lower is better", who=f"metier {effort}",
            value=_ms(specialist, test.columns["series"]), note="numbers as text",
        )  # fmt: skip


def _ms(specialist: Any, cells: Sequence[Any]) -> float:
    times = []
    for cell in cells[:100]:
        started = perf_counter()
        specialist.predict([cell])
        times.append(1000 * (perf_counter() - started))
    return median(times)


def _peers(name: str) -> Iterator[Figure]:
    if not Path(AEON).exists():
        return
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [AEON, "-W", "ignore", "-m", "benchmarks.trades.series", name], cwd=root, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": root, "METIER_DATA": str(DATA.resolve())},
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    for line in done.stdout.splitlines():
        said = json.loads(line)
        yield _accuracy(name, said["who"], np.array(said["right"]), said["seconds"])


def _accuracy(name: str, who: str, right: Any, seconds: float) -> Figure:
    share, n = float(right.mean()), len(right)
    # Wilson's interval
    centre, half = (share + 1.92 / n) / (1 + 3.84 / n), 1.96 * (share * (1 - share) / n + 0.96 / n**2) ** 0.5
    half /= 1 + 3.84 / n
    return Figure(
        data=name, split=SPLIT, measure="accuracy", who=who,
        value=share, low=centre - half, high=centre + half, seconds=seconds,
    )  # fmt: skip


def _file(name: str, part: str) -> Path:
    return DATA / "ucr" / name / f"{name}_{part}.ts"


def _rows(name: str) -> int:
    return len(_plain(name, "TEST")[1])


def _plain(name: str, part: str) -> tuple[list[Any], list[str]]:
    """Series (channels, steps) and labels, read without metier."""
    lines = [line.strip() for line in _file(name, part).read_text(encoding="utf-8").splitlines()]
    rows = [line for line in lines[[line.lower() for line in lines].index("@data") + 1 :] if line]
    series = [np.array([c.split(",") for c in row.split(":")[:-1]], np.float32) for row in rows]
    return series, [row.rsplit(":", 1)[1] for row in rows]


def _aeon(name: str) -> None:
    """What aeon reaches, a line for each peer; series of unequal lengths are filled up with zeros, as it asks for."""
    from aeon.classification.convolution_based import MiniRocketClassifier
    from aeon.classification.distance_based import KNeighborsTimeSeriesClassifier

    (train, labels), (test, truth) = _plain(name, "TRAIN"), _plain(name, "TEST")
    longest = max(one.shape[1] for one in train + test)
    train, test = (np.stack([np.pad(one, ((0, 0), (0, longest - one.shape[1]))) for one in s]) for s in (train, test))
    peers = {
        "MiniRocket of aeon": MiniRocketClassifier(random_state=0),
        "1-NN with DTW of aeon": KNeighborsTimeSeriesClassifier(distance="dtw", distance_params={"window": 0.1}),
    }
    for who, peer in peers.items():
        started = perf_counter()
        peer.fit(train, np.array(labels))
        seconds = perf_counter() - started
        right = (peer.predict(test) == np.array(truth)).tolist()
        print(json.dumps({"who": who, "right": right, "seconds": seconds}), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _aeon(sys.argv[1])
    else:
        for figure in run():
            print(figure, flush=True)
