"""One customer's right to be forgotten: their conversations, and what was taught from their very words."""

from __future__ import annotations

import csv
from pathlib import Path

from metier.assistant.read import TAUGHT
from metier.assistant.store import Log


def erase(log: Log, home: Path, customer: str) -> tuple[int, int]:
    """How many conversations are gone, and how many taught messages, which are as those conversations had them."""
    names = log.of_customer(customer)
    said = {
        " ".join(entry.data["text"].split())
        for name in names
        for entry in log.entries(name)
        if entry.kind == "received"
    }
    for name in names:
        log.forget(name)
    log.forget_proposals(said)
    return len(names), _untaught(home / TAUGHT, said)


def _untaught(path: Path, said: set[str]) -> int:
    """Take lines out of what was taught; the file is whole before or after."""
    if not path.is_file():
        return 0
    with path.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    left = [row for row in rows if not row or row[0] not in said]
    if len(left) == len(rows):
        return 0
    work = path.with_suffix(".partial")
    with work.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *left])
    work.replace(path)
    return len(rows) - len(left)
