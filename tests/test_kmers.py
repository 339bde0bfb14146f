from __future__ import annotations

import numpy as np
import pytest

from metier.encoders.alphabets import DNA, PROTEIN
from metier.encoders.kmers import KmerEncoder, similar_groups
from metier.testing import check_encoder
from metier.testing.base import same
from metier.types import State

PAIRS = str.maketrans("ACGT", "TGCA")


def drawn(n: int, length: int, letters: str, seed: int = 0) -> list[str]:
    draw = np.random.default_rng(seed)
    return ["".join(draw.choice(list(letters), length)) for _ in range(n)]


@pytest.mark.parametrize("alphabet", [DNA, PROTEIN])
def test_odd_sequences_are_values_like_any_other(alphabet: object) -> None:
    check_encoder(KmerEncoder(alphabet), ["A", "", "AC", "N" * 20, "ACGTACGTNACGTACGT", "-" * 5, "A" * 5000])  # type: ignore[arg-type]


def test_both_strands_of_dna_are_one() -> None:
    strands = drawn(6, 60, "ACGT")
    encoder = KmerEncoder(DNA).fit(strands)
    there, back = (encoder.encode(s) for s in (strands, [strand[::-1].translate(PAIRS) for strand in strands]))
    for i in range(6):
        one, other = (
            dict(zip(r.columns[r.starts[i] : r.starts[i + 1]], r.weights[r.starts[i] : r.starts[i + 1]], strict=True))
            for r in (there, back)
        )
        assert one.keys() == other.keys()
        assert all(np.isclose(one[column], other[column]) for column in one)


def test_a_protein_read_backwards_is_another() -> None:
    encoder = KmerEncoder(PROTEIN).fit(["MKLVAAGDE", "EDGAAVLKM"])
    assert not same(encoder.encode(["MKLVAAGDE"]), encoder.encode(["EDGAAVLKM"]))


def test_what_was_never_seen_has_a_length_and_no_column() -> None:
    encoded = KmerEncoder(DNA).fit(["AAAAAAAAAAAA"]).encode(["CGCGCGCGCGCG", "AAAAAAAAAAAA"])
    assert encoded.weights[encoded.starts[0]] == 1
    assert encoded.weights[encoded.starts[1]] == 0


def test_a_state_that_does_not_fit_itself_is_refused() -> None:
    state = KmerEncoder(DNA).fit(drawn(3, 30, "ACGT")).state()
    with pytest.raises(ValueError, match="do not fit one another"):
        KmerEncoder.restore(State(config=state.config, arrays={**state.arrays, "idf": state.arrays["idf"][1:]}))


def test_changed_copies_lie_in_one_group() -> None:
    first, second, *others = drawn(8, 300, "ACGT")
    copy = first[:100] + "A" + first[101:]
    groups = similar_groups([first, second, copy, first[::-1].translate(PAIRS), *others], DNA, 0.5)
    assert groups[0] == groups[2] == groups[3] != groups[1]
    assert len(set(groups.tolist())) == 8


def test_variants_of_one_sequence_each_stand_alone_but_equals_together() -> None:
    wild = drawn(1, 200, "ACDEFGHIKLMNPQRSTVWY")[0]
    variants = [wild[:i] + "W" + wild[i + 1 :] for i in range(0, 200, 10)]
    groups = similar_groups([*variants, variants[0]], PROTEIN, 0.5)
    assert groups[0] == groups[-1]
    assert len(set(groups.tolist())) == len(set(variants))
