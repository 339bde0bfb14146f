"""Whether what an author promises could be told from the messages that are held out. Trains and measures nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from metier.assistant import learn
from metier.assistant.base import Remark, Script
from metier.decide.measure import clopper_pearson

SHARES = {"false_refusal": "messages of your own", "out_of_scope_caught": "messages that are not yours"}
REPLY = "reply_p95"
SHARE, TIME = re.compile(r"(\d+(?:\.\d+)?) ?%"), re.compile(r"(\d+) ?(m?s)")


def share(said: str) -> float | None:
    """A share as it is written, "2%"; None where it is none that can be kept."""
    found = SHARE.fullmatch(said)
    return float(found[1]) / 100 if found is not None and 0 < float(found[1]) < 100 else None


def milliseconds(said: str) -> int | None:
    """A time as it is written, "150ms" or "1s"."""
    found = TIME.fullmatch(said)
    return int(found[1]) * (1 if found[2] == "ms" else 1000) if found is not None else None


def promises(script: Script) -> Iterator[Remark]:
    """Promises nobody knows, and those that too few rows are held out for."""
    place = script.sources.get("promise")
    for name, said in script.promise.items():
        assert place is not None
        asked = share(said)
        if name not in SHARES and name != REPLY:
            yield Remark(
                place=place, grade="error", problem=f"nothing is known of the promise '{name}'.",
                fix=f"Known: {', '.join([*SHARES, REPLY])}.",
            )  # fmt: skip
        elif name == REPLY and milliseconds(said) is None:
            yield Remark(place=place, grade="error", problem=f"{name}: '{said}' is no time.", fix="Write 150ms.")
        elif name in SHARES and asked is None:
            yield Remark(
                place=place, grade="error", problem=f"{name}: '{said}' is no share that can be kept.", fix="Write 2%."
            )
        elif asked is not None and (few := _too_few(script, name, asked)):
            problem, fix = few
            yield Remark(place=place, grade="warning", problem=problem, fix=fix)


def _too_few(script: Script, name: str, share: float) -> tuple[str, str] | None:
    """What could not be told, and what it takes; None where a faultless run of the rows held out would show it."""
    rows = learn.teaching(script)
    if not rows.get("scope"):
        return None  # somebody else's specialist, whose rows are not here
    caught = name == "out_of_scope_caught"
    held = len(learn.strangers(rows) if caught else learn.held_out(rows))
    wrong = 1 - share if caught else share
    most = clopper_pearson(0, held)[1] if held else 1.0
    if most <= wrong:
        return None
    low, high = (1 - most, 1.0) if caught else (0.0, most)
    needed = math.ceil(math.log(0.025) / math.log(1 - wrong))  # rows of which none may be wrong
    return (
        f"{name}: {share:.3g} cannot be told by {held} rows held out: with none wrong it is {low:.1%} to {high:.1%}.",
        f"Bring about {(needed - held) * learn.HELD_OUT:,} more {SHARES[name]}.",
    )
