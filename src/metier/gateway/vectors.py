"""The vectors of a specialist's dense encoder, for protocols that ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from metier.encoders.base import Encoder
from metier.errors import BadCell
from metier.forms.base import Learnt
from metier.gateway.base import BadRequest, Unanswerable
from metier.types import Rows, Vectors


def encoder_of(specialist: Learnt) -> Encoder:
    """The costliest encoder that gives dense vectors.

    Raises: Unanswerable where there is none.
    """
    encoder = specialist.dense
    if encoder is None:
        raise Unanswerable(
            f"{specialist.name} has no encoder whose vectors mean something by themselves. Train it at "
            "`--effort standard`, or ask a specialist that has one.",
            param="model",
        )
    return encoder


def vectors_of(specialist: Learnt, cells: Sequence[Any]) -> Vectors:
    """Vectors (n, width) of length one.

    Raises: BadRequest for a cell that cannot be read, Unanswerable where the specialist has no dense encoder.
    """
    encoder = encoder_of(specialist)
    try:
        values = [specialist.domain.read(cell) for cell in cells]
    except BadCell as problem:
        raise BadRequest(str(problem), param="input") from None
    found = encoder.encode(values)
    assert not isinstance(found, Rows)  # what `encoder_of` looked for
    lengths = np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
    return np.asarray(found / lengths, np.float32)
