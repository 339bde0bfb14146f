"""A domain from another package, as docs/add-a-domain.md has it: found by entry points, trained, saved and loaded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENTRY_POINTS = "[metier.domains]\namount = amount\n[metier.encoders]\namount = amount\n"
CODE = """
import random, metier
draw = random.Random(0)
amounts = {"coffee": (2, 5), "groceries": (30, 90), "rent": (700, 1500)}
rows = [{"paid": f"£{draw.uniform(*amounts[k]):,.2f}", "label": k} for k in amounts for _ in range(20)]
specialist = metier.train(rows, effort="quick")
specialist.save("payments")
decisions = metier.load("payments").predict(["£3.20", "EUR 55.00", "£1,050.00", "a lot"])
print(specialist.domain.name, *[decision.label or decision.reason for decision in decisions])
"""


def test_a_domain_of_another_package_is_like_one_of_our_own(tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples" / "amount.py", tmp_path)
    about = tmp_path / "amount-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: amount\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(ENTRY_POINTS, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["amount", "coffee", "groceries", "rent", "bad_input"]
