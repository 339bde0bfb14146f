"""What customers of a bank that nobody here has seen say: names before they are asked for, corrections, follow-ups."""

from __future__ import annotations

from typing import Any

import pytest

from metier.assistant import answers, learn, minds, names, read, wording
from metier.assistant.base import Place, Script, Slot
from metier.assistant.turn import Rules

WRITTEN = """\
assistant: Meadow helper
knowledge: knowledge/
currency: "$"
actions:
  check: {python: "deeds:check"}
  send:  {python: "deeds:send", changes: true}
  claim: {python: "deeds:send", changes: true}
  lend:  {python: "deeds:send", changes: true}
jobs:
  check_balance:
    title: your account balance
    like: [check my account balance, how much money do I have in my account, "what's my balance",
           I want to know the balance of my savings account, could you tell me how much is in checking]
    ask:
      account_type: {pick: [checking, savings], say: "Checking or savings account?"}
    do: [check]
    done: "Your {account_type} account balance is {check.balance}."
  transfer_money:
    title: a money transfer
    like: [make a money transfer, I want to transfer some money, send money to someone, wire money to another account,
           "transfer funds to a friend's account"]
    ask:
      account_type:           {pick: [checking, savings], say: "Which type of account do you want to transfer from?"}
      amount:                 {money: {min: 1, max: 50000}, say: "How much would you like to transfer?"}
      recipient_account_name: {text: true, say: "What is the name of the recipient account?"}
      recipient_account_type: {pick: [checking, savings], say: "Is the recipient account checking or savings?"}
    confirm: "{amount} from {account_type} to {recipient_account_name}, {recipient_account_type}?"
    do: [send]
    done: "Your transfer was successful."
  request_payment:
    title: a payment request
    like: [request a payment from someone, ask a friend to pay me back, I want to request money,
           send a payment request, charge my roommate for the rent]
    ask:
      amount:             {money: {min: 1, max: 5000}, say: "How much do you want to request?"}
      sender:             {text: true, say: "Who do you want to request it from?"}
      private_visibility: {yes_no: true, say: "Should the request be private?"}
    confirm: "Request {amount} from {sender}{private_visibility:, private}?"
    do: [claim]
    done: "Your request was sent."
  apply_loan:
    title: a loan
    like: [apply for a loan, I need a loan, "I'd like to borrow money", can I get a personal loan, take out a car loan]
    ask:
      loan_type: {pick: {personal: [], car: [auto], home: [mortgage, house]}, say: "A personal, car or home loan?"}
      amount:    {money: {min: 1000, max: 500000}, say: "How much do you want to borrow?"}
      years:     {number: {min: 1, max: 30}, say: "Over how many years do you want to pay it back?"}
      delivery:  {pick: {home visit: [], branch: []}, say: "Sign at a home visit or in the branch?"}
      cosigner:  {yes_no: true, say: "Does anybody sign with you?"}
      since:     {date: past, optional: true, say: "Since when do you live at your address?"}
    confirm: "A {loan_type} loan of {amount} over {years} years, {delivery}{cosigner:, with a cosigner}?"
    do: [lend]
    done: "Your application was sent."
"""
HELP = """\
# Help

## Interest rates
Personal loans begin at 6 %, car loans at 4 %, home loans at 3 %.
Asked as: what is the interest rate | what interest do you charge

## Transfer times
A transfer takes one to three business days.
Asked as: how long does a transfer take | when will the money arrive
"""
DEEDS = """\
def check(values, *, key, at):
    return {"balance": "$1,230.50"}


def send(values, *, key, at):
    return {}
"""
MARY = ("make a money transfer", "checking", "$200", "Mary", "savings")
LOAN = ("I need a loan", "car", "$9000", "4", "branch")


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Script:
    folder = tmp_path_factory.mktemp("assistants") / "meadow"
    folder.mkdir()
    (folder / "assistant.yaml").write_text(WRITTEN, encoding="utf-8")
    (folder / "deeds.py").write_text(DEEDS, encoding="utf-8")
    (folder / "knowledge").mkdir()
    (folder / "knowledge" / "help.md").write_text(HELP, encoding="utf-8")
    found = read.load(folder)
    learn.learn(found)
    return found


@pytest.fixture(scope="module")
def rules(script: Script) -> Rules:
    return Rules(script, minds.load(script))


@pytest.mark.parametrize(
    ("text", "rest", "shown"),
    [
        ("send 200 to Mary from my checking", ["her savings"], "$200 from checking to Mary, savings?"),
        ("send 200 to mary from my checking", ["savings"], "$200 from checking to mary, savings?"),
        ("transfer $80 to my brother Ken's savings from checking", [], "$80 from checking to Ken, savings?"),
        (
            "Please send 62 dollars to Ana? She has a savings account.",
            ["checking"],
            "$62 from checking to Ana, savings?",
        ),
        ("request 35 dollars from Zoe, keep it private", [], "Request $35 from Zoe, private?"),
        ("request $35 from my sister Zoe", ["I don't want it private"], "Request $35 from Zoe?"),
    ],
)
def test_all_that_a_first_message_says_is_taken(says: Any, text: str, rest: list[str], shown: str) -> None:
    said = says(text, *rest)
    assert said[0].startswith("starts")
    assert said[-1].endswith(shown)


@pytest.mark.parametrize("name", ["Mary", "to Mary please", "It's for my friend Mary"])
def test_a_name_is_kept_where_another_thing_was_asked(says: Any, name: str) -> None:
    said = says("I want to transfer some money", name, "checking", "200", "savings")
    assert said[1] == "sets recipient_account_name · asks account_type"
    assert said[-1].endswith("$200 from checking to Mary, savings?")


@pytest.mark.parametrize("text", ["Whichever", "Both", "Savings?", "Purple Rain?", "WHAT"])
def test_a_word_that_is_no_name_is_kept_for_none(says: Any, text: str) -> None:
    assert "recipient" not in says("I want to transfer some money", text)[1]


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ("I want to send it to my brother Ken", "Ken"),
        ("The name is Yumi, and it's a savings account.", "Yumi"),
        ("Ben. He has a savings account.", "Ben"),
        ("The recipient is Dr. Smith", "Dr. Smith"),
        ("Bed Bath and Beyond", "Bed Bath and Beyond"),
    ],
)
def test_the_name_is_found_in_its_sentence(says: Any, answer: str, name: str) -> None:
    said = says("make a money transfer", "checking", "$200", answer)
    last = said[-1] if "savings" in answer else says("make a money transfer", "checking", "$200", answer, "savings")[-1]
    assert last.endswith(f"to {name}, savings?")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("No, it should go to Maria, not Mary", "$200 from checking to Maria, savings?"),
        ("it's Maria, not Mary", "$200 from checking to Maria, savings?"),
        ("change Mary to Maria", "$200 from checking to Maria, savings?"),
        ("no, from the other one", "$200 from savings to Mary, savings?"),
        ("no, into the other kind of account", "$200 from checking to Mary, checking?"),
        ("not from checking, from savings", "$200 from savings to Mary, savings?"),
        ("no, the amount is wrong. It should be $250.", "$250 from checking to Mary, savings?"),
    ],
)
def test_a_summary_is_put_right(says: Any, text: str, shown: str) -> None:
    assert says(*MARY, text)[-1].endswith(shown)


def test_what_is_wrong_is_asked_again(says: Any) -> None:
    said = says(*MARY, "the name is wrong", "Maria")
    assert said[-2] == "asks recipient_account_name"
    assert said[-1].endswith("to Maria, savings?")


@pytest.mark.parametrize("text", ["no, don't do that", "no, I changed my mind", "no thanks, that's all", "No."])
def test_a_no_to_the_whole_stops(says: Any, text: str) -> None:
    assert says(*MARY, text)[-1] == "cancels transfer_money"


def test_what_was_meant_is_what_was_said_before(says: Any) -> None:
    said = says("send $300 from checking to Mary", "sorry, I meant savings", "checking")
    assert said[-1].endswith("$300 from savings to Mary, checking?")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two hundred and fifty dollars", "$250"),
        ("ninety-nine dollars and fifty cents", "$99.50"),
        ("a couple hundred", "$200"),
        ("half a million", ""),
        ("a few hundred dollars", ""),
        ("premium ones", ""),
    ],
)
def test_sums_in_words(says: Any, text: str, shown: str) -> None:
    said = says("make a money transfer", "checking", text, "Mary", "savings")
    assert (f"{shown} from" in said[-1]) if shown else "sets amount" not in said[2]


def test_years_are_no_sum_and_a_sum_no_years(says: Any) -> None:
    said = says("I'd like a car loan of 20 thousand dollars over five years", "branch", "nobody", "skip")
    assert said[-1].endswith("A car loan of $20,000 over 5 years, branch?")
    assert "sets amount" not in says("I need a loan", "ten years would be good")[-1]


def test_words_of_one_choice_are_not_given_to_another(says: Any) -> None:
    assert says("I need a loan", "home")[-1] == "sets loan_type · asks amount"


def test_the_verb_of_a_question_answers_it(says: Any) -> None:
    assert "with a cosigner" in says(*LOAN, "my wife will", "skip")[-1]


def test_what_may_be_left_out_sends_nobody_to_a_person(says: Any) -> None:
    said = says(*LOAN, "no", "ages", "ages", "ages")
    assert said[-1].startswith("confirms")


def test_the_other_of_two_is_asked_after(says: Any) -> None:
    said = says("what's my balance", "checking", "and the other one?", "Same for checking please")
    assert said[2].endswith("Your savings account balance is $1,230.50.")
    assert said[3].endswith("Your checking account balance is $1,230.50.")


def test_the_same_again_with_other_values_is_shown_first(says: Any) -> None:
    said = says(*MARY, "yes", "and 50 to Karen", "checking", "savings")
    assert said[-3].startswith("starts transfer_money · sets amount · sets recipient_account_name")
    assert said[-1].endswith("$50 from checking to Karen, savings?")


def test_from_there_is_the_account_just_looked_at(says: Any) -> None:
    said = says("How much do I have in checking?", "ok, send 100 from there to Nick", "savings")
    assert said[-1].endswith("$100 from checking to Nick, savings?")


@pytest.mark.parametrize(
    ("text", "job"),
    [
        ("wait, first tell me my savings balance", "check_balance"),
        ("actually I want to request a payment", "request_payment"),
    ],
)
def test_another_wish_is_no_answer(says: Any, text: str, job: str) -> None:
    assert says("make a money transfer", text)[-1] == f"switches {job}"


def test_a_yes_may_go_on_with_another_wish(says: Any) -> None:
    said = says(*MARY, "yes, and then check my savings balance")
    assert said[-1].startswith("calls send · finishes transfer_money · starts check_balance · sets account_type")


@pytest.mark.parametrize(
    "text",
    [
        "yes, but make it $300",
        "yes, no wait, and then check my savings balance",
        "yes and then check my savings balance first",
        "yes, but check my savings balance first",
        "yes, and wait, check my savings balance",
        "yes and don't send it, check my savings balance",
        "yes, and I changed my mind, check my savings balance",
        "yes, and actually check my savings balance",
    ],
)
def test_nothing_is_done_where_a_yes_goes_on_with_a_change(says: Any, text: str) -> None:
    assert "calls" not in says(*MARY, text)[-1]


@pytest.mark.parametrize("text", ["I need to make a transfer", "to Jessica please"])
def test_nobody_goes_to_a_person_who_did_not_ask_for_one(says: Any, text: str) -> None:
    assert "hands off" not in says("I want to transfer some money", text)[-1]


def test_a_polite_question_may_be_the_answer(says: Any) -> None:
    assert says("make a money transfer", "Could you use my savings account?")[-1] == "sets account_type · asks amount"
    assert "sets" not in says("make a money transfer", "What is a savings account?")[-1]


@pytest.mark.parametrize(("answer", "private"), [("Make it private.", True), ("I don't want that private", False)])
def test_a_yes_or_no_may_take_up_the_question(says: Any, answer: str, private: bool) -> None:
    assert says("request $35 from Zoe", answer)[-1].endswith("from Zoe, private?" if private else "from Zoe?")


def test_thanks_may_go_on_with_a_question(says: Any) -> None:
    said = says("How much do I have in checking?", "thanks. what about savings?", "thanks a lot")
    assert said[1].endswith("Your savings account balance is $1,230.50.")
    assert said[2] == "says thanks"


def test_a_few_strange_words_amid_questions_turn_to_no_other_job(says: Any) -> None:
    assert "switches" not in says("I need a loan", "whatever is cheapest")[-1]


def test_a_name_is_not_mended_to_another(says: Any) -> None:
    said = says("Please make a transfer of 90 dollars to Alisa", "checking", "savings")
    assert said[-1].endswith("$90 from checking to Alisa, savings?")


def test_a_sum_after_of_is_nobody(says: Any) -> None:
    assert "recipient_account_name" not in says("Please make a transfer of 90 dollars.")[0]


@pytest.mark.parametrize("text", ["500. Actually, 450.", "500, no, 450", "500 no wait 450"])
def test_a_message_that_takes_itself_back_means_its_end(says: Any, text: str) -> None:
    assert says("make a money transfer", "checking", text, "Mary", "savings")[-1].endswith(
        "$450 from checking to Mary, savings?"
    )


def test_what_is_taken_back_goes_into_no_other_slot(says: Any) -> None:
    said = says("make a money transfer", "checking... no, savings", "5", "Mary", "hmm, savings, no wait, it's checking")
    assert said[-1].endswith("$5 from savings to Mary, checking?")


def test_both_are_of_one_kind(says: Any) -> None:
    assert says("make a money transfer", "both are savings accounts", "70", "Li")[-1].endswith(
        "savings to Li, savings?"
    )


def test_a_number_is_the_place_only_of_what_was_asked(says: Any) -> None:
    assert says("I need a loan", "car", "$9000", "2")[-1] == "sets years · asks delivery"
    assert says("I need a loan", "2")[-1].startswith("sets loan_type")


def test_a_change_may_be_asked_for(says: Any) -> None:
    assert says(*MARY, "Can you change the amount to 600?")[-1].endswith("$600 from checking to Mary, savings?")


def test_a_name_in_small_letters_needs_a_word_before_it(says: Any) -> None:
    assert says("make a money transfer", "to my sister rosa")[-1].startswith("sets recipient_account_name")
    assert says("make a money transfer", "purple")[-1].startswith("misses")


def test_what_the_author_wrote_of_a_job_asks_for_no_person(says: Any) -> None:
    assert says("send money to someone")[0].startswith("starts transfer_money")


def test_the_least_and_the_most_are_the_bounds(says: Any) -> None:
    assert says("make a money transfer", "savings", "the minimum", "Bo", "checking")[-1].endswith(
        "$1 from savings to Bo, checking?"
    )
    assert says("request a payment from someone", "as much as possible", "Bo", "no")[-1].endswith("$5,000 from Bo?")


def test_who_asks_for_the_choices_is_asked_again(says: Any) -> None:
    assert says("make a money transfer", "hmm, what do you have?")[-1] == "repeats · asks account_type"


def test_a_code_is_no_sum() -> None:
    place = Place(file="assistant.yaml", line=1)
    check = Slot(name="check", kind="code", pattern="[0-9]{4}", say="Which number?", place=place)
    assert answers.amount(answers.without_codes("stop check 1042", [check])) is None
    assert answers.amount(answers.without_codes("stop check 1042, it was for $2000", [check])) == 2000


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("it's Noa, not Noah", "Noa"),
        ("not Noah but Noa", "Noa"),
        ("change Noah to Noa", "Noa"),
        ("Noah with an h is wrong, it's Noa", "Noa"),
        ("Noah is right", None),
    ],
)
def test_what_stands_in_the_place_of_a_name(text: str, value: str | None) -> None:
    assert wording.instead(text, "Noah") == value


def test_the_other_way_round_changes_sides(says: Any) -> None:
    said = says("make a money transfer", "checking", "5", "Bo", "savings", "no, the other way round")
    assert said[-1].endswith("$5 from savings to Bo, checking?")


def test_who_stops_may_ask_for_something_else_at_once(says: Any) -> None:
    said = says("make a money transfer", "checking", "forget that, I want to request a payment")
    assert said[-1].startswith("cancels transfer_money · starts request_payment")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I'm paying my neighbour Klara Weiss", "Klara Weiss"),
        ("my aunt in Berlin", None),
        ("either Ann or Bob", None),
        ("12 Main Street", None),
    ],
)
def test_the_one_name_in_a_sentence(text: str, name: str | None) -> None:
    assert names.within(text, ()) == name


@pytest.mark.parametrize(
    ("text", "does"),
    [
        ("what is the balance of my savings?", "starts check_balance"),
        ("could I borrow money for a car?", "starts apply_loan"),
        ("can you help me with a transfer?", "starts transfer_money"),
        ("what interest do car loans have?", "answers help.md#interest-rates"),
        ("how long will my transfer take?", "answers help.md#transfer-times"),
    ],
)
def test_two_pages_of_knowledge_answer_no_questions_that_are_jobs(says: Any, text: str, does: str) -> None:
    assert says(text)[0].startswith(does)


@pytest.mark.parametrize(
    "text", ["a human, now", "I don't want to talk to a bot", "Person please!", "I don't want a machine"]
)
def test_who_asks_for_a_person_in_so_many_words_gets_one(says: Any, text: str) -> None:
    assert says("make a money transfer", text)[-1] == "hands off asked"
