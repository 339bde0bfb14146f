"""The verbs at the terminal for what is no single name: numbers, and several labels."""

from __future__ import annotations

import csv
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from metier.cli import command_line

APP = command_line()


def ok(*words: Any) -> Any:
    done = CliRunner().invoke(APP, [str(word) for word in words])
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    return done


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tables of 300 rows each, and a specialist for each."""
    folder, draw = tmp_path_factory.mktemp("tasks"), random.Random(0)
    sizes = {"chair": 40, "table": 120, "sofa": 300}
    with (folder / "sales.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "price"])
        for thing in (draw.choice([*sizes]) for _ in range(300)):
            rows.writerow([f"a {thing} of wood {draw.randrange(10**6)}", f"{sizes[thing] + draw.gauss(0, 5):.2f}"])
    with (folder / "messages.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "late", "rude"])
        for _ in range(300):
            late, rude = draw.randrange(2), draw.randrange(2)
            said = f"{'it came late' if late else 'it was on time'}, {'he shouted' if rude else 'he was kind'}"
            rows.writerow([f"{said} {draw.randrange(10**6)}", late, "" if draw.random() < 0.2 else rude])
    for name, target in (("sales", "price"), ("messages", "late,rude")):
        done = ok("train", folder / f"{name}.csv", "-o", folder / name, "--target", target, "--effort", "quick")
        assert "--task says otherwise" in done.stderr
    return folder


def test_a_number_is_shown_with_its_interval(here: Path) -> None:
    said = " ".join(ok("predict", here / "sales", "a sofa of wood").stdout.split())
    assert " to " in said
    assert "90.0%" in said
    row = json.loads(ok("predict", here / "sales", "a sofa of wood", "--json").stdout)
    assert row["low"] < row["estimate"] < row["high"]
    assert "a number, 'price'" in ok("show", here / "sales").stdout


def test_labels_are_shown_by_name(here: Path) -> None:
    assert "late" in ok("predict", here / "messages", "it came late, he was kind").stdout
    assert "none of its labels" in " ".join(
        ok("predict", here / "messages", "it was on time, he was kind").stdout.split()
    )
    assert "any of 2 labels" in " ".join(ok("show", here / "messages").stdout.split())


@pytest.mark.parametrize(
    ("name", "columns"), [("sales", ["estimate", "low", "high"]), ("messages", ["label", "labels"])]
)
def test_a_file_comes_back_with_the_answers_beside_it(
    here: Path, tmp_path: Path, name: str, columns: list[str]
) -> None:
    ok("predict", here / name, here / f"{name}.csv", "-o", tmp_path / "answers.csv")
    with (tmp_path / "answers.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 300
    assert {*columns, "accepted", "reason", "error"} <= rows[0].keys()
    assert all(rows[0][column] for column in columns)


@pytest.mark.parametrize(("name", "figure"), [("sales", "Inside the interval"), ("messages", "ROC-AUC")])
def test_both_are_evaluated_and_audited(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, figure: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert figure in ok("evaluate", here / name, here / f"{name}.csv").stdout
    assert (tmp_path / f"{name}-evaluation.html").exists()
    target = {"sales": "price", "messages": "late,rude"}[name]
    found = ok("audit", here / f"{name}.csv", "--target", target, "--json")
    assert json.loads(found.stdout)["rows"] == 300


def test_columns_of_another_name_are_said_so(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (here / "messages.csv").read_text().replace("text,late,rude", "text,slow,loud")
    (tmp_path / "other.csv").write_text(text)
    figures = json.loads(ok("evaluate", here / "messages", "other.csv", "--target", "slow,loud", "--json").stdout)
    assert figures["labels"] == ["late", "rude"]
    done = CliRunner().invoke(APP, ["evaluate", str(here / "messages"), "other.csv", "--target", "slow"])
    assert done.exit_code == 1
    assert "1 columns, and it learnt 2: late,rude" in " ".join(done.stderr.split())


def test_show_says_what_comes_in_and_what_comes_out(here: Path) -> None:
    assert "sales: from text to a number, 'price' (task 'regress')" in ok("show", here / "sales").stdout
    assert "messages: from text to any of 2 labels (task 'multilabel')" in ok("show", here / "messages").stdout


def test_a_folder_or_an_archive_of_files_is_asked_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for label, words in (("greeting", "good morning to you all"), ("parting", "see you soon, farewell")):
        (tmp_path / "mail" / label).mkdir(parents=True)
        for i in range(12):
            (tmp_path / "mail" / label / f"{i}.txt").write_text(f"{words}, {'abcdefghijkl'[i]}")
    ok("train", "mail", "-o", "kind", "--effort", "quick")
    shutil.make_archive("mail", "zip", tmp_path, "mail")
    for asked in ("mail/", "mail.zip"):
        rows = list(csv.DictReader(ok("predict", "kind", asked).stdout.splitlines()))
        assert [row["label"] for row in rows].count("greeting") == 12
    flat = CliRunner().invoke(APP, ["predict", "kind", "mail/greeting/"])
    assert "to ask about files without labels, name them: greeting/*" in " ".join(flat.stderr.split())


def test_a_file_of_other_columns_is_refused_before_anything_is_written(here: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    done = CliRunner().invoke(APP, ["predict", str(here / "sales"), str(path)])
    assert done.exit_code == 1
    assert not done.stdout
    assert "no column 'text'" in done.stderr
