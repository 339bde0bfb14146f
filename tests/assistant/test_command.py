"""`metier chat` and `metier assistant` as they are typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from metier.cli import command_line


@pytest.fixture
def run() -> Any:
    app = command_line()
    return lambda *words, **more: CliRunner().invoke(app, [str(word) for word in words], **more)


def test_chat_talks_and_says_what_was_thought(run: Any, bank_script: Any, tmp_path: Path) -> None:
    said = "I lost my card\ngreen\n"
    done = run("chat", bank_script.folder, "--log", tmp_path / "log.db", "--trace", "--train", input=said)
    assert "learning from" not in done.output  # nothing has changed
    assert done.exit_code == 0, done.output
    assert "Which card?" in done.output
    assert "Should I send a new one to your address?" in done.output
    assert "report_lost_or_stolen_card" in done.output


def test_test_says_what_went_another_way(run: Any, bank_script: Any) -> None:
    done = run("assistant", "test", bank_script.folder, "--only", "No new card")
    assert done.exit_code == 0, done.output
    assert "as written" in done.output
    wrong = bank_script.folder / "tests" / "wrong.md"
    wrong.write_text("## Wrong\nas: ana\n> I lost my card\n< declines\n", encoding="utf-8")
    done = run("assistant", "test", bank_script.folder, "--only", "Wrong")
    wrong.unlink()
    assert done.exit_code == 1
    assert "expected: declines; found: starts lost_card" in " ".join(done.output.split())


def test_check_and_new(run: Any, tmp_path: Path) -> None:
    assert run("assistant", "new", tmp_path / "mine").exit_code == 0
    assert run("assistant", "check", tmp_path / "mine").exit_code == 0
    (tmp_path / "mine" / "assistant.yaml").write_text(
        "assistant: x\nmodels: {intent: a.csv}\njobs: {a: {likes: [b]}}\n", encoding="utf-8"
    )
    done = run("assistant", "check", tmp_path / "mine")
    assert done.exit_code == 1
    assert "assistant.yaml:3: the job a has no 'likes'" in " ".join(done.output.split())


def test_a_new_assistant_behaves_as_its_own_transcripts_say(run: Any, tmp_path: Path) -> None:
    run("assistant", "new", tmp_path / "mine")
    assert run("assistant", "train", tmp_path / "mine").exit_code == 0
    done = run("assistant", "test", tmp_path / "mine")
    assert done.exit_code == 0
    assert "2   2" in done.output


def test_chat_before_training_says_the_command(run: Any, tmp_path: Path) -> None:
    run("assistant", "new", tmp_path / "mine")
    done = run("chat", tmp_path / "mine")
    assert done.exit_code == 1
    assert "metier assistant train" in done.output
