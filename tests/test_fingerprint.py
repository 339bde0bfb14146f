from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rdkit")

from metier.encoders.descriptors import DescriptorEncoder
from metier.encoders.fingerprint import FingerprintEncoder
from metier.types import State

ALCOHOLS = ["CO", "CCO", "CCCO", "CC(C)O", "CCCCO", "OCCO", "CCCCCO", "OCC(O)CO"]
TARGETS = np.zeros((len(ALCOHOLS), 2), np.float32)


@pytest.fixture(scope="module")
def fitted() -> FingerprintEncoder:
    return FingerprintEncoder.build().fit(ALCOHOLS, TARGETS)


def test_what_was_never_seen_fills_column_zero(fitted: FingerprintEncoder) -> None:
    known, strange = (fitted.encode([value]).weights[0] for value in ("CCO", "c1ccc2ccccc2c1"))
    assert known == 0
    assert strange == 1


def test_rows_have_unit_length(fitted: FingerprintEncoder) -> None:
    rows = fitted.encode(["CCCO", "CCCCCCBr"])
    squares = np.add.reduceat(rows.weights**2, rows.starts[:-1])
    assert squares == pytest.approx([1, 1], abs=1e-6)


def test_the_nearest_are_told_with_their_tanimoto_similarity(fitted: FingerprintEncoder) -> None:
    from rdkit import Chem, DataStructs
    from rdkit.Chem import rdFingerprintGenerator

    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    bits = [generator.GetFingerprint(Chem.MolFromSmiles(cell)) for cell in ("CCCCCCO", *ALCOHOLS)]
    expected = DataStructs.BulkTanimotoSimilarity(bits[0], bits[1:])
    found = fitted.nearest("CCCCCCO", 8)
    assert {one.cell: one.similarity for one in found} == pytest.approx(dict(zip(ALCOHOLS, expected, strict=True)))
    assert [one.similarity for one in found] == sorted(expected, reverse=True)
    assert fitted.nearest("CCO", 1)[0].similarity == 1


def test_the_limit_is_what_training_rows_reach_among_themselves(fitted: FingerprintEncoder) -> None:
    among = [fitted.nearest(value, 2)[1].similarity for value in ALCOHOLS]
    assert fitted.least_similarity == pytest.approx(np.quantile(among, 0.05))
    assert FingerprintEncoder.build().fit(ALCOHOLS[:1], TARGETS[:1]).least_similarity == 0


def test_a_state_that_does_not_fit_is_refused(fitted: FingerprintEncoder) -> None:
    state = fitted.state()
    cut = State(config=state.config, arrays={**state.arrays, "packed": state.arrays["packed"][1:]})
    with pytest.raises(ValueError, match="8 cells and fingerprints of shape"):
        FingerprintEncoder.restore(cut)


def test_descriptors_are_finite_whatever_the_molecule() -> None:
    encoder = DescriptorEncoder.build()
    vectors = encoder.encode(["[Fe+2].[O-]C(=O)C", "*C", "[H][H]", "C" * 300, "[Cl]"])
    assert np.isfinite(vectors).all()
    assert np.abs(vectors).max() <= 16


def test_a_descriptor_that_is_not_here_is_named() -> None:
    with pytest.raises(ValueError, match="no descriptors Charm"):
        DescriptorEncoder.restore(State(config={"names": ["MolWt", "Charm"]}))
