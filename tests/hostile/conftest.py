"""Reads hostile files in a process of their own, one after another, and says what became of each and what it took."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

MOST_SECONDS, MOST_MIB = 1.0, 256
CODE = """
import json, re, sys, time
from pathlib import Path
from metier.errors import MetierError
kind, folder, warm = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
if kind == "archive":
    from metier.data.archive import files as read
else:
    from metier import lazy
    read = lazy.find("domains", kind, "DOMAIN").read
# what is done here is timed by what it takes of the processor: a machine may be busy
clock = time.perf_counter if kind in ("archive", "video") else time.process_time
def tried(path):
    cell = json.loads(path.read_text()) if path.suffix == ".cell" else path
    started = clock()
    try:
        read(cell)
        said = ["read", ""]
    except MetierError as error:
        said = [type(error).__name__, str(error)]
    except BaseException as error:
        said = ["not ours: " + type(error).__name__, str(error)]
    return [*said, clock() - started]
tried(folder / warm)
found = {}
for path in sorted(folder.iterdir()):
    found[path.name] = min((tried(path) for _ in range(3)), key=lambda told: told[2])
processes = ["self"]
if kind in ("archive", "video"):
    from metier.data import confined
    processes += [str(worker._process.pid) for worker in confined._workers.values()]
# not ru_maxrss, which a process has from the one that started it
peaks = [int(re.search(r"VmHWM:\\s+(\\d+)", Path(f"/proc/{one}/status").read_text())[1]) for one in processes]
print(json.dumps({"found": found, "mib": max(peaks) / 1024}))
"""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What became of the files of one kind."""

    found: Mapping[str, tuple[str, str, float]]
    mib: float

    def check(self, name: str, said: str) -> None:
        """Hold one file to what is promised: refused by an error of ours that names it and the limit, in time.

        A cell in no file has no name of its own: the table that it stands in names its row and column.
        """
        error, message, seconds = self.found[name]
        assert error in ("BadCell", "UnreadableData"), (error, message)
        assert name in message or name.endswith(".cell")
        assert said in message, message
        assert "Expected" in message or "expected" in message
        assert len(message) < 700, "a message is for reading"
        assert seconds < MOST_SECONDS

    def check_memory(self) -> None:
        """No file took more than it may, nor did the process that decodes."""
        assert self.mib < MOST_MIB


@pytest.fixture(scope="session")
def told() -> Callable[..., Told]:
    """Writes files into a folder, reads each in a fresh interpreter, and says what became of them.

    What is no bytes is kept as JSON, and asked as the cell that it is.
    """

    def run(kind: str, folder: Path, cases: Mapping[str, Any], warm: str) -> Told:
        for name, (made, _) in cases.items():
            data = made() if callable(made) else made
            if data is not None:
                (folder / name).write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
        if not Path("/proc/self/status").exists():
            pytest.skip("no /proc here to say what a process took at most")
        done = subprocess.run(
            [sys.executable, "-c", CODE, kind, str(folder), warm], capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout.splitlines()[-1])
        return Told(found={name: tuple(one) for name, one in said["found"].items()}, mib=said["mib"])

    return run
