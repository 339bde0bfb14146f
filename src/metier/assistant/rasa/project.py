"""A Rasa 3 project as its files say it: NLU data, domain, rules, stories, forms and CALM flows. Runs nothing of it.

Source: Rasa's documentation of its training data format, version 3.1, and of flows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metier.assistant import strict
from metier.assistant.base import BadAssistant, Place
from metier.assistant.strict import Node

MOST_BYTES, MOST_FILES = 16 * 2**20, 2_000
NOT_OURS = {"config.yml", "credentials.yml", "endpoints.yml"}
MARKED = re.compile(r"\[([^\]\[]*)\](?:\([^)]*\)|\{[^}]*\})")  # [fifty pounds](amount) or [fifty]{"entity": "amount"}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a rule or story: what a user does, or what the assistant then does."""

    kind: str  # intent, action, loop
    name: str
    text: str = ""  # of a user's message, where a story has it
    others: tuple[str, ...] = ()  # further intents that do


@dataclass(frozen=True, kw_only=True)
class Story:
    """A rule, a story, or a story that is a test."""

    name: str
    place: Place
    steps: tuple[Step, ...]
    within: str = ""  # the form that has to be active


@dataclass(frozen=True, kw_only=True)
class Flow:
    """A flow of CALM, its branches taken one after another."""

    name: str
    title: str
    place: Place
    description: str
    intents: tuple[str, ...]
    collects: tuple[tuple[str, str, Place], ...]  # the slot, and the response that asks for it
    actions: tuple[tuple[str, Place], ...]
    branches: tuple[Place, ...]
    links: tuple[tuple[str, Place], ...]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A slot of the domain."""

    type: str
    values: tuple[str, ...]
    mappings: tuple[Mapping[str, Any], ...]
    place: Place


@dataclass(kw_only=True)
class Project:
    """Everything that was found, by name."""

    examples: dict[str, list[str]] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)  # of intents
    others: list[tuple[str, Place]] = field(default_factory=list)  # synonyms, lookups, regexes
    responses: dict[str, tuple[str, Place, bool]] = field(default_factory=dict)  # text, and whether there are more
    slots: dict[str, Kind] = field(default_factory=dict)
    forms: dict[str, tuple[tuple[str, ...], Place]] = field(default_factory=dict)
    rules: list[Story] = field(default_factory=list)
    stories: list[Story] = field(default_factory=list)
    tests: list[Story] = field(default_factory=list)
    flows: dict[str, Flow] = field(default_factory=dict)
    unread: list[tuple[str, Place]] = field(default_factory=list)


def read(folder: Path) -> Project:
    """Every YAML file of the folder that Rasa would read.

    Raises: BadAssistant with file and line, also for a folder that holds no such project.
    """
    if not folder.is_dir():
        raise BadAssistant(f"{folder}: there is no such folder. Name the one that holds domain.yml.")
    project = Project()
    files = sorted(one for end in ("yml", "yaml") for one in folder.glob(f"**/*.{end}") if _counts(one, folder))
    if len(files) > MOST_FILES:
        raise BadAssistant(f"{folder}: {len(files):,} YAML files; expected {MOST_FILES:,} at most. Name the project.")
    for path in files:
        name = path.relative_to(folder).as_posix()
        if path.stat().st_size > MOST_BYTES:
            raise BadAssistant(f"{name}: {path.stat().st_size:,} bytes; expected {MOST_BYTES:,} at most. Split it.")
        text = path.read_text(encoding="utf-8-sig")
        if text.strip():
            _file(strict.read(text, name, bare=True), name, project)
    if not (project.examples or project.flows or project.responses):
        raise BadAssistant(f"{folder}: found no domain, NLU data or flows of Rasa 3. Name the folder that holds them.")
    return project


def _counts(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts
    return path.is_file() and path.name not in NOT_OURS and not any(part.startswith(".") for part in parts)


def _file(root: Node, name: str, project: Project) -> None:
    top = _pairs(root)
    is_test = "test" in Path(name).name or name.startswith("tests/")
    for key, into in (("rules", project.rules), ("stories", project.tests if is_test else project.stories)):
        for one in _list(top.get(key)):
            into.append(_path(one))
    for one in _list(top.get("nlu")):
        _nlu(_pairs(one), one.place, project)
    for key, node in _pairs(top.get("responses")).items():
        project.responses.setdefault(key, _response(node))
    for key, node in _pairs(top.get("slots")).items():
        project.slots.setdefault(key, _kind(node))
    for key, node in _pairs(top.get("forms")).items():
        held = _pairs(node)
        slots = [_word(one) for one in _list(held["required_slots"])] if "required_slots" in held else list(held)
        project.forms.setdefault(key, (tuple(slots), node.place))
    for node in _list(top.get("forms")):  # of Rasa 1: Python knows their slots
        project.forms.setdefault(_word(node), ((), node.place))
    for key, node in _pairs(top.get("flows")).items():
        project.flows.setdefault(key, _flow(key, node))
    if "test_cases" in top:
        project.unread.append(("end-to-end test cases", top["test_cases"].place))


def _nlu(held: Mapping[str, Node], place: Place, project: Project) -> None:
    if "intent" not in held:
        kind = next(iter(held), "")
        project.others.append((f"{kind} {held[kind].value}" if kind else "an empty entry", place))
        return
    intent = _word(held["intent"])
    project.places.setdefault(intent, place)
    texts = project.examples.setdefault(intent, [])
    given = held.get("examples")
    if given is not None and isinstance(given.value, list):
        texts += [plain(_word(_pairs(one)["text"])) for one in given.value if "text" in _pairs(one)]
    elif given is not None:
        lines = (line.strip() for line in _word(given).splitlines())
        texts += [plain(line.lstrip("-").strip()) for line in lines if line.startswith("-")]


def plain(text: str) -> str:
    """A text without its marks."""
    return " ".join(MARKED.sub(r"\1", text).split())


def _response(node: Node) -> tuple[str, Place, bool]:
    variants = [_pairs(one) for one in _list(node)]
    texts = [_word(one["text"]) for one in variants if "text" in one]
    more = len(texts) > 1 or any("condition" in one or "custom" in one or "image" in one for one in variants)
    return " ".join(texts[0].split()) if texts else "", node.place, more


def _kind(node: Node) -> Kind:
    held = _pairs(node)
    values = tuple(_word(one) for one in _list(held.get("values")))
    mappings = tuple(one.plain() for one in _list(held.get("mappings")) if isinstance(one.value, Mapping))
    return Kind(
        type=_word(held["type"]) if "type" in held else "text", values=values, mappings=mappings, place=node.place
    )


def _path(node: Node) -> Story:
    held = _pairs(node)
    name = next((_word(held[key]) for key in ("rule", "story") if key in held), "")
    within = [_word(one["active_loop"]) for one in map(_pairs, _list(held.get("condition"))) if "active_loop" in one]
    return Story(
        name=name, place=node.place, steps=tuple(_steps(_list(held.get("steps")))),
        within=next((one for one in within if one not in ("None", "null")), ""),
    )  # fmt: skip


def _steps(nodes: list[Node]) -> Iterator[Step]:
    for node in nodes:
        held = _pairs(node)
        if "or" in held:
            intents = [_word(one["intent"]) for one in map(_pairs, _list(held["or"])) if "intent" in one]
            if intents:
                yield Step(kind="intent", name=intents[0], others=tuple(intents[1:]))
        elif "intent" in held or "user" in held:
            said = plain(_word(held["user"])) if "user" in held else ""
            yield Step(kind="intent", name=_word(held["intent"]) if "intent" in held else "", text=said)
        elif "action" in held:
            yield Step(kind="action", name=_word(held["action"]))
        elif "active_loop" in held:
            yield Step(kind="loop", name=_word(held["active_loop"]))


def _flow(name: str, node: Node) -> Flow:
    held = _pairs(node)
    found: dict[str, list[Any]] = {"collects": [], "actions": [], "branches": [], "links": []}
    _walk(_list(held.get("steps")), found)
    intents = []
    for one in map(_pairs, _list(held.get("nlu_trigger"))):
        intent = one.get("intent")
        if intent is not None:
            intents.append(_word(_pairs(intent).get("name", intent)))
    return Flow(
        name=name, title=_word(held["name"]) if "name" in held else name.replace("_", " "), place=node.place,
        description=_word(held["description"]) if "description" in held else "", intents=tuple(intents),
        **{key: tuple(value) for key, value in found.items()},
    )  # fmt: skip


def _walk(nodes: list[Node], found: dict[str, list[Any]]) -> None:
    for node in nodes:
        held = _pairs(node)
        if "collect" in held:
            asked = _word(held["utter"]) if "utter" in held else ""
            found["collects"].append((_word(held["collect"]), asked, node.place))
        if "action" in held:
            found["actions"].append((_word(held["action"]), node.place))
        for key in ("link", "call"):
            if key in held:
                found["links"].append((_word(held[key]), node.place))
        if "next" in held and isinstance(held["next"].value, list):
            found["branches"].append(node.place)
            for branch in map(_pairs, held["next"].value):
                for key in ("then", "else"):
                    if key in branch and isinstance(branch[key].value, list):
                        _walk(branch[key].value, found)


def _word(node: Node) -> str:
    if isinstance(node.value, Mapping | list):
        raise BadAssistant(f"{node.place}: several things stand where a text is expected. Write one, in quotes.")
    return "" if node.value is None else str(node.value)


def _pairs(node: Node | None) -> Mapping[str, Node]:
    return node.value if node is not None and isinstance(node.value, Mapping) else {}


def _list(node: Node | None) -> list[Node]:
    return node.value if node is not None and isinstance(node.value, list) else []
