"""What candidates are worth: their order, how probable the first is right, and whether the documents answer at all.

Knows marks of candidates, and neither texts nor vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from metier.retrieval.fusion import Fusion, Odds
from metier.retrieval.library import Found, Library
from metier.types import Floats, Labels, State


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """Candidates in order, best first, with what the calibrators see of the first of them.

    Shapes: passages (c,), shares (c,) that sum to 1, signs (3,) of its being right, likeness (3,) of its being there.
    """

    passages: Labels
    shares: Floats
    signs: Floats
    likeness: Floats


@dataclass(frozen=True, kw_only=True)
class Weigher:
    """`right` gives the probability that the best passage answers, `there` how much the question looks like one that
    the documents answer, and `usual` what `there` said of questions they do answer, sorted (m,).
    """

    kind: ClassVar[str] = "weigher.v1"
    fusion: Fusion
    right: Odds
    there: Odds
    usual: Floats

    def probability(self, signs: Floats) -> Floats:
        """How probable the first candidate of each is right (n,), by signs (n, 3)."""
        return self.right.of(signs)

    def familiarity(self, likeness: Floats) -> Floats:
        """The share of answered questions that look less so (n,), by likeness (n, 3)."""
        return self.rank(self.there.of(likeness))

    def rank(self, there: Floats) -> Floats:
        """The share of answered questions of which `there` said no more (n,)."""
        found: Floats = np.searchsorted(self.usual, there, side="right") / max(len(self.usual), 1)
        return found

    def state(self) -> State:
        """The weights."""
        weights = {name: list(getattr(self, name).weights) for name in ("fusion", "right", "there")}
        return State(config={**weights}, arrays={"usual": self.usual})

    @classmethod
    def restore(cls, state: State) -> Self:
        """The weigher that `state` was taken from."""
        fusion, right, there = (
            tuple(map(float, list(state.config[name])))  # type: ignore[arg-type]  # JSON; a wrong one raises
            for name in ("fusion", "right", "there")
        )
        return cls(
            fusion=Fusion(weights=fusion), right=Odds(weights=right), there=Odds(weights=there),
            usual=np.asarray(state.arrays["usual"], np.float64),
        )  # fmt: skip


def weigh(library: Library, fusion: Fusion, found: Found, kept: NDArray[np.bool_] | None = None) -> Weighed:
    """What was found, in order; only the `kept` of it (c,), as if the others were not in the documents."""
    passages, marks = (found.passages, found.marks) if kept is None else (found.passages[kept], found.marks[kept])
    shares = fusion.shares(marks)
    order = np.argsort(-shares, kind="stable")
    alike = library.alike[passages]
    mass = np.clip(shares[alike == alike[order[0]]].sum(), 1e-6, 1 - 1e-6)
    best = marks[order[0]]
    return Weighed(
        passages=passages[order],
        shares=shares[order],
        signs=np.array([np.log(mass / (1 - mass)), best[0], best[1]]),
        likeness=best,
    )


PART = Weigher
