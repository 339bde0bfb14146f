"""Personal numbers and addresses in a text, told by their form and their checksum; no model, no list of names.

Knows cards (Luhn), IBANs (ISO 7064), e-mail addresses, phone numbers, IP addresses, sort codes, account and social
security numbers. A country more is a row of `KINDS`.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from typing import Any

from metier import lazy

GAP = r"[ \t.\-\u00a0\u2009\u2010-\u2015/]{0,3}"  # what people write between groups of digits
EMAIL = re.compile(r"[\w.+'-]{1,64}\s?(?:@|\(at\)|\[at\])\s?[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}", re.IGNORECASE)
IBAN = re.compile(
    rf"(?<![A-Za-z0-9])[A-Za-z]{{2}}{GAP}\d{{2}}(?:{GAP}[A-Za-z0-9]{{4}}){{2,7}}(?:{GAP}[A-Za-z0-9]{{1,3}})?(?![A-Za-z0-9])"
)
DIGITS = re.compile(rf"(?<![\dA-Za-z])\d(?:{GAP}\d){{11,18}}(?!\d)")
HINT = re.compile(r"\d|@|[(\[]at[)\]]", re.IGNORECASE)  # without one of these there is nothing personal to be seen
SORT_CODE = re.compile(r"(?<!\d)\d{2}[-\u2010-\u2015 ]\d{2}[-\u2010-\u2015 ]\d{2}(?![-\d])")
SSN = re.compile(r"(?<![-\d])\d{3}-\d{2}-\d{4}(?![-\d])")
ACCOUNT = re.compile(r"(?i:(?:account|acct|a/c|acc)[^\d\n]{0,24}?)((?<!\d)\d(?:[ -]?\d){5,11})(?!\d)")
IP = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9A-Fa-f]{1,4}:){2,7}(?::?[0-9A-Fa-f]{1,4}){1,6})(?![\w:]|\.\d)"
)
PHONE = re.compile(
    r"(?:(?<![\w+])(?:\+|00)[ ]?\d{1,3}(?:[ .()\-\u00a0/]{0,3}\d){6,12}(?!\d)"  # with its country
    r"|(?<![\d.,£$€])\(?0\d{1,5}\)?(?:[ .\-\u00a0/]{0,2}\d){5,9}(?!\d|[.,]\d)"  # as dialled within one
    r"|(?<![\d.,£$€])(?:\(\d{3}\)[ .\-]?|\d{3}[ .\-])\d{3}[ .\-]\d{4}(?!\d))"  # as in North America
    r"(?:[ ,]{0,2}(?:x|ext\.?)[ ]?\d{1,6}(?!\d))?"
)


@dataclass(frozen=True, kw_only=True)
class Personal:
    """Characters of a text that are personal, what they are, and their value without what people write between."""

    start: int
    end: int
    kind: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of personal number: how it looks, and whether a value of that look is one."""

    name: str
    pattern: re.Pattern[str]
    fits: Callable[[str], bool]


@cache
def _checks(kind: str) -> Any:
    """What checks a kind of number; not imported before there is one."""
    lazy.need("stdnum", extra="extract", purpose="Checking numbers")
    return importlib.import_module(f"stdnum.{kind}")


def is_card(value: str) -> bool:
    """Whether digits are as many as a card has, and their sum is right."""
    return 12 <= len(value) <= 19 and bool(_checks("luhn").is_valid(value))


def is_iban(value: str) -> bool:
    """Whether the sum of an IBAN is right; its country may be any."""
    return bool(_checks("iban").is_valid(value, check_country=False))


def _is_ip(value: str) -> bool:
    try:
        ip_address(value)
    except ValueError:
        return False
    return True


def _is_phone(value: str) -> bool:
    return 9 <= len(value.lstrip("+0")) <= 15 or (value.startswith("0") and len(value) >= 9)


# earlier ones take what later ones would have found as well
KINDS = (
    Kind(name="EMAIL", pattern=EMAIL, fits=lambda value: "@" in value or "at" in value),
    Kind(name="IBAN", pattern=IBAN, fits=is_iban),
    Kind(name="CARD", pattern=DIGITS, fits=is_card),
    Kind(name="IP", pattern=IP, fits=_is_ip),
    Kind(name="SSN", pattern=SSN, fits=lambda value: bool(_checks("us.ssn").is_valid(value))),
    Kind(
        name="PHONE",
        pattern=PHONE,
        fits=lambda value: _is_phone(value.partition("x")[0].removesuffix("e")),  # without its extension
    ),
    Kind(name="SORT_CODE", pattern=SORT_CODE, fits=lambda value: True),
    Kind(name="ACCOUNT", pattern=ACCOUNT, fits=lambda value: 6 <= len(value) <= 12),
)


CHECKED = frozenset({"IBAN", "CARD"})  # what a checksum tells, and no form alone


def personal(text: str) -> list[Personal]:
    """What is personal in a text, in the order it stands there; nothing twice."""
    found: list[Personal] = []
    if not HINT.search(text):
        return found
    taken = bytearray(len(text))
    for kind in KINDS:
        for one in _of(kind, text):
            if not any(taken[one.start : one.end]):
                found.append(one)
                taken[one.start : one.end] = b"\1" * (one.end - one.start)
    return sorted(found, key=lambda one: one.start)


def _of(kind: Kind, text: str) -> Iterator[Personal]:
    for match in kind.pattern.finditer(text):
        start, end = match.span(match.lastindex or 0)
        while kind.name == "IBAN" and not kind.fits(plain(text[start:end])) and " " in text[start:end]:
            end = start + text[start:end].rindex(" ")  # a word behind it may look like its last group
        value = text[start:end] if kind.name == "IP" else plain(text[start:end])
        if kind.fits(value):
            yield Personal(start=start, end=end, kind=kind.name, value=value)


def plain(found: str) -> str:
    """A value without what people write between its digits."""
    return re.sub(r"[^0-9A-Za-z@+]", "", found).lower()
