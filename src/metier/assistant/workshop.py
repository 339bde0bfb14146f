"""A candidate beside what is served: learnt anew, measured before and after, promoted in one step, rolled back.

models/             what is served
models.candidate/   what was learnt last, with its figures
models.before/      what was served before
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from metier import artifact, folder
from metier.assistant import learn, minds, read, transcripts, trial
from metier.assistant.base import BadAssistant, Script
from metier.assistant.turn import Rules
from metier.errors import BadOption
from metier.types import Effort

CANDIDATE, BEFORE, FIGURES, SHARE = "models.candidate", "models.before", "figures.json", "share.json"
LEARNT = ("intent", "acts", "scope", "knowledge")


class Measured(msgspec.Struct, kw_only=True):
    """What there is to say for one set of specialists."""

    transcripts: int
    passed: int
    failed: list[str]  # where they stand
    taught: int
    taught_right: int
    accuracy: dict[str, float]  # of each specialist, on rows held out from its training


class Compared(msgspec.Struct, kw_only=True):
    """The candidate beside what is served. `number` counts candidates."""

    number: int
    before: Measured
    after: Measured


def retrain(home: Path, *, effort: Effort = "standard", told: Callable[[str], None] = lambda line: None) -> Compared:
    """Learn a candidate from the author's files as they are now, and measure both.

    Raises: BadOption where somebody else is at it.
    """
    with _alone(home):
        served = read.load(home)
        minds.load(served)  # what was never trained is said before an hour goes by
        fresh, work = home / CANDIDATE, home / f"{CANDIDATE}.partial"
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(served.workshop, work)
        (work / SHARE).unlink(missing_ok=True)
        learn.learn(read.load(home, work.name), effort=effort, told=told)
        told("transcripts: what is served, then the candidate")
        before, after = measured(served), measured(read.load(home, work.name))
        compared = Compared(number=_number(served.workshop) + 1, before=before, after=after)
        (work / FIGURES).write_bytes(msgspec.json.format(msgspec.json.encode(compared)) + b"\n")
        folder.put_in_place(work, fresh)
        shutil.rmtree(work, ignore_errors=True)
        return compared


def candidate(home: Path) -> Compared | None:
    """What was learnt last and is not served yet."""
    found = _figures(home / CANDIDATE)
    return found if found is not None and found.number > _number(home / read.MODELS) else None


def promote(home: Path) -> Compared:
    """Serve the candidate, from one step to the next; what was served is kept.

    Raises: BadOption where there is none.
    """
    with _alone(home):
        found = candidate(home)
        if found is None:
            raise BadOption(f"{home}: there is no candidate. Make one: metier assistant retrain {home}")
        (home / CANDIDATE / SHARE).unlink(missing_ok=True)
        learn.put_to_work(home / CANDIDATE)
        folder.put_in_place(home / CANDIDATE, home / read.MODELS)
        shutil.rmtree(home / BEFORE, ignore_errors=True)
        (home / CANDIDATE).rename(home / BEFORE)
        folder.sync_folder(home)
        return found


def attempt(home: Path, share: float) -> Compared:
    """Let the candidate answer this share, 0 to 1, of the conversations that begin from now on.

    Raises: BadOption where there is none, or for another share.
    """
    if not 0 < share < 1:
        raise BadOption(f"a share of {share:.0%}: expected between 0 and 100 %. To serve all, leave it out.")
    with _alone(home):
        found = candidate(home)
        if found is None:
            raise BadOption(f"{home}: there is no candidate. Make one: metier assistant retrain {home}")
        part = home / CANDIDATE / f"{SHARE}.partial"
        part.write_text(f"{share}\n", encoding="utf-8")
        part.replace(part.with_name(SHARE))
        return found


def tried(home: Path) -> tuple[int, float]:
    """Another number for each candidate that is tried, and its share of the conversations; 0 where none is."""
    path = home / CANDIDATE / SHARE
    try:
        return path.parent.stat().st_ino, float(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return 0, 0.0


def roll_back(home: Path) -> None:
    """Try the candidate no more; where none is tried, serve again what was served before, and keep what is now.

    Raises: BadOption where nothing was.
    """
    with _alone(home):
        if tried(home)[1]:
            (home / CANDIDATE / SHARE).unlink()
            return
        if not (home / BEFORE).is_dir():
            raise BadOption(f"{home}: nothing was served before this. Promote something first.")
        learn.put_to_work(home / BEFORE)
        folder.put_in_place(home / BEFORE, home / read.MODELS)
        folder.sync_folder(home)


def versions(home: Path) -> dict[str, str]:
    """What the versions that lie here are: served, candidate, before."""
    called = {BEFORE: "before", CANDIDATE: "candidate", read.MODELS: "served"}  # of two that are the same, the last
    found = [(read.load(home, models), name) for models, name in called.items() if (home / models).is_dir()]
    return {minds.version(script): name for script, name in found if minds.trained(script)}


def stamp(home: Path) -> int:
    """Another number whenever something else is served."""
    try:
        return (home / read.MODELS).stat().st_ino
    except FileNotFoundError:
        return 0


def measured(script: Script) -> Measured:
    """Every transcript, every taught message, and what each specialist said of itself when it was learnt."""
    known = minds.load(script)
    rules = Rules(script, known)
    ran = trial.run_all(rules, transcripts.read_folder(script.folder / "tests"))
    missed = [str(one.transcript.place) for one in ran if one.missed]
    right = sum(_right(script, rules, text, means) for text, means in script.taught)
    return Measured(
        transcripts=len(ran), passed=len(ran) - len(missed), failed=missed, taught=len(script.taught),
        taught_right=right, accuracy=dict(_accuracies(script)),
    )  # fmt: skip


def _right(script: Script, rules: Rules, text: str, means: str) -> bool:
    """Whether the specialists themselves know a taught message, its exact words aside."""
    said = rules.minds
    if means == learn.OUTSIDE:
        return said.scope is None or said.scope.predict([text])[0].candidates[0].label == learn.OUTSIDE
    if means in script.knowledge:
        found = said.library.find(text)
        return found is not None and found.id == means
    label = said.intent.predict([text])[0].candidates[0].label
    job = script.jobs.get(means.removeprefix("job:"))
    return label in ((means,) if job is None else (means, *job.when))


def _accuracies(script: Script) -> Iterator[tuple[str, float]]:
    for name in LEARNT:
        if (path := script.workshop / name).is_dir():
            said = artifact.load(path).figures
            figures: Any = said.get("accuracy") or said.get("first")  # of a retriever: the first section is right
            if figures:
                yield name, float(figures["value"])


def _figures(models: Path) -> Compared | None:
    path = models / FIGURES
    try:
        return msgspec.json.decode(path.read_bytes(), type=Compared) if path.is_file() else None
    except msgspec.DecodeError:
        raise BadAssistant(
            f"{path}: cannot be read. Delete {models}, and run metier assistant retrain again."
        ) from None


def _number(models: Path) -> int:
    found = _figures(models)
    return 0 if found is None else found.number


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    read.written(home)
    with (home / ".workshop.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadOption(f"{home}: somebody is training or promoting already. Wait for them.") from None
        yield
