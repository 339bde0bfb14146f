"""Molecules: small ones, as chemists write them; the cheap stage sees their fragments, the costly one their properties.

A cell is a SMILES, an InChI, a mol block, or the path of a .mol file or an .sdf file of one molecule. Knows nothing of
what is asked of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier.encoders.base import Encoder
from metier.errors import BadCell
from metier.types import Effort, Table

MOST_BYTES = 4 * 2**20
ENDINGS = (".mol", ".mdl", ".sdf", ".sd")
SMILES = re.compile(r"(?:\[[^\[\]\s]{1,40}\]|Cl|Br|[BCNOPSFIbcnops*]|[-=#$:/\\~.()]|%\d\d|\d)+")
# bonds, branches, brackets and ring numbers: a column of molecules without any would be a column of words
SIGNS = re.compile(r"[=#()\[\]]|[A-Za-z]\d.*[A-Za-z]\d|^M  END", re.MULTILINE)
FEW_SIGNS = 0.05


class Molecule:
    """The domain of small molecules."""

    name = "molecule"
    needs: tuple[str, ...] = ("rdkit",)
    sample = Table(
        columns={
            "input": [
                "CCO",
                "OCC(O)CO",
                "C[C@H](N)C(=O)O",
                "OC[C@H]1OC(O)[C@H](O)[C@@H](O)[C@@H]1O",
                "CCCCCCCC",
                "c1ccc2ccccc2c1",
                "InChI=1S/C6H5Cl/c7-6-4-2-1-3-5-6/h1-5H",
                "CC(C)(c1ccc(Cl)cc1)c1ccc(Cl)cc1",
            ],
            "target": ["soluble"] * 4 + ["insoluble"] * 4,
        },
        source="the sample of the domain 'molecule'",
    )

    def likely(self, cells: Sequence[Any]) -> float:
        """The share of cells laid out as a molecule is; half of it where none has a bond, a branch or a ring."""
        seen = [cell for cell in cells if cell is not None]
        if not seen:
            return 0.0
        share = sum(_reads_like_molecule(cell) for cell in seen) / len(seen)
        signs = sum(not isinstance(cell, str) or bool(SIGNS.search(cell)) for cell in seen) / len(seen)
        return share if signs >= FEW_SIGNS else share / 2

    def read(self, cell: Any) -> str:
        """The canonical SMILES of the molecule in a cell, its salts and charges as they are.

        Raises: BadCell where there is none, saying which ring stays open, which atom has too many bonds, which limit is
        passed; MissingPackage.
        """
        from metier.encoders.molecules import canonical

        if isinstance(cell, Path):
            return _of_file(cell)
        if isinstance(cell, bytes):
            cell = _decoded(cell)
        if not isinstance(cell, str):
            found = "nothing" if cell is None else f"{type(cell).__name__} {str(cell)[:40]!r}"
            raise BadCell(
                f"{found} is not a molecule. Expected a SMILES, an InChI, a mol block or a file; fix the cell."
            )
        return canonical(cell)

    def group(self, values: Sequence[str]) -> NDArray[np.int64] | None:
        """Molecules built around one Bemis-Murcko scaffold share a number, and so do those of one InChIKey."""
        from metier.encoders.scaffolds import scaffold_groups

        return scaffold_groups(values)

    def encoders(self, effort: Effort) -> Sequence[Encoder]:
        """Count fingerprints; from `standard` on descriptors as well, under trees."""
        from metier.encoders.fingerprint import FingerprintEncoder

        stages: list[Encoder] = [FingerprintEncoder.build()]
        if effort != "quick":
            from metier.encoders.descriptors import DescriptorEncoder

            stages.append(DescriptorEncoder.build())
        return stages

    def parts(self, value: str) -> list[tuple[str, str]]:
        """Ring systems, functional groups and chains, each with its atoms in the canonical SMILES."""
        from metier.encoders.scaffolds import fragments

        return fragments(value)


def _reads_like_molecule(cell: Any) -> bool:
    if isinstance(cell, Path):
        return cell.suffix.lower() in ENDINGS
    if not isinstance(cell, str):
        return False
    text = cell.strip()
    if text.startswith("InChI=1") or ("M  END" in text and "\n" in text):
        return True
    return bool(SMILES.fullmatch(text[:2000])) and any(sign.isalpha() or sign == "*" for sign in text)


def _decoded(cell: bytes) -> str:
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadCell(
            f"byte {cell[error.start]:#04x} at {error.start} is not UTF-8. Expected a molecule as text; convert it."
        ) from error


def _of_file(path: Path) -> str:
    from metier.encoders.molecules import canonical

    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise BadCell(
                f"{path}: {size:,} bytes are over the limit of {MOST_BYTES:,}. Expected one molecule; cut it up."
            )
        text = _decoded(path.read_bytes())
    except OSError as error:
        raise BadCell(f"{path}: {error.strerror}. Expected a .mol or .sdf file that can be read.") from error
    molecules = [block for block in text.split("$$$$") if block.strip()]
    if len(molecules) != 1:
        raise BadCell(
            f"{path}: {len(molecules)} molecules. Expected one; a file of many is data of its own: metier train FILE."
        )
    try:
        return canonical(molecules[0])
    except BadCell as error:
        raise BadCell(f"{path}: {error}") from error


DOMAIN = Molecule()
