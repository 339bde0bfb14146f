"""Rasa 3 projects, classic and CALM, become assistants of ours that learn and talk; what cannot is listed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from metier.assistant import check, learn, minds, read, transcripts
from metier.assistant.base import BadAssistant
from metier.assistant.rasa import project, turned
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
