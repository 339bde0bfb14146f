"""fastText's supervised classifier, from its maintained fork `fasttext-community`; no pretrained vectors.

Text is lower-cased and punctuation split off, as fastText's own tutorial does before training and asking.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peers.base import Peer

MARK = "__label__"


class FastText(Peer):
    """fastText with word and character n-grams."""

    name = "fasttext"
    needs = ("fasttext-community",)
    settings = "word 1-2 grams, characters 3-5, dim 100, lr 1, 25 epochs, 200,000 buckets, softmax; no autotune"

    def train(self, texts: list[str], labels: list[str], seed: int) -> None:
        import fasttext

        self._labels = sorted(set(labels))
        number = {label: i for i, label in enumerate(self._labels)}
        with tempfile.TemporaryDirectory() as scratch:
            rows = Path(scratch) / "rows.txt"
            lines = [f"{MARK}{number[label]} {_words(text)}\n" for text, label in zip(texts, labels, strict=True)]
            rows.write_text("".join(lines), encoding="utf-8")
            self._model: Any = fasttext.train_supervised(
                str(rows), wordNgrams=2, minn=3, maxn=5, dim=100, lr=1.0, epoch=25, bucket=200_000, seed=seed,
                thread=int(os.environ.get("OMP_NUM_THREADS", "1")), verbose=0,
            )  # fmt: skip

    def save(self, folder: Path) -> None:
        self._model.save_model(str(folder / "model.bin"))
        (folder / "labels.json").write_text(json.dumps(self._labels), encoding="utf-8")

    def load(self, folder: Path) -> None:
        import fasttext

        self._model = fasttext.load_model(str(folder / "model.bin"))
        self._labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))

    def probabilities(self, texts: list[str]) -> tuple[list[str], NDArray[np.floating]]:
        ranked, values = self._model.predict([_words(text) for text in texts], k=-1)
        probabilities = np.zeros((len(texts), len(self._labels)), dtype=np.float32)
        for row, (names, shares) in enumerate(zip(ranked, values, strict=True)):
            probabilities[row, [int(name[len(MARK) :]) for name in names]] = shares
        return self._labels, probabilities


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+|[^\w\s]", text.lower()))


PEER = FastText
