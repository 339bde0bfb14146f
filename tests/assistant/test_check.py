"""What `metier assistant check` finds, one small assistant for each: its line, and what to write instead."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from metier.assistant import check, read, strict
from metier.assistant.base import Remark

SOUND = """assistant: Nova
models: {intent: intents.csv}
actions:
  cards:   {get: "{bank}/customers/{customer}/cards"}
  freeze:  {post: "{bank}/cards/{card.id}/freeze", body: {why: "{why}"}, changes: true}
  reissue: {post: "{bank}/cards/{card.id}/new", changes: true}
  note:    {python: "deeds:note"}
jobs:
  lost:
    when: [lost_card]
    like: [where is my card]
    login: true
    ask:
      card:  {pick: cards, say: "Which card?"}
      why:   {text: true, say: "What happened?"}
      again: {yes_no: true, say: "A new one?"}
    confirm: "Freeze {card.name}{again: and send another}?"
    do: [freeze, {reissue: {if: again}}, note]
    done: "{card.name} is frozen, number {freeze.number}.{again: Another is on its way.}"
person: {when: [asked, 2 misunderstandings, fraud]}
"""
LINES = {line.split(":")[0].strip(): number for number, line in enumerate(SOUND.splitlines(), 1)}
DEEDS = "from __future__ import annotations\n\n\ndef note(values, *, key, at):\n    return {}\n"
PAGES = (
    "# Cards\n\n## Fee\nIt is £5.\nAsked as: what does it cost | price\n\n## Delivery\nThree days.\nAsked as: when\n"
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "knowledge" / "cards.md").write_text(PAGES, encoding="utf-8")
    (tmp_path / "deeds.py").write_text(DEEDS, encoding="utf-8")
    rows = [f"{text} {n},{label}" for text, label in (("lost it", "lost_card"), ("stolen", "fraud")) for n in range(9)]
    (tmp_path / "intents.csv").write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    return tmp_path


def found(home: Path, text: str = SOUND) -> list[Remark]:
    return check.check(read.script(strict.read(text, "assistant.yaml"), home))


def said(home: Path, text: str = SOUND) -> list[str]:
    return [f"{one.place.line}: {one.grade}: {one.problem} {one.fix}" for one in found(home, text)]


def test_nothing_is_found_where_all_is_sound(home: Path) -> None:
    assert said(home) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "expected"),
    [
        # what is sent
        ("/cards/{card.id}/freeze", "/cards/{crad.id}/freeze", "freeze", "freeze, as lost does it, names {crad.id}"),
        ('why: "{why}"', 'why: "{wy}"', "freeze", "error: freeze, as lost does it, names {wy}, and there is no such"),
        ("{card.id}/freeze", "{note.id}/freeze", "freeze", "names {note.id} before note is known. Known here: again"),
        ('"{bank}/cards/{card.id}/new"', '"{bank}/{freeze.number}/new"', None, ""),
        ("[freeze, {reissue", "[{freeze: {if: again}}, {reissue", "done", "which there is only where again is true"),
        # what is picked from
        ("/customers/{customer}/cards", "/why/{why}/cards", "cards", "picked from, names {why} before why is known"),
        ("/cards\"}\n  freeze", "/cards\", changes: true}\n  freeze", "card", "is picked from cards, which changes"),
        # who is asked for
        ("    login: true\n", "", "cards", "names {customer}, and anybody may ask for lost. Add login: true to it"),
        # what is said
        ("Freeze {card.name}{", "Freeze {freeze.number}{", "confirm", "names {freeze.number} before freeze is known"),
        ("Freeze {card.name}{", "Freeze {card.name} until {next_open}{", "confirm", "confirm of lost names {next_"),
        ("is frozen, number", "is frozen, {reissue.number}", "done", "needs {reissue.number}, which"),
        ("is frozen, number", "is frozen{reissue: for good}, number", None, ""),
        ('"A new one?"', '"A new {card.name}?"', "again", "warning: again asks with {card.name}, and"),
        ("jobs:", 'say: {bye: "Bye, {name}!"}\njobs:', "jobs", "error: bye names {name}, and nothing of that name"),
        ("2 misunderstandings, fraud]", 'fraud], closed: "Back at {open}."', "person", "closed names {open}"),
        ("like: [", 'like: ["my [crad](blue) is lost", ', "like", "lost asks for no crad, which is marked here."),
        # what is named
        ("{if: again}", "{if: agian}", "do", "`if: agian` names no slot of lost. Slots: card, why, again"),
        ("misunderstandings, fraud]", "misunderstandings, frauds]", "person", "nothing brings 'frauds' to a person"),
        ("[asked, 2 mis", "[asked, two mis", "person", "error: nothing brings 'two misunderstandings' to a person"),
        ("when: [lost_card]", "when: [lost_card, fraud]", "when", "'fraud' goes to a person (assistant.yaml:20)"),
        ("{intent: intents.csv}", "{intent: gone}", "models", "error: there is no specialist in"),
        ("models: {intent: intents.csv}\n", "language: [en]\n", "when", "no label 'lost_card'. Name rows with labels"),
        ("intents.csv}", "intents.csv, pii: mine}", "models", "error: there is no specialist in"),
        ("jobs:", "privacy: {redact: [phone, name]}\njobs:", "jobs", "warning: nothing takes out 'name'. Taken out"),
        ("jobs:", "outside: bank.py\njobs:", "jobs", "error: there is no file bank.py here. Write it"),
        # actions
        ("deeds:note", "deeds:notes", "note", "error: deeds.py has no function notes. Known there: note"),
        (', changes: true}\n  note', "}\n  note", "reissue", "warning: reissue is a post, and said to change nothing"),
        (", note]", "]", "note", "note: no job does note"),
        ("[where is my card]", '[where is my card, "Where is my card?"]', "like", "stands at assistant.yaml:11, too"),
        # promises
        ("person:", "promise: {speed: 3%}\nperson:", "person", "error: nothing is known of the promise 'speed'"),
        ("person:", "promise: {false_refusal: few}\nperson:", "person", "'few' is no share that can be kept"),
        ("person:", "promise: {reply_p95: soon}\nperson:", "person", "error: reply_p95: 'soon' is no time"),
        ("person:", "promise: {false_refusal: 2%}\nperson:", "person", "cannot be told by 4 rows held out: with"),
        ("person:", "promise: {out_of_scope_caught: 90%}\nperson:", None, ""),
        ("person:", "promise: {out_of_scope_caught: 99.99%}\nperson:", "person", "more messages that are not yours"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_found_at_its_line(home: Path, old: str, new: str, line: str | None, expected: str) -> None:
    assert SOUND.count(old) == 1
    remarks = said(home, SOUND.replace(old, new))
    if line is None:
        assert remarks == []
    else:
        assert any(one.startswith(f"{LINES[line]}: ") and expected in one for one in remarks), remarks


def test_a_file_of_functions_is_read_and_not_run(home: Path) -> None:
    (home / "deeds.py").write_text("raise SystemExit\n\ndef note(:\n", encoding="utf-8")
    (one,) = found(home)
    assert (str(one.place), one.grade) == ("deeds.py:3", "error")
    (home / "deeds.py").write_text("raise SystemExit\n\ndef note(values): ...\n", encoding="utf-8")
    assert found(home) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("> write to jo.smith@gmail.com", "warning: an address that may be somebody's"),
        ("> call me on 07911 123456", "warning: a telephone number that may be somebody's"),
        ("> write to ana@example.com, or call 07700 900123, or 202-555-0123", None),
        ("> my card is 4111 1111 1111 1111", "error: a number with a valid checksum"),
        ("> token=abcdef123456", "error: this looks like a secret"),
        ("< starts lots", "error: 'starts lots' names what the assistant does not have. Known: lost"),
        ("< asks crad", "Known: again, card, what, why"),
        ("< sets what = blue", "Known: again, card, why"),
        ("< calls freese once", "Known: cards, freeze, note, reissue"),
        ("< calls freeze once with crad=green", "Known: again, card, why"),
        ("< answers cards.md#fees", "Known: cards.md#delivery, cards.md#fee"),
        ("< answers cards.md#fee", None),
        ("< freezes", "error: 'freezes' is none of the ten forms"),
    ],
)
def test_transcripts_are_looked_at(home: Path, line: str, expected: str | None) -> None:
    (home / "tests" / "a.md").write_text(f"## A\n> hello\n{line}\n", encoding="utf-8")
    remarks = found(home)
    if expected is None:
        assert remarks == []
    else:
        (one,) = remarks
        assert str(one.place) == "tests/a.md:3"
        assert expected in f"{one.grade}: {one.problem} {one.fix}"


def test_a_question_that_two_sections_answer_is_found(home: Path) -> None:
    path = home / "knowledge" / "cards.md"
    path.write_text(PAGES.replace("Asked as: when\n", "Asked as: Price?\n"), encoding="utf-8")
    (one,) = found(home)
    assert (str(one.place), one.grade) == ("knowledge/cards.md:7", "warning")
    assert "'Price?' stands at knowledge/cards.md:3, too" in one.problem


def test_a_label_that_is_a_persons_by_itself_is_found(home: Path) -> None:
    rows = (home / "intents.csv").read_text(encoding="utf-8").replace("fraud", "complaint")
    (home / "intents.csv").write_text(rows, encoding="utf-8")
    text = SOUND.replace("[lost_card]", "[lost_card, complaint]").partition("person:")[0]
    assert any("'complaint' goes to a person (by itself), and never starts lost" in one for one in said(home, text))


def test_what_changes_something_for_anybody_is_found(home: Path) -> None:
    said_of_it = said(home, SOUND.replace("    login: true\n", ""))
    assert any("warning: lost changes something for anybody. Add login: true" in one for one in said_of_it)


def test_what_the_specialists_would_not_find_is_found(bank_script: Any, bank_minds: Any) -> None:
    balance = bank_script.jobs["balance"]
    phrase = "what is the meaning of life"
    odd = replace(balance, like=(phrase,), places={**balance.places, f"like {phrase}": balance.place})
    fee = bank_script.knowledge["cards.md#replacement-fee"]
    astray = replace(fee, asked_as=("who won the football", "sing me a song"))
    script = replace(
        bank_script, jobs={**bank_script.jobs, "balance": odd}, knowledge={**bank_script.knowledge, fee.id: astray}
    )
    remarks = {f"{one.place}: {one.problem}" for one in check.check(script, bank_minds) if one.grade == "warning"}
    assert f"{balance.place}: scope refuses '{phrase}'." in remarks
    assert f"{fee.place}: {fee.id} is never found by its own `Asked as`." in remarks
