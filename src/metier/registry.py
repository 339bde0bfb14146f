"""Specialists by name and version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from metier.errors import BadOption


@dataclass(frozen=True, kw_only=True)
class Entry:
    name: str
    version: str
    path: Path


@dataclass(frozen=True, kw_only=True)
class Canary:
    version: str
    share: float


@dataclass(frozen=True, kw_only=True)
class Aliases:
    production: str
    shadow: str | None = None
    canary: Canary | None = None


class Registry:
    def __init__(self, root: Path) -> None:
        self._root = root

    @classmethod
    def open(cls, root: str | Path) -> Registry:
        return cls(Path(root))

    def names(self) -> Sequence[str]:
        return sorted(p.parent.name for p in self._root.glob("*/specialist.json"))

    def resolve(self, said: str) -> Entry:
        name, _, version = said.partition("@")
        if name not in self.names() or version not in ("", "production", "1"):
            raise BadOption(f"there is no '{said}'")
        return Entry(name=name, version="1", path=self._root / name)

    def aliases(self, name: str) -> Aliases:
        return Aliases(production="1")

    def stamp(self) -> object:
        return tuple((p.name, p.stat().st_mtime_ns) for p in sorted(self._root.glob("*")))
