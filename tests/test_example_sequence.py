"""The example of proteins runs as it is written, and says what it should."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "sequence.py"


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    first, second, third = capsys.readouterr().out.splitlines()
    assert first in {f"protein: {right} of 100 right" for right in range(95, 101)}
    assert "'1' at place 4 is no letter of protein" in second
    assert float(third.removeprefix("correlation ")) > 0.9
