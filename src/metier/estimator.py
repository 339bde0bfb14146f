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

from metier import api, lazy
from metier.columns import label_text
from metier.errors import BadCell
from metier.types import Decision, Effort, Probabilities, Value


class MetierClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """`MetierClassifier(effort="quick").fit(texts, labels).predict(["where is my card?"])`.

    The parameters are those of `metier.train`. `X` is a sequence of cells, such as a list of texts or a column of a
    frame. `specialist_` is what was learnt, with `.save("folder")`; `classes_` are the labels as they were given.
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
        cells, labels = _column(X), np.asarray(y)
        if labels.ndim != 1 or len(labels) != len(cells):
            raise ValueError(f"y has shape {labels.shape}. Expected one label for each of the {len(cells)} cells of X.")
        self.classes_: NDArray[Any] = np.unique(labels)
        self.specialist_ = api.train(
            {"input": cells, "target": labels.tolist()}, input="input", target="target", **self.get_params()
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
        for place, cell in enumerate(_column(X)):
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
        return self.specialist_.predict(_column(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = True, False
        tags.input_tags.one_d_array = True
        return tags


def _column(X: Any) -> Sequence[Any]:
    """The cells of a list, an array, or a column or one-column frame of any library.

    Raises: ValueError for one text alone, or for more columns than one.
    """
    if isinstance(X, str | bytes):
        raise ValueError(f"X is one text, {X[:40]!r}. Expected a sequence of them: [text].")
    cells = np.asarray(X, dtype=object)
    if cells.ndim == 2 and cells.shape[1] == 1:
        cells = cells[:, 0]
    if cells.ndim != 1:
        raise ValueError(f"X has shape {cells.shape}. Expected one column of cells, such as a list of texts.")
    return list(cells)
