"""Sequences that are none, or too long: each refused within a second, by name and by limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

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


@pytest.fixture(scope="module")
def found(told: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return {
        kind: told(
            kind, tmp_path_factory.mktemp(kind), {n: (d, "") for n, (k, d, _) in BROKEN.items() if k == kind}, warm
        )
        for kind, warm in (("dna", "gaps.fasta"), ("protein", "name.fasta"))
    }


@pytest.mark.parametrize("name", BROKEN)
def test_each_is_refused_at_once_by_name_and_limit(found: dict[str, Any], name: str) -> None:
    kind, _, said = BROKEN[name]
    found[kind].check(name, said)


@pytest.mark.parametrize("kind", ["dna", "protein"])
def test_none_takes_much_memory(found: dict[str, Any], kind: str) -> None:
    found[kind].check_memory()
