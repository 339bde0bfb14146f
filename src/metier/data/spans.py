"""Texts with marked spans: CoNLL files, spans beside a text in every form people keep them in, and marks in the text.

Knows no labels' meaning. Whatever it came from, a row becomes a text and its spans.

Source: CoNLL-2003 (a word and its tag a line, blank lines between sentences); the tags IOB, IOB2 and BIOES; Markdown's
links for the markup.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from metier.errors import BadCell, UnreadableData
from metier.types import Span, Table

MARKUP = re.compile(r"\[(?P<label>[\w .:/-]{1,60})\]\((?P<text>[^()\n]{1,400}(?:\([^()\n]*\)[^()\n]*)*)\)")
STARTS, ENDS = ("start", "start_position", "start_offset", "begin"), ("end", "end_position", "end_offset", "stop")
NAMES = ("label", "entity_type", "entity", "entity_group", "type", "tag", "name")
MOST_SHOWN = 60


def conll(path: Path, batch_rows: int) -> Iterator[Table]:
    """A file with a word and its tag a line; blank lines part texts, whose words are joined by single blanks.

    Raises: UnreadableData for a line without a tag, naming it.
    """
    rows: list[tuple[str, list[Span]]] = []
    first, words, tags = 1, list[str](), list[str]()
    for number, line in enumerate([*_lines(path), ""], 1):
        if line.strip() and not line.startswith("-DOCSTART-"):
            parts = line.split("\t") if "\t" in line else line.split()
            if len(parts) < 2:
                raise UnreadableData(
                    f"{path}: line {number} is {line[:MOST_SHOWN]!r}, with no tag. Expected a word, a tab or blank, "
                    "and O, B-label or I-label; blank lines between texts. Add the tag."
                )
            words.append(parts[0])
            tags.append(parts[-1].strip())
        elif words:
            rows.append(joined(words, tags))
            words, tags = [], []
            if len(rows) == batch_rows:
                yield _table(path, rows, first)
                first, rows = first + len(rows), []
    if rows:
        yield _table(path, rows, first)
    elif first == 1:
        raise UnreadableData(f"{path}: there is not one word. Expected a word and its tag a line.")


def joined(words: Sequence[str], tags: Sequence[str]) -> tuple[str, list[Span]]:
    """Words and their tags as a text and its spans."""
    spans: list[Span] = []
    at, before = 0, "O"
    for word, tag in zip(words, tags, strict=True):
        part, _, label = tag.partition("-")
        if label:
            goes_on = part in ("I", "E", "L", "M") and before.partition("-")[2] == label and before[0] not in "ESUL"
            if goes_on and spans:
                spans[-1] = spans[-1]._replace(end=at + len(word))
            else:
                spans.append(Span(at, at + len(word), label))
        at, before = at + len(word) + 1, tag
    return " ".join(words), spans


def unmarked(text: str) -> tuple[str, list[Span]]:
    """A text with marks, "send [amount](£50) now", as what it says and its spans."""
    spans: list[Span] = []
    plain, at = "", 0
    for match in MARKUP.finditer(text):
        plain += text[at : match.start()]
        spans.append(Span(len(plain), len(plain) + len(match["text"]), match["label"].strip()))
        plain += match["text"]
        at = match.end()
    return plain + text[at:], spans


def marked(text: str, spans: Sequence[Span]) -> str:
    """The text with marks around its spans."""
    out, at = "", 0
    for span in sorted(spans):
        out += f"{text[at : span.start]}[{span.label}]({text[span.start : span.end]})"
        at = span.end
    return out + text[at:]


def spans_of(cell: Any, text: str) -> list[Span]:
    """The spans that a cell gives for a text: a list of objects or triples, or such a list as JSON; a gap has none.

    Raises: BadCell where one is no span of this text.
    """
    if isinstance(cell, str) and cell.strip():
        try:
            cell = json.loads(cell)
        except ValueError:
            raise BadCell(f"{cell[:MOST_SHOWN]!r} is no JSON. {_expected()}") from None
    if cell is None or cell == "":
        return []
    if isinstance(cell, Mapping):  # NLU++ and its like: a name, and what it stands for
        cell = [{"label": name, **one} for name, one in cell.items() if isinstance(one, Mapping)]
    if not isinstance(cell, Sequence):
        raise BadCell(f"{cell!r:.60} is no list of spans. {_expected()}")
    spans = sorted(_span(one, text) for one in cell)
    for one, after in pairwise(spans):
        if after.start < one.end:
            raise BadCell(
                f"'{text[one.start : one.end][:MOST_SHOWN]}' ({one.label}) and '{text[after.start : after.end]:.60}' "
                f"({after.label}) share characters. Expected spans that stand apart; keep one of them."
            )
    return spans


def _span(one: Any, text: str) -> Span:
    start, end, label = _parts(one)
    if label is None or not isinstance(start, int) or not isinstance(end, int):
        raise BadCell(f"{one!r:.80} is no span. {_expected()}")
    if not 0 <= start < end <= len(text):
        raise BadCell(
            f"{one!r:.80}: characters {start} to {end} do not lie in a text of {len(text)}. Expected 0 <= start < end "
            f"<= {len(text)}, counted in characters from 0."
        )
    said = one.get("text", one.get("entity_value")) if isinstance(one, Mapping) else None
    if isinstance(said, str) and said != text[start:end]:
        raise BadCell(
            f"characters {start} to {end} are {text[start:end][:MOST_SHOWN]!r}, the span says {said[:MOST_SHOWN]!r}. "
            "Expected the same; count in characters, not bytes, or leave the span's text out."
        )
    return Span(start, end, str(label))


def _parts(one: Any) -> tuple[Any, Any, Any]:
    if isinstance(one, Mapping):
        both = one.get("span") or (_first(one, STARTS), _first(one, ENDS))
        return both[0], both[1], _first(one, NAMES)
    if isinstance(one, Sequence) and not isinstance(one, str) and len(one) == 3:
        return one[0], one[1], one[2]
    return None, None, None


def _first(one: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((one[name] for name in names if one.get(name) is not None), None)


def _expected() -> str:
    return 'Expected [{"start": 5, "end": 8, "label": "amount"}] or [[5, 8, "amount"]].'


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UnreadableData(f"{path}: bytes that are not UTF-8. Expected UTF-8. Convert it with iconv.") from None
    except OSError as error:
        raise UnreadableData(f"{path}: cannot be read ({error.strerror}). Check who may read it.") from None


def _table(path: Path, rows: Sequence[tuple[str, list[Span]]], first: int) -> Table:
    spans = [[[*span] for span in some] for _, some in rows]
    return Table(columns={"text": [text for text, _ in rows], "spans": spans}, source=path.name, first_row=first)
