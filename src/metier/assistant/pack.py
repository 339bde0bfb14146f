"""The evidence for an assistant in one archive: its models, what they learnt from, how it was tried and changed.

Every file's digest stands in the manifest, and the manifest's own digest is what two people compare.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from metier import artifact
from metier.assistant import check, kept, learn, minds, outcomes, transcripts, trial, watched
from metier.assistant.base import Script
from metier.assistant.store import Log
from metier.assistant.turn import Rules
from metier.errors import CannotWrite

SAID = ("name", "task", "rule", "recipe", "origin", "figures", "files")  # of a specialist's own description
STAMP = (1980, 1, 1, 0, 0, 0)  # of files in the archive: the same evidence gives the same bytes


def pack(script: Script, log: Log, path: Path) -> str:
    """Write the archive, and give the digest of its manifest. Transcripts are run anew.

    Raises: CannotWrite; BadAssistant where something was never trained.
    """
    found = {**_sources(script), **_evidence(script, log)}
    manifest = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(found.items())}
    head = {
        "assistant": script.name, "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "metier": importlib.metadata.version("metier"), "files": manifest,
    }  # fmt: skip
    found["manifest.json"] = whole = _json(head)
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in sorted(found.items()):
                archive.writestr(zipfile.ZipInfo(name, STAMP), data, zipfile.ZIP_DEFLATED)
    except OSError as error:
        raise CannotWrite(f"{path}: {error.strerror}. Name a place that can be written to.") from None
    return hashlib.sha256(whole).hexdigest()


def _sources(script: Script) -> Mapping[str, bytes]:
    """What the author wrote: the file, the knowledge, the transcripts, the code."""
    home = script.folder
    files = [home / "assistant.yaml", *home.glob("*.py"), *home.glob("knowledge/**/*.md"), *home.glob("tests/**/*.md")]
    return {f"written/{path.relative_to(home).as_posix()}": path.read_bytes() for path in files if path.is_file()}


def _evidence(script: Script, log: Log) -> Mapping[str, bytes]:
    known = minds.load(script)
    runs = trial.run_all(Rules(script, known), transcripts.read_folder(script.folder / "tests"))
    times = [ms for one in runs for ms in one.turns_ms]
    found = {
        "models.json": {name: _model(folder) for name, folder in minds.folders(script).items()},
        "lineage.json": _lineage(script),
        "thresholds.json": {"scope, least log odds": known.scope_least},
        "check.json": [
            {"place": str(one.place), "grade": one.grade, "problem": one.problem} for one in check.check(script, known)
        ],
        "tests.json": [
            {"title": one.transcript.title, "place": str(one.transcript.place), "missed": list(one.missed)}
            for one in runs
        ],
        "promises.json": [vars(one) for one in kept.measured(script, times)],
        "watched.json": _watched(script, log),
        "changes.json": [msgspec.to_builtins(one) for one in log.proposals(most=10_000)],
        "figures.json": msgspec.to_builtins(outcomes.figures(outcomes.outcomes(log, datetime.now(UTC)))),
    }
    return {name: _json(data) for name, data in found.items()}


def _watched(script: Script, log: Log) -> Any:
    """Promises on real conversations, without what anybody wrote in them."""
    found = msgspec.to_builtins(watched.watched(script, log, datetime.now(UTC)))
    for one in (*found["promises"], *found["drifts"]):
        del one["cases"]
    return found


def _model(folder: Path) -> dict[str, Any]:
    """What a specialist says of itself, every file of it checked."""
    said = artifact.describe(folder)
    return {name: said[name] for name in SAID if name in said}


def _lineage(script: Script) -> dict[str, Any]:
    """The files that rows come from, by digest, and how many lines each specialist is learnt from."""
    files = {
        path.name: {"specialist": name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for name, learnt in script.models.items()
        for path in learnt.rows or ()
    }
    return {"files": files, "lines": {name: len(rows) for name, rows in learn.teaching(script).items()}}


def _json(data: Any) -> bytes:
    return json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True, default=str).encode() + b"\n"
