"""Replies with gaps: `{card.name}` is a value, `{replace: and send a new card}` stands only where the value is true.

Knows no jobs; a gap nobody filled is an error, never an empty string.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from metier.assistant.base import BadAssistant

GAP = re.compile(r"\{([a-z_]\w*(?:\.\w+)*)(?::([^{}]*))?\}")


def gaps(template: str) -> list[str]:
    """The names that a template asks for."""
    return [name for name, _ in GAP.findall(template)]


def fill(template: str, values: Mapping[str, Any]) -> str:
    """The text with every gap filled.

    Raises: BadAssistant where a value is missing.
    """

    def one(gap: re.Match[str]) -> str:
        name, text = gap[1], gap[2]
        if text is not None:
            return text if look(name, values) else ""
        value = look(name, values)
        if value is None:
            raise BadAssistant(f"'{template}' needs {{{name}}}, and nothing of that name is known. Check its spelling.")
        return shown(value)

    return GAP.sub(one, template)


def look(name: str, values: Mapping[str, Any]) -> Any:
    """A value by its dotted name, or None."""
    held: Any = values
    for part in name.split("."):
        held = held.get(part) if isinstance(held, Mapping) else None
    return held


def shown(value: Any) -> str:
    """A value as a customer reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
    if isinstance(value, Mapping):
        return str(value.get("name") or value.get("id") or "")
    return str(value)
