"""Rasa 3 projects, classic and CALM, become assistants of ours that learn and talk; what cannot is listed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from metier.assistant import check, learn, minds, read, transcripts
from metier.assistant.base import BadAssistant
from metier.assistant.rasa import marks, project, turned
from metier.cli import command_line

NLU = """
version: "3.1"
nlu:
- intent: greet
  examples: |
    - hi
    - good morning
- intent: goodbye
  examples: |
    - see you
- intent: affirm
  examples: |
    - yes of course
- intent: deny
  examples: |
    - no
    - not at all
- intent: order_pizza
  examples: |
    - I want a pizza
    - a [large](size) one please
    - two [margheritas]{"entity": "kind", "value": "margherita"} to my place
    - can I order a pizza
    - pizza for tonight
    - I'd like to order
- intent: opening_hours
  examples: |
    - when are you open
    - do you open on sundays
    - what are your hours
- intent: track_order
  examples: |
    - where is my pizza
    - how long until it is here
    - has my order left
- intent: inform
  examples: |
    - [large](size)
    - [3](number)
- intent: out_of_scope
  examples: |
    - sing me a song
    - who is the president
- intent: faq/allergens
  examples: |
    - is there gluten in it
    - do you use nuts
- intent: faq/payment
  examples: |
    - can I pay by card
    - do you take cash
- intent: never_used
  examples: |
    - anything at all
- synonym: margherita
  examples: |
    - marge
"""
DOMAIN = """
version: "3.1"
intents: [greet, goodbye, affirm, deny, order_pizza, opening_hours, track_order, inform, out_of_scope, faq, never_used]
slots:
  size:
    type: categorical
    values: [small, medium, large]
    mappings: [{type: from_entity, entity: size}]
  num_pizzas:
    type: float
    mappings: [{type: from_entity, entity: number}]
  takeaway:
    type: bool
    mappings: [{type: from_intent, intent: affirm, value: true}]
  street:
    type: text
    mappings: [{type: from_text}]
forms:
  pizza_form:
    required_slots: [size, num_pizzas, takeaway, street]
responses:
  utter_greet:
  - text: Hello from the oven!
  - text: Hi!
  utter_goodbye:
  - text: Bye, enjoy!
  utter_ask_size:
  - text: What size?
  utter_ask_pizza_form_num_pizzas:
  - text: How many?
  utter_ask_takeaway:
  - text: Will you fetch it yourself?
  utter_ask_street:
  - text: Which street?
  utter_ordered:
  - text: "{num_pizzas} {size} on their way to {street}."
  utter_hours:
  - text: "We bake every day, 17:00 to 23:00."
  utter_faq/allergens:
  - text: Our dough has gluten; no nuts are used.
  utter_faq/payment:
  - text: Cash or card at the door.
  utter_out_of_scope:
  - text: I only know about pizza.
  utter_spare:
  - text: Nobody says this.
actions: [action_order, action_check_order, validate_pizza_form]
"""
RULES = """
version: "3.1"
rules:
- rule: greeting
  steps:
  - intent: greet
  - action: utter_greet
- rule: bye
  steps:
  - intent: goodbye
  - action: utter_goodbye
- rule: start
  steps:
  - intent: order_pizza
  - action: pizza_form
  - active_loop: pizza_form
- rule: submit
  condition:
  - active_loop: pizza_form
  steps:
  - action: pizza_form
  - active_loop: null
  - slot_was_set:
    - requested_slot: null
  - action: action_order
  - action: utter_ordered
- rule: hours
  steps:
  - intent: opening_hours
  - action: utter_hours
- rule: track
  steps:
  - intent: track_order
  - action: action_check_order
- rule: faq
  steps:
  - intent: faq
  - action: utter_faq
- rule: oos
  steps:
  - intent: out_of_scope
  - action: utter_out_of_scope
"""
TESTS = """
stories:
- story: hours
  steps:
  - user: |
      what are your hours on [sunday]{"entity": "time"}
    intent: opening_hours
  - action: utter_hours
- story: order
  steps:
  - user: hello there
    intent: greet
  - action: utter_greet
  - user: I would like a pizza
    intent: order_pizza
  - action: pizza_form
  - active_loop: pizza_form
  - user: who is the president
    intent: out_of_scope
  - action: utter_out_of_scope
"""
CALM = """
flows:
  send_parcel:
    description: Send a parcel to somebody.
    steps:
    - collect: recipient
    - collect: weight_number
      description: kilograms
      rejections:
      - if: slots.weight_number > 30
        utter: utter_too_heavy
    - collect: parcel_confirmation
      ask_before_filling: true
      next:
      - if: not slots.parcel_confirmation
        then:
        - action: utter_parcel_cancelled
          next: END
      - else: book
    - id: book
      action: action_book_parcel
    - action: utter_parcel_booked
  late_parcel:
    name: a late parcel
    description: Says where a parcel is.
    nlu_trigger:
    - intent: {name: where_is_it, confidence_threshold: 0.8}
    steps:
    - action: action_get_parcel
    - link: send_parcel
  pattern_cannot_handle:
    steps:
    - action: utter_rephrase
nlu:
- intent: where_is_it
  examples:
  - text: where is my parcel
  - text: my parcel is late
  - text: it has not come
slots:
  recipient: {type: text, mappings: [{type: from_llm}]}
  weight_number: {type: float, mappings: [{type: from_llm}]}
  parcel_confirmation: {type: bool, mappings: [{type: from_llm}]}
responses:
  utter_ask_recipient:
  - text: To whom?
  utter_ask_weight_number:
  - text: How heavy is it?
  utter_ask_parcel_confirmation:
  - text: "Send {weight_number} kg to {recipient}?"
  utter_parcel_booked:
  - text: It will be fetched tomorrow.
"""


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".yml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def pizza(tmp_path: Path) -> Path:
    return written(tmp_path / "rasa", data__nlu=NLU, domain=DOMAIN, data__rules=RULES, tests__test_stories=TESTS)


def came(folder: Path, into: Path) -> tuple[turned.Turned, Path]:
    done = turned.turn(project.read(folder), "Pizza")
    for file, text in done.files.items():
        path = into / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return done, into


def test_a_classic_project_comes_over(pizza: Path, tmp_path: Path) -> None:
    done, home = came(pizza, tmp_path / "ours")
    script = read.load(home)
    job = script.jobs["pizza"]
    assert {name: slot.kind for name, slot in job.ask.items()} == {
        "size": "pick", "num_pizzas": "number", "takeaway": "yes_no", "street": "text",
    }  # fmt: skip
    assert job.ask["num_pizzas"].say == "How many?"
    assert [step.action for step in job.do] == ["order"]
    assert script.actions["order"].changes
    assert not script.actions["check_order"].changes
    assert job.done == "{num_pizzas} {size} on their way to {street}."
    assert script.say["greet"] == "Hello from the oven!"
    assert script.say["decline"] == "I only know about pizza."
    assert script.knowledge["faq.md#payment"].asked_as == ("can I pay by card", "do you take cash")
    assert script.knowledge["answers.md#opening-hours"].text.startswith("We bake every day")
    assert done.came["intents"] == (11, 12)
    assert [remark for remark in check.check(script) if remark.grade == "error"] == []


def test_marks_leave_the_examples_and_acts_their_intents(pizza: Path, tmp_path: Path) -> None:
    done, _ = came(pizza, tmp_path / "ours")
    assert "two margheritas to my place,order_pizza" in done.files["intents.csv"]
    assert "yes of course,yes" in done.files["acts.csv"]
    assert "sing me a song,outside" in done.files["outside.csv"]
    assert "opening_hours" not in done.files["intents.csv"]  # a section answers it


def test_what_needs_a_person_is_listed_with_its_place(pizza: Path, tmp_path: Path) -> None:
    done, _ = came(pizza, tmp_path / "ours")
    left = {(one.place.partition(":")[0], one.found.partition(" ")[0]) for one in done.left}
    assert ("domain.yml", "action_order") in left
    assert ("domain.yml", "`utter_spare`:") in left
    assert any(one.found == "Variations, conditions or pictures: utter_greet." for one in done.left)
    assert ("actions", "validate_pizza_form") in left
    assert any("never_used" in one.found and one.place.startswith("data/nlu.yml:") for one in done.left)
    imported = done.files["IMPORT.md"]
    assert imported.index("action_order is Python") < imported.index("validate_pizza_form") < imported.index("inform:")
    assert imported.index("inform:") < imported.index("utter_spare")


@pytest.mark.parametrize(
    ("example", "text", "found"),
    [
        ("to [New York](city:NYC) now", "to New York now", [("city", "NYC", "")]),
        (
            '[two]{"entity": "n", "role": "adults"} and [one](n)',
            "two and one",
            [("n", "two", "adults"), ("n", "one", "")],
        ),
        ('[a b][{"entity": "x"}, {"entity": "y"}] c', "a b c", [("x", "a b", "")]),
        ("[broken]{entity: x} stays", "broken stays", []),
        ("no [marks] at all (here)", "no [marks] at all (here)", []),
    ],
)
def test_marks_are_read_in_every_form(example: str, text: str, found: list[tuple[str, str, str]]) -> None:
    said = marks.said(example)
    assert said.text == text
    assert [(one.entity, one.value, one.role) for one in said.marks] == found


def test_its_tests_become_transcripts(pizza: Path, tmp_path: Path) -> None:
    _, home = came(pizza, tmp_path / "ours")
    found = [one.exchanges[0] for one in transcripts.read_folder(home / "tests")]
    assert {one.said: [line.text for line in one.expected] for one in found} == {
        "what are your hours on sunday": ["answers answers.md#opening-hours"],
        "I would like a pizza": ["starts pizza"],
        "who is the president": ["declines"],
        "hello there": ['says "Hello from the oven"'],
    }


def test_what_came_over_learns_and_talks(pizza: Path, tmp_path: Path, watched: Any, log: Any) -> None:
    from metier.assistant.talk import Talk
    from metier.assistant.turn import Rules

    _, home = came(pizza, tmp_path / "ours")
    script = read.load(home)
    learn.learn(script)
    line = Talk(Rules(script, minds.load(script)), log, watched)
    said = Said(line)
    assert said("I want a pizza")[0] == "starts pizza"
    assert said("large") == ["sets size", "asks num_pizzas"]
    assert said("can I pay by card?")[0] == "answers faq.md#payment"
    assert said("3") == ["sets num_pizzas", "asks takeaway"]
    assert said("no") == ["sets takeaway", "asks street"]
    assert said("Baker Street")[-1] == "confirms"


class Said:
    def __init__(self, talk: Any) -> None:
        self.talk, self.count = talk, 0

    def __call__(self, text: str) -> list[str]:
        from datetime import UTC, datetime

        from metier.assistant.base import Message

        self.count += 1
        turn = self.talk.send("r", Message(id=str(self.count), text=text, at=datetime.now(UTC)))
        return [f"{event.verb} {event.name}".strip() for event in turn.events]


def test_flows_of_calm_come_over_and_branches_are_listed(tmp_path: Path) -> None:
    done, home = came(written(tmp_path / "calm", domain=CALM), tmp_path / "ours")
    script = read.load(home)
    job = script.jobs["send_parcel"]
    assert list(job.ask) == ["recipient", "weight_number"]
    assert job.confirm == "Send {weight_number} kg to {recipient}?"
    assert [step.action for step in job.do] == ["book_parcel"]
    assert job.done == "It will be fetched tomorrow."
    assert script.jobs["late_parcel"].when == ("where_is_it",)
    assert job.ask["weight_number"].most == 30
    assert job.like[:2] == ("send parcel", "I want to send parcel")
    assert done.came["flows"] == (2, 2)
    found = " ".join(one.found for one in done.left)
    for what in ("goes on with send_parcel", "No examples: an LLM started send_parcel", "pattern_cannot_handle"):
        assert what in found
    assert "goes another way" not in found  # to deny is to cancel, and that is built in
    assert [remark for remark in check.check(script) if remark.grade == "error"] == []


ODD = {
    "forms that are a list": "forms:\n- a_form\nresponses:\n  utter_x:\n  - buttons: [{title: a, payload: /a}]\n",
    "texts that look like Markdown": "nlu:\n- intent: a\n  examples: |\n    - hi # there | you\nrules:\n- rule: r\n"
    "  steps:\n  - intent: a\n  - action: utter_z\nresponses:\n  utter_z:\n  - text: '## b\n\n    Asked as: c'\n",
    "names that YAML would take for something else": "nlu:\n- intent: a b\n  examples: |\n    - foo\n- intent: a_b\n"
    "  examples: |\n    - bar\nrules:\n- rule: r\n  steps:\n  - intent: a b\n  - action: action_y\n- rule: s\n"
    "  steps:\n  - intent: a_b\n  - action: action_no\n",
    "steps that are no turns": "stories:\n- story: s\n  steps:\n  - checkpoint: c\n  - user: hi\n  - bot: hello\n"
    "nlu:\n- intent: a\n  examples: |\n    - foo\n",
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
def test_what_is_odd_and_legal_becomes_something_sound(tmp_path: Path, text: str) -> None:
    _, home = came(written(tmp_path / "rasa", domain=text), tmp_path / "ours")
    script = read.load(home)
    assert [one for one in check.check(script) if one.grade == "error"] == []
    assert len({job.do for job in script.jobs.values()}) == len(script.jobs)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nlu:\n- intent: a\n  examples: |\n    - b\nnlu: []\n", "domain.yml:5: 'nlu' stands here a second time"),
        ("nlu: [", "this is not YAML"),
        ("version: '3.1'\n", "found no domain, NLU data or flows"),
        ("\tnlu: []", "this is not YAML"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadAssistant, match=said.replace("(", r"\(")):
        project.read(written(tmp_path / "rasa", domain=text))


def test_nothing_hostile_is_run_or_followed(tmp_path: Path) -> None:
    evil = "responses:\n  utter_greet:\n  - text: !!python/object/apply:os.system ['touch was_here']\n"
    home = written(tmp_path / "rasa", domain=evil)
    with pytest.raises(BadAssistant):
        turned.turn(project.read(home), "x")
    huge = written(tmp_path / "huge", domain="nlu:\n")
    with (huge / "big.yml").open("w") as file:
        file.truncate(project.MOST_BYTES + 1)
    with pytest.raises(BadAssistant, match="expected 16,777,216 at most"):
        project.read(huge)
    loop = "flows:\n  a:\n    steps:\n    - link: b\n  b:\n    steps:\n    - link: a\n"
    assert turned.turn(project.read(written(tmp_path / "loop", domain=loop)), "x").came["flows"] == (2, 2)
    up = (
        "nlu:\n- intent: ../../etc/passwd\n  examples: |\n    - x\nresponses:\n  utter_../../etc/passwd:\n  - text: y\n"
    )
    done = turned.turn(project.read(written(tmp_path / "up", domain=up)), "x")
    assert all(".." not in file for file in done.files)


def test_the_command_writes_a_folder_that_is_checked(pizza: Path, tmp_path: Path) -> None:
    def run(*given: str) -> Any:
        return CliRunner().invoke(command_line(), ["assistant", *given])

    into = tmp_path / "ours"
    done = run("import", "rasa", str(pizza), "--into", str(into))
    assert done.exit_code == 0, done.output
    assert "forms" in done.output
    assert run("check", str(into)).exit_code == 0
    again = run("import", "rasa", str(pizza), "--into", str(into))
    assert again.exit_code == 1
    assert "holds something already" in " ".join(again.output.split())
    told = json.loads(run("import", "rasa", str(pizza), "--into", str(tmp_path / "more"), "--json").stdout)
    assert told["came"]["forms"] == [1, 1]


TRAVEL_NLU = """
version: "3.1"
nlu:
- intent: book_train
  examples: |
    - a train from [Oslo]{"entity": "city", "role": "from"} to [Bergen]{"entity": "city", "role": "to"}
    - book me from [Turin]{"entity": "city", "role": "from"} to [Nice]{"entity": "city", "role": "to"}
    - I have to be in [Lyon]{"entity": "city", "role": "to", "value": "Lyons"}
    - get me out of [Ghent]{"entity": "city", "role": "from"}
    - a [cheap](fare:economy) train to [Graz]{"entity": "city", "role": "to"}
    - I want a train ticket
    - train from [Porto]{"entity": "city", "role": "from"} please
    - we go from [Kiel]{"entity": "city", "role": "from"} to [Bonn]{"entity": "city", "role": "to"} tomorrow
- intent: cancel_train
  examples: |
    - cancel my ticket [AB1234](ticket)
    - I don't need ticket [XY9876](ticket) any more
    - give me my money back for the train
    - I can't travel, cancel it
- intent: find_fares
  examples: |
    - what does a trip cost
    - show me fares
    - how much is a ticket
- intent: inform
  examples: |
    - from [Basel]{"entity": "city", "role": "from"}
    - to [Metz]{"entity": "city", "role": "to"}
    - [first](fare)
- intent: affirm
  examples: |
    - yes
- intent: deny
  examples: |
    - no
- intent: human_handoff
  examples: |
    - a person please
- intent: mark_lost
  examples: |
    - I lost something
- synonym: economy
  examples: |
    - cheap
    - second class
- synonym: Lyons
  examples: |
    - Lyon
- lookup: station
  examples: |
    - north
    - south
- regex: ticket
  examples: |
    - [A-Z]{2}[0-9]{4}
"""
TRAVEL_DOMAIN = """
version: "3.1"
intents: [book_train, cancel_train, find_fares, inform, affirm, deny, {mark_lost: {triggers: utter_lost}}]
slots:
  origin: {type: text, mappings: [{type: from_entity, entity: city, role: from}]}
  destination:
    type: text
    mappings:
    - {type: from_entity, entity: city, role: to, conditions: [{active_loop: train_form}]}
  fare: {type: text, mappings: [{type: from_entity, entity: fare}, {type: from_text, not_intent: deny}]}
  station: {type: text, mappings: [{type: from_entity, entity: station}]}
  ticket: {type: text, mappings: [{type: from_entity, entity: ticket}]}
  seat_number: {type: text, mappings: [{type: from_text}]}
  refund_amount: {type: any, mappings: [{type: custom, action: action_find_fares}]}
  wants_window:
    type: text
    mappings: [{type: from_intent, intent: affirm, value: true}, {type: from_intent, intent: deny, value: false}]
  leave: {type: any, mappings: [{type: from_entity, entity: time}]}
  sign: {type: text, initial_value: "$", mappings: [{type: custom}]}
  continue_form: {type: bool, mappings: [{type: from_intent, intent: affirm, value: true}]}
  confirm_train: {type: bool, mappings: [{type: from_intent, intent: affirm, value: true}]}
forms:
  train_form:
    ignored_intents: [find_fares]
    required_slots: [continue_form, origin, destination, fare, station, wants_window, leave, seat_number, confirm_train]
  refund_form:
    required_slots: [ticket]
responses:
  utter_ask_continue_form: [{text: "Shall we go on with your train?"}]
  utter_ask_origin: [{text: "Where do you start?"}]
  utter_ask_destination: [{text: "Where do you go?"}]
  utter_ask_fare:
  - text: Which fare?
    buttons:
    - {title: The cheap one, payload: '/inform{"fare": "economy"}'}
    - {title: First class, payload: '/inform{"fare": "first"}'}
  utter_ask_station: [{text: "From which station?"}]
  utter_ask_wants_window: [{text: "Do you want a window seat?"}]
  utter_ask_leave: [{text: "On which day?"}]
  utter_ask_seat_number: [{text: "Which seat number?"}]
  utter_ask_confirm_train: [{text: "From {origin} to {destination} on {leave_formatted} for {sign}9, {fare}?"}]
  utter_ask_ticket: [{text: "Your last one was {ticket}. Which ticket is it?"}]
  utter_train_booked: [{text: "Your train to {destination} is booked."}]
  utter_refund: [{text: "You get {sign}{refund_amount} back."}]
  utter_lost: [{text: "Ask at the counter."}]
  utter_no_such_city: [{text: "No train goes there."}]
  utter_help:
  - text: |
      I can:
        - book trains
        - cancel them
actions: [action_book_train, action_cancel_train, action_find_fares, validate_train_form, action_switch_forms_ask]
"""
TRAVEL_STORIES = """
version: "3.1"
rules:
- rule: book
  condition: [{slot_was_set: [{logged_in: true}]}]
  steps: [{intent: book_train}, {action: train_form}, {active_loop: train_form}]
- rule: booked
  condition: [{active_loop: train_form}]
  steps: [{action: train_form}, {active_loop: null}, {action: action_book_train}]
- rule: no while in it
  condition: [{active_loop: train_form}]
  steps: [{intent: deny}, {action: action_switch_forms_ask}]
- rule: back
  steps: [{intent: cancel_train}, {action: refund_form}, {active_loop: refund_form}]
- rule: paid back
  condition: [{active_loop: refund_form}]
  steps: [{action: refund_form}, {active_loop: null}, {action: action_find_fares}, {action: utter_refund}]
- rule: fares
  steps: [{intent: find_fares}, {action: action_find_fares}]
stories:
- story: a fare in between
  steps:
  - intent: book_train
  - action: train_form
  - active_loop: train_form
  - intent: find_fares
  - action: action_find_fares
  - action: train_form
"""


@pytest.fixture
def travel(tmp_path: Path) -> tuple[turned.Turned, Path]:
    folder = written(
        tmp_path / "travel", data__nlu=TRAVEL_NLU, domain=TRAVEL_DOMAIN, data__rules=TRAVEL_STORIES,
        config="language: de\npipeline: []\n", results__failed_test_stories=TRAVEL_STORIES,
    )  # fmt: skip
    return came(folder, tmp_path / "ours")


def test_marks_teach_the_slots_that_they_fill_by_role_and_by_the_words_for_a_value(
    travel: tuple[turned.Turned, Path],
) -> None:
    lines = travel[0].files["entities.csv"].splitlines()
    assert "a train from [origin](Oslo) to [destination](Bergen)" in lines
    assert "I have to be in [destination](Lyon)" in lines
    assert "a [fare](cheap) train to [destination](Graz)" in lines
    assert "to [destination](Metz)" in lines
    assert "I want a train ticket" not in lines
    assert "a cheap train to Graz,book_train" in travel[0].files["intents.csv"]


def test_slots_have_the_kind_that_buttons_lookups_patterns_and_questions_say(
    travel: tuple[turned.Turned, Path],
) -> None:
    script = read.load(travel[1])
    ask = script.jobs["train"].ask
    assert ask["fare"].options == {"economy": ("The cheap one", "cheap", "second class"), "first": ("First class",)}
    assert list(ask["station"].options) == ["north", "south"]
    assert {name: ask[name].kind for name in ("origin", "wants_window", "leave", "seat_number")} == {
        "origin": "text", "wants_window": "yes_no", "leave": "date", "seat_number": "text",
    }  # fmt: skip
    assert script.jobs["refund"].ask["ticket"].pattern == "[A-Z]{2}[0-9]{4}"
    assert script.jobs["refund"].ask["ticket"].say == "Which ticket is it?"  # the part without a gap


def test_what_is_built_in_is_not_asked_and_what_was_set_is_put_in(travel: tuple[turned.Turned, Path]) -> None:
    done, home = travel
    script = read.load(home)
    train, refund = script.jobs["train"], script.jobs["refund"]
    assert "continue_form" not in train.ask
    assert train.confirm == "From {origin} to {destination} on {leave} for $9, {fare}?"
    assert train.done == "Your train to {destination} is booked."  # by its name
    assert [step.action for step in train.do] == ["book_train"]
    assert script.actions["book_train"].body["leave"] == "{leave.date}"
    assert refund.done == "You get ${find_fares.refund_amount} back."
    assert refund.confirm is None  # it only reads
    assert script.jobs["find_fares"].done == "{find_fares.text}"
    assert script.actions["find_fares"].target == "{backend}/find_fares"  # of two jobs that share no slot
    assert script.say["capability"] == "I can:\n- book trains\n- cancel them"
    assert script.knowledge["answers.md#mark-lost"].text == "Ask at the counter."
    assert script.language == "de"
    found = [one.found for one in done.left]
    assert any("book_train counts only where logged_in is set" in one for one in found)
    assert any("1 rules and stories leave a form" in one or "2 rules and stories leave a form" in one for one in found)
    assert any("the language is de" in one for one in found)
    assert any("1 YAML files are outside of data" in one for one in found)
    assert not any("switch_forms" in one for one in found)
    assert done.came["slots asked for"] == (10, 10)
    assert [remark.problem for remark in check.check(script) if remark.grade == "error"] == []


PAY = """
version: "3.1"
flows:
  pay_rent:
    description: The user wants to pay the rent of a flat.
    name: pay your rent
    if: slots.known
    steps:
    - action: utter_hello_rent
    - collect: rent_flat
      description: the name of the flat
    - collect: rent_amount
      rejections:
      - {if: slots.rent_amount <= 0, utter: utter_too_little}
      - {if: slots.rent_amount > slots.balance, utter: utter_too_much}
    - call: choose_day
    - action: check_rent_funds
      next:
      - if: not slots.enough
        then:
        - action: utter_not_enough
        - set_slots: [{rent_amount: null}]
          next: END
      - else: agree
    - id: agree
      collect: rent_confirmation
      ask_before_filling: true
      next:
      - if: not slots.rent_confirmation
        then: [{action: utter_rent_cancelled, next: END}]
      - else: pay
    - id: pay
      action: action_pay_rent
      next:
      - if: slots.outcome = 'paid'
        then: [{action: utter_rent_paid, next: END}]
      - if: slots.outcome = 'late'
        then: [{action: utter_rent_late, next: END}]
      - else: nobody
    - id: nobody
      action: utter_handover_to_agent
  choose_day:
    description: A part of others.
    if: false
    steps:
    - collect: rent_day
      next:
      - if: slots.rent_day = "today"
        then:
        - collect: rent_hour
          next: END
      - else: END
  show_flats:
    description: lists the flats of the user
    steps:
    - collect: loading
    - action: list_flats
    - action: utter_flats
  log_in_first:
    if: false
    steps:
    - collect: secret_word
    - action: action_log_in
  ring:
    description: Rings the bell.
    steps:
    - call: log_in_first
    - collect: bell_confirm
      next:
      - if: slots.bell_confirm
        then: which
      - else: [{collect: other_bell}, {collect: other_door}, {action: utter_other, next: END}]
    - id: which
      collect: bell_is_loud
      description: (True/False) whether all should hear it
      next:
      - if: slots.bell_is_loud
        then: loud
      - else: loud
    - id: loud
      action: ring_bell
      next:
      - if: slots.rang
        then: [{action: utter_rang, next: END}]
      - else: [{action: utter_did_not_ring, next: END}]
  pattern_cannot_handle:
    steps: [{action: utter_what}]
slots:
  bell_confirm: {type: bool, mappings: [{type: from_llm}]}
  rent_flat: {type: text, mappings: [{type: from_llm}]}
  rent_amount: {type: float, mappings: [{type: from_llm}]}
  rent_day: {type: categorical, values: [today, tomorrow], mappings: [{type: from_llm}]}
  rent_hour: {type: text, mappings: [{type: from_llm}]}
  rent_confirmation: {type: text, mappings: [{type: from_llm}]}
  loading: {type: bool, mappings: [{type: custom}]}
  flats: {type: list, mappings: [{type: custom}]}
responses:
  utter_other: [{text: "Another one, then."}]
  utter_ask_bell_confirm: [{text: "Is it this bell?"}]
  utter_hello_rent: [{text: "Rent it is."}]
  utter_ask_rent_flat:
  - {text: "Say the name of your flat.", channel: phone}
  - {text: "Which flat?"}
  utter_ask_rent_amount: [{text: "How many dollars?"}]
  utter_ask_rent_day:
  - text: Today or tomorrow?
    buttons: [{title: Right now, payload: /SetSlots(rent_day=today)}, {title: Later, payload: tomorrow}]
  utter_ask_rent_hour: [{text: "At what time?"}]
  utter_ask_rent_confirmation:
  - text: "Pay {rent_amount} for {rent_flat}?"
    buttons: [{title: "Yes", payload: "yes"}, {title: "No", payload: "no"}]
  utter_too_little: [{text: "That is nothing."}]
  utter_too_much: [{text: "You do not have that."}]
  utter_not_enough: [{text: "There is not enough on your account."}]
  utter_rent_cancelled: [{text: "Nothing was paid."}]
  utter_rent_paid: [{text: "{rent_flat} is paid."}]
  utter_rent_late: [{text: "It will be late."}]
  utter_handover_to_agent: [{text: "Somebody will look at it."}]
  utter_ask_loading: [{text: "One moment."}]
  utter_flats: [{text: "Your flats: {flats}"}]
  utter_rang: [{text: "It rang."}]
  utter_did_not_ring: [{text: "It did not ring."}]
  utter_what: [{text: "Say it in other words."}]
"""
PAY_TESTS = """
test_cases:
- test_case: the rent of a flat
  steps:
  - user: I want to pay my rent
  - commands: [{start_flow: pay_rent}]
  - utter: utter_ask_rent_flat
  - user: the red one
  - commands: [{set_slot: [{rent_flat: the red one}]}]
  - utter: utter_ask_rent_amount
  - user: 40 dollars
    assertions:
    - slot_was_set: [{name: rent_amount, value: 40}]
    - bot_uttered: {utter_name: utter_ask_rent_day}
  - user: today
  - slot_was_set: [{rent_day: today}]
  - utter: utter_ask_rent_hour
  - user: at 5 pm
  - utter: utter_ask_rent_confirmation
  - user: "yes"
  - utter: utter_rent_paid
- test_case: flats
  steps:
  - user: list my flats
    assertions:
    - flow_started: show_flats
    - bot_uttered: {utter_name: utter_flats}
- test_case: knows nothing of it
  steps:
  - user: why
  - utter: utter_free_chitchat_response
"""


@pytest.fixture
def rent(tmp_path: Path) -> tuple[turned.Turned, Path]:
    folder = written(tmp_path / "rent", domain=PAY, data__flows="flows: {}\n", e2e_tests__rent=PAY_TESTS)
    return came(folder, tmp_path / "ours")


def test_a_flow_is_its_main_way_and_what_its_actions_came_to(rent: tuple[turned.Turned, Path]) -> None:
    script = read.load(rent[1])
    job = script.jobs["pay_rent"]
    assert "choose_day" not in script.jobs  # a part of the other, and nobody's to start
    assert list(job.ask) == ["rent_flat", "rent_amount", "rent_day", "rent_hour"]
    assert job.ask["rent_flat"].say == "Which flat?"
    assert job.ask["rent_amount"].least == 0.01
    assert job.ask["rent_day"].options == {"today": ("Right now",), "tomorrow": ("Later",)}
    assert [step.action for step in job.do] == ["check_rent_funds", "pay_rent"]
    assert job.confirm == "Pay {rent_amount} for {rent_flat}?"
    assert job.done == {"paid": "{rent_flat} is paid.", "late": "It will be late.", "other": "person"}
    assert job.failed == "There is not enough on your account."
    assert (script.jobs["ring"].done, script.jobs["ring"].failed) == ("It rang.", "It did not ring.")
    ring = script.jobs["ring"]
    assert ring.login  # in the place of a flow that logs in
    assert {name: slot.kind for name, slot in ring.ask.items()} == {"bell_confirm": "yes_no", "bell_is_loud": "yes_no"}
    assert ring.ask["bell_confirm"].say == "Is it this bell?"
    flats = script.jobs["show_flats"]
    assert not flats.ask  # Python sets it
    assert flats.done == "Your flats: {list_flats.flats}"
    assert not script.actions["list_flats"].changes
    assert script.say["unsure_again"] == "Say it in other words."
    assert "I want to pay my rent" in job.like
    assert [remark.problem for remark in check.check(script) if remark.grade == "error"] == []


def test_what_a_flow_did_otherwise_is_listed(rent: tuple[turned.Turned, Path]) -> None:
    found = {one.found: one.to_do for one in rent[0].left}
    told = "\n".join(f"{one} {to_do}" for one, to_do in found.items())
    assert 'pay_rent asks rent_hour only if slots.rent_day = "today"; here always.' in found
    assert "pay_rent may start only if slots.known; here it may always." in found
    assert "rent_amount of pay_rent is refused where slots.rent_amount > slots.balance" in told
    assert "answers a status, paid, late, other" in told
    assert "refuses (4xx) where it is not so that slots.rang" in told
    assert "'Rent it is.' was said before rent_flat." in found
    assert (
        "ring goes another way if nothing else holds: asks other_bell, asks other_door; says 'Another one, then.'."
        in found
    )
    assert "No text asks for bell_is_loud of ring." in found
    assert not any("slots.bell_is_loud" in one for one in found)  # both ways are one
    assert rent[0].came["responses"] == (20, 20)


def test_end_to_end_tests_pass_as_conversations_with_the_stand_in(rent: tuple[turned.Turned, Path], log: Any) -> None:
    from metier.assistant import outside, trial
    from metier.assistant.actions import Outside
    from metier.assistant.turn import Rules

    home = rent[1]
    script = read.load(home)
    learn.learn(script, effort="quick")
    whole, flats = transcripts.read_folder(home / "tests")
    assert [one.text for one in whole.exchanges[0].expected] == ["starts pay_rent", "asks rent_flat"]
    assert [one.text for one in whole.exchanges[2].expected] == ["sets rent_amount = 40", "asks rent_day"]
    assert [one.text for one in flats.exchanges[0].expected] == ["starts show_flats", 'says "Your flats"']
    rules = Rules(script, minds.load(script))
    with outside.running(script.outside, {}) as places:
        caller = Outside(home, places)
        assert [trial.run(rules, caller, log, one).missed for one in (whole, flats)] == [(), ()]
        caller.close()


def test_marks_that_came_over_fill_slots(travel: tuple[turned.Turned, Path], watched: Any, log: Any) -> None:
    from metier.assistant.talk import Talk
    from metier.assistant.turn import Rules

    script = read.load(travel[1])
    learn.learn(script, effort="quick")
    said = Said(Talk(Rules(script, minds.load(script)), log, watched))
    assert {"sets origin", "sets destination"} <= set(said("a train from Oslo to Bergen"))
