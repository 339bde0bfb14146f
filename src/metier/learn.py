"""What training does again and again: an encoder and a head on rows they have not learnt, then on all of them.

Knows vectors, targets and folds; not what a cell means, nor what is decided from the scores.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from threading import Lock
from typing import Any

import numpy as np

from metier import lazy
from metier.checkpoint import Checkpoint
from metier.decide.scope import Novelty
from metier.encoders.base import Encoder, signs_of
from metier.encoders.beside import BesideEncoder
from metier.heads.base import Head
from metier.types import Encoded, Floats, Labels, Loss, Rows, Scores, State, Targets, Truth, Value, Vectors, take

TEACHING = 0.7  # how much of a pupil's target is its teacher's opinion, the rest is the label


@dataclass(frozen=True, kw_only=True)
class Named:
    """Names of labels read as values, each a row of its label that is always learnt from and never held out.

    Shapes: m values, strata (m,), targets (m, k).
    """

    values: Sequence[Value]
    strata: Labels
    targets: Targets


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Rows that can be learnt from, and, where they are few, the names of their labels.

    Shapes: n values, n rows of truth as the task has them, strata (n,) the rows of like answers, targets (n, k),
    fold (n,).
    """

    values: Sequence[Value]
    truth: Truth
    strata: Labels
    targets: Targets
    loss: Loss
    fold: Labels
    named: Named

    def learnt(self, fold: int | None) -> tuple[list[Value], Labels, Targets]:
        """Values, strata and targets of all that is learnt from: the rows outside the fold, then the names."""
        rows = np.flatnonzero(self.fold != fold) if fold is not None else np.arange(len(self.fold))
        return (
            [*(self.values[int(i)] for i in rows), *self.named.values],
            np.concatenate([self.strata[rows], self.named.strata]),
            np.concatenate([self.targets[rows], self.named.targets]),
        )


Lessons = Callable[[int | None], Targets]  # fold -> targets (m, k) of what is learnt from; None -> of every row


@dataclass(frozen=True, kw_only=True)
class Held:
    """What an encoder and a head say of rows they have not learnt.

    Shapes: scores (n, k), strangeness (v, n); `left_out` one (rows learnt, k) a fold, from heads that can say what they
    would have said of each training row without it, and empty from others.
    """

    head: Head  # unfitted: what to learn again on all rows
    scores: Scores
    strangeness: Floats
    left_out: tuple[Scores, ...]


@dataclass(frozen=True, kw_only=True)
class Finished:
    """Encoder, head and novelty after learning all rows; `left_out` as in Held, (n, k)."""

    encoder: Encoder
    head: Head
    novelty: Novelty
    left_out: Scores | None


def one_thread() -> AbstractContextManager[Any]:
    """One thread in each matrix product: stages and folds beside one another keep every processor busy."""
    from threadpoolctl import threadpool_limits  # no part of what running takes, and this file is imported for that too

    limits: AbstractContextManager[Any] = threadpool_limits(limits=1, user_api="blas")
    return limits


class Encodings:
    """Vectors of an encoder, fold by fold; an encoder with nothing to learn encodes every row once."""

    def __init__(self, encoder: Encoder, examples: Examples, checkpoint: Checkpoint, name: str) -> None:
        self.examples, self.encoder = examples, encoder
        self._checkpoint, self._name = checkpoint, name
        self._all: dict[int | None, Encoded] = {}  # by the part of an encoder that has several, else under None
        self._once = Lock()

    @property
    def head(self) -> Head:
        """What learns from labels: the unfitted head that suits the encoder."""
        head: Head = lazy.find("heads", self.encoder.head, "HEAD").suited(len(self.examples.truth))
        return head

    def fold(self, fold: int) -> tuple[Encoded, Encoded]:
        """Vectors of what is learnt from when the fold is held out, and of the fold, by an encoder that learnt so."""
        inside, outside = np.flatnonzero(self.examples.fold == fold), np.flatnonzero(self.examples.fold != fold)
        values, _, targets = self.examples.learnt(fold)
        fitted = self.encoder.fit(values, targets, loss=self.examples.loss)
        if fitted is self.encoder:
            encoded = self.all(fitted)
            names = np.arange(len(self.examples.fold), len(encoded))
            return take(encoded, np.concatenate([outside, names])), take(encoded, inside)
        names = np.arange(len(self.examples.fold), len(self.examples.fold) + len(values) - len(outside))
        return self._rows(fitted, np.concatenate([outside, names])), self._rows(fitted, inside)

    def all(self, fitted: Encoder) -> Encoded:
        """Vectors of every row, then of the names."""
        if fitted is not self.encoder:
            return self._rows(fitted, np.arange(len(self._everything)))
        return self._kept(None, lambda: fitted.encode(self._everything))

    def signs(self, fold: int | None, *, learnt: bool) -> Vectors | None:
        """What the encoder says to the scope alone, of the rows that are learnt or of those held out (n, s)."""
        with self._once:
            signs = self._signs
        if signs is None:
            return None
        names = np.arange(len(self.examples.fold), len(signs))  # they are texts, and texts have no signs
        held = np.zeros(len(self.examples.fold), bool) if fold is None else self.examples.fold == fold
        chosen: Vectors = signs[np.concatenate([np.flatnonzero(~held), names]) if learnt else np.flatnonzero(held)]
        return chosen

    @cached_property
    def _signs(self) -> Vectors | None:
        return signs_of(self.encoder, self._everything)

    @cached_property
    def _everything(self) -> Sequence[Value]:
        """The values of every row, then of the names."""
        return self.examples.learnt(None)[0]

    def _rows(self, fitted: Encoder, rows: Labels) -> Encoded:
        """Vectors of some rows; what a part with nothing to learn makes of them is worked out once for all folds."""
        values = [self._everything[int(i)] for i in rows]
        if not isinstance(fitted, BesideEncoder) or not isinstance(self.encoder, BesideEncoder):
            return fitted.encode(values)
        parts = []
        for i, (own, unfitted) in enumerate(zip(fitted.parts, self.encoder.parts, strict=True)):
            if own[1] is unfitted[1]:
                parts.append(take(self._kept(i, partial(fitted.apart, i, self._everything)), rows))
            else:
                parts.append(fitted.apart(i, values))
        return fitted.together(parts)

    def _kept(self, part: int | None, encode: Callable[[], Encoded]) -> Encoded:
        def compute() -> State:
            encoded = encode()
            assert not isinstance(encoded, Rows)  # sparse encoders learn their columns, so they are never kept here
            return State(arrays={"vectors": encoded})

        with self._once:
            if part not in self._all:
                name = self._name if part is None else f"part {part} of {self._name}"
                self._all[part] = self._checkpoint.step(f"vectors of {name}", compute).arrays["vectors"]
            return self._all[part]


@contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """As many threads as there are processors; an error or Ctrl-C drops what has not begun."""
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    pool.shutdown(wait=True)


def by_labels(examples: Examples) -> Lessons:
    """Lessons that are the answers themselves."""
    return lambda fold: examples.learnt(fold)[2]


def by_teacher(
    examples: Examples, teacher: Held, finished: Future[Finished], opinion: Callable[[Scores], Targets]
) -> Lessons:
    """Lessons that are mostly the opinion of a teacher, of each row as if it had not learnt that row nor the fold's.

    A pupil taught by plain out-of-fold opinions would hear of its held-out rows through the teachers of other folds;
    on BANKING77 that flatters it by a point. The finished teacher is waited for only where it is needed. `opinion`
    makes targets of the teacher's scores; where there is a gap instead of a label, it is all there is to learn.
    """
    plain = by_labels(examples)

    def lessons(fold: int | None) -> Targets:
        scores = finished.result().left_out if fold is None else teacher.left_out[fold]
        assert scores is not None
        told, given = opinion(scores), plain(fold)
        mixed = (TEACHING * told + (1 - TEACHING) * given).astype(np.float32)
        return np.where(np.isnan(given), told, mixed)

    return lessons


def held_out(
    encodings: Encodings,
    head: Head,
    lessons: Lessons,
    *,
    checkpoint: Checkpoint,
    name: str,
    seed: int,
    tick: Callable[[], None],
) -> Held:
    """Scores of every row by a head that learnt the other folds."""
    examples = encodings.examples
    count = int(examples.fold.max()) + 1
    scores = np.zeros(examples.targets.shape, np.float32)
    strangeness: dict[int, Floats] = {}
    left_out: dict[int, Scores] = {}

    def one(fold: int) -> None:
        inside = examples.fold == fold
        learnt, unseen = encodings.fold(fold)
        fitted = head.fit(learnt, lessons(fold), loss=examples.loss, seed=seed)
        scores[inside] = fitted.scores(unseen)
        novelty = Novelty.fit(learnt, examples.learnt(fold)[1], encodings.signs(fold, learnt=True))
        strangeness[fold] = novelty.of(unseen, encodings.signs(fold, learnt=False))
        if fitted.left_out is not None:
            left_out[fold] = fitted.left_out
        tick()

    def compute() -> State:
        with workers() as pool:
            list(pool.map(one, range(count)))
        spare = {f"left_out.{fold}": left_out[fold] for fold in sorted(left_out)}
        views = np.zeros((len(strangeness[0]), len(examples.truth)))
        for fold, held in strangeness.items():
            views[:, examples.fold == fold] = held
        return State(arrays={"scores": scores, "strangeness": views, **spare})

    arrays = checkpoint.step(f"held-out scores of {name}", compute).arrays
    return Held(
        head=head,
        scores=arrays["scores"],
        strangeness=arrays["strangeness"],
        left_out=tuple(arrays[f"left_out.{fold}"] for fold in range(count) if f"left_out.{fold}" in arrays),
    )


def finish(encodings: Encodings, head: Head, lessons: Lessons, *, seed: int) -> Finished:
    """Encoder and head after learning every row."""
    examples = encodings.examples
    values, strata, targets = examples.learnt(None)
    encoder = encodings.encoder.fit(values, targets, loss=examples.loss)
    encoded = encodings.all(encoder)
    head = head.fit(encoded, lessons(None), loss=examples.loss, seed=seed)
    novelty = Novelty.fit(encoded, strata, encodings.signs(None, learnt=True))
    return Finished(encoder=encoder, head=head, novelty=novelty, left_out=head.left_out)
