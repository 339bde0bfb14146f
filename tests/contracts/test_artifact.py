"""What an artifact promises, for every part that is there and for a specialist trained as users train theirs."""

from __future__ import annotations

import importlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from metier import artifact, lazy
from metier.forms.base import Slot
from metier.types import Decision, Json

SLOTS = [slot for form in lazy.names("forms") for slot in lazy.find("forms", form, "FORM").slots.values()]
QUERIES = ["where is my card?", "I was charged twice", "what is the meaning of life", "", "🏦" * 50, "x" * 20_000]


def parts() -> list[Any]:
    """Every part that a stage can hold, found as the artifact finds it."""
    found = []
    for slot in SLOTS:
        for name, module in lazy.names(slot.folder).items():
            if hasattr(importlib.import_module(module), slot.member):
                found.append(pytest.param(slot, name, id=f"{slot.folder}/{name}"))
    return found


@pytest.mark.parametrize(("slot", "name"), parts())
def test_every_part_is_found_again_by_its_kind(slot: Slot, name: str) -> None:
    part = lazy.find(slot.folder, name, slot.member)
    assert re.fullmatch(rf"{name}\.v[1-9][0-9]*", part.kind)
    assert callable(part.state)
    assert callable(part.restore)


def test_there_is_a_part_for_every_slot() -> None:
    assert {param.values[0].name for param in parts()} == {slot.name for slot in SLOTS}


def timeless(decisions: list[Decision]) -> list[Decision]:
    return [replace(decision, microseconds=0.0) for decision in decisions]


def test_what_is_loaded_decides_as_what_was_saved(bank: Any, bank_folder: Path) -> None:
    assert timeless(artifact.load(bank_folder).predict(QUERIES)) == timeless(bank.predict(QUERIES))


def test_what_is_loaded_is_saved_to_the_same_bytes(bank_folder: Path, tmp_path: Path) -> None:
    extra = {path.name: path.read_bytes() for path in bank_folder.glob("report.*")}
    artifact.save(artifact.load(bank_folder, replay=False), tmp_path / "again", extra_files=extra)
    for path in sorted(bank_folder.iterdir()):
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name


def test_nothing_in_it_is_code_or_tells_of_a_machine_or_a_day(bank_folder: Path) -> None:
    described = artifact.describe(bank_folder)
    assert {path.suffix for path in bank_folder.iterdir()} <= {".json", ".safetensors", ".onnx", ".md", ".html"}
    said = str({name: value for name, value in described.items() if name not in ("golden", "figures")})
    assert str(Path.cwd()) not in said
    assert not re.search(r"20\d\d-\d\d-\d\d", said)


def test_it_replays_its_own_rows(bank: Any, bank_folder: Path) -> None:
    assert len(bank.golden) >= 8
    artifact.load(bank_folder, replay=True)


def test_what_it_says_of_itself_is_what_was_trained(bank: Any, bank_folder: Path) -> None:
    said: dict[str, Json] = artifact.describe(bank_folder)
    assert said["labels"] == list(bank.labels)
    assert said["schema"] == artifact.SCHEMA
    assert said["unlisted"] == []
    assert said["bytes"] == sum(path.stat().st_size for path in bank_folder.iterdir())
