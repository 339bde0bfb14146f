"""What a training has finished so far, in a folder beside its output, so that `--resume` starts where it was stopped.

Knows names and states, not what they mean. Every step is written whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import safetensors
import safetensors.numpy

from metier.errors import CannotWrite
from metier.types import State


class Checkpoint:
    """`checkpoint.step("vectors", compute)` computes once; a later run with the same fingerprint reads it back."""

    def __init__(self, folder: Path | None, *, fingerprint: str) -> None:
        self.folder, self.fingerprint = folder, fingerprint

    def step(self, name: str, compute: Callable[[], State]) -> State:
        """The state of a step: read if it was finished before, computed and kept otherwise.

        Raises: CannotWrite where the disk is full or the folder may not be written.
        """
        if self.folder is None:
            return compute()
        path = self.folder / (hashlib.sha256(f"{self.fingerprint}/{name}".encode()).hexdigest()[:32] + ".safetensors")
        if path.exists():
            return _read(path)
        state = compute()
        _write(path, state)
        return state

    def clear(self) -> None:
        """Forget every step: training is done, or starts anew."""
        if self.folder is not None and self.folder.exists():
            shutil.rmtree(self.folder)


def _write(path: Path, state: State) -> None:
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        safetensors.numpy.save_file(dict(state.arrays), part, metadata={"config": json.dumps(dict(state.config))})
        part.replace(path)
    except (OSError, safetensors.SafetensorError) as error:
        part.unlink(missing_ok=True)
        raise CannotWrite(f"{path.parent}: {error}. Free space there, or train without --resume.") from error


def _read(path: Path) -> State:
    with safetensors.safe_open(path, framework="numpy") as opened:
        arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - no mapping
        return State(config=json.loads(opened.metadata()["config"]), arrays=arrays)
