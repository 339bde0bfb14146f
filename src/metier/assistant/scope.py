"""How much a message is ours: what the scope specialist says, beside how familiar it is to those who would answer."""

from __future__ import annotations

import math
from collections.abc import Iterable

from metier.types import Decision

WEIGHT, FLOOR = 1.0, 0.03  # chosen on out-of-scope lines of CLINC150's validation part, see LOG.md
OURS = "ours"


def chance(candidates: Iterable[tuple[str, float]]) -> float:
    """How probably it is ours, by the candidates of the specialist; of two the less likely one may be left out."""
    chances = dict(candidates)
    return chances.get(OURS, round(1 - max(chances.values()), 4)) if chances else 0.0


def score(said: Decision, familiar: float) -> float:
    """Log odds that it is ours, lowered by how unlike anything learnt it looks.

    Shapes: `familiar` is the best scope, 0 to 1, of those specialists who would answer.
    """
    if not said.candidates:
        return -math.inf  # nothing that could be read
    chance = said.probability if said.candidates[0].label == OURS else 1 - said.probability
    chance = min(max(chance, 1e-6), 1 - 1e-6)
    return math.log(chance / (1 - chance)) + WEIGHT * math.log(familiar + FLOOR)
