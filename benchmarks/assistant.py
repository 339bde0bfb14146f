"""The example bank's assistant: what it refuses, what it takes for banking, and how long a turn takes.

    metier assistant train examples/bank && python benchmarks/assistant.py

Nothing of CLINC150 or of the chitchat is learnt from. Transcripts under paraphrases: `metier assistant test
examples/bank --paraphrase 5`.
"""

from __future__ import annotations

import csv
import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import numpy as np

from metier.assistant import minds, outside, read, transcripts
from metier.assistant.actions import Outside
from metier.assistant.base import Message
from metier.assistant.store import open_log
from metier.assistant.talk import Talk
from metier.assistant.turn import Rules
from metier.decide.measure import wilson

ROOT = Path(__file__).resolve().parents[1]
BANK = ROOT / "examples" / "bank"
DATA = Path(os.environ.get("METIER_DATA", ROOT.parent / "shared" / "data"))
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def lines() -> dict[str, list[str]]:
    clinc = json.loads((DATA / "clinc150" / "data_full.json").read_text())
    test = list(csv.DictReader((BANK / "test.csv").open(encoding="utf-8")))
    chat = [
        row.split("\t")[0] for row in (DATA / "chitchat" / "qna_chitchat_professional.tsv").read_text().splitlines()[1:]
    ]
    return {
        "ours: test.csv": [row["text"] for row in test if row["intent"] != "out_of_scope"],
        "not ours: test.csv": [row["text"] for row in test if row["intent"] == "out_of_scope"],
        "meaning_of_life": [
            text for part in ("train", "val", "test") for text, label in clinc[part] if label == "meaning_of_life"
        ],
        "oos_test": [text for text, _ in clinc["oos_test"]],
        "chitchat": list(dict.fromkeys(chat)),
    }


def main() -> None:
    script = read.load(BANK)
    rules = Rules(script, minds.load(script))
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder, outside.running(script.outside, {}) as places:
        log, caller = open_log(Path(folder) / "log.db"), Outside(BANK, places)
        talk = Talk(rules, log, caller)
        for name, texts in lines().items():
            as_ours, times = 0, []
            for place, text in enumerate(texts):
                started = perf_counter()
                turn = talk.send(f"{name} {place}", Message(id="1", text=text, at=NOW, customer="ana"))
                times.append((perf_counter() - started) * 1000)
                verbs = {event.verb for event in turn.events}
                declined = "declines" in verbs
                banking = bool(verbs & {"starts", "answers", "offers", "needs login"}) or (
                    "hands off" in verbs and name != "chitchat"
                )
                as_ours += (not declined) if name.startswith("ours") else banking
            share = wilson(as_ours, len(texts))
            figures[name] = {"taken for ours": share.value, "low": share.low, "high": share.high, "rows": len(texts)}
            print(
                f"{name:20} taken for banking {share}; a turn p50 {np.median(times):.1f} ms, p95 "
                f"{np.quantile(times, 0.95):.1f} ms"
            )
        times = []
        for place, transcript in enumerate(transcripts.read_folder(BANK / "tests") * 3):
            for number, exchange in enumerate(transcript.exchanges):
                started = perf_counter()
                talk.send(
                    f"t{place}", Message(id=f"{number}", text=exchange.said, at=NOW, customer=transcript.customer)
                )
                times.append((perf_counter() - started) * 1000)
        figures["turn"] = {
            "p50_ms": float(np.median(times)),
            "p95_ms": float(np.quantile(times, 0.95)),
            "turns": len(times),
        }
        print(f"turns of transcripts, with their calls over HTTP and both disks: {figures['turn']}")
        caller.close()
        log.close()
    (ROOT / "benchmarks" / "results" / "assistant.json").write_text(
        json.dumps(figures, indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
