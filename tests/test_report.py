"""The page: whole, self-contained, true to its figures, and unharmed by what labels and cells hold."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from metier.decide.accept import Rule
from metier.evaluation import Evaluation, Judging, Latency
from metier.judge import OUTSIDE, evaluation_of
from metier.report.page import html
from metier.report.svg import Plot, escaped, ticks
from metier.types import Predicted

NASTY = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "مرحبا </bdi>",
    "half a pair \ud83d",
    "$title ${lead} %s {0}",
    "</style></svg><a href='javascript:alert(1)'>",
)
VOID = {"meta", "br"}


def _evaluation(
    labels: tuple[str, ...] = NASTY,
    *,
    outside: int = 30,
    timed: bool = True,
    max_error: float | None = 0.02,
    n: int = 400,
) -> Evaluation:
    random = np.random.default_rng(0)
    k = len(labels)
    probabilities = random.dirichlet(np.full(k, 0.2), size=n + outside).astype(np.float32)
    truth = np.array([random.choice(k, p=p / p.sum()) for p in probabilities.astype(np.float64)])
    truth[n:] = OUTSIDE
    stage = np.where(probabilities.max(axis=1) > 0.6, 1, 2)
    stage[0] = 0
    scope = np.concatenate([random.random(n), random.random(outside) * 0.1])
    return evaluation_of(
        labels,
        truth,
        Predicted(
            probabilities=probabilities,
            scope=scope,
            stage=stage,
            in_scope=scope > 0.02,
            accepted=(probabilities.max(axis=1) > 0.8) & (scope > 0.02) & (stage > 0),
            candidates=probabilities > 0.1,
        ),
        Judging(
            rule=Rule(
                false_refusal=0.02,
                max_error=max_error,
                scope_threshold=0.02,
                accept_threshold=0.8,
                candidate_threshold=0.1,
            ),
            texts=[f"cell {i} {NASTY[i % len(NASTY)]}" for i in range(n + outside)],
            stage_names=("<ngrams>.v1", "sentence.v1"),
            unknown={NASTY[1]: 3},
            latency=Latency(median_us=20, p95_us=2000, rows=300, rows_per_s=50_000, stages=(18.0, 2100.0))
            if timed
            else None,
            notes=(f"test.csv row 1: {NASTY[0]}",),
        ),
    )


class _Page(HTMLParser):
    """Elements with their attributes and text, and a check that every one is closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def page() -> _Page:
    return _Page(html(_evaluation(), title=NASTY[0], facts={NASTY[1]: NASTY[2], "Rows": NASTY[5]}))


def test_nothing_from_data_becomes_an_element_or_an_attribute(page: _Page) -> None:
    tags = {tag for tag, _ in page.found}
    assert not tags & {"script", "img", "a", "link", "iframe", "object", "form", "base"}
    assert not [name for _, attributes in page.found for name in attributes if name.startswith("on")]
    text = "".join(page.texts)
    for name in NASTY:
        assert name.replace("\ud83d", "?") in text


def test_the_page_asks_nothing_of_any_other_place(page: _Page) -> None:
    assert not [(tag, a) for tag, a in page.found if {"src", "href", "srcset", "xlink:href", "action"} & set(a)]
    style = html(_evaluation(), title="", facts={}).split("<style>")[1].split("</style>")[0]
    assert ":root" in style
    assert not re.findall(r"url\(|@import", style)
    [policy] = [a for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert str(policy["content"]).startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_it_can_be_read_without_seeing_it(page: _Page) -> None:
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == len(page.all("title")) == 1
    assert len(page.all("table")) == len(page.all("caption")) == 3
    assert all(a.get("scope") in ("col", "row") for a in page.all("th"))
    drawings = page.all("svg")
    assert len(drawings) == 6
    assert all(a["role"] == "img" and len(str(a["aria-label"])) > 20 for a in drawings)
    assert len(page.all("figcaption")) == len(page.all("figure")) == 5


def test_it_is_written_as_utf8(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(html(_evaluation(), title=NASTY[3], facts={}), encoding="utf-8")
    assert "half a pair ?" in path.read_text(encoding="utf-8")


def test_every_line_of_the_summary_is_on_the_page() -> None:
    evaluation = _evaluation(("a", "b", "c"))
    text = "".join(_Page(html(evaluation, title="t", facts={"Rows": "test.csv"})).texts).replace("\ud83d", "?")
    for line in evaluation.summary():
        assert line.name in text
        assert line.figure in text
        assert line.meaning in text
    assert "test.csv row 1: " in text


@pytest.mark.parametrize(("max_error", "said"), [(0.9, "kept"), (0.001, "broken"), (None, "nothing promised")])
def test_the_promise_is_said_in_words_and_not_in_colour_alone(max_error: float | None, said: str) -> None:
    text = html(_evaluation(max_error=max_error), title="t", facts={})
    [tile] = re.findall(r'<div class="tile"><span class="soft">Wrong among answered.*?</div>', text)
    assert said in tile
    assert ("promised:" in text.split("Risk and coverage")[1].split("</svg>")[0]) == (max_error is not None)


def test_what_was_not_measured_is_not_shown() -> None:
    text = html(_evaluation(outside=0, timed=False), title="t", facts={})
    assert "Does it know what is not its business?" not in text
    assert "What does the next stage cost?" not in text
    assert "Time for one" not in text
    assert "<dl>" not in text


def test_a_hundred_and_fifty_labels_stay_one_readable_page() -> None:
    evaluation = _evaluation(tuple(f"label {i}" for i in range(150)), n=2000)
    text = html(evaluation, title="t", facts={})
    assert text.count("taken for <b>") == 15
    assert f"{len(evaluation.confusions) - 15:,} rarer pairs are in the JSON" in text
    assert len(text) < 200_000
    assert all(f"label {i}</bdi></th>" in text for i in range(150))


def test_rows_of_which_none_can_be_read_still_make_a_page() -> None:
    nothing = Predicted(
        probabilities=np.zeros((2, 2), np.float32),
        scope=np.zeros(2),
        stage=np.zeros(2, np.int64),
        in_scope=np.zeros(2, bool),
        accepted=np.zeros(2, bool),
        candidates=np.zeros((2, 2), bool),
    )
    rule = Rule(false_refusal=0.02, max_error=0.02, scope_threshold=0, accept_threshold=0, candidate_threshold=0)
    text = html(evaluation_of(("a", "b"), np.array([0, 1]), nothing, Judging(rule=rule)), title="t", facts={})
    _Page(text)
    assert not re.findall(r"\bnan\b|\bNone\b", text)
    assert "No label was taken for another." in text
    assert "nothing was answered" in text


def test_the_same_figures_give_the_same_bytes() -> None:
    assert html(_evaluation(), title="t", facts={"a": "b"}) == html(_evaluation(), title="t", facts={"a": "b"})


def test_no_plotting_or_training_library_is_needed() -> None:
    code = (
        "import sys, metier.report.page, metier.judge\n"
        "print(*sorted({'matplotlib', 'jinja2', 'sklearn', 'scipy', 'polars', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_points_land_where_the_data_says() -> None:
    plot = Plot(x=(0, 10), y=(0, 2), width=100, height=60, left=10, right=10, top=5, bottom=15)
    assert plot.at(0, 0) == (10, 45)
    assert plot.at(10, 2) == (90, 5)
    assert plot.at(5, 1) == (50, 25)
    wide = Plot(x=(10, 1000), y=(0, 1), width=100, height=60, left=10, right=10, log_x=True)
    assert wide.at(100, 0)[0] == pytest.approx(50)
    drawn = plot.bar((0, 5), (0, 1)).svg("t", "d")
    assert '<rect class="bar a" x="10.0" y="25.0" width="40.0" height="20.0"/>' in drawn


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 0.047, 5, [0, 0.01, 0.02, 0.03, 0.04]),
        (0.8, 1, 4, [0.8, 0.85, 0.9, 0.95, 1]),
        (0, 1234, 3, [0, 500, 1000]),
    ],
)
def test_ticks_are_round_and_few(low: float, high: float, most: int, expected: list[float]) -> None:
    assert ticks(low, high, most) == pytest.approx(expected)


def test_escaped_text_survives_a_round_trip_but_for_half_pairs() -> None:
    assert escaped("a<b&\"c'") == "a&lt;b&amp;&quot;c&#x27;"
    assert escaped("\ud83d!") == "?!"
