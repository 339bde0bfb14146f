"""Of which kind a slot of Rasa's is here, by its type, its buttons, what fills it, its name and its question."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metier.assistant.rasa.project import Project

ENTITIES = {"amount-of-money": "money", "number": "number", "time": "date", "duration": "number"}  # of Duckling
MONEY = re.compile(r"\b(?:amount|money|price|budget|cost)\b")
KINDS = (
    ("money", MONEY),
    ("date", re.compile(r"\b(?:date|birthday|day|dob)\b")),
    ("time", re.compile(r"\b(?:time|hour)\b")),
    ("number", re.compile(r"\b(?:num|number of|count|quantity|people|guests|age)\b")),
)
ASKS = (
    ("money", re.compile(r"(?i)\bhow much (?:money|should|do|would|can|will)\b")),
    ("number", re.compile(r"(?i)\bhow many\b")),
    ("time", re.compile(r"(?i)\b(?:what|which) time\b")),
    ("date", re.compile(r"(?i)\b(?:what|which) (?:date|day)\b|^when\b")),
)
EITHER = re.compile(r"(?i)\btrue\s*(?:/|or)\s*false\b|\byes\s*(?:/|or)\s*no\b")
PERIOD = re.compile(
    r"(?i)\b(?:(?:date|day) and (?:the )?time|time ?frame|period|range|how long|between)\b"
)  # no one day
WORDS = re.compile(r"(?i)^(?:to )?who\b|\bname\b|\be-?mail\b|\baddress\b")
POLAR = re.compile(
    r"(?i)^(?:(?:and|so|ok|okay)[\s,]+)?(?:do|does|did|is|are|was|were|has|have|had|will|would|shall|should|can|could|may)\b"
)
YES_NO = {"yes", "no", "true", "false", "affirm", "deny", "y", "n"}
GIVEN = re.compile(r"/\w+\s*(\{.*\})|/SetSlots?\((.*)\)")
MOST_PICKED = 60  # a longer list is no list of choices
PATTERN = 200  # characters


@dataclass(frozen=True, kw_only=True)
class Asked:
    """All that a project says of a slot where it is asked for."""

    slot: str
    apart: frozenset[str]  # words of its name that only say to what it belongs
    question: str
    description: str
    buttons: tuple[tuple[str, str], ...]
    mappings: tuple[Mapping[str, Any], ...]


def kind(project: Project, asked: Asked) -> tuple[str, Any]:
    """The kind, and what it holds: `("pick", {"low": [], "high": ["urgent"]})`, `("money", {"min": 5.0})`."""
    known = project.slots.get(asked.slot)
    type_ = known.type if known is not None else "text"
    if type_ == "bool":
        return "yes_no", True
    if known is not None and type_ == "categorical" and known.values:
        if {value.casefold() for value in known.values} <= YES_NO:
            return "yes_no", True
        titles = {value.casefold(): title for value, title in given(asked)}
        own = {value: [titles.get(value.casefold(), "")] for value in known.values}
        return "pick", _options(project, own)
    if asked.buttons and all(payload.strip("/ ").casefold() in YES_NO for _, payload in asked.buttons):
        return "yes_no", True
    chosen = dict(given(asked))
    if len(chosen) > 1:
        return "pick", _options(project, {value: [title] for value, title in chosen.items()})
    if _polar(asked):
        return "yes_no", True
    return _by_entity(project, asked) or _by_words(asked, type_)


def given(asked: Asked) -> Iterator[tuple[str, str]]:
    """The value that each button gives the slot, and the button's title."""
    names = {asked.slot, *(entity for entity, _, _ in fed(asked))}
    for title, payload in asked.buttons:
        payload = payload.strip().replace("{{", "{").replace("}}", "}")  # as it stands in texts with gaps
        found = GIVEN.match(payload)
        if found is None:
            if payload and not payload.startswith("/"):
                yield payload, title
            continue
        try:
            held = json.loads(found[1]) if found[1] else dict(part.partition("=")[::2] for part in found[2].split(","))
        except ValueError:
            continue
        yield from ((str(value).strip(), title) for name, value in held.items() if name.strip() in names)


def fed(asked: Asked) -> list[tuple[str, str, str]]:
    """The entities that fill a slot, each with its role and group."""
    from_entity = [one for one in asked.mappings if one.get("type") == "from_entity"]
    found = [
        (str(one.get("entity", "")), str(one.get("role") or ""), str(one.get("group") or "")) for one in from_entity
    ]
    return found or [(asked.slot, "", "")]  # of one name with the entity


def _polar(asked: Asked) -> bool:
    """Whether yes and no fill it, and its question asks for one of them."""
    intents = {str(one.get("intent")) for one in asked.mappings if one.get("type") == "from_intent"}
    last = re.split(r"(?<=[.!?])\s+", asked.question.strip())[-1]
    return {"affirm", "deny"} <= intents and (POLAR.match(last) is not None or len(asked.mappings) == len(intents))


def _by_entity(project: Project, asked: Asked) -> tuple[str, Any] | None:
    names = [entity for entity, _, _ in fed(asked)] + [asked.slot]
    for name in names:
        values, _ = project.lookups.get(name, ([], None))
        if 1 < len(values) <= MOST_PICKED:
            return "pick", _options(project, {value: [] for value in values})
    for name in names:
        patterns, _ = project.patterns.get(name, ([], None))
        if code := _pattern(patterns):
            return "code", code
    if PERIOD.search(asked.question):
        return "text", True
    return next(((ENTITIES[name], True) for name in names[:-1] if name in ENTITIES), None)


def _by_words(asked: Asked, type_: str) -> tuple[str, Any]:
    own = _own(asked)
    said = f"{own} {asked.description.casefold()}"
    if EITHER.search(asked.description) or own.startswith(("is ", "has ")):
        return "yes_no", True
    if type_ in ("float", "int", "integer"):
        return "money" if MONEY.search(said) else "number", True
    if WORDS.search(asked.question) or re.search(r"\bname of\b", said):
        return "text", True
    for source, table in ((said, KINDS), (asked.question, ASKS)):
        if found := next((kind for kind, pattern in table if pattern.search(source)), ""):
            return found, True
    return "text", True


def _options(project: Project, values: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Each value with other words for it: those of its button and of a synonym."""
    out: dict[str, list[str]] = {}
    synonyms = {name.casefold(): words for name, (words, _) in project.synonyms.items()}
    for value, titles in values.items():
        words = [*titles, *synonyms.get(value.casefold(), [])]
        seen = {value.casefold(), value.replace("_", " ").casefold()}
        out[value] = [word for word in dict.fromkeys(words) if word and word.casefold() not in seen]
    return out


def _own(asked: Asked) -> str:
    """The words of a slot's name without those that say to what it belongs."""
    words = [word for word in re.split(r"[\W_]+", asked.slot.casefold()) if word]
    return " ".join(word for word in words if word not in asked.apart) or " ".join(words)


def _pattern(patterns: Sequence[str]) -> str:
    whole = "|".join(f"(?:{one})" for one in patterns) if len(patterns) > 1 else "".join(patterns)
    try:
        re.compile(whole)
    except re.error:
        return ""
    return whole if 0 < len(whole) <= PATTERN else ""
