"""A specialist as scikit-learn knows classifiers and regressors: `fit`, `predict`, in pipelines and searches.

Knows nothing of how a specialist learns. There is no abstaining in scikit-learn: `predict` always gives the likeliest
label, or the estimate, and `decide` is the method to ask what a specialist would answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from metier import api
from metier.columns import label_text
from metier.data.columnar import framed
from metier.errors import BadCell
from metier.types import Decision, Effort, Floats, Probabilities, Value


class _Metier(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """What all of them share: parameters, cells, abstentions."""

    specialist_: api.Specialist

    def __init__(
        self,
        *,
        effort: Effort = "standard",
        max_error: float | None = None,
        false_refusal: float = 0.02,
        max_ms: float | None = None,
        max_mb: float | None = None,
        seed: int = 0,
    ) -> None:
        self.effort = effort
        self.max_error = max_error
        self.false_refusal = false_refusal
        self.max_ms = max_ms
        self.max_mb = max_mb
        self.seed = seed

    def decide(self, X: Any) -> list[Decision]:
        """What the specialist answers to every cell, abstentions with their reasons among it."""
        check_is_fitted(self)
        return self.specialist_.predict(self._cells(X))

    def _learn(self, cells: dict[str, list[Any]], answers: dict[str, Any], task: str) -> api.Specialist:
        """A specialist for columns of cells and those of their answers."""
        free = {name if name not in cells else f"{name} of {len(cells)}": column for name, column in answers.items()}
        learnt = api.train({**cells, **free}, input=list(cells), target=",".join(free), task=task, **self.get_params())
        assert isinstance(learnt, api.Specialist)  # the tasks of estimators are of that form
        return learnt

    def _told(self, X: Any) -> Probabilities:
        """What is predicted of every cell.

        Raises: BadCell, naming the cell that cannot be read: nothing is known of it.
        """
        check_is_fitted(self)
        read = self.specialist_.domain.read
        values: list[Value] = []
        for place, cell in enumerate(self._cells(X)):
            try:
                values.append(read(cell))
            except BadCell as problem:
                raise BadCell(f"X[{place}]: {problem}") from None
        return self.specialist_.predicted(values).probabilities

    def _cells(self, X: Any) -> Sequence[Any]:
        """What there is to read in each row.

        Raises: ValueError for another number of columns than was learnt.
        """
        columns, learnt = _columns(X), self.specialist_.columns
        if len(columns) != len(learnt):
            raise ValueError(f"X has {len(columns)} columns. Expected the {len(learnt)} that were learnt.")
        # by name where the names are those learnt, by place in arrays and lists
        ordered = [columns[name] for name in learnt] if set(columns) == set(learnt) else list(columns.values())
        return ordered[0] if len(ordered) == 1 else list(zip(*ordered, strict=True))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = True, False
        tags.input_tags.one_d_array = True
        return tags


class MetierClassifier(ClassifierMixin, _Metier):  # type: ignore[misc]  # scikit-learn ships no types
    """`MetierClassifier(effort="quick").fit(texts, labels).predict(["where is my card?"])`.

    The parameters are those of `metier.train`. `X` is a sequence of cells, such as a list of texts or a column of a
    frame, or a table: a frame or array with a row for each label, every column of which is read. `specialist_` is what
    was learnt, with `.save("folder")`; `classes_` are the labels as they were given.
    A matrix `y` (n, k) of 0, 1 and NaN for a gap has labels that stand by themselves; `predict` gives such a matrix.
    """

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Learn from cells and their labels.

        Raises: ValueError for other shapes; DataError, BadOption and PromiseNotSupported as `metier.train` does.
        """
        cells, labels = _columns(X), np.asarray(y)
        n = len(next(iter(cells.values())))
        if labels.ndim not in (1, 2) or len(labels) != n:
            raise ValueError(f"y has shape {labels.shape}. Expected one label for each of the {n} cells of X.")
        if labels.ndim == 2:
            self.classes_: NDArray[Any] = np.arange(labels.shape[1])
            columns = {f"label {i}": [_mark(mark) for mark in column] for i, column in enumerate(labels.T.tolist())}
            self.specialist_ = self._learn(cells, columns, "multilabel")
            self._places: list[int] | None = None
            return self
        self.classes_ = np.unique(labels)
        self.specialist_ = self._learn(cells, {"target": labels.tolist()}, "classify")
        # a specialist sorts its labels as text: 10 comes before 9
        self._places = [self.specialist_.labels.index(str(label_text(one))) for one in self.classes_.tolist()]
        return self

    def predict_proba(self, X: Any) -> Probabilities:
        """Calibrated probabilities (n, k), in the order of `classes_`.

        Raises: BadCell, naming the cell that cannot be read: it has no probabilities.
        """
        told = self._told(X)
        return told if self._places is None else told[:, self._places]

    def predict(self, X: Any) -> NDArray[Any]:
        """The likeliest label of every cell (n,), sure or not; of labels that stand by themselves each (n, k)."""
        told = self.predict_proba(X)
        if self._places is None:
            return (told >= 0.5).astype(np.int64)
        chosen: NDArray[Any] = self.classes_[told.argmax(axis=1)]
        return chosen

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class MetierRegressor(RegressorMixin, _Metier):  # type: ignore[misc]  # scikit-learn ships no types
    """`MetierRegressor(effort="quick").fit(texts, prices).predict(["a chair of oak"])`.

    The parameters are those of `metier.train`; `max_error` is the share of true values that may lie outside.
    """

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Learn from cells and their numbers.

        Raises: ValueError for other shapes; DataError, BadOption and PromiseNotSupported as `metier.train` does.
        """
        cells, numbers = _columns(X), np.asarray(y, np.float64)
        n = len(next(iter(cells.values())))
        if numbers.ndim != 1 or len(numbers) != n:
            raise ValueError(f"y has shape {numbers.shape}. Expected one number for each of the {n} cells of X.")
        self.specialist_ = self._learn(cells, {"target": numbers.tolist()}, "regress")
        return self

    def predict(self, X: Any) -> Floats:
        """The estimate for every cell (n,), in scope or not."""
        return self._told(X)[:, 1].astype(np.float64)

    def predict_interval(self, X: Any) -> Floats:
        """Low and high (n, 2): the true value lies between as often as was promised."""
        return self._told(X)[:, [0, 2]].astype(np.float64)


def _mark(mark: Any) -> Any:
    """A cell of a label: None for a gap."""
    return None if isinstance(mark, float) and np.isnan(mark) else mark


def _columns(X: Any) -> dict[str, list[Any]]:
    """The cells of a list or array, of a column, or of every column of a frame or table, by name.

    Raises: ValueError for one text alone, and for what has neither one dimension nor two.
    """
    if isinstance(X, str | bytes):
        raise ValueError(f"X is one text, {X[:40]!r}. Expected a sequence of them: [text].")
    if hasattr(X, "columns"):
        return {name: list(cells) for name, cells in framed(X).columns.items()}
    cells = X.astype(object) if isinstance(X, np.ndarray) else np.asarray(X, dtype=object)
    if cells.ndim == 1:
        return {"input": _gapped(cells)}
    if cells.ndim != 2 or not cells.shape[1]:
        raise ValueError(f"X has shape {cells.shape}. Expected one column of cells, a list of texts say, or a table.")
    names = ["input"] if cells.shape[1] == 1 else [f"x{i}" for i in range(cells.shape[1])]
    return {name: _gapped(column) for name, column in zip(names, cells.T, strict=True)}


def _gapped(cells: NDArray[Any]) -> list[Any]:
    return [None if isinstance(cell, float) and cell != cell else cell for cell in cells.tolist()]
