"""Whatever our own description allows is sent, and much that it does not: schemathesis finds no error of ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest


@pytest.mark.slow
def test_the_description_holds(served: httpx.Client, tmp_path: Path) -> None:
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{served.base_url}/openapi.json", "--phases=coverage,fuzzing",
        "--checks=all", "--max-examples=20", "--seed=1", "--suppress-health-check=all",
        # an empty text, a choice named twice, an answer that is not in the ledger: a schema cannot say so
        "--exclude-checks=positive_data_acceptance",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-4000:]
