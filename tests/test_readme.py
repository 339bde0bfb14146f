"""The README and the pages say what is true: their Python and shell blocks are run, each page's in order."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# ```python and ```bash are run; ```console and ```text are only shown. A directive's ```{...} is Sphinx's affair.
BLOCK = re.compile(r"^```(python|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str, int]]:
    """Language, code and first line of each block that is run."""
    text = page.read_text(encoding="utf-8")
    return [(m[1], m[2], text.count("\n", 0, m.start()) + 2) for m in BLOCK.finditer(text)]


def pages() -> list[Any]:
    """The pages that run something; those that train with full effort are slow."""
    running = [page for page in PAGES if blocks(page)]
    slow = [any("metier train" in code and "quick" not in code for _, code, _ in blocks(page)) for page in running]
    return [
        pytest.param(page, id=page.name, marks=[pytest.mark.slow] * takes_long)
        for page, takes_long in zip(running, slow, strict=True)
    ]


@pytest.mark.parametrize("page", pages())
def test_every_block_runs(page: Path, bank_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples", target_is_directory=True)
    shutil.copytree(bank_folder, tmp_path / "banking")  # what the first steps leave behind
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    names: dict[str, Any] = {"__name__": "readme"}
    for language, code, line in blocks(page):
        where = f"{page.name}:{line}"
        if language == "python":
            # as many empty lines before it as the page has, so that a traceback names the page's own line
            exec(compile("\n" * (line - 1) + code, str(page), "exec"), names)  # noqa: S102 -- our own pages
        else:
            shell(code, where)


def shell(code: str, where: str) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-euc", code], capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, f"{where}\n{done.stdout}\n{done.stderr}"


def test_the_readme_runs_something() -> None:
    assert {language for language, _, _ in blocks(PAGES[0])} == {"python", "bash"}
