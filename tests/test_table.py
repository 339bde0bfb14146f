"""A table from its file to decisions: Python, command line, folder, scikit-learn; the example runs as it is shown."""

from __future__ import annotations

import csv
import json
import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from typer.testing import CliRunner

import metier
from metier.cli import command_line
from metier.columns import choose
from metier.errors import BadOption
from metier.estimator import MetierClassifier
from metier.types import Decision, Table

APP = command_line()
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "table.py"
ROWS: list[dict[str, Any]] = runpy.run_path(str(EXAMPLE))["calls"](300)
INPUTS = ["called", "balance", "job"]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "calls.csv"
    with path.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)
    return path


@pytest.fixture(scope="module")
def folder(file: Path) -> Path:
    path = file.with_name("calls")
    done = CliRunner().invoke(APP, ["train", str(file), "-o", str(path), "--target", "bought"])
    assert done.exit_code == 0, done.output
    assert "Input is 3 columns (it looks like a table; date: called; number: balance; category: job)" in done.output
    assert "Rows are held out in blocks of time by 'called'" in done.output
    return path


def timeless(decisions: list[Decision]) -> list[Decision]:
    return [replace(decision, microseconds=0.0) for decision in decisions]


def test_a_table_is_learnt_kept_and_asked(folder: Path) -> None:
    specialist = metier.load(folder)
    assert specialist.columns == tuple(INPUTS)
    asked: list[Any] = [("2024-05-02", "4000", "farmer"), {"called": "2024-05-02", "balance": 10.5}]
    asked += [("2024-05-02", None, None), ("2024-05-02", 5e6, "astronaut"), ("some day", 1, "clerk"), ("a", "b")]
    sure, poor, gaps, strange, bad, short = specialist.predict(asked)
    assert (sure.label, poor.label) == ("yes", "no")
    assert gaps.reason != "bad_input"
    assert strange.reason == "out_of_scope"
    assert "column 'called': 'some day' is no date" in str(bad.error)
    assert "2 cells: no row" in str(short.error)
    alone = [specialist.predict([row])[0] for row in asked]
    assert timeless(alone) == timeless(specialist.predict(asked))
    cells = [golden.cell for golden in specialist.golden]
    assert len(cells) == 8
    assert all(isinstance(cell, list) and len(cell) == 3 for cell in cells)


def test_trees_are_among_its_stages_and_its_figures_say_what_random_rows_would_flatter(folder: Path) -> None:
    specialist = metier.load(folder)
    assert "boosted.v2" in {stage.head.kind for stage in specialist.cascade.stages}
    [note] = specialist.figures["notes"]  # type: ignore[misc]
    assert "at random it would be" in str(note)


def run(*words: str, stdin: str | None = None) -> str:
    done = CliRunner().invoke(APP, list(words), input=stdin)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_rows_are_asked_by_words_objects_lines_and_files(folder: Path, file: Path, tmp_path: Path) -> None:
    row = {"called": "2024-05-02", "balance": 4000, "job": "farmer"}
    assert "yes" in run("predict", str(folder), *(f"{name}={cell}" for name, cell in row.items()))
    [line] = run("predict", str(folder), json.dumps(row), "--json").splitlines()
    assert json.loads(line)["label"] == "yes"
    lines = run("predict", str(folder), "-", stdin=f"{json.dumps(row)}\nno object\n[1]\n").splitlines()
    assert [line.split(",")[3] for line in lines[1:]] == ["yes", "", ""]
    assert "no valid JSON" in lines[2]
    run("predict", str(folder), str(file), "-o", str(tmp_path / "answers.jsonl"))
    answers = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert len(answers) == len(ROWS)
    assert answers[0]["called"] == ROWS[0]["called"]
    other = tmp_path / "other.csv"
    other.write_text("day,money,work\n2024-05-02,4000,farmer\n")
    assert ",yes," in run("predict", str(folder), str(other), "--input", "day,money,work")


def test_what_is_asked_amiss_is_told(folder: Path, file: Path) -> None:
    done = CliRunner().invoke(APP, ["predict", str(folder), "4000"])
    assert done.exit_code == 1
    assert "Expected name=value for each, a JSON object or a file" in " ".join(done.stderr.split())
    assert "Did you mean balance?" in run("predict", str(folder), "ballance=3", "--json")
    done = CliRunner().invoke(APP, ["predict", str(folder), str(file), "--input", "called,job"])
    assert done.exit_code == 1
    assert "2 columns. Expected 3: called, balance, job" in " ".join(done.stderr.split())


def test_it_is_measured_and_shown(folder: Path, file: Path, tmp_path: Path) -> None:
    report = tmp_path / "page.html"
    said = json.loads(run("evaluate", str(folder), str(file), "--report", str(report), "--json"))
    assert said["accuracy"]["value"] > 0.8
    shown = " ".join(run("show", str(folder)).split())
    assert "from date, number, category" in shown
    assert "called, balance, job → bought" in shown


def test_schools_of_columns_are_guessed_and_keys_left_out() -> None:
    n = 40
    table = Table(
        columns={
            "row_id": [str(i) for i in range(n)], "age": list(range(n)), "city": ["Rome", "Oslo"] * 20,
            "same": ["x"] * n, "note": [f"a note of some words {i}" for i in range(n)], "target": ["a", "b"] * 20,
        }
    )  # fmt: skip
    found = choose(table)
    assert [one.column for one in found.inputs] == ["note"], "one column of words among few measures is the input"
    found = choose(Table(columns={name: cells for name, cells in table.columns.items() if name != "note"}))
    assert [(one.column, one.domain) for one in found.inputs] == [("age", "number"), ("city", "category")]
    assert "Left out: 'row_id' (a key, another value in every row); 'same' (one value only)" in found.said
    assert [one.column for one in choose(table, input="age,note").inputs] == ["age", "note"]
    with pytest.raises(BadOption, match="a column twice"):
        choose(table, input="age,age")


def test_scikit_learn_gives_frames_and_arrays() -> None:
    frame = pandas.DataFrame(ROWS)
    fitted = MetierClassifier(effort="quick").fit(frame[INPUTS], frame["bought"])
    assert fitted.specialist_.columns == tuple(INPUTS)
    assert fitted.score(frame[INPUTS], frame["bought"]) > 0.75
    turned = fitted.predict_proba(frame[INPUTS[::-1]])
    np.testing.assert_array_equal(turned, fitted.predict_proba(frame[INPUTS]), "columns of a frame go by their names")
    draw = np.random.default_rng(0)
    cells = draw.normal(size=(200, 3))
    cells[::10, 1] = np.nan
    labels = (cells[:, 0] > 0).astype(int)
    numbers = MetierClassifier(effort="quick").fit(cells, labels)
    assert numbers.score(cells, labels) > 0.9
    with pytest.raises(ValueError, match=r"X has 2 columns\. Expected the 3"):
        numbers.predict(cells[:, :2])


def test_the_example_runs_as_it_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    shown = capsys.readouterr().out
    assert "→ yes" in shown
    assert "→ out_of_scope" in shown
    assert "→ bad_input" in shown
