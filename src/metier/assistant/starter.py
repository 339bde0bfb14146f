"""The smallest assistant that works, as files to begin from."""

from __future__ import annotations

from pathlib import Path

from metier.assistant.base import BadAssistant

ASSISTANT = """\
assistant: My helper
currency: "$"
knowledge: knowledge/         # Markdown; each heading is one answer

actions:                      # every call to the outside: {post: "{shop}/visits", body: {day: "{day.date}"}}, or Python
  book: {python: "actions:book", changes: true}

jobs:
  opening_hours:
    title: our opening hours
    like: [when are you open, what are your opening hours, are you open on sunday, when do you close tonight,
           what time do you open]
    answer: help.md#opening-hours

  visit:
    title: a visit
    like: [book a visit, make an appointment, "I'd like to come by and see somebody",
           can I get an appointment for next week, reserve a time to talk to you]
    ask:                      # what is known already is not asked: "an appointment at the station shop on friday"
      shop: {pick: {harbour: [pier], station: []}, say: "Which shop, harbour or station?"}
      day:  {date: future, say: "On which day?"}
      name: {text: true, say: "What is your name?"}
    confirm: "Book {day} at the {shop} shop for {name}?"
    do: [book]
    done: "It is booked, number {book.number}."
"""
ACTIONS = '''\
"""What is done outside. Each function gets the slots by name and returns what `done` may show."""


def book(values, *, key, at):
    """`values["day"]["date"]` is 2026-12-04, `values["shop"]` is harbour. `key` is new for each booking: send it along,
    and a call that is sent twice books once. Raise metier.assistant.actions.Refused("why") where nothing was done.
    """
    return {"number": 7}
'''
HELP = """\
# Help

## Opening hours
We are open every day from 9 to 18.
Asked as: when are you open | are you open today

## Parking
There is a car park behind both shops.
Asked as: where can I park | is there parking
"""
TEST = """\
# The first day

## Opening hours
> when are you open?
< answers help.md#opening-hours

## A visit, with a change of mind
> I'd like an appointment at the station shop on friday
< starts visit
< sets shop = station
< asks name
> Ada Park
< confirms "Book Friday"
> no, at the harbour
< confirms "harbour"
> yes
< calls book once with shop=harbour
"""
FILES = {
    "assistant.yaml": ASSISTANT,
    "actions.py": ACTIONS,
    "knowledge/help.md": HELP,
    "tests/first.md": TEST,
}


def write(folder: Path) -> list[str]:
    """Make the folder; the names of its files.

    Raises: BadAssistant where something stands there already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise BadAssistant(f"{folder} is not empty. Name a new folder.")
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [*FILES]
