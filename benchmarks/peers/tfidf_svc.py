"""TF-IDF of words and characters into a linear SVM: the classical baseline, entirely scikit-learn.

Probabilities: scikit-learn's `CalibratedClassifierCV`, one temperature fitted on out-of-fold margins of 5 folds
(`ensemble=False`, so that one model is shipped, not five). Scope is the largest margin, which told strangers apart
better than the largest probability on held-out training rows. Shipped as a skops file, which holds data and no code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peers.base import Peer


class TfidfSvc(Peer):
    """scikit-learn's TF-IDF and LinearSVC."""

    name = "tfidf_svc"
    needs = ("scikit-learn", "skops")
    settings = "word 1-2 and char_wb 2-5 grams; LinearSVC C=1; temperature on 5 folds; scope by the largest margin"

    def train(self, texts: list[str], labels: list[str], seed: int) -> None:
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.pipeline import make_pipeline, make_union
        from sklearn.svm import LinearSVC

        grams = make_union(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
        )
        machine = make_pipeline(grams, LinearSVC(C=1.0, random_state=seed))
        self._model: Any = CalibratedClassifierCV(machine, method="temperature", cv=5, ensemble=False)
        self._model.fit(texts, labels)

    def save(self, folder: Path) -> None:
        from skops.io import dump

        dump(self._model, folder / "model.skops")

    def load(self, folder: Path) -> None:
        from skops.io import get_untrusted_types, load

        # The file is the one this run has just written, so the types it names are the ones trained above.
        self._model = load(folder / "model.skops", trusted=get_untrusted_types(file=folder / "model.skops"))

    def probabilities(self, texts: list[str]) -> tuple[list[str], NDArray[np.floating]]:
        return [str(label) for label in self._model.classes_], self._model.predict_proba(texts)

    def scope(self, texts: list[str]) -> NDArray[np.floating]:
        machine = self._model.calibrated_classifiers_[0].estimator
        largest: NDArray[np.floating] = machine.decision_function(texts).max(axis=1)
        return largest


PEER = TfidfSvc
