"""Which domains there are, and whether the packages they need are installed here.

Knows domains by their folder and by their `needs`; imports none of the packages.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from dataclasses import dataclass

from metier import lazy
from metier.types import Json


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A domain, what it is for, and what it still lacks: `ready` when that is nothing."""

    name: str
    does: str
    needs: tuple[str, ...]
    missing: tuple[str, ...]
    install: str | None  # the command that brings what is missing

    @property
    def ready(self) -> bool:
        """Whether it can be used as things are."""
        return not self.missing

    def json(self) -> dict[str, Json]:
        """The same as plain JSON values."""
        return {
            "name": self.name,
            "does": self.does,
            "needs": list(self.needs),
            "missing": list(self.missing),
            "ready": self.ready,
            "install": self.install,
        }


def domains() -> tuple[Installed, ...]:
    """Every domain by its name, ours and those of other packages."""
    return tuple(_looked_at(name, module) for name, module in sorted(lazy.names("domains").items()))


def _looked_at(name: str, module: str) -> Installed:
    needs = tuple(lazy.find("domains", name, "DOMAIN").needs)
    missing = tuple(package for package in needs if importlib.util.find_spec(package) is None)
    ours = module == f"metier.domains.{name}"
    command = f"pip install 'metier[{name}]'" if ours else f"pip install {' '.join(missing)}"
    return Installed(
        name=name,
        does=_first_sentence(importlib.import_module(module).__doc__ or ""),
        needs=needs,
        missing=missing,
        install=command if missing else None,
    )


def _first_sentence(text: str) -> str:
    """What a docstring says before its first full stop or semicolon."""
    return re.split(r"(?<=\.)\s|;\s", " ".join(text.split()))[0].rstrip(".")
