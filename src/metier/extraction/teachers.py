"""What taggers may learn from at an effort: nothing, an encoder's vectors as they are, or one taught the tags."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from metier.extraction.learn import Teach
from metier.extraction.pair import Pair
from metier.extraction.tagger import Row, Tagger
from metier.extraction.vectors import WordVectors
from metier.types import Effort, Vectors

Learning = Callable[[Sequence[Row], int], Tagger]


def teachers(effort: Effort, encoder: str | None, seed: int) -> list[Teach]:
    """Those of the stages behind the cheap one.

    Raises: MissingPackage where what one needs is not installed, BadOption where `encoder` is none.
    """
    if effort == "quick" and encoder is None:
        return []
    if effort == "thorough":
        from metier.extraction.tuned import taught

        return [_side_by_side(_as_it_is(WordVectors.build(encoder)), taught(encoder, seed=seed))]
    return [_as_it_is(WordVectors.build(encoder))]


def _side_by_side(first: Learning, second: Learning) -> Teach:
    return lambda rows, count: Pair(first(rows, count), second(rows, count))


def _as_it_is(vectors: WordVectors) -> Learning:
    """The encoder as it is; the vectors of a text are made once for all folds."""
    held: dict[str, Vectors] = {}

    def teach(rows: Sequence[Row], count: int) -> Tagger:
        for row in rows:
            if row.text not in held:
                held[row.text] = vectors.encode(row.text, row.words).astype(np.float16)
        return Tagger.fit(vectors, [held[row.text] for row in rows], [row.path for row in rows], count)

    return teach
