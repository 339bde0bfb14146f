"""Rows to folds that are fair to every label and never part a group.

Knows labels and groups as numbers only. Ours, because scikit-learn's StratifiedGroupKFold may leave a label without a
single training row in some fold, and takes a deviation over all labels for each group.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from metier.errors import BadOption
from metier.types import Floats, Labels

NONE, SEVERAL = -1, -2


def folds(labels: Labels, groups: Labels | None, count: int, seed: int, *, runs: bool = False) -> Labels:
    """The fold of each row, 0 to count - 1: every label spread evenly, every group in one fold.

    Largest groups first, each to the fold that has least of its labels. A label that occurs in two groups or more is
    never in one fold alone, so that it can be learnt whichever fold is held out. With `runs`, those rows of a label
    that stand alone and follow one another share a fold.

    Shapes: labels (n,), groups (n,) or None where each row stands alone; fold numbers (n,).
    Raises: BadOption when count is below 2.
    """
    if count < 2:
        raise BadOption(f"folds: {count} is too few. Expected 2 or more.")
    group_of = np.arange(len(labels)) if groups is None else np.unique(groups, return_inverse=True)[1]
    members = _members(labels, group_of)
    spread = _Spread(members, count)
    fold_of_group = np.zeros(len(members), np.int64)
    shuffled = np.random.default_rng(seed).permutation(len(members))
    for group in sorted(shuffled.tolist(), key=lambda g: -sum(members[g].values())):
        fold_of_group[group] = spread.place(members[group])
    fold = fold_of_group[group_of]
    if runs:
        alone = np.flatnonzero(np.bincount(group_of)[group_of] == 1)
        turn = np.random.default_rng(seed).permutation(count)  # which fold has the first run
        for label in np.unique(labels[alone]):
            rows = alone[labels[alone] == label]
            fold[rows] = turn[np.sort(np.argsort(turn)[fold[rows]])]
    return fold


def _members(labels: Labels, group_of: Labels) -> list[Counter[int]]:
    members: list[Counter[int]] = [Counter() for _ in range(int(group_of.max(initial=-1)) + 1)]
    for label, group in zip(labels.tolist(), group_of.tolist(), strict=True):
        members[group][label] += 1
    return members


class _Spread:
    """How much of each label every fold has so far."""

    def __init__(self, members: list[Counter[int]], count: int) -> None:
        self.to_come = Counter(label for group in members for label in group)
        self.rows = {label: [0] * count for label in self.to_come}
        self.only_fold = dict.fromkeys(self.to_come, NONE)
        self.total = [0] * count

    def place(self, group: Counter[int]) -> int:
        """Put a group where its labels are scarcest, and say where."""
        closed = {self.only_fold[label] for label in group if self.to_come[label] == 1}
        allowed = [fold for fold in range(len(self.total)) if fold not in closed] or list(range(len(self.total)))
        chosen = min(allowed, key=lambda fold: (self._alike(group, fold), self.total[fold]))
        for label, n in group.items():
            self.rows[label][chosen] += n
            self.to_come[label] -= 1
            self.only_fold[label] = chosen if self.only_fold[label] in (NONE, chosen) else SEVERAL
        self.total[chosen] += group.total()
        return chosen

    def _alike(self, group: Counter[int], fold: int) -> int:
        return sum(n * self.rows[label][fold] for label, n in group.items())


def blocks(moments: Floats, groups: Labels | None, count: int) -> Labels:
    """The fold of each row: blocks of time of like size, one after another; equal moments and groups are never parted.

    A group lies where the middle of its rows does. Shapes: moments (n,), groups (n,) or None; fold numbers (n,).
    """
    if groups is not None:
        _, group_of = np.unique(groups, return_inverse=True)
        order = np.lexsort((moments, group_of))
        starts = np.concatenate([[0], np.flatnonzero(np.diff(group_of[order])) + 1])
        sizes = np.diff(np.append(starts, len(order)))
        moments = moments[order][starts + sizes // 2][group_of]
    _, place, rows = np.unique(moments, return_inverse=True, return_counts=True)
    middle = (rows.cumsum() - rows / 2) / len(moments)
    fold = np.minimum((middle * count).astype(np.int64), count - 1)
    return np.unique(fold, return_inverse=True)[1][place].astype(np.int64)


def together(groups: Labels | None, others: Labels | None) -> Labels | None:
    """Groups that keep together what either keeps together."""
    if groups is None or others is None:
        return others if groups is None else groups
    group_of, other_of = (np.unique(some, return_inverse=True)[1] for some in (groups, others))
    joined = group_of
    while True:  # the least number spreads through groups of the one kind and the other, in turn
        spread = joined
        for of in (other_of, group_of):
            least = np.full(len(spread), len(spread))
            np.minimum.at(least, of, spread)
            spread = least[of]
        if np.array_equal(spread, joined):
            return joined.astype(np.int64)
        joined = spread
