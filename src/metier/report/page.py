"""An evaluation as one HTML file that opens from disk, prints, and asks nothing of any other place.

Knows what all pages have; what one task's figures tell is in the file of the task's name. Whatever comes from data is
escaped on its way in.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from string import Template

from metier import lazy
from metier.evaluation import Judged
from metier.report.parts import Story, data, drawings, table, tiles
from metier.report.svg import escaped


def html(evaluation: Judged, *, title: str, facts: Mapping[str, str]) -> str:
    """The whole page; `facts` are names and values to show beside the figures, such as where the rows came from."""
    template = Template(files("metier.report").joinpath("page.html").read_text("utf-8"))
    story: Story = lazy.find("report", evaluation.task, "STORY")(evaluation)
    return template.substitute(
        title=escaped(title),
        lead=story.lead,
        notes="".join(f'<p class="note">{data(note)}</p>' for note in evaluation.notes),
        tiles=tiles(story.tiles),
        facts=_facts(facts),
        plots=drawings(story.drawings),
        summary=_summary(evaluation),
        sections="".join(f"<h2>{heading}</h2>\n{body}\n" for heading, body in story.sections.items()),
    )


def _facts(facts: Mapping[str, str]) -> str:
    pairs = (f"<div><dt>{data(name)}</dt><dd>{data(value)}</dd></div>" for name, value in facts.items())
    return f"<dl>{''.join(pairs)}</dl>" if facts else ""


def _summary(e: Judged) -> str:
    rows = ((escaped(line.name), escaped(line.figure), data(line.meaning)) for line in e.summary())
    columns = {"Figure": "", "Value": "figure", "What it means": ""}
    return table("Ranges say how far chance alone could move a figure.", columns, rows, kind="figures")
