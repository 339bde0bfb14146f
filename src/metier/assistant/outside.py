"""Starts what stands in for the outside world: the `start(folder)` of a Python file of the assistant's own."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from metier.assistant.base import BadAssistant


@contextmanager
def running(file: Path | None, given: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """Where the outside is while the context lasts: as given, or a fresh stand-in.

    Raises: BadAssistant where the file has no `start`.
    """
    if given or file is None:
        yield given
        return
    spec = importlib.util.spec_from_file_location("_assistant_outside", file)
    if spec is None or spec.loader is None or not file.is_file():
        raise BadAssistant(f"outside: there is no file {file}. Write it, with start(folder) -> (addresses, stop).")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, "start"):
        raise BadAssistant(f"{file.name} has no start(folder) -> (addresses, stop). Write it there.")
    with tempfile.TemporaryDirectory() as folder:
        places, stop = module.start(Path(folder))
        try:
            yield places
        finally:
            stop()
