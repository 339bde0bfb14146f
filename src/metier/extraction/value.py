"""What the words of a span are worth, by the kind that its label names: an amount, a day, a number that checks."""

from __future__ import annotations

from metier.types import Json


def value(label: str, text: str) -> Json:
    """The value, or None where there is none to be had."""
    return None
