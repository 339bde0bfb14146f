"""The rows of the text comparison: BANKING77 or CLINC150, with CLINC150's out-of-scope queries.

Test rows are read only for final figures. A development slice learns from some training rows and is scored on
other training rows, beside CLINC150's out-of-scope *validation* queries. Knows nothing of the peers.
"""

from __future__ import annotations

import csv
import json
import os
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
SETS = ("banking77", "clinc150")
HELD_OUT = 1000

Rows = list[tuple[str, str]]  # text, label


@dataclass(frozen=True, kw_only=True)
class Split:
    """What is learnt from, what is asked, and what no peer should claim to know."""

    train: Rows
    test: Rows
    out_of_scope: list[str]


def read(name: str, rows: int | None, seed: int) -> Split:
    """Read a data set: whole, or as a development slice of so many training rows."""
    folder = Path(os.environ.get("METIER_DATA", ROOT / ".." / "shared" / "data"))
    if not (folder / name).is_dir():
        raise SystemExit(f"{name}: no folder of this name in {folder}. Set METIER_DATA to the folder that holds it.")
    clinc = json.loads((folder / "clinc150" / "data_full.json").read_text(encoding="utf-8"))
    banking = folder / "banking77"
    train = _csv(banking / "train.csv") if name == "banking77" else _pairs(clinc["train"])
    if rows is not None:
        learnt, held_out = _slice(train, rows, seed)
        return Split(train=learnt, test=held_out, out_of_scope=[text for text, _ in clinc["oos_val"]])
    test = _csv(banking / "test.csv") if name == "banking77" else _pairs(clinc["test"])
    return Split(train=train, test=test, out_of_scope=[text for text, _ in clinc["oos_test"]])


def _csv(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["category"]) for row in csv.DictReader(file)]


def _pairs(rows: list[list[str]]) -> Rows:
    return [(text, label) for text, label in rows]


def _slice(train: Rows, rows: int, seed: int) -> tuple[Rows, Rows]:
    """Take rows evenly over the labels, so that a small slice still knows every label; hold others out."""
    if not 0 < rows < len(train):
        raise SystemExit(f"--rows {rows}: expected 1 to {len(train) - 1:,} of the training rows.")
    shuffled = random.Random(seed).sample(train, len(train))
    seen: Counter[str] = Counter()
    ranks = []
    for _, label in shuffled:
        ranks.append(seen[label])
        seen[label] += 1
    order = sorted(range(len(train)), key=ranks.__getitem__)
    held_out = sorted(order[rows:])[:HELD_OUT]  # back in shuffled order: the common labels stay common
    return [shuffled[i] for i in order[:rows]], [shuffled[i] for i in held_out]
