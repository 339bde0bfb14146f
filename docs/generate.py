"""What pages take from the code itself, so that they cannot grow old: `--help`, and the tree of the source.

Called by cog, which writes the output between its marks: `make docs` renews it, `make check` finds what is stale.
"""

from __future__ import annotations

import ast
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "metier"


def help_of(*verb: str) -> str:
    """What `metier VERB --help` prints, as a block."""
    plain = {"COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1", "TERM": "dumb"}
    command = [str(Path(sys.executable).parent / "metier"), *verb, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **plain})
    return "\n```text\n" + "\n".join(line.rstrip() for line in done.stdout.strip().splitlines()) + "\n```\n"


def tree() -> str:
    """Every source file with the floor it stands on and the first sentence of its docstring, from the ground up."""
    floor = runpy.run_path(str(ROOT / "tests" / "test_floors.py"))["floor"]
    files = [path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py")]
    ordered = sorted(files, key=lambda file: (floor(file), "/" in file, Path(file).parent, file))
    lines = [f"| {floor(file)} | `{file}` | {sentence(SOURCE / file)} |" for file in ordered]
    return "\n".join(["", "| floor | file | what it does |", "|---|---|---|", *lines, ""])


def sentence(file: Path) -> str:
    """The first sentence of a module's docstring."""
    said = " ".join((ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").split())
    return re.split(r"(?<=\.)\s", said)[0]
