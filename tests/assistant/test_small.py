"""A small assistant as somebody writes it from a schema: three jobs, five phrases each, slots of one kind."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from metier.assistant import learn, minds, read
from metier.assistant.actions import Outside
from metier.assistant.base import Message, Script
from metier.assistant.store import open_log
from metier.assistant.talk import Talk
from metier.assistant.turn import Rules

WRITTEN = """\
assistant: Union helper
currency: "$"
actions:
  check:    {python: "deeds:check"}
  transfer: {python: "deeds:transfer", changes: true}
  pay:      {python: "deeds:pay", changes: true}
jobs:
  balance:
    title: your balance
    like: [check the balance of my account, what is my account balance, how much money is in my checking account,
           tell me my savings balance, I want to know how much I have]
    ask:
      account: {pick: [checking, savings], say: "Checking or savings?"}
    do: [check]
    done: "Your {account} balance is {check.balance}."
  transfer:
    title: a transfer
    like: [make a money transfer, send money to a friend, transfer money to another account, I need to move some money,
           wire money to someone]
    ask:
      account:   {pick: [checking, savings], say: "From which account, checking or savings?"}
      recipient: {pick: [checking, savings], say: "To their checking or savings account?"}
      amount:    {money: {min: 1, max: 10000}, say: "How much do you want to send?"}
      name:      {text: true, say: "Who do you want to send it to?"}
    confirm: "Send {amount} from your {account} account to {name}'s {recipient} account?"
    do: [transfer]
    done: "It is sent."
  umbrellas:
    title: umbrellas
    like: [lend me umbrellas, we need umbrellas, umbrellas for all of us, can we borrow umbrellas, got some umbrellas]
    ask:
      count: {number: true, say: "How many?"}
      place: {pick: [station, museum], say: "Where do you fetch them?"}
    done: "{count} at the {place}."
  bill:
    title: a bill
    like: [pay a bill, I want to pay my electricity bill, schedule a bill payment, pay my credit card bill,
           settle my phone bill]
    ask:
      payee:  {text: true, say: "Which company?"}
      amount: {money: true, say: "How much?"}
      day:    {date: future, say: "On which day?"}
    confirm: "Pay {amount} to {payee} on {day}?"
    do: [pay]
    done: "It is scheduled."
"""
DEEDS = """\
def check(values, *, key, at):
    return {"balance": "$1,230.50"}


def transfer(values, *, key, at):
    return {"sent": True}


pay = transfer
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Script:
    folder = tmp_path_factory.mktemp("assistants") / "union"
    folder.mkdir()
    (folder / "assistant.yaml").write_text(WRITTEN, encoding="utf-8")
    (folder / "deeds.py").write_text(DEEDS, encoding="utf-8")
    found = read.load(folder)
    learn.learn(found)
    return found


@pytest.fixture(scope="module")
def rules(script: Script) -> Rules:
    return Rules(script, minds.load(script))


@pytest.mark.parametrize(
    ("text", "job"),
    [
        ("Hi, I'd like to check my balance please.", "balance"),
        ("I want to make a transfer", "transfer"),
        ("Can you help me pay a bill?", "bill"),
        ("Send 90 bucks to Peter", "transfer"),
        ("show me my balance", "balance"),
    ],
)
def test_few_phrases_do_not_make_it_ask_what_was_meant(says: Any, text: str, job: str) -> None:
    assert says(text)[0].startswith(f"starts {job}")


def test_two_slots_of_one_kind_are_told_by_the_words_before_them(says: Any) -> None:
    *_, asked, done = says(
        "I need to send $1,500 to my friend Amina's checking account from my savings", "to Amina", "yes"
    )
    assert asked.endswith("Send $1,500 from your savings account to Amina's checking account?")
    assert done.endswith("It is sent.")


def test_somebody_elses_is_not_ones_own(says: Any) -> None:
    assert says("I'd like to wire 2k to Ana's savings", "out of my checking one")[-1].endswith(
        "Send $2,000 from your checking account to Ana's savings account?"
    )


def test_a_side_that_was_told_already_is_put_right(says: Any) -> None:
    said = says("make a transfer", "checking", "no, out of my savings")
    assert said[-1] == "sets account · asks recipient"


def test_a_text_that_was_meant_otherwise_is_put_right_while_something_else_is_asked(says: Any) -> None:
    said = says("pay a bill", "Nordic Gas", "sorry, I meant to say Baltic Gas", "40 dollars", "tomorrow")
    assert said[2] == "sets payee · asks amount"
    assert said[-1].endswith("Pay $40 to Baltic Gas on Thursday 26 November?")


def test_yes_to_the_one_thing_that_was_offered_is_yes_to_it(says: Any) -> None:
    said = says("give Peter 20 dollars", "yes")
    assert said[0] == "offers"
    assert said[1].startswith("starts transfer · sets amount")


def test_a_number_answers_what_was_asked_and_is_no_place_in_another_list(says: Any) -> None:
    said = says("lend me umbrellas", "2", "2")
    assert said[1] == "sets count · asks place"
    assert said[2].endswith("2 at the museum.")


def test_thanks_for_something_do_not_ask_for_it_again(says: Any) -> None:
    said = says("thanks for helping me to pay my bill", "thanks, now I want to make a transfer", "cancel", "4577")
    assert said[0] == "says thanks"
    assert said[1].startswith("starts transfer")
    assert said[3] == "misses"


def test_free_text_stays_as_it_was_written_and_sums_are_read_whole(says: Any) -> None:
    said = says(
        "Can you help me pay a bill?", "City Power and Light", "84 dollars and 20 cents", "the first of December"
    )
    assert said[-1].endswith("Pay $84.20 to City Power and Light on Tuesday 1 December?")


def test_what_people_say_around_a_name_is_no_name(says: Any) -> None:
    said = says("make a transfer", "from checking to his savings", "$750 please", "It should go to Raghav")
    assert said[-1].endswith("Send $750 from your checking account to Raghav's savings account?")


def test_the_same_is_asked_again_with_another_value(says: Any) -> None:
    said = says("How much do I have in savings?", "And in checking?", "and what about the weather?")
    assert said[1].endswith("Your checking balance is $1,230.50.")
    assert said[2] == "declines"


def test_an_answer_goes_back_to_the_question_before_a_switch(says: Any) -> None:
    said = says("make a transfer", "checking", "savings", "Can you tell me how much I have in it first?", "300")
    assert said[3].startswith("switches balance")
    assert said[4].startswith("sets amount · asks name")


def test_a_short_answer_that_is_none_is_not_called_another_trade(says: Any) -> None:
    assert says("make a transfer", "purple")[-1] == "misses · asks account"


ALONE = """\
assistant: A lone job
jobs:
  umbrella:
    title: an umbrella
    like: [lend me an umbrella, I need an umbrella, can I borrow an umbrella, have you got a brolly, umbrella please,
           it rains and I have no umbrella]
    done: "Take the green one."
"""


def test_an_assistant_of_one_job_learns_and_knows_what_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "assistant.yaml").write_text(ALONE, encoding="utf-8")
    found = read.load(tmp_path)
    learn.learn(found, effort="quick")
    log, caller = open_log(tmp_path / "log.db"), Outside(tmp_path, {})
    talk, at = Talk(Rules(found, minds.load(found)), log, caller), datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
    texts = ("could I borrow an umbrella?", "what is the capital of France?")
    turns = [talk.send(text, Message(id="1", text=text, at=at)) for text in texts]
    assert [event.verb for event in turns[0].events] == ["starts", "finishes"]
    assert [event.verb for event in turns[1].events] == ["declines"]
    caller.close()
    log.close()
