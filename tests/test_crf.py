"""The field's sums against the same by brute force, and its way back from a saved state."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest

from metier.extraction.crf import NEVER, Crf, Seen
from metier.extraction.signs import Signs, signs
from metier.extraction.words import split

LABELS = 2


def field(seed: int, width: int = 0) -> tuple[Crf, Seen]:
    random = np.random.default_rng(seed)
    text = "send fifty pounds now"
    said: Signs = signs(text, split(text), {})
    known = np.unique(said.hashes)
    made = Crf(
        common=np.unique(said.low)[:2],
        known=known,
        weights=random.normal(0, 0.3, (len(known), 1 + 2 * LABELS)).astype(np.float32),
        dense=random.normal(0, 1, (3 * width, 1 + 2 * LABELS)).astype(np.float32),
        transitions=random.normal(0, 1, (1 + 2 * LABELS,) * 2).astype(np.float32),
    )
    return made, Seen(signs=said, numbers=random.random((4, width)).astype(np.float32))


def paths(made: Any, seen: Seen) -> list[tuple[tuple[int, ...], float]]:
    """Every sound path with its score."""
    emitted = made._emitted(seen)
    found = []
    for path in product(range(1 + 2 * LABELS), repeat=len(seen)):
        score = sum(emitted[i, tag] for i, tag in enumerate(path))
        score += sum(made._allowed[a, b] for a, b in pairwise(path))
        if score > NEVER / 2:
            found.append((path, float(score)))
    return found


@pytest.mark.parametrize("seed", range(6))
def test_the_likeliest_path_and_its_spans(seed: int) -> None:
    made, seen = field(seed, width=seed % 3)
    found = paths(made, seen)
    total = np.logaddexp.reduce([score for _, score in found])
    best, score = max(found, key=lambda one: one[1])
    read = made.read(seen)
    assert read.chance == pytest.approx(np.exp(score - total), rel=1e-6)
    for (first, last, label), chance in zip(read.runs, read.chances, strict=True):
        wanted = (2 * label + 1, *[2 * label + 2] * (last - first))
        assert best[first : last + 1] == wanted
        held = [
            s for p, s in found
            if p[first : last + 1] == wanted and (last + 1 == len(p) or p[last + 1] != 2 * label + 2)
        ]  # fmt: skip
        assert chance == pytest.approx(np.exp(np.logaddexp.reduce(held) - total), rel=1e-6)


def test_one_that_leans_finds_more() -> None:
    made, seen = field(4)
    inside = [sum(last - first + 1 for first, last, _ in made.leaning(lean).read(seen).runs) for lean in (-9, 0, 9)]
    assert inside == sorted(inside)
    assert (inside[0], inside[-1]) == (0, len(seen))
    assert Crf.restore(made.leaning(0.5).state()).lean == 0.5
    old = made.state()
    assert Crf.restore(type(old)(arrays=old.arrays)).lean == 0


def test_it_comes_back() -> None:
    made, seen = field(1, width=2)
    again = Crf.restore(made.state())
    assert again.read(seen).chance == made.read(seen).chance
    broken = made.state()
    with pytest.raises(ValueError, match="weights of shape"):
        Crf.restore(type(broken)(arrays={**broken.arrays, "known": broken.arrays["known"][:1]}))


def test_nothing_to_read() -> None:
    made, _ = field(0)
    empty = Seen(signs=signs("", [], {}), numbers=np.zeros((0, 0), np.float32))
    assert (made.read(empty).runs, made.read(empty).chance) == ((), 1.0)
