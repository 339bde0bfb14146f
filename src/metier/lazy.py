"""Finds what a folder of the package holds, and what other packages add to it, importing no more than is asked for.

Knows names of files and entry points, and not what is in them.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import pkgutil
from functools import cache
from typing import Any

from metier.errors import BadOption, MissingPackage


@cache
def names(folder: str) -> dict[str, str]:
    """What a folder offers, as name -> module: its own files, then entry points of the group `metier.<folder>`."""
    package = importlib.import_module(f"metier.{folder}")
    own = {m.name: f"metier.{folder}.{m.name}" for m in pkgutil.iter_modules(package.__path__)}
    own.pop("base", None)
    added = {e.name: e.module for e in importlib.metadata.entry_points(group=f"metier.{folder}")}
    return {**added, **own}


def find(folder: str, name: str, member: str) -> Any:
    """The member a file of the folder exposes: find("domains", "text", "DOMAIN").

    Raises: BadOption when no such file exists; it lists those that do.
    """
    known = names(folder)
    if name not in known:
        raise BadOption(
            f"{folder}: there is no '{name}' here. Known: {', '.join(sorted(known))}. "
            f"Install the package that brings it, or use one of these."
        )
    return getattr(importlib.import_module(known[name]), member)


def need(package: str, *, extra: str, purpose: str) -> None:
    """Check that an optional package is installed before work starts.

    Raises: MissingPackage with the command that installs it.
    """
    if importlib.util.find_spec(package) is None:
        raise MissingPackage(
            f"{purpose} needs the package '{package}', which is not installed. Run: pip install 'metier[{extra}]'"
        )


def bring(package: str, *, extra: str, purpose: str) -> Any:
    """An optional package, imported where it is first used.

    Raises: MissingPackage with the command that installs it.
    """
    need(package, extra=extra, purpose=purpose)
    return importlib.import_module(package)
