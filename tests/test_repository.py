"""What must hold for the repository as a whole: its version, its licence, what its files may not say."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
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
    extras = PROJECT["optional-dependencies"].values()
    asked = {
        re.split(r"[<>=\[ ]", name)[0] for name in [*PROJECT["dependencies"], *(n for extra in extras for n in extra)]
    }
    pinned = set(re.findall(r"^([\w-]+)==", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE))
    assert asked <= {name.replace("_", "-").lower() for name in pinned}, "constraints.txt lacks some"
    weighed = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    assert not [name for name in sorted(asked) if f"| {name} " not in weighed], "docs/dependencies.md lacks some"


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
