"""The model card: read by the hub's own reader, and by people."""

from __future__ import annotations

import re
from typing import Any

import pytest

from metier.card import card

huggingface_hub = pytest.importorskip("huggingface_hub")

NASTY = 'a "quoted": name\n---\n# not <b>markup</b> | \\ `code` \u2028 \ud800 🏦 {x: [y'


def interval(value: float, rows: int = 1000) -> dict[str, Any]:
    return {"value": value, "low": value - 0.01, "high": value + 0.01, "rows": rows}


def said(**other: Any) -> dict[str, Any]:
    return {
        "name": "banking",
        "inputs": [{"column": "query", "domain": "text"}],
        "task": "classify",
        "labels": ["card_arrival", "lost card", "pin `code`"],
        "target": "intent",
        "rule": {"false_refusal": 0.02, "max_error": 0.02, "accept_threshold": 0.7125, "scope_threshold": 0.1},
        "stages": [{"encoder": {"kind": "ngrams.v1"}, "heads": [{"kind": "hashed.v1"}, {"kind": "hashed.v1"}]}],
        "recipe": {"effort": "standard", "seed": 0, "left_out": []},
        "origin": {"source": "queries.csv", "rows": 10003, "libraries": {"numpy": "2.4", "metier": "0.1.0"}},
        "figures": {
            "accuracy": interval(0.9412),
            "macro_f1": 0.9401,
            "coverage": interval(0.883),
            "error": interval(0.0174),
            "false_refusal": interval(0.0203),
            "calibration_error": 0.0113,
            "stages": [{"stage": 1, "share": 0.861, "rows": 861}, {"stage": 2, "share": 0.139, "rows": 139}],
        },
        "golden": [{}] * 8,
        "files": {"arrays.safetensors": {"bytes": 23_400_000, "sha256": "00" * 32}},
        **other,
    }


def read(**other: Any) -> tuple[dict[str, Any], str]:
    """Metadata as the hub understands it, and the rest."""
    text = card(said(**other)).decode("utf-8")
    shown = huggingface_hub.ModelCard(text)
    return shown.data, shown.text


def test_the_hub_reads_what_it_is_and_how_good() -> None:
    data, _ = read()
    assert (data.library_name, data.pipeline_tag, data.license) == ("metier", "text-classification", None)
    assert {"text", "classify", "out-of-scope-detection"} <= set(data.tags)
    assert data.model_name == "banking"
    figures = {result.metric_type: result.metric_value for result in data.eval_results}
    assert figures == {"accuracy": 0.9412, "f1": 0.9401}
    assert all("out-of-fold" in result.dataset_name for result in data.eval_results)


def test_a_licence_stands_there_only_when_it_was_given() -> None:
    assert read(origin={"license": "apache-2.0"})[0].license == "apache-2.0"
    assert b"license" not in card(said())


def test_a_person_reads_what_it_answers_refuses_promises_and_costs() -> None:
    _, text = read()
    titles = re.findall("^## (.*)$", text, flags=re.MULTILINE)
    assert titles == [
        "What it answers",
        "What it refuses",
        "What it promises",
        "Figures",
        "How to use it",
        "Where it came from",
        "Limits",
    ]
    for part in (
        "`card_arrival`, `lost card`, `pin 'code'`",
        "refuse 2% of the inputs that are its business",
        "a probability under 0.7125",
        "At most 2% wrong",
        "| accuracy, if made to answer everything | 94.1% | 93.1% to 95.1% | 1,000 |",
        "| leaves at stage 1 | 86.1% | | 861 |",
        'metier predict banking "…"',
        'metier.load("banking")',
        "- stage 1: `ngrams.v1`, `hashed.v1`, `hashed.v1`",
        "- source: `queries.csv`",
        "- libraries: metier `0.1.0`, numpy `2.4`",
        "23.4 MB",
        "holds 8 of the training rows",
    ):
        assert part in text, part


def test_no_promise_is_made_that_was_not_asked_for() -> None:
    _, text = read(rule={**said()["rule"], "max_error": None})
    assert "No bound on its errors was asked for" in text
    assert "At most" not in text


def test_what_is_never_refused_or_was_not_chosen_is_not_mentioned() -> None:
    _, text = read(rule={**said()["rule"], "accept_threshold": 0.0})
    assert "`unsure`" not in text
    assert "left out" not in text


def test_names_from_outside_break_neither_the_metadata_nor_the_page() -> None:
    data, text = read(
        name=NASTY, labels=[NASTY, "b"], inputs=[{"column": NASTY, "domain": NASTY}], target=NASTY,
        origin={"source": NASTY, "license": NASTY}, recipe={NASTY: NASTY},
    )  # fmt: skip
    assert data.model_name.encode("utf-8", "replace") == NASTY.encode("utf-8", "replace")
    assert data.tags[-2] == NASTY
    prose = re.sub(r"```.*?```|\\.|`[^`\n]*`", "", text, flags=re.DOTALL)  # less code and what is escaped
    assert not re.search("[<|>`_]", prose.split("## Figures")[0])
    assert "\n---" not in text
    assert "\n# not" not in text


def test_thousands_of_labels_and_no_figures_make_a_card_one_can_read() -> None:
    data, text = read(labels=[f"label {i}" for i in range(5000)], figures={})
    assert "and 4800 more" in text
    assert data.eval_results is None
    assert len(text) < 10_000


def test_another_domain_gets_no_tag_of_the_hub_that_is_not_true() -> None:
    assert read(inputs=[{"column": "smiles", "domain": "molecule"}])[0].pipeline_tag is None


def test_several_columns_are_a_table_and_all_of_them_are_named() -> None:
    inputs = [{"column": "age", "domain": "number"}, {"column": "job", "domain": "category"}]
    data, text = read(inputs=inputs)
    assert data.pipeline_tag == "tabular-classification"
    assert {"number", "category"} <= set(data.tags)
    assert "number, category (2 columns: `age`, `job`)" in text
