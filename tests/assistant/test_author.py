"""An assistant of another trade, by an author who has phrases, YAML and Markdown, and no rows at all."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from metier.assistant import answers, check, clocks, dates, learn, minds, outside, read, transcripts, trial
from metier.assistant.actions import Outside
from metier.assistant.base import Place, Slot
from metier.assistant.store import open_log
from metier.assistant.turn import Rules

AIRLINE = Path(__file__).parent / "airline"
WEDNESDAY = date(2026, 11, 25)


@pytest.fixture(scope="module")
def airline(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The airline's folder, trained."""
    folder = tmp_path_factory.mktemp("airlines") / "airline"
    for path in AIRLINE.rglob("*.*"):
        if path.is_file() and "__pycache__" not in path.parts:
            copy = folder / path.relative_to(AIRLINE)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    script = read.load(folder)
    learn.learn(script, effort="quick")
    return script


def test_phrases_are_enough(airline: Any, tmp_path: Path) -> None:
    rules, log = Rules(airline, minds.load(airline)), open_log(tmp_path / "log.db")
    written = transcripts.read_folder(airline.folder / "tests")
    missed = []
    for transcript in written:
        with outside.running(airline.outside, {}) as places:
            caller = Outside(airline.folder, places)
            missed += trial.run(rules, caller, log, transcript).missed
            caller.close()
    log.close()
    assert missed == []


def test_no_rows_are_needed_and_nothing_is_wrong(airline: Any) -> None:
    assert sum(1 for line in (AIRLINE / "assistant.yaml").read_text().splitlines() if line.strip()) < 70
    assert [one for one in check.check(airline, minds.load(airline)) if one.grade == "error"] == []


@pytest.mark.parametrize(
    ("text", "next_one", "last_one"),
    [
        ("tomorrow please", "2026-11-26", "2026-11-26"),
        ("I'd like friday", "2026-11-27", "2026-11-20"),
        ("Tuesday next week", "2026-12-01", "2026-12-01"),
        ("on 5 December", "2026-12-05", "2025-12-05"),
        ("December 5th, 2027", "2027-12-05", "2027-12-05"),
        ("the 3rd", "2026-12-03", "2026-11-03"),
        ("in three days", "2026-11-28", "2026-11-28"),
        ("two weeks ago", "2026-11-11", "2026-11-11"),
        ("a week from today", "2026-12-02", "2026-12-02"),
        ("25/12", "2026-12-25", "2025-12-25"),
        ("2026-12-24", "2026-12-24", "2026-12-24"),
        ("the first of December", "2026-12-01", "2025-12-01"),
        ("December the twenty-first", "2026-12-21", "2025-12-21"),
        ("Dec. 5", "2026-12-05", "2025-12-05"),
        ("14th of next month", "2026-12-14", "2026-12-14"),
        ("1st", "2026-12-01", "2026-11-01"),
        ("13 th june", "2027-06-13", "2026-06-13"),
        ("17 June 18", "2018-06-17", "2018-06-17"),
        ("20062018", "2018-06-20", "2018-06-20"),
        ("24-12-2026", "2026-12-24", "2026-12-24"),
        ("5/5/2027", "2027-05-05", "2027-05-05"),
        ("last night", "2026-11-24", "2026-11-24"),
        ("three months ago", "2026-08-25", "2026-08-25"),
        ("in a couple of days", "2026-11-27", "2026-11-27"),
        ("Wednesday in a week", "2026-12-09", "2026-11-25"),
        ("last week Monday", "2026-11-16", "2026-11-16"),
        ("the end of the month", "2026-11-30", "2026-11-30"),
        ("a week on Friday", "2026-12-04", "2026-11-27"),
        ("Friday 18 December", "2026-12-18", None),  # the last one was a Thursday
        ("thurs, December the 3rd", "2026-12-03", None),
        ("on Saturday the 5th", "2026-12-05", None),
        ("the 20th next month", "2026-12-20", "2026-12-20"),
        ("3 days away from now", "2026-11-28", "2026-11-28"),
        ("Friday 19 December", None, "2025-12-19"),
        ("I sat the 3rd exam", None, None),
        ("send 20 next month", None, None),
        ("£25.12", None, None),
        ("friday or monday", None, None),
        ("05/06", None, None),
        ("31 November", None, None),
        ("we sat on the bus in may", None, None),
    ],
)
def test_a_day_is_read_or_is_none(text: str, next_one: str | None, last_one: str | None) -> None:
    for past, expected in ((False, next_one), (True, last_one)):
        found = dates.day(text, WEDNESDAY, past=past)
        assert (found and found.isoformat()) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at 3pm", "15:00"),
        ("17:30", "17:30"),
        ("noon", "12:00"),
        ("12 am", "00:00"),
        ("12:15 pm", "12:15"),
        ("at 7", None),
        ("half six", None),
        ("half past six in the evening", "18:30"),
        ("quarter past 4 pm", "16:15"),
        ("quarter to seven pm", "18:45"),
        ("evening 6:30", "18:30"),
        ("11 in the morning", "11:00"),
        ("seven o'clock in the morning", "07:00"),
        ("6 tonight", "18:00"),
        ("25 past 23", "23:25"),
        ("25 to 7 p.m.", "18:35"),
        ("twenty-five past seven in the evening", "19:25"),
        ("15 35 in the afternoon", "15:35"),
        ("5 past 12 p.m.", "12:05"),
        ("0 35 a.m.", "00:35"),
        ("1130 am", "11:30"),
        ("five thirty pm", "17:30"),
        ("20 mins after 10 pm", "22:20"),
        ("22 45", "22:45"),
        ("12 50", None),
        ("half past 3 at night", "03:30"),
        ("10 past 9 at night", "21:10"),
        ("at 5 past 7", None),
        ("10 o'clock", None),
        ("this afternoon", None),
        ("send 5 this evening", None),
        ("at 5 December", None),
    ],
)
def test_a_time_is_read_or_is_none(text: str, expected: str | None) -> None:
    found = clocks.clock(text)
    assert (found and f"{found:%H:%M}") == expected


@pytest.mark.parametrize(
    ("kind", "more", "text", "expected"),
    [
        ("money", {}, "20 on 5 December", 20.0),
        ("money", {}, "2 times $30", 30.0),
        ("number", {}, "3 seats at $30", 3.0),
        ("number", {}, "just one", 1.0),
        ("number", {}, "the blue one", None),
        ("number", {}, "half a dozen please", 6.0),
        ("money", {}, "$1.2 million", 1_200_000.0),
        ("money", {}, "5 thousand", 5_000.0),
        ("money", {}, "£5 50p", 5.5),
        ("money", {}, "£25.12", 25.12),
        ("money", {}, "670€ in 4 days at 11 45 in the morning", 670.0),
        ("money", {}, "84 dollars and 20 cents", 84.2),
        ("code", {"pattern": "[A-Z]{2}[0-9]{4}"}, "it is ab1234, thanks", "AB1234"),
        ("code", {"pattern": "[0-9]{4}"}, "4421 or 4422", None),
        ("text", {}, "my name is Jo Smith", "Jo Smith"),
        ("text", {}, "it's a red case", "a red case"),
        ("text", {}, "my laptop is on fire", "my laptop is on fire"),  # what it is, and no name of an answer
        ("text", {}, "It should go to Raghav, please", "Raghav"),
        ("text", {}, "It happened at the station as I was leaving", "It happened at the station as I was leaving"),
        ("time", {}, "three", None),
        ("number", {}, "[CARD_1]", None),  # what stands for a number that was taken out
        ("money", {}, "[PHONE_1] and £5", 5.0),
    ],
)
def test_a_value_is_read_or_is_none(kind: str, more: Any, text: str, expected: Any) -> None:
    slot = Slot(name="x", kind=kind, say="What is it?", place=Place(file="x", line=1), **more)
    assert answers.parse(text, slot, (), WEDNESDAY) == expected


def test_an_option_is_named_by_its_own_word_and_never_by_what_is_refused() -> None:
    options = [{"id": "1", "name": "Lisbon on 3 December"}, {"id": "2", "name": "Oslo on 9 January"}]
    assert answers.pick("the lisbon one", options) == options[0]
    assert answers.pick("not lisbon, the oslo one", options) == options[1]
    assert answers.pick("december or oslo", options) is None
    assert answers.pick("the first one", options) == options[0]
    assert answers.pick("on the first of June", options) is None
    assert answers.pick("the booking", options, frozenset({"booking"})) is None
