"""Replaces numbers that their own checksum gives away, e-mail addresses and telephone numbers, the same one by the same name."""

from __future__ import annotations

import re

CARD = re.compile(r"(?<!\d)(?:\d[ -]?){12,18}\d(?!\d)")
IBAN = re.compile(r"(?i)\b[a-z]{2}\d{2}(?: ?[a-z0-9]){11,30}\b")
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
PHONE = re.compile(r"(?<![\w-])(?:\+\d{1,3}[\s-]?(?:\(0\))?|0)\d{2,4}[\s-]?\d{3,4}[\s-]?\d{3,4}(?!\w)")
ACCOUNT = re.compile(r"(?<!\d)\d{2}-\d{2}-\d{2}(?!\d)|(?<![\d£$€.,-])\d{8}(?![\d.,])")


class Checksums:
    """What needs no model to be known as personal."""

    def redact(self, text: str) -> str:
        """The text as it may reach a disk."""
        text = IBAN.sub(lambda found: "[iban]" if _iban(found[0]) else found[0], text)
        text = CARD.sub(lambda found: "[card number]" if _luhn(found[0]) else found[0], text)
        text = EMAIL.sub("[email]", text)
        text = PHONE.sub("[phone]", text)
        return ACCOUNT.sub("[account number]", text)


def _luhn(text: str) -> bool:
    digits = [int(digit) for digit in re.sub(r"\D", "", text)][::-1]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _iban(text: str) -> bool:
    plain = text.replace(" ", "").upper()
    return 15 <= len(plain) <= 34 and int("".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])) % 97 == 1
