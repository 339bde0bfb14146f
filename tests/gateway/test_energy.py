"""How watt-hours are known: from counters as the kernel keeps them, from a stated power, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from metier.gateway import energy
from metier.gateway.energy import meter


def package(root: Path, name: str, microjoules: int) -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "energy_uj").write_text(f"{microjoules}\n")
    (folder / "max_energy_range_uj").write_text("1000000000\n")
    return folder


def test_a_core_has_its_share_of_what_all_packages_drew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(energy, "monotonic", lambda: now[0])
    first, second = package(tmp_path, "intel-rapl:0", 5), package(tmp_path, "intel-rapl:1", 999_000_000)
    package(tmp_path, "intel-rapl:0:0", 7)  # a part of the first, counted there
    found = meter(65, root=tmp_path, cores=4)
    assert found is not None
    assert (found.method, found.watts()) == ("CPU time x share of RAPL", 0.0)
    now[0] += 2
    (first / "energy_uj").write_text("40000005\n")
    (second / "energy_uj").write_text("19000000\n")  # began anew at its range
    assert found.watts() == pytest.approx((40 + 20) / 2 / 4)
    (first / "energy_uj").write_text("90000005\n")
    assert found.watts() == pytest.approx(7.5)  # too soon to be read again


def test_without_counters_what_is_stated_is_shared_and_nothing_is_made_up(tmp_path: Path) -> None:
    stated = meter(65, root=tmp_path, cores=2)
    assert stated is not None
    assert (stated.method, stated.watts()) == ("CPU time x share of TDP", 32.5)
    assert meter(0, root=tmp_path) is None
