from __future__ import annotations

import numpy as np
import pytest

from metier.encoders.alphabets import DNA, PROTEIN
from metier.encoders.residues import ResiduesEncoder
from metier.heads.kernel import KernelHead
from metier.testing import check_encoder
from metier.types import State

WILD = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ"


@pytest.mark.parametrize("alphabet", [DNA, PROTEIN])
def test_odd_sequences_are_values_like_any_other(alphabet: object) -> None:
    odd = ["ACG", "GAT", "ACGT" * 40, "NNNN", "A-C-G", "A" * 3000]
    check_encoder(ResiduesEncoder(alphabet), odd)  # type: ignore[arg-type]
    check_encoder(ResiduesEncoder(alphabet), ["ACGT", "ACGA", "ACTT", "TCGT"])  # type: ignore[arg-type]


def variants(n: int, seed: int) -> tuple[list[str], np.ndarray]:
    """The more charge at place 10 and the more oil at place 20, the better; two places that differ are all there is."""
    draw = np.random.default_rng(seed)
    worth = dict(zip("DEKRNQSTAGVILMF", np.linspace(-1, 1, 15), strict=True))
    letters = draw.choice(list(worth), (n, 2))
    made = [WILD[:10] + a + WILD[11:20] + b + WILD[21:] for a, b in letters]
    return made, np.array([[worth[b] - worth[a]] for a, b in letters], np.float32)


def test_changes_of_one_sequence_are_judged_by_their_places() -> None:
    (train, targets), (test, truth) = variants(150, 0), variants(60, 1)
    encoder = ResiduesEncoder(PROTEIN).fit(train, targets, loss="squared")
    assert encoder.state().arrays["places"].tolist() == [10, 20]
    head = KernelHead.suited(150).fit(encoder.encode(train), targets, loss="squared", seed=0)
    assert np.corrcoef(head.scores(encoder.encode(test))[:, 0], truth[:, 0])[0, 1] > 0.9


def test_letters_alike_lie_near_one_another() -> None:
    leucine, isoleucine, aspartate = (PROTEIN.places[ord(letter)] for letter in "LID")
    assert leucine @ isoleucine > 0.7 > 0.2 > leucine @ aspartate
    assert np.allclose(leucine @ leucine, 1, atol=1e-5)


def test_the_scales_agree_with_those_of_biopython() -> None:
    prot_param = pytest.importorskip("Bio.SeqUtils.ProtParamData")
    water = np.array([prot_param.kd[letter] for letter in PROTEIN.letters])  # Kyte and Doolittle: how it shuns water
    assert np.corrcoef(PROTEIN.scaled[:, 0], water)[0, 1] < -0.7


def test_a_state_that_does_not_fit_itself_is_refused() -> None:
    state = ResiduesEncoder(DNA).fit(["ACGT", "ACGA"], np.eye(2, dtype=np.float32)).state()
    with pytest.raises(ValueError, match="columns for 3 places"):
        ResiduesEncoder.restore(State(config=state.config, arrays={**state.arrays, "places": np.arange(3)}))
