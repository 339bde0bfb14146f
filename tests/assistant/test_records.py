"""What is kept of conversations, put to use: outcomes and figures, replay, the evidence, a customer's rights."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import Result
from typer.testing import CliRunner

from metier.assistant import outcomes, pack, read, replayed, subject, transcripts
from metier.assistant.desk import Desk
from metier.assistant.teach import Teaching
from metier.assistant.turn import Rules
from metier.cli import command_line

LATER = datetime(2026, 11, 25, 13, 0, tzinfo=UTC)


@pytest.fixture
def talked(line: Any) -> Any:
    """Six conversations that ended in six ways."""
    lines = {
        "done": ["how much is in savings?"],
        "told": ["what does a new card cost?"],
        "person": ["my blue card is lost", "a person please"],
        "left": ["my card is lost"],
        "strange": ["what is the meaning of life?"],
        "again": ["what does a new card cost?"],
    }
    for place, (name, said) in enumerate(lines.items()):
        line.name, line.at = name, datetime(2026, 11, 20 + place % 5, 10, 0, tzinfo=UTC)
        line.customer = "ben" if name == "left" else "ana"
        for text in said:
            line(text)
    line.name, line.at = "again", line.at + timedelta(hours=1)
    return line


def found(line: Any) -> dict[str, outcomes.Outcome]:
    return {one.conversation: one for one in outcomes.outcomes(line.talk.log, LATER)}


def test_each_conversation_has_one_outcome(talked: Any) -> None:
    some = found(talked)
    assert {name: one.outcome for name, one in some.items()} == {
        "done": "resolved",
        "told": "resolved",  # the same was asked again, but before it
        "person": "handed off",
        "left": "abandoned",
        "strange": "declined",
        "again": "came back",
    }
    assert (some["person"].why, some["person"].subjects) == ("asked", ["lost_card"])
    assert (some["strange"].declined, some["left"].customer) == (1, "ben")
    assert all(ms > 0 for one in some.values() for ms in one.ms)


def test_figures_say_of_how_many_and_how_surely(talked: Any) -> None:
    talked.talk.note("told", "rated", {"seq": 1, "good": True})
    said = outcomes.figures([*found(talked).values()])
    shares = {one.name: one for one in said.shares}
    assert (said.conversations, said.turns, said.reasons) == (6, 7, {"asked": 1})
    assert (shares["handed off"].count, shares["handed off"].of) == (1, 6)
    assert 0 < shares["handed off"].low < 1 / 6 < shares["handed off"].high < 1
    assert (shares["turns declined"].count, shares["turns declined"].of) == (1, 7)
    assert (shares["ratings helpful"].count, shares["ratings helpful"].of) == (1, 1)
    assert sum(count for day in said.days.values() for count in day.values()) == 6
    assert outcomes.figures([]).shares[0].of == 0  # nobody has written, and nothing is divided by


def test_conversations_are_found_by_job_outcome_and_band(talked: Any) -> None:
    desk = Desk(talked.talk, now=lambda: LATER)

    def names(**by: Any) -> set[str]:
        return {one.conversation for one in desk.found("", **by)}

    assert names(job="lost_card") == {"person", "left"}
    assert names(outcome="abandoned") == {"left"}
    assert names(outcome="asked") == {"person"}
    assert names(job="cards.md#replacement-fee", outcome="came back") == {"again"}
    assert "strange" in names(ours=(0.0, 0.3))
    assert "strange" not in names(ours=(0.6, 1.0))
    assert [one.conversation for one in desk.found("meaning", outcome="declined")] == ["strange"]


def test_a_message_of_which_scope_is_unsure_is_ours_by_its_own_chance(talked: Any) -> None:
    log, likely = talked.talk.log, {"step": "scope says", "ms": 1.0, "said": "unsure", "score": 0.55}
    log.trace("done", 1, [{**likely, "candidates": [["ours", 0.55], ["outside", 0.45]]}])
    log.trace("told", 1, [{**likely, "said": "outside", "candidates": [["outside", 0.55]]}])
    some = found(talked)
    assert (some["done"].ours, some["told"].ours) == ([0.55], [0.45])


def test_the_same_specialists_take_no_turn_another_way(talked: Any) -> None:
    said = replayed.replayed(talked.talk.log, talked.talk.rules)
    assert (said.turns, said.changed) == (7, [])


def test_others_do_and_nothing_is_called(talked: Any) -> None:
    minds = talked.talk.rules.minds
    calls = len(talked.talk.caller.made)
    deaf = Rules(talked.talk.script, replace(minds, scope_least=1e9))  # nothing is ours any more
    said = replayed.replayed(talked.talk.log, deaf)
    changed = {one.conversation: one for one in said.changed}
    assert "strange" not in changed
    assert changed["left"].before.startswith("starts lost_card")
    assert changed["left"].after == "declines"
    assert len(talked.talk.caller.made) == calls


def test_the_evidence_is_one_archive_with_every_digest(talked: Any, tmp_path: Path) -> None:
    script = talked.talk.script
    digest = pack.pack(script, talked.talk.log, tmp_path / "evidence.zip")
    with zipfile.ZipFile(tmp_path / "evidence.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files["manifest.json"])
    assert digest == hashlib.sha256(files["manifest.json"]).hexdigest()
    held = {name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name != "manifest.json"}
    assert manifest["files"] == held
    models = json.loads(files["models.json"])
    assert {"intent", "acts", "scope", "entities", "pii", "knowledge"} == set(models)
    assert all(len(one["sha256"]) == 64 for one in models["intent"]["files"].values())
    assert json.loads(files["lineage.json"])["files"]["intents.csv"]["specialist"] == "intent"
    tests = json.loads(files["tests.json"])
    assert len(tests) == len(transcripts.read_folder(script.folder / "tests"))
    assert [] in [one["missed"] for one in tests]
    assert {one["name"] for one in json.loads(files["promises.json"])} == set(script.promise)
    said = json.loads(files["watched.json"])
    assert [one["name"] for one in said["promises"]] == ["false_refusal", "out_of_scope_caught", "reply_p95"]
    assert b"meaning of life" not in files["watched.json"]  # no customer's words
    assert b"Delivery" in files["written/knowledge/cards.md"]


def test_a_customer_gets_all_that_is_kept_and_is_forgotten(talked: Any, tmp_path: Path) -> None:
    home = Path(shutil.copytree(talked.talk.script.folder, tmp_path / "bank"))
    log = talked.talk.log
    assert log.of_customer("ben") == ["left"]
    teaching = Teaching(read.load(home), log, lambda text: text)
    for text in ("my card is lost", "wipe the slate"):  # the first is how this customer said it
        teaching.approve(teaching.message(text, "job:lost_card", who="Ann"), who="Bob")
    assert subject.erase(log, home, "ben") == (1, 1)
    assert log.entries("left") == []
    assert [text for text, _ in read.load(home).taught] == ["wipe the slate"]
    assert [one.data["text"] for one in log.proposals()] == ["wipe the slate"]
    assert subject.erase(log, home, "nobody") == (0, 0)


def test_the_commands(talked: Any, tmp_path: Path) -> None:
    folder, log = str(talked.talk.script.folder), ["--log", str(tmp_path / "log.db")]

    def run(*words: str) -> Result:
        return CliRunner().invoke(command_line(), ["assistant", *words])

    said = run("figures", folder, *log, "--json")
    assert msgspec.json.decode(said.stdout)["conversations"] == 6
    assert "handed off, asked: 1" in run("figures", folder, *log).output
    assert "0 of 7 turns go another way" in run("replay", folder, *log, "--served").output
    refused = run("replay", folder, *log)
    assert refused.exit_code == 1
    assert "there is no candidate" in refused.output
    exported = run("export", folder, *log, "--customer", "ben").stdout.splitlines()
    assert [json.loads(one)["conversation"] for one in exported] == ["left"]
    assert "1 conversations erased" in run("erase", folder, *log, "--customer", "ben").output
    assert run("export", folder, *log, "--customer", "ben").stdout == ""


@pytest.mark.parametrize(
    "words",
    [
        ["figures", "FOLDER"],
        ["gaps", "FOLDER"],
        ["export", "FOLDER", "--customer", "ben"],
        ["erase", "FOLDER", "--customer", "ben"],
        ["replay", "FOLDER", "--served"],
        ["evidence", "FOLDER", "-o", "evidence.zip"],
        ["review", "FOLDER"],
        ["teach", "FOLDER", "what do I owe", "job:balance", "--as", "Ann"],
        ["promote", "FOLDER"],
    ],
    ids=lambda words: words[0],
)
def test_a_folder_that_is_mistyped_is_said_to_be_and_nothing_is_made(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bank").mkdir()
    Path("bank/assistant.yaml").write_text("assistant: A bank\n", encoding="utf-8")
    Path("other").mkdir()
    for folder, found in {
        "bnak": "bnak is no folder. Did you mean bank?",
        "other": "other holds no assistant.yaml",
    }.items():
        said = CliRunner().invoke(command_line(), ["assistant", *(folder if one == "FOLDER" else one for one in words)])
        assert said.exit_code == 1
        assert found in " ".join(said.output.split())
    assert sorted(path.as_posix() for path in Path().rglob("*")) == ["bank", "bank/assistant.yaml", "other"]


def test_a_log_that_is_not_there_is_no_empty_one(
    bank_script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Result:
        return CliRunner().invoke(command_line(), ["assistant", "figures", *words])

    said = run(str(bank_script.folder), "--log", "lgo.db")
    assert said.exit_code == 1
    assert "there is no such file" in said.output
    Path("notes.md").write_text("# Notes", encoding="utf-8")
    with sqlite3.connect("ledger.db") as other:
        other.execute("create table answers (id text)")
    for name in ("notes.md", "ledger.db"):
        said = run(str(bank_script.folder), "--log", name)
        assert said.exit_code == 1
        assert f"{name} holds no conversations" in said.output
    with sqlite3.connect("ledger.db") as other:
        assert [name for (name,) in other.execute("select name from sqlite_master")] == ["answers"]
    new = run(str(bank_script.folder))  # of an assistant that nobody has talked to yet
    assert new.exit_code == 0
    assert "Nobody has talked to it yet" in new.output
    assert not (bank_script.folder / "state").exists()
    assert sorted(path.name for path in Path().iterdir()) == ["ledger.db", "notes.md"]
