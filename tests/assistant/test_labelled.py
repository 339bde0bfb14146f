"""What stands behind the name of a slot is its value; a number that is called something else is nobody's code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from metier.assistant import cues, labelled, learn, minds, names, read
from metier.assistant.actions import Outside
from metier.assistant.base import Message, Place, Slot
from metier.assistant.store import open_log
from metier.assistant.talk import Talk
from metier.assistant.turn import Rules

WRITTEN = """\
assistant: Harbour helper
actions:
  tell: {python: "deeds:tell", changes: true}
jobs:
  lost_card:
    title: a lost card
    like: [my card is lost, I lost my debit card, my card was stolen, report a missing card, I cannot find my card]
    ask:
      name:        {text: true, say: "What is your name?"}
      ssn:         {code: "[0-9]{4}", say: "The last four digits of your SSN?"}
      card_number: {code: "[0-9]{4}", say: "The last four digits of the card?"}
      amount:      {money: true, say: "What is it worth?"}
    confirm: "Report {card_number} of {name}?"
    do: [tell]
    done: "Reported."
  move_house:
    title: a new address
    like: [I have moved house, change my address, update where I live, I live elsewhere now, my new address]
    ask:
      name:    {text: true, say: "What is your name?"}
      address: {text: true, say: "What is the new address?"}
      pin:     {code: "[0-9]{4}", say: "Your PIN for letters?"}
    confirm: "Move {name} to {address}?"
    do: [tell]
    done: "Moved."
"""
DEEDS = "def tell(values, key=None):\n    return {}\n"


def slot(name: str, kind: str = "code") -> Slot:
    pattern = "[0-9]{4}" if kind == "code" else ""
    return Slot(name=name, kind=kind, say="?", place=Place(file="assistant.yaml", line=1), options={}, pattern=pattern)


SLOTS = [slot("name", "text"), slot("ssn"), slot("card_number"), slot("address", "text"), slot("account_number")]


@pytest.mark.parametrize(
    ("text", "said", "others"),
    [
        (
            "name ammu and ssn no 3355 and ac no 8885 and my new address 12 High Street, London",
            {"name": "ammu", "ssn": "3355", "account_number": "8885", "address": "12 High Street, London"}, [],
        ),
        ("ssn 9173, credit card number is 8974", {"ssn": "9173", "card_number": "8974"}, []),
        ("my card ending in 4421", {"card_number": "4421"}, []),
        ("last 4 digits 6758", {}, ["6758"]),
        ("3345 and 6677", {}, ["3345", "6677"]),
        ("time 1921, amount 5000", {}, []),
        ("can you transfer 5000 to my account", {}, []),
        ("8974 7525 7566 2121", {}, []),  # one long number
        ("my name is on the card", {}, []),
    ],
)  # fmt: skip
def test_values_behind_their_names(text: str, said: dict[str, str], others: list[str]) -> None:
    found = labelled.labelled(text, SLOTS)
    assert {one.slot: one.text for one in found} == said
    assert labelled.others(text, found, [one for one in SLOTS if one.kind == "code"]) == others


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("no thank byee", "bye"),
        ("thank you and have a good day", "bye"),
        ("nothing, you can end the chat now", "bye"),
        ("that's all you had to do", "done"),
        ("no I got enough information, thanks again", "done"),
        ("thanks for your information", "thanks"),
        ("thanks, can you transfer 5000", ""),
        ("my card is lost, bye", ""),
        ("have a card", ""),
        ("no", ""),
        ("have a nice day?", ""),
    ],
)
def test_how_a_conversation_ends(text: str, kind: str) -> None:
    assert cues.closing(text) == kind


@pytest.mark.parametrize(
    ("text", "may_be"),
    [("leon barajas", True), ("Bank of the West", True), ("are you there", False), ("the number is 2254", False),
     ("ok thank you", False), ("no", False)],
)  # fmt: skip
def test_what_may_be_a_name(text: str, may_be: bool) -> None:
    assert names.plausible(text) == may_be


@pytest.fixture(scope="module")
def says(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """What becomes of the last of several messages in a conversation of its own."""
    home = tmp_path_factory.mktemp("harbour") / "bank"
    home.mkdir()
    (home / "assistant.yaml").write_text(WRITTEN, encoding="utf-8")
    (home / "deeds.py").write_text(DEEDS, encoding="utf-8")
    script = read.load(home)
    learn.learn(script, effort="quick")
    log, caller = open_log(home / "log.db"), Outside(home, {})
    talk, numbers = Talk(Rules(script, minds.load(script)), log, caller), count()

    def last(*texts: str) -> dict[str, Any]:
        name = str(next(numbers))
        for place, text in enumerate(texts):
            turn = talk.send(name, Message(id=str(place), text=text, at=datetime(2026, 11, 25, 12, tzinfo=UTC)))
        did = [event.verb for event in turn.events]
        return {"did": did, **({} if turn.state.job is None else turn.state.job.slots)}

    yield last
    caller.close()
    log.close()


@pytest.mark.parametrize(
    ("said", "held"),
    [
        ("ram, ssn 2567, card 5197", {"name": "ram", "ssn": "2567", "card_number": "5197"}),
        ("vicky 2568", {"name": "vicky", "ssn": "2568"}),
        ("2568", {"ssn": "2568"}),  # and no sum
        ("are you there", {}),
        ("no thank bye", {}),
    ],
)
def test_several_values_where_one_was_asked_for(says: Any, said: str, held: dict[str, str]) -> None:
    found = says("I lost my debit card", said)
    assert {name: value for name, value in found.items() if name != "did"} == held


def test_thanks_and_a_goodbye_agree_to_nothing(says: Any) -> None:
    told = ("I have moved house", "leon barajas", "12 High Street", "4421")
    assert says(*told)["did"][-1] == "confirms"
    for text in ("great thank you", "great thank you again have a great day", "that's all"):
        assert "calls" not in says(*told, text)["did"]
    assert "calls" in says(*told, "ok thanks")["did"]


def test_who_says_their_name_asks_nothing(says: Any) -> None:
    assert says("I lost my debit card", "my name is alan")["name"] == "alan"
    assert "says" not in says("my name is alan")["did"]


def test_the_code_of_another_slot_is_no_free_text(says: Any) -> None:
    found = says("I have moved house", "leon barajas", "6554", "7777")
    assert found["pin"] == "6554"
    assert "address" not in found
