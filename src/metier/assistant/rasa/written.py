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

OWN = "{backend}"  # where the custom actions will be
UNSURE = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
MOST_ASKED = 60  # of the questions of a section
Sections: TypeAlias = Mapping[str, Sequence[tuple[str, str, list[str]]]]  # by file: heading, text, questions


@dataclass(frozen=True, kw_only=True)
class Left:
    """Something that a person has to do."""

    place: str
    found: str
    to_do: str


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
    confirm: str = ""
    do: list[str] = field(default_factory=list)
    done: str = ""
    answer: str = ""


def assistant(
    title: str, says: Mapping[str, str], models: Mapping[str, str], sections: Sections, actions: Mapping[str, str],
    jobs: Sequence[Job],
) -> str:  # fmt: skip
    """`assistant.yaml`."""
    out = [f"assistant: {json.dumps(title, ensure_ascii=False)}", "language: [en]"]
    if says:
        out += ["say:", *(f"  {key}: {_quoted(text)}" for key, text in says.items())]
    if models:
        out += ["", "models:", *(f"  {task}: {file}" for task, file in models.items())]
    if sections:
        out += ["knowledge: knowledge/"]
    if actions:
        out += ["", f"actions:                      # each wants its address: {OWN} is where your service is"]
        out += [f"  {_bare(name)}: {how}" for name, how in actions.items()]
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
    if job.ask:
        lines.append("    ask:")
    for name, slot in job.ask.items():
        kind, held = next(iter(slot.items()))
        value = "true" if held is True else _listed(held)
        lines.append(f"      {_bare(name)}: {{{kind}: {value}, say: {_quoted(slot['say'])}}}")
    if job.do:
        if job.confirm:
            lines.append(f"    confirm: {_quoted(job.confirm)}")
        lines.append(f"    do: [{', '.join(map(_bare, job.do))}]")
    lines.append(f"    done: {_quoted(job.done or 'Done.')}")
    return lines


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
    """`IMPORT.md`."""
    lines = ["# What came over from Rasa", "", "| | came over | of |", "|---|---:|---:|"]
    lines += [f"| {what} | {done} | {of} |" for what, (done, of) in turned.came.items() if of]
    lines += ["", "## For a person", "", "| where | found | to do |", "|---|---|---|"]
    lines += [
        f"| {' | '.join(part.replace('|', '/') for part in (one.place, one.found, one.to_do))} |" for one in turned.left
    ]
    return "\n".join(lines) + "\n"
