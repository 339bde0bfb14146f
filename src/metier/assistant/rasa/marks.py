"""The marks of Rasa's examples: `[fifty](amount)`, `[NYC]{"entity": "city", "role": "to", "value": "New York"}`.

Source: Rasa's documentation of its training data format, "Entities".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

# several entities of the same words stand in a list; `(city:New York)` is the older way to give a value
MARKED = re.compile(r"\[(?P<said>[^\]\[]*)\](?:\((?P<name>[^)]*)\)|(?P<held>\{[^}]*\})|\[(?P<first>\{[^}]*\})[^\]]*\])")


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Words of an example that are an entity, and what they stand for."""

    start: int
    end: int
    entity: str
    value: str
    role: str = ""
    group: str = ""


@dataclass(frozen=True, kw_only=True)
class Said:
    """An example without its marks, and the marks."""

    text: str
    marks: tuple[Mark, ...] = ()


def said(example: str) -> Said:
    """An example, read."""
    example = " ".join(example.split())
    plain, at, marks = "", 0, list[Mark]()
    for found in MARKED.finditer(example):
        plain += example[at : found.start()]
        at, start = found.end(), len(plain)
        plain += found["said"]
        held = _held(found)
        if held.get("entity") and found["said"].strip():
            marks.append(
                Mark(
                    start=start, end=len(plain), entity=held["entity"], value=held.get("value") or found["said"],
                    role=held.get("role", ""), group=held.get("group", ""),
                )
            )  # fmt: skip
    return Said(text=plain + example[at:], marks=tuple(marks))


def _held(found: re.Match[str]) -> dict[str, str]:
    if found["name"] is not None:
        entity, _, value = found["name"].partition(":")
        return {"entity": entity.strip(), "value": value.strip()}
    try:
        held = json.loads(found["held"] or found["first"])
    except ValueError:  # not JSON, so Rasa reads no entity either
        return {}
    return {str(key): str(value) for key, value in held.items()}
