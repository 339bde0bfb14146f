"""Near vectors: each compared where they are few, and by a graph of usearch past 50,000.

Knows vectors of length one and the passage each belongs to; no texts. They are kept in 8 bits, which moves a cosine by
two thousandths at most.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from metier import lazy
from metier.types import Labels, State, Vectors

LARGE = 50_000  # vectors
NEIGHBOURS, EFFORT_TO_ADD, EFFORT_TO_FIND = 16, 64, 96  # of usearch's graph
STEPS = 127


class Near:
    """Vectors, and the passage that each belongs to; of one passage they stand together, in the order of passages.

    Shapes: codes (m, d) int8, scales (m,) float32, owners (m,) int64 that never fall.
    """

    kind = "near.v1"

    def __init__(self, codes: NDArray[np.int8], scales: NDArray[np.float32], owners: Labels, graph: Any = None) -> None:
        self.codes, self.scales, self.owners = codes, scales, owners
        self._graph = graph

    @classmethod
    def build(cls, codes: NDArray[np.int8], scales: NDArray[np.float32], owners: Labels) -> Self:
        """The index of vectors that `coded` has made."""
        graph = None
        if len(codes) > LARGE:
            graph = _graph(codes.shape[1])
            graph.add(np.arange(len(codes)), codes, threads=0)
        return cls(codes, scales, owners, graph)

    def best(self, vector: Vectors, count: int) -> Labels:
        """The passages with the vectors nearest to one of length one (d,), in order of their places."""
        if self._graph is None:
            cosines = self._plain @ vector
            count = min(count, len(cosines))
            return np.unique(self.owners[np.argpartition(-cosines, count - 1)[:count]])
        found = self._graph.search(coded(vector[None])[0][0], count)
        return np.unique(self.owners[found.keys.astype(np.int64)])

    def of(self, passages: Labels) -> tuple[Vectors, Labels, Labels]:
        """The vectors of these passages, the place of each vector, and which of `passages` it belongs to."""
        starts, ends = (np.searchsorted(self.owners, passages, side=side) for side in ("left", "right"))
        counts = ends - starts
        places = np.arange(counts.sum()) + np.repeat(starts - (counts.cumsum() - counts), counts)
        return plain(self.codes[places], self.scales[places]), places, np.repeat(np.arange(len(passages)), counts)

    @cached_property
    def _plain(self) -> Vectors:
        return plain(self.codes, self.scales)

    def state(self) -> State:
        """Everything `restore` needs; the graph is a file of usearch's, which holds numbers and no code."""
        files = {} if self._graph is None else {"near.usearch": bytes(self._graph.save())}
        arrays: dict[str, NDArray[Any]] = {"codes": self.codes, "scales": self.scales, "owners": self.owners}
        return State(arrays=arrays, files=files)

    @classmethod
    def restore(cls, state: State) -> Self:
        """The index that `state` was taken from.

        Raises: ValueError where the graph is not of these vectors.
        """
        arrays, graph = state.arrays, None
        if "near.usearch" in state.files:
            graph = _graph(arrays["codes"].shape[1])
            graph.load(state.files["near.usearch"])
            if len(graph) != len(arrays["codes"]) or graph.ndim != arrays["codes"].shape[1]:
                raise ValueError(f"a graph of {len(graph):,} vectors beside {len(arrays['codes']):,}")
        return cls(arrays["codes"], arrays["scales"], arrays["owners"], graph)


def _graph(width: int) -> Any:
    lazy.need("usearch", extra="retrieve", purpose=f"Finding one of over {LARGE:,} vectors")
    from usearch.index import Index

    return Index(
        ndim=width, metric="cos", dtype="i8", connectivity=NEIGHBOURS, expansion_add=EFFORT_TO_ADD,
        expansion_search=EFFORT_TO_FIND,
    )  # fmt: skip


def coded(vectors: Vectors) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Vectors (m, d) in 8 bits, and what each is to be multiplied by (m,)."""
    largest = np.maximum(np.abs(vectors).max(axis=1, initial=0), 1e-12)
    codes = np.rint(vectors * (STEPS / largest)[:, None]).astype(np.int8)
    return codes, (largest / STEPS).astype(np.float32)


def plain(codes: NDArray[np.int8], scales: NDArray[np.float32]) -> Vectors:
    """The vectors that `coded` was given, nearly."""
    return codes.astype(np.float32) * scales[:, None]
