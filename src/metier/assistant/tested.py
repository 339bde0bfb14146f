"""What is wrong with transcripts before they are run: names the assistant does not have, secrets, people's own data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from metier.assistant import transcripts
from metier.assistant.base import BadAssistant, Place, Remark, Script
from metier.extraction.personal import CHECKED, Personal, personal

SECRET = re.compile(
    r"(?i)\b(?:api[_-]?key|password|secret|token)\b\s*[:=]\s*\S{6,}|\bsk-[A-Za-z0-9]{16,}|\bBearer\s+[A-Za-z0-9._-]{16,}"
)
# domains of RFC 2606; numbers that Ofcom and the North American plan give to fiction
NOBODYS = re.compile(
    r"(?i).*@(?:.*\.)?(?:example(?:\.(?:com|net|org))?|test|invalid|localhost)"
    r"|(?:\+44|0044|0)7700900\d{3}|(?:\+44|0044|0)20794600\d{2}|(?:\+?1)?\d{3}55501\d{2}"
)


def tested(script: Script) -> Iterator[Remark]:
    """Every line that tells too much, or names what is not there."""
    folder = script.folder / "tests"
    if not folder.is_dir():
        return
    for path in sorted(folder.glob("**/*.md")):
        yield from _told(path, f"tests/{path.relative_to(folder).as_posix()}")
    try:
        runs = transcripts.read_folder(folder)
    except BadAssistant as problem:
        found = re.match(r"(.+?):(\d+): (.*)", str(problem), re.DOTALL)
        assert found is not None
        yield Remark(place=Place(file=found[1], line=int(found[2])), grade="error", problem=found[3], fix="")
        return
    for one in (expected for run in runs for exchange in run.exchanges for expected in exchange.expected):
        if known := _missed(script, one):
            yield Remark(
                place=one.place, grade="error", problem=f"'{one.text}' names what the assistant does not have.",
                fix=f"Known: {known}.",
            )  # fmt: skip


def _told(path: Path, file: str) -> Iterator[Remark]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        place = Place(file=file, line=number)
        if SECRET.search(line):
            yield Remark(
                place=place,
                grade="error",
                problem="this looks like a secret.",
                fix="Take it out, and replace it where it is used.",
            )
            continue
        # a time is written as 2026-11-23T10:00:00
        found = [] if line.startswith("at:") else personal(line)
        if any(one.kind in CHECKED for one in found):
            yield Remark(
                place=place,
                grade="error",
                problem="a number with a valid checksum stands in a test.",
                fix="Use one whose checksum is wrong.",
            )
        elif somebodys := next((one for one in found if _may_be_somebodys(one, line)), None):
            what = "an address" if somebodys.kind == "EMAIL" else "a telephone number"
            yield Remark(
                place=place, grade="warning", problem=f"{what} that may be somebody's stands in a test.",
                fix="Use one that is nobody's: ana@example.com, 07700 900123, 202-555-0123.",
            )  # fmt: skip


def _may_be_somebodys(one: Personal, line: str) -> bool:
    written = {"EMAIL": line[one.start : one.end], "PHONE": one.value}.get(one.kind)
    return written is not None and not NOBODYS.fullmatch(written)


def _missed(script: Script, one: transcripts.Expected) -> str:
    """What there is of the kind that a line names, where its own is not among it."""
    slots = {name for job in script.jobs.values() for name in job.ask}
    known: Mapping[str, object] = {
        "starts": script.jobs, "calls": script.actions, "answers": script.knowledge,
        "asks": dict.fromkeys([*slots, "what"]), "sets": dict.fromkeys(slots),
    }.get(one.verb, {one.name: None})  # fmt: skip
    if one.name in known and not one.args.keys() - slots:
        return ""
    return ", ".join(sorted(slots if one.name in known else known)[:12]) or "none"
