"""The values of a project's YAML as what a reader of it expects: texts, pairs and lists, with their places."""

from __future__ import annotations

from collections.abc import Mapping

from metier.assistant.base import BadAssistant
from metier.assistant.strict import Node


def word(node: Node) -> str:
    """One text.

    Raises: BadAssistant where several things stand.
    """
    if isinstance(node.value, Mapping | list):
        raise BadAssistant(f"{node.place}: several things stand where a text is expected. Write one, in quotes.")
    return "" if node.value is None else str(node.value)


def pairs(node: Node | None) -> Mapping[str, Node]:
    """What is held by name; nothing where it is something else."""
    return node.value if node is not None and isinstance(node.value, Mapping) else {}


def listed(node: Node | None) -> list[Node]:
    """The items of a list; nothing where it is something else."""
    return node.value if node is not None and isinstance(node.value, list) else []


def text(held: Mapping[str, Node], key: str) -> str:
    """The text of a key; empty where it is not there.

    Raises: BadAssistant where it is no text.
    """
    return word(held[key]) if key in held else ""


def perhaps(held: Mapping[str, Node], key: str) -> str:
    """The text of a key that may be something else; then it is empty."""
    node = held.get(key)
    return "" if node is None or isinstance(node.value, Mapping | list) else word(node)
