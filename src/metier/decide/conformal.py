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
from numpy.typing import NDArray

from metier.errors import PromiseNotSupported
from metier.types import Floats, Probabilities, Scores, State

MOST_GROUPS, ROWS_A_GROUP = 5, 100  # with fewer rows a group's interval says more of chance than of the group
STRAYING = 4.0  # how many times easier or harder than the usual row a row may be taken for
DRAWN = 20.0  # rows' worth of belief that all rows are alike hard


class Intervals:
    """Weights over heads, how hard rows are, and the interval of each group of like difficulty."""

    kind: ClassVar[str] = "conformal.v1"

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self.wrong = float(config["wrong"])
        self._weights = np.array(config["weights"], np.float64)  # (m + 1,), the last stands alone
        self._centre, self._scale, self._slopes, self._usual = (
            np.array(config[name], np.float64) for name in ("centre", "scale", "slopes", "usual")
        )
        self._edges = np.array(config["edges"], np.float64)  # (g - 1,), difficulties between groups
        self._reach = np.array(config["reach"], np.float64).reshape(-1, 2)  # (g, 2), below and above, in difficulties
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
        needed = math.ceil(2 / wrong)
        if n < needed:
            raise PromiseNotSupported(
                f"An interval that holds the true value {1 - wrong:.1%} of the time cannot be told from {n:,} rows. "
                f"Expected {needed:,} or more. Bring more rows, or allow more misses."
            )
        weights = _blended(scores[:, :, 0].astype(np.float64), truth)
        spread = _reach(truth, wrong)
        config: dict[str, Any] = {
            "wrong": wrong, "weights": weights.tolist(), "centre": [], "scale": [], "slopes": [], "usual": 0.0,
            "edges": [], "reach": [[0.0, 0.0]], "spread": max(float(spread[1] - spread[0]), 1e-12),
        }  # fmt: skip
        estimates = _estimates(scores, weights)
        features = _difficulty_features(scores, estimates, familiarity)  # (n, f)
        config |= _difficulty(features, np.abs(truth - estimates))
        hard = _hardness(features, config)
        groups = int(np.clip(n // max(ROWS_A_GROUP, needed), 1, MOST_GROUPS))
        edges = np.quantile(hard, np.arange(1, groups) / groups)
        group, missed = np.searchsorted(edges, hard, side="right"), (truth - estimates) / hard
        if min(np.bincount(group, minlength=groups)) < needed:  # equally hard rows fell into one
            edges, group = np.zeros(0), np.zeros(n, np.int64)
        config |= {
            "edges": edges.tolist(),
            "reach": [_reach(missed[group == g], wrong).tolist() for g in range(len(edges) + 1)],
        }
        return cls(config)

    def probabilities(self, scores: Scores, familiarity: Floats | None = None) -> Probabilities:
        """Low, estimate, high, and the share of true values that lies between: (n, 4)."""
        estimates = _estimates(scores, self._weights)
        hard = _hardness(_difficulty_features(scores, estimates, familiarity), self._config)
        reach = self._reach[np.searchsorted(self._edges, hard, side="right")] * hard[:, None]  # (n, 2)
        held = np.full(len(estimates), 1 - self.wrong)
        low, high = estimates + np.minimum(reach[:, 0], 0), estimates + np.maximum(reach[:, 1], 0)
        return np.stack([low, estimates, high, held], axis=1).astype(np.float32)

    def confidence(self, probabilities: Probabilities) -> NDArray[np.float32]:
        """1 for an interval without width, half for one as wide as would do knowing nothing of the row (n,)."""
        return np.asarray(self._spread / (self._spread + probabilities[:, 2] - probabilities[:, 0]), np.float32)

    def at_width(self, width: float) -> float:
        """The confidence of an interval of this width."""
        return self._spread / (self._spread + width)

    def state(self) -> State:
        return State(config=self._config)

    @classmethod
    def restore(cls, state: State) -> Self:
        return cls(dict(state.config))


def _blended(scores: Floats, truth: Floats) -> Floats:
    """Weights of the heads, none below 0, and what is added: (m + 1,). A head that adds nothing gets 0."""
    from scipy.optimize import nnls

    centres, level = scores.mean(axis=1), truth.mean()
    weights, _ = nnls((scores - centres[:, None]).T, truth - level)
    return np.append(weights, level - weights @ centres)


def _estimates(scores: Scores, weights: Floats) -> Floats:
    estimates = np.full(scores.shape[1], weights[-1])
    for head, weight in zip(scores[:, :, 0], weights[:-1], strict=True):
        estimates += weight * head
    return estimates


def _features(heads: int) -> int:
    return 3 + (heads > 1)


def _difficulty_features(scores: Scores, estimates: Floats, familiarity: Floats | None) -> Floats:
    """What may tell how far off a row is (n, f): the estimate, its square, its familiarity, how the heads disagree."""
    known = np.ones(len(estimates)) if familiarity is None else familiarity
    columns = [estimates, estimates**2, np.log(np.maximum(known, 0.01))]
    if len(scores) > 1:
        columns.append(np.log(np.abs(scores[:-1, :, 0] - scores[-1, :, 0]).mean(axis=0).astype(np.float64) + 0.02))
    return np.stack(columns, axis=1)


def _difficulty(features: Floats, missed: Floats) -> dict[str, Any]:
    """How the logarithm of the distance to the truth goes with the features, drawn to no dependence."""
    centre, scale = features.mean(axis=0), features.std(axis=0) + 1e-12
    around = np.clip((features - centre) / scale, -3, 3)
    logs = np.log(missed + 0.05 * np.median(missed) + 1e-12)
    slopes = np.linalg.solve(around.T @ around + DRAWN * np.eye(around.shape[1]), around.T @ (logs - logs.mean()))
    usual = float(np.exp(logs.mean()))
    return {"centre": centre.tolist(), "scale": scale.tolist(), "slopes": slopes.tolist(), "usual": usual}


def _hardness(features: Floats, config: dict[str, Any]) -> Floats:
    """How far off each row may be, in the units of the truth (n,)."""
    around = np.clip((features - np.array(config["centre"])) / np.array(config["scale"]), -3, 3)
    told = np.zeros(len(features))
    for column, slope in zip(around.T, config["slopes"], strict=True):
        told += slope * column
    return config["usual"] * np.exp(np.clip(told, -math.log(STRAYING), math.log(STRAYING)))


def _reach(values: Floats, wrong: float) -> Floats:
    """The lowest and highest value after leaving `wrong` of them out, half at each end, with one row for what comes."""
    ordered, n = np.sort(values), len(values)
    below = max(math.floor(wrong / 2 * (n + 1)), 1)
    return np.array([ordered[below - 1], ordered[n - below]])


CALIBRATOR: Any = Intervals
