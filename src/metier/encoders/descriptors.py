"""What chemists compute of a molecule's graph, two hundred numbers, beside its folded count fingerprint.

Knows canonical SMILES, and nothing of labels. There is nothing to learn: sizes are tamed by their logarithm rather than
by the spread of the training rows, so that no row has to be computed again for each fold.

Source: the descriptors of rdkit; Rogers and Hahn 2010 for the fingerprint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from metier.encoders.fingerprint import counts
from metier.encoders.molecules import molecule, quiet
from metier.types import Loss, State, Targets, Vectors

FOLDED = 512  # columns of the fingerprint; twice as many gave no more, out of fold
LARGEST = 16.0  # of a logarithm; Ipc of a large molecule would be 100
# more than half of the time for nothing that shows out of fold
LEFT_OUT = ("qed", "SPS", "Ipc", "AvgIpc", "BCUT2D_", "MaxEState", "MinEState", "MaxAbsEState", "MinAbsEState")


@cache
def _functions() -> dict[str, Callable[[Any], float]]:
    from rdkit.Chem import Descriptors

    return {name: function for name, function in Descriptors.descList if not name.startswith(LEFT_OUT)}


class DescriptorEncoder:
    """Molecules to dense vectors; the names of the descriptors are kept, since rdkit adds to them.

    Shapes: encode gives (n, len(names) + 512).
    """

    kind = "descriptors.v1"
    head = "forest"
    swift = True  # no row is spared it: exits that cost no accuracy cost ROC-AUC, by which molecules are ranked

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)

    @classmethod
    def build(cls) -> Self:
        """All descriptors that this rdkit has, but the slow ones.

        Raises: MissingPackage.
        """
        with quiet():
            return cls(list(_functions()))

    @property
    def width(self) -> int:
        return len(self.names) + FOLDED

    def fit(self, values: Sequence[str], targets: Targets, *, loss: Loss = "softmax") -> Self:
        """The encoder as it is: there is nothing to learn."""
        return self

    def encode(self, values: Sequence[str]) -> Vectors:
        """Vectors (n, width)."""
        vectors = np.zeros((len(values), self.width), np.float32)
        with quiet():
            for i, value in enumerate(values):
                vectors[i, : len(self.names)] = self._described(value)
                for hashed, count in counts(value).items():
                    vectors[i, len(self.names) + hashed % FOLDED] += count
        vectors[:, len(self.names) :] = np.log1p(vectors[:, len(self.names) :])
        return vectors

    def _described(self, value: str) -> NDArray[np.float32]:
        """The descriptors as signed logarithms; 0 where one has no value, as a charge on an atom without parameters."""
        from rdkit import Chem

        graph, functions = Chem.Mol(molecule(value)), _functions()  # a copy: some of them write on it
        raw = np.array([functions[name](graph) for name in self.names], np.float64)
        raw[~np.isfinite(raw)] = 0
        tamed: NDArray[np.float64] = np.sign(raw) * np.log1p(np.abs(raw))
        return np.clip(tamed, -LARGEST, LARGEST).astype(np.float32)

    def state(self) -> State:
        return State(config={"names": list(self.names)})

    @classmethod
    def restore(cls, state: State) -> Self:
        names = state.config["names"]
        assert isinstance(names, list)
        known = cls.build().names
        lacking = [str(name) for name in names if name not in known]
        if lacking:
            raise ValueError(f"this rdkit has no descriptors {', '.join(lacking)}")
        return cls([str(name) for name in names])


ENCODER: Any = DescriptorEncoder
