"""The pages are as new as the code, build without a warning, and ask nothing of any other host when they are read."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GENERATED = [ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# what a browser fetches by itself: scripts, style sheets, pictures, fonts
FETCHED = re.compile(
    r"<(?:script|img|iframe|source|audio|video)\b[^>]*\bsrc=[\"']?(?:https?:)?//[^>]*>"
    r"|<link\b[^>]*\brel=[\"']?(?:stylesheet|preload|preconnect|icon)[^>]*\bhref=[\"']?(?:https?:)?//[^>]*>"
    r"|url\([\"']?(?:https?:)?//[^)]*\)|@import\s+[\"'](?:https?:)?//"
)


@pytest.mark.parametrize("page", GENERATED, ids=lambda page: page.name)
def test_what_is_generated_is_as_new_as_the_code(page: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", "-I", str(ROOT / "docs"), str(page)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, f"run make docs, and commit what it changes\n{done.stdout}{done.stderr}"


def test_every_page_can_be_reached() -> None:
    docs = ROOT / "docs"
    trees = re.findall(r"```\{toctree\}\n(.*?)```", (docs / "index.md").read_text(encoding="utf-8"), re.DOTALL)
    lines = {line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")}
    listed = {page for line in lines for page in docs.glob(f"{line}.md")}
    assert listed == {*docs.glob("*.md"), *docs.glob("domains/*.md")} - {docs / "index.md"}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", str(ROOT / "docs"), str(folder)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_pages_fetch_nothing_from_elsewhere(built: Path) -> None:
    pages = [path for kind in ("*.html", "*.css") for path in built.rglob(kind)]
    assert len(pages) > 15
    found = [
        f"{path.relative_to(built)}: {m[0][:150]}" for path in pages for m in FETCHED.finditer(path.read_text("utf-8"))
    ]
    assert not found, "\n".join(found)


def test_the_pages_hold_the_examples(built: Path) -> None:
    assert "class AmountEncoder" in re.sub(r"<[^>]+>", "", (built / "add-a-domain.html").read_text("utf-8"))
    assert re.search(r"meaning of life", (built / "index.html").read_text("utf-8"))
