"""Every kind of bad input, through the command line and through Python: said plainly, nothing lost, no default."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import metier
from metier.cli import command_line
from metier.errors import (
    BadCell,
    CannotWrite,
    MissingColumn,
    NotASpecialist,
    TooFewRows,
    UnreadableData,
)

BANK = Path(__file__).resolve().parents[1] / "examples" / "bank"
APP = command_line()
GOOD = "text,intent\n" + "open my account,open\nopen a pot,open\nclose my card,close\nclose the loan,close\n" * 3


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(*words: Any) -> str:
    done = CliRunner().invoke(APP, [str(word) for word in words])
    assert done.exit_code == 1, f"{done.output}\n{done.exception!r}"
    assert "Traceback" not in done.output
    assert done.stdout == ""
    return " ".join(done.stderr.split())


def answered(*words: Any) -> str:
    done = CliRunner().invoke(APP, [str(word) for word in words])
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    return str(done.stdout)


UNLEARNABLE: list[tuple[str, bytes, tuple[str, ...], type[Exception], str]] = [
    ("an empty file", b"", (), UnreadableData, "the file is empty. Expected a header"),
    ("a header alone", b"text,intent\n", (), UnreadableData, "there is not one row"),
    ("one class", b"text,intent\na b,x\nc d,x\ne f,x\n", (), TooFewRows, "the only label is 'x'. Expected two or more"),
    ("a class of one row", GOOD.encode() + b"where am I,lost\n", (), TooFewRows, "have a single row: 'lost'"),
    ("no such target", GOOD.encode(), ("--target", "intend"), MissingColumn, "Did you mean 'intent'?"),
    ("an empty target", b"text,intent\na b,\nc d,\n", ("--target", "intent"), MissingColumn, "is empty in all 2 rows"),
    ("a missing label", GOOD.encode() + b"close it,\n", (), BadCell, "row 13: column 'intent' is empty"),
    ("a missing text", GOOD.encode() + b",close\n", (), BadCell, "row 13: nothing is not text"),
    ("not UTF-8", GOOD.encode() + "un café,open\n".encode("latin-1"), (), UnreadableData, "iconv -f latin1 -t utf-8"),
    ("UTF-16", GOOD.encode("utf-16"), (), UnreadableData, "iconv -f utf-16 -t utf-8"),
    ("a compressed file", b"\x1f\x8b\x08" + GOOD.encode(), (), UnreadableData, "gunzip -c"),
    ("a row too long", GOOD.encode() + b"a,b,c\n", (), UnreadableData, "3 cells where the header has 2"),
    ("input of another kind", b"n,y\n!!,a\n##,b\n%%,a\n", ("--input", "n"), MissingColumn, "wrong kind for an input"),
    ("target of another kind", GOOD.encode(), ("--target", "id"), MissingColumn, "wrong kind for a target"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "options", "error", "said"), [row[1:] for row in UNLEARNABLE], ids=[row[0] for row in UNLEARNABLE]
)
def test_what_cannot_be_learnt_from(
    here: Path, data: bytes, options: tuple[str, ...], error: type[Exception], said: str
) -> None:
    if "id" in options:
        header, *lines = data.decode().splitlines()
        data = "\n".join([f"id,{header}", *(f"{i},{line}" for i, line in enumerate(lines))]).encode()
    (here / "in.csv").write_bytes(data)
    told = refused("train", "in.csv", "-o", "out", "--effort", "quick", *options)
    assert said in told
    assert "in.csv" in told
    assert [path.name for path in here.iterdir()] == ["in.csv"]
    named = {option.removeprefix("--"): value for option, value in zip(options[::2], options[1::2], strict=True)}
    with pytest.raises(error) as raised:
        metier.train("in.csv", output="out", effort="quick", **named)  # type: ignore[arg-type]
    assert said in str(raised.value)
    assert [path.name for path in here.iterdir()] == ["in.csv"]


def test_gaps_in_lists_and_frames_are_named() -> None:
    pandas = pytest.importorskip("pandas")
    rows: list[dict[str, Any]] = [
        {"text": f"{verb} {i} pots", "intent": verb} for i in range(3) for verb in ("open", "close")
    ]
    for gap in (None, float("nan"), "", 7):
        with pytest.raises(BadCell, match=r"row 7: .*(not text|nothing to read)"):
            metier.train([*rows, {"text": gap, "intent": "open"}], effort="quick")
    with pytest.raises(BadCell, match="row 7: column 'intent' is empty"):
        metier.train(pandas.DataFrame([*rows, {"text": "open it", "intent": None}]), effort="quick")


def test_a_file_that_only_asks_may_be_empty_or_strange_too(bank_folder: Path, here: Path) -> None:
    (here / "empty.csv").write_bytes(b"")
    (here / "sheet.csv").write_bytes(b"PK\x03\x04" + b"\0" * 100)
    for name, said in (("empty.csv", "the file is empty"), ("sheet.csv", "spreadsheet"), ("none.csv", "no such file")):
        assert said in refused("predict", bank_folder, name, "-o", "answers.csv")
        assert not (here / "answers.csv").exists()


def test_nulls_are_answered_with_their_error(bank_folder: Path, here: Path) -> None:
    (here / "in.jsonl").write_text(
        '{"text": null}\n{"text": 5}\n{"text": ["a"]}\n{"no": 1}\n{"text": "I lost my card"}\nnot JSON\n'
    )
    rows = [json.loads(line) for line in answered("predict", bank_folder, "in.jsonl", "--json").splitlines()]
    assert [row["reason"] for row in rows] == ["bad_input"] * 4 + [None, "bad_input"]
    assert all(row["label"] is None and row["candidates"] == [] for row in rows if row["reason"])
    assert "line 6: no valid JSON" in rows[5]["error"]
    decisions = metier.load(bank_folder).predict([None, 5, ["a"], float("nan"), "I lost my card", b"\xff"])
    assert [d.reason for d in decisions] == ["bad_input"] * 4 + [None, "bad_input"]
    assert all(d.error for d in decisions if d.reason)


def test_a_megabyte_in_one_cell(bank_folder: Path, here: Path) -> None:
    long = "I lost my card. " * 65_536  # 1 MiB
    (here / "in.csv").write_text(f"id,text\n1,{long}\n2,freeze it\n")
    rows = [json.loads(line) for line in answered("predict", bank_folder, "in.csv", "--json").splitlines()]
    assert [row["input"]["id"] for row in rows] == ["1", "2"]
    assert rows[0]["input"]["text"] == long
    assert all(row["stage"] > 0 for row in rows)
    assert len(answered("predict", bank_folder, long)) < 2000
    (here / "learn.csv").write_text(GOOD + f"{long},open\n")
    answered("train", "learn.csv", "-o", "out", "--effort", "quick")


SCRIPTS = {
    "emoji": "\U0001f937\U0001f3fd\u200d\u2640\ufe0f where is my card \U0001f4b3?",
    "zero-width": "I lost\u200b my\u200d card",
    "right to left, marked": "\u2067أين بطاقتي\u2069",
    "right to left": "איפה הכרטיס שלי",
    "combining": "i\u0307 am Zoe\u0308",
    "no spaces": "カードをなくした",
}


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_any_script_is_text(bank_folder: Path, here: Path, text: str) -> None:
    assert metier.load(bank_folder).predict([text])[0].error is None
    (here / "in.csv").write_text(f"text\n{text}\n", encoding="utf-8")
    answered("predict", bank_folder, "in.csv", "-o", "out.csv")
    assert (here / "out.csv").read_text(encoding="utf-8").splitlines()[1].startswith(text)
    assert answered("predict", bank_folder, text)


def test_nothing_to_be_seen_is_no_text(bank_folder: Path) -> None:
    for text in ("", " \t\n", "\u200b\u200d", "\u202e", "\ufeff"):
        [decision] = metier.load(bank_folder).predict([text])
        assert decision.reason == "bad_input", repr(text)


def test_labels_that_are_numbers(here: Path) -> None:
    things = ("account", "card", "loan", "pot")
    rows = [{"text": f"{verb} my {thing}", "y": y} for thing in things for verb, y in (("open", 1), ("close", 2.0))]
    specialist = metier.train(rows, effort="quick")
    assert specialist.labels == ("1", "2")
    (here / "in.csv").write_text("text,y\n" + "".join(f"{row['text']},{row['y']}\n" for row in rows))
    said = json.loads(answered("train", "in.csv", "-o", "out", "--effort", "quick", "--json"))
    assert said["target"] == "y"
    assert json.loads(answered("evaluate", "out", "in.csv", "--json"))["rows"] == len(rows)


def test_a_test_set_with_labels_never_learnt(bank_folder: Path, here: Path) -> None:
    (here / "test.csv").write_text(
        "text,intent\nI lost my card,report_lost_or_stolen_card\nsing,karaoke\nsing on,karaoke\n"
    )
    said = answered("evaluate", bank_folder, "test.csv")
    assert "Unknown labels" in said
    assert "karaoke (2)" in said
    (here / "none.csv").write_text("text,intent\nsing,karaoke\n")
    assert "none of the 1 rows has a label this specialist learnt" in refused("evaluate", bank_folder, "none.csv")


@pytest.mark.parametrize("verb", ["show", "predict", "evaluate"])
def test_a_folder_that_is_no_specialist(here: Path, verb: str) -> None:
    (here / "empty").mkdir()
    (here / "json").mkdir()
    (here / "json" / "specialist.json").write_text("{}")
    (here / "file").write_text("x")
    rest = {"show": (), "predict": ("hello",), "evaluate": (BANK / "test.csv",)}[verb]
    for name, said in (
        ("empty", "no specialist.json"),
        ("none", "no such folder"),
        ("file", "a file"),
        ("json", "sha256"),
    ):
        assert said in refused(verb, name, *rest)
    with pytest.raises(NotASpecialist, match="Expected the folder that"):
        metier.load("empty")


def full_after(size_bytes: int) -> Callable[[], None]:
    """A limit on the size of files stands for a disk that fills up: a write fails halfway through."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))


def on_a_full_disk(*words: Any, room_bytes: int = 50_000) -> str:
    command = [sys.executable, "-m", "metier", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, preexec_fn=full_after(room_bytes))
    assert done.returncode == 1, f"{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


def test_a_full_disk(bank_folder: Path, here: Path) -> None:
    (here / "in.csv").write_text("text\n" + "I lost my card\n" * 5000)
    (here / "answers.csv").write_text("the old answers\n")
    kept = {path.name for path in here.iterdir()}
    said = on_a_full_disk("predict", bank_folder, "in.csv", "-o", "answers.csv")
    assert "answers.csv: cannot be written (File too large)" in said
    assert (here / "answers.csv").read_text() == "the old answers\n"
    assert "report.html" in on_a_full_disk(
        "evaluate", bank_folder, BANK / "test.csv", "--report", "report.html", room_bytes=10_000
    )
    assert {path.name for path in here.iterdir()} == kept


def test_a_full_disk_while_training(here: Path) -> None:
    said = on_a_full_disk("train", BANK / "intents.csv", "-o", "bank", "--effort", "quick")
    assert "Free space" in said
    assert not (here / "bank").exists()
    assert not [path for path in here.rglob("*") if path.is_file() and path.suffix in (".part", ".partial")]


def test_standard_output_that_is_full(bank_folder: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "metier", "predict", str(bank_folder), "I lost my card", "--json"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: standard output: No space left on device.")
    assert len(done.stderr.splitlines()) == 1


def test_a_place_that_cannot_be_written(bank: Any, bank_folder: Path, here: Path) -> None:
    (here / "file").write_text("in the way")
    assert "file" in refused("train", BANK / "intents.csv", "-o", "file", "--effort", "quick")
    assert "cannot be written" in refused("predict", bank_folder, "hello", "-o", "no/such/folder/out.csv")
    with pytest.raises(CannotWrite, match="file"):
        bank.save(here / "file")
    assert (here / "file").read_text() == "in the way"
