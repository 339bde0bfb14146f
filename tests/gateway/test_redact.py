"""2,000 planted numbers and addresses, and what must stay."""

from __future__ import annotations

import random
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban, luhn

from metier.gateway.redact import redacted
from metier.types import Span


def spaced(digits: str, chance: random.Random) -> str:
    """As people write it: in groups, with blanks, dashes or nothing."""
    size, gap = chance.choice([4, 4, 3, 2, 99]), chance.choice([" ", "-", "", ".", "\u00a0"])
    return gap.join(digits[i : i + size] for i in range(0, len(digits), size))


def card(chance: random.Random) -> str:
    start = chance.choice(["4", "51", "55", "34", "37", "6011", "36"])
    length = {"3": 15 if start in ("34", "37") else 14}.get(start[0], 16)
    body = start + "".join(chance.choice("0123456789") for _ in range(length - 1 - len(start)))
    return spaced(body + luhn.calc_check_digit(body), chance)


def account(chance: random.Random) -> str:
    country, length = chance.choice([("GB", 18), ("DE", 18), ("FR", 23), ("NL", 14), ("ES", 20)])
    letters = "".join(chance.choice("ABCDEFGHJKLM") for _ in range(4)) if country in ("GB", "NL") else ""
    body = letters + "".join(chance.choice("0123456789") for _ in range(length - len(letters)))
    whole = country + iban.calc_check_digits(f"{country}00{body}") + body
    return chance.choice([whole, " ".join(whole[i : i + 4] for i in range(0, len(whole), 4)), whole.lower()])


def phone(chance: random.Random) -> str:
    n = "".join(chance.choice("123456789") for _ in range(10))
    abroad = [f"+44 {n[:4]} {n[4:]}", f"+49{n}", f"0044 {n}"]
    near = [f"07{n[:3]} {n[3:9]}", f"0{n[:4]} {n[4:10]}", f"({n[:3]}) {n[3:6]}-{n[6:]}", f"{n[:3]}-{n[3:6]}-{n[6:]}"]
    return chance.choice(abroad + near)


def email(chance: random.Random) -> str:
    name, host = chance.choice(["ana", "j.smith", "bob+bank", "x_y"]), chance.choice(["mail.example", "a-b.co.uk"])
    return f"{name}{chance.randrange(999)}@{host}"


@pytest.mark.parametrize("make", [card, account, phone, email])
def test_what_is_planted_is_taken_out(make: object) -> None:
    chance = random.Random(0)
    around = ["my {} is lost", "{}", "{} card gone", "Call me ({}).", "old: {}, new: same", "card\n{}\nthanks"]
    left = []
    for _ in range(500):
        planted = make(chance)  # type: ignore[operator]
        said = redacted(chance.choice(around).format(planted))
        digits = "".join(c for c in planted if c.isalnum())[-6:]
        if digits in "".join(c for c in said if c.isalnum()):
            left.append((planted, said))
    assert left == []


@pytest.mark.parametrize(
    "text",
    [
        "I paid £1,250.00 on 12/03/2026 at 14:30",
        "order 1234567 of 2026-11-25",
        "top up 50 from 4321",
        "the rate is 3.75 % for 24 months",
        "it took 3 to 5 days, version 2.13.0",
        "my balance was 10,000,000 yesterday",
        "room 101, floor 12, code 4711",
    ],
)
def test_what_is_not_personal_stays(text: str) -> None:
    assert redacted(text) == text


def test_the_same_value_is_the_same_mark() -> None:
    said = redacted("4111 1111 1111 1111 is lost; freeze 4111-1111-1111-1111, not 5500 0000 0000 0004")
    assert said == "[CARD_1] is lost; freeze [CARD_1], not [CARD_2]"


def test_sort_code_and_account_number() -> None:
    said = redacted("sort code 20-00-00, account number 5577 9911")
    assert said == "sort code [SORT_CODE_1], account number [ACCOUNT_1]"


def test_a_hostile_text_takes_no_time() -> None:
    started = time.perf_counter()
    for text in ("1 " * 20_000, "a@" * 20_000, "GB" * 20_000, "+1(" * 20_000, "account " * 5_000, "0" * 50_000):
        redacted(text)
    assert time.perf_counter() - started < 5


def test_a_short_message_takes_microseconds() -> None:
    text = "hello, my card 4111 1111 1111 1111 was stolen, call 020 7946 0958"
    started = time.perf_counter()
    for _ in range(200):
        redacted(text)
    assert (time.perf_counter() - started) / 200 < 0.001


def test_spans_of_a_model_stand_beside_what_checks() -> None:
    text = "Ana Novak lost 4111 1111 1111 1111; ana novak is sorry"
    spans = [Span(0, 9, "person"), Span(10, 24, "lost"), Span(36, 45, "person"), Span(15, 34, "number")]
    assert redacted(text, spans) == "[PERSON_1] [LOST_1][CARD_1]; [PERSON_1] is sorry"


@given(st.text(alphabet="ab c", max_size=40), st.lists(st.tuples(st.integers(0, 45), st.integers(0, 45)), max_size=4))
def test_whatever_a_model_found_is_taken_out(text: str, edges: list[tuple[int, int]]) -> None:
    spans = [Span(min(a, b), max(a, b), "x") for a, b in edges]
    kept = "".join(c for i, c in enumerate(text) if c != " " and not any(s.start <= i < s.end for s in spans))
    assert re.sub(r"\[X_\d+\]| ", "", redacted(text, spans)) == kept


@given(st.data())
def test_planted_numbers_in_any_writing(data: st.DataObject) -> None:
    gap = data.draw(st.sampled_from(["", " ", "-", ".", "\u00a0", "\u2009", " - "]))
    digits = "4" + "".join(map(str, data.draw(st.lists(st.integers(0, 9), min_size=14, max_size=14))))
    whole = digits + luhn.calc_check_digit(digits)
    written = gap.join(whole[i : i + 4] for i in range(0, 16, 4))
    around = data.draw(st.sampled_from(["{}", "card {}, please", "({})", "lost: {}!", "{} gone"]))
    assert "[CARD_1]" in redacted(around.format(written))
