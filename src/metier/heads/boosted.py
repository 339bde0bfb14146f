"""Scores for dense vectors: boosted trees, grown by LightGBM and run as masks of their leaves.

Knows nothing of where the vectors come from; only the order of the numbers in a column matters. For a single target the
trees see means of pairs of columns as well, where that is worth it. A head whose trees say anything else than those
that were grown is refused.

Source: Ke et al. 2017, "LightGBM".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from metier import lazy
from metier.encoders.pairs import MOST_COLUMNS, Pairs
from metier.encoders.trees import Trees
from metier.errors import BadOption, NotFaithful
from metier.types import Encoded, Floats, Json, Loss, Rows, Scores, State, Targets, Vectors

FILE = "trees.onnx"  # of before
MOST_TREES, PATIENCE = 1_000, 50
HELD_BACK, FEWEST_HELD = 0.2, 100  # of the rows, to say how many trees are enough; fewer rows say nothing
FEW_TREES = 100  # where nothing can be held back
MOST_TREES_IN_ALL = 6_000  # of all labels together: what is slow to run and large to keep
CHECKED_ROWS = 2_000
WORTH = 0.002  # of the loss of rows held back, by which pairs of columns must lower it
DIFFERENCE = 1e-4  # of a score: single precision over a thousand leaves


@dataclass(frozen=True, kw_only=True)
class _Goal:
    """What LightGBM is asked to lower, and the column it learns from; several labels at once only for softmax."""

    objective: str
    answers: Floats  # (n,)
    rows: NDArray[np.int64]  # those with an answer
    labels: int = 1


class BoostedHead:
    """Trees that mend one another, as many as rows held back ask for. Scores are sums of leaves."""

    kind = "boosted.v2"
    older = ("boosted.v1",)  # had its trees as an ONNX graph
    left_out: Scores | None = None
    _pairs: Pairs | None = None
    _trees: Trees | _Graph

    def __init__(self, *, rate: float = 0.05, leaves: int = 31, columns: float = 0.4, least: int = 20) -> None:
        self.rate, self.leaves, self.columns, self.least = rate, leaves, columns, least
        self.labels = 0
        self.mirrored = False  # one sum for two labels: the one gains what the other loses

    @classmethod
    def suited(cls, rows: int) -> Self:
        """Smaller trees where the rows are few."""
        return cls(leaves=int(np.clip(rows // 50, 4, 31)), least=int(np.clip(rows // 50, 3, 40)))

    def fit(self, encoded: Encoded, targets: Targets, *, loss: Loss, seed: int) -> Self:
        if isinstance(encoded, Rows):
            raise BadOption("heads/boosted takes dense vectors, and sparse Rows were given. Use the head 'hashed'.")
        lazy.need("lightgbm", extra="train", purpose="Learning trees")
        fitted = type(self)(rate=self.rate, leaves=self.leaves, columns=self.columns, least=self.least)
        fitted.labels = targets.shape[1]
        fitted.mirrored = loss == "softmax" and targets.shape[1] == 2
        vectors = np.ascontiguousarray(encoded, np.float32)
        goals = [*_goals(targets, loss)]
        if len(goals) == 1 and goals[0].labels == 1:
            fitted._pairs, vectors, several = self._paired(vectors, goals[0], seed)
            forests = [several]
        else:
            forests = [[self._grown(vectors, goal, seed)[0]] for goal in goals]
        half = 0.5 if fitted.mirrored else 1.0  # what the one label gains and the other loses
        grown = [trees for forest in forests for trees in _structures(forest)]
        fitted._trees = Trees.of(grown, vectors.shape[1], half / len(forests[0]))  # several are of a single target
        _check_faithful(fitted, forests, vectors[:: max(1, len(vectors) // CHECKED_ROWS)])
        return fitted

    def _paired(self, vectors: Vectors, goal: _Goal, seed: int) -> tuple[Pairs | None, Vectors, list[Any]]:
        """Trees that see columns alone; where rows held back say that pairs of them are worth it, such that see both as
        well, whose sums are averaged.
        """
        alone, loss = self._grown(vectors, goal, seed)
        if loss is None or vectors.shape[1] < 2:
            return None, vectors, [alone]
        used = np.argsort(-alone.feature_importance("gain"))[:MOST_COLUMNS]
        pairs, widened = Pairs.learnt(vectors[goal.rows], goal.answers, used.tolist(), seed)
        rows = np.zeros((len(vectors), widened.shape[1]), np.float32)
        rows[goal.rows] = widened
        both, lower = self._grown(rows, goal, seed)
        if not len(pairs.pairs) or lower is None or lower > loss * (1 - WORTH):
            return None, vectors, [alone]
        return pairs, rows, [alone, both]

    def _grown(self, vectors: Vectors, goal: _Goal, seed: int) -> tuple[Any, float | None]:
        """Trees on all rows, as many as were best for rows held back from a first go; their loss there, if any were."""
        import lightgbm

        settings = {
            "objective": goal.objective, "num_class": goal.labels, "learning_rate": self.rate,
            "num_leaves": self.leaves, "min_data_in_leaf": min(self.least, max(len(goal.rows) // 20, 1)),
            "feature_fraction": self.columns,
            "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 3.0, "seed": seed,
            "num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1,
        }  # fmt: skip
        rows, answers = vectors[goal.rows], goal.answers

        def grown(chosen: NDArray[np.bool_], trees: int, held: NDArray[np.bool_] | None) -> Any:
            # one thread in every call: the number is LightGBM's alone, not a call's, and where one fit raises it while
            # another fills its bins, that one writes beside them
            learnt = lightgbm.Dataset(rows[chosen], answers[chosen], params=settings, free_raw_data=True)
            if held is None:
                return lightgbm.train(settings, learnt, trees)
            judged = lightgbm.Dataset(rows[held], answers[held], reference=learnt, params=settings)
            stop = lightgbm.early_stopping(PATIENCE, verbose=False)
            return lightgbm.train(settings, learnt, trees, valid_sets=[judged], callbacks=[stop])

        every = np.ones(len(rows), bool)
        most = max(MOST_TREES_IN_ALL // goal.labels, 10)
        held = _held_back(answers, seed)
        if held is None:
            return grown(every, min(FEW_TREES, most), None), None
        first = grown(~held, min(MOST_TREES, most), held)
        (loss,) = next(iter(first.best_score.values())).values()
        # more rows bear a few more trees
        return grown(every, max(round(first.best_iteration / (1 - HELD_BACK / 2)), 1), None), float(loss)

    def scores(self, encoded: Encoded) -> Scores:
        """Scores (n, k)."""
        assert not isinstance(encoded, Rows)
        if not len(encoded):
            return np.zeros((0, self.labels), np.float32)
        vectors = encoded if self._pairs is None else self._pairs.beside(encoded)
        return self._trees.sums(vectors, mirrored=self.mirrored)

    def state(self) -> State:
        pairs = State() if self._pairs is None else self._pairs.state()
        trees = self._trees.state()
        config: dict[str, Json] = {"labels": self.labels, "mirrored": self.mirrored}
        return State(config=config, arrays={**pairs.arrays, **trees.arrays}, files=trees.files)

    @classmethod
    def restore(cls, state: State) -> Self:
        config: dict[str, Any] = dict(state.config)
        head = cls()
        head.labels, head.mirrored = config["labels"], config["mirrored"]
        head._pairs = Pairs.restore(state.arrays) if "pairs" in state.arrays else None
        head._trees = _Graph(state.files[FILE]) if FILE in state.files else Trees.restore(state.arrays)
        return head


class _Graph:
    """The trees of `boosted.v1`, run as they were written."""

    def __init__(self, written: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._written = written
        self._run = onnxruntime.InferenceSession(written, options, providers=["CPUExecutionProvider"]).run

    def sums(self, vectors: Vectors, *, mirrored: bool = False) -> Scores:
        """The sums (n, k)."""
        sums: Scores = self._run(None, {"vectors": vectors})[0]
        return np.hstack([-sums, sums]) if mirrored else sums

    def state(self) -> State:
        """The file."""
        return State(files={FILE: self._written})


def _goals(targets: Targets, loss: Loss) -> Iterator[_Goal]:
    """What is learnt for these targets: all labels at once, or column by column over the rows that have an answer."""
    every = np.arange(len(targets))
    if loss == "softmax" and targets.shape[1] > 2:
        yield _Goal(
            objective="multiclass", answers=targets.argmax(axis=1).astype(np.float64), rows=every,
            labels=targets.shape[1],
        )  # fmt: skip
    elif loss == "softmax":
        yield _Goal(objective="cross_entropy", answers=targets[:, 1].astype(np.float64), rows=every)
    else:
        objective = "cross_entropy" if loss == "logistic" else "regression"
        for column in targets.T:
            there = np.flatnonzero(~np.isnan(column))
            yield _Goal(objective=objective, answers=column[there].astype(np.float64), rows=there)


def _held_back(answers: Floats, seed: int) -> NDArray[np.bool_] | None:
    """A fifth of the rows, the same share of every answer; None where they would be too few to say anything."""
    if len(answers) * HELD_BACK < FEWEST_HELD:
        return None
    order = np.random.default_rng(seed).permutation(len(answers))
    order = order[np.argsort(answers[order], kind="stable")]
    held = np.zeros(len(answers), bool)
    held[order[2 :: round(1 / HELD_BACK)]] = True
    return held


def _structures(forest: Sequence[Any]) -> Iterator[list[Any]]:
    """The trees of each label, from boosters that add up."""
    models = [booster.dump_model() for booster in forest]
    labels = models[0]["num_tree_per_iteration"]
    for label in range(labels):
        yield [tree["tree_structure"] for model in models for tree in model["tree_info"][label::labels]]


def _check_faithful(head: BoostedHead, forests: Sequence[Sequence[Any]], vectors: Vectors) -> None:
    """Hold the trees kept to what those grown say.

    Raises: NotFaithful where a label flips or a score differs.
    """
    said = head._trees.sums(vectors) * (2 if head.mirrored else 1)
    wanted = np.column_stack([np.mean([_raw(one, vectors) for one in forest], axis=0) for forest in forests])  # (n, k)
    far = (np.abs(said - wanted) > DIFFERENCE * np.maximum(1, np.abs(wanted))).any(axis=1)
    # one sum alone says one label above 0 and the other below; labels this near to one another are a tie
    ranked = np.sort(np.hstack([wanted, np.zeros_like(wanted)]) if wanted.shape[1] == 1 else wanted, axis=1)
    tie = ranked[:, -1] - ranked[:, -2] <= DIFFERENCE
    alone = wanted.shape[1] == 1
    flipped = ((said > 0) != (wanted > 0))[:, 0] if alone else said.argmax(axis=1) != wanted.argmax(axis=1)
    wrong = far | (flipped & ~tie)
    if wrong.any():
        raise NotFaithful(
            f"heads/boosted: of {len(vectors):,} rows {int(wrong.sum()):,} get other scores from the trees kept than "
            f"from those grown, such as {said[wrong][0]} and not {wanted[wrong][0]}. Expected the same to "
            f"{DIFFERENCE}. Install the version of lightgbm in constraints.txt, and report it."
        )


def _raw(booster: Any, vectors: Vectors) -> Floats:
    said: Floats = booster.predict(vectors[:, : booster.num_feature()], raw_score=True, num_threads=1)
    return said


HEAD: Any = BoostedHead
