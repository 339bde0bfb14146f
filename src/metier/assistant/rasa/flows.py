"""The flows of CALM as trees: each step with where it may go on, each branch with its condition.

Source: Rasa's documentation of flows and of conversation patterns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from metier.assistant.base import Place
from metier.assistant.rasa.nodes import listed, pairs, perhaps, text, word
from metier.assistant.strict import Node

KINDS = ("collect", "action", "link", "call", "set_slots", "noop")


@dataclass(frozen=True, kw_only=True)
class Branch:
    """Where a step goes on under a condition; without one it is what is left."""

    condition: str
    then: str | tuple[Move, ...]  # the id of a step, END, or steps of its own


Next: TypeAlias = "str | tuple[Branch, ...]"


@dataclass(frozen=True, kw_only=True)
class Move:
    """One step of a flow; `name` is the slot, action or flow it names."""

    kind: str
    name: str
    place: Place
    id: str = ""
    asks: str = ""  # the response that asks for a slot, where it is not the usual one
    description: str = ""
    rejections: tuple[tuple[str, str], ...] = ()  # condition, and the response that is said then
    next: Next = ""


@dataclass(frozen=True, kw_only=True)
class Flow:
    """A flow; `guard` is the condition under which it may be started at all."""

    name: str
    title: str
    place: Place
    description: str
    intents: tuple[str, ...]
    guard: str
    moves: tuple[Move, ...]

    @property
    def pattern(self) -> bool:
        """Whether it changes what CALM does by itself."""
        return self.name.startswith("pattern_")

    @property
    def part(self) -> bool:
        """Whether it is never started by a customer."""
        return self.guard.strip().casefold() == "false"


def flow(name: str, node: Node) -> Flow:
    """One flow, read."""
    held = pairs(node)
    intents = []
    for one in map(pairs, listed(held.get("nlu_trigger"))):
        intent = one.get("intent")
        if intent is not None:
            intents.append(word(pairs(intent).get("name", intent)))
    return Flow(
        name=name, title=text(held, "name") or name.replace("_", " "), place=node.place,
        description=text(held, "description"), intents=tuple(intents), guard=text(held, "if"),
        moves=_moves(listed(held.get("steps"))),
    )  # fmt: skip


def rejections(node: Node | None) -> tuple[tuple[str, str], ...]:
    """Under which conditions an answer is not taken, and what is said then."""
    return tuple((text(one, "if"), text(one, "utter")) for one in map(pairs, listed(node)))


def every(moves: tuple[Move, ...]) -> Iterator[Move]:
    """All steps, those of branches included."""
    for move in moves:
        yield move
        for branch in move.next if not isinstance(move.next, str) else ():
            if not isinstance(branch.then, str):
                yield from every(branch.then)


def _moves(nodes: list[Node]) -> tuple[Move, ...]:
    return tuple(_move(pairs(node), node.place) for node in nodes)


def _move(held: Mapping[str, Node], place: Place) -> Move:
    kind = next((one for one in KINDS if one in held), "noop")
    return Move(
        kind=kind, name=perhaps(held, kind), place=place, id=text(held, "id"), asks=text(held, "utter"),
        description=text(held, "description"), rejections=rejections(held.get("rejections")),
        next=_next(held.get("next")),
    )  # fmt: skip


def _next(node: Node | None) -> Next:
    if node is None or isinstance(node.value, Mapping):
        return ""
    if not isinstance(node.value, list):
        return word(node)
    out = []
    for one in map(pairs, node.value):
        then = one.get("then", one.get("else"))
        if then is not None:
            to = _moves(listed(then)) if isinstance(then.value, list) else word(then)
            out.append(Branch(condition=text(one, "if"), then=to))
    return tuple(out)
