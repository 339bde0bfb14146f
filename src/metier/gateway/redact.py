"""Takes personal numbers and addresses out of a text before it is kept: checksums first, no model.

Knows cards (Luhn), IBANs (ISO 7064), e-mail addresses, phone numbers, sort codes and account numbers. The same value
becomes the same mark within one text, so that it still can be read: "[CARD_1] is lost, freeze [CARD_1]".
"""

from __future__ import annotations

import re
from collections.abc import Callable

from stdnum import iban, luhn

MOST_CHARACTERS = 20_000  # of a text; what lies beyond is left out, not left in
GAP = r"[ \t.\-\u00a0\u2009\u2010-\u2015/]{0,2}"  # what people write between groups of digits
EMAIL = re.compile(r"[\w.+'-]{1,64}\s?(?:@|\(at\)|\[at\])\s?[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}", re.IGNORECASE)
IBAN = re.compile(
    rf"(?<![A-Za-z0-9])[A-Za-z]{{2}}{GAP}\d{{2}}(?:{GAP}[A-Za-z0-9]{{4}}){{2,7}}(?:{GAP}[A-Za-z0-9]{{1,3}})?(?![A-Za-z0-9])"
)
DIGITS = re.compile(rf"(?<![\dA-Za-z])\d(?:{GAP}\d){{11,18}}(?!\d)")
SORT_CODE = re.compile(r"(?<!\d)\d{2}[-\u2010-\u2015 ]\d{2}[-\u2010-\u2015 ]\d{2}(?![-\d])")
ACCOUNT = re.compile(r"(?i:(?:account|acct|a/c|acc)[^\d\n]{0,24}?)((?<!\d)\d(?:[ -]?\d){5,11})(?!\d)")
PHONE = re.compile(
    r"(?<![\w+])(?:\+|00)[ ]?\d{1,3}(?:[ .()\-\u00a0/]{0,3}\d){6,12}(?!\d)"  # with its country
    r"|(?<![\d.,£$€])\(?0\d{1,5}\)?(?:[ .\-\u00a0/]{0,2}\d){5,9}(?!\d|[.,]\d)"  # as dialled within one
    r"|(?<![\d.,£$€])\(?\d{3}\)?[ .\-]\d{3}[ .\-]\d{4}(?!\d)"  # as in North America
)


def redacted(text: str) -> str:
    """The text with marks in the place of what is personal."""
    marks: dict[tuple[str, str], str] = {}

    def mark(kind: str) -> Callable[[re.Match[str]], str]:
        def one(match: re.Match[str]) -> str:
            found = match[match.lastindex or 0]
            value = plain(found)
            while kind == "IBAN" and not FITS[kind](value) and " " in found:
                found = found.rpartition(" ")[0]  # a word behind it may look like its last group
                value = plain(found)
            if not FITS[kind](value):
                return match[0]
            if (kind, value) not in marks:
                marks[kind, value] = f"[{kind}_{1 + sum(known == kind for known, _ in marks)}]"
            return match[0].replace(found, marks[kind, value], 1)

        return one

    text = text[:MOST_CHARACTERS]
    for kind, pattern in PATTERNS:
        text = pattern.sub(mark(kind), text)
    return text


def plain(found: str) -> str:
    """A value without what people write between its digits."""
    return re.sub(r"[^0-9A-Za-z@+]", "", found).lower()


PATTERNS = (
    ("EMAIL", EMAIL), ("IBAN", IBAN), ("CARD", DIGITS), ("PHONE", PHONE), ("SORT_CODE", SORT_CODE),
    ("ACCOUNT", ACCOUNT),
)  # fmt: skip
FITS: dict[str, Callable[[str], bool]] = {
    "EMAIL": lambda value: "@" in value or "at" in value,
    "IBAN": lambda value: bool(iban.is_valid(value, check_country=False)),
    "CARD": lambda value: 12 <= len(value) <= 19 and bool(luhn.is_valid(value)),
    "PHONE": lambda value: 9 <= len(value.lstrip("+0")) <= 15 or (value.startswith("0") and len(value) >= 9),
    "SORT_CODE": lambda value: True,
    "ACCOUNT": lambda value: 6 <= len(value) <= 12,
}
