"""The example's transcripts pass, and fail as soon as a safeguard is taken away."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from metier.assistant import learn, minds, outside, read, transcripts, trial
from metier.assistant.actions import Outside
from metier.assistant.base import BadAssistant
from metier.assistant.store import open_log
from metier.assistant.turn import Rules

BANK = Path(__file__).resolve().parents[2] / "examples" / "bank"


FAULTS = {
    "scope": "Meaning of life",
    "confirm": "No at the confirmation changes nothing",
    "correction": "A correction at the confirmation",
    "dedupe": "Sent twice",
}
TWICE = """# Sent twice

## Sent twice
as: ana
> I lost my card
> green
> no
> yes
< calls freeze once
"""


def ran(script: Any, minds: Any, folder: Path, title: str, faults: frozenset[str] = frozenset()) -> trial.Ran:
    (transcript,) = [
        one
        for one in [*transcripts.read_folder(script.folder / "tests"), *transcripts.read(TWICE, "twice.md")]
        if one.title == title
    ]
    log = open_log(folder / f"{'-'.join(faults)}.db")
    with outside.running(script.outside, {}) as places:
        caller = Outside(script.folder, places)
        try:
            return trial.run(Rules(script, minds, faults=faults), caller, log, transcript, twice=title == "Sent twice")
        finally:
            caller.close()
            log.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_safeguard_taken_away_is_noticed(fault: str, bank_script: Any, bank_minds: Any, tmp_path: Path) -> None:
    assert ran(bank_script, bank_minds, tmp_path, FAULTS[fault]).missed == ()
    assert ran(bank_script, bank_minds, tmp_path, FAULTS[fault], frozenset([fault])).missed


@pytest.mark.slow
def test_every_transcript_passes_and_nearly_all_in_every_manner(tmp_path: Path) -> None:
    """With the specialists that `metier assistant train` makes, which these are not quick enough for."""
    folder = tmp_path / "bank"
    shutil.copytree(BANK, folder, ignore=shutil.ignore_patterns("models", "state"))
    script = read.load(folder)
    learn.learn(script)
    rules = Rules(script, minds.load(script))
    log = open_log(tmp_path / "log.db")
    failed: dict[str, set[str]] = {manner: set() for manner in trial.MANNERS}
    written = transcripts.read_folder(folder / "tests")
    for transcript in written:
        for manner in trial.MANNERS:
            with outside.running(script.outside, {}) as places:
                caller = Outside(folder, places)
                if trial.run(rules, caller, log, transcript, manner).missed:
                    failed[manner].add(str(transcript.place))
                caller.close()
    log.close()
    assert failed["as written"] == set()
    assert len(set().union(*failed.values())) <= 0.05 * len(written)


def test_a_line_that_is_none_of_the_ten_forms_is_told() -> None:
    with pytest.raises(BadAssistant, match=r"t\.md:3: 'freezes the card' is none of the ten forms"):
        transcripts.read("## A\n> hello\n< freezes the card\n", "t.md")
    with pytest.raises(BadAssistant, match="nothing was said before"):
        transcripts.read("## A\n< declines\n", "t.md")


@pytest.mark.parametrize("manner", trial.MANNERS)
def test_manners_keep_numbers(manner: str) -> None:
    text = "I'd like to top up £1,500.50, please"
    changed = trial.MANNERS[manner](text, random.Random(0))
    assert "£1,500.50" in changed
    assert (changed == text) == (manner in ("as written", "contractions"))
