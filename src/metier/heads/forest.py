"""Scores for dense vectors: extremely randomised trees and boosted ones, averaged; the two err in different places.

Knows nothing of where the vectors come from. scikit-learn and LightGBM grow the trees, which are then kept as arrays of
nodes and walked by compiled code: an ONNX graph of the same trees is 2.8 times as large, and takes a row 1.5 times as
long.

Source: Geurts et al. 2006 (extremely randomised trees); Ke et al. 2017 (LightGBM).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metier.errors import BadOption, MetierError
from metier.types import Encoded, Floats, Json, Loss, Rows, Scores, State, Targets, Vectors

I32: TypeAlias = NDArray[np.int32]
F32: TypeAlias = NDArray[np.float32]
LOSSES: tuple[Loss, ...] = ("softmax", "logistic", "squared")
MANY_ROWS = (
    4_000  # from here leaves are larger and a split tries fewer columns, for a third of the time and no less right
)
RATE, MOST_BOOSTED = 0.06, 3_000
LEAVES = {"softmax": 15, "logistic": 15, "squared": 7}  # numbers want smaller trees, and twice as many
SEEN_BY_A_TREE = 24  # columns at least, so that a narrow table is not seen through a slit
COMPARED, TOLERANCE = 1_000, 1e-4  # rows and scores for the check that our trees say what the library's do
FLOOR = 1e-4  # no probability is taken for exactly 0 or 1


@njit(cache=True, nogil=True)
def _sums(
    vectors: F32, features: I32, thresholds: F32, onward: I32, leaves: F32, roots: I32, columns: I32, wide: int
) -> Floats:
    """What the leaves that each row falls into add up to (n, wide). Left is the next node, right is `onward`."""
    sums = np.zeros((len(vectors), wide), np.float64)
    for i in range(len(vectors)):
        for t in range(len(roots)):
            node = roots[t]
            while features[node] >= 0:
                node = node + 1 if vectors[i, features[node]] <= thresholds[node] else onward[node]
            for w in range(leaves.shape[1]):
                sums[i, columns[t] + w] += leaves[onward[node], w]
    return sums


@dataclass(frozen=True, kw_only=True)
class Trees:
    """Trees as arrays, node after node, each before its left branch and that before its right.

    Shapes: features, thresholds, onward (nodes,); a leaf has the feature -1, and in `onward` its row of leaves (l, w).
    roots, columns (t,): where each tree begins, and the first of the w columns it adds to.
    """

    features: I32
    thresholds: F32
    onward: I32
    leaves: F32
    roots: I32
    columns: I32

    def sums(self, vectors: Vectors, wide: int) -> Floats:
        """The sum over the trees (n, wide)."""
        return np.asarray(
            _sums(
                np.ascontiguousarray(vectors, np.float32), self.features, self.thresholds, self.onward, self.leaves,
                self.roots, self.columns, wide,
            )
        )  # fmt: skip

    def check(self, width: int, wide: int) -> None:
        """Every walk stays inside the arrays and ends.

        Raises: ValueError.
        """
        nodes = np.arange(len(self.features))
        leaf = self.features < 0
        last = np.append(self.roots[1:], len(nodes))  # where the tree of each root stops
        tree = np.searchsorted(self.roots, nodes, side="right") - 1
        stop = last[tree] if len(nodes) else last[:0]
        sound = (
            len(self.features) == len(self.thresholds) == len(self.onward)
            and len(self.roots) == len(self.columns)
            and (not len(nodes) or (len(self.roots) > 0 and self.roots[0] == 0))
            and bool((np.diff(self.roots) > 0).all() and (self.roots < len(nodes)).all())
            and bool((self.features < width).all())
            and bool(((self.onward[leaf] >= 0) & (self.onward[leaf] < len(self.leaves))).all())
            and bool(((self.onward[~leaf] > nodes[~leaf] + 1) & (self.onward[~leaf] < stop[~leaf])).all())
            and bool(leaf[stop - 1].all())
            and bool(((self.columns >= 0) & (self.columns + self.leaves.shape[1] <= wide)).all())
        )
        if not sound:
            raise ValueError("the nodes of a forest do not fit one another")

    @classmethod
    def joined(cls, trees: Sequence[tuple[int, _Nodes]], w: int) -> Self:
        """Trees one after the other, each with the first column it adds to."""
        sizes = [len(nodes.features) for _, nodes in trees]
        roots = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
        counts = [len(nodes.leaves) for _, nodes in trees]
        first_leaf = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        onward = [
            np.where(nodes.features < 0, nodes.onward + first_leaf[i], nodes.onward + roots[i])
            for i, (_, nodes) in enumerate(trees)
        ]
        return cls(
            features=_end_to_end([nodes.features for _, nodes in trees], np.int32),
            thresholds=_end_to_end([nodes.thresholds for _, nodes in trees], np.float32),
            onward=_end_to_end(onward, np.int32),
            leaves=np.concatenate([np.zeros((0, w)), *(nodes.leaves for _, nodes in trees)]).astype(np.float32),
            roots=roots[:-1],
            columns=np.array([column for column, _ in trees], np.int32),
        )


@dataclass(frozen=True, kw_only=True)
class _Nodes:
    """One tree, its nodes and leaves counted from 0."""

    features: I32
    thresholds: F32
    onward: I32
    leaves: Floats  # (l, w)


def _end_to_end(arrays: Sequence[NDArray[Any]], kind: Any) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, kind), *arrays]).astype(kind)


class ForestHead:
    """`trees` randomised ones for all columns or, with gaps, for each; and at most `rounds` of boosting."""

    kind = "forest.v1"
    left_out: Scores | None = None

    def __init__(self, *, trees: int = 100, smallest_leaf: int = 2, share: float = 0.3, rounds: int = 200) -> None:
        self.trees, self.smallest_leaf, self.share, self.rounds = trees, smallest_leaf, share, rounds
        self._loss: Loss = "softmax"
        self._shape = (0, 0)  # (d, k)
        self._random = self._boosted = Trees.joined([], 1)

    @classmethod
    def suited(cls, rows: int) -> Self:
        return cls() if rows < MANY_ROWS else cls(smallest_leaf=5, share=0.1)

    def fit(self, encoded: Encoded, targets: Targets, *, loss: Loss = "softmax", seed: int) -> Self:
        if isinstance(encoded, Rows):
            raise BadOption("heads/forest takes dense vectors, and sparse Rows were given. Use the head 'hashed'.")
        vectors = np.ascontiguousarray(encoded, np.float32)
        fitted = type(self)(trees=self.trees, smallest_leaf=self.smallest_leaf, share=self.share, rounds=self.rounds)
        fitted._loss, fitted._shape = loss, (vectors.shape[1], targets.shape[1])
        # of two labels the second says it all
        wanted = targets[:, 1:] if loss == "softmax" and targets.shape[1] == 2 else targets
        fitted._random = self._randomised(vectors, wanted, loss, seed)
        fitted._boosted = self._boosting(vectors, wanted, loss, seed)
        return fitted

    def scores(self, encoded: Encoded) -> Scores:
        """Scores (n, k)."""
        assert not isinstance(encoded, Rows)
        wide = self._wide
        random = self._random.sums(encoded, wide) / max(self.trees, 1)
        boosted = self._boosted.sums(encoded, wide)
        if self._loss == "squared":
            return np.asarray((random + boosted) / 2, np.float32)
        if self._loss == "logistic" or wide == 1:
            p = np.clip((random + 1 / (1 + np.exp(-boosted))) / 2, FLOOR, 1 - FLOOR)  # (n, wide)
            if self._loss == "logistic":
                return np.asarray(np.log(p / (1 - p)), np.float32)
            return np.asarray(np.log(np.hstack([1 - p, p])), np.float32)  # (n, 2)
        raised = np.exp(boosted - boosted.max(axis=1, keepdims=True, initial=-np.inf))
        p = (random + raised / raised.sum(axis=1, keepdims=True)) / 2
        return np.asarray(np.log(np.clip(p, FLOOR, 1)), np.float32)

    def state(self) -> State:
        parts = {"random": self._random, "boosted": self._boosted}
        arrays = {f"{name}.{f.name}": getattr(trees, f.name) for name, trees in parts.items() for f in fields(Trees)}
        config: dict[str, Json] = {"trees": self.trees, "loss": self._loss, "shape": list[Json](self._shape)}
        return State(config=config, arrays=arrays)

    @classmethod
    def restore(cls, state: State) -> Self:
        config: dict[str, Any] = dict(state.config)
        head = cls(trees=int(config["trees"]))
        width, k = config["shape"]
        head._loss, head._shape = next(loss for loss in LOSSES if loss == config["loss"]), (int(width), int(k))
        for name in ("random", "boosted"):
            given = {f.name: np.ascontiguousarray(state.arrays[f"{name}.{f.name}"]) for f in fields(Trees)}
            trees = Trees(**given)
            trees.check(head._shape[0], head._wide)
            setattr(head, f"_{name}", trees)
        return head

    @property
    def _wide(self) -> int:
        """Columns that trees add to."""
        k = self._shape[1]
        return 1 if self._loss == "softmax" and k == 2 else k

    def _randomised(self, vectors: Vectors, wanted: Targets, loss: Loss, seed: int) -> Trees:
        from sklearn.ensemble import ExtraTreesRegressor

        grown: list[tuple[int, _Nodes]] = []
        together = [range(wanted.shape[1])] if loss != "logistic" else [[q] for q in range(wanted.shape[1])]
        for columns in together:
            part = wanted[:, list(columns)].astype(np.float64)
            known = np.flatnonzero(~np.isnan(part).any(axis=1))
            if not len(known):
                continue  # nothing is known of this label, and its score stays 0
            # variance over one-hot columns is Gini impurity, and takes soft targets too
            forest = ExtraTreesRegressor(
                self.trees, min_samples_leaf=self.smallest_leaf, max_features=self.share, random_state=seed, n_jobs=1
            ).fit(vectors[known], part[known] if part.shape[1] > 1 else part[known, 0])
            own = [(columns[0], _of_sklearn(tree.tree_)) for tree in forest.estimators_]
            w = part.shape[1]
            some = vectors[known][:COMPARED]
            ours = Trees.joined([(0, nodes) for _, nodes in own], w).sums(some, w) / self.trees
            _same(ours, forest.predict(some).reshape(-1, w))
            grown += own
        return Trees.joined(grown, 1 if loss == "logistic" else wanted.shape[1])

    def _boosting(self, vectors: Vectors, wanted: Targets, loss: Loss, seed: int) -> Trees:
        import lightgbm

        k = wanted.shape[1]
        several = loss == "softmax" and k > 1
        settings = {
            "learning_rate": RATE, "num_leaves": LEAVES[loss],
            "feature_fraction": min(1.0, max(0.2 if loss == "squared" else 0.1, SEEN_BY_A_TREE / vectors.shape[1])),
            "min_data_in_leaf": max(1, min(5, len(vectors) // 20)), "lambda_l2": 1.0, "bagging_fraction": 0.8,
            "bagging_freq": 1, "seed": seed, "num_threads": 1, "deterministic": True, "force_col_wise": True,
            "verbose": -1,
        }  # fmt: skip
        settings |= {"objective": "regression"} if loss == "squared" else {"objective": "cross_entropy"}
        if several:
            settings |= {"objective": "multiclass", "num_class": k}
        rounds = max(1, min(2 * self.rounds if loss == "squared" else self.rounds, MOST_BOOSTED // k))
        grown: list[tuple[int, _Nodes]] = []
        for q in [0] if several else range(k):
            column = wanted.argmax(axis=1).astype(np.float64) if several else wanted[:, q].astype(np.float64)
            known = np.flatnonzero(~np.isnan(column))
            if not len(known) or (loss == "logistic" and np.ptp(column[known]) == 0):
                continue
            # one thread in every call, as in heads/boosted
            data = lightgbm.Dataset(vectors[known], column[known], params=settings)
            booster = lightgbm.train(settings, data, rounds)
            trees = booster.dump_model()["tree_info"]
            own = [(i % k if several else q, _of_lightgbm(tree["tree_structure"])) for i, tree in enumerate(trees)]
            some, wide = vectors[known][:COMPARED], k if several else 1
            ours = Trees.joined([(c if several else 0, nodes) for c, nodes in own], 1).sums(some, wide)
            _same(ours, np.asarray(booster.predict(some, raw_score=True, num_threads=1)).reshape(-1, wide))
            grown += own
        return Trees.joined(grown, 1)


def _of_sklearn(tree: Any) -> _Nodes:
    leaf = tree.children_left < 0
    order = np.cumsum(leaf) - 1
    return _Nodes(
        features=np.where(leaf, -1, tree.feature).astype(np.int32),
        thresholds=_floored(tree.threshold),
        onward=np.where(leaf, order, tree.children_right).astype(np.int32),
        leaves=tree.value[leaf][:, :, 0],
    )


def _of_lightgbm(root: dict[str, Any]) -> _Nodes:
    features: list[int] = []
    thresholds: list[float] = []
    onward: list[int] = []
    leaves: list[list[float]] = []

    def place(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
        here = len(features)
        if "leaf_value" in node:
            features.append(-1)
            thresholds.append(0.0)
            onward.append(len(leaves))
            leaves.append([node["leaf_value"]])
            return
        if node["decision_type"] != "<=":
            raise MetierError(f"LightGBM grew a split by {node['decision_type']!r}. Expected '<='. Report this.")
        features.append(node["split_feature"])
        thresholds.append(node["threshold"])
        onward.append(-1)
        yield node["left_child"]
        onward[here] = len(features)
        yield node["right_child"]

    walks = [place(root)]
    while walks:
        child = next(walks[-1], None)
        if child is None:
            walks.pop()
        else:
            walks.append(place(child))
    return _Nodes(
        features=np.array(features, np.int32),
        thresholds=_floored(np.array(thresholds)),
        onward=np.array(onward, np.int32),
        leaves=np.array(leaves, np.float64),
    )


def _floored(thresholds: Floats) -> F32:
    """The largest single-precision numbers that are not above: no single-precision value lies between the two."""
    near = thresholds.astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)


def _same(ours: Floats, theirs: Floats) -> None:
    """Check that the trees we keep say what the library's own say.

    Raises: MetierError where a label flips or a score differs.
    """
    flipped = int((ours.argmax(axis=1) != theirs.argmax(axis=1)).sum()) if ours.shape[1] > 1 else 0
    far = float(np.abs(ours - theirs).max(initial=0) / (1 + np.abs(theirs).max(initial=0)))
    if far > TOLERANCE:
        raise MetierError(
            f"heads/forest: the trees kept differ from those grown by up to {far:.2g}, and {flipped} of {len(ours)} "
            "labels flip. Expected the same. Install the versions of constraints.txt, and report this."
        )


HEAD: Any = ForestHead
