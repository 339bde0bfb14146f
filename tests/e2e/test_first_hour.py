"""The first hour with metier, as its user has it: the installed command, one process a step."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import metier

BANK = Path(__file__).resolve().parents[2] / "examples" / "bank"
COMMAND = Path(sys.executable).parent / "metier"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if not COMMAND.exists():
        pytest.skip(f"the package is not installed here: there is no {COMMAND}")
    monkeypatch.chdir(tmp_path)
    shutil.copy(BANK / "intents.csv", tmp_path)
    shutil.copy(BANK / "test.csv", tmp_path)
    return tmp_path


def run(*words: Any, expected: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([COMMAND, *map(str, words)], capture_output=True, text=True, timeout=300)
    assert done.returncode == expected, f"{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_from_a_file_to_answers_and_back_to_better_examples(here: Path) -> None:
    trained = run("train", "intents.csv", "-o", "bank", "--effort", "quick", "--max-error", "20%")
    assert "promised at most 20.0%: kept" in " ".join(trained.stdout.split())
    assert "36 labels" in run("show", "bank").stdout

    lost, life = map(
        json.loads, run("predict", "bank", "I lost my card", "zxqv wkjh 7777", "--json").stdout.splitlines()
    )
    assert lost["label"] == "report_lost_or_stolen_card"
    assert life["label"] is None
    assert life["reason"] in ("out_of_scope", "unsure")

    run("evaluate", "bank", "test.csv", "--out-of-scope-label", "out_of_scope", "--report", "report.html")
    figures = json.loads(Path("report.json").read_text("utf-8"))
    assert figures["rows"] == 163
    assert figures["out_of_scope"]["rows"] == 60
    assert figures["accuracy"]["value"] > 0.75
    assert figures["promise"] in ("kept", "within chance")

    run("predict", "bank", "test.csv", "-o", "answers.csv")
    asked, answers = (
        list(csv.DictReader(Path(name).read_text("utf-8").splitlines())) for name in ("test.csv", "answers.csv")
    )
    assert [(row["text"], row["intent"]) for row in answers] == [(row["text"], row["intent"]) for row in asked]

    with Path("intents.csv").open("a", encoding="utf-8") as file:
        file.write(
            "my purse is gone and the card with it,report_lost_or_stolen_card\nmy purse is gone and the card with it,"
        )
        file.write("report_lost_or_stolen_card\n,report_lost_or_stolen_card\n")
    refused = run("train", "intents.csv", "-o", "better", "--effort", "quick", expected=1)
    assert "metier audit --fix" in refused.stderr
    run("audit", "intents.csv", "--test", "test.csv", "--fix", "clean.csv")
    run("train", "clean.csv", "-o", "better", "--effort", "quick")
    better = metier.load("better")
    assert better.origin["rows"] == 1009
    assert better.predict(["my purse is gone and the card with it"])[0].label == "report_lost_or_stolen_card"


def test_the_same_rows_give_the_same_bytes_by_command_and_by_python(here: Path) -> None:
    run("train", "intents.csv", "-o", "one/bank", "--effort", "quick", "--seed", "3")
    metier.train("intents.csv", output="two/bank", effort="quick", seed=3)
    assert content(here / "one" / "bank") == content(here / "two" / "bank")


@pytest.mark.parametrize("moment", ["Input is column", "learning: "])
def test_ctrl_c_stops_in_one_line_and_resume_goes_on(here: Path, moment: str) -> None:
    words = ("train", "intents.csv", "-o", "bank", "--effort", "quick")
    with subprocess.Popen([COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as training:
        assert training.stdout is not None
        assert training.stderr is not None
        while moment not in (line := training.stderr.readline()):
            assert line, "it ended before there was anything to stop"
        training.send_signal(signal.SIGINT)
        rest = training.stderr.read()
        assert training.wait(60) == 130
        assert training.stdout.read() == ""
    said = [line for line in rest.splitlines() if not line.startswith(("learning", "reading"))]
    assert said == [f"Stopped. Nothing was half-written. Continue with: metier {' '.join(words)} --resume"]
    assert not Path("bank").exists()
    assert not list(here.rglob("*.part*"))
    run(*words, "--resume")
    assert not Path("bank.training").exists()
    run("train", "intents.csv", "-o", "other/bank", "--effort", "quick")
    assert content(here / "bank") == content(here / "other" / "bank")


@pytest.mark.parametrize("seconds", [0.4, 0.8, 1.2, 1.6, 2.0])
def test_ctrl_c_at_any_moment_of_an_answer(bank_folder: Path, here: Path, seconds: float) -> None:
    Path("many.csv").write_text("text\n" + "I lost my card\n" * 300_000)
    Path("answers.csv").write_text("the old answers\n")
    command = [COMMAND, "predict", bank_folder, "many.csv", "-o", "answers.csv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as asked:
        time.sleep(seconds)
        asked.send_signal(signal.SIGINT)
        said = asked.communicate(timeout=60)[1]
    assert asked.returncode in (130, -signal.SIGINT)  # the latter before any of our code ran
    assert "Traceback" not in said
    assert len(said.splitlines()) <= 1
    assert Path("answers.csv").read_text() == "the old answers\n"
    assert not list(here.glob(".*"))


@pytest.mark.slow
def test_standard_effort_declines_the_meaning_of_life(here: Path) -> None:
    run("train", "intents.csv", "-o", "bank", "--max-error", "5%")
    card, life = map(
        json.loads,
        run("predict", "bank", "I lost my card", "what is the meaning of life?", "--json").stdout.splitlines(),
    )
    assert card["label"] == "report_lost_or_stolen_card"
    assert life["label"] is None
    done = run("evaluate", "bank", "test.csv", "--out-of-scope-label", "out_of_scope", "--check", "--json")
    figures = json.loads(done.stdout)
    assert figures["accuracy"]["value"] > 0.9
    assert figures["out_of_scope"]["caught"]["value"] > 0.6
    assert [stage["name"].partition(".")[0] for stage in figures["stages"]] == ["ngrams", "sentence"]
