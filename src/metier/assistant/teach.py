"""What people at a desk teach: what a message means, a new section, a conversation as a test; a second person agrees.

What is agreed to is added to the end of the author's files: `taught.csv`, a file of knowledge, `tests/taught.md`. It
is learnt at the next training.
"""

from __future__ import annotations

import csv
import os
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from metier.assistant import knowledge, learn, read, transcripts
from metier.assistant.base import BadAssistant, Place, Script
from metier.assistant.store import Entry, Log, Proposed
from metier.errors import MetierError

OUTSIDE = learn.OUTSIDE
MOST_CHARACTERS = 2_000
IN_TESTS = ("starts", "asks", "answers", "declines", "hands off")  # what does not hang on one customer's data
TESTS = "tests/taught.md"


class BadProposal(MetierError):
    """Something that cannot be taught, or not by this person."""


class Teaching:
    """Proposals and what becomes of them: `teaching.message("what do I owe", "job:balance", who="Ann")`."""

    def __init__(self, script: Script, log: Log, redact: Callable[[str], str]) -> None:
        self._script, self._log, self._redact = script, log, redact

    def meanings(self) -> dict[str, str]:
        """What a message can mean, and what that is called: jobs, other labels, sections, nothing of ours."""
        jobs = self._script.jobs.values()
        claimed = {label for job in jobs for label in job.when}
        rows = learn.rows_of(self._script, "intent") if self._script.models["intent"].rows else []
        labels = sorted({label for _, label in rows} - claimed)
        return {
            **{f"job:{job.name}": job.title or job.name for job in jobs},
            **{label: label.replace("_", " ") for label in labels},
            **{section.id: f"{section.title} ({section.id})" for section in self._script.knowledge.values()},
            OUTSIDE: "nothing of ours",
        }

    def message(self, text: str, means: str, *, who: str) -> str:
        """Propose what a message means; the proposal's id. The text is kept redacted, as messages are.

        Raises: BadProposal for a meaning that there is not, or no text.
        """
        known = self.meanings()
        if means not in known:
            raise BadProposal(f"'{means:.60}' is nothing a message can mean here. Expected one of: {', '.join(known)}.")
        if means.startswith("job:") and self._script.models["intent"].rows is None:
            raise BadProposal("intent is a specialist that was trained elsewhere. Teach it there: metier train.")
        return self._propose({"kind": "message", "text": self._text(text), "means": means}, who)

    def section(self, file: str, title: str, text: str, asked_as: str, *, who: str) -> str:
        """Propose a section at the end of a file of knowledge: `cards.md`, its heading, its answer, a question.

        Raises: BadProposal for a file that is elsewhere, or a heading that the file has.
        """
        if not re.fullmatch(r"[\w-]{1,60}\.md", file):
            raise BadProposal(f"'{file:.60}' is no file of knowledge. Name one as `cards.md`.")
        title, text = (knowledge.told(self._text(one)) for one in (title, text))
        if (id := f"{file}#{knowledge.slug(title)}") in self._script.knowledge:
            raise BadProposal(f"{id} is there already. Edit it, or give this one another heading.")
        asked = " ".join(self._redact(asked_as).replace("|", " ").split())
        said = {"kind": "section", "file": file, "title": title, "text": text}
        return self._propose({**said, "asked_as": asked}, who)

    def test(self, conversation: str, *, who: str) -> str:
        """Propose that a conversation always goes as it went.

        Raises: BadProposal where nothing was said in it.
        """
        lines = list(_lines(self._log.entries(conversation)))
        if not any(line.startswith(">") for line in lines):
            raise BadProposal("Nothing was said in that conversation, so it says nothing of how one must go.")
        return self._propose({"kind": "test", "conversation": conversation, "lines": lines}, who)

    def proposals(self) -> list[Proposed]:
        """The latest, open ones among them."""
        return self._log.proposals()

    def approve(self, id: str, *, who: str) -> Path:
        """Add what was proposed to the author's files; the file that it went to.

        Raises: BadProposal where it is decided, or is this person's own.
        """
        proposed = self._open(id)
        if proposed.who == who:
            raise BadProposal(
                f"{who} has proposed it, so somebody else has to agree. Serve with a key for each person."
            )
        with self._log.turn("teaching"):
            self._open(id)  # still
            try:
                path = _written(self._script.folder, proposed.data)
            except OSError as error:
                raise BadProposal(
                    f"{self._script.folder} cannot be written: {error.strerror}. It stays open."
                ) from None
            self._log.decide(id, "approved", who)
            return path

    def refuse(self, id: str, *, who: str) -> None:
        """Close it; nothing changes. Whoever proposed it may take it back so.

        Raises: BadProposal where it is decided.
        """
        self._open(id)
        if not self._log.decide(id, "refused", who):
            raise BadProposal("It was decided a moment ago. Look again.")

    def _propose(self, data: dict[str, Any], who: str) -> str:
        id = secrets.token_hex(4)
        self._log.propose(id, data, who, datetime.now(UTC).isoformat())
        return id

    def _open(self, id: str) -> Proposed:
        found = next((one for one in self._log.proposals() if one.id == id), None)
        if found is None:
            raise BadProposal(f"There is no proposal '{id:.20}'. `metier assistant review` lists them.")
        if found.standing != "open":
            raise BadProposal(f"{found.decided} has {found.standing} it already.")
        return found

    def _text(self, text: str) -> str:
        said = self._redact(" ".join(text.split())[:MOST_CHARACTERS])
        if not said:
            raise BadProposal("The text is empty. Write what the customer said, or what is to be answered.")
        return said


def shown(data: Mapping[str, Any]) -> str:
    """A proposal in a line."""
    if data["kind"] == "message":
        return f'"{data["text"]}" means {data["means"]}'
    if data["kind"] == "section":
        return f"{data['file']}, a section '{data['title']}': {data['text']}"
    return "a test: " + " ".join(line for line in data["lines"] if line.startswith(">"))


def _written(folder: Path, data: Mapping[str, Any]) -> Path:
    if data["kind"] == "message":
        path = folder / read.TAUGHT
        if not path.exists():
            _append(path, "text,means\n")
        with path.open("a", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow([data["text"], data["means"]])
            file.flush()
            os.fsync(file.fileno())
        return path
    if data["kind"] == "section":
        asked = f"Asked as: {data['asked_as']}\n" if data["asked_as"] else ""
        path = folder / "knowledge" / data["file"]
        heading = "" if path.exists() else f"# {path.stem.capitalize()}\n"
        return _append(path, f"{heading}\n## {data['title']}\n{data['text']}\n{asked}")
    title = f"## Taught from conversation {data['conversation'][:8]}"
    path = folder / TESTS
    heading = "" if path.exists() else "# Taught\n"
    return _append(path, "\n".join([heading, title, *data["lines"], ""]))


def _append(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return path


def _lines(entries: list[Entry]) -> list[str]:
    """A conversation as a transcript, as far as a transcript can say it."""
    lines: list[str] = []
    customer = next((entry.data["customer"] for entry in entries if entry.kind == "received"), None)
    if customer:
        lines.append(f"as: {customer}")
    for entry in entries:
        if entry.kind == "received":
            lines.append("> " + " ".join(entry.data["text"].split()))
        elif entry.kind == "ended":
            said = [
                f"{one['verb']} {one.get('name', '')}".strip()
                for one in entry.data["events"]
                if one["verb"] in IN_TESTS
            ]
            lines += [f"< {one}" for one in said if _is_form(one)]
    return lines


def _is_form(line: str) -> bool:
    try:
        transcripts.expected(line, Place(file=TESTS, line=0))
    except BadAssistant:
        return False
    return True
