"""Sequences that are none, or too long: each refused within a second, by name and by limit."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from metier import lazy
from metier.errors import BadCell

BROKEN: dict[str, tuple[str, bytes, str]] = {
    "digits.fasta": ("protein", b">x\nMKV1LLA\n", "'1' at place 4"),
    "genome.fa": ("dna", b">x\n" + b"ACGT" * 1_100_000, "bytes are too many"),
    "long.fa": ("dna", b">x\n" + b"ACGT" * 501_000, "letters are too many"),
    "titin.faa": ("protein", b">x\n" + b"M" * 200_001, "letters are too many"),
    "many.fa": ("dna", b">x\nA\n" * 100_000, "100,000 records"),
    "quality.fa": ("dna", b"@read\nACGT\n+\nIIII\n", "'@' at place 1"),
    "picture.fasta": ("dna", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100, "is no letter of DNA"),
    "zeros.fasta": ("protein", b"\0" * 100_000, "is no letter of protein"),
    "name.fasta": ("protein", b">" + b"x" * 100_000, "is too short"),
    "blank.fasta": ("dna", b" \n" * 50_000, "is too short"),
    "gaps.fasta": ("dna", b"-" * 100_000, "is too short"),
    "wide.fasta": ("dna", "ＡＣＧＴ".encode(), "is no letter of DNA"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_is_refused_at_once_by_name_and_limit(name: str, tmp_path: Path) -> None:
    domain, data, said = BROKEN[name]
    file = tmp_path / name
    file.write_bytes(data)
    started = time.process_time()
    with pytest.raises(BadCell, match=said) as refused:
        lazy.find("domains", domain, "DOMAIN").read(file)
    assert time.process_time() - started < 1
    assert name in str(refused.value)
    assert "Expected" in str(refused.value)
    assert len(str(refused.value)) < 700
