"""Does it help to know what was said before? Intents of real finance conversations, by the turn alone and in its place.

    METIER_DATA=../shared/data python benchmarks/assistant_context.py     # a quarter of an hour of one core

MultiDoGO's finance part, turn level: learnt from its train part, told on dev. In its place means: what the customer
said before and what that was taken for, how many turns the other side had meanwhile, and how far the conversation is.
Writes the part `context` of benchmarks/results/assistant.json.
"""

from __future__ import annotations

import csv
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import commit, machine

import metier
from metier.decide.measure import wilson

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("METIER_DATA", ROOT.parent / "shared" / "data")) / "multidogo_finance"
RESULTS = ROOT / "benchmarks" / "results" / "assistant.json"
ALONE, PLACED = ("said",), ("said", "before", "was", "meanwhile", "turn")
OUTSIDE, FALSE_REFUSAL = "outofdomain", 0.02
NONE = "(nothing)"


def main() -> None:
    learnt, held = turns("train.tsv"), turns("dev.tsv")
    figures: dict[str, Any] = {"turns learnt": len(learnt), "turns of dev": len(held)}
    for name, columns in (("the turn alone", ALONE), ("in its place", PLACED)):
        started = time.perf_counter()
        specialist = metier.train(
            table(learnt, columns), input=",".join(columns), target="intent", group="conversation"
        )
        seconds = time.perf_counter() - started
        labels, chances = said(specialist, held, columns)
        figures[name] = {**judged(held, labels, chances, specialist.labels), "seconds to train": seconds}
        print(name, json.dumps(figures[name]), flush=True)
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    about = {"date": time.strftime("%Y-%m-%d"), "commit": commit(), **machine([0, 1])}
    found["context"] = {**figures, "run": about}
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def turns(file: str) -> list[dict[str, Any]]:
    """The customer's turns in order, each with what stands before it in its conversation."""
    out: list[dict[str, Any]] = []
    before: dict[str, Any] | None = None
    with (DATA / file).open(encoding="utf-8") as held:
        for row in csv.DictReader(held, delimiter="\t", quoting=csv.QUOTE_NONE):
            if not row["utterance"].strip():
                continue
            name, at = row["conversationId"], int(float(row["turnNumber"]))
            if before is not None and before["conversation"] != name:
                before = None
            one = {
                "conversation": name, "said": row["utterance"], "turn": at,
                "intent": row["intent"].partition("<div>")[0],
                "before": before["said"] if before else NONE, "was": before["intent"] if before else NONE,
                "meanwhile": at - before["turn"] if before else at,
            }  # fmt: skip
            out.append(one)
            before = one
    return out


def table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> dict[str, list[Any]]:
    return {column: [row[column] for row in rows] for column in (*columns, "intent", "conversation")}


def said(specialist: metier.Specialist, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> tuple[list[str], Any]:
    """What the specialist takes each turn for; in its place, what it took the turn before for, not what that was."""
    if columns == ALONE:
        chances = specialist.told([row["said"] for row in rows])[1]
        return [specialist.labels[i] for i in chances.argmax(axis=1)], chances
    labels: list[str] = []
    chances = np.empty((len(rows), len(specialist.labels)), np.float32)
    for i, row in enumerate(rows):
        follows = i > 0 and rows[i - 1]["conversation"] == row["conversation"]
        cell = {column: row[column] for column in columns} | {"was": labels[-1] if follows else NONE}
        chances[i] = specialist.told([cell])[1][0]
        labels.append(specialist.labels[int(chances[i].argmax())])
    return labels, chances


def judged(rows: list[dict[str, Any]], labels: list[str], chances: Any, names: Any) -> dict[str, Any]:
    """Right, also by label and on short turns; turns out of the domain caught where 2 % of the others are refused."""
    truth = [row["intent"] for row in rows]
    right = np.array([a == b for a, b in zip(truth, labels, strict=True)])
    short = np.array([len(row["said"].split()) <= 2 for row in rows])
    outside = np.array([one == OUTSIDE for one in truth])
    chance = chances[:, list(names).index(OUTSIDE)]
    least = np.quantile(chance[~outside], 1 - FALSE_REFUSAL)
    share = wilson(int(right.sum()), len(right))
    return {
        "accuracy": share.value, "low": share.low, "high": share.high,
        "accuracy of turns of one or two words": float(right[short].mean()),
        "macro F1": float(np.mean([_f1(truth, labels, one) for one in sorted(set(truth))])),
        "out of domain caught at 2 % false refusal": float((chance[outside] > least).mean()),
    }  # fmt: skip


def _f1(truth: list[str], labels: list[str], one: str) -> float:
    both = sum(a == one == b for a, b in zip(truth, labels, strict=True))
    return 2 * both / max(1, truth.count(one) + labels.count(one))


if __name__ == "__main__":
    main()
