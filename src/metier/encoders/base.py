"""What every encoder promises: values in, vectors out, and the way back from a saved state.

Knows no labels and no task.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from metier.types import Encoded, Loss, State, Targets, Value, Vectors


class Encoder(Protocol):
    """Turns a batch of values into vectors; the same value gives the same bytes alone and in any batch.

    `kind` is what is saved ("sentence.v1"); it carries a version, so that old artifacts keep loading. One whose vectors
    cost microseconds may say `swift = True`: no row is spared it.
    """

    @property
    def kind(self) -> str:
        """What is saved."""
        ...

    @property
    def head(self) -> str:
        """The head that suits these vectors, by its file in `heads/`."""
        ...

    @property
    def width(self) -> int:
        """Columns of what `encode` returns."""
        ...

    def fit(self, values: Sequence[Value], targets: Targets, *, loss: Loss) -> Self:
        """An encoder that has learnt these values; itself where there is nothing to learn.

        Most learn from values alone (document frequencies, say) and leave the targets (n, k) unread; those that do not
        read them as `loss` says, as heads do.
        """
        ...

    def encode(self, values: Sequence[Value]) -> Encoded:
        """Vectors (n, width) float32, dense or as sparse Rows."""
        ...

    def state(self) -> State:
        """Everything `restore` needs to give equal vectors again."""
        ...

    @classmethod
    def restore(cls, state: State) -> Self:
        """The encoder that `state` was taken from."""
        ...


@runtime_checkable
class Choosy(Protocol):
    """What an encoder has besides when a value may be sound and still not one of those it has learnt to compare."""

    def fits(self, value: Value) -> None:
        """Check a value before it is encoded.

        Raises: BadCell, saying what of it differs from what was learnt.
        """
        ...


@runtime_checkable
class Recalling(Protocol):
    """What an encoder has besides when many specialists share it, and the same value may be asked of several."""

    def recall(self, most: int) -> None:
        """Keep the vectors of the last `most` values."""
        ...


@runtime_checkable
class Telling(Protocol):
    """What an encoder has besides when something tells its trade from others that tells none of its labels apart."""

    def signs(self, values: Sequence[Value]) -> Vectors:
        """Columns (n, s) for the scope alone; none of them where s is 0."""
        ...


def signs_of(encoder: Encoder, values: Sequence[Value]) -> Vectors | None:
    """What an encoder says to the scope alone (n, s), if it says anything."""
    signs = encoder.signs(values) if isinstance(encoder, Telling) else None
    return signs if signs is not None and signs.shape[1] else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbour:
    """A training cell, and how alike it is to the one asked about, 0 to 1."""

    cell: str
    similarity: float


@runtime_checkable
class Remembering(Protocol):
    """What an encoder has besides when it keeps its training rows; evidence asks for it."""

    least_similarity: float  # to the nearest training row; below it a value lies outside what was learnt

    def nearest(self, value: Value, count: int = 3) -> Sequence[Neighbour]:
        """The training rows most alike, most alike first."""
        ...


@dataclass(frozen=True, kw_only=True)
class Looked(ABC):
    """Arrays that compiled code looks things up in without a check of its own: they are checked when they come back."""

    def state(self) -> State:
        """Its arrays."""
        return State(arrays={one.name: getattr(self, one.name) for one in fields(self)})

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """What these arrays were taken from.

        Raises: ValueError for such as would lead compiled code astray.
        """
        made = cls(**{one.name: np.ascontiguousarray(arrays[one.name]) for one in fields(cls)})
        if [getattr(made, one.name).dtype for one in fields(cls)] != made.kinds() or not made.sound():
            raise ValueError(f"the arrays of {cls.__name__.lower()} do not fit one another")
        return made

    @staticmethod
    @abstractmethod
    def kinds() -> list[np.dtype[Any]]:
        """The type of each array, in the order of its fields."""

    @abstractmethod
    def sound(self) -> bool:
        """Whether nothing is looked up where nothing is."""
