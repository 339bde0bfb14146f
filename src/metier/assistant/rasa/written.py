"""An author's files as text: `assistant.yaml`, Markdown, tables, and the list of what a person has to do."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from metier.assistant.knowledge import slug, told

FIRST, LOOK, BUILT_IN, UNSAID, REPLACED = range(5)  # what a remark is: the list for a person is in this order
OWN = "{backend}"  # where the custom actions will be
UNSURE = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
STAND_IN = "stand_in.py"
MOST_ASKED = 60  # of the questions of a section
Sections: TypeAlias = Mapping[str, Sequence[tuple[str, str, list[str]]]]  # by file: heading, text, questions


@dataclass(frozen=True, kw_only=True)
class Left:
    """Something that a person has to do, or may want to know."""

    place: str
    found: str
    to_do: str
    rank: int = LOOK


@dataclass(kw_only=True)
class Turned:
    """The author's files by name, what came over, and what did not."""

    files: dict[str, str] = field(default_factory=dict)
    came: dict[str, tuple[int, int]] = field(default_factory=dict)  # of how many
    left: list[Left] = field(default_factory=list)


@dataclass(kw_only=True)
class Job:
    """A job as far as it is known; `ask` holds a kind and `say` for each slot."""

    name: str
    title: str
    when: list[str]
    like: list[str] = field(default_factory=list)
    ask: dict[str, dict[str, Any]] = field(default_factory=dict)
    login: bool = False
    confirm: str = ""
    sums_up: bool = False  # nothing words the summary: it lists what was asked
    do: list[str] = field(default_factory=list)
    done: str = ""
    outcomes: dict[str, str] = field(default_factory=dict)  # what is said by the status of an action
    failed: str = ""
    fed: dict[tuple[str, str, str], str] = field(default_factory=dict)  # slots by entity, role and group


@dataclass(kw_only=True)
class Act:
    """A custom action, and the jobs that do it."""

    name: str
    rasa: str
    changes: bool
    place: str
    jobs: list[str] = field(default_factory=list)
    answers: set[str] = field(default_factory=set)  # what texts show of what it came to
    statuses: tuple[str, ...] = ()  # what is said goes by them
    refuses: str = ""  # a condition under which Rasa said something else


def assistant(
    title: str, language: str, currency: str, says: Mapping[str, str], models: Mapping[str, str], sections: Sections,
    actions: Mapping[str, str], jobs: Sequence[Job],
) -> str:  # fmt: skip
    """`assistant.yaml`."""
    out = [f"assistant: {json.dumps(title, ensure_ascii=False)}", f"language: [{language}]"]
    if currency:
        out += [f"currency: {_quoted(currency)}"]
    if says:
        out += ["say:", *(f"  {key}: {_quoted(text)}" for key, text in says.items())]
    if models:
        out += ["", "models:", *(f"  {task}: {file}" for task, file in models.items())]
    if sections:
        out += ["knowledge: knowledge/"]
    if actions:
        out += ["", f"actions:                      # each wants its address: {OWN} is where your service is"]
        out += [f"  {_bare(name)}: {how}" for name, how in actions.items()]
        out += [
            "",
            f"outside: {STAND_IN}         # answers in the place of your service, in tests and in `metier chat`",
        ]
    out += ["", "jobs:" if jobs or sections else "jobs: {}"]
    for job in jobs:
        out += [*_job(job), ""]
    if not jobs and sections:
        file, first = next(iter(sections.items()))
        heading, _, questions = first[0]
        out += [
            "  first_answer:               # at least one job: this one tells a section",
            f"    title: {_quoted(heading.lower())}",
            f"    like: {_listed([heading, *questions[:3]])}",
            f"    answer: {file}#{slug(heading)}",
        ]
    return "\n".join(out).rstrip() + "\n"


def _bare(name: str) -> str:
    """A name as YAML takes it without doubt."""
    sure = re.fullmatch(r"[A-Za-z_][\w-]*", name) and name.lower() not in UNSURE
    return name if sure else _quoted(name)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _listed(texts: Iterable[str]) -> str:
    return "[" + ", ".join(_quoted(text) for text in texts) + "]"


def _job(job: Job) -> list[str]:
    lines = [f"  {_bare(job.name)}:", f"    title: {_quoted(job.title)}"]
    if job.when:
        lines.append(f"    when: [{', '.join(map(_bare, job.when))}]")
    if job.like:
        lines.append(f"    like: {_listed(job.like)}")
    if job.login:
        lines.append("    login: true")
    if job.ask:
        lines.append("    ask:")
    for name, slot in job.ask.items():
        kind, held = next(iter(slot.items()))
        lines.append(f"      {_bare(name)}: {{{kind}: {_held(held)}, say: {_quoted(slot['say'])}}}")
    if job.confirm:
        lines.append(f"    confirm: {_quoted(job.confirm)}")
    if job.do:
        lines.append(f"    do: [{', '.join(map(_bare, job.do))}]")
    if job.outcomes:
        lines += ["    done:", *(f"      {_bare(status)}: {_quoted(text)}" for status, text in job.outcomes.items())]
    else:
        lines.append(f"    done: {_quoted(job.done or 'Done.')}")
    if job.failed:
        lines.append(f"    failed: {_quoted(job.failed)}")
    return lines


def _held(held: Any) -> str:
    """What a kind holds: nothing, a pattern, bounds, or choices with other words for each."""
    if held is True:
        return "true"
    if isinstance(held, str):
        return _quoted(held)
    if not any(isinstance(value, list) for value in held.values()):
        return "{" + ", ".join(f"{key}: {value:g}" for key, value in held.items()) + "}"
    if not any(held.values()):
        return _listed(held)
    return "{" + ", ".join(f"{_bare(name)}: {_listed(words)}" for name, words in held.items()) + "}"


def markdown(file: str, sections: Sequence[tuple[str, str, list[str]]]) -> str:
    """A file of knowledge."""
    out, seen = [f"# {file.removesuffix('.md').replace('-', ' ').capitalize()}"], Counter[str]()
    for heading, text, questions in sections:
        seen[heading] += 1
        shown = heading if seen[heading] == 1 else f"{heading} {seen[heading]}"
        asked = " | ".join(dict.fromkeys(one.replace("|", " ") for one in questions[:MOST_ASKED]))
        out += ["", f"## {shown}", told(text), *([f"Asked as: {asked}"] if asked else [])]
    return "\n".join(out) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A CSV, each row once."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(dict.fromkeys(tuple(row) for row in rows if row[0]))
    return buffer.getvalue()


def report(turned: Turned) -> str:
    """`IMPORT.md`: what came over, then what needs a person, the most important first."""
    lines = ["# What came over from Rasa", "", "| | came over | of |", "|---|---:|---:|"]
    lines += [f"| {what} | {done} | {of} |" for what, (done, of) in turned.came.items() if of]
    heads = {FIRST: "Do this first", LOOK: "Look at this", BUILT_IN: "Nothing to do: built in"}
    for rank, head in heads.items():
        if rows := [one for one in turned.left if one.rank == rank]:
            lines += ["", f"## {head}", "", "| where | found | to do |", "|---|---|---|"]
            lines += [f"| {' | '.join(_cell(part) for part in (one.place, one.found, one.to_do))} |" for one in rows]
    for rank, head in {
        UNSAID: "Texts that nothing says here: most were said by Python",
        REPLACED: "Texts that what is built in says in its own words; see `say`",
    }.items():
        if unsaid := [one for one in turned.left if one.rank == rank]:
            lines += ["", f"## {head}", "", *(f"- {one.found} ({one.place})" for one in unsaid)]
    return "\n".join(lines) + "\n"


def _cell(part: str) -> str:
    return " ".join(part.replace("|", "/").split())
