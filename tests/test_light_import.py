"""Importing metier costs next to nothing, and running a specialist needs none of what training one does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "sklearn", "scipy", "polars", "onnx", "onnxruntime", "numba", "matplotlib", "typer", "rich")
TRAINING_ONLY = (
    "torch", "sklearn", "scipy", "polars", "narwhals", "onnx", "matplotlib", "sentence_transformers", "threadpoolctl",
    "lightgbm", "huggingface_hub",
)  # fmt: skip
MOST_SECONDS, MOST_NUMPYS, TRIES = 0.2, 2.0, 7


def test_importing_metier_imports_nothing_heavy() -> None:
    assert imported_by("import metier", HEAVY) == []


def test_importing_metier_takes_a_moment() -> None:
    ours, numpys = (min(seconds(f"import {name}") for _ in range(TRIES)) for name in ("metier", "numpy"))
    # numpy is most of it, and is on the scale too: on a machine that is slow today, both are
    assert ours <= MOST_SECONDS or ours <= MOST_NUMPYS * numpys, f"metier {ours:.3f} s, numpy {numpys:.3f} s"


def test_predicting_needs_nothing_of_training(bank_folder: Path) -> None:
    # not "imports nothing": numba looks whether scipy is there
    absent = f"import sys; sys.modules.update(dict.fromkeys({TRAINING_ONLY!r}))"
    asked = f"import metier; print(metier.load({str(bank_folder)!r}).predict(['I lost my card'])[0].label)"
    assert run(f"{absent}\n{asked}") == "report_lost_or_stolen_card"


@pytest.mark.parametrize("first", ["import metier", "import metier.train", "import metier.api"])
def test_the_verbs_are_functions_whatever_was_imported_first(first: str) -> None:
    code = f"{first}\nimport metier\nprint(*[callable(f) for f in (metier.train, metier.load, metier.train)])"
    assert run(code) == "True True True"


@pytest.mark.parametrize("effort", ["quick", "standard"])
def test_training_on_text_imports_no_torch(effort: str) -> None:
    things = ("account", "card", "loan", "pot", "saver")
    rows = [{"text": f"{verb} my {thing}", "intent": verb} for verb in ("open", "close") for thing in things]
    code = f"import metier; metier.train({rows!r}, effort={effort!r})"
    assert imported_by(code, ("torch", "sentence_transformers")) == []


def imported_by(code: str, names: tuple[str, ...]) -> list[str]:
    """Which of the names a fresh interpreter has imported after running the code."""
    return run(f"{code}\nimport sys; print(*[name for name in {names!r} if name in sys.modules])").split()


def seconds(code: str) -> float:
    return float(run(f"import time; start = time.perf_counter()\n{code}\nprint(time.perf_counter() - start)"))


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1] if done.stdout.strip() else ""
