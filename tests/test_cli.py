from __future__ import annotations

import csv
import json
import os
import random
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner

from metier import artifact
from metier.api import steps_folder
from metier.cli import command_line
from metier.commands.base import share

BANK = Path(__file__).resolve().parents[1] / "examples" / "bank"
LIFE = "what is the meaning of life?"
APP = command_line()
HEAVY = ("numpy", "numba", "onnxruntime", "sklearn", "scipy", "polars", "torch")


def metier(*words: Any, input: bytes | None = None) -> Any:
    """The command, in this process."""
    return CliRunner().invoke(APP, [str(word) for word in words], input=input)


def in_process_of_its_own(*words: Any, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "metier", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


def ok(*words: Any, input: bytes | None = None) -> Any:
    done = metier(*words, input=input)
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    return done


def refused(*words: Any, status: int = 1) -> str:
    """What the command says as it refuses, in one piece; never a traceback."""
    done = metier(*words)
    assert done.exit_code == status, f"{done.output}\n{done.exception!r}"
    assert "Traceback" not in done.output
    return " ".join(done.stderr.split())


def json_of(text: str) -> Any:
    [line] = text.splitlines()
    return json.loads(line)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    folder = tmp_path_factory.mktemp("trained") / "bank"
    return ok("train", BANK / "intents.csv", "-o", folder, "--effort", "quick"), folder


def test_version_and_help() -> None:
    assert re.fullmatch(r"metier \d+\.\d+\.\d+\n", ok("--version").stdout)
    for verb in ("train", "predict", "evaluate", "audit", "show"):
        assert verb in ok("--help").stdout
        assert "Usage" in ok(verb, "--help").stdout


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['metier', 'train', '--help']\nfrom metier.cli import main\ntry: main()\n"
        f"except SystemExit: print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "heavy: []"


@pytest.mark.parametrize(
    ("text", "value"), [("2%", 0.02), ("2 %", 0.02), ("0.02", 0.02), ("2,5%", 0.025), (" 50% ", 0.5)]
)
def test_shares_as_people_write_them(text: str, value: float) -> None:
    assert share(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["2", "0", "0%", "100%", "-1%", "two", "", "nan", "inf%"])
def test_what_is_no_share_is_a_mistake_in_the_command(here: Path, text: str) -> None:
    said = refused("train", BANK / "intents.csv", "-o", "x", f"--max-error={text}", status=2)
    assert "is no share between 0 and 1" in said
    assert not list(here.iterdir())


def test_train_says_its_columns_and_ends_with_its_figures(training: tuple[Any, Path]) -> None:
    done, folder = training
    assert "Input is column 'text'" in done.stderr
    assert re.search(r"learning: \d+%, \d+ s", done.stderr)
    for figure in (
        "Accuracy",
        "Answered",
        "Wrong among answered",
        "Left at stage 1",
        "µs a query",
        "MB",
        "Training took",
    ):
        assert figure in done.stdout
    assert re.search(r"Answered under --max-error, about: 1%: \S+, 2%: \S+, 5%: \S+", done.stdout)
    # a long path may break the line
    assert re.search(r"Ask it: metier predict \S+\s+\"…\"\s*\Z", done.stdout)
    files = {file.name for file in folder.iterdir()}
    assert {"specialist.json", "README.md", "report.html", "report.json"} <= files
    assert not steps_folder(folder).exists()


def test_the_folder_holds_the_report_of_its_own_figures(training: tuple[Any, Path]) -> None:
    folder = training[1]
    assert json.loads((folder / "report.json").read_text("utf-8")) == dict(artifact.describe(folder)["figures"])  # type: ignore[arg-type]
    assert "intents.csv" in (folder / "report.html").read_text("utf-8")


def test_train_for_programs(here: Path) -> None:
    done = ok("train", BANK / "intents.csv", "-o", "bank", "--effort", "quick", "--max-error", "20%", "--json")
    said = json_of(done.stdout)
    assert said["input"] == "text"
    assert said["figures"]["max_error"] == 0.2
    assert said["microseconds"][0] > 0
    assert said["megabytes"] == pytest.approx(sum(f.stat().st_size for f in (here / "bank").iterdir()) / 1e6)


def test_a_promise_that_cannot_be_kept_is_refused_and_its_work_kept(here: Path) -> None:
    words = ("train", BANK / "intents.csv", "-o", "bank", "--effort", "quick")
    said = refused(*words, "--max-error", "0.1%")
    assert "cannot be kept" in said
    assert "Finished steps are kept" in said
    assert not (here / "bank").exists()
    ok(*words, "--resume")
    assert [path.name for path in here.iterdir()] == ["bank"]


def test_steps_of_another_training_are_not_offered(here: Path) -> None:
    words = ("train", BANK / "intents.csv", "-o", "bank", "--effort", "quick")
    refused(*words, "--max-error", "0.1%")
    for step in steps_folder(here / "bank").iterdir():
        os.utime(step, (0, 0))
    assert "Finished steps" not in refused(*words, "--target", "nothing")


def test_rows_too_long_to_be_kept_are_timed_all_the_same(here: Path) -> None:
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnop", k=7)) for _ in range(400)]
    rows = [(" ".join([*draw.sample(words, 300), "late" if i % 2 else "fee"]), i % 2) for i in range(60)]
    (here / "long.csv").write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    assert "nan" not in ok("train", here / "long.csv", "-o", here / "long", "--effort", "quick").stdout
    assert "ngrams: not timed" in ok("show", here / "long").stdout
    assert json_of(ok("show", here / "long", "--json").stdout)["microseconds"] == [None]


def test_labels_whose_rows_are_all_alike_are_refused(here: Path) -> None:
    rows = [
        f"{'my new card is late again' if i % 2 else 'such a fee is far too high'} {'!' * i},{i % 2}\n"
        for i in range(60)
    ]
    (here / "same.csv").write_text("text,label\n" + "".join(rows))
    assert "Bring rows that differ more" in refused(
        "train", here / "same.csv", "-o", here / "same", "--effort", "quick"
    )


def test_a_name_that_decides_all_is_learnt(here: Path) -> None:
    rows = "".join(f"{'late' if i % 2 else 'high'},{i % 2}\n" for i in range(60))
    (here / "one.csv").write_text(f"what,label\n{rows}")
    ok("train", here / "one.csv", "-o", here / "one", "--effort", "quick")
    assert json_of(ok("predict", here / "one", "late", "--json").stdout)["label"] == "1"


def test_a_specialist_of_several_columns_is_asked_by_their_names(here: Path) -> None:
    rows = "".join(f"{i % 7},{'red' if i % 3 else 'blue'},{i % 2}\n" for i in range(60))
    (here / "rows.csv").write_text(f"size,colour,label\n{rows}")
    said = ok("train", here / "rows.csv", "-o", here / "rows", "--effort", "quick").stdout
    assert "'size=…' 'colour=…'" in " ".join(said.split())


def test_a_folder_of_other_things_is_in_the_way_before_any_work(here: Path) -> None:
    (here / "mine").mkdir()
    (here / "mine" / "thesis.txt").write_text("years of work")
    assert "thesis.txt" in refused("train", BANK / "intents.csv", "-o", "mine")
    assert (here / "mine" / "thesis.txt").read_text() == "years of work"


def test_predict_texts(bank_folder: Path) -> None:
    done = ok("predict", bank_folder, "I lost my card", " ")
    assert re.search(r"I lost my card +report_lost_or_stolen_card +\d+\.\d% +1 +\d+ µs", done.stdout)
    assert "none, bad input" in done.stdout


def test_a_label_keeps_its_room_on_a_narrow_terminal(bank_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "44")
    said = metier("predict", bank_folder, "I lost my card").stdout.splitlines()
    assert max(map(len, said)) <= 44
    assert any("report_lost_or_stolen" in line for line in said)


def test_predict_says_why_it_declines(bank: Any, tmp_path: Path) -> None:
    nothing_is_enough = replace(bank, rule=replace(bank.rule, accept_threshold=1.1), golden=())
    nothing_is_enough.save(tmp_path / "strict")
    assert re.search(r"none, unsure;\s+nearest:", ok("predict", tmp_path / "strict", "I lost my card").stdout)


def test_predict_for_programs(bank_folder: Path) -> None:
    lines = ok("predict", bank_folder, "I lost my card", "", "--json").stdout.splitlines()
    good, bad = map(json.loads, lines)
    asked = ["input", "label", "probability", "accepted", "reason", "scope", "candidates", "stage", "microseconds"]
    assert list(good) == asked
    assert good["input"] == {"text": "I lost my card"}
    assert good["label"] == "report_lost_or_stolen_card"
    assert list(bad) == [*asked, "error"]
    assert bad["label"] is None
    assert bad["reason"] == "bad_input"


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl"])
def test_a_file_keeps_its_columns_and_its_rows(bank_folder: Path, here: Path, ending: str) -> None:
    rows = [{"id": "1", "text": "I lost my card"}, {"id": "2", "text": None}, {"id": "3", "text": "tab\tand\nline"}]
    (here / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"id": "4", "late": "x"}]))
    done = ok("predict", bank_folder, "in.jsonl", "-o", f"out{ending}")
    assert re.search(rf"4 rows in out{ending}: .*2 bad_input", done.stderr)
    assert done.stdout == ""
    with (here / f"out{ending}").open(encoding="utf-8", newline="") as file:
        if ending == ".jsonl":
            written = [json.loads(line) for line in file]
        else:
            written = list(csv.DictReader(file, delimiter="\t" if ending == ".tsv" else ","))
    assert [row["id"] for row in written] == ["1", "2", "3", "4"]
    assert [row.get("text") or None for row in written] == [*(row["text"] for row in rows), None]
    assert written[3]["late"] == "x"
    assert written[0]["label"] == "report_lost_or_stolen_card"
    assert written[1]["reason"] == "bad_input"
    assert "is not text" in written[1]["error"]


def test_a_row_that_does_not_parse_keeps_its_place(bank_folder: Path, here: Path) -> None:
    (here / "in.csv").write_bytes(b"id,text\n1,I lost my card\n2,one,two,three\n3,caf\xe9\n4,freeze it\n")
    rows = [json.loads(line) for line in ok("predict", bank_folder, "in.csv", "--json").stdout.splitlines()]
    assert [row["input"]["id"] for row in rows] == ["1", "2", "3", "4"]
    assert "line 3: 4 cells where the header has 2" in rows[1]["error"]
    assert "not UTF-8" in rows[2]["error"]
    assert [row["stage"] for row in rows] == [1, 0, 0, 1]


def test_columns_with_our_names_are_not_replaced(bank_folder: Path, here: Path) -> None:
    (here / "in.csv").write_text("text,label\nI lost my card,mine\n")
    done = ok("predict", bank_folder, "in.csv")
    assert "'label' is 'metier_label'" in done.stderr
    [row] = csv.DictReader(done.stdout.splitlines())
    assert row["label"] == "mine"
    assert row["metier_label"] == "report_lost_or_stolen_card"
    assert row["accepted"] == "True"


def test_another_column_and_the_only_column(bank_folder: Path, here: Path) -> None:
    (here / "two.csv").write_text("Texts,other\nI lost my card,x\n")
    (here / "one.csv").write_text("question\nI lost my card\n")
    assert "Did you mean 'Texts'?" in refused("predict", bank_folder, "two.csv")
    assert "Did you mean 'other'?" in refused("predict", bank_folder, "two.csv", "--input", "othr")
    for words in (("two.csv", "--input", "Texts"), ("one.csv",)):
        assert json_of(ok("predict", bank_folder, *words, "--json").stdout)["accepted"]


def test_lines_of_standard_input(bank_folder: Path) -> None:
    done = ok("predict", bank_folder, "-", "--json", input=b"I lost my card\r\n\n\xff\nlast line")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["input"]["text"] for row in rows] == ["I lost my card", "", "\ufffd", "last line"]
    assert [row["reason"] == "bad_input" for row in rows] == [False, True, True, False]


def test_an_answer_comes_before_the_next_question(bank_folder: Path) -> None:
    command = [sys.executable, "-m", "metier", "predict", str(bank_folder), "-", "--json"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as asked:
        assert asked.stdin is not None
        assert asked.stdout is not None
        for question in (b"I lost my card\n", b"freeze it\n"):
            asked.stdin.write(question)
            asked.stdin.flush()
            assert json.loads(asked.stdout.readline())["input"]["text"] == question.decode().strip()
        asked.stdin.close()
        assert asked.wait(30) == 0


def test_words_that_do_not_go_together(bank_folder: Path, here: Path) -> None:
    (here / "in.csv").write_text("text\nhello\n")
    assert "'in.csv' stands beside other words" in refused("predict", bank_folder, "in.csv", "hello")
    assert "there is no such file" in refused("predict", bank_folder, "im.csv")
    assert "there is no file to look for the column in" in refused("predict", bank_folder, "hello", "--input", "x")
    assert "ends in .jsonl" in refused("predict", bank_folder, "hello", "--json", "-o", "x.csv")
    assert "ends in .csv, .tsv" in refused("predict", bank_folder, "hello", "-o", "x.pdf")
    assert "-o" in refused("train", BANK / "intents.csv", status=2)
    assert "--relabel" in refused("audit", BANK / "intents.csv", "--relabel")
    assert ".html" in refused("evaluate", bank_folder, "in.csv", "--report", "x.pdf")
    # a sentence that ends like a file name is a sentence
    assert "answers.csv" in ok("predict", bank_folder, "please open answers.csv").stdout


def test_the_reader_of_a_pipe_may_leave(bank_folder: Path, tmp_path: Path) -> None:
    rows = tmp_path / "many.csv"
    rows.write_text("text\n" + "I lost my card\n" * 50_000)
    for options in ("", "--json"):
        command = f"{sys.executable} -m metier predict {bank_folder} {rows} {options} | head -n 1"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
        assert len(done.stdout.splitlines()) == 1
        assert done.stderr == ""


def test_what_a_terminal_would_obey_is_not_shown(bank_folder: Path) -> None:
    done = ok("predict", bank_folder, "\x1b[2J\x1b]0;title\x07 where [red]is[/red] \u202emy card")
    assert "\x1b" not in done.stdout
    assert "\x07" not in done.stdout
    assert "\u202e" not in done.stdout
    assert "[red]" in done.stdout


def test_evaluate_writes_a_report_here(bank_folder: Path, here: Path) -> None:
    done = ok("evaluate", bank_folder, BANK / "test.csv", "--out-of-scope-label", "out_of_scope")
    assert "Report: bank-evaluation.html and bank-evaluation.json" in done.stderr
    for said in (
        "Accuracy",
        "Macro-F1",
        "Calibration error",
        "Out of scope, refused",
        "Time for one",
        "weakest of 36",
        "Taken for",
    ):
        assert said in done.stdout
    assert "<html" in (here / "bank-evaluation.html").read_text("utf-8")
    assert json.loads((here / "bank-evaluation.json").read_text("utf-8"))["out_of_scope"]["rows"] == 60


def test_rows_that_were_learnt_are_said_to_be(bank_folder: Path, here: Path) -> None:
    assert "the very rows" in " ".join(ok("evaluate", bank_folder, BANK / "intents.csv").stderr.split())
    assert "rows it has learnt from" in (here / "bank-evaluation.html").read_text("utf-8")


def test_evaluate_for_programs_with_names_of_its_own(bank_folder: Path, here: Path) -> None:
    rows = list(csv.reader((BANK / "test.csv").read_text("utf-8").splitlines()))[1:]
    own, others = [row for row in rows if row[1] != "out_of_scope"], [row for row in rows if row[1] == "out_of_scope"]
    with (here / "own.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["says", "means"], *own])
    (here / "others.jsonl").write_text("".join(json.dumps({"says": row[0]}) + "\n" for row in others))
    words = ("--input", "says", "--target", "means", "--out-of-scope", "others.jsonl", "--report", "r.html", "--json")
    said = json_of(ok("evaluate", bank_folder, "own.csv", *words).stdout)
    assert said["rows"] == len(own)
    assert said["out_of_scope"]["rows"] == len(others)
    assert said == {
        **json.loads((here / "r.json").read_text("utf-8")),
        "latency": said["latency"],
        "stages": said["stages"],
    }
    assert "no column 'mean'" in refused("evaluate", bank_folder, "own.csv", "--target", "mean")


def test_a_broken_promise_has_a_status_of_its_own(bank: Any, here: Path) -> None:
    boastful = replace(bank, rule=replace(bank.rule, max_error=0.0001), golden=())
    boastful.save(here / "boastful")
    words = ("evaluate", "boastful", BANK / "test.csv", "--out-of-scope-label", "out_of_scope")
    assert ok(*words).exit_code == 0
    assert metier(*words, "--check").exit_code == 3


def test_audit_finds_and_fixes(here: Path) -> None:
    lines = (BANK / "intents.csv").read_text("utf-8").splitlines()
    (here / "in.csv").write_text(
        "\n".join([*lines, lines[1], "freeze it now please,Freeze_Card", ",freeze_card"]) + "\n"
    )
    before = (here / "in.csv").read_bytes()
    done = ok("audit", "in.csv", "--test", BANK / "test.csv", "--fix", "out.csv")
    for kind in ("duplicate", "gap", "label name"):
        assert kind in done.stdout
    assert "in.csv is untouched" in done.stderr
    assert (here / "in.csv").read_bytes() == before
    rows = list(csv.DictReader((here / "out.csv").read_text("utf-8").splitlines()))
    assert len(rows) == len(lines)  # one more than there were; the header is not among them
    changes = csv.DictReader((here / "out.changes.csv").read_text("utf-8").splitlines())
    assert {row["change"] for row in changes} == {"dropped", "relabelled"}
    assert json_of(ok("audit", "in.csv", "--json").stdout)["counts"]["gap"] == 1


def test_show(bank_folder: Path) -> None:
    done = ok("show", bank_folder)
    for said in (
        "36 labels",
        "intents.csv: 1,008 rows",
        "effort quick, seed 0",
        "Refuses as out of scope",
        "µs",
        "arrays.safetensors",
    ):
        assert said in done.stdout
    said = json_of(ok("show", bank_folder, "--json").stdout)
    assert (said["inputs"], said["target"]) == ([{"column": "text", "domain": "text"}], "intent")
    assert len(said["microseconds"]) == len(said["stages"])


def test_show_of_a_damaged_folder(bank: Any, tmp_path: Path) -> None:
    bank.save(tmp_path / "bank")
    (tmp_path / "bank" / "stray.txt").write_text("x")
    assert "never read: stray.txt" in ok("show", tmp_path / "bank").stdout
    with (tmp_path / "bank" / "arrays.safetensors").open("r+b") as file:
        file.seek(5000)
        file.write(b"\xff\x00\xff")
    for verb in (("show",), ("predict", "hello")):
        assert "changed since it was written" in refused(verb[0], tmp_path / "bank", *verb[1:])


@pytest.mark.parametrize("width", [60, 80])
def test_tables_fit_their_terminal(bank_folder: Path, here: Path, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    texts = ("I lost my card", LIFE, "how much can I take out with my card at a cash machine in another country " * 3)
    outputs = [
        ok("predict", bank_folder, *texts).stdout,
        ok("show", bank_folder).stdout,
        ok("evaluate", bank_folder, BANK / "test.csv").stdout,
    ]
    for output in outputs:
        assert max(cell_len(line) for line in output.splitlines()) <= width
    assert "µs" in outputs[0]


def test_a_traceback_for_those_who_ask(bank_folder: Path, tmp_path: Path) -> None:
    for debug, traceback in (("0", False), ("1", True)):
        environment = {**os.environ, "METIER_DEBUG": debug}
        done = in_process_of_its_own("show", tmp_path, env=environment)
        assert done.returncode == 1
        assert ("Traceback" in done.stderr) == traceback
        assert "Expected the folder that" in done.stderr
        assert done.stdout == ""
