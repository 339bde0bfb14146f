"""Watt-hours of an answer, and by which method they are known.

A core's share of what the whole processor draws, for as long as the answer took: measured by RAPL where the system lets
it be read, else the share of the power that the processor is built for, else not at all. Idle cores and memory count
as much as they are in what the processor draws; fans, disks and losses do not.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from time import monotonic
from typing import Protocol

POWERCAP = Path("/sys/class/powercap")
EVERY_S = 1.0  # a counter is read; between readings the power is that of the last span


class Meter(Protocol):
    """Power of one core, and how it is known."""

    method: str

    def watts(self) -> float:
        """Of one core, now."""
        ...


class Stated:
    """A share of the power that the processor is built for."""

    method = "CPU time x share of TDP"

    def __init__(self, tdp_watts: float, cores: int) -> None:
        self._watts = tdp_watts / cores

    def watts(self) -> float:
        """Always the same."""
        return self._watts


class Rapl:
    """What the processor itself counts, in its packages; each is a folder that the kernel keeps."""

    method = "CPU time x share of RAPL"

    def __init__(self, packages: list[Path], cores: int) -> None:
        self._packages, self._cores = packages, cores
        self._range = [int((one / "max_energy_range_uj").read_text()) for one in packages]
        self._read, self._at, self._watts = self._counters(), monotonic(), 0.0
        self._lock = threading.Lock()

    def watts(self) -> float:
        """Of the last span; 0.0 until the first is over."""
        now = monotonic()
        if now - self._at < EVERY_S or not self._lock.acquire(blocking=False):
            return self._watts
        try:
            fresh = self._counters()
            # a counter begins anew at its range
            spent = sum((new - old) % whole for new, old, whole in zip(fresh, self._read, self._range, strict=True))
            self._watts = spent / 1e6 / (now - self._at) / self._cores
            self._read, self._at = fresh, now
        finally:
            self._lock.release()
        return self._watts

    def _counters(self) -> list[int]:
        return [int((one / "energy_uj").read_text()) for one in self._packages]


def meter(tdp_watts: float, *, root: Path = POWERCAP, cores: int | None = None) -> Meter | None:
    """RAPL where it can be read, a share of the stated power where there is one, or None: not measured."""
    cores = cores or os.cpu_count() or 1
    packages = [one for one in sorted(root.glob("*-rapl:[0-9]*")) if one.name.count(":") == 1]
    readable = [one for one in packages if os.access(one / "energy_uj", os.R_OK)]
    if readable:
        return Rapl(readable, cores)
    return Stated(tdp_watts, cores) if tdp_watts else None
