"""Encoders of several columns side by side: what each makes of its own cell, in one vector.

Knows no column and no domain. Neighbours that can see several columns at once are joined, so that a wide table is one
pass; a gap in a column is a row of zeros there.

The head is the one that all neighbours name. Where they differ: `hashed` if one of them is sparse, else `kernel` if one
asks for it, for which every row is drawn to length one, else `linear`; neighbours that have a form for it take that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self, TypeGuard, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metier import lazy
from metier.encoders.base import Choosy, Encoder
from metier.types import Encoded, Loss, Rows, State, Targets, Value, Vectors

SPARSE, UNIT, PLAIN = "hashed", "kernel", "linear"


class Joining(Encoder, Protocol):
    """An encoder that can see several columns at once, in the form that suits a head."""

    @property
    def novel(self) -> int:
        """How many of its first columns tell of nothing but what was never seen."""
        ...

    def suited(self, head: str) -> Self:
        """The same in the form for this head."""
        ...

    @classmethod
    def joined(cls, encoders: Sequence[tuple[int, Self]]) -> Self:
        """One encoder of whole rows, for the columns at these places."""
        ...


def beside(encoders: Mapping[int, Encoder]) -> Encoder:
    """One unfitted encoder of rows, for the columns at these places."""
    heads = {encoder.head for encoder in encoders.values()}
    head = heads.pop() if len(heads) == 1 else next((h for h in (SPARSE, UNIT) if h in heads), PLAIN)
    parts: list[tuple[int | None, Encoder]] = []
    joining: dict[str, list[tuple[int, Joining]]] = {}
    for place, encoder in encoders.items():
        if _joins(encoder):
            joining.setdefault(encoder.kind, []).append((place, encoder.suited(head)))
        else:
            parts.append((place, encoder))
    parts += [(None, type(several[0][1]).joined(several)) for several in joining.values()]
    if len(parts) == 1 and parts[0][0] is None:
        return parts[0][1]
    return BesideEncoder(parts, head)


class BesideEncoder:
    """Rows of several columns to one vector each.

    Shapes: dense (n, width), or Rows where a part is sparse; their column 0 is then what no part has seen before.
    """

    kind = "beside.v1"

    def __init__(self, parts: Sequence[tuple[int | None, Encoder]], head: str) -> None:
        self.parts, self.head = tuple(parts), head  # a place in the row, or None for a part that takes it whole

    @property
    def width(self) -> int:
        widths = [encoder.width for _, encoder in self.parts]
        return 1 + sum(widths) - sum(map(self._novel, range(len(widths)))) if self.head == SPARSE else sum(widths)

    def fit(self, values: Sequence[Value], targets: Targets, *, loss: Loss) -> Self:
        """Each part learns its own cells, from the rows that have one."""
        fitted: list[tuple[int | None, Encoder]] = []
        for place, encoder in self.parts:
            there = np.arange(len(values)) if place is None else _full(values, place)
            cells = [values[i] if place is None else values[i][place] for i in there]
            fitted.append((place, encoder.fit(cells, targets[there], loss=loss)))
        return type(self)(fitted, self.head)

    def encode(self, values: Sequence[Value]) -> Encoded:
        """Vectors or Rows (n, width)."""
        return self.together([self.apart(i, values) for i in range(len(self.parts))])

    def fits(self, value: Value) -> None:
        """Check the cells of a row that a part may find unlike those it has learnt to compare.

        Raises: BadCell, saying what of it differs.
        """
        for place, encoder in self.parts:
            if isinstance(encoder, Choosy) and (place is None or value[place] is not None):
                encoder.fits(value if place is None else value[place])

    def together(self, encoded: Sequence[Encoded]) -> Encoded:
        """What each part makes of the same rows, in one."""
        if self.head == SPARSE:
            return self._sparse(encoded, len(encoded[0]))
        vectors = np.ascontiguousarray(np.hstack([part for part in encoded if not isinstance(part, Rows)]), np.float32)
        return _unit(vectors) if self.head == UNIT else vectors

    def apart(self, i: int, values: Sequence[Value]) -> Encoded:
        """What one part makes of rows."""
        place, encoder = self.parts[i]
        if place is None:
            return encoder.encode(values)
        there = _full(values, place)
        encoded = encoder.encode([values[i][place] for i in there])
        return encoded if len(there) == len(values) else _spread(encoded, there, len(values))

    def _sparse(self, encoded: Sequence[Encoded], n: int) -> Rows:
        """The parts as sparse rows: first what each has never seen, together, then their columns one after another."""
        unseen, rows, columns, weights, first = np.zeros(n, np.float32), [np.arange(n)], [np.zeros(n, np.int32)], [], 1
        for i, part in enumerate(encoded):
            novel = self._novel(i)
            row, column, weight = _entries(part)
            known = column >= novel
            np.add.at(unseen, row[~known], weight[~known] ** 2)
            rows.append(row[known])
            columns.append((column[known] + (first - novel)).astype(np.int32))
            weights.append(weight[known])
            first += self.parts[i][1].width - novel
        row, weight = np.concatenate(rows), np.concatenate([np.sqrt(unseen), *weights])
        order = np.argsort(row, kind="stable")
        starts = np.zeros(n + 1, np.int64)
        np.cumsum(np.bincount(row, minlength=n), out=starts[1:])
        return Rows(starts=starts, columns=np.concatenate(columns)[order], weights=weight[order], width=first)

    def _novel(self, i: int) -> int:
        encoder = self.parts[i][1]
        return 1 if encoder.head == SPARSE else encoder.novel if _joins(encoder) else 0

    def state(self) -> State:
        config: list[Any] = []
        arrays: dict[str, NDArray[Any]] = {}
        files: dict[str, bytes] = {}
        for i, (place, encoder) in enumerate(self.parts):
            state = encoder.state()
            config.append({"place": place, "kind": encoder.kind, "config": dict(state.config), "files": [*state.files]})
            arrays |= {f"{i}.{name}": array for name, array in state.arrays.items()}
            files |= {f"{i}.{name}": data for name, data in state.files.items()}
        return State(config={"head": self.head, "parts": cast(Any, config)}, arrays=arrays, files=files)

    @classmethod
    def restore(cls, state: State) -> Self:
        config: dict[str, Any] = dict(state.config)
        parts: list[tuple[int | None, Encoder]] = []
        for i, part in enumerate(config["parts"]):
            found = lazy.find("encoders", part["kind"].partition(".")[0], "ENCODER")
            if found.kind != part["kind"]:
                raise ValueError(f"a part is a {part['kind']!r}, and here is {found.kind!r}")
            files = {name: state.files[f"{i}.{name}"] for name in part["files"]}
            own = {name.partition(".")[2]: a for name, a in state.arrays.items() if name.partition(".")[0] == str(i)}
            parts.append((part["place"], found.restore(State(config=part["config"], arrays=own, files=files))))
        return cls(parts, config["head"])


def _joins(encoder: Encoder) -> TypeGuard[Joining]:
    return hasattr(encoder, "joined")


def _full(values: Sequence[Value], place: int) -> NDArray[np.int64]:
    """The rows that have something at this place."""
    return np.array([i for i, value in enumerate(values) if value[place] is not None], np.int64)


def _spread(encoded: Encoded, there: NDArray[np.int64], n: int) -> Encoded:
    """The same with rows of zeros where there is a gap."""
    if not isinstance(encoded, Rows):
        vectors = np.zeros((n, encoded.shape[1]), np.float32)
        vectors[there] = encoded
        return vectors
    lengths = np.zeros(n, np.int64)
    lengths[there] = np.diff(encoded.starts)
    starts = np.concatenate([[0], lengths.cumsum()]).astype(np.int64)
    return Rows(starts=starts, columns=encoded.columns, weights=encoded.weights, width=encoded.width)


def _entries(encoded: Encoded) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Row, column and weight of everything that is not zero."""
    if isinstance(encoded, Rows):
        row = np.repeat(np.arange(len(encoded)), np.diff(encoded.starts))
        return row, encoded.columns.astype(np.int64), encoded.weights
    row, column = np.nonzero(encoded)
    return row, column, encoded[row, column]


@njit(cache=True, nogil=True)
def _unit(vectors: NDArray[np.float32]) -> Vectors:
    """Rows of length one; compiled, so that a row is summed in one order whatever stands beside it."""
    for i in range(len(vectors)):
        total = np.float32(0)
        for j in range(vectors.shape[1]):
            total += vectors[i, j] * vectors[i, j]
        if total > 0:
            vectors[i] /= np.sqrt(total)
    return vectors


ENCODER: Any = BesideEncoder
