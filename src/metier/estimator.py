"""A specialist as scikit-learn knows classifiers: `fit`, `predict`, `predict_proba`, in pipelines and searches.

Knows nothing of how a specialist learns. There is no abstaining in scikit-learn: `predict` always gives the likeliest
label, and `decide` is the method to ask what a specialist would answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from metier import api
from metier.columns import label_text
from metier.data.columnar import framed
from metier.errors import BadCell
from metier.types import Decision, Effort, Probabilities, Value


class MetierClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """`MetierClassifier(effort="quick").fit(texts, labels).predict(["where is my card?"])`.

    The parameters are those of `metier.train`. `X` is a sequence of cells, such as a list of texts or a column of a
    frame, or a table: a frame or array with a row for each label, every column of which is read. `specialist_` is what
    was learnt, with `.save("folder")`; `classes_` are the labels as they were given.
    """

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

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Learn from cells and their labels.

        Raises: ValueError for other shapes; DataError, BadOption and PromiseNotSupported as `metier.train` does.
        """
        columns, labels = _columns(X), np.asarray(y)
        n = len(next(iter(columns.values())))
        if labels.ndim != 1 or len(labels) != n:
            raise ValueError(f"y has shape {labels.shape}. Expected one label for each of the {n} cells of X.")
        self.classes_: NDArray[Any] = np.unique(labels)
        target = next(name for name in ("target", "metier_target", f"target of {len(columns)}") if name not in columns)
        self.specialist_ = api.train(
            {**columns, target: labels.tolist()}, input=list(columns), target=target, **self.get_params()
        )
        # a specialist sorts its labels as text: 10 comes before 9
        self._places = [self.specialist_.labels.index(str(label_text(one))) for one in self.classes_.tolist()]
        return self

    def predict_proba(self, X: Any) -> Probabilities:
        """Calibrated probabilities (n, k), in the order of `classes_`.

        Raises: BadCell, naming the cell that cannot be read: it has no probabilities.
        """
        check_is_fitted(self)
        read = self.specialist_.domain.read
        values: list[Value] = []
        for place, cell in enumerate(self._cells(X)):
            try:
                values.append(read(cell))
            except BadCell as problem:
                raise BadCell(f"X[{place}]: {problem}") from None
        return self.specialist_.predicted(values).probabilities[:, self._places]

    def predict(self, X: Any) -> NDArray[Any]:
        """The likeliest label of every cell (n,), sure or not."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        chosen: NDArray[Any] = self.classes_[likeliest]
        return chosen

    def decide(self, X: Any) -> list[Decision]:
        """What the specialist answers to every cell, abstentions with their reasons among it."""
        check_is_fitted(self)
        return self.specialist_.predict(self._cells(X))

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
