"""What training does again and again: an encoder and a head on rows they have not learnt, then on all of them.

Knows vectors, targets and folds; not what a cell means, nor what is decided from the scores.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from metier.checkpoint import Checkpoint
from metier.decide.scope import Novelty
from metier.encoders.base import Encoder
from metier.heads.base import Head
from metier.heads.hashed import HashedHead
from metier.heads.kernel import KernelHead
from metier.types import Encoded, Floats, Labels, Probabilities, Rows, Scores, State, Value, take


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Rows that can be learnt from. Shapes: n values, k names, truth (n,), fold (n,)."""

    values: Sequence[Value]
    names: tuple[str, ...]
    truth: Labels
    fold: Labels

    @property
    def targets(self) -> Probabilities:
        """One-hot (n, k)."""
        return np.eye(len(self.names), dtype=np.float32)[self.truth]


@dataclass(frozen=True, kw_only=True)
class Held:
    """What an encoder and a head say of rows they have not learnt. Shapes: scores (n, k), strangeness (n,)."""

    head: Head  # unfitted: what to learn again on all rows
    targets: Probabilities
    scores: Scores
    strangeness: Floats


class Encodings:
    """Vectors of an encoder, fold by fold; an encoder with nothing to learn encodes every row once."""

    def __init__(self, encoder: Encoder, examples: Examples, checkpoint: Checkpoint, name: str) -> None:
        self.examples, self.encoder = examples, encoder
        self._checkpoint, self._name = checkpoint, name
        self._all: Encoded | None = None

    def fold(self, fold: int) -> tuple[Encoded, Encoded]:
        """Vectors of the rows outside the fold, and of those inside, by an encoder that has learnt the former."""
        inside, outside = np.flatnonzero(self.examples.fold == fold), np.flatnonzero(self.examples.fold != fold)
        fitted = self.encoder.fit(self._values(outside), self.examples.targets[outside])
        if fitted is self.encoder:
            encoded = self.all(fitted)
            return take(encoded, outside), take(encoded, inside)
        return fitted.encode(self._values(outside)), fitted.encode(self._values(inside))

    def all(self, fitted: Encoder) -> Encoded:
        """Vectors of every row."""
        if fitted is not self.encoder:
            return fitted.encode(self.examples.values)
        if self._all is None:
            self._all = self._kept(fitted)
        return self._all

    def _kept(self, fitted: Encoder) -> Encoded:
        def compute() -> State:
            encoded = fitted.encode(self.examples.values)
            assert not isinstance(encoded, Rows)  # sparse encoders learn their columns, so they are never kept here
            return State(arrays={"vectors": encoded})

        return self._checkpoint.step(f"vectors of {self._name}", compute).arrays["vectors"]

    def _values(self, rows: Labels) -> list[Value]:
        return [self.examples.values[i] for i in rows]


def first_head(encoded: Encoded) -> Head:
    """The head that learns from labels: linear for sparse rows, kernel ridge for dense vectors."""
    return HashedHead() if isinstance(encoded, Rows) else KernelHead()


def pupil(encoded: Encoded) -> Head:
    """The head that learns from a teacher, for sparse rows."""
    return HashedHead(hidden=64)


def held_out(
    encodings: Encodings,
    choose: Callable[[Encoded], Head],
    targets: Probabilities,
    *,
    checkpoint: Checkpoint,
    name: str,
    seed: int,
    tick: Callable[[], None],
) -> Held:
    """Scores of every row by a head that learnt the other folds. Shapes: targets (n, k)."""
    examples = encodings.examples
    count = int(examples.fold.max()) + 1
    scores = np.zeros(targets.shape, np.float32)
    strangeness = np.zeros(len(targets), np.float64)
    head = choose(encodings.fold(0)[0])

    def one(fold: int) -> None:
        inside, outside = examples.fold == fold, examples.fold != fold
        learnt, unseen = encodings.fold(fold)
        scores[inside] = head.fit(learnt, targets[outside], seed=seed).scores(unseen)
        strangeness[inside] = Novelty.fit(learnt, examples.truth[outside]).of(unseen)
        tick()

    def compute() -> State:
        with one_thread_each(), ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(one, range(count)))
        return State(arrays={"scores": scores, "strangeness": strangeness})

    arrays = checkpoint.step(f"held-out scores of {name}", compute).arrays
    return Held(head=head, targets=targets, scores=arrays["scores"], strangeness=arrays["strangeness"])


def one_thread_each():  # type: ignore[no-untyped-def]
    """Folds run beside one another, so a matrix product keeps to one core; the result is the same on any machine."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=1, user_api="blas")


def finished(
    encodings: Encodings, head: Head, targets: Probabilities, *, seed: int
) -> tuple[Encoder, Head, Novelty, Encoded]:
    """Encoder, head and novelty after learning all rows, and the vectors they learnt from."""
    examples = encodings.examples
    encoder = encodings.encoder.fit(examples.values, examples.targets)
    encoded = encodings.all(encoder)
    with one_thread_each():
        return encoder, head.fit(encoded, targets, seed=seed), Novelty.fit(encoded, examples.truth), encoded
