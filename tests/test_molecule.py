from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metier.domains.molecule import DOMAIN
from metier.domains.text import DOMAIN as TEXT
from metier.errors import BadCell

Chem = pytest.importorskip("rdkit.Chem")

ETHANOL = "CCO"


def block(smiles: str) -> str:
    return str(Chem.MolToMolBlock(Chem.MolFromSmiles(smiles)))


@pytest.mark.parametrize(
    "cell",
    ["OCC", " C(O)C\n", b"[CH3][CH2][OH]", "[H]OC([H])([H])C([H])([H])[H]", "InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3"],
)
def test_however_it_is_written_a_molecule_is_one_value(cell: str | bytes) -> None:
    assert DOMAIN.read(cell) == ETHANOL


@pytest.mark.parametrize("text", [block("OCC"), block("OCC").lstrip("\n"), block("OCC") + "\n$$$$\n"])
def test_a_mol_block_is_read_even_when_its_blank_lines_are_stripped(text: str) -> None:
    assert DOMAIN.read(text) == ETHANOL


def test_charges_salts_and_stereochemistry_are_kept() -> None:
    assert DOMAIN.read("[Na+].C[C@H](N)C(=O)[O-]") == "C[C@H](N)C(=O)[O-].[Na+]"


def test_a_file_holds_one_molecule(tmp_path: Path) -> None:
    one, two = tmp_path / "one.sdf", tmp_path / "two.sdf"
    one.write_text(block("OCC") + "$$$$\n", encoding="utf-8")
    two.write_text((block("OCC") + "$$$$\n") * 2, encoding="utf-8")
    assert DOMAIN.read(one) == ETHANOL
    with pytest.raises(BadCell, match=r"two\.sdf: 2 molecules\. Expected one; .* metier train"):
        DOMAIN.read(two)
    with pytest.raises(BadCell, match=r"gone\.mol: No such file"):
        DOMAIN.read(tmp_path / "gone.mol")


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("C1CC", "ring 1 stays open"),
        ("C1CC%12C", "rings 1, 12 stay open"),
        ("CC(C", "the branch at sign 3 is never closed"),
        ("CC)C", r"the '\)' at sign 3 closes no branch"),
        ("C[NH", "the bracket at sign 2 is never closed"),
        ("C[]C", "the bracket at sign 2 holds no atom"),
        ("CXC", "'X' at sign 2 is no atom"),
        ("1CC", "ring 1 at sign 1 opens before any atom"),
        ("CC O", "white space at sign 3"),
        ("CC>>CO", "'>' at sign 3 makes it a reaction"),
        ("C==C", "is not as SMILES has it"),
        ("[Qq]", "is not as SMILES has it"),
        ("CC(C)(C)(C)C", "atom 2, C, has the valence 5"),
        ("FCF(C)C", "atom 3, F, has the valence 3"),
        ("Cc", "atom 2, C, is written as aromatic and lies in no ring"),
        ("n1cccc1", r"the aromatic atoms 1, 2, 3, 4, 5 leave no room .* \[nH\]"),
        ("InChI=1S/C2H6O/x", "the layers of the InChI do not fit"),
        ("InChI=9/C", "no InChI of version 1"),
        ("", "it has no atom"),
        ("*", "it has no atom"),
        ("\n\n\n  1  0  0  0  0  0            999 V2000\n", "cut short"),
        (12.5, "float '12.5' is not a molecule"),
        (None, "nothing is not a molecule"),
        (b"\xffC", "byte 0xff at 0 is not UTF-8"),
    ],
)
def test_what_is_wrong_is_said(cell: object, why: str) -> None:
    with pytest.raises(BadCell, match=why):
        DOMAIN.read(cell)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.text("CNOcn()[]=#123%@+-.H\\/lB", max_size=30), st.text(max_size=40), st.binary(max_size=40)))
def test_any_cell_is_a_molecule_or_says_why_not(cell: str | bytes) -> None:
    try:
        value = DOMAIN.read(cell)
    except BadCell:
        return
    assert DOMAIN.read(value) == value
    for name, without in DOMAIN.parts(value):
        assert name
        assert DOMAIN.read(without) == without


def test_what_is_read_is_not_told_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    for cell in ("C1CC", "Cc", "InChI=1S/nothing", "CCO"):
        try:
            DOMAIN.group([DOMAIN.read(cell)])
        except BadCell:
            continue
    assert capfd.readouterr() == ("", "")


def test_molecules_are_told_from_words() -> None:
    molecules, words = ["CCO", "c1ccccc1O", "CC(=O)N"], ["Yes", "No", "CO", "On hold", "SOS", "Coffin"]
    assert DOMAIN.likely(molecules) == 1.0
    assert DOMAIN.likely(words) < 0.5
    assert DOMAIN.likely(TEXT.sample.columns["input"]) == 0
    assert DOMAIN.likely([Path("a.mol"), Path("b.sdf")]) == 1.0
    assert DOMAIN.likely(["CCO", "CCC", "CCN"]) == 0.5  # chains alone may as well be abbreviations
    assert DOMAIN.likely([]) == DOMAIN.likely([None]) == 0.0


def groups(*cells: str) -> list[int]:
    found = DOMAIN.group([DOMAIN.read(cell) for cell in cells])
    assert found is not None
    return list(np.unique(found, return_inverse=True)[1])


def together(*cells: str) -> bool:
    return len(set(groups(*cells))) == 1


def test_one_scaffold_is_one_group() -> None:
    assert together("Cc1ccccc1", "Oc1ccccc1CC(=O)O", "c1ccccc1")
    assert not together("c1ccccc1", "c1ccncc1")
    assert together("Cc1ccccc1", "[Na+].[O-]C(=O)c1ccccc1")  # a salt is judged by its largest part


def test_one_structure_is_one_group_however_its_hydrogens_lie() -> None:
    assert together("Oc1ccccn1", "O=c1cccc[nH]1")
    assert together("C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O")


def test_without_rings_the_chain_is_the_scaffold() -> None:
    assert together("CCCO", "CCCN", "CCCC")
    assert not together("CCCO", "CC(C)O", "CCCCCO")


def test_the_parts_are_ring_systems_groups_and_chains() -> None:
    assert DOMAIN.parts(DOMAIN.read("c1ccccc1CC(=O)O")) == [
        ("O=CO (atoms 1-3)", "Cc1ccccc1"),
        ("C (atom 4)", "O=CO.c1ccccc1"),
        ("c1ccccc1 (atoms 5-10)", "CC(=O)O"),
    ]
    assert DOMAIN.parts("c1ccccc1") == []
    assert ("c1cc[nH]c1", "c1ccncc1") not in DOMAIN.parts("c1ccn(-c2ccncc2)c1")
    assert "c1cc[nH]c1" in [without for _, without in DOMAIN.parts("c1ccn(-c2ccncc2)c1")]
