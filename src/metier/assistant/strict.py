"""YAML as its authors mean it: every value remembers its line, a key twice is an error, and `no` is a word.

PyYAML with the scalars of YAML 1.2's core schema. Knows nothing of assistants.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from metier.assistant.base import BadAssistant, Place

MOST_NODES = 200_000  # an alias stands for all that it names, and a few lines of them for more than memory holds
MOST_DIGITS = 1_000
UNSURE = re.compile(r"(?i)(?:yes|no|on|off|y|n)")
SCALARS = (
    ("tag:yaml.org,2002:null", re.compile(r"(?:~|null|Null|NULL|)"), "~nN\0"),
    ("tag:yaml.org,2002:bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)"), "tTfF"),
    ("tag:yaml.org,2002:int", re.compile(r"[-+]?[0-9]+"), "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"),
        "-+0123456789.",
    ),
)


@dataclass(frozen=True)
class Node:
    """A value and where it is written. Mappings hold (key place, node) by key; lists hold nodes."""

    value: Any
    place: Place

    def plain(self) -> Any:
        """The value without its places."""
        if isinstance(self.value, Mapping):
            return {key: node.plain() for key, node in self.value.items()}
        return [node.plain() for node in self.value] if isinstance(self.value, list) else self.value

    def items(self) -> Iterator[tuple[str, Node]]:
        """The pairs of a mapping."""
        return iter(self.value.items())


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # it ships no types
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    nodes = 0


for _tag, _pattern, _first in SCALARS:
    _Loader.add_implicit_resolver(_tag, re.compile(f"^{_pattern.pattern}$"), [c if c != "\0" else "" for c in _first])


def read(text: str, file: str, *, bare: bool = False) -> Node:
    """The document as nodes. `bare` takes an unquoted yes or no for the word, as YAML 1.2 does.

    Raises: BadAssistant with file and line.
    """
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise BadAssistant(
            f"{file}:{line}: holds the character {error.character:#06x}, which YAML has not. Take it out."
        ) from None
    try:
        root = loader.get_single_node()
        if root is None:
            raise BadAssistant(f"{file}:1: the file is empty. Start it with `assistant: NAME`.")
        return _node(loader, root, file, bare)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        raise BadAssistant(
            f"{file}:{line}: this is not YAML: {error.problem}. Mend the line, or put its text in quotes."
        ) from None
    except RecursionError:
        raise BadAssistant(f"{file}:1: nested too deep, or a part of it holds itself. Write it flat.") from None
    finally:
        loader.dispose()


def _node(loader: _Loader, node: yaml.Node, file: str, bare: bool) -> Node:
    place = Place(file=file, line=node.start_mark.line + 1)
    loader.nodes += 1
    if loader.nodes > MOST_NODES:
        raise BadAssistant(f"{place}: more than {MOST_NODES:,} values, aliases written out. Split the file.")
    if isinstance(node, yaml.MappingNode):
        pairs: dict[str, Node] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in pairs:
                raise BadAssistant(
                    f"{file}:{line}: '{name}' stands here a second time, first on line "
                    f"{pairs[name].place.line}. Keep one."
                )
            held = _node(loader, value, file, bare)
            pairs[name] = Node(held.value, Place(file=file, line=line))
        return Node(pairs, place)
    if isinstance(node, yaml.SequenceNode):
        return Node([_node(loader, one, file, bare) for one in node.value], place)
    if not bare and node.style is None and UNSURE.fullmatch(node.value):
        raise BadAssistant(
            f"{place}: a bare {node.value} is read differently by different programs. Write true, false or "
            f'"{node.value}".'
        )
    if node.tag != "tag:yaml.org,2002:int":
        return Node(loader.construct_object(node), place)
    if len(node.value) > MOST_DIGITS:
        raise BadAssistant(f"{place}: a number of {len(node.value):,} digits. Put it in quotes if it is a text.")
    return Node(int(node.value), place)  # YAML 1.1 would read 0777 as octal
