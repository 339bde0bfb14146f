"""The example, run as a reader runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "gateway.py"


def test_the_example_says_what_it_says() -> None:
    done = subprocess.run([sys.executable, str(EXAMPLE)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "banking is published",
        "report_lost_or_stolen_card by banking@1",
        "[('I lost my card', 'freeze_card')]",
    ]
