"""Small models that know their trade: labelled rows in, a calibrated specialist out.

    specialist = metier.train("queries.csv", output="banking", max_error=0.02)
    metier.load("banking").predict(["where is my card?"])[0].label

Importing this loads nothing heavy; each name is fetched when it is first used.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metier.api import Specialist, load, train
    from metier.errors import MetierError
    from metier.installed import domains
    from metier.types import Decision

__version__ = "0.1.0"
__all__ = ["Decision", "MetierError", "Specialist", "domains", "load", "train"]

_HOMES = {
    "Decision": "metier.types",
    "MetierError": "metier.errors",
    "Specialist": "metier.api",
    "domains": "metier.installed",
    "load": "metier.api",
    "train": "metier.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'metier' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOMES[name]), name)


class _Package(ModuleType):
    """This module, where a verb stays a verb.

    Whoever imports the file train.py would else find `metier.train` to be that file.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
