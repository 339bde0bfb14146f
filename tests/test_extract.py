"""From marked texts to spans: what is found, how sure it is, what is promised, kept, loaded again and served."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import metier
from metier.cli import command_line
from metier.errors import BadCell, BadOption, MissingColumn, TooFewRows
from metier.types import Extraction

pytest.importorskip("pycrfsuite", reason="spans are learnt with the package python-crfsuite")
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "spans.py"


def example() -> Any:
    spec = importlib.util.spec_from_file_location("spans_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MARKED = example().marked


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("extract")
    metier.train(MARKED(160, 0), task="extract", effort="quick", max_error=0.1, output=place / "pay")
    return place / "pay"


@pytest.fixture(scope="module")
def extractor(folder: Path) -> Any:
    return metier.load(folder)


def test_spans_stand_where_they_say_with_their_values(extractor: Any) -> None:
    text = "  please pay Zoe Tanaka 120 euros\n"
    [found] = extractor.predict([text])
    assert isinstance(found, Extraction)
    assert [(one.label, one.text) for one in found.spans] == [("person", "Zoe Tanaka"), ("amount", "120 euros")]
    assert all(text[one.start : one.end] == one.text for one in found.spans)
    assert found.spans[1].value == {"amount": 120.0, "currency": "EUR"}
    assert (found.accepted, found.label) == (True, "[person](Zoe Tanaka) [amount](120 euros)")
    assert found.words() == "person: Zoe Tanaka, amount: 120 euros"
    json.dumps(found.json(), allow_nan=False)


def test_no_span_is_an_answer_and_a_blank_is_none(extractor: Any) -> None:
    nothing, blank = extractor.predict(["how do I order a new card", " "])
    assert (nothing.label, nothing.accepted, nothing.spans) == ("", True, ())
    assert (blank.label, blank.accepted, blank.reason) == (None, False, "bad_input")


def test_what_is_strange_is_no_answer(extractor: Any) -> None:
    strict = replace(extractor, rule=replace(extractor.rule, scope_threshold=0.2))
    [found] = strict.predict(["ŋþ æß £50 ðđ ŧł ħĸ"])
    assert found.scope < 0.2
    assert (found.label, found.reason) == (None, "out_of_scope")
    assert not any(one.accepted for one in found.spans)


def test_a_piece_of_a_number_that_checks_is_no_answer(extractor: Any) -> None:
    [found] = extractor.predict(["please send 120 euros to GB33 BUKB 2020 1555 5555 55"])
    assert [one.text for one in found.spans if one.accepted] == ["120 euros"]


def test_a_number_that_does_not_check_is_no_answer_where_all_others_did() -> None:
    luhn = pytest.importorskip("stdnum.luhn", reason="checksums are python-stdnum's")
    numbers = [f"4{7919 * i:014d}" for i in range(1, 41)]
    cards = [number + luhn.calc_check_digit(number) for number in numbers]
    rows = {"text": [f"freeze [card]({card}), please" for card in cards] + ["freeze nothing, please"] * 10}
    taught = metier.train(rows, task="extract", effort="quick")
    wrong = cards[0][:-1] + str((int(cards[0][-1]) + 1) % 10)
    [sound], [unsound] = (taught.predict([f"freeze {card}, please"])[0].spans for card in (cards[0], wrong))  # type: ignore[attr-defined]
    assert (sound.label, sound.accepted) == ("card", True)
    assert (unsound.label, unsound.accepted) == ("card", False)


def test_figures_and_a_promise(extractor: Any) -> None:
    figures: dict[str, Any] = extractor.evaluate(MARKED(120, 1)).json()
    assert figures["f1"] > 0.95
    assert figures["promise"] in ("kept", "within chance")
    assert figures["calibration_error"] < 0.1
    assert {one["label"] for one in figures["per_label"]} == {"amount", "date", "person"}


def test_rows_that_are_none_of_its_business(extractor: Any) -> None:
    told = extractor.evaluate(MARKED(50, 1), out_of_scope={"text": ["what is the meaning of life"] * 4})
    assert told.outside == 4
    assert told.outside_answered == 0


def test_the_same_rows_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    metier.train(MARKED(160, 0), task="extract", effort="quick", max_error=0.1, output=tmp_path / "pay")
    for file in folder.iterdir():
        assert file.read_bytes() == (tmp_path / "pay" / file.name).read_bytes(), file.name


def test_alone_and_together_are_equal(extractor: Any) -> None:
    texts = MARKED(30, 2)["text"]
    together = [{**d.json(), "microseconds": 0} for d in extractor.predict(texts)]
    assert together == [{**extractor.predict([text])[0].json(), "microseconds": 0} for text in texts]
    at_once = extractor.at_once(texts[0])
    assert at_once is not None
    assert at_once[0][0].label == extractor.predict(texts[:1])[0].label


@pytest.mark.parametrize(
    ("rows", "options", "error", "expected"),
    [
        ({"text": ["a b"] * 9, "price": [1] * 9}, {}, MissingColumn, "where the spans are"),
        ({"text": ["a b"] * 9, "spans": [[[0, 5, "x"]]] * 9}, {}, BadCell, "9 of 9 rows cannot be learnt from"),
        ({"text": ["a b"] * 9, "spans": [[[0, 1, "x"]], *[[]] * 8]}, {}, TooFewRows, "'x'"),
        ({"text": ["a b"] * 9, "spans": [[]] * 9}, {}, TooFewRows, "not one span"),
        ({"text": ["a b"] * 9, "spans": [[]] * 9}, {"max_width": 3.0}, BadOption, "max_width"),
        ({"text": ["a b"] * 9, "spans": [[]] * 9}, {"input": "txt"}, MissingColumn, "Did you mean 'text'"),
    ],
)
def test_what_cannot_be_learnt_is_said(rows: Any, options: Any, error: type[Exception], expected: str) -> None:
    with pytest.raises(error, match=expected):
        metier.train(rows, task="extract", effort="quick", **options)


def test_every_verb_at_the_terminal(folder: Path, tmp_path: Path) -> None:
    def ok(*words: object) -> str:
        done = CliRunner().invoke(command_line(), [str(word) for word in words])
        assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
        return done.output

    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"text": text}) + "\n" for text in MARKED(100, 3)["text"]))
    assert "Span F1" in ok("train", rows, "-o", tmp_path / "pay", "--task", "extract", "--effort", "quick")
    said = json.loads(ok("predict", folder, "pay Ana £50", "--json"))
    assert [one["label"] for one in said["spans"]] == ["person", "amount"]
    assert "spans of 3 labels" in " ".join(ok("show", folder).split())
    ok("evaluate", folder, rows, "--report", tmp_path / "page.html")
    assert "What is taken for what" in (tmp_path / "page.html").read_text("utf-8")


def test_the_example(capsys: pytest.CaptureFixture[str]) -> None:
    example().main()
    assert "[PERSON_1] tomorrow, from [IBAN_1]" in capsys.readouterr().out
