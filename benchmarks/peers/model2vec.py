"""Model2Vec: MiniLM distilled into one static vector a token, fine-tuned with a small head; answers need numpy only.

Training follows its documented way: `distill`, `StaticModelForClassification.fit`, `to_pipeline`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peers.base import MINILM, Peer, minilm_folder


class Model2Vec(Peer):
    """Model2Vec distilled from all-MiniLM-L6-v2, with its own classifier on top."""

    name = "model2vec"
    needs = ("model2vec", "skeletoken", "datasets", "torch", "transformers", MINILM)
    settings = "distilled from all-MiniLM-L6-v2, 256 dimensions; StaticModelForClassification, defaults"

    def train(self, texts: list[str], labels: list[str], seed: int) -> None:
        from model2vec.distill import distill
        from model2vec.train import StaticModelForClassification

        static = distill(minilm_folder(), device="cpu")
        classifier = StaticModelForClassification.from_static_model(model=static)
        classifier.fit(texts, labels, device="cpu", random_seed=seed)
        self._pipeline: Any = classifier.to_pipeline()

    def save(self, folder: Path) -> None:
        self._pipeline.save_pretrained(str(folder))

    def load(self, folder: Path) -> None:
        from model2vec.inference import StaticModelPipeline

        self._pipeline = StaticModelPipeline.from_pretrained(str(folder))

    def probabilities(self, texts: list[str]) -> tuple[list[str], NDArray[np.floating]]:
        return [str(label) for label in self._pipeline.classes_], self._pipeline.predict_proba(texts)


PEER = Model2Vec
