"""A specialist as a folder of plain files, and back: JSON, safetensors, ONNX, and a card for people.

Knows how a specialist is put together, and nothing of what its parts do: each part turns into a `State` and comes back
from one by its kind. Everything is checked before anything is used, and nothing in the folder is run as code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import NoneType
from typing import Any, TypeAlias

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from metier import folder as folders
from metier import lazy
from metier.card import card
from metier.decide.accept import Rule
from metier.errors import BadOption, Damaged, MetierError, NotReplayed, UnknownSchema
from metier.forms.base import Form, Learnt, Part, Parts, Slot
from metier.specialist import Golden
from metier.tasks.base import SPECIALIST
from metier.types import Input, Json, State

SCHEMA = 2
ARRAYS, CARD = "arrays.safetensors", "README.md"
OWN = (ARRAYS, CARD, folders.DESCRIPTION)
# on another CPU int8 products are rounded and summed otherwise, so the last digits of a probability may differ
REPLAY_TOLERANCE = 1e-3

Said: TypeAlias = dict[str, Any]  # JSON; Any ends where `_check_fields` or a part's `restore` has looked
Types: TypeAlias = Mapping[str, type | tuple[type, ...]]


def _inputs_in_a_list(said: Said) -> Said:
    """Schema 1 had one input, and its domain beside it."""
    kept = {name: value for name, value in said.items() if name not in ("domain", "columns")}
    columns = said.get("columns")
    columns = columns if isinstance(columns, dict) else {}
    one = {"column": columns.get("input"), "domain": said.get("domain")}
    return {**kept, "schema": 2, "inputs": [one], "target": columns.get("target")}


# schema n -> the same said as schema n + 1 has it
UPGRADES: dict[int, Callable[[Said], Said]] = {1: _inputs_in_a_list}


FIELDS: Types = {
    "schema": int, "name": str, "inputs": list, "target": str, "task": str, "labels": list, "rule": dict,
    "stages": list, "recipe": dict, "origin": dict, "figures": dict, "golden": list, "files": dict,
}  # fmt: skip
NUMBER = (int, float)
INPUT: Types = {"column": str, "domain": str}
RULE: Types = {
    "false_refusal": NUMBER, "max_error": (*NUMBER, NoneType), "scope_threshold": NUMBER, "accept_threshold": NUMBER,
    "candidate_threshold": NUMBER,
}  # fmt: skip
PART: Types = {"kind": str, "config": dict, "files": dict}
GOLDEN: Types = {
    "cell": (str, int, float, list, dict, NoneType),
    "label": (str, NoneType),
    "probability": NUMBER,
    "stage": int,
}


def save(specialist: Learnt, folder: str | Path, *, extra_files: Mapping[str, bytes] | None = None) -> None:
    """Write the specialist as a folder, whole or not at all; the same specialist gives the same bytes.

    A sound specialist that is there already is replaced in one step, anything else is left alone. `extra_files` go
    beside it as they are: {"report.html": b"..."}.

    Raises: CannotWrite.
    """
    stages = _form(specialist.task).apart(specialist)
    states = _states(stages)
    names = _file_names(states)
    files = {names[part, name]: data for part, state in states.items() for name, data in state.files.items()}
    files[ARRAYS] = _packed(states)
    clash = sorted({*files, CARD} & set(extra_files or ()))
    if clash:
        raise ValueError(f"extra_files: {', '.join(clash)} would replace a file of the specialist; use other names")
    files |= extra_files or {}
    said = _said(specialist, stages, states, names)
    _classes(Path(folder), said)  # what could not be read back is not written
    files[CARD] = card({**said, "files": folders.listed(files)})
    folders.write(Path(folder), said, files)


def load(folder: str | Path, *, replay: bool = True) -> Learnt:
    """The specialist in a folder, every byte of it checked first and, with `replay`, its golden rows tried again.

    Raises: NotASpecialist, Damaged, UnknownSchema, NotReplayed.
    """
    folder = Path(folder)
    said = _described(folder)
    classes = _classes(folder, said)
    used = [ARRAYS, *(file for part in _parts(said).values() for file in part["files"].values())]
    files = {name: data for name, data in folders.verified(folder, said["files"]) if name in used}
    try:
        specialist = _restored(said, classes, files)
        if replay:
            _replay(specialist, folder)
    except MetierError:
        raise
    except Exception as error:  # whatever a part raises over a state that it did not write itself
        raise Damaged(
            f"{folder}: every digest is right, but a part of it does not come back ({type(error).__name__}: {error}). "
            "Expected what metier wrote. Train again."
        ) from error
    return specialist


def describe(folder: str | Path) -> dict[str, Json]:
    """What `specialist.json` says, after every file was checked, without bringing any part of it to life.

    `bytes` is the size of it all, `unlisted` what else lies in the folder.

    Raises: NotASpecialist, Damaged, UnknownSchema.
    """
    folder = Path(folder)
    said = _described(folder)
    size = sum(len(data) for _, data in folders.verified(folder, said["files"]))
    size += (folder / folders.DESCRIPTION).stat().st_size
    return {**said, "bytes": size, "unlisted": list[Json](folders.unlisted(folder, said["files"]))}


def _form(task: str) -> Form:
    """How what this task learns is put together; a task that is not known is a specialist's, and named as an error."""
    known = task in lazy.names("tasks")
    form: Form = lazy.find("forms", lazy.find("tasks", task, "TASK").form if known else SPECIALIST, "FORM")
    return form


def _named(stages: Sequence[Mapping[str, Any]], slots: Mapping[str, Slot]) -> Iterator[tuple[str, Slot, Any]]:
    """Every part of every stage with its name, such as "stage1.head", and its slot."""
    for number, stage in enumerate(stages, 1):
        for field, slot in slots.items():
            yield f"stage{number}.{slot.name}", slot, stage[field]


def _states(stages: Sequence[Parts]) -> dict[str, State]:
    return {f"stage{n}.{field}": part.state() for n, stage in enumerate(stages, 1) for field, part in stage.items()}


def _file_names(states: Mapping[str, State]) -> dict[tuple[str, str], str]:
    """What each part's files are called in the folder: as the part says, unless that name has another meaning there."""
    meant: dict[str, set[bytes]] = {}
    for state in states.values():
        for name, data in state.files.items():
            meant.setdefault(name, set()).add(data)
    return {
        (part, name): name if len(meant[name]) == 1 and name not in OWN else f"{part}.{name}"
        for part, state in states.items()
        for name in state.files
    }


def _packed(states: Mapping[str, State]) -> bytes:
    arrays = {
        f"{part}.{name}": np.require(array, requirements="C")
        for part, state in states.items()
        for name, array in state.arrays.items()
    }
    return safetensors.numpy.save(arrays)


def _said(
    specialist: Learnt, stages: Sequence[Parts], states: Mapping[str, State], names: Mapping[tuple[str, str], str]
) -> Said:
    def part_json(name: str, part: Part) -> Json:
        files: dict[str, Json] = {file: names[name, file] for file in states[name].files}
        return {"kind": part.kind, "config": dict(states[name].config), "files": files}

    return {
        "schema": SCHEMA,
        "name": specialist.name,
        "inputs": [asdict(one) for one in specialist.inputs],
        "target": specialist.target_column,
        "task": specialist.task,
        "labels": list(specialist.labels),
        "rule": specialist.rule.json(),
        "stages": [
            {field: part_json(f"stage{n}.{field}", part) for field, part in stage.items()}
            for n, stage in enumerate(stages, 1)
        ],
        "recipe": dict(specialist.recipe),
        "origin": dict(specialist.origin),
        "figures": dict(specialist.figures),
        "golden": [asdict(golden) for golden in specialist.golden],
    }


def _described(folder: Path) -> Said:
    """What the folder says of itself, as this version's schema has it."""
    said = folders.read_description(folder)
    path, schema = folder / folders.DESCRIPTION, said.get("schema")
    if type(schema) is not int or not min(UPGRADES, default=SCHEMA) <= schema <= SCHEMA:
        raise UnknownSchema(
            f"{path}: written in schema {schema!r}. This version of metier reads up to {SCHEMA}. "
            "Upgrade: pip install -U metier, or train again."
        )
    for version in range(schema, SCHEMA):
        said = UPGRADES[version](said)
    _check_fields(path, "the whole", said, FIELDS)
    for number, one in enumerate(said["inputs"], 1):
        _check_fields(path, f"input {number}", one, INPUT)
    _check_fields(path, "rule", said["rule"], RULE)
    slots = _form(said["task"]).slots
    for number, stage in enumerate(said["stages"], 1):
        _check_fields(path, f"stage {number}", stage, dict.fromkeys(slots, dict))
    for name, part in _parts(said).items():
        _check_fields(path, name, part, PART)
    for number, row in enumerate(said["golden"], 1):
        _check_fields(path, f"golden row {number}", row, GOLDEN)
    _check_labels(path, said["labels"], _least_names(said["task"]))
    if not said["inputs"]:
        raise Damaged(f"{path}: inputs: none. Expected one column or more. {folders.COPY_AGAIN}")
    return said


def _check_fields(path: Path, where: str, said: Any, types: Types) -> None:
    has = said if isinstance(said, dict) else {}
    wrong = [name for name, wanted in types.items() if name not in has or not isinstance(has[name], wanted)]
    unknown = sorted(has.keys() - types.keys())
    if wrong or unknown:
        raise Damaged(
            f"{path}: {where}: missing or of another type: {', '.join(wrong) or 'nothing'}; not known: "
            f"{', '.join(unknown) or 'nothing'}. Expected the fields of schema {SCHEMA}. {folders.COPY_AGAIN}"
        )


def _check_labels(path: Path, labels: list[Any], least: int) -> None:
    if not all(isinstance(label, str) for label in labels) or not least <= len(labels) == len(set(labels)):
        count = {0: "any number of", 1: "one or more", 2: "two or more"}[least]
        raise Damaged(f"{path}: labels: {labels!r:.80}. Expected {count} texts, each once. Train again.")


def _least_names(task: str) -> int:
    least: int = lazy.find("tasks", task, "TASK").least_names if task in lazy.names("tasks") else 0
    return least


def _parts(said: Said) -> dict[str, Any]:
    return {name: part for name, _, part in _named(said["stages"], _form(said["task"]).slots)}


def _classes(folder: Path, said: Said) -> dict[str, type[Part]]:
    """The code of every part; all that are not known here are named at once."""
    classes: dict[str, type[Part]] = {}
    unknown: list[str] = []

    for name, slot, part in _named(said["stages"], _form(said["task"]).slots):
        try:
            found = lazy.find(slot.folder, part["kind"].partition(".")[0], slot.member)
        except (BadOption, AttributeError):
            found = None
        if found is None or part["kind"] not in (found.kind, *getattr(found, "older", ())):
            unknown.append(f"{name} is a {part['kind']!r:.40}" + (f" (here: {found.kind!r})" if found else ""))
        else:
            classes[name] = found
    for kind, name in [*(("domain", one["domain"]) for one in said["inputs"]), ("task", said["task"])]:
        if name not in lazy.names(f"{kind}s"):
            unknown.append(f"the {kind} is {name!r:.40}")
    if unknown:
        raise UnknownSchema(
            f"{folder / folders.DESCRIPTION}: {'; '.join(unknown)}. Expected kinds that this metier or an installed "
            "package knows. Upgrade: pip install -U metier, install the package that brings them, or train again."
        )
    return classes


def _restored(said: Said, classes: Mapping[str, type[Part]], files: Mapping[str, bytes]) -> Learnt:
    arrays: dict[str, dict[str, NDArray[Any]]] = {name: {} for name in classes}
    for name, array in safetensors.numpy.load(files[ARRAYS]).items():
        stage, slot, own = name.split(".", 2)
        arrays[f"{stage}.{slot}"][own] = array

    def restore(name: str, part: Said) -> Part:
        own = {file: files[stored] for file, stored in part["files"].items()}
        return classes[name].restore(State(config=part["config"], arrays=arrays[name], files=own))

    stages = [
        {field: restore(f"stage{n}.{field}", part) for field, part in stage.items()}
        for n, stage in enumerate(said["stages"], 1)
    ]
    return _form(said["task"]).together(
        stages,
        name=said["name"],
        inputs=tuple(Input(**one) for one in said["inputs"]),
        task=said["task"],
        labels=tuple(said["labels"]),
        target_column=said["target"],
        rule=Rule.of(said["rule"]),
        recipe=said["recipe"],
        origin=said["origin"],
        figures=said["figures"],
        golden=tuple(Golden(**row) for row in said["golden"]),
    )


def _replay(specialist: Learnt, folder: Path) -> None:
    decisions = specialist.replayed([golden.asked for golden in specialist.golden])
    for number, (golden, decision) in enumerate(zip(specialist.golden, decisions, strict=True), 1):
        near = abs(golden.probability - decision.probability) <= REPLAY_TOLERANCE
        if not near or golden.label != decision.label or golden.stage != decision.stage:
            raise NotReplayed(
                f"{folder}: golden row {number} ({golden.cell!r:.60}): was {_outcome(golden)} where it was trained, is "
                f"{_outcome(decision)} here. Expected the same label and stage, and a probability within "
                f"{REPLAY_TOLERANCE}. Train again on this machine; it may be another CPU or ONNX Runtime."
            )


def _outcome(row: Golden) -> str:
    return f"{row.label!r} ({row.probability:.6f}, stage {row.stage})"
