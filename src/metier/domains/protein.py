"""Proteins: sequences of amino acids.

A cell is a string of letters, FASTA text of one record, or the path of a FASTA file. Letters that stand for several, as
X, are allowed, and a stop at the end is left out. Knows nothing of what is asked of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier.data.fasta import looks_like, places, sequence
from metier.encoders.alphabets import PROTEIN
from metier.encoders.base import Encoder
from metier.types import Effort, Table

LEAST_LETTERS, MOST_LETTERS = 2, 200_000
LIKELY_LETTERS = 12  # a word in capitals is no sequence
WINDOWS = 10  # that evidence is sought in
ALIKE = 0.5  # cosine of shares of k-mers, from which on two belong together


class Protein:
    """The domain of proteins."""

    name = "protein"
    needs: tuple[str, ...] = ()
    files = True  # a cell may name a file
    sample = Table(
        columns={
            "input": [
                "MKKLLIVAGLLLAAVLSAPAWAADE",
                "MKRTLLALALLVSLLPAQAFAAENN",
                "MRKFLLLAVLAVLAGCSSWAQADTT",
                "MKKTAIAIAVALAGFATVAQAAPKD",
                "MSDEEKRKQEEDEERKHSEDDNQKR",
                "MEEKDDSKRQEEQERRKNDEDSKHE",
                "MDEQRKHEEDKSRQEENNDKRKEED",
                "MSEEDRKQHKEEDDNSRKEQEKRDE",
            ],
            "target": ["exported"] * 4 + ["kept"] * 4,
        },
        source="the sample of the domain 'protein'",
    )

    def likely(self, cells: Sequence[Any]) -> float:
        """The share of cells of nothing but amino acids, twelve or more; less where they are few different letters."""
        seen = [cell for cell in cells if cell is not None]
        if not seen:
            return 0.0
        alike = sum(looks_like(cell, LIKELY, LIKELY_LETTERS) for cell in seen) / len(seen)
        return alike * (1 if len(set("".join(str(cell)[:400] for cell in seen))) > DNA_LETTERS else 0.9)

    def read(self, cell: Any) -> str:
        """The letters of a cell in capitals without a stop at the end.

        Raises: BadCell where there is none, a sign that is no letter of proteins, or too many of them.
        """
        letters = sequence(cell, allowed=PROTEIN.allowed, called="protein", least=LEAST_LETTERS, most=MOST_LETTERS)
        return letters.rstrip("*")

    def group(self, values: Sequence[str]) -> NDArray[np.int64] | None:
        """Sequences with like k-mers share a number; where nearly all do, as variants of one, each has its own."""
        from metier.encoders.kmers import similar_groups

        return similar_groups(values, PROTEIN, ALIKE)

    def parts(self, value: str) -> Sequence[tuple[str, str]]:
        """The sequence without each tenth of it, letters that say nothing in its place."""
        ends = np.unique(np.linspace(0, len(value), WINDOWS + 1).astype(np.int64)).tolist()
        return [
            (places(low, high), value[:low] + "X" * (high - low) + value[high:])
            for low, high in itertools.pairwise(ends)
        ]

    def encoders(self, effort: Effort) -> Sequence[Encoder]:
        """K-mers; from `standard` on what it is made of and its letters by place; at `thorough` a convolutional net."""
        from metier.encoders.kmers import KmerEncoder

        stages: list[Encoder] = [KmerEncoder(PROTEIN)]
        if effort != "quick":
            from metier.encoders.residues import ResiduesEncoder

            stages.append(ResiduesEncoder(PROTEIN))
        if effort == "thorough":
            from metier.encoders.convseq import ConvseqEncoder

            stages.append(ConvseqEncoder.build(PROTEIN))
        return stages


LIKELY = PROTEIN.allowed - frozenset("*-JO")
DNA_LETTERS = 6


DOMAIN = Protein()
