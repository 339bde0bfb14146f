"""What a measured figure depends on: the machine and the commit. Knows nothing of what is measured."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def machine(cores: list[int]) -> dict[str, Any]:
    """Describe the machine, and the cores a measured process is held to."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "pinned_to": cores if hasattr(os, "sched_setaffinity") else "not pinned: this system cannot",
        "threads": len(cores),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def commit() -> str:
    """Name the commit measured, with `-dirty` where files differ from it."""
    asked = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    found = subprocess.run(asked, cwd=HERE, capture_output=True, text=True)
    return found.stdout.strip() or "none yet"


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
