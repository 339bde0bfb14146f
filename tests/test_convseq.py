from __future__ import annotations

import numpy as np
import pytest

from metier import lazy
from metier.encoders.alphabets import DNA
from metier.encoders.convseq import ConvseqEncoder, Recipe
from metier.errors import BadOption, MissingPackage
from metier.testing import check_encoder

QUICK = Recipe(channels=8, least_steps=60, most_steps=60, batch=16)


def rows(n: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Half hold a word somewhere."""
    draw = np.random.default_rng(seed)
    made = []
    for i in range(n):
        letters = "".join(draw.choice(list("ACGT"), int(draw.integers(30, 50))))
        at = int(draw.integers(0, 20))
        made.append(letters[:at] + "TATAAAAG" * (i % 2) + letters[at:])
    return made, np.eye(2, dtype=np.float32)[np.arange(n) % 2]


def test_without_torch_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(package: str, **said: str) -> None:
        raise MissingPackage(f"{said['purpose']} needs '{package}'")

    monkeypatch.setattr(lazy, "need", absent)
    with pytest.raises(MissingPackage, match="--effort standard does without"):
        ConvseqEncoder.build(DNA)


@pytest.mark.slow
class TestWithTorch:
    @pytest.fixture(autouse=True)
    def _torch(self) -> None:
        pytest.importorskip("torch")

    def test_it_keeps_the_contract(self) -> None:
        values, _ = rows(12, 0)
        check_encoder(ConvseqEncoder.build(DNA, recipe=QUICK), [*values, "ACG", "N" * 9, "ACGT" * 2000])

    def test_it_finds_a_word_wherever_it_stands(self) -> None:
        (train, targets), (test, truth) = rows(200, 0), rows(60, 1)
        recipe = Recipe(channels=16, least_steps=150, most_steps=150, batch=32)
        said = ConvseqEncoder.build(DNA, recipe=recipe).fit(train, targets, loss="softmax").encode(test)[:, -2:]
        assert (said.argmax(axis=1) == truth.argmax(axis=1)).mean() > 0.85

    @pytest.mark.parametrize("loss", ["logistic", "squared"])
    def test_gaps_are_left_out(self, loss: str) -> None:
        values, targets = rows(20, 0)
        targets[::3, 0] = np.nan
        encoded = ConvseqEncoder.build(DNA, recipe=QUICK).fit(values, targets, loss=loss).encode(values)  # type: ignore[arg-type]
        assert np.isfinite(encoded).all()

    def test_what_has_learnt_does_not_learn_again(self) -> None:
        values, targets = rows(8, 0)
        fitted = ConvseqEncoder.build(DNA, recipe=QUICK).fit(values, targets)
        with pytest.raises(BadOption, match="has learnt"):
            fitted.fit(values, targets)
