"""An assistant written from another bank's schema, five phrases a job and no row of data: which job do customers get?

    METIER_DATA=../shared/data python benchmarks/assistant_schema.py     # a minute

`schema/assistant.yaml` has the ten intents of MultiDoGO's finance part in our own words. Each turn of dev that has one
of them is said alone, in a conversation of its own, and so are those that are out of domain. Intents of one turn in a
conversation lean on others before it, and some are marked wrongly: nobody gets all. Writes the part `schema` of
benchmarks/results/assistant.json.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from machine import commit, machine

from metier.assistant import learn, minds, read
from metier.assistant.actions import Outside
from metier.assistant.base import Message
from metier.assistant.state import Turn
from metier.assistant.store import open_log
from metier.assistant.talk import Talk
from metier.assistant.turn import Rules
from metier.decide.measure import wilson

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("METIER_DATA", ROOT.parent / "shared" / "data")) / "multidogo_finance" / "dev.tsv"
RESULTS = ROOT / "benchmarks" / "results" / "assistant.json"
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
OUTSIDE = "outofdomain"


def main() -> None:
    with tempfile.TemporaryDirectory() as work:
        home = Path(shutil.copytree(Path(__file__).parent / "schema", Path(work) / "bank"))
        script = read.load(home)
        started = time.perf_counter()
        learn.learn(script)
        seconds = time.perf_counter() - started
        log, caller = open_log(Path(work) / "log.db"), Outside(home, {})
        talk = Talk(Rules(script, minds.load(script)), log, caller)
        asked = [row for row in rows() if row["intent"] in {*script.jobs, OUTSIDE}]
        found = [
            (
                row["intent"],
                became(talk.send(str(place), Message(id="1", text=row["utterance"], at=NOW, customer="ana"))),
            )
            for place, row in enumerate(asked)
        ]
        caller.close()
        log.close()
    figures = judged(found)
    for name, share in figures.items():
        print(f"{name:32} {share}")
    about = {"date": time.strftime("%Y-%m-%d"), "commit": commit(), **machine([0, 1])}
    kept = json.loads(RESULTS.read_text(encoding="utf-8"))
    kept["schema"] = {**figures, "seconds to train": round(seconds, 1), "run": about}
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def rows() -> list[dict[str, str]]:
    with DATA.open(encoding="utf-8") as held:
        return [row for row in csv.DictReader(held, delimiter="\t", quoting=csv.QUOTE_NONE) if row["utterance"].strip()]


def became(turn: Turn) -> str:
    """The job that a turn started, those it offered, or the word for what it did."""
    for event in turn.events:
        if event.verb == "starts":
            return event.name
        if event.verb == "offers":
            return "offers " + " ".join(one.removeprefix("job:") for one in event.args["choices"])
    return turn.events[0].verb if turn.events else "nothing"


def judged(found: list[tuple[str, str]]) -> dict[str, str]:
    """Shares with their ranges of 95 %."""
    ours = [(intent, got) for intent, got in found if intent != OUTSIDE]
    strange = [got for intent, got in found if intent == OUTSIDE]
    jobs = {intent for intent, _ in ours}
    counts = Counter(
        "right job" if got == intent
        else "right job among those offered" if got.startswith("offers") and intent in got.split()
        else "another job" if got in jobs
        else "no job"
        for intent, got in ours
    )  # fmt: skip
    shares = {name: str(wilson(count, len(ours))) for name, count in counts.most_common()}
    return {**shares, "out of domain, a job started": str(wilson(sum(got in jobs for got in strange), len(strange)))}


if __name__ == "__main__":
    main()
