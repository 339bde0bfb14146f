"""What domains there are and what they lack, in Python and at the terminal."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import pytest
from typer.testing import CliRunner

import metier
from metier.cli import command_line
from metier.errors import MissingPackage


def test_every_domain_is_listed_with_what_it_is_for() -> None:
    found = {domain.name: domain for domain in metier.domains()}
    assert {"text", "image", "audio", "video"} <= found.keys()
    assert found["text"].ready
    assert found["audio"].does == "Audio: a WAV, FLAC, OGG or MP3 file"


def test_what_is_missing_comes_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec

    def without(name: str, *rest: Any) -> Any:
        return None if name == "soxr" else real(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    audio = next(domain for domain in metier.domains() if domain.name == "audio")
    assert "soxr" in audio.missing
    assert audio.install == "pip install 'metier[audio]'"
    shown = CliRunner().invoke(command_line(), ["domains"])
    assert "audio: pip install 'metier[audio]'" in shown.stdout
    said = json.loads(CliRunner().invoke(command_line(), ["domains", "--json"]).stdout)
    assert [domain["name"] for domain in said] == sorted(domain["name"] for domain in said)


def test_training_without_a_domains_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "rdkit" else found(name))
    rows = {"smiles": [f"{'C' * i}(=O)O" for i in range(1, 21)], "label": ["a", "b"] * 10}
    with pytest.raises(MissingPackage, match=r"'rdkit'.*pip install 'metier\[molecule\]'"):
        metier.train(rows, input="smiles", effort="quick")
