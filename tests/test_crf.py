"""The field's sums against the same by brute force, and its way back from a saved state."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest

from metier.extraction.crf import NEVER, Crf, Seen
from metier.extraction.signs import Signs, signs
from metier.extraction.words import split
from metier.types import State

LABELS = 2
MEANING = np.array([0, 1, 2, 3, 4, 1, 2])  # the last two: the first label's, where it follows right on a span
STATES = len(MEANING)


def field(seed: int, width: int = 0, marks: dict[int, str] | None = None) -> tuple[Crf, Seen]:
    random = np.random.default_rng(seed)
    text = "send fifty pounds now"
    said: Signs = signs(text, split(text), marks or {})
    known = np.unique(said.hashes)
    made = Crf(
        common=np.unique(said.low)[:2],
        known=known,
        weights=random.normal(0, 0.3, (len(known), STATES)).astype(np.float32),
        dense=random.normal(0, 1, (3 * width, STATES)).astype(np.float32),
        transitions=random.normal(0, 1, (STATES, STATES)).astype(np.float32),
        meaning=MEANING,
        whole=np.unique(said.goes_on)[1:],
    )
    return made, Seen(signs=said, numbers=random.random((4, width)).astype(np.float32))


def paths(made: Any, seen: Seen) -> list[tuple[tuple[int, ...], float]]:
    """The tags of every sound path of states, with its score."""
    emitted, stuck, found = made._emitted(seen), np.isin(seen.signs.goes_on, made._whole).astype(int), []
    for path in product(range(len(made._meaning)), repeat=len(seen)):
        score = sum(emitted[i, state] for i, state in enumerate(path))
        score += sum(made._steps[stuck[i + 1], a, b] for i, (a, b) in enumerate(pairwise(path)))
        if score > NEVER / 2:
            found.append((tuple(made._meaning[list(path)].tolist()), float(score)))
    return found


def log_sum(scores: list[float]) -> float:
    return float(np.logaddexp.reduce(scores))


@pytest.mark.parametrize("marks", [{}, {1: "MONEY begins", 2: "MONEY goes on"}])
@pytest.mark.parametrize("seed", range(6))
def test_the_likeliest_path_and_its_spans(seed: int, marks: dict[int, str]) -> None:
    made, seen = field(seed, width=seed % 3, marks=marks)
    found = paths(made, seen)
    total = log_sum([score for _, score in found])
    best, _ = max(found, key=lambda one: one[1])
    read = made.read(seen)
    assert read.chance == pytest.approx(np.exp(log_sum([s for p, s in found if p == best]) - total), rel=1e-6)
    for (first, last, label), chance in zip(read.runs, read.chances, strict=True):
        wanted = (2 * label + 1, *[2 * label + 2] * (last - first))
        assert best[first : last + 1] == wanted
        held = [
            s for p, s in found
            if p[first : last + 1] == wanted and (last + 1 == len(p) or p[last + 1] != 2 * label + 2)
        ]  # fmt: skip
        assert chance == pytest.approx(np.exp(log_sum(held) - total), rel=1e-6)


@pytest.mark.parametrize("seed", range(40))
def test_no_span_begins_or_ends_within_a_find(seed: int) -> None:
    made, seen = field(seed, marks={1: "MONEY begins", 2: "MONEY goes on"})
    assert all(first != 2 and last != 1 for first, last, _ in made.read(seen).runs)


def test_what_is_cut_is_learnt() -> None:
    pytest.importorskip("pycrfsuite")
    texts = [field(0, marks={1: f"{kind} begins", 2: f"{kind} goes on"})[1] for kind in ("MONEY", "DATE")]
    paths = [[0, 3, 4, 0], [0, 3, 0, 0]]
    learnt = Crf.fit([*texts, *texts], [*paths, *paths], np.arange(5), np.arange(4))
    money, date = (text.signs.goes_on.max() for text in texts)
    assert money in learnt.state().arrays["whole"]
    assert date not in learnt.state().arrays["whole"]


def test_one_that_leans_finds_more() -> None:
    made, seen = field(4)
    inside = [sum(last - first + 1 for first, last, _ in made.leaning(lean).read(seen).runs) for lean in (-9, 0, 9)]
    assert inside == sorted(inside)
    assert (inside[0], inside[-1]) == (0, len(seen))
    assert Crf.restore(made.leaning(0.5).state()).lean == 0.5
    old = made.state()
    assert Crf.restore(type(old)(arrays=old.arrays)).lean == 0


def test_signs_of_one_group_are_learnt_unless_strangers_come() -> None:
    pytest.importorskip("pycrfsuite")
    _, seen = field(0)
    other = Seen(signs=signs("where is it", split("where is it"), {}), numbers=np.zeros((3, 0), np.float32))
    alone = set(seen.signs.hashes.tolist()) - set(other.signs.hashes.tolist())
    for strangers in (False, True):
        learnt = Crf.fit([seen, other], [[0, 1, 2, 0], [0, 0, 0]], np.arange(3), np.arange(2), strangers=strangers)
        assert bool(alone & set(learnt.state().arrays["known"].tolist())) is not strangers


def test_one_kept_before_there_were_states() -> None:
    made, seen = field(2)
    kept = {name: array for name, array in made.state().arrays.items() if name not in ("meaning", "whole")}
    kept |= {"weights": kept["weights"][:, :5], "dense": kept["dense"][:, :5]}
    old = Crf.restore(State(arrays={**kept, "transitions": kept["transitions"][:5, :5]}))
    assert len(old.state().arrays["whole"]) == 0
    scores = [score for _, score in paths(old, seen)]
    assert old.read(seen).chance == pytest.approx(np.exp(max(scores) - log_sum(scores)), rel=1e-6)


def test_it_comes_back() -> None:
    made, seen = field(1, width=2)
    again = Crf.restore(made.state())
    assert again.read(seen).chance == made.read(seen).chance
    broken = made.state()
    with pytest.raises(ValueError, match="weights of shape"):
        Crf.restore(type(broken)(arrays={**broken.arrays, "known": broken.arrays["known"][:1]}))
    with pytest.raises(ValueError, match="meanings of"):
        Crf.restore(type(broken)(arrays={**broken.arrays, "meaning": MEANING[:5]}))


def test_nothing_to_read() -> None:
    made, _ = field(0)
    empty = Seen(signs=signs("", [], {}), numbers=np.zeros((0, 0), np.float32))
    assert (made.read(empty).runs, made.read(empty).chance) == ((), 1.0)
