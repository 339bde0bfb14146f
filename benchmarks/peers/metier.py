"""metier itself at `standard`: through its public interface, as any other peer.

Probabilities are the cascade's own, scope is its familiarity. No promise is asked, so that every row is answered.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peers.base import MINILM, Peer


class Metier(Peer):
    """A specialist at `standard`."""

    name = "metier"
    needs: tuple[str, ...] = ("metier", MINILM)
    settings = "effort standard"
    effort = "standard"

    def train(self, texts: list[str], labels: list[str], seed: int) -> None:
        import metier

        self._model: Any = metier.train({"text": texts, "label": labels}, effort=self.effort, seed=seed)

    def save(self, folder: Path) -> None:
        self._model.save(folder)

    def load(self, folder: Path) -> None:
        import metier

        self._model = metier.load(folder)

    def probabilities(self, texts: list[str]) -> tuple[list[str], NDArray[np.floating]]:
        return list(self._model.labels), self._model.predicted(texts).probabilities

    def scope(self, texts: list[str]) -> NDArray[np.floating]:
        familiarity: NDArray[np.floating] = self._model.predicted(texts).scope
        return familiarity


PEER = Metier
