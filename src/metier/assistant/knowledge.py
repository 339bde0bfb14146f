"""Markdown to knowledge sections: each heading below the first is one answer, `Asked as:` lists its questions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from metier.assistant.base import BadAssistant, Place, Section

HEADING = re.compile(r"(#{1,6})\s+(.+?)\s*#*\s*$")
ASKED_AS = re.compile(r"(?i)asked as:\s*(.*)$")


def read_folder(folder: Path) -> dict[str, Section]:
    """Every section of the Markdown files of a folder, by id.

    Raises: BadAssistant where two sections have one id or one is empty.
    """
    sections: dict[str, Section] = {}
    for path in sorted(folder.glob("**/*.md")):
        for section in read(path.read_text(encoding="utf-8"), path.relative_to(folder).as_posix()):
            if section.id in sections:
                raise BadAssistant(
                    f"{section.place}: a second section is called {section.id}; the first stands at "
                    f"{sections[section.id].place}. Give one another heading."
                )
            if not section.text:
                raise BadAssistant(f"{section.place}: nothing stands under '{section.title}'. Write the answer there.")
            sections[section.id] = section
    return sections


def read(text: str, file: str) -> Iterator[Section]:
    """The sections of one file. Its first-level heading is the title of the page, and no answer."""
    title, line = "", 0
    body: list[str] = []
    asked: list[str] = []

    def done() -> Iterator[Section]:
        if title:
            yield Section(
                id=f"{file}#{slug(title)}", title=title, text=" ".join(" ".join(body).split()), asked_as=tuple(asked),
                place=Place(file=f"knowledge/{file}", line=line),
            )  # fmt: skip

    for number, written in enumerate(text.splitlines(), 1):
        if heading := HEADING.match(written):
            yield from done()
            title = "" if heading[1] == "#" else heading[2]
            line, body, asked = number, [], []
        elif phrases := ASKED_AS.match(written.strip()):
            asked += [phrase.strip() for phrase in phrases[1].split("|") if phrase.strip()]
        else:
            body.append(written.strip())
    yield from done()


def told(text: str) -> str:
    """A text on one line that is read as an answer and nothing else: no heading, no questions."""
    return re.sub(r"(?i)^(?:#+\s*|asked as:\s*)+", "", " ".join(text.split()))


def slug(title: str) -> str:
    """A heading as it stands in an id: `Replacement fee` is `replacement-fee`."""
    return re.sub(r"[^\w]+", "-", title.casefold()).strip("-")
