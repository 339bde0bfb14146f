"""What authors write: read strictly, checked with file, line and what to write instead."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from metier.assistant import check, knowledge, read, starter, strict, transcripts
from metier.assistant.base import BadAssistant

BANK = Path(__file__).resolve().parents[2] / "examples" / "bank"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "bank"
    shutil.copytree(BANK, folder, ignore=shutil.ignore_patterns("models", "state"))
    return folder


def edited(folder: Path, old: str, new: str) -> Path:
    path = folder / "assistant.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "x.yaml:3: 'a' stands here a second time, first on line 1"),
        ("a: yes\n", 'Write true, false or "yes"'),
        ("a: [on]\n", "read differently"),
        ("a: {b: No}\n", "read differently"),
        ("a: [1\n", "x.yaml:2: this is not YAML"),
        ("", "the file is empty"),
        ("a: &x 1\nb: !!python/object:os.system 1\n", "x.yaml:2"),
        ("a: 1\nb: \x00\n", "x.yaml:2: holds the character 0x0000"),
        ("a: &x [*x]\n", "holds itself"),
        ("[" * 5_000, "nested too deep"),
        ("a: " + "9" * 5_000, "a number of 5,000 digits"),
        ("a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 30)), "aliases"),
    ],
)
def test_yaml_is_read_strictly(text: str, said: str) -> None:
    with pytest.raises(BadAssistant, match=r"x\.yaml") as problem:
        strict.read(text, "x.yaml").plain()
    assert said in str(problem.value)


def test_words_that_yaml_1_1_took_for_something_else_are_words() -> None:
    said = strict.read('country: "no"\ntime: 12:30:45\ndate: 2026-11-25\nnumber: 0777\nyes: true\n', "x.yaml").plain()
    assert said == {"country": "no", "time": "12:30:45", "date": "2026-11-25", "number": 777, "yes": True}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    login: true\n", "    logn: true\n", "has no 'logn'. Known here: title, when"),
        ("{pick: cards, say:", "{pick: cards, yes_no: true, say:", "the slot card has 2 of pick, yes_no"),
        ('post: "{bank}/cards/{card.id}/freeze"', 'fetch: "x"', "has no 'fetch'"),
        ("keep: 30 days", "keep: a while", "Write it in days"),
        ("models:", "model:", "the assistant has no 'model'"),
        ("[freeze, {reissue: {if: replace}}]", "[freeze, {reissue: {when: replace}}]", "has no 'when'. Known here: if"),
        ('"actions:top_up"', '"actions.top_up"', "Write file:function"),
    ],
)
def test_what_is_not_of_the_format_is_refused_with_its_line(copy: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(BadAssistant, match=r"assistant\.yaml:\d+: ") as problem:
        read.load(edited(copy, old, new))
    assert said in str(problem.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "[report_lost_or_stolen_card,",
            "[lost_or_stolen,",
            "has no label 'lost_or_stolen'. Nearest: report_lost_or_stolen_card",
        ),
        ("when: [transfer_status]", "when: [check_balance]", "starts transfer_status already"),
        ("[freeze, {reissue: {if: replace}}]", "[freese]", "there is no action 'freese'"),
        ("answer: cards.md#delivery", "answer: cards.md#delivry", "there is no section cards.md#delivry"),
        ('    confirm: "Top up {amount} from {source.name}?"\n', "", "which changes something, without `confirm`"),
        ("{card.name} is frozen", "{crad.name} is frozen", "names {crad.name}"),
        ("    when: [track_card_delivery]\n", "", "nothing starts card_arrival"),
        ("Mon-Fri 08:00-20:00", "weekdays 8-20", "cannot be read"),
        ('"actions:top_up"', '"deeds:top_up"', "there is no file deeds.py"),
    ],
)
def test_check_finds_what_cannot_work(copy: Path, old: str, new: str, said: str) -> None:
    found = [one for one in check.check(read.load(edited(copy, old, new))) if one.grade == "error"]
    assert any(said in f"{one.problem} {one.fix}" for one in found), found
    assert all(one.place.line > 0 for one in found)


def test_check_says_what_few_phrases_and_another_currency_lead_to(copy: Path) -> None:
    said = check.check(read.load(edited(copy, "assistant: Nova", 'currency: "$"\nassistant: Nova')))
    assert any("top_up speaks of £, and amounts are shown in $" in one.problem for one in said)
    phrases = '    when: [check_balance]\n    like: ["how much is in savings", "am I overdrawn", "what'
    said = check.check(read.load(edited(copy, phrases, '    like: ["what')))
    assert any("balance is learnt from 2 phrases" in one.problem for one in said)


def test_check_of_the_example_finds_no_error(bank_script: Any, bank_minds: Any) -> None:
    found = check.check(bank_script, bank_minds)
    assert [one for one in found if one.grade == "error"] == []
    assert any("labels fall to knowledge or a person" in one.problem for one in found)


def test_check_finds_numbers_and_secrets_in_tests(copy: Path) -> None:
    (copy / "tests" / "bad.md").write_text(
        "## A\n> my card is 4111 1111 1111 1111\n> api_key=abcdef123456\n< strats x\n", encoding="utf-8"
    )
    found = [f"{one.place} {one.problem}" for one in check.check(read.load(copy)) if one.grade == "error"]
    assert any("tests/bad.md:2 a number" in one for one in found)
    assert any("tests/bad.md:3 this looks like a secret" in one for one in found)
    assert any("tests/bad.md:4 'strats x' is none of the ten forms" in one for one in found)


def test_a_section_is_a_heading_with_its_text() -> None:
    (one,) = knowledge.read(
        "# Cards\n\n## Replacement fee\nIt is £5.\nAsked as: what does it cost | price\n", "cards.md"
    )
    assert (one.id, one.text, one.asked_as, one.place.line) == (
        "cards.md#replacement-fee",
        "It is £5.",
        ("what does it cost", "price"),
        3,
    )


def test_the_author_writes_little() -> None:
    lines = [line for line in (BANK / "assistant.yaml").read_text(encoding="utf-8").splitlines() if line.strip()]
    assert len(lines) <= 110  # seven jobs
    assert len(knowledge.read_folder(BANK / "knowledge")) >= 30
    assert len(transcripts.read_folder(BANK / "tests")) >= 40


def test_a_new_assistant_is_sound(tmp_path: Path) -> None:
    starter.write(tmp_path / "mine")
    assert [one for one in check.check(read.load(tmp_path / "mine")) if one.grade == "error"] == []
    with pytest.raises(BadAssistant, match="is not empty"):
        starter.write(tmp_path / "mine")
