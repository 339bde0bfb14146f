from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier import lazy
from metier.errors import BadCell

DNA, PROTEIN = (lazy.find("domains", name, "DOMAIN") for name in ("dna", "protein"))


@pytest.mark.parametrize(
    ("cell", "letters"),
    [
        ("acgt", "ACGT"),
        ("ACG UAN", "ACGTAN"),
        (b"ACGT\n", "ACGT"),
        (">one of them\nACGT\nACGT\n", "ACGTACGT"),
        ("; old\n>x\nAC\n\nGT", "ACGT"),
        ("AC-GT", "AC-GT"),
    ],
)
def test_dna_is_read(cell: object, letters: str) -> None:
    assert DNA.read(cell) == letters


def test_a_stop_at_the_end_of_a_protein_goes() -> None:
    assert PROTEIN.read(">x\nMKV*") == "MKV"


@pytest.mark.parametrize(
    ("domain", "cell", "message"),
    [
        (DNA, "ACGT1", "'1' at place 5 is no letter of DNA"),
        (DNA, "ACGL", "'L' at place 4 is no letter of DNA"),
        (DNA, "AC", "is too short"),
        (DNA, "---", "is too short"),
        (DNA, "", "is too short"),
        (DNA, None, "nothing is no DNA sequence"),
        (DNA, 12, "int '12' is no DNA sequence"),
        (DNA, float("nan"), "is no DNA sequence"),
        (PROTEIN, "MKV7", "'7' at place 4 is no letter of protein"),
        (PROTEIN, "MK V!", "'!' at place 4"),
        (PROTEIN, ">a\nMKV\n>b\nMKL", "2 records, such as '>b'"),
        (PROTEIN, Path("none.fasta"), "none.fasta: No such file"),
        (PROTEIN, Path("none.png"), "the ending '.png' is no FASTA"),
    ],
)
def test_what_is_no_sequence_says_why(domain: object, cell: object, message: str) -> None:
    with pytest.raises(BadCell, match=message.replace("(", r"\(")):
        domain.read(cell)  # type: ignore[attr-defined]


@given(st.one_of(st.text(), st.binary(), st.integers(), st.floats(), st.lists(st.text()), st.none()))
def test_any_cell_is_read_or_refused(cell: object) -> None:
    for domain in (DNA, PROTEIN):
        with contextlib.suppress(BadCell):
            letters = domain.read(cell)
            assert domain.read(letters) == letters


def test_files_are_read_as_biopython_reads_them(tmp_path: Path) -> None:
    parser = pytest.importorskip("Bio.SeqIO.FastaIO")
    file = tmp_path / "one.fasta"
    file.write_text(">sp|P1|ONE a protein\nMKTAYIAKQR\nQISFVKSHFS\n\nRQ\n", encoding="utf-8")
    with file.open(encoding="utf-8") as handle:
        assert PROTEIN.read(file) == dict(parser.SimpleFastaParser(handle))["sp|P1|ONE a protein"]


def test_words_and_numbers_do_not_look_like_sequences() -> None:
    assert DNA.likely(["ACGTACGTAA", "GGGTTTAACC"]) == 1
    assert PROTEIN.likely(["ACGTACGTAAGG", "GGGTTTAACCAA"]) < 1
    assert PROTEIN.likely(["MKTAYIAKQRQISF", "GLSDGEWQLVLNVW"]) == 1
    for domain in (DNA, PROTEIN):
        assert domain.likely(["where is my card", "STOP", "CAT", "CC(=O)O", "1,2,3", None]) == 0


def test_the_parts_of_a_sequence_are_its_windows_and_its_other_strand() -> None:
    parts = dict(DNA.parts("ACGT" * 10))
    assert parts["places 1 to 4"] == "NNNN" + "ACGT" * 9
    assert parts["strand turned"] == "ACGT" * 10
    assert list(dict(PROTEIN.parts("MKV"))) == ["place 1", "place 2", "place 3"]
    assert dict(DNA.parts("AACC"))["strand turned"] == "GGTT"
    assert all(len(without) == 33 for _, without in PROTEIN.parts("M" * 33))
    for domain, value in ((DNA, "ACG"), (PROTEIN, "MK")):
        assert all(domain.read(without) for name, without in domain.parts(value) if name == "strand turned")
