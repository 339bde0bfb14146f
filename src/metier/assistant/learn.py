"""What the assistant's folder teaches its specialists: intents and `like` phrases, acts, scope, and questions to
sections.

Writes folders below models/. Knows no conversation.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from metier import artifact
from metier.assistant import scope
from metier.assistant.base import BadAssistant, Learnt, Script
from metier.data.read import read
from metier.train import train
from metier.types import Effort, Table

Rows = list[tuple[str, str]]
Told = Callable[[str], None]
REFUSED = 0.02  # of messages that are ours; the threshold follows
HELD_OUT = 5  # every fifth message of ours settles the threshold


def learn(
    script: Script, *, effort: Effort = "standard", told: Told = lambda line: None, anew: bool = False
) -> list[str]:
    """Train what has changed since it was last trained; the names of those."""
    rows = teaching(script)
    done = []
    for name, examples in rows.items():
        folder = _folder(script, name)
        stamp = hashlib.sha256(json.dumps(examples).encode()).hexdigest()
        if not anew and _stamp(folder) == stamp:
            continue
        told(f"{name}: learning from {len(examples):,} lines")
        facts: dict[str, object] = {"learnt": stamp}
        if name == "scope":
            facts["least"] = threshold(rows, effort)
        specialist = train(_table(examples), name=name, input="text", target="label", effort=effort).specialist
        if folder.exists():
            shutil.rmtree(folder)
        artifact.save(specialist, folder)
        folder.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        done.append(name)
    return done


def teaching(script: Script) -> Mapping[str, Rows]:
    """The lines that each specialist of the folder is learnt from."""
    held = {name: _rows(learnt) for name, learnt in script.models.items() if learnt.rows}
    likes = [(phrase, job) for job in script.jobs.values() for phrase in job.like]
    known = {label for _, label in held.get("intent", [])}
    out: dict[str, Rows] = {}
    if "intent" in held:
        # an example of a job that has a label already is one more of that label
        own = {job.name: next((label for label in job.when if label in known), f"job:{job.name}") for _, job in likes}
        out["intent"] = [*held["intent"], *((phrase, own[job.name]) for phrase, job in likes)]
    questions = [
        (phrase, section.id) for section in script.knowledge.values() for phrase in (section.title, *section.asked_as)
    ]
    if "acts" in held:
        out["acts"] = [*held["acts"], *((text, "none") for text, _ in out.get("intent", [])[::4])]
    if "scope" in held:
        ours = [*out.get("intent", []), *questions]  # acts are told before scope is asked
        strange = [(text, "outside") for text, label in held["scope"] if label == "outside"]
        taken = {text.casefold() for text, _ in strange}
        out["scope"] = [*((text, scope.OURS) for text, _ in ours if text.casefold() not in taken), *strange]
    if len(script.knowledge) > 1:
        out["knowledge"] = [*questions, *((f"{s.title}: {s.text}", s.id) for s in script.knowledge.values())]
    return out


def threshold(rows: Mapping[str, Rows], effort: Effort) -> float:
    """The least score of a message that is ours: what refuses 2 % of those that none of the three has learnt from."""
    told = {text for text, label in rows["scope"] if label == scope.OURS}
    said = (
        told & {text for text, _ in rows["intent"]} if "intent" in rows else told
    )  # what customers wrote, not headings
    held = sorted(said, key=lambda text: hashlib.sha256(text.encode()).digest())[::HELD_OUT]
    apart = set(held)
    minds = {
        name: train(
            _table([row for row in rows[name] if row[0] not in apart]), input="text", target="label", effort=effort
        ).specialist
        for name in ("scope", "intent", "knowledge")
        if name in rows
    }
    decided = {name: mind.predict(held) for name, mind in minds.items()}
    others = [decided[name] for name in ("intent", "knowledge") if name in decided]
    scores = sorted(
        scope.score(one, max(other[place].scope for other in others)) for place, one in enumerate(decided["scope"])
    )
    return round(scores[math.floor(len(scores) * REFUSED)], 4)


def least(script: Script) -> float:
    """The threshold that was settled when scope was learnt."""
    path = script.models["scope"].folder.with_suffix(".json")
    return float(json.loads(path.read_text(encoding="utf-8"))["least"]) if path.exists() else 0.0


def _folder(script: Script, name: str) -> Path:
    return script.models[name].folder if name in script.models else script.folder / "models" / name


def _stamp(folder: Path) -> str:
    path = folder.with_suffix(".json")
    return str(json.loads(path.read_text(encoding="utf-8"))["learnt"]) if path.exists() and folder.exists() else ""


def _table(examples: Rows) -> Table:
    return Table(columns={"text": [text for text, _ in examples], "label": [label for _, label in examples]})


def rows_of(script: Script, name: str) -> Rows:
    """The lines that the author brings for one specialist.

    Raises: BadAssistant where a file is not there or has other columns than two.
    """
    return _rows(script.models[name])


def _rows(learnt: Learnt) -> Rows:
    rows: Rows = []
    for path in learnt.rows:
        if not path.is_file():
            raise BadAssistant(
                f"{learnt.place}: there is no file {path}. Write the rows, or name a folder of a specialist."
            )
        columns = list(read(path).columns.values())
        if len(columns) != 2:
            raise BadAssistant(f"{path}: found {len(columns)} columns; expected two, the text and what it is.")
        rows += [(str(text), str(label)) for text, label in zip(*columns, strict=True)]
    return rows
