"""Text classifiers side by side: accuracy, honesty, time, size and memory, on the same rows and the same cores.

    python benchmarks/text.py --data banking77                       every peer, figures on the test rows
    python benchmarks/text.py --data clinc150 --peers model2vec      one peer; the others' figures are kept
    python benchmarks/text.py --data banking77 --rows 1000           development: no test row is read
    python benchmarks/text.py --plot                                 the picture, from the results that are kept

Each peer trains in one process and answers in another, both pinned to `--cores`, with as many threads as cores and
no network. A peer that could not be measured is named in the table with the reason. What a peer is, `peers/base.py`
says; this file knows none of them by name.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from machine import commit, machine
from peers.base import how_to_install, make, names, packages
from text_measure import figures
from text_report import draw, markdown
from text_rows import ROOT, SETS, Split, read

RESULTS = ROOT / "benchmarks" / "results"
PICTURE = ROOT / "docs" / "assets" / "accuracy-against-time.png"
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS")
LEFT_OUT = {
    "autogluon": "its part for text, autogluon.multimodal 1.6.3, brings 93 packages more, Ray and torchvision among "
    "them, and older pandas, pyarrow and pillow than the other peers run with",
}
SET_UP = ("data", "part", "rows", "seed", "machine")

Result = dict[str, Any]  # one JSON object, as it is written


def main(argv: Sequence[str] | None = None) -> None:
    """Measure the peers that were named and write JSON and Markdown after each; or draw the picture."""
    asked = _arguments(argv)
    if asked.plot:
        draw([json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("text-*.json"))], PICTURE)
        return
    split = read(asked.data, asked.rows, asked.seed)
    result = _continued(asked, _empty(asked, split))
    for name in asked.peers:
        print(f"{name} ...", file=sys.stderr, flush=True)
        result["peers"][name] = _measure(name, split, asked)
        if asked.out is not None:
            asked.out.parent.mkdir(parents=True, exist_ok=True)
            asked.out.write_text(json.dumps(result, indent=2, sort_keys=True) + "\n", encoding="utf-8")
            asked.out.with_suffix(".md").write_text(markdown(result), encoding="utf-8")
    print(markdown(result))


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", choices=SETS, default="banking77")
    parser.add_argument("--peers", type=lambda given: given.split(","), default=names(), help="comma between names")
    parser.add_argument("--rows", type=int, help="development slice of the training rows; no test row is read")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cores", type=lambda given: [int(core) for core in given.split(",")], default=[0])
    parser.add_argument("--limit-s", type=int, default=3600, help="longest that one peer may train, or answer")
    parser.add_argument("--out", type=Path, help="default: benchmarks/results/text-DATA.json, nothing with --rows")
    parser.add_argument("--fresh", action="store_true", help="forget what --out already holds")
    parser.add_argument("--plot", action="store_true", help="draw from the results that are kept, measure nothing")
    asked = parser.parse_args(argv)
    if unknown := sorted(set(asked.peers) - set(names())):
        parser.error(f"no peer {', '.join(unknown)}; there are {', '.join(names())}")
    if asked.out is None and asked.rows is None:
        asked.out = RESULTS / f"text-{asked.data}.json"
    return asked


def _empty(asked: argparse.Namespace, split: Split) -> Result:
    rows = {"train": len(split.train), "test": len(split.test), "out_of_scope": len(split.out_of_scope)}
    part = "test rows" if asked.rows is None else "development: held-out training rows"
    return {
        "data": asked.data,
        "part": part,
        "rows": rows,
        "seed": asked.seed,
        "machine": machine(asked.cores),
        "left_out": LEFT_OUT,
        "peers": {},
    }


def _continued(asked: argparse.Namespace, empty: Result) -> Result:
    """Keep the other peers' figures where they were taken on the same machine, rows and cores; refuse to mix."""
    if asked.out is None or asked.fresh or not asked.out.exists():
        return empty
    before: Result = json.loads(asked.out.read_text(encoding="utf-8"))
    if differing := [key for key in SET_UP if before.get(key) != empty[key]]:
        found = "; ".join(f"{key} was {before.get(key)}, is {empty[key]}" for key in differing)
        raise SystemExit(f"{asked.out}: {found}. One table holds one set-up: pass --fresh, or another --out.")
    return {**empty, "peers": before["peers"]}


def _measure(name: str, split: Split, asked: argparse.Namespace) -> Result:
    """Run one peer in its two processes; a peer that cannot run gives its reason instead of figures."""
    peer = make(name)
    versions = packages(peer)
    if absent := [package for package, version in versions.items() if version is None]:
        return {"not_measured": f"not installed: {how_to_install(absent)}"}
    texts, truth = zip(*split.test, strict=True)
    learnt, labels = zip(*split.train, strict=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        try:
            trained = _step("train", name, folder, asked, {"texts": learnt, "labels": labels})
            answered = _step("answer", name, folder, asked, {"texts": texts, "out_of_scope": split.out_of_scope})
        except StepFailed as failure:
            return {"not_measured": str(failure)}
        with np.load(folder / "answers.npz", allow_pickle=False) as kept:
            honest = figures(
                kept["labels"].tolist(), kept["probabilities"], list(truth), kept["known"], kept["unknown"]
            )
    taken = {"date": f"{dt.datetime.now(dt.UTC):%Y-%m-%d}", "commit": commit(), "packages": versions}
    return {**taken, **trained, **answered, **honest}


class StepFailed(Exception):
    """A peer's process ended badly: read its last line, then run that peer alone with --rows 1000."""


def _step(step: str, name: str, folder: Path, asked: argparse.Namespace, given: Result) -> Result:
    """Run one step of one peer in a process of its own and read what it left."""
    (folder / f"{step}.json").write_text(json.dumps({**given, "seed": asked.seed}), encoding="utf-8")
    command = [sys.executable, str(Path(__file__).parent / "text_process.py"), step, name, str(folder)]
    threads = dict.fromkeys(THREADS, str(len(asked.cores)))
    quiet = {"TOKENIZERS_PARALLELISM": "false", "PYTHONHASHSEED": "0"}
    environment = {**os.environ, **OFFLINE, **threads, **quiet}
    pin = (lambda: os.sched_setaffinity(0, asked.cores)) if hasattr(os, "sched_setaffinity") else None
    try:
        done = subprocess.run(
            command, env=environment, preexec_fn=pin, capture_output=True, text=True, timeout=asked.limit_s
        )
    except subprocess.TimeoutExpired:
        raise StepFailed(f"stopped: `{step}` took longer than --limit-s {asked.limit_s}") from None
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise StepFailed(f"failed at `{step}`: {last}")
    outcome: Result = json.loads((folder / f"{step}-outcome.json").read_text(encoding="utf-8"))
    return outcome


if __name__ == "__main__":
    main()
