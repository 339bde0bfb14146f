"""Documents to a retriever: what is found, what is declined, what is kept, and what bad input is told."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import metier
from metier import artifact
from metier.data.passages import pairs, passages, sections
from metier.errors import BadCell, BadOption, Damaged, MissingColumn, TooFewRows, UnreadableData
from metier.retrieval.words import Words
from metier.types import Answered

ROOT = Path(__file__).resolve().parents[1]
KNOWLEDGE = ROOT / "examples" / "bank" / "knowledge"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faq") / "faq"
    metier.train(KNOWLEDGE, task="retrieve", output=folder)
    return folder


def test_a_question_gets_its_passage_and_a_stranger_none(folder: Path) -> None:
    faq = metier.load(folder)
    card, life = faq.predict(["what does a new card cost?", "what is the meaning of life?"])
    assert isinstance(card, Answered)
    assert (card.label, card.accepted) == ("cards.md#replacement-fee", True)
    assert "£5" in card.text
    assert card.candidates[0].label == card.label
    assert sum(one.probability for one in card.candidates) <= 1 + 1e-6
    assert (life.label, life.reason) == (None, "out_of_scope")
    assert faq.predict([7.5])[0].reason == "bad_input"


def test_what_is_loaded_decides_as_what_was_saved_and_saves_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    loaded = artifact.load(folder)
    questions = ["is there a fee abroad", "🏦" * 50, "x" * 5_000, "card"]
    again = artifact.load(folder).predict(questions)
    assert [replace(one, microseconds=0) for one in loaded.predict(questions)] == [
        replace(one, microseconds=0) for one in again
    ]
    extra = {path.name: path.read_bytes() for path in folder.glob("report.*")}
    artifact.save(loaded, tmp_path / "again", extra_files=extra)
    for path in sorted(folder.iterdir()):
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_byte_that_changed_is_refused(folder: Path, tmp_path: Path) -> None:
    metier.load(folder).save(tmp_path / "faq")
    file = tmp_path / "faq" / "passages.jsonl"
    file.write_bytes(file.read_bytes().replace("£5".encode(), "£6".encode()))
    with pytest.raises(Damaged, match=r"passages\.jsonl"):
        artifact.load(tmp_path / "faq")


def test_passages_that_have_not_changed_keep_their_vectors(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from metier.encoders.sentence import SentenceEncoder

    metier.load(folder).save(tmp_path / "faq")
    documents = tmp_path / "docs"
    documents.mkdir()
    for path in KNOWLEDGE.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        (documents / path.name).write_text(text.replace("£5", "£6"), encoding="utf-8")
    encoded: list[str] = []
    encode = SentenceEncoder.encode
    monkeypatch.setattr(
        SentenceEncoder, "encode", lambda self, values: (encoded.extend(values), encode(self, values))[1]
    )
    faq = metier.train(documents, task="retrieve", output=tmp_path / "faq")
    written = [text for text in encoded if "£" in text]
    assert written
    assert all("£6" in text for text in written)  # what is encoded anew is what changed, and the questions asked
    (card,) = faq.predict(["what does a new card cost?"])
    assert isinstance(card, Answered)
    assert "£6" in card.text


def test_it_is_judged_on_questions_with_the_passages_that_answer(folder: Path) -> None:
    rows = {
        "question": ["what does a new card cost?", "when will my new card come", "who won the cup in 1966"],
        "passage": ["cards.md#replacement-fee", "cards.md#delivery", None],
    }
    figures = metier.load(folder).evaluate(rows)
    said = {line.name: line.figure for line in figures.summary()}
    assert figures.rows == 2
    assert said["NDCG@10"].startswith("1.000")
    assert said["Not in them, refused"].startswith("100.0%")
    assert figures.json()["task"] == "retrieve"
    with pytest.raises(BadCell, match=r"'cards.md#delivry'.*Expected names like cards.md#delivery"):
        metier.load(folder).evaluate({"question": ["a"], "passage": ["cards.md#delivry"]})


def test_a_table_is_documents_too_and_questions_teach(tmp_path: Path) -> None:
    rows = {
        "id": [f"n{i}" for i in range(12)],
        "question": [f"How do I reset the {part}?" for part in PARTS],
        "answer": [f"Hold the button of the {part} for five seconds." for part in PARTS],
    }
    asked = {
        "question": [f"the {part} is stuck, what now" for part in PARTS] + ["who are you", "sing a song"],
        "passage": [*rows["id"], None, ""],
    }
    manual = metier.train(rows, task="retrieve", questions=asked)
    (found,) = manual.predict(["my kettle hangs"])
    assert found.candidates[0].label == "n3"
    assert manual.origin["questions"] == 12


PARTS = ("lamp", "oven", "mixer", "kettle", "toaster", "radio", "printer", "camera", "heater", "clock", "door", "scale")


def test_a_promise_that_so_few_questions_cannot_support_is_refused() -> None:
    from metier.errors import PromiseNotSupported

    with pytest.raises(PromiseNotSupported, match="rows"):
        metier.train(KNOWLEDGE, task="retrieve", max_error=0.01)


def test_options_that_a_retriever_has_no_use_for_are_named() -> None:
    with pytest.raises(BadOption, match="target, max_ms: of no use to a retriever"):
        metier.train(KNOWLEDGE, task="retrieve", target="label", max_ms=3)
    with pytest.raises(BadOption, match="questions: of no use to a specialist"):
        metier.train([("a", "b")] * 8, questions="q.csv")


def test_headings_are_named_as_on_github_and_code_holds_none() -> None:
    text = "# Cards\n\n## Fee\nFive pounds.\n\n## Fee\nNone.\n\n```\n# no heading\n```\n\n## Empty\n"
    found = list(sections(text, "cards.md"))
    assert [one.name for one in found] == ["cards.md#fee", "cards.md#fee-1"]
    assert found[0].heading == "Cards: Fee"
    assert "# no heading" in found[1].text


def test_each_heading_of_a_file_has_a_name_of_its_own() -> None:
    found = sections("## Fee\na\n\n## Fee\nb\n\n## Fee 1\nc\n\n## Fee\nd\n", "f.md")
    assert [one.name for one in found] == ["f.md#fee", "f.md#fee-1", "f.md#fee-1-1", "f.md#fee-2"]


def test_what_ends_a_line_elsewhere_does_not_move_passages(tmp_path: Path) -> None:
    said = [
        f"The {part}{end}is here." for part, end in zip(PARTS, "\f\v\x1c\x1d\x1e\x85\u2028\u2029" * 2, strict=False)
    ]
    text = "".join(f"## Part {place}\n{one}\n\n" for place, one in enumerate(said))
    assert [one.text for one in sections(text, "f.md")] == said
    (tmp_path / "f.md").write_text(text, encoding="utf-8")
    metier.train(tmp_path / "f.md", task="retrieve", output=tmp_path / "faq")
    assert metier.load(tmp_path / "faq").predict(["the kettle"])[0].candidates[0].label == "f.md#part-3"


def test_documents_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    with pytest.raises(UnreadableData, match=r"no Markdown in this folder\. Expected \.md or \.markdown"):
        passages(tmp_path)
    (tmp_path / "one.md").write_text("# A\ntext\n", encoding="utf-8")
    with pytest.raises(TooFewRows, match=r"1 passage with text\. Expected two or more"):
        passages(tmp_path)
    with pytest.raises(MissingColumn, match=r"no column of passages\. Expected one named answer, passage, text"):
        passages({"a": ["x", "y"], "b": ["x", "y"]})
    with pytest.raises(BadCell, match="row 2: '1' is also the id of row 1"):
        passages({"id": ["1", "1"], "text": ["x", "y"]})
    with pytest.raises(MissingColumn, match="Expected 'question', and 'passage'"):
        pairs({"q": ["x"], "p": ["y"]})


def test_words_find_what_vectors_may_miss() -> None:
    index = Words.build(["Error E-4711 of the pump", "The pump is loud", "Nothing here"])
    assert index.scores("E 4711").argmax() == 0
    assert index.best("pumps", 2).tolist() == [0, 1]  # by their stems
    assert Words.restore(index.state()).best("pumps", 2).tolist() == [0, 1]
    assert index.best("zebra", 2).tolist() == []


def test_a_question_of_common_words_alone_is_asked_by_the_rarest_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from metier.retrieval import words

    monkeypatch.setattr(words, "LARGE", 10)
    index = Words.build(["the card", "the old card", "the card", *["the"] * 97])
    assert index.best("the card", 5).tolist() == [0, 1, 2]
    assert index.best("the old the", 5).tolist() == [1]


def test_a_graph_finds_what_comparing_all_does_and_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    from metier.retrieval import vectors

    random = np.random.default_rng(0)
    centres = random.normal(size=(60, 32))
    drawn = centres[random.integers(0, 60, 3_000)] + random.normal(0, 0.5, (3_000, 32))
    rows = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
    codes, scales = vectors.coded(rows)
    owners = np.arange(3_000) // 2  # two vectors a passage
    every = vectors.Near.build(codes, scales, owners)
    monkeypatch.setattr(vectors, "LARGE", 1_000)
    graph = vectors.Near.build(codes, scales, owners)
    kept = vectors.Near.restore(graph.state())
    assert "near.usearch" in graph.state().files
    shared = [len(np.intersect1d(graph.best(row, 20), every.best(row, 20))) / 20 for row in rows[:100]]
    assert np.mean(shared) > 0.9
    assert all((graph.best(row, 20) == kept.best(row, 20)).all() for row in rows[:100])
    state = graph.state()
    cut = replace(state, arrays={**state.arrays, "codes": codes[1:]})
    with pytest.raises(ValueError, match="a graph of 3,000 vectors beside 2,999"):
        vectors.Near.restore(cut)


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples" / "faq.py"), run_name="__main__")
    assert capsys.readouterr().out.splitlines() == [
        "what does a new card cost? cards.md#replacement-fee",
        "when will my card come? cards.md#delivery",
        "what is the meaning of life? none, out_of_scope",
    ]
