"""Spans in texts: who is to be paid how much and when, out of a customer's message, with values a program can use.

The rows are made here, with marks such as [amount](£50). Run it: `python examples/spans.py`.
"""

from __future__ import annotations

import random

import metier
from metier.gateway.redact import redacted
from metier.types import Extraction, Span

NAMES = ("Ana", "Ben", "Chloe", "David", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jonas", "Kofi", "Lena", "Milan")
SURNAMES = ("Novak", "Silva", "Tanaka", "Okafor", "Meyer", "Rossi", "Larsen", "Haddad", "Kowalski", "Moreau")
DAYS = ("today", "tomorrow", "on Friday", "next Monday", "on the 3rd", "on 12 May")
SAID = (
    "send [amount]({amount}) to [person]({person}) {day}",
    "please pay [person]({person}) [amount]({amount})",
    "{day} I want to transfer [amount]({amount})",
    "can you move [amount]({amount}) over to [person]({person})?",
    "[person]({person}) should get [amount]({amount}) {day}",
    "what did I pay {day}",
    "is [person]({person}) one of my payees",
    "how do I order a new card",
)


def marked(count: int, seed: int) -> dict[str, list[str]]:
    """Messages with marks around what is to be found."""
    draw = random.Random(seed)
    texts = []
    for _ in range(count):
        words = draw.choice(DAYS).split(" ", 1)
        day = f"on [date]({words[1]})" if words[0] == "on" else f"[date]({' '.join(words)})"
        person = draw.choice(NAMES) + draw.choice(("", f" {draw.choice(SURNAMES)}"))
        amount = draw.choice((f"£{draw.randrange(5, 900)}", f"{draw.randrange(5, 90)} euros", "fifty pounds"))
        texts.append(draw.choice(SAID).format(amount=amount, person=person, day=day))
    return {"text": texts}


def main() -> None:
    """Learn from some hundred messages, ask about one, take out what is personal, and measure on others."""
    extractor = metier.train(marked(250, seed=0), task="extract", effort="quick")
    text = "please send 120 euros to Zoe Tanaka tomorrow, from GB33 BUKB 2020 1555 5555 55"
    [decision] = extractor.predict([text])
    assert isinstance(decision, Extraction)
    for span in decision.spans:
        print(f"{span.label:8} {span.text:12} {span.value!s:38} {span.probability:.2f} accepted: {span.accepted}")
    people = [Span(one.start, one.end, one.label) for one in decision.spans if one.label == "person"]
    print(redacted(text, people))
    for line in extractor.evaluate(marked(100, seed=1)).summary()[:4]:
        print(f"{line.name:12} {line.figure}")


if __name__ == "__main__":
    main()
