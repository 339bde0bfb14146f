from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import metier
from metier.cli import command_line
from metier.domains.text import DOMAIN as TEXT

MOLECULES = {
    "acid": "CC(=O)O CCC(=O)O CCCC(=O)O OC(=O)c1ccccc1 OC(=O)CO OC(=O)C1CC1 CC(C)C(=O)O OC(=O)Cc1ccccc1",
    "amine": "CN CCN CCCN Nc1ccccc1 NCCO NC1CC1 CC(C)N NCc1ccccc1",
}


@pytest.fixture(scope="module")
def acids() -> Any:
    pytest.importorskip("rdkit")
    rows = [{"smiles": smiles, "kind": kind} for kind, some in MOLECULES.items() for smiles in some.split()]
    return metier.train(rows, effort="quick")


def test_the_part_that_makes_it_pushes_most(acids: Any) -> None:
    [found] = acids.evidence(["CCCCC(=O)O"])
    assert found.answer == "acid"
    assert found.parts[0].part == "O=CO (atoms 5-7)"
    assert found.parts[0].push > 0.1
    assert [abs(one.push) for one in found.parts] == sorted((abs(one.push) for one in found.parts), reverse=True)


def test_the_nearest_training_rows_are_named_and_the_strange_lie_outside(acids: Any) -> None:
    near, far = acids.evidence(["CCCCC(=O)O", "FC(F)(F)S(F)(F)(F)(F)F"])
    assert near.nearest[0].cell == "CCCC(=O)O"
    assert near.inside
    assert not far.inside


def test_a_cell_that_cannot_be_read_has_no_evidence(acids: Any) -> None:
    assert acids.evidence(["C1CC"])[0].json() == {"answer": None}


def test_what_is_loaded_gives_the_same_evidence(acids: Any, tmp_path: Path) -> None:
    acids.save(tmp_path / "acids")
    assert metier.load(tmp_path / "acids").evidence(["CCCCN"]) == acids.evidence(["CCCCN"])


def test_the_words_that_mattered(bank: metier.Specialist) -> None:
    [found] = bank.evidence(["please where is my card"])
    assert found.answer in bank.labels
    assert {one.part for one in found.parts} == {"please", "where", "is", "my", "card"}
    assert found.nearest == ()
    assert found.inside is None
    assert set(found.json()) == {"answer", "parts"}


def test_the_words_of_a_text() -> None:
    assert TEXT.parts("my  lost card") == [("my", "lost card"), ("lost", "my card"), ("card", "my lost")]
    assert TEXT.parts("card") == []
    long = TEXT.parts(" ".join(str(i) for i in range(1000)))
    assert len(long) <= 60
    assert long[0][0] == " ".join(str(i) for i in range(17))


def ok(*words: Any) -> str:
    done = CliRunner().invoke(command_line(), [str(word) for word in words])
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    return str(done.stdout)


def test_the_command_gives_evidence_when_asked(bank_folder: Path, tmp_path: Path) -> None:
    row = json.loads(ok("predict", bank_folder, "where is my card", "--json", "--evidence"))
    assert row["evidence"]["parts"][0].keys() == {"part", "push"}
    assert "evidence" not in json.loads(ok("predict", bank_folder, "where is my card", "--json"))
    assert " from " in ok("predict", bank_folder, "where is my card", "--evidence")
    ok("predict", bank_folder, "where is my card", "--evidence", "-o", tmp_path / "out.csv")
    assert "evidence" in (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()[0]


def test_a_part_of_an_answer_that_is_sure_still_pushes() -> None:
    draw = np.random.default_rng(0)
    rows = [
        {"x": float(x), "y": float(y), "sign": "up" if x + y > 0 else "down"} for x, y in draw.normal(size=(300, 2))
    ]
    [found] = metier.train(rows, target="sign", effort="quick").evidence([{"x": 40.0, "y": 60.0}])
    assert found.answer == "up"
    assert {one.part.split()[0] for one in found.parts} == {"x", "y"}
    assert all(abs(one.push) > 0.01 for one in found.parts)
