"""An evaluation as one HTML file that opens from disk, prints, and asks nothing of any other place.

Knows the order in which a reader wants the figures; computes none. Whatever comes from data is escaped on its way in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from string import Template

from metier.evaluation import ClassFigures, Confusion, Evaluation, percent
from metier.report import plots
from metier.report.svg import escaped

_SHOWN_CONFUSIONS = 15
_RELIABILITY = (
    "Rows in fifteen groups of equal size. On the dashed line, answers given with 80% are right 80% of the time. "
    "Upright lines: 95% ranges."
)
_RISK = "Only the surest rows answered, more and more of them. The dot is where the rule stops, with its 99% range."
_STAGES = "Each row leaves at the first stage that is sure enough of it."
_SCOPE = (
    "Scope is the share of training rows that look less like what was learnt. Rows of its own spread evenly; "
    "others should pile up on the left."
)
_COST = "Median time of single rows on this machine. The larger the dot, the more rows leave there."


def html(evaluation: Evaluation, *, title: str, facts: Mapping[str, str]) -> str:
    """The whole page; `facts` are names and values to show beside the figures, such as where the rows came from."""
    template = Template(files("metier.report").joinpath("page.html").read_text("utf-8"))
    return template.substitute(
        title=escaped(title),
        lead=_lead(evaluation),
        notes="".join(f'<p class="note">{_data(note)}</p>' for note in evaluation.notes),
        tiles=_tiles(evaluation),
        facts=_facts(facts),
        plots=_plots(evaluation),
        summary=_summary(evaluation),
        confusions=_confusions(evaluation.confusions),
        classes=_classes(evaluation.per_class),
    )


def _data(text: str) -> str:
    """Text from data, kept from turning the words around it when it runs from right to left."""
    return f"<bdi>{escaped(text)}</bdi>"


def _lead(e: Evaluation) -> str:
    said = f"It answers {percent(e.coverage.value)} of {e.rows:,} rows with {len(e.labels):,} labels"
    said += f"; {percent(e.error.value)} of its answers are wrong." if e.error else "."
    return f"{said} Made to answer every row, it is right on {percent(e.accuracy.value)}."


def _tiles(e: Evaluation) -> str:
    """The few figures that most readers came for; a promise is said to be kept or broken in words and colour."""
    tiles = [("Accuracy", percent(e.accuracy.value), "", f"{percent(e.accuracy.low)} to {percent(e.accuracy.high)}")]
    tiles.append(("Answered", percent(e.coverage.value), "", "of in-scope rows"))
    if e.error is not None:
        kept = {"kept": "good", "within chance": "good", "broken": "bad"}.get(e.promise, "")
        beside = (
            f"promised {percent(e.max_error)} at most: {e.promise}" if e.max_error is not None else "nothing promised"
        )
        tiles.append(("Wrong among answered", percent(e.error.value), kept, beside))
    if e.out_of_scope is not None:
        beside = f"{percent(e.out_of_scope.answered.value)} answered anyway"
        tiles.append(("Out of scope, refused", percent(e.out_of_scope.caught.value), "", beside))
    if e.latency is not None:
        tiles.append(
            ("Time for one", f"{e.latency.median_us:,.0f} µs", "", f"{e.latency.rows_per_s:,.0f} rows/s in bulk")
        )
    return "".join(
        f'<div class="tile"><span class="soft">{name}</span><b class="{kind}">{figure}</b>'
        f'<span class="soft">{beside}</span></div>'
        for name, figure, kind, beside in tiles
    )


def _facts(facts: Mapping[str, str]) -> str:
    pairs = (f"<div><dt>{_data(name)}</dt><dd>{_data(value)}</dd></div>" for name, value in facts.items())
    return f"<dl>{''.join(pairs)}</dl>" if facts else ""


def _plots(e: Evaluation) -> str:
    shown: list[tuple[str, str, list[str | None]]] = [
        ("Do probabilities mean what they say?", _RELIABILITY, [plots.reliability(e), plots.confidences(e)]),
        ("What does answering less buy?", _RISK, [plots.risk_coverage(e)]),
        ("Where do rows leave?", _STAGES, [plots.stages(e)]),
        ("Does it know what is not its business?", _SCOPE, [plots.scope(e)]),
        ("What does the next stage cost?", _COST, [plots.cost(e)]),
    ]
    return "".join(
        f"<figure><h3>{name}</h3><figcaption>{caption}</figcaption>{''.join(d for d in drawn if d)}</figure>"
        for name, caption, drawn in shown
        if any(drawn)
    )


def _table(caption: str, columns: Mapping[str, str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
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


def _summary(e: Evaluation) -> str:
    rows = ((escaped(line.name), escaped(line.figure), _data(line.meaning)) for line in e.summary())
    columns = {"Figure": "", "Value": "figure", "What it means": ""}
    return _table("Ranges say how far chance alone could move a figure.", columns, rows, kind="figures")


def _confusions(pairs: Sequence[Confusion]) -> str:
    if not pairs:
        return "<p>No label was taken for another.</p>"
    rows = (
        (
            f"{_data(pair.truth)}<p>taken for <b>{_data(pair.guess)}</b>{_examples(pair)}</p>",
            f"{_meter(pair.count / pairs[0].count)}{pair.count:,}",
            percent(pair.share),
            f"{pair.answered:,}",
        )
        for pair in pairs[:_SHOWN_CONFUSIONS]
    )
    left = f" {len(pairs) - _SHOWN_CONFUSIONS:,} rarer pairs are in the JSON." if len(pairs) > _SHOWN_CONFUSIONS else ""
    caption = f"Most frequent first, with the rows it was surest of.{left} Many of one pair: are the two labels one?"
    return _table(caption, {"Label": "", "Rows": "metered", "Of its errors": "number", "Answered": "number"}, rows)


def _examples(pair: Confusion) -> str:
    return "".join(f'<br><span class="soft">“{_data(text)}”</span>' for text in pair.examples[:2])


def _classes(classes: Sequence[ClassFigures]) -> str:
    rows = (
        (
            _data(c.label),
            "–" if c.f1 is None else f"{_meter(c.f1)}{percent(c.f1)}",
            percent(c.precision),
            percent(c.recall),
            percent(c.accepted),
            f"{c.rows:,}",
        )
        for c in sorted(classes, key=lambda c: 2.0 if c.f1 is None else c.f1)
    )
    columns = {"Label": "", "F1": "metered"} | dict.fromkeys(("Precision", "Recall", "Answered", "Rows"), "number")
    caption = "Worst first. Precision: right among those given this label. Recall: right among those that have it."
    return _table(caption, columns, rows)


def _meter(share: float) -> str:
    return f'<span class="meter" aria-hidden="true"><i style="width:{share:.1%}"></i></span>'
