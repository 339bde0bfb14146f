"""A Rasa 3 project as its files say it: NLU data, domain, rules, stories, forms, flows and tests. Runs nothing of it.

Source: Rasa's documentation of its training data format, version 3.1, of the domain, and of end-to-end tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metier.assistant import strict
from metier.assistant.base import BadAssistant, Place
from metier.assistant.rasa.flows import Flow, flow, rejections
from metier.assistant.rasa.marks import Said, said
from metier.assistant.rasa.nodes import listed, pairs, perhaps, text, word
from metier.assistant.strict import Node

MOST_BYTES, MOST_FILES = 16 * 2**20, 2_000
SETTINGS = re.compile(r"(?:credentials|endpoints|(?:\w+[-_])?config(?:[-_.]\w+)*)\.ya?ml")
READ_BY_RASA = re.compile(r"(?:data|domain|domains|tests|e2e_tests|e2e|config)/|(?:domain|config)[\w.-]*\.ya?ml$")
BROUGHT_IN = ("e2e_results", "_results_", "results_")  # what Rasa itself wrote there


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
    needs: tuple[str, ...] = ()  # slots that have to have a value


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One message of an end-to-end test, and what must come of it."""

    said: str
    starts: tuple[str, ...]  # flows
    sets: tuple[tuple[str, str], ...]
    utters: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Case:
    """An end-to-end test."""

    name: str
    place: Place
    turns: tuple[Turn, ...]


@dataclass(frozen=True, kw_only=True)
class Response:
    """What an assistant may say under one name; `buttons` are titles with what they send."""

    text: str
    place: Place
    more: bool  # there are variations, pictures and the like, of which the first text was taken
    conditional: bool = False  # every text has a condition
    buttons: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A slot of the domain."""

    type: str
    values: tuple[str, ...]
    mappings: tuple[Mapping[str, Any], ...]
    place: Place
    begins: str | None = None  # its value before anybody gives it one
    rejections: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form: the slots it asks for, with mappings of its own where it has them."""

    slots: tuple[str, ...]
    place: Place
    mappings: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)


@dataclass(kw_only=True)
class Project:
    """Everything that was found, by name."""

    language: str = "en"
    examples: dict[str, list[str]] = field(default_factory=dict)
    marked: dict[str, list[Said]] = field(default_factory=dict)  # those of them with marks
    places: dict[str, Place] = field(default_factory=dict)  # of intents
    synonyms: dict[str, tuple[list[str], Place]] = field(default_factory=dict)  # other words, by what they stand for
    lookups: dict[str, tuple[list[str], Place]] = field(default_factory=dict)
    patterns: dict[str, tuple[list[str], Place]] = field(default_factory=dict)
    responses: dict[str, Response] = field(default_factory=dict)
    actions: set[str] = field(default_factory=set)
    slots: dict[str, Kind] = field(default_factory=dict)
    forms: dict[str, Form] = field(default_factory=dict)
    rules: list[Story] = field(default_factory=list)
    stories: list[Story] = field(default_factory=list)
    tests: list[Story] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    flows: dict[str, Flow] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)  # files


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
    usual = (folder / "data").is_dir() and any(folder.glob("domain*"))
    for path in files:
        name = path.relative_to(folder).as_posix()
        if usual and (not READ_BY_RASA.match(name) or any(part in name for part in BROUGHT_IN)):
            project.skipped.append(name)
            continue
        if path.stat().st_size > MOST_BYTES:
            raise BadAssistant(f"{name}: {path.stat().st_size:,} bytes; expected {MOST_BYTES:,} at most. Split it.")
        written = path.read_text(encoding="utf-8-sig")
        if not written.strip():
            continue
        if SETTINGS.fullmatch(path.name):
            project.language = _language(written) or project.language
        else:
            _file(strict.read(written, name, bare=True), name, project)
    if not (project.examples or project.flows or project.responses):
        raise BadAssistant(f"{folder}: found no domain, NLU data or flows of Rasa 3. Name the folder that holds them.")
    return project


def _counts(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts
    return path.is_file() and not any(part.startswith(".") for part in parts)


def _language(settings: str) -> str:
    """What a `config.yml` names; nothing else of it counts, and it may hold what is no YAML of ours."""
    found = re.search(r"(?m)^language:\s*['\"]?([a-z]{2})\b", settings)
    return found[1] if found is not None else ""


def _file(root: Node, name: str, project: Project) -> None:
    top = pairs(root)
    is_test = "test" in Path(name).name or name.startswith("tests/")
    for key, into in (("rules", project.rules), ("stories", project.tests if is_test else project.stories)):
        for one in listed(top.get(key)):
            into.append(_path(one))
    for one in listed(top.get("nlu")):
        _nlu(pairs(one), one.place, project)
    _domain(top, project)
    for key, node in pairs(top.get("flows")).items():
        project.flows.setdefault(key, flow(key, node))
    for one in listed(top.get("test_cases")):
        project.cases.append(_case(one))


def _domain(top: Mapping[str, Node], project: Project) -> None:
    for key, node in pairs(top.get("responses")).items():
        project.responses.setdefault(key, _response(node))
    for key, node in pairs(top.get("slots")).items():
        project.slots.setdefault(key, _kind(node))
    for node in listed(top.get("actions")):
        project.actions.add(word(node) if not isinstance(node.value, Mapping) else next(iter(node.value), ""))
    for key, node in pairs(top.get("forms")).items():
        project.forms.setdefault(key, _form(node))
    for node in listed(top.get("forms")):  # of Rasa 1: Python knows their slots
        project.forms.setdefault(word(node), Form(slots=(), place=node.place))
    for node in listed(top.get("intents")):
        for name, held in pairs(node).items():
            if action := text(pairs(held), "triggers"):
                steps = (Step(kind="intent", name=name), Step(kind="action", name=action))
                project.rules.append(Story(name=name, place=held.place, steps=steps))


def _form(node: Node) -> Form:
    held = pairs(node)
    if "required_slots" in held:
        held = pairs(held["required_slots"]) or {word(one): one for one in listed(held["required_slots"])}
    else:  # of Rasa 2: each slot with its mappings
        held = {name: one for name, one in held.items() if name != "ignored_intents"}
    return Form(slots=tuple(held), place=node.place, mappings={name: _mappings(one) for name, one in held.items()})


def _mappings(node: Node | None) -> tuple[Mapping[str, Any], ...]:
    return tuple(one.plain() for one in listed(node) if isinstance(one.value, Mapping))


def _nlu(held: Mapping[str, Node], place: Place, project: Project) -> None:
    lines = _examples(held.get("examples"))
    for key, into in (("synonym", project.synonyms), ("lookup", project.lookups), ("regex", project.patterns)):
        if key in held:  # no marks there: `[A-Z]{2}` is a pattern
            into.setdefault(word(held[key]), ([], place))[0].extend(lines)
    if "intent" not in held:
        return
    intent, given = word(held["intent"]), [said(line) for line in lines]
    project.places.setdefault(intent, place)
    project.examples.setdefault(intent, []).extend(one.text for one in given)
    project.marked.setdefault(intent, []).extend(one for one in given if one.marks)


def _examples(node: Node | None) -> list[str]:
    if node is not None and isinstance(node.value, list):
        return [text(pairs(one), "text") if pairs(one) else word(one) for one in node.value]
    if node is None or isinstance(node.value, Mapping):
        return []
    lines = (line.strip() for line in word(node).splitlines())
    return [line[1:].strip() for line in lines if line.startswith("-")]


def _response(node: Node) -> Response:
    variants = [pairs(one) for one in listed(node)]
    worded = [one for one in variants if text(one, "text")]
    free = [one for one in worded if "condition" not in one]
    # a text for one channel alone says it less well than one for all
    best = next((one for one in free if "channel" not in one), next(iter([*free, *worded]), {}))
    buttons = tuple(
        (text(button, "title"), text(button, "payload")) for button in map(pairs, listed(best.get("buttons")))
    )
    more = len(worded) > 1 or any("condition" in one or "custom" in one or "image" in one for one in variants)
    return Response(
        text=_lines(text(best, "text")), place=node.place, more=more, conditional=bool(worded) and not free,
        buttons=buttons,
    )  # fmt: skip


def _lines(written: str) -> str:
    """A text with its lines, and without the blanks that its place in the file has given them."""
    lines = (" ".join(line.split()) for line in written.strip().splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def _kind(node: Node) -> Kind:
    held = pairs(node)
    begins = held.get("initial_value")
    plain = begins is not None and begins.value is not None and not isinstance(begins.value, Mapping | list)
    return Kind(
        type=text(held, "type") or "text", values=tuple(word(one) for one in listed(held.get("values"))),
        mappings=_mappings(held.get("mappings")), place=node.place,
        begins=str(begins.value) if begins is not None and plain else None,
        rejections=rejections(pairs(held.get("validation")).get("rejections")),
    )  # fmt: skip


def _path(node: Node) -> Story:
    held = pairs(node)
    name = next((word(held[key]) for key in ("rule", "story") if key in held), "")
    conditions = [pairs(one) for one in listed(held.get("condition"))]
    within = [text(one, "active_loop") for one in conditions if "active_loop" in one]
    slots = [slot for one in conditions for slot in listed(one.get("slot_was_set"))]
    needs = [name for slot in slots for name, value in pairs(slot).items() if value.value not in (None, False, "None")]
    return Story(
        name=name, place=node.place, steps=tuple(_steps(listed(held.get("steps")))), needs=tuple(needs),
        within=next((one for one in within if one not in ("", "None", "null")), ""),
    )  # fmt: skip


def _steps(nodes: list[Node]) -> Iterator[Step]:
    for node in nodes:
        held = pairs(node)
        if "or" in held:
            intents = [word(one["intent"]) for one in map(pairs, listed(held["or"])) if "intent" in one]
            if intents:
                yield Step(kind="intent", name=intents[0], others=tuple(intents[1:]))
        elif "intent" in held or "user" in held:
            written = said(word(held["user"])).text if "user" in held else ""
            yield Step(kind="intent", name=text(held, "intent"), text=written)
        elif "action" in held:
            yield Step(kind="action", name=word(held["action"]))
        elif "active_loop" in held:
            yield Step(kind="loop", name=text(held, "active_loop"))


def _case(node: Node) -> Case:
    held = pairs(node)
    turns: list[dict[str, Any]] = []
    for step in map(pairs, listed(held.get("steps"))):
        if "user" in step:
            turns.append({"said": " ".join(text(step, "user").split()), "starts": [], "sets": [], "utters": []})
        if turns:
            _expected(step, turns[-1])
    name = text(held, "test_case")
    return Case(name=name, place=node.place, turns=tuple(Turn(**{k: _frozen(v) for k, v in t.items()}) for t in turns))


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _expected(step: Mapping[str, Node], turn: dict[str, Any]) -> None:
    """What a step of a test expects, in any of the ways in which it may say so."""
    if "utter" in step:
        turn["utters"].append(text(step, "utter"))
    turn["sets"] += _values(step.get("slot_was_set"))
    for command in map(pairs, listed(step.get("commands"))):
        turn["starts"] += [name for name in [text(command, "start_flow")] if name]
        for key in ("set_slot", "set_slots", "correct_slot", "correct_slots"):
            turn["sets"] += _values(command.get(key))
    for wanted in map(pairs, listed(step.get("assertions"))):
        started = perhaps(wanted, "flow_started") or text(pairs(wanted.get("flow_started")), "flow_id")
        turn["starts"] += [started] if started else []
        utter = text(pairs(wanted.get("bot_uttered")), "utter_name")
        turn["utters"] += [utter] if utter else []
        slots = [pairs(one) for one in listed(wanted.get("slot_was_set"))]
        turn["sets"] += [(text(one, "name"), perhaps(one, "value")) for one in slots if perhaps(one, "value")]


def _values(node: Node | None) -> list[tuple[str, str]]:
    """Slots with their values, those without left out."""
    held = [pairs(one) for one in listed(node)]
    return [(name, value) for one in held for name in one if (value := perhaps(one, name))]
