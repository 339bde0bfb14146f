"""DNA and RNA: sequences of nucleotides, read on both strands.

A cell is a string of letters (U is read as T), FASTA text of one record, or the path of a FASTA file. Letters
that stand for several, as N, are allowed. Knows nothing of what is asked of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier.data.fasta import looks_like, places, sequence
from metier.encoders.alphabets import DNA
from metier.encoders.base import Encoder
from metier.types import Effort, Table

LEAST_LETTERS, MOST_LETTERS = 3, 2_000_000
LIKELY_LETTERS = 8  # a word in capitals is no sequence
WINDOWS = 10  # that evidence is sought in
ALIKE = 0.5  # cosine of shares of k-mers, from which on two belong together


class Dna:
    """The domain of DNA."""

    name = "dna"
    needs: tuple[str, ...] = ()
    files = True  # a cell may name a file
    sample = Table(
        columns={
            "input": [
                "TATAAAAGGCCGTATAATGCGTATAAAAGC",
                "GCTATAAAAGGGCTATAATCCTATAAATGG",
                "CCTATAAATACGGTATAATGGTATAAAACC",
                "GGTATAAAAGCCTATAATGCATATAAAAGG",
                "GCGCGGCCGCGCGGGCCCGCGCGGCGCCGG",
                "CCGCGCGGGCGCGCCGCGGGCCGCGCGCCC",
                "GGCCGCGCGCCGGGCGCGCGCCCGCGGCGC",
                "CGCGGGCGCCGCGCGGCCGGGCGCGCGGCC",
            ],
            "target": ["box"] * 4 + ["island"] * 4,
        },
        source="the sample of the domain 'dna'",
    )

    def likely(self, cells: Sequence[Any]) -> float:
        """The share of cells of nothing but A, C, G, T, U and N, eight of them or more."""
        seen = [cell for cell in cells if cell is not None]
        if not seen:
            return 0.0
        return sum(looks_like(cell, LIKELY, LIKELY_LETTERS) for cell in seen) / len(seen)

    def read(self, cell: Any) -> str:
        """The letters of a cell in capitals, U as T.

        Raises: BadCell where there is none, a sign that is no letter of DNA, or too many of them.
        """
        letters = sequence(cell, allowed=DNA.allowed | {"U"}, called="DNA", least=LEAST_LETTERS, most=MOST_LETTERS)
        return letters.replace("U", "T")

    def group(self, values: Sequence[str]) -> NDArray[np.int64] | None:
        """Sequences with like k-mers share a number; where nearly all do, as variants of one, each has its own."""
        from metier.encoders.kmers import similar_groups

        return similar_groups(values, DNA, ALIKE)

    def parts(self, value: str) -> Sequence[tuple[str, str]]:
        """The sequence without each tenth of it, letters that say nothing in its place; and one strand as the other."""
        ends = np.unique(np.linspace(0, len(value), WINDOWS + 1).astype(np.int64)).tolist()
        found = [
            (places(low, high), value[:low] + "N" * (high - low) + value[high:])
            for low, high in itertools.pairwise(ends)
        ]
        return [*found, ("strand turned", value[::-1].translate(PAIRS))]

    def encoders(self, effort: Effort) -> Sequence[Encoder]:
        """K-mers; from `standard` on what it is made of and its letters by place; at `thorough` a convolutional net."""
        from metier.encoders.kmers import KmerEncoder

        stages: list[Encoder] = [KmerEncoder(DNA)]
        if effort != "quick":
            from metier.encoders.residues import ResiduesEncoder

            stages.append(ResiduesEncoder(DNA))
        if effort == "thorough":
            from metier.encoders.convseq import ConvseqEncoder

            stages.append(ConvseqEncoder.build(DNA))
        return stages


LIKELY = frozenset("ACGTUN")
PAIRS = str.maketrans("ACGTRYSWKMBDHVN-", "TGCAYRSWMKVHDBN-")


DOMAIN = Dna()
