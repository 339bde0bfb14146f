"""Count Morgan fingerprints: which atoms with which surroundings a molecule holds, and the training rows most alike.

Knows canonical SMILES, and nothing of labels. Rows are sparse; column 0 is the length of the surroundings that were
never seen in training, so that the heads can ignore them and the scope can use them.

Source: Rogers and Hahn 2010 (extended-connectivity fingerprints); Tanimoto similarity as in Willett et al. 1998.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metier.encoders.base import Neighbour
from metier.encoders.molecules import molecule, quiet
from metier.types import Loss, Rows, State, Targets

RADIUS = 2
MOST_COLUMNS = 65_536  # the most frequent are kept; bounds the size of every head
BITS = 2_048  # of the packed fingerprints that similarity is taken between
MOST_KEPT = 100_000  # training rows kept for evidence, 256 bytes and a SMILES each
LOOKED_AT = 2_000  # rows whose nearest neighbour sets the limit of the domain
OUTSIDE = 0.05  # of the training rows lie farther from their nearest than the limit

U64 = NDArray[np.uint64]


@njit(cache=True, nogil=True, inline="always")
def _ones(word: np.uint64) -> np.int64:
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(cache=True, nogil=True)
def _similarities(one: U64, kept: U64) -> NDArray[np.float64]:
    """Tanimoto similarity of one packed fingerprint to each of the kept (n,)."""
    n, words = kept.shape
    found = np.empty(n, np.float64)
    for i in range(n):
        both, either = np.int64(0), np.int64(0)
        for w in range(words):
            both += _ones(one[w] & kept[i, w])
            either += _ones(one[w] | kept[i, w])
        found[i] = both / either if either else 1.0
    return found


@njit(cache=True, nogil=True)
def _nearest_other(asked: NDArray[np.int64], kept: U64) -> NDArray[np.float64]:
    """The similarity of each row asked for to the nearest that is not itself (len(asked),)."""
    nearest = np.empty(len(asked), np.float64)
    for place, i in enumerate(asked):
        found = _similarities(kept[i], kept)
        found[i] = -1
        nearest[place] = found.max()
    return nearest


@cache
def _generator() -> Any:
    from rdkit.Chem import rdFingerprintGenerator

    return rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS)


def counts(value: str) -> dict[int, int]:
    """How often each surrounding occurs, by its 32-bit hash; an empty dictionary for a lone wildcard."""
    found: dict[int, int] = _generator().GetSparseCountFingerprint(molecule(value)).GetNonzeroElements()
    return found


class FingerprintEncoder:
    """Molecules to sparse rows of unit length over the surroundings met in training.

    Shapes: encode gives Rows (n, width); width is 1 + the number of surroundings kept.
    """

    kind = "fingerprint.v1"
    head = "hashed"

    def __init__(self) -> None:
        self.hashes = np.zeros(0, np.uint32)  # (width - 1,), of each column but the first; the frequent come first
        self.cells: tuple[str, ...] = ()
        self.packed = np.zeros((0, BITS // 64), np.uint64)  # (len(cells), BITS / 64)
        self.least_similarity = 0.0
        self._column_of: dict[int, int] = {}

    @classmethod
    def build(cls) -> Self:
        """An unfitted encoder.

        Raises: MissingPackage.
        """
        with quiet():
            return cls()

    @property
    def width(self) -> int:
        return 1 + len(self.hashes)

    def fit(self, values: Sequence[str], targets: Targets, *, loss: Loss = "softmax") -> Self:
        """Learns which surroundings occur, keeps the rows, and sets the limit of what is like them."""
        rows: dict[int, int] = {}
        for value in values:
            for hashed in counts(value):
                rows[hashed] = rows.get(hashed, 0) + 1
        often = sorted(rows, key=lambda hashed: (-rows[hashed], hashed))[:MOST_COLUMNS]
        cells = list(dict.fromkeys(values))
        cells = cells[:: max(1, -(-len(cells) // MOST_KEPT))]
        packed = np.stack([_packed(counts(cell)) for cell in cells]) if cells else self.packed
        return self._filled(np.array(often, np.uint32), tuple(cells), packed, _limit(packed))

    def encode(self, values: Sequence[str]) -> Rows:
        """Rows (n, width)."""
        starts = np.zeros(len(values) + 1, np.int64)
        columns: list[int] = []
        weights: list[NDArray[np.float32]] = []
        for i, value in enumerate(values):
            found = counts(value)
            seen = sorted((column, found[h]) for h in found if (column := self._column_of.get(h)) is not None)
            unseen = sum(found.values()) - sum(count for _, count in seen)
            row = np.log1p(np.array([unseen, *(count for _, count in seen)], np.float32))
            row[0] = np.sqrt(np.float32(unseen))
            length = np.sqrt((row * row).sum())
            weights.append(row / length if length else row)
            columns += [0, *(column for column, _ in seen)]
            starts[i + 1] = len(columns)
        joined = np.concatenate(weights) if weights else np.zeros(0, np.float32)
        return Rows(starts=starts, columns=np.array(columns, np.int32), weights=joined, width=self.width)

    def nearest(self, value: str, count: int = 3) -> list[Neighbour]:
        """The training molecules of the highest Tanimoto similarity."""
        similarities = _similarities(_packed(counts(value)), self.packed)
        order = np.argsort(-similarities, kind="stable")[:count]
        return [Neighbour(cell=self.cells[i], similarity=float(similarities[i])) for i in order]

    def state(self) -> State:
        text = "\n".join(self.cells).encode()
        return State(
            config={"least_similarity": self.least_similarity},
            arrays={"hashes": self.hashes, "packed": self.packed, "cells": np.frombuffer(text, np.uint8)},
        )

    @classmethod
    def restore(cls, state: State) -> Self:
        a, limit = state.arrays, state.config["least_similarity"]
        cells = tuple(a["cells"].astype(np.uint8).tobytes().decode().split("\n")) if len(a["cells"]) else ()
        if a["packed"].shape != (len(cells), BITS // 64) or not isinstance(limit, float):
            raise ValueError(f"{len(cells)} cells and fingerprints of shape {a['packed'].shape} do not fit one another")
        packed = np.ascontiguousarray(a["packed"], np.uint64)
        return cls()._filled(np.asarray(a["hashes"], np.uint32), cells, packed, limit)

    def _filled(self, hashes: NDArray[np.uint32], cells: tuple[str, ...], packed: U64, limit: float) -> Self:
        fitted = type(self)()
        fitted.hashes, fitted.cells, fitted.packed, fitted.least_similarity = hashes, cells, packed, limit
        fitted._column_of = {int(hashed): column for column, hashed in enumerate(hashes, 1)}
        return fitted


def _packed(found: dict[int, int]) -> U64:
    """The hashes folded to BITS bits (BITS / 64,)."""
    bits = np.zeros(BITS, np.uint8)
    bits[[hashed % BITS for hashed in found]] = 1
    return np.packbits(bits).view(np.uint64)


def _limit(packed: U64) -> float:
    """The similarity to the nearest other row that all but a few training rows reach."""
    if len(packed) < 2:
        return 0.0
    asked = np.arange(0, len(packed), -(-len(packed) // LOOKED_AT), dtype=np.int64)
    return float(np.quantile(_nearest_other(asked, packed), OUTSIDE))


ENCODER: Any = FingerprintEncoder
