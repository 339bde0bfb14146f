"""shad0wllm: a hashed table with 8-bit weights, answered by its C core. Here the labels stand for the LLM's answers.

`student="deep"` is the strongest table it documents for intents. It keeps back rows to certify agreement with its
teacher; that certificate is not compared here, so the least it allows (1 %) is kept back and the rest is learnt from.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peers.base import Peer

QUESTION = "intent"


class Shad0w(Peer):
    """shad0wllm's deep text table."""

    name = "shad0wllm"
    needs = ("shad0wllm", "scikit-learn", "scipy", "torch")
    settings = 'shadow_compile(student="deep", cal_fraction=0.01); asked through shad0w.native.NativeReflex'

    def train(self, texts: list[str], labels: list[str], seed: int) -> None:
        import shad0w

        schema = {QUESTION: {"type": "choice", "criteria": dict.fromkeys(sorted(set(labels)))}}
        records = [{"text": text, QUESTION: label} for text, label in zip(texts, labels, strict=True)]
        self._model: Any
        self._model, certificate = shad0w.shadow_compile(
            schema, records, student="deep", cal_fraction=0.01, seed=seed, teacher="labels"
        )
        kept = certificate["questions"][QUESTION]
        self.settings += f"; {kept['n_fit']:,} rows learnt from, hidden width {kept['hidden']}"

    def save(self, folder: Path) -> None:
        self._model.save(str(folder))

    def load(self, folder: Path) -> None:
        from shad0w.native import NativeReflex

        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        self._labels: list[str] = manifest["questions"][QUESTION]["options"]
        kind = manifest["meta"].get("text_kind", 1)
        self._table: Any = NativeReflex(str(folder / f"{QUESTION}.s0"), text_kind=kind)

    def probabilities(self, texts: list[str]) -> tuple[list[str], NDArray[np.floating]]:
        return self._labels, np.stack([self._table.decide(text)[1] for text in texts])


PEER = Shad0w
