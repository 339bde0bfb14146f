"""The pieces that pages are made of: a story of tiles, plots and sections, and how each becomes HTML.

Knows no figures. Whatever comes from data goes through `data`, which escapes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from metier.report.svg import escaped


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One of the few figures that most readers came for; `kind` is "good" or "bad" where it is either."""

    name: str
    figure: str
    beside: str
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A question, what to know to read the plots, and the plots that answer it: those that could be drawn."""

    question: str
    caption: str
    plots: Sequence[str | None]


@dataclass(frozen=True, kw_only=True)
class Story:
    """What a page tells of one evaluation; `sections` are headings with HTML below."""

    lead: str
    tiles: Sequence[Tile]
    drawings: Sequence[Drawing]
    sections: Mapping[str, str] = field(default_factory=dict)


def tiles(shown: Sequence[Tile]) -> str:
    """The tiles; a promise is said to be kept or broken in words and colour."""
    return "".join(
        f'<div class="tile"><span class="soft">{t.name}</span><b class="{t.kind}">{t.figure}</b>'
        f'<span class="soft">{t.beside}</span></div>'
        for t in shown
    )


def drawings(shown: Sequence[Drawing]) -> str:
    """The plots under their questions; a question without any is left out."""
    return "".join(
        f"<figure><h3>{d.question}</h3><figcaption>{d.caption}</figcaption>{''.join(p for p in d.plots if p)}</figure>"
        for d in shown
        if any(d.plots)
    )


def data(text: str) -> str:
    """Text from data, kept from turning the words around it when it runs from right to left."""
    return f"<bdi>{escaped(text)}</bdi>"


def table(caption: str, columns: Mapping[str, str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """A table; `columns` gives each name its class, and the first of each row's cells heads the row."""
    marks = [f' class="{column}"' if column else "" for column in columns.values()]
    heads = (f'<th scope="col"{mark}>{name}</th>' for name, mark in zip(columns, marks, strict=True))
    body = (
        f'<tr><th scope="row">{cells[0]}</th>'
        + "".join(f"<td{mark}>{cell}</td>" for cell, mark in zip(cells[1:], marks[1:], strict=True))
        + "</tr>"
        for cells in rows
    )
    return (
        f'<div class="panel"><table class="{kind}"><caption>{caption}</caption><thead><tr>{"".join(heads)}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def meter(share: float) -> str:
    """A small bar beside a share."""
    return f'<span class="meter" aria-hidden="true"><i style="width:{share:.1%}"></i></span>'
