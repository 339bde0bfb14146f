"""A linear-chain conditional random field over hashed signs and a few numbers a word: learnt by CRFsuite, run by numba.

CRFsuite's own file is left behind after learning: arrays need no C++ to be read, and the sums that say how probable a
span is are not among what it gives. Tags are numbered as in `words.tag_names`. Knows no words.

Source: Lafferty et al. 2001, "Conditional Random Fields"; Culotta & McCallum 2004, "Confidence Estimation for
Information Extraction", for the probability of a span.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metier.extraction.signs import STRANGE, Hashes, Signs, strange
from metier.extraction.words import runs
from metier.types import Floats, Labels, State

Reals = NDArray[np.float32]
NEVER = -1e4  # the score of a tag that cannot follow another
LASSO, RIDGE, STEPS = 0.05, 0.05, 100  # chosen on held-out folds of NLU++, see LOG.md
OFTEN = 2  # groups of texts that a word stands in, before it is known for itself
DENSE_SPREAD = 3  # numbers of the word before, of the word, of the word after


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A text as the field sees it. Shapes: t words; numbers (t, d), d may be 0."""

    signs: Signs
    numbers: Reals

    def __len__(self) -> int:
        return len(self.signs)


@dataclass(frozen=True, kw_only=True)
class Read:
    """The likeliest tags of a text: its spans as (first word, last word, label), how probable each is, and all of it."""

    runs: Sequence[tuple[int, int, int]]
    chances: Floats  # (s,)
    chance: float  # of the whole path


class Crf:
    """Weights of signs, of numbers, and of one tag after another."""

    kind: ClassVar[str] = "crf.v1"

    def __init__(self, *, common: Hashes, known: Hashes, weights: Reals, dense: Reals, transitions: Reals) -> None:
        self._common = common
        self._known, self._weights, self._dense = known, np.ascontiguousarray(weights), np.ascontiguousarray(dense)
        self._transitions = transitions
        self._allowed = (transitions + _forbidden(len(transitions))).astype(np.float64)

    @property
    def tags(self) -> int:
        """How many tags it knows."""
        return len(self._transitions)

    @classmethod
    def fit(cls, texts: Sequence[Seen], tags: Sequence[Sequence[int]], count: int, groups: Labels) -> Self:
        """The field that makes the tags of these texts likeliest.

        `count` is how many tags there are; texts that are alike share a number in `groups` (n,).
        """
        import pycrfsuite

        common, often = _common(texts, groups)
        trainer = pycrfsuite.Trainer(verbose=False)
        trainer.set_params({"c1": LASSO, "c2": RIDGE, "max_iterations": STEPS})
        for text, path in zip(texts, tags, strict=True):
            if len(text):
                items = _items(text, np.isin(text.signs.low, often))
                trainer.append(pycrfsuite.ItemSequence(items), [str(tag) for tag in path])
        with TemporaryDirectory() as place:
            file = str(Path(place) / "field")
            trainer.train(file)
            tagger = pycrfsuite.Tagger()
            with tagger.open(file):
                found = tagger.info()
        return cls._of(common, found.state_features, found.transitions, count, texts[0].numbers.shape[1])

    @classmethod
    def _of(cls, common: Hashes, signs: Any, steps: Any, count: int, width: int) -> Self:
        names = sorted({int(name) for name, _ in signs if name[0] != "~"})
        place = {name: i for i, name in enumerate(names)}
        weights = np.zeros((len(names), count), np.float32)
        dense = np.zeros((DENSE_SPREAD * width, count), np.float32)
        for (name, tag), weight in signs.items():
            into, at = (dense, int(name[1:])) if name[0] == "~" else (weights, place[int(name)])
            into[at, int(tag)] = weight
        transitions = np.zeros((count, count), np.float32)
        for (before, after), weight in steps.items():
            transitions[int(before), int(after)] = weight
        return cls(common=common, known=np.array(names, np.uint64), weights=weights, dense=dense, transitions=transitions)

    def read(self, text: Seen) -> Read:
        """The likeliest tags of one text, and how probable they are."""
        if not len(text):
            return Read(runs=(), chances=np.empty(0), chance=1.0)
        scores = _scores(text.signs.starts, text.signs.hashes, self._known, self._weights)  # (t, k)
        known = np.isin(text.signs.low, self._common)
        steps = np.arange(0, STRANGE * len(text) + 1, STRANGE)
        scores += _scores(steps, strange(text.signs, known), self._known, self._weights)
        if text.numbers.shape[1]:
            scores += _spread(text.numbers) @ self._dense
        scores[0, 2::2] = NEVER  # no span goes on where a text begins
        path = _likeliest(scores, self._allowed)
        forward, backward = _sums(scores, self._allowed)
        total = _log_sum(forward[-1])
        found = runs(path.tolist())
        edges = np.array(found, np.int64).reshape(-1, 3)
        chances = _span_chances(scores, self._allowed, forward, backward, edges, total)
        return Read(runs=found, chances=chances, chance=float(np.exp(_path_score(scores, self._allowed, path) - total)))

    def state(self) -> State:
        """The arrays."""
        return State(
            arrays={
                "common": self._common, "known": self._known, "weights": self._weights, "dense": self._dense, "transitions": self._transitions,
            }
        )  # fmt: skip

    @classmethod
    def restore(cls, state: State) -> Self:
        """The field that `state` was taken from.

        Raises: ValueError where arrays do not fit one another.
        """
        known, weights, dense, steps = (state.arrays[name] for name in ("known", "weights", "dense", "transitions"))
        if weights.shape != (len(known), len(steps)) or dense.shape[1] != len(steps) != steps.shape[1]:
            raise ValueError(f"weights of shape {weights.shape} beside {len(known)} signs and {len(steps)} tags")
        return cls(common=state.arrays["common"], known=known, weights=weights, dense=dense, transitions=steps)


def _common(texts: Sequence[Seen], groups: Labels) -> tuple[Hashes, Hashes]:
    """Words that stand in two groups or more; and in three, so that one learnt from does not count for itself."""
    words = [np.unique(np.concatenate([texts[i].signs.low for i in np.flatnonzero(groups == group)]))
             for group in np.unique(groups)]
    names, counts = np.unique(np.concatenate(words), return_counts=True)
    return names[counts >= OFTEN], names[counts > OFTEN]


def _items(text: Seen, common: NDArray[np.bool_]) -> list[dict[str, float]]:
    """Each word as CRFsuite takes it."""
    spread, odd = _spread(text.numbers), strange(text.signs, common).reshape(-1, STRANGE).tolist()
    starts, hashes = text.signs.starts, text.signs.hashes.tolist()
    return [
        {
            **{str(sign): 1.0 for sign in (*hashes[starts[i] : starts[i + 1]], *odd[i])},
            **{f"~{column}": float(number) for column, number in enumerate(spread[i]) if number},
        }
        for i in range(len(text))
    ]


def _spread(numbers: Reals) -> Reals:
    """Numbers of the word before, the word and the word after, side by side (t, 3d)."""
    t, d = numbers.shape
    out = np.zeros((t, DENSE_SPREAD * d), np.float32)
    out[1:, :d], out[:, d : 2 * d], out[:-1, 2 * d :] = numbers[:-1], numbers, numbers[1:]
    return out


def _forbidden(count: int) -> Reals:
    """NEVER for I of a label after anything but B or I of it (k, k)."""
    steps = np.zeros((count, count), np.float32)
    steps[:, 2::2] = NEVER
    for inside in range(2, count, 2):
        steps[[inside - 1, inside], inside] = 0
    return steps


@njit(cache=True, nogil=True)
def _scores(
    starts: NDArray[np.int64], hashes: Hashes, known: Hashes, weights: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The sum of what every sign of a word says of each tag (t, k)."""
    t, k = len(starts) - 1, weights.shape[1]
    out = np.zeros((t, k), np.float64)
    for i in range(t):
        for j in range(starts[i], starts[i + 1]):
            at = np.searchsorted(known, hashes[j])
            if at < len(known) and known[at] == hashes[j]:
                for tag in range(k):
                    out[i, tag] += weights[at, tag]
    return out


@njit(cache=True, nogil=True)
def _likeliest(scores: NDArray[np.float64], steps: NDArray[np.float64]) -> NDArray[np.int64]:
    """The path of tags with the highest score (t,): Viterbi."""
    t, k = scores.shape
    best, back = scores.copy(), np.zeros((t, k), np.int64)
    for i in range(1, t):
        for tag in range(k):
            top = 0
            for before in range(1, k):
                if best[i - 1, before] + steps[before, tag] > best[i - 1, top] + steps[top, tag]:
                    top = before
            back[i, tag] = top
            best[i, tag] = scores[i, tag] + best[i - 1, top] + steps[top, tag]
    path = np.empty(t, np.int64)
    path[-1] = np.argmax(best[-1])
    for i in range(t - 1, 0, -1):
        path[i - 1] = back[i, path[i]]
    return path


@njit(cache=True, nogil=True)
def _log_sum(values: NDArray[np.float64]) -> float:
    top = values.max()
    return float(top + np.log(np.exp(values - top).sum()))


@njit(cache=True, nogil=True)
def _sums(
    scores: NDArray[np.float64], steps: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log sums over all paths up to each tag, it included, and from behind each on: (t, k) twice."""
    t, k = scores.shape
    forward, backward = scores.copy(), np.zeros((t, k))
    for i in range(1, t):
        for tag in range(k):
            forward[i, tag] += _log_sum(forward[i - 1] + steps[:, tag])
    for i in range(t - 2, -1, -1):
        after = scores[i + 1] + backward[i + 1]
        for tag in range(k):
            backward[i, tag] = _log_sum(steps[tag] + after)
    return forward, backward


@njit(cache=True, nogil=True)
def _span_chances(
    scores: NDArray[np.float64], steps: NDArray[np.float64], forward: NDArray[np.float64],
    backward: NDArray[np.float64], edges: NDArray[np.int64], total: float,
) -> NDArray[np.float64]:  # fmt: skip
    """The share of all paths that hold exactly this span: its begin, its inside, and no more of it behind (s,)."""
    t = len(scores)
    out = np.empty(len(edges), np.float64)
    for j in range(len(edges)):
        first, last, label = edges[j]
        begins, inside = 2 * label + 1, 2 * label + 2
        held, tag = forward[first, begins], begins
        for i in range(first + 1, last + 1):
            held += steps[tag, inside] + scores[i, inside]
            tag = inside
        if last + 1 < t:
            after = steps[tag] + scores[last + 1] + backward[last + 1]
            after[inside] = NEVER
            held += _log_sum(after)
        out[j] = np.exp(min(held - total, 0.0))
    return out


@njit(cache=True, nogil=True)
def _path_score(scores: NDArray[np.float64], steps: NDArray[np.float64], path: NDArray[np.int64]) -> float:
    held = scores[0, path[0]]
    for i in range(1, len(path)):
        held += steps[path[i - 1], path[i]] + scores[i, path[i]]
    return float(held)


FIELD: Any = Crf
