"""The example of molecules runs as it is written, and says what its page says."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "molecule.py"


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rdkit")
    pytest.importorskip("lightgbm")
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    said = capsys.readouterr().out
    assert "CCCCO\n  dissolves" in said
    assert "H3\n  does not" in said
    assert "ring 1 stays open" in said
    assert " the domain of applicability" in said
