"""The texts of a table and the spans marked in them, whatever column or markup they lie in.

Knows columns and forms; what is learnt from them is none of its business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from metier.columns import require
from metier.data.spans import MARKUP, joined, spans_of, unmarked
from metier.domains.text import DOMAIN
from metier.errors import BadCell, BadOption, MissingColumn
from metier.types import Span, Table

INPUTS = ("text", "full_text", "sentence", "utterance", "tokens", "words")
TARGETS = ("spans", "entities", "slots", "annotations", "labels", "tags", "ner_tags")
SHOWN, LIKELY = 5, 0.5


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Texts with their spans, out of two columns or out of one with marks."""

    texts: list[str]
    spans: list[list[Span]]


def columns(table: Table, input: str | Sequence[str] | None = None, target: str | None = None) -> tuple[str, str, str]:
    """The column of texts, that of spans, and a sentence on them; one column where marks are in the texts.

    Raises: MissingColumn, BadOption.
    """
    asked = [input] if isinstance(input, str) else list(input or ())
    if len(asked) > 1:
        raise BadOption(f"input: {', '.join(asked)}: spans lie in one text. Name one column.")
    for name, option in ((asked[0] if asked else None, "--input"), (target, "--target")):
        if name is not None:
            require(table, name, option)
    text = asked[0] if asked else _named(table, INPUTS) or _only_texts(table)
    spans = target or _named(table, TARGETS)
    if spans is None and any(MARKUP.search(cell) for cell in table.columns[text] if isinstance(cell, str)):
        return text, text, f"Texts are column '{text}', with marks such as [amount](£50) in them."
    if spans is None:
        raise MissingColumn(
            f"{table.source}: cannot tell where the spans are. There is {_listed(table)}. Expected a column such as "
            f"{', '.join(TARGETS[:3])}, or texts with marks: send [amount](£50). Name it with --target."
        )
    return text, spans, f"Texts are column '{text}', spans column '{spans}'."


def _named(table: Table, names: Sequence[str]) -> str | None:
    return next((name for name in names if name in table.columns), None)


def _only_texts(table: Table) -> str:
    texts = [name for name, cells in table.columns.items() if DOMAIN.likely(cells[:50]) > LIKELY]
    if len(texts) != 1:
        raise MissingColumn(
            f"{table.source}: cannot tell which column holds the texts. There is {_listed(table)}. Expected one such "
            f"as {', '.join(INPUTS[:3])}. Name it with --input."
        )
    return texts[0]


def texts_of(table: Table, column: str) -> list[Any]:
    """Texts without spans, in the column of that name or the first."""
    return list(table.columns[column if column in table.columns else next(iter(table.columns))])


def rows_of(table: Table, input: str, target: str) -> Rows:
    """Every row as a text and its spans.

    Raises: BadCell naming the rows that cannot be read.
    """
    rows, problems = Rows(texts=[], spans=[]), []
    for i, (cell, told) in enumerate(zip(table.columns[input], table.columns[target], strict=True)):
        try:
            text, spans = _row(cell, told, inside=input == target)
            DOMAIN.read(text)
        except BadCell as problem:
            problems.append(f"row {table.first_row + i}: {problem}")
        else:
            rows.texts.append(text)
            rows.spans.append(spans)
    if problems:
        more = f" … and {len(problems) - SHOWN:,} more rows" if len(problems) > SHOWN else ""
        raise BadCell(
            f"{table.source}: {len(problems):,} of {len(table):,} rows cannot be learnt from. "
            f"{' | '.join(problems[:SHOWN])}{more}"
        )
    return rows


def _row(cell: Any, told: Any, *, inside: bool) -> tuple[str, list[Span]]:
    if isinstance(cell, list) and isinstance(told, list) and len(cell) == len(told):
        return joined([str(word) for word in cell], [str(tag) for tag in told])
    if not isinstance(cell, str):
        raise BadCell(f"{cell!r:.60} is no text. Expected a string, or a list of words beside a list of their tags.")
    return unmarked(cell) if inside else (cell, spans_of(told, cell))


def _listed(table: Table) -> str:
    return ", ".join(f"'{name}'" for name in table.columns)
