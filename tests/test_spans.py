"""Marked texts in every form people keep them in, and what is no form."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.data.read import read
from metier.data.spans import joined, marked, spans_of, unmarked
from metier.errors import BadCell, UnreadableData
from metier.extraction.adjoining import in_a_row
from metier.extraction.marks import marks
from metier.extraction.newness import as_if_new
from metier.extraction.personal import personal
from metier.extraction.stage import Parsed
from metier.extraction.words import runs, split, tag_names, tags
from metier.types import Span

TEXT = "send £50 to Ana"
SPANS = [Span(5, 8, "amount"), Span(12, 15, "person")]


@pytest.mark.parametrize(
    "cell",
    [
        [{"start": 5, "end": 8, "label": "amount"}, {"start": 12, "end": 15, "label": "person", "text": "Ana"}],
        [[12, 15, "person"], [5, 8, "amount"]],
        [{"start_position": 5, "end_position": 8, "entity_type": "amount"}, (12, 15, "person")],
        {"amount": {"span": [5, 8], "text": "£50"}, "person": {"span": [12, 15]}},
        '[[5, 8, "amount"], [12, 15, "person"]]',
    ],
)
def test_spans_beside_a_text(cell: object) -> None:
    assert spans_of(cell, TEXT) == SPANS


def test_a_gap_has_no_spans() -> None:
    assert spans_of(None, TEXT) == spans_of("", TEXT) == spans_of([], TEXT) == []


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ([{"start": 5, "end": 99, "label": "amount"}], "do not lie in a text of 15"),
        ([{"start": 5, "end": 8}], "is no span"),
        ([{"start": 5, "end": 8, "label": "amount", "text": "£5"}], "count in characters"),
        ([[5, 8, "amount"], [7, 11, "other"]], "share characters"),
        ("£50", "no JSON"),
        (7, "no list of spans"),
    ],
)
def test_what_is_no_span_is_said(cell: object, expected: str) -> None:
    with pytest.raises(BadCell, match=expected):
        spans_of(cell, TEXT)


def test_marks_in_the_text() -> None:
    assert unmarked("send [amount](£50) to [person](Ana)") == (TEXT, SPANS)
    assert marked(TEXT, SPANS) == "send [amount](£50) to [person](Ana)"
    assert unmarked("pay [person](Ana (my sister)) now")[0] == "pay Ana (my sister) now"
    assert unmarked("an array[0](x) and [](y)")[1] == [Span(8, 9, "0")]


@given(st.lists(st.sampled_from(["send", "£50", "to", "Ana", "now"]), min_size=1), st.data())
def test_tags_give_the_spans_back(words: list[str], data: st.DataObject) -> None:
    text = " ".join(words)
    parts = split(text)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(parts)), max_size=4)))
    spans = [Span(parts[a].start, parts[b - 1].end, "x") for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    numbers = {name: i for i, name in enumerate(tag_names(["x"]))}
    path = [numbers[tag] for tag in tags(parts, spans)]
    assert [Span(parts[a].start, parts[b].end, "x") for a, b, _ in runs(path)] == spans


def test_spans_in_a_row_have_states_of_their_own() -> None:
    texts = [Parsed.of(text) for text in ("12, High Street", "14 Low Road", "16\nMid Lane", "18 is Far Lane")]
    paths = [[1, 0, 1, 2], [1, 1, 2], [1, 1, 2], [1, 0, 1, 2]]
    states, meaning = in_a_row(texts, paths, 5, np.arange(4))
    assert states == [[1, 0, 5, 6], [1, 5, 6], [1, 5, 6], [1, 0, 1, 2]]
    assert meaning.tolist() == [0, 1, 2, 3, 4, 1, 2]
    alike, without = in_a_row(texts, paths, 5, np.zeros(4, np.int64))  # texts of one kind say nothing of others
    assert (alike, len(without)) == (paths, 5)


def test_long_texts_take_no_time() -> None:
    started = time.perf_counter()
    for text in ("12 " * 20_000, "a@b.cd " * 5_000, "x" * 100_000, "[a](b) " * 10_000, "1st May, 5pm, £3 " * 3_000):
        parsed = Parsed.of(text)
        assert len(parsed.signs) == len(parsed.words)
        unmarked(text)
    assert time.perf_counter() - started < 20


def test_conll(tmp_path: Path) -> None:
    file = tmp_path / "rows.conll"
    file.write_text("send\tO\n£50\tB-amount\n\nAna\tB-person\nNovak\tI-person\nBen\tB-person\n", encoding="utf-8")
    table = read(file)
    assert table.columns["text"] == ["send £50", "Ana Novak Ben"]
    assert table.columns["spans"] == [[[5, 8, "amount"]], [[0, 9, "person"], [10, 13, "person"]]]


def test_other_tags_than_iob2() -> None:
    assert joined(["a", "b", "c", "d"], ["I-x", "I-x", "O", "S-y"])[1] == [Span(0, 3, "x"), Span(6, 7, "y")]
    assert joined(["a", "b", "c"], ["B-x", "E-x", "B-x"])[1] == [Span(0, 3, "x"), Span(4, 5, "x")]


def test_a_conll_line_without_a_tag_is_named(tmp_path: Path) -> None:
    file = tmp_path / "rows.conll"
    file.write_text("send\tO\n£50\n", encoding="utf-8")
    with pytest.raises(UnreadableData, match="line 2 is '£50'"):
        read(file)
    file.write_text("\n", encoding="utf-8")
    with pytest.raises(UnreadableData, match="not one word"):
        read(file)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from Monday until the 3rd of May", {"from": 0, "Monday": "DATE", "until": 0, "3": "DATE", "May": "DATE"}),
        ("six months ago, or next week", {"six": "DATE", "ago": "DATE", "or": 0, "next": "DATE", "week": "DATE"}),
        ("half past 5 in 1997, room 2050.7", {"half": "TIME", "5": "TIME", "1997": "DATE", "2050": 0}),
    ],
)
def test_days_and_times_are_seen_as_people_say_them(text: str, found: dict[str, object]) -> None:
    words = split(text)
    seen = marks(text, words)
    told = {word.text: seen[i].split()[0] if i in seen else 0 for i, word in enumerate(words)}
    assert {word: told[word] for word in found} == found


def test_what_led_to_a_find_is_a_sign() -> None:
    from_, until = (Parsed.of(f"{lead} next Friday please").signs for lead in ("from", "until"))
    last = slice(from_.starts[2], from_.starts[3])  # "Friday", two words behind
    assert len(set(from_.hashes[last]) - set(until.hashes[last])) > len({"the word two before", "and the pair"})


@pytest.mark.parametrize("said", ["(898)666-3621x0135", "+1-903-140-4508 ext. 769", "020 7946 0958 x12"])
def test_an_extension_belongs_to_its_number(said: str) -> None:
    [found] = personal(f"ring {said}, please")
    assert (found.kind, found.start, found.end) == ("PHONE", 5, 5 + len(said))


def test_held_out_texts_count_as_if_their_names_were_new() -> None:
    texts = [Parsed.of(f"pay {name}") for name in ["Ana"] * 20 + [f"Bo{chr(97 + i)}" for i in range(20)]] + [
        Parsed.of("where is it")
    ]
    spans = [[Span(4, len(one.text), "person")] for one in texts[:-1]] + [[]]
    weights = as_if_new(texts, spans, np.arange(len(texts)) % 2)
    assert weights.tolist() == [0.0] * 20 + [2.0] * 20 + [1.0]
    assert as_if_new(texts[:30], spans[:30], np.arange(30) % 2).tolist() == [1.0] * 30  # too few to judge by
