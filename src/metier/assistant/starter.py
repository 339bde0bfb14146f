"""The smallest assistant that works, as files to begin from."""

from __future__ import annotations

from pathlib import Path

from metier.assistant.base import BadAssistant

ASSISTANT = """\
assistant: My helper
language: [en]

models:
  intent: intents.csv         # what customers write, and what they want: columns text, intent
knowledge: knowledge/         # Markdown; each heading is one answer

jobs:
  opening_hours:
    title: our opening hours
    when: [opening_hours]
    answer: help.md#opening-hours

  delivery:
    title: a delivery
    when: [delivery]
    answer: help.md#delivery
"""
INTENTS = """\
text,intent
when are you open,opening_hours
what are your opening hours,opening_hours
are you open on sunday,opening_hours
when do you close tonight,opening_hours
is the shop open tomorrow,opening_hours
what time do you open,opening_hours
where is my order,delivery
when will my parcel come,delivery
my delivery is late,delivery
how long does delivery take,delivery
has my order been sent,delivery
when do you deliver,delivery
"""
HELP = """\
# Help

## Opening hours
We are open every day from 9 to 18.
Asked as: when are you open | are you open today

## Delivery
Orders arrive within two days.
Asked as: when will it arrive | how fast do you deliver
"""
TEST = """\
# The first day

## Opening hours
> when are you open?
< answers help.md#opening-hours
"""
FILES = {"assistant.yaml": ASSISTANT, "intents.csv": INTENTS, "knowledge/help.md": HELP, "tests/first.md": TEST}


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
