"""What must hold for the repository as a whole: its version, its licence, what its files may not say."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SECTIONS = {"Added", "Changed", "Fixed"}
# folders of one person's machine; a home is /home/NAME, /Users/NAME or /root
MACHINE_PATHS = re.compile(r"(?<![\w.~/-])/(?:home/\w|Users/\w|root/|work/|tmp/|opt/)")
REGISTRIES = re.compile(
    r"https?://(?:[\w-]+\.)*(?:pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|debian\.org)|--(?:extra-)?index-url"
)


def plain(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


DECLARED = {
    plain(re.split(r"[<>=\[ ]", requirement)[0])
    for requirements in [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for requirement in requirements
    if not requirement.startswith("metier[")  # extras of its own
}
UNREAD = {"LICENSE", "tests/test_repository.py"}


def test_the_versions_agree() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    top = re.search(r"^## (\d+\.\d+\.\d+)", changelog, re.MULTILINE)
    assert top, "CHANGELOG.md has no '## 1.2.3' heading"
    assert top[1] == PROJECT["version"], "the top of CHANGELOG.md and pyproject.toml speak of different versions"
    installed = importlib.metadata.version("metier")
    assert installed == PROJECT["version"], (
        "pyproject.toml has changed since set-up; run make test, which sets up again"
    )


def test_the_changelog_keeps_to_three_sections() -> None:
    found = set(re.findall(r"^### (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert found
    assert found <= SECTIONS


def test_the_licence_is_what_the_package_says() -> None:
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("pattern", "what"), [(MACHINE_PATHS, "a path of one machine"), (REGISTRIES, "the address of a package registry")]
)
def test_no_file_says_what_belongs_to_one_machine(pattern: re.Pattern[str], what: str) -> None:
    found = [f"{name}:{line}: {text.strip()[:120]}" for name, line, text in lines() if pattern.search(text)]
    assert not found, f"{what} in:\n" + "\n".join(found)


def test_every_dependency_is_pinned_and_weighed() -> None:
    pinned = re.findall(r"^([\w-]+)==", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    weighed = re.findall(
        r"^\| ([\w-]+) \|", (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    for where, names in (("constraints.txt", pinned), ("docs/dependencies.md", weighed)):
        assert not DECLARED - {plain(name) for name in names}, f"{where} lacks some"


def test_every_package_that_is_imported_is_declared() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "src").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    imported = {alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {
        str(node.module).split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom) and not node.level
    }
    others = imported - set(sys.stdlib_module_names) - {"metier"}
    # sentence_transformers is brought by sentence-transformers, sklearn by scikit-learn
    brought_by = importlib.metadata.packages_distributions()
    undeclared = [name for name in sorted(others) if not {plain(d) for d in brought_by.get(name, [name])} & DECLARED]
    assert not undeclared, f"imported, but neither dependencies nor an extra of pyproject.toml: {undeclared}"


def lines() -> list[tuple[str, int, str]]:
    """Every line of every text file that is, or would be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode != 0:
        pytest.skip("no git here to say which files are in the repository")
    found = []
    for name in sorted(set(listed.stdout.splitlines()) - UNREAD):
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue  # a picture, or deleted and not yet committed
        found += [(name, number, line) for number, line in enumerate(text.splitlines(), 1)]
    assert found
    return found
