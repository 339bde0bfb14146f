"""Documents to passages: a folder of Markdown, where each heading is one, or a table with a row for each.

Knows Markdown, names of columns and of passages; nothing of how they are searched. Markdown is parsed by markdown-it,
so that a `#` inside a block of code is no heading.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from metier import lazy
from metier.data.read import read
from metier.errors import BadCell, MissingColumn, TooFewRows, UnreadableData
from metier.types import Table

ASKED = re.compile(r"^asked as:\s*(.+)$", re.IGNORECASE | re.MULTILINE)
UNSLUGGED = re.compile(r"[^\w\- ]")
LINE_END = re.compile(r"\r\n?|\n")  # as Markdown counts lines; str.splitlines knows nine more
ENDINGS = (".md", ".markdown")
TEXTS, HEADINGS, NAMES = ("answer", "passage", "text"), ("question", "heading", "title"), ("id", "name")
BETWEEN = "|"


@dataclass(frozen=True, kw_only=True)
class Passage:
    """What one answer is made of: `Passage(name="cards.md#delivery", heading="Cards: Delivery", text="New cards …")`.

    `asked` are questions it is known to answer.
    """

    name: str
    heading: str
    text: str
    asked: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """What tells whether it has changed; its name is no part of it, so that a passage may move."""
        content = json.dumps([self.heading, self.text, self.asked], ensure_ascii=False)
        return hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()


def passages(source: Any) -> list[Passage]:
    """The passages of a folder or file of Markdown, or of anything `read` makes a table of.

    A table has a column `answer`, `passage` or `text`, and may have `question`, `heading` or `title`, and `id`.

    Raises: UnreadableData, MissingColumn, BadCell, TooFewRows where there are not two of them.
    """
    path = Path(source) if isinstance(source, str | Path) and "://" not in str(source) else None
    if path is not None and path.is_dir() and not is_markdown(path):
        raise UnreadableData(
            f"{path}: no Markdown in this folder. Expected {' or '.join(ENDINGS)} files, here or below. Name "
            "the folder that holds them, or give the file of a table."
        )
    found = list(_of_files(path) if path is not None and is_markdown(path) else _of_table(read(source)))
    if len(found) < 2:
        raise TooFewRows(
            f"{source if path else 'the rows'}: {len(found)} passage with text. Expected two or more to choose among. "
            "In Markdown each heading with text below it is one; in a table, each row."
        )
    return found


def is_markdown(path: Path) -> bool:
    """Whether a path is a file of Markdown, or a folder that holds one."""
    return path.suffix.lower() in ENDINGS or (path.is_dir() and any(_markdown_files(path)))


def _markdown_files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in ENDINGS and path.is_file())


def _of_files(path: Path) -> Iterator[Passage]:
    if not path.exists():
        raise UnreadableData(f"{path}: there is no such file or folder. Check the path (this is {Path.cwd()}).")
    if path.is_file():
        yield from _of_markdown(path, path.name)
        return
    for file in _markdown_files(path):
        yield from _of_markdown(file, file.relative_to(path).as_posix())


def _of_markdown(path: Path, name: str) -> Iterator[Passage]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableData(f"{path}: not UTF-8 (byte {error.start:,}). Save it as UTF-8.") from None
    yield from sections(text, name)


def sections(markdown: str, name: str) -> Iterator[Passage]:
    """The headings of one file that have text of their own; `name` is the file's, and begins theirs.

    A heading is read with those above it: "Cards: Delivery". Two alike in one file are told apart as on GitHub:
    `#delivery`, `#delivery-1`.
    """
    lazy.need("markdown_it", extra="retrieve", purpose="Reading Markdown")
    from markdown_it import MarkdownIt

    lines, above, taken = LINE_END.split(markdown), dict[int, str](), set[str]()
    tokens = MarkdownIt("commonmark").parse(markdown)
    starts = [i for i, token in enumerate(tokens) if token.type == "heading_open" and token.level == 0]
    for place, i in enumerate(starts):
        level, title = int(tokens[i].tag[1:]), _plain(tokens[i + 1])
        above = {depth: words for depth, words in above.items() if depth < level} | {level: title}
        slug = _untaken(slugged(title), taken)
        taken.add(slug)
        begins = (tokens[i].map or (0, 0))[1]
        ends = (tokens[starts[place + 1]].map or (0, 0))[0] if place + 1 < len(starts) else len(lines)
        body = "\n".join(lines[begins:ends])
        asked = [one.strip() for found in ASKED.findall(body) for one in found.split(BETWEEN) if one.strip()]
        text = ASKED.sub("", body).strip()
        if text:
            yield Passage(
                name=f"{name}#{slug}",
                heading=": ".join(words for _, words in sorted(above.items()) if words),
                text=text,
                asked=tuple(dict.fromkeys(asked)),
            )


def _plain(token: Any) -> str:
    return "".join(child.content for child in token.children or () if child.type in ("text", "code_inline")).strip()


def slugged(heading: str) -> str:
    """A heading as the part of a link after `#`, the way GitHub writes it."""
    return UNSLUGGED.sub("", heading.lower()).replace(" ", "-")


def _untaken(slug: str, taken: set[str]) -> str:
    numbered = (f"{slug}-{count}" if count else slug for count in itertools.count())
    return next(one for one in numbered if one not in taken)


def _of_table(table: Table) -> Iterator[Passage]:
    columns = {name.strip().lower(): name for name in table.columns}
    text = next((columns[name] for name in TEXTS if name in columns), None)
    if text is None:
        raise MissingColumn(
            f"{table.source}: no column of passages. Expected one named {', '.join(TEXTS)}; found "
            f"{', '.join(table.columns)}. Rename it, or give a folder of Markdown."
        )
    heading = next((columns[name] for name in HEADINGS if name in columns), None)
    name = next((columns[name] for name in NAMES if name in columns), None)
    taken: dict[str, int] = {}
    for i, row in enumerate(table.rows(), table.first_row):
        if not _text(row[text]):
            continue
        own = _text(row[name]) if name else f"row-{i}"
        if not own or own in taken:
            found = f"{own!r} is also the id of row {taken[own]}" if own else "the id is blank"
            raise BadCell(f"{table.source} row {i}: {found}. Expected an id of its own for each passage; fix the cell.")
        taken[own] = i
        yield Passage(name=own, heading=_text(row[heading]) if heading else "", text=_text(row[text]))


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell).strip()


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question and the names of the passages that answer it; none where no passage does."""

    question: str
    answers: tuple[str, ...]


def pairs(source: Any) -> list[Asked]:
    """Questions with the passages that answer them: columns `question`, and `passage` or `id`.

    Several ids stand in one cell with "|" between; a blank means that the answer is not in the documents.

    Raises: MissingColumn, UnreadableData, TooFewRows.
    """
    table = read(source)
    columns = {name.strip().lower(): name for name in table.columns}
    question = columns.get("question") or columns.get("query")
    answer = next((columns[name] for name in ("passage", "id", "answer") if name in columns), None)
    if question is None or answer is None:
        raise MissingColumn(
            f"{table.source}: found the columns {', '.join(table.columns)}. Expected 'question', and 'passage' with "
            "the id of the passage that answers it (several with '|' between, blank for none). Rename them."
        )
    rows = zip(table.columns[question], table.columns[answer], strict=True)
    found = [Asked(question=_text(q), answers=_names(a)) for q, a in rows if _text(q)]
    if not found:
        raise TooFewRows(f"{table.source}: no row has a question. Expected one or more.")
    return found


def _names(cell: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in map(str.strip, _text(cell).split(BETWEEN)) if name))


def with_asked(known: Sequence[Passage], asked: Sequence[Asked]) -> list[Passage]:
    """The passages, each with the questions that the pairs say it answers."""
    more: dict[str, list[str]] = {}
    for pair in asked:
        for name in pair.answers:
            more.setdefault(name, []).append(pair.question)
    return [
        replace(one, asked=tuple(dict.fromkeys([*one.asked, *more[one.name]]))) if one.name in more else one
        for one in known
    ]
