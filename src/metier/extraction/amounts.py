"""Numbers, money and percentages as people write and say them: "£1,250.50", "fifty quid", "3.5k", "two per cent".

Digits are read by price-parser, which knows where each country puts its points and commas; words of numbers by
text2num. Currencies and scales are tables of the language.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from metier import lazy
from metier.extraction.language import Language

SYMBOLS = {"£": "GBP", "€": "EUR", "$": "USD", "US$": "USD", "¥": "JPY", "₹": "INR", "zł": "PLN", "Fr.": "CHF"}
SYMBOLS |= {"A$": "AUD", "C$": "CAD", "CA$": "CAD", "AU$": "AUD", "₽": "RUB", "₩": "KRW", "₺": "TRY", "kr": "SEK"}
CODE = re.compile(r"(?<![A-Za-z])[A-Z]{3}(?![A-Za-z])")
MINUS = re.compile(r"[-\u2212]\s?[^\w\s]$")  # "-£20"
FIGURE = re.compile(r"[-\u2212]?\s?\d+(?:[ '\u00a0\u202f]\d{3}(?!\d)|[.,]\d+)*")


class Money(NamedTuple):
    """An amount and its currency by ISO 4217, None where it is not said."""

    amount: float
    currency: str | None


def number(text: str, words: Language) -> float | None:
    """The one number that a text says, in figures or words; None where it says none or several."""
    spelt = _in_figures(text, words)
    found = {_scaled(spelt, match, words) for match in FIGURE.finditer(spelt)}
    return found.pop() if len(found) == 1 else None


def money(text: str, words: Language) -> Money | None:
    """An amount of money; None where there is not one amount."""
    amount = number(text, words)
    if amount is None:
        return None
    said = re.findall(r"[^\W\d_]+", text.casefold())
    parts = next((word for word in said if word in words.hundredths), None)
    if parts is not None:
        return Money(amount / 100, words.hundredths[parts])
    return Money(amount, _currency(text, said, words))


def percentage(text: str, words: Language) -> float | None:
    """A share, 0.05 for "5 %"; None where no sign or word says that it is one."""
    folded = text.casefold()
    if "%" not in folded and not any(word in folded for word in words.percent):
        return None
    for word in words.percent:  # a "cent" would be taken for a hundred
        text = re.sub(rf"(?i)\b{word}\b", "%", text)
    value = number(text, words)
    return None if value is None else value / 100


def _currency(text: str, said: list[str], words: Language) -> str | None:
    named = next((words.currencies[word] for word in said if word in words.currencies), None)
    if named is not None:
        return named
    code = CODE.search(text)
    if code is not None:
        return code[0]
    price = lazy.bring("price_parser", extra="extract", purpose="Reading amounts").Price.fromstring(text)
    return SYMBOLS.get(price.currency or "")


def _scaled(text: str, match: re.Match[str], words: Language) -> float | None:
    """A figure with its sign, times the scale behind it: "-£3.5k"."""
    value = _figure(match[0])
    if value is None:
        return None
    tail = re.match(r"\s?([^\W\d_]+)", text[match.end() :].casefold())
    scale = words.scales.get(tail[1], 1) if tail else 1
    return -value * scale if MINUS.search(text[: match.start()]) else value * scale


def _in_figures(text: str, words: Language) -> str:
    """Words of numbers as figures."""
    if re.search(r"\d", text):
        return text
    counted = "|".join(map(re.escape, (*words.currencies, *words.hundredths, *words.scales)))
    for said, figure in words.spelt.items():
        text = re.sub(rf"(?i)\b{re.escape(said)}(?=\s+(?:{counted})\b)", figure, text)  # "a pound", but not "a card"
    spelt: str = lazy.bring("text_to_num", extra="extract", purpose="Reading amounts").alpha2digit(
        text, words.name, threshold=0
    )
    return re.sub(r"\b1 (?=\d)", "", spelt)  # "a hundred" has become "1 100"


def _figure(text: str) -> float | None:
    price = lazy.bring("price_parser", extra="extract", purpose="Reading amounts").Price.fromstring(text)
    if price.amount is None:
        return None
    return -float(price.amount) if text.lstrip()[0] in "-\u2212" else float(price.amount)
