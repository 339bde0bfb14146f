"""One peer in a process of its own: `train` writes what would be shipped, `answer` loads it and is timed.

Memory, threads and imports of two peers never mix, and an answering process never holds what training needed.
It reads and writes plain files in the folder it is given, and knows nothing of labels' truth or of the measures.
"""

from __future__ import annotations

import json
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from peers.base import Peer, make

SINGLE, WARM_UP, RUNS = 300, 20, 3


def train(peer: Peer, folder: Path) -> dict[str, Any]:
    """Train and save; the time counts learning from raw texts, not the start of Python nor the writing."""
    given = json.loads((folder / "train.json").read_text(encoding="utf-8"))
    seconds, _ = _timed(partial(peer.train, given["texts"], given["labels"], given["seed"]))
    model = folder / "model"
    model.mkdir()
    peer.save(model)
    size = sum(path.stat().st_size for path in model.rglob("*") if path.is_file())
    return {"train_s": seconds, "size_mb": size / 1e6, "settings": peer.settings}


def answer(peer: Peer, folder: Path) -> dict[str, Any]:
    """Load, answer one at a time and all at once, and leave probabilities and scopes in `answers.npz`."""
    given = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
    texts, strangers = given["texts"], given["out_of_scope"]
    load_s, _ = _timed(partial(peer.load, folder / "model"))
    singles = _singles(peer, random.Random(given["seed"]).sample(texts, WARM_UP + SINGLE))
    bulks = [_timed(partial(peer.probabilities, texts)) for _ in range(RUNS)]
    labels, probabilities = bulks[-1][1]
    np.savez(
        folder / "answers.npz",
        labels=np.array(labels), probabilities=probabilities, known=peer.scope(texts), unknown=peer.scope(strangers),
    )  # fmt: skip
    return {
        "load_s": load_s,
        "single_median_us": 1e6 * statistics.median(singles),
        "single_mean_us": 1e6 * statistics.mean(singles),
        "bulk_us": 1e6 * statistics.median(seconds for seconds, _ in bulks) / len(texts),
        "peak_rss_mb": _peak_rss_mb(),
    }


def _singles(peer: Peer, texts: list[str]) -> list[float]:
    """Time each text asked alone, after some to warm up.

    Each is the median of several rounds: what interrupts the machine goes, what makes a text costly stays. So the mean
    over texts is one to trust, and the mean is what a peer costs whose texts are not equally hard.
    """
    rounds = [[_timed(partial(peer.probabilities, [text]))[0] for text in texts] for _ in range(RUNS)]
    return [statistics.median(seconds) for seconds in zip(*rounds, strict=True)][WARM_UP:]


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def _peak_rss_mb() -> float:
    """Read the peak memory of this program; Linux's getrusage would count the program that started it too."""
    status = Path("/proc/self/status")
    if status.exists():
        kib = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(kib) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # macOS counts bytes


if __name__ == "__main__":
    step, name, folder = {"train": train, "answer": answer}[sys.argv[1]], sys.argv[2], Path(sys.argv[3])
    outcome = step(make(name), folder)
    (folder / f"{sys.argv[1]}-outcome.json").write_text(json.dumps(outcome), encoding="utf-8")
