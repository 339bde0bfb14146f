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

from metier import lazy
from metier.extraction.signs import STRANGE, Hashes, Signs, among, strange
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
    """The likeliest tags of a text: spans as (first word, last word, label), how probable each is, and all of it."""

    runs: Sequence[tuple[int, int, int]]
    chances: Floats  # (s,)
    chance: float  # of the whole path


class Crf:
    """Weights of signs, of numbers, and of one tag after another."""

    kind: ClassVar[str] = "crf.v1"

    def __init__(
        self,
        *,
        common: Hashes,
        known: Hashes,
        weights: Reals,
        dense: Reals,
        transitions: Reals,
        lean: float = 0.0,
    ) -> None:
        self._common, self.lean = common, lean  # how much less a word is thought to lie outside than was learnt
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
        pycrfsuite = lazy.bring("pycrfsuite", extra="extract", purpose="Learning spans")
        common, often = _common(texts, groups)
        trainer = pycrfsuite.Trainer(verbose=False)
        trainer.set_params({"c1": LASSO, "c2": RIDGE, "max_iterations": STEPS})
        for text, path in zip(texts, tags, strict=True):
            if len(text):
                items = _items(text, among(text.signs.low, often))
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
        return cls(
            common=common, known=np.array(names, np.uint64), weights=weights, dense=dense, transitions=transitions
        )

    def leaning(self, lean: float) -> Self:
        """The same field, readier to find: what is likeliest as a whole leaves out what it half knows."""
        return type(self)(
            common=self._common,
            known=self._known,
            weights=self._weights,
            dense=self._dense,
            transitions=self._transitions,
            lean=lean,
        )

    def read(self, text: Seen) -> Read:
        """The likeliest tags of one text, and how probable they are."""
        if not len(text):
            return Read(runs=(), chances=np.empty(0), chance=1.0)
        scores = self._emitted(text)
        path, forward, backward = _lattice(scores, self._allowed)
        total = _log_sum(forward[-1])
        found = runs(path.tolist())
        chances = np.array([self._chance(scores, forward, backward, one) for one in found]) - total
        score = scores[np.arange(len(path)), path].sum() + self._allowed[path[:-1], path[1:]].sum()
        return Read(runs=found, chances=np.exp(np.minimum(chances, 0)), chance=min(float(np.exp(score - total)), 1.0))

    def _emitted(self, text: Seen) -> Floats:
        """What signs and numbers of every word say of each tag (t, k)."""
        scores = self._scores(text.signs.hashes, text.signs.starts[:-1])  # (t, k)
        odd = strange(text.signs, among(text.signs.low, self._common))
        scores += self._scores(odd.ravel(), np.arange(0, odd.size, STRANGE))
        if text.numbers.shape[1]:
            scores += _spread(text.numbers) @ self._dense
        scores[:, 0] -= self.lean
        scores[0, 2::2] = NEVER  # no span goes on where a text begins
        return scores

    def _scores(self, hashes: Hashes, starts: NDArray[np.int64]) -> Floats:
        """The sum of what every sign of a word says of each tag (t, k); each word has one sign at least."""
        at = np.minimum(np.searchsorted(self._known, hashes), max(len(self._known) - 1, 0))
        hit = self._known[at] == hashes if len(self._known) else np.zeros(len(hashes), np.bool_)
        said = np.zeros((len(hashes), self.tags))
        said[hit] = self._weights[at[hit]]
        return np.add.reduceat(said, starts, axis=0)

    def _chance(self, scores: Floats, forward: Floats, backward: Floats, run: tuple[int, int, int]) -> float:
        """The log sum of all paths that hold exactly this span: its begin, its inside, and no more of it behind."""
        first, last, label = run
        begins, inside = 2 * label + 1, 2 * label + 2
        tag = inside if last > first else begins
        held = forward[first, begins] + scores[first + 1 : last + 1, inside].sum()
        held += self._allowed[begins, inside] * (last > first) + self._allowed[inside, inside] * max(
            last - first - 1, 0
        )
        if last + 1 < len(scores):
            after = self._allowed[tag] + scores[last + 1] + backward[last + 1]
            after[inside] = NEVER
            held += _log_sum(after)
        return float(held)

    def state(self) -> State:
        """The arrays."""
        return State(
            config={"lean": self.lean},
            arrays={
                "common": self._common,
                "known": self._known,
                "weights": self._weights,
                "dense": self._dense,
                "transitions": self._transitions,
            },
        )

    @classmethod
    def restore(cls, state: State) -> Self:
        """The field that `state` was taken from.

        Raises: ValueError where arrays do not fit one another.
        """
        known, weights, dense, steps = (state.arrays[name] for name in ("known", "weights", "dense", "transitions"))
        if weights.shape != (len(known), len(steps)) or dense.shape[1] != len(steps) != steps.shape[1]:
            raise ValueError(f"weights of shape {weights.shape} beside {len(known)} signs and {len(steps)} tags")
        lean: Any = state.config.get("lean", 0.0)  # fields kept before there was one lean nowhere
        return cls(
            common=state.arrays["common"], known=known, weights=weights, dense=dense, transitions=steps, lean=lean
        )


def _common(texts: Sequence[Seen], groups: Labels) -> tuple[Hashes, Hashes]:
    """Words that stand in two groups or more; and in three, so that one learnt from does not count for itself."""
    words = [
        np.unique(np.concatenate([texts[i].signs.low for i in np.flatnonzero(groups == group).tolist()]))
        for group in np.unique(groups)
    ]
    names, counts = np.unique(np.concatenate(words), return_counts=True)
    return names[counts >= OFTEN], names[counts > OFTEN]


def _items(text: Seen, common: NDArray[np.bool_]) -> list[dict[str, float]]:
    """Each word as CRFsuite takes it."""
    spread, odd = _spread(text.numbers), strange(text.signs, common).tolist()
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
def _lattice(
    scores: NDArray[np.float64], steps: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """The path of tags with the highest score (t,), and log sums over all paths up to each tag, it included, and on
    from behind it: (t, k) twice.
    """
    t, k = scores.shape
    best, back = scores.copy(), np.zeros((t, k), np.int64)
    forward, backward = scores.copy(), np.zeros((t, k))
    for i in range(1, t):
        for tag in range(k):
            top, high = 0, -np.inf
            for before in range(k):
                if best[i - 1, before] + steps[before, tag] > best[i - 1, top] + steps[top, tag]:
                    top = before
                high = max(high, forward[i - 1, before] + steps[before, tag])
            total = 0.0
            for before in range(k):
                total += np.exp(forward[i - 1, before] + steps[before, tag] - high)
            back[i, tag] = top
            best[i, tag] += best[i - 1, top] + steps[top, tag]
            forward[i, tag] += high + np.log(total)
    for i in range(t - 2, -1, -1):
        for tag in range(k):
            high, total = -np.inf, 0.0
            for after in range(k):
                high = max(high, steps[tag, after] + scores[i + 1, after] + backward[i + 1, after])
            for after in range(k):
                total += np.exp(steps[tag, after] + scores[i + 1, after] + backward[i + 1, after] - high)
            backward[i, tag] = high + np.log(total)
    path = np.empty(t, np.int64)
    path[t - 1] = 0
    for tag in range(k):
        if best[t - 1, tag] > best[t - 1, path[t - 1]]:
            path[t - 1] = tag
    for i in range(t - 1, 0, -1):
        path[i - 1] = back[i, path[i]]
    return path, forward, backward


def _log_sum(values: Floats) -> float:
    top = values.max()
    return float(top + np.log(np.exp(values - top).sum()))


FIELD: Any = Crf
