"""Plants card numbers, IBANs, phone numbers and addresses in conversations, and looks for them in every file left.

python benchmarks/assistant_private.py --assistant examples/bank --planted 2000
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from stdnum import iban, luhn

from metier.assistant import minds, outside, read
from metier.assistant.actions import Outside
from metier.assistant.base import Message
from metier.assistant.store import open_log
from metier.assistant.talk import Talk
from metier.assistant.turn import Rules

NIGHT = datetime(2026, 11, 25, 23, 0, tzinfo=UTC)  # the desk is closed, and asks for a number
# what brings a conversation to another state, so that what is planted is an answer to something else
STATES = (
    (), ("I lost my card",), ("I lost my card", "green"), ("I want to top up",), ("I lost my card", "green", "no"),
    ("I want to top up", "what's my balance?"), ("let me talk to a human",), ("I want to dispute a payment",),
)  # fmt: skip
AROUND = (
    "{}", "it is {}", "my number is {}, thanks", "no, {}", "where is my transfer? I am {}", "({})", "yes {}",
    "REF:{};", "call me on {} please", "top up £20 from {}", "pay {} £50", "{} is lost and {} is not",
    "card={}", "details:\n{}\nok",
)  # fmt: skip
Draw = random.Random


def digits(draw: Draw, count: int) -> str:
    return "".join(draw.choice("0123456789") for _ in range(count))


def grouped(text: str, sizes: tuple[int, ...], gap: str) -> str:
    parts, at = [], 0
    for size in sizes:
        parts.append(text[at : at + size])
        at += size
    return gap.join(part for part in (*parts, text[at:]) if part)


def card(draw: Draw) -> str:
    start, length, sizes = draw.choice([("4", 16, (4, 4, 4)), ("5425", 16, (4, 4, 4)), ("3782", 15, (4, 6))])
    body = start + digits(draw, length - 1 - len(start))
    return grouped(body + luhn.calc_check_digit(body), sizes, draw.choice(["", " ", "-", ".", "  "]))


def account(draw: Draw) -> str:
    country, bank, length = draw.choice([("GB", "WEST", 18), ("DE", "", 18), ("FR", "", 23), ("NL", "ABNA", 14)])
    body = bank + digits(draw, length - len(bank))
    whole = country + iban.calc_check_digits(f"{country}00{body}") + body
    return draw.choice([whole, grouped(whole, (4,) * 5, " "), whole.lower(), grouped(whole, (4,) * 5, "-")])


def phone(draw: Draw) -> str:
    uk, us = f"7{digits(draw, 3)} {digits(draw, 6)}", (digits(draw, 3), digits(draw, 3), digits(draw, 4))
    us = (f"{draw.randrange(2, 10)}{us[0][1:]}", *us[1:])
    forms = (f"0{uk}", f"+44 {uk}", f"0044{uk}", f"+44 (0){uk}", f"0{uk}".replace(" ", ""), f"020 {us[2]} {us[2]}",
             "({}) {}-{}".format(*us), "{}-{}-{}".format(*us), f"+49 30 {digits(draw, 7)}")  # fmt: skip
    return draw.choice(forms)


def address(draw: Draw) -> str:
    first, last = draw.choice(["jo", "m.lopez", "ana_k", "t-price"]), draw.choice(["bloggs", "x", "smith"])
    name = f"{first}{draw.choice(['.', '+', ''])}{last}{digits(draw, 4)}"
    where = draw.choice(["example.org", "mail.example.co.uk", "EXAMPLE.COM"])
    return f"{name}@{where}"


KINDS: dict[str, Callable[[Draw], str]] = {"card": card, "iban": account, "phone": phone, "e-mail": address}


def plant(talk: Talk, count: int, draw: Draw) -> list[tuple[str, str]]:
    """Send messages with what is personal in them, in one state after the other; what was planted."""
    planted = []
    for number in range(count):
        kind = [*KINDS][number % len(KINDS)]
        value = KINDS[kind](draw)
        planted.append((kind, value))
        said = (*STATES[number % len(STATES)], draw.choice(AROUND).replace("{}", value), value, "repeat")
        for place, text in enumerate(said):
            at = NIGHT + timedelta(seconds=place)
            talk.send(f"p{number}", Message(id=str(place), text=text, at=at, customer="ana"))
    return planted


def found(planted: list[tuple[str, str]], folder: Path) -> list[tuple[str, str, str]]:
    """What stands in a file all the same, as it was written or by its bare digits."""
    left = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes().decode("utf-8", "replace").casefold()
        bare = set(re.findall(r"\d{9,}", data))
        for kind, value in planted:
            number = re.sub(r"\D", "", value)
            if value.casefold() in data or (kind != "e-mail" and any(number in one for one in bare)):
                left.append((kind, value, path.name))
    return left


def run(folder: Path, count: int, seed: int = 0) -> dict[str, Any]:
    """Plant, and look."""
    script = read.load(folder)
    with tempfile.TemporaryDirectory() as kept, outside.running(script.outside, {}) as places:
        logging.basicConfig(filename=Path(kept) / "everything.log", level=logging.DEBUG)
        log, caller = open_log(Path(kept) / "log.db"), Outside(folder, places)
        planted = plant(Talk(Rules(script, minds.load(script)), log, caller), count, random.Random(seed))
        left = found(planted, Path(kept))
        caller.close()
        log.close()
    kinds = Counter(kind for kind, _ in planted)
    return {"planted": dict(kinds), "found": dict(Counter(kind for kind, *_ in left)), "examples": left[:10]}


if __name__ == "__main__":
    asked_for = argparse.ArgumentParser(description=__doc__)
    asked_for.add_argument("--assistant", type=Path, default=Path(__file__).resolve().parents[1] / "examples" / "bank")
    asked_for.add_argument("--planted", type=int, default=2000)
    given = asked_for.parse_args()
    json.dump(run(given.assistant, given.planted), sys.stdout, indent=1)
    print()
