"""Molecules that would hold a worker for minutes or fill its memory: each refused at once, by name and by limit."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from metier.domains.molecule import DOMAIN
from metier.errors import BadCell

pytest.importorskip("rdkit")

MOST_SECONDS = 1.0
COUNTS = "{:3d}{:3d}  0  0  0  0            999 V2000"


def ladder(rungs: int) -> str:
    """Ring on ring on ring, whose smallest rings take long to find."""
    return "C1CC1" + "".join("C2CC2C3CC3" for _ in range(rungs))


def cage(size: int) -> str:
    """Each of many metals bound to each: no valence forbids it."""
    opened = "".join(f"[Fe]%{i:02d}" for i in range(10, size))
    return opened + "." + ".".join(f"[Fe]%{i:02d}" for i in range(10, size))


def dense(size: int) -> str:
    """A complete graph of iron in a mol block."""
    pairs = [(i, j) for i in range(1, size + 1) for j in range(1, i)]
    atoms = ["    0.0000    0.0000    0.0000 Fe  0  0"] * size
    bonds = [f"{i:3d}{j:3d}  1  0" for i, j in pairs]
    return "\n".join(["", "", "", COUNTS.format(size, len(pairs)), *atoms, *bonds, "M  END"])


BOMBS: dict[str, tuple[Callable[[], str], str]] = {
    "a chain as long as a book": (lambda: "C" * 10_000_000, "10,000,000 characters"),
    "a chain within the text limit": (lambda: "C" * 4_999, "4,999 atoms and 0 rings are over the limit of 500"),
    "branches as deep as a cave": (lambda: "C(" * 1_600 + "C" + ")" * 1_600, "1,601 atoms"),
    "branches never closed": (lambda: "C(" * 2_499, "the branch at sign 2 is never closed"),
    "brackets only": (lambda: "[" * 4_000, "the bracket at sign 1"),
    "rings that stay open": (lambda: "".join(f"C%{i}" for i in range(10, 100)), "rings 10, 11, "),
    "a ring that stays open": (lambda: "C1CC", "ring 1 stays open"),
    "a ladder of rings": (lambda: ladder(240), "rings are over the limit"),
    "hydrogens for ever": (lambda: "[CH99999999999999999999]", "is not a molecule"),
    "an isotope for ever": (lambda: "[" + "9" * 4_000 + "C]", "is not a molecule"),
    "a charge for ever": (lambda: "[C" + "+" * 4_000 + "]", "is not a molecule"),
    "an InChI as long as a book": (lambda: "InChI=1S/C" + "9" * 1_000_000, "at most 5,000"),
    "an InChI with a formula for ever": (lambda: "InChI=1S/C" + "9" * 4_000, "is not a molecule"),
    "a block that promises more than it holds": (
        lambda: "\n".join(["", "", "", COUNTS.format(999, 999), "M  END"]),
        "do not fit its counts line",
    ),
    "a block as long as a book": (lambda: "\n\n\n" + COUNTS.format(1, 0) + "\n" * 2_000_000, "at most 1,000,000"),
    "a complete graph": (lambda: dense(40), "741 rings are over the limit"),
    "a NUL": (lambda: "C\0C", "'\\x00' at sign 2"),
    "a number for ever": (lambda: "1e400", "at sign 1"),
    "a surrogate": (lambda: "C\ud800", "at sign 2"),
}


@pytest.fixture(scope="module")
def found(told: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    cases = {f"{name}.cell": case for name, case in BOMBS.items()}
    return told("molecule", tmp_path_factory.mktemp("molecules"), cases, "a number for ever.cell")


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_at_once(found: Any, name: str) -> None:
    found.check(f"{name}.cell", BOMBS[name][1])


def test_none_takes_much_memory(found: Any) -> None:
    found.check_memory()


def test_a_file_of_gigabytes_is_not_opened(tmp_path: Path) -> None:
    file = tmp_path / "huge.sdf"
    with file.open("wb") as hole:
        hole.truncate(2**33)
    with pytest.raises(BadCell, match=r"huge\.sdf: 8,589,934,592 bytes are over the limit of 4,194,304"):
        DOMAIN.read(file)


@pytest.mark.parametrize("cell", [cage(60), "C60", "c1ccc2c(c1)c1ccccc1c1ccccc21" * 3, "[U]" * 300])
def test_what_is_odd_is_read_or_refused_within_a_second(cell: str) -> None:
    DOMAIN.read("CCO")
    started = time.process_time()
    with contextlib.suppress(BadCell):
        DOMAIN.parts(DOMAIN.read(cell))
    assert time.process_time() - started < MOST_SECONDS
