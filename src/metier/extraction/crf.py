"""A linear-chain conditional random field over hashed signs and a few numbers a word: learnt by CRFsuite, run by numba.

CRFsuite's own file is left behind after learning: arrays need no C++ to be read, and the sums that say how probable a
span is are not among what it gives. Tags are numbered as in `words.tag_names`; a field goes from state to state, of
which several may mean one tag, see `adjoining.py`. Knows no words.

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
OFTEN = 2  # groups of texts that a word stands in, before it is known for itself; and a sign, before it is learnt
CUT = 0.05  # share of the further words of finds that spans cut, before a kind of find may be cut
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
    """Weights of signs, of numbers, and of one state after another.

    Shapes: meaning (k,), the tag that each state means; whole (f,), the kinds of finds that no span cuts.
    """

    kind: ClassVar[str] = "crf.v1"

    def __init__(
        self,
        *,
        common: Hashes,
        known: Hashes,
        weights: Reals,
        dense: Reals,
        transitions: Reals,
        meaning: Labels,
        whole: Hashes,
        lean: float = 0.0,
    ) -> None:
        self._common, self.lean = common, lean  # how much less a word is thought to lie outside than was learnt
        self._known, self._weights, self._dense = known, np.ascontiguousarray(weights), np.ascontiguousarray(dense)
        self._transitions, self._meaning, self._whole = transitions, meaning, whole
        self._steps = np.stack([transitions + _forbidden(meaning), transitions + _torn(meaning)]).astype(np.float64)

    @classmethod
    def fit(
        cls,
        texts: Sequence[Seen],
        paths: Sequence[Sequence[int]],
        meaning: Labels,
        groups: Labels,
        *,
        strangers: bool = False,
    ) -> Self:
        """The field that makes the states of these texts likeliest.

        `meaning` (k,) is the tag that each state means; texts that are alike share a number in `groups` (n,).
        With `strangers`, texts to come are of no group learnt from, and what one group has alone is not learnt.
        """
        pycrfsuite = lazy.bring("pycrfsuite", extra="extract", purpose="Learning spans")
        common, often = _common(texts, groups)
        odd = [strange(text.signs, among(text.signs.low, often)) for text in texts]
        signs = [np.append(text.signs.hashes, one) for text, one in zip(texts, odd, strict=True)]
        shared = _shared(signs, groups, OFTEN if strangers else 1)
        trainer = pycrfsuite.Trainer(verbose=False)
        trainer.set_params({"c1": LASSO, "c2": RIDGE, "max_iterations": STEPS})
        for text, one, path in zip(texts, odd, paths, strict=True):
            if len(text):
                items = _items(text, one, shared)
                trainer.append(pycrfsuite.ItemSequence(items), [str(state) for state in path])
        with TemporaryDirectory() as place:
            file = str(Path(place) / "field")
            trainer.train(file)
            tagger = pycrfsuite.Tagger()
            with tagger.open(file):
                found = tagger.info()
        learnt = _weights(found.state_features, found.transitions, len(meaning), texts[0].numbers.shape[1])
        return cls(**learnt, common=common, meaning=meaning, whole=_uncut(texts, [meaning[list(p)] for p in paths]))

    def leaning(self, lean: float) -> Self:
        """The same field, readier to find: what is likeliest as a whole leaves out what it half knows."""
        return type(self)(
            common=self._common,
            known=self._known,
            weights=self._weights,
            dense=self._dense,
            transitions=self._transitions,
            meaning=self._meaning,
            whole=self._whole,
            lean=lean,
        )

    def read(self, text: Seen) -> Read:
        """The likeliest tags of one text, and how probable they are."""
        if not len(text):
            return Read(runs=(), chances=np.empty(0), chance=1.0)
        scores, stuck = self._emitted(text), among(text.signs.goes_on, self._whole).astype(np.int64)
        path, forward, backward = _lattice(scores, self._steps, stuck)
        total, tags = _log_sum(forward[-1]), self._meaning[path]
        found = runs(tags.tolist())
        chances = np.array([self._chance(scores, forward, backward, one) for one in found]) - total
        chance = float(np.exp(self._together(scores, path, tags, stuck) - total))
        return Read(runs=found, chances=np.exp(np.minimum(chances, 0)), chance=min(chance, 1.0))

    def _together(self, scores: Floats, path: Labels, tags: Labels, stuck: Labels) -> float:
        """The log sum of all paths of states that mean the same tags as this one."""
        if (self._meaning == np.arange(len(self._meaning))).all():  # there is no other
            return float(scores[np.arange(len(path)), path].sum() + self._steps[0, path[:-1], path[1:]].sum())
        same = np.where(self._meaning == tags[:, None], scores, NEVER)
        return _log_sum(_lattice(same, self._steps, stuck)[1][-1])

    def _emitted(self, text: Seen) -> Floats:
        """What signs and numbers of every word say of each state (t, k)."""
        scores = self._scores(text.signs.hashes, text.signs.starts[:-1])  # (t, k)
        odd = strange(text.signs, among(text.signs.low, self._common))
        scores += self._scores(odd.ravel(), np.arange(0, odd.size, STRANGE))
        if text.numbers.shape[1]:
            scores += _spread(text.numbers) @ self._dense
        scores[:, 0] -= self.lean
        scores[0, _inside(self._meaning)] = NEVER  # no span goes on where a text begins
        return scores

    def _scores(self, hashes: Hashes, starts: NDArray[np.int64]) -> Floats:
        """The sum of what every sign of a word says of each state (t, k); each word has one sign at least."""
        at = np.minimum(np.searchsorted(self._known, hashes), max(len(self._known) - 1, 0))
        hit = self._known[at] == hashes if len(self._known) else np.zeros(len(hashes), np.bool_)
        said = np.zeros((len(hashes), len(self._meaning)))
        said[hit] = self._weights[at[hit]]
        return np.add.reduceat(said, starts, axis=0)

    def _chance(self, scores: Floats, forward: Floats, backward: Floats, run: tuple[int, int, int]) -> float:
        """The log sum of all paths that hold exactly this span: its begin, its inside, and no more of it behind."""
        first, last, label = run
        ways = []
        for begins in np.flatnonzero(self._meaning == 2 * label + 1).tolist():
            inside = begins + 1
            held = forward[first, begins] + scores[first + 1 : last + 1, inside].sum()
            held += self._steps[0, begins, inside] * (last > first)
            held += self._steps[0, inside, inside] * max(last - first - 1, 0)
            if last + 1 < len(scores):
                after = self._steps[0, inside if last > first else begins] + scores[last + 1] + backward[last + 1]
                after[inside] = NEVER
                held += _log_sum(after)
            ways.append(held)
        return _log_sum(np.array(ways))

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
                "meaning": self._meaning,
                "whole": self._whole,
            },
        )

    @classmethod
    def restore(cls, state: State) -> Self:
        """The field that `state` was taken from.

        Raises: ValueError where arrays do not fit one another.
        """
        arrays = state.arrays
        known, weights, dense, steps = (arrays[name] for name in ("known", "weights", "dense", "transitions"))
        # a field kept before there were these has a state for each tag, and may cut every find
        meaning, whole = arrays.get("meaning", np.arange(len(steps))), arrays.get("whole", np.empty(0, np.uint64))
        if weights.shape != (len(known), len(steps)) or dense.shape[1] != len(steps) != steps.shape[1]:
            raise ValueError(f"weights of shape {weights.shape} beside {len(known)} signs and {len(steps)} states")
        if len(meaning) != len(steps):
            raise ValueError(f"meanings of {len(meaning)} states beside {len(steps)} states")
        lean: Any = state.config.get("lean", 0.0)  # fields kept before there was one lean nowhere
        return cls(
            common=arrays["common"], known=known, weights=weights, dense=dense, transitions=steps, meaning=meaning,
            whole=whole, lean=lean,
        )  # fmt: skip


def _weights(signs: Any, steps: Any, count: int, width: int) -> dict[str, Any]:
    """What CRFsuite tells as pairs, as arrays."""
    names = sorted({int(name) for name, _ in signs if name[0] != "~"})
    place = {name: i for i, name in enumerate(names)}
    weights = np.zeros((len(names), count), np.float32)
    dense = np.zeros((DENSE_SPREAD * width, count), np.float32)
    for (name, state), weight in signs.items():
        into, at = (dense, int(name[1:])) if name[0] == "~" else (weights, place[int(name)])
        into[at, int(state)] = weight
    transitions = np.zeros((count, count), np.float32)
    for (before, after), weight in steps.items():
        transitions[int(before), int(after)] = weight
    return {"known": np.array(names, np.uint64), "weights": weights, "dense": dense, "transitions": transitions}


def _uncut(texts: Sequence[Seen], tags: Sequence[Labels]) -> Hashes:
    """The kinds of finds in which hardly any span begins or ends (f,), in order."""
    kinds, torn = [np.empty(0, np.uint64)], [np.empty(0, np.bool_)]
    for text, path in zip(texts, tags, strict=True):
        at = np.flatnonzero(text.signs.goes_on)
        kinds.append(text.signs.goes_on[at])
        torn.append((path[at] % 2 == 1) | ((path[at] == 0) & (path[at - 1] > 0)))
    names, number = np.unique(np.concatenate(kinds), return_inverse=True)
    share = np.bincount(number, np.concatenate(torn), len(names)) / np.bincount(number, minlength=len(names))
    return np.asarray(names[share <= CUT])


def _common(texts: Sequence[Seen], groups: Labels) -> tuple[Hashes, Hashes]:
    """Words that stand in two groups or more; and in three, so that one learnt from does not count for itself."""
    names, counts = _counted([text.signs.low for text in texts], groups)
    return names[counts >= OFTEN], names[counts > OFTEN]


def _shared(signs: Sequence[Hashes], groups: Labels, often: int) -> Hashes:
    """Signs that stand in so many groups or more, in order."""
    names, counts = _counted(signs, groups)
    return names[counts >= often]


def _counted(hashes: Sequence[Hashes], groups: Labels) -> tuple[Hashes, NDArray[np.int64]]:
    """All hashes of texts, in order, and in how many groups of texts each stands."""
    each = [
        np.unique(np.concatenate([hashes[i] for i in np.flatnonzero(groups == group).tolist()]))
        for group in np.unique(groups)
    ]
    names, counts = np.unique(np.concatenate(each), return_counts=True)
    return names, np.asarray(counts)


def _items(text: Seen, odd: Hashes, shared: Hashes) -> list[dict[str, float]]:
    """Each word as CRFsuite takes it, with those of its signs that are shared. Shapes: odd (t, STRANGE)."""
    spread, starts = _spread(text.numbers), text.signs.starts
    rows = [np.append(text.signs.hashes[starts[i] : starts[i + 1]], odd[i]) for i in range(len(text))]
    return [
        {
            **{str(sign): 1.0 for sign in row[among(row, shared)].tolist()},
            **{f"~{column}": float(number) for column, number in enumerate(spread[i]) if number},
        }
        for i, row in enumerate(rows)
    ]


def _spread(numbers: Reals) -> Reals:
    """Numbers of the word before, the word and the word after, side by side (t, 3d)."""
    t, d = numbers.shape
    out = np.zeros((t, DENSE_SPREAD * d), np.float32)
    out[1:, :d], out[:, d : 2 * d], out[:-1, 2 * d :] = numbers[:-1], numbers, numbers[1:]
    return out


def _inside(meaning: Labels) -> Labels:
    """The states that mean that a span goes on; each stands behind the one in which its span begins."""
    return np.flatnonzero((meaning > 0) & (meaning % 2 == 0))


def _forbidden(meaning: Labels) -> Reals:
    """NEVER for a span that goes on after anything but its begin or more of it (k, k)."""
    steps = np.zeros((len(meaning), len(meaning)), np.float32)
    steps[:, _inside(meaning)] = NEVER
    for inside in _inside(meaning).tolist():
        steps[[inside - 1, inside], inside] = 0
    return steps


def _torn(meaning: Labels) -> Reals:
    """NEVER for the begin or the end of a span where a find goes on that none cuts (k, k)."""
    steps = _forbidden(meaning)
    steps[:, meaning % 2 == 1] = NEVER
    steps[1:, 0] = NEVER
    return steps


@njit(cache=True, nogil=True)
def _lattice(
    scores: NDArray[np.float64], both: NDArray[np.float64], stuck: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """The path of states with the highest score (t,), and log sums over all paths up to each state, it included, and
    on from behind it: (t, k) twice. Steps to a word are the second (k, k) of `both` where it is stuck, else the first.
    """
    t, k = scores.shape
    best, back = scores.copy(), np.zeros((t, k), np.int64)
    forward, backward = scores.copy(), np.zeros((t, k))
    for i in range(1, t):
        steps = both[stuck[i]]
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
        steps = both[stuck[i + 1]]
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
