"""Estimates to intervals that hold the true value as often as they say, wide where the truth is hard to tell.

Knows scores, true values and how familiar rows are, out of fold; not what was estimated. One weight for each head
blends them; how far off a row may be is told from the estimate itself, from how much the heads disagree and from how
familiar it is. Rows of like difficulty are a group, and each group gets the interval that held its own true values.

Source: Vovk et al. 2005, "Algorithmic Learning in a Random World", section 4.5 (groups); Lei et al. 2018,
"Distribution-Free Predictive Inference for Regression", section 5.2 (intervals of locally varying width).
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metier.errors import PromiseNotSupported
from metier.types import Floats, Loss, Probabilities, Scores, State

MOST_GROUPS, ROWS_A_GROUP = 5, 100  # with fewer rows a group's interval says more of chance than of the group
STRAYING = math.log(4)  # how many times easier or harder than the usual row a row may be taken for, as a logarithm
MOST_APART = 3.0  # spreads from the mean, beyond which a sign says no more
DRAWN = 20.0  # rows' worth of belief that all rows are alike hard


@njit(cache=True, nogil=True)
def _seen(scores: NDArray[np.float32], familiarity: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Estimates (n,), and what may tell how far off they are (n, f).

    The latter are the estimate, its square, its familiarity, and how much the heads disagree where there are several.
    """
    m, n, _ = scores.shape
    estimates, features = np.empty(n, np.float64), np.empty((n, 3 + (m > 1)), np.float64)
    for i in range(n):
        estimate = weights[m]
        apart = 0.0
        for head in range(m):
            estimate += weights[head] * scores[head, i, 0]
            apart += abs(scores[head, i, 0] - scores[m - 1, i, 0])
        estimates[i] = estimate
        features[i, 0], features[i, 1] = estimate, estimate * estimate
        features[i, 2] = np.log(max(familiarity[i], 0.01))
        if m > 1:
            features[i, 3] = np.log(apart / (m - 1) + 0.02)
    return estimates, features


@njit(cache=True, nogil=True)
def _hardness(features: Floats, centre: Floats, scale: Floats, slopes: Floats, usual: float) -> Floats:
    """How far off each row may be, in the units of the truth (n,)."""
    n, f = features.shape
    hard = np.empty(n, np.float64)
    for i in range(n):
        told = 0.0
        for j in range(f):
            told += slopes[j] * min(max((features[i, j] - centre[j]) / scale[j], -MOST_APART), MOST_APART)
        hard[i] = usual * np.exp(min(max(told, -STRAYING), STRAYING))
    return hard


@njit(cache=True, nogil=True)
def _told(
    scores: NDArray[np.float32],
    familiarity: Floats,
    weights: Floats,
    centre: Floats,
    scale: Floats,
    slopes: Floats,
    usual: float,
    edges: Floats,
    reach: Floats,
    held: float,
) -> NDArray[np.float32]:
    """Low, estimate, high and the share between (n, 4). Row by row, so that no row depends on another."""
    estimates, features = _seen(scores, familiarity, weights)
    hard = _hardness(features, centre, scale, slopes, usual)
    out = np.empty((len(estimates), 4), np.float32)
    for i in range(len(estimates)):
        far = reach[np.searchsorted(edges, hard[i], side="right")] * hard[i]
        out[i, 0], out[i, 1], out[i, 2], out[i, 3] = estimates[i] - far, estimates[i], estimates[i] + far, held
    return out


class Intervals:
    """Weights over heads, how hard rows are, and the interval of each group of like difficulty."""

    kind: ClassVar[str] = "conformal.v1"
    loss: ClassVar[Loss] = "squared"

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self.wrong = float(config["wrong"])
        self._weights = np.array(config["weights"], np.float64)  # (m + 1,), the last stands alone
        self._centre, self._scale, self._slopes = (
            np.array(config[name], np.float64) for name in ("centre", "scale", "slopes")
        )
        self._usual = float(config["usual"])
        self._edges = np.array(config["edges"], np.float64)  # (g - 1,), difficulties between groups
        self._reach = np.array(config["reach"], np.float64)  # (g,), to either side, in difficulties
        self._spread = float(config["spread"])
        sizes = len(self._centre) == len(self._scale) == len(self._slopes) == _features(len(self._weights) - 1)
        if not sizes or len(self._edges) + 1 != len(self._reach):
            raise ValueError("the sizes of the parts of intervals do not fit one another")

    @classmethod
    def fit(cls, scores: Scores, truth: Floats, familiarity: Floats | None = None, *, wrong: float = 0.1) -> Self:
        """Intervals that miss the true value `wrong` of the time.

        Shapes: scores (m, n, 1) out of fold, truth (n,), familiarity (n,).
        Raises: PromiseNotSupported with the number of rows that could support it.
        """
        n = len(truth)
        needed = math.ceil(1 / wrong)
        if n < needed:
            raise PromiseNotSupported(
                f"An interval that holds the true value {1 - wrong:.1%} of the time cannot be told from {n:,} rows. "
                f"Expected {needed:,} or more. Bring more rows, or allow more misses."
            )
        weights = _blended(scores[:, :, 0].astype(np.float64), truth)
        spread = float(np.subtract(*np.quantile(truth, [1 - wrong / 2, wrong / 2])))
        config: dict[str, Any] = {
            "wrong": wrong, "weights": weights.tolist(), "centre": [], "scale": [], "slopes": [], "usual": 0.0,
            "edges": [], "reach": [0.0], "spread": max(spread, 1e-12),
        }  # fmt: skip
        known = np.ones(n) if familiarity is None else np.asarray(familiarity, np.float64)
        estimates, features = _seen(scores, known, weights)
        config |= _difficulty(features, np.abs(truth - estimates))
        centre, scale, slopes = (np.array(config[name]) for name in ("centre", "scale", "slopes"))
        hard: Floats = _hardness(features, centre, scale, slopes, config["usual"])
        groups = int(np.clip(n // max(ROWS_A_GROUP, needed), 1, MOST_GROUPS))
        edges = np.quantile(hard, np.arange(1, groups) / groups)
        group, missed = np.searchsorted(edges, hard, side="right"), np.abs(truth - estimates) / hard
        if min(np.bincount(group, minlength=groups)) < needed:  # equally hard rows fell into one
            edges, group = np.zeros(0), np.zeros(n, np.int64)
        config |= {
            "edges": edges.tolist(),
            "reach": [_reach(missed[group == g], wrong) for g in range(len(edges) + 1)],
        }
        return cls(config)

    def probabilities(self, scores: Scores, familiarity: Floats | None = None) -> Probabilities:
        """Low, estimate, high, and the share of true values that lies between: (n, 4)."""
        known = np.ones(scores.shape[1]) if familiarity is None else np.asarray(familiarity, np.float64)
        told: Probabilities = _told(
            scores, known, self._weights, self._centre, self._scale, self._slopes, self._usual, self._edges,
            self._reach, 1 - self.wrong,
        )  # fmt: skip
        return told

    def confidence(self, probabilities: Probabilities) -> NDArray[np.float32]:
        """1 for an interval without width, half for one as wide as would do knowing nothing of the row (n,)."""
        return np.asarray(self._spread / (self._spread + probabilities[:, 2] - probabilities[:, 0]), np.float32)

    def leanings(self, scores: Scores) -> Floats:
        """Numbers have no end: as they are told, of familiar rows."""
        return self.probabilities(scores).astype(np.float64)

    def state(self) -> State:
        return State(config=self._config)

    @classmethod
    def restore(cls, state: State) -> Self:
        return cls(dict(state.config))


def _blended(scores: Floats, truth: Floats) -> Floats:
    """Weights of the heads, none below 0, and what is added: (m + 1,). A head that adds nothing gets 0.

    Heads estimate numbers with mean 0 and spread 1, so together they get the spread of the truth at most. Where whole
    groups are held out, estimates are too near the mean out of fold, and the finished heads, which know the groups,
    would be stretched for it.
    """
    from scipy.optimize import nnls

    level, spread = truth.mean(), truth.std()
    weights, _ = nnls(scores.T, truth - level)
    if weights.sum() > spread:
        firm = 1e3 * math.sqrt(len(truth))  # one more row, that says what they come to
        weights, _ = nnls(np.vstack([scores.T, np.full(len(scores), firm)]), np.append(truth - level, firm * spread))
    return np.append(weights, level)


def _features(heads: int) -> int:
    return 3 + (heads > 1)


def _difficulty(features: Floats, missed: Floats) -> dict[str, Any]:
    """How the logarithm of the distance to the truth goes with the features, drawn to no dependence."""
    centre, scale = features.mean(axis=0), features.std(axis=0) + 1e-12
    around = np.clip((features - centre) / scale, -MOST_APART, MOST_APART)
    logs = np.log(missed + 0.05 * np.median(missed) + 1e-12)
    slopes = np.linalg.solve(around.T @ around + DRAWN * np.eye(around.shape[1]), around.T @ (logs - logs.mean()))
    usual = float(np.exp(logs.mean()))
    return {"centre": centre.tolist(), "scale": scale.tolist(), "slopes": slopes.tolist(), "usual": usual}


def _reach(missed: Floats, wrong: float) -> float:
    """The distance within which all but `wrong` of the truths lie, with one row for what comes.

    The same to either side: out of fold a whole group may be estimated too low that the finished heads know better, and
    an interval to one side alone would then hold nothing.
    """
    n = len(missed)
    rank = min(math.ceil((1 - wrong) * (n + 1) - 1e-9), n)
    return float(np.sort(missed)[rank - 1])


CALIBRATOR: Any = Intervals
