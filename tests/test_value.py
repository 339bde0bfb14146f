"""What the words of a span are worth, and what is worth nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.errors import BadOption
from metier.extraction.language import language
from metier.extraction.value import KINDS, Setting, kind_of, value

for package in ("price_parser", "text_to_num", "dateparser", "phonenumbers"):
    pytest.importorskip(package, reason="values are read with the packages of the extra 'extract'")
HERE = Setting(now=datetime(2022, 3, 15, 9))  # a Tuesday


def money(amount: float, currency: str | None) -> dict[str, Any]:
    return {"amount": amount, "currency": currency}


@pytest.mark.parametrize(
    ("label", "text", "expected"),
    [
        ("amount", "£1,250.50", money(1250.5, "GBP")),
        ("amount", "1.250,50 €", money(1250.5, "EUR")),
        ("amount_of_money", "a hundred quid", money(100, "GBP")),
        ("price", "3.5k", money(3500, None)),
        ("amount", "2 thousand dollars", money(2000, "USD")),
        ("amount", "1 000 000 PLN", money(1_000_000, "PLN")),
        ("amount", "50p", money(0.5, "GBP")),
        ("amount", "-£20", money(-20, "GBP")),
        ("amount", "from 5 to 10 pounds", None),
        ("amount", "some money", None),
        ("number", "twenty one", 21),
        ("number", "two", 2),
        ("rate", "3.75 %", 0.0375),
        ("percentage", "two per cent", 0.02),
        ("percentage", "two", None),
        ("date", "tomorrow", "2022-03-16"),
        ("date", "Wednesday", "2022-03-16"),
        ("date", "last Thursday", "2022-03-10"),
        ("dateFrom", "the 7th", "2022-04-07"),
        ("date", "4 months ago", "2021-11-15"),
        ("date_to", "2022-12-01", "2022-12-01"),
        ("date", "12/03/2021", "2021-03-12"),
        ("date", "no day at all", None),
        ("time", "25 to 7 in the evening", "18:35"),
        ("time", "half past nine", "09:30"),
        ("time", "noon", "12:00"),
        ("time", "3 night", "03:00"),
        ("time", "9:61", None),
        ("time", "15 minutes ago", "08:45"),
        ("PHONE_NUMBER", "020 7946 0958", "+442079460958"),
        ("phone", "+1 (650) 253-0000", "+16502530000"),
        ("phone", "12", None),
        ("iban", "gb33 bukb 2020 1555 5555 55", "GB33BUKB20201555555555"),
        ("iban", "GB33 BUKB 2020 1555 5555 56", None),
        ("card", "4111 1111 1111 1111", "4111111111111111"),
        ("card", "4111 1111 1111 1112", None),
        ("account", "1234 5678", "12345678"),
        ("EMAIL_ADDRESS", "A.B@x.org", "a.b@x.org"),
        ("person", "Ana", None),
        ("date_period", "next week", None),
    ],
)
def test_values(label: str, text: str, expected: Any) -> None:
    assert value(label, text, HERE) == expected


def test_labels_name_kinds_by_their_words() -> None:
    assert [kind_of(label) for label in ("timeFrom", "card_number", "candidate", "phone-number")] == [
        "time", "card", None, "phone",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", sorted(KINDS))
@given(text=st.text(max_size=40))
def test_no_text_is_too_odd(kind: str, text: str) -> None:
    KINDS[kind](text, HERE)


def test_a_language_without_tables_is_named() -> None:
    with pytest.raises(BadOption, match=r"language='xx' has no tables. Expected one of en"):
        language("xx")
