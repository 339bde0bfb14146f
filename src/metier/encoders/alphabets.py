"""The letters of sequences: which there are, which are alike, and which stand for several.

Knows the alphabets of DNA and proteins, and nothing of what is learnt from sequences.

Source: IUPAC-IUB 1970 and 1984 for the codes; Sandberg et al. 1998, table 2, for the five scales of amino acids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
UNKNOWN = np.uint8(255)  # a letter that stands for several
ALIKE = 0.7  # how far apart on the scales two letters may be and still count as alike


@dataclass(frozen=True, kw_only=True)
class Alphabet:
    """Letters in order; `several` says what a code may stand for, `classes` which letters count as one."""

    name: str
    letters: str
    several: Mapping[str, str]
    classes: Sequence[str] = ()
    two_strands: bool = False  # letters in an order in which the i-th pairs with the i-th from the end
    scales: Mapping[str, tuple[float, ...]] | None = None

    @cached_property
    def allowed(self) -> frozenset[str]:
        """Every letter a sequence may hold."""
        return frozenset(self.letters) | frozenset(self.several)

    @cached_property
    def _table(self) -> U8:
        table = np.full(256, UNKNOWN, np.uint8)
        table[np.frombuffer(self.letters.encode(), np.uint8)] = np.arange(len(self.letters), dtype=np.uint8)
        return table

    @cached_property
    def class_of(self) -> U8:
        """The class of each letter's number, and UNKNOWN for all others (256,)."""
        table = np.full(256, UNKNOWN, np.uint8)
        for number, members in enumerate(self.classes):
            for letter in members:
                table[self.letters.index(letter)] = number
        return table

    def codes(self, sequence: str) -> U8:
        """The number of each letter (t,)."""
        return self._table[np.frombuffer(sequence.encode("ascii", "replace"), np.uint8)]

    @cached_property
    def scaled(self) -> NDArray[np.float32]:
        """The scales of each letter, centred and scaled (letters, s); one-hot where the alphabet has no scales."""
        if self.scales is None:
            return np.eye(len(self.letters), dtype=np.float32)
        scales = np.array([self.scales[letter] for letter in self.letters])
        return np.asarray((scales - scales.mean(axis=0)) / scales.std(axis=0), np.float32)

    @cached_property
    def places(self) -> NDArray[np.float32]:
        """A vector of length one for each letter, a shorter one for codes (256, letters); alike letters lie near."""
        apart = ((self.scaled[:, None] - self.scaled[None]) ** 2).mean(axis=-1) / (2 * ALIKE**2)
        values, directions = np.linalg.eigh(np.exp(-apart) if self.scales is not None else np.eye(len(self.letters)))
        own = directions * np.sqrt(np.maximum(values, 0))  # (letters, letters); products are the similarities
        found = np.zeros((256, len(self.letters)), np.float32)
        for i, letter in enumerate(self.letters):
            found[ord(letter)] = own[i]
        for code, stands_for in self.several.items():
            if stands_for:
                found[ord(code)] = own[[self.letters.index(letter) for letter in stands_for]].mean(axis=0)
        return found


DNA = Alphabet(
    name="dna",
    letters="ACGT",
    several={
        "R": "AG",
        "Y": "CT",
        "S": "CG",
        "W": "AT",
        "K": "GT",
        "M": "AC",
        "B": "CGT",
        "D": "AGT",
        "H": "ACT",
        "V": "ACG",
        "N": "ACGT",
        "-": "",
    },
    two_strands=True,
)

PROTEIN = Alphabet(
    name="protein",
    letters="ACDEFGHIKLMNPQRSTVWY",
    several={"B": "DN", "Z": "EQ", "J": "IL", "U": "C", "O": "K", "X": "ACDEFGHIKLMNPQRSTVWY", "*": "", "-": ""},
    classes=("AGPST", "C", "DENQ", "FWY", "HRK", "ILMV"),
    scales={
        "A": (0.24, -2.32, 0.60, -0.14, 1.30),
        "C": (0.84, -1.67, 3.71, 0.18, -2.65),
        "D": (3.98, 0.93, 1.93, -2.46, 0.75),
        "E": (3.11, 0.26, -0.11, -3.04, -0.25),
        "F": (-4.22, 1.94, 1.06, 0.54, -0.62),
        "G": (2.05, -4.06, 0.36, -0.82, -0.38),
        "H": (2.47, 1.95, 0.26, 3.90, 0.09),
        "I": (-3.89, -1.73, -1.71, -0.84, 0.26),
        "K": (2.29, 0.89, -2.49, 1.49, 0.31),
        "L": (-4.28, -1.30, -1.49, -0.72, 0.84),
        "M": (-2.85, -0.22, 0.47, 1.94, -0.98),
        "N": (3.05, 1.62, 1.04, -1.15, 1.61),
        "P": (-1.66, 0.27, 1.84, 0.70, 2.00),
        "Q": (1.75, 0.50, -1.44, -1.34, 0.66),
        "R": (3.52, 2.50, -3.50, 1.99, -0.17),
        "S": (2.39, -1.07, 1.15, -1.39, 0.67),
        "T": (0.75, -2.18, -1.12, -1.46, -0.40),
        "V": (-2.59, -2.64, -1.54, -0.85, -0.02),
        "W": (-4.36, 3.94, 0.59, 3.44, -1.59),
        "Y": (-2.54, 2.44, 0.43, 0.04, -1.47),
    },
)

ALPHABETS = {alphabet.name: alphabet for alphabet in (DNA, PROTEIN)}
