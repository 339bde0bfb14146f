"""What the words of a span are worth, by the kind that its label names: an amount, a day, a number that checks.

Phone numbers are read by phonenumbers, cards and IBANs checked by python-stdnum. A kind more is a row of `KINDS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from metier import lazy
from metier.extraction.amounts import money, number, percentage
from metier.extraction.language import Language, language
from metier.extraction.moments import clock, day
from metier.extraction.personal import EMAIL, is_card, is_iban, plain
from metier.types import Json


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Whose words they are, and when they are said: `Setting(language="en", now=datetime(2026, 11, 25))`."""

    language: str = "en"
    now: datetime | None = None  # None is the moment of reading

    @property
    def words(self) -> Language:
        """The tables of the language."""
        return language(self.language)

    @property
    def moment(self) -> datetime:
        """Now."""
        return self.now or datetime.now().astimezone()


HERE = Setting()


def value(label: str, text: str, setting: Setting = HERE) -> Json:
    """What the text of a span is worth, None where its label names no kind or the text is none of it."""
    kind = kind_of(label)
    return None if kind is None else KINDS[kind](text, setting)


def kind_of(label: str) -> str | None:
    """The kind that a label names by one of its words: "amount_of_money", "dateFrom", "PHONE_NUMBER"."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label).casefold()
    words = re.findall(r"[a-z]+", apart)
    if "period" in words or "duration" in words:
        return None  # from one day to another is no day
    return next((kind for name, kind in NAMES.items() if name in words), None)


def _money(text: str, setting: Setting) -> Json:
    found = money(text, setting.words)
    return None if found is None else {"amount": found.amount, "currency": found.currency}


def _number(text: str, setting: Setting) -> Json:
    found = number(text, setting.words)
    return int(found) if found is not None and found.is_integer() else found


def _percentage(text: str, setting: Setting) -> Json:
    return percentage(text, setting.words)


def _date(text: str, setting: Setting) -> Json:
    found = day(text, setting.words, setting.moment)
    return None if found is None else found.isoformat()


def _time(text: str, setting: Setting) -> Json:
    found = clock(text, setting.words, setting.moment)
    return None if found is None else found.isoformat("minutes")


def _phone(text: str, setting: Setting) -> Json:
    phones = lazy.bring("phonenumbers", extra="extract", purpose="Reading phone numbers")
    try:
        found = phones.parse(text, setting.words.region)
    except phones.NumberParseException:
        return None
    return str(phones.format_number(found, phones.PhoneNumberFormat.E164)) if phones.is_possible_number(found) else None


def _card(text: str, setting: Setting) -> Json:
    digits = plain(text)
    return digits if is_card(digits) else None


def _iban(text: str, setting: Setting) -> Json:
    compact = plain(text).upper()
    return compact if is_iban(compact) else None


def _account(text: str, setting: Setting) -> Json:
    digits = plain(text)
    return digits if digits.isdigit() else None


def _email(text: str, setting: Setting) -> Json:
    return text.strip().casefold() if EMAIL.fullmatch(text.strip()) else None


KINDS: Mapping[str, Callable[[str, Setting], Json]] = {
    "money": _money, "number": _number, "percentage": _percentage, "date": _date, "time": _time, "phone": _phone,
    "card": _card, "iban": _iban, "account": _account, "email": _email,
}  # fmt: skip
NAMES: Mapping[str, str] = {  # words of labels, the surest first
    "money": "money", "amount": "money", "price": "money", "sum": "money", "percentage": "percentage",
    "percent": "percentage", "rate": "percentage", "iban": "iban", "email": "email", "mail": "email", "phone": "phone",
    "telephone": "phone", "mobile": "phone", "card": "card", "account": "account", "time": "time", "hour": "time",
    "date": "date", "day": "date", "birthday": "date", "number": "number", "count": "number", "quantity": "number",
    "age": "number",
}  # fmt: skip
