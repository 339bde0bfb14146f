"""How new held-out texts are beside texts to come: what is marked in one text is often marked in others, learnt from.

Knows texts, spans and folds; what is judged by it is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metier.extraction.stage import Parsed
from metier.types import Floats, Labels, Span

ENOUGH = 20  # texts whose names are all new, before anything is judged by them alone


def as_if_new(texts: Sequence[Parsed], spans: Sequence[Sequence[Span]], fold: Labels) -> Floats:
    """How much each text counts, so that held-out texts are as new as those to come: (n,), 1 on average.

    A text counts for nothing where it holds a name from another fold, and for more where it holds none but new ones.
    """
    named = [{text.text[s.start : s.end].casefold() for s in some} for text, some in zip(texts, spans, strict=True)]
    folds: dict[str, set[int]] = {}
    for names, number in zip(named, fold.tolist(), strict=True):
        for name in names:
            folds.setdefault(name, set()).add(number)
    marked = np.array([bool(names) for names in named])
    new = np.array([bool(names) and all(len(folds[name]) == 1 for name in names) for names in named])
    if new.sum() < ENOUGH:
        return np.ones(len(named))
    return np.where(marked, new * (marked.sum() / new.sum()), 1.0)
