from __future__ import annotations

from pathlib import Path

import pytest

from metier.data.read import read, stream
from metier.errors import UnreadableData

BLOCK = "{}\n  drawn by hand\n\n  1  0  0  0  0  0            999 V2000\n    0.0    0.0    0.0 {}   0  0\nM  END\n"


def record(name: str, atom: str, **tags: str) -> str:
    return BLOCK.format(name, atom) + "".join(f">  <{tag}>\n{value}\n\n" for tag, value in tags.items()) + "$$$$\n"


def written(tmp_path: Path, text: str, name: str = "some.sdf") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode())
    return path


def test_a_molecule_is_a_row_and_a_tag_is_a_column(tmp_path: Path) -> None:
    table = read(written(tmp_path, record("methane", "C", active="yes") + record("", "N", logS="0.5", note="a\nb")))
    assert {name: list(cells) for name, cells in table.columns.items() if name != "molecule"} == {
        "name": ["methane", None],
        "active": ["yes", None],
        "logS": [None, "0.5"],
        "note": [None, "a\nb"],
    }
    assert [block.splitlines()[4].split()[3] for block in table.columns["molecule"]] == ["C", "N"]


def test_a_mol_file_is_a_table_of_one_row(tmp_path: Path) -> None:
    table = read(written(tmp_path, BLOCK.format("methane", "C").replace("\n", "\r\n"), "one.mol"))
    assert len(table) == 1
    assert table.columns["name"] == ["methane"]


def test_every_batch_has_every_column(tmp_path: Path) -> None:
    text = "".join(record(str(i), "C", **({"late": "1"} if i == 4 else {})) for i in range(5))
    batches = list(stream(written(tmp_path, text), batch_rows=2))
    assert [(len(batch), batch.first_row) for batch in batches] == [(2, 1), (2, 3), (1, 5)]
    assert all("late" in batch.columns for batch in batches)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (record("a", "C") + "no end\n$$$$\n" + record("b", "C"), r"a row cannot be read. Line 8: a molecule without"),
        (record("a", "C") + "x" * 1_000_001 + "\n$$$$\n", "over the limit of 1,000,000"),
        ("", "there is no molecule"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_line(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(UnreadableData, match=why):
        read(written(tmp_path, text))


def test_bytes_of_another_encoding_are_a_problem_of_their_row(tmp_path: Path) -> None:
    path = tmp_path / "latin.sdf"
    path.write_bytes(record("caf\xe9", "C").encode("latin-1") + record("b", "C").encode())
    table = read(path, lenient=True)
    assert len(table) == 2
    assert "not UTF-8" in table.problems[0]


def test_molecules_of_a_file_are_learnt_from(tmp_path: Path) -> None:
    Chem = pytest.importorskip("rdkit.Chem")
    import metier

    cells = {"alcohol": "CO CCO CCCO CCCCO CC(C)O OCCO", "ring": "c1ccccc1 C1CC1 C1CCC1 C1CCCC1 c1ccncc1 C1CCCCC1"}
    text = "".join(
        str(Chem.MolToMolBlock(Chem.MolFromSmiles(smiles))) + f"> <kind>\n{kind}\n\n$$$$\n"
        for kind, some in cells.items()
        for smiles in some.split()
    )
    specialist = metier.train(written(tmp_path, text), target="kind", effort="quick")
    assert specialist.domain.name == "molecule"
    assert specialist.predict(["CCCCCO"])[0].candidates[0].label == "alcohol"
