"""The model card of a specialist: a README.md that the Hugging Face hub and a person can both read.

Knows what `specialist.json` says and how its task tells it, and neither the specialist's parts nor its files. Source of
the metadata's names:
https://huggingface.co/docs/hub/model-cards
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from metier import lazy
from metier.tasks.base import Task
from metier.types import Json

TABULAR = "tabular"
PIPELINES = {
    ("text", "classify"): "text-classification",
    ("text", "multilabel"): "text-classification",
    ("text", "extract"): "token-classification",
    (TABULAR, "classify"): "tabular-classification",
    (TABULAR, "regress"): "tabular-regression",
}
MOST_LABELS = 200  # more are in specialist.json; a card is for reading
MOST_CHARACTERS = 200  # of one setting

Said = Mapping[str, Any]  # JSON, once its fields have been checked


def card(said: Said) -> bytes:
    """The card of what `specialist.json` says; the same words for the same specialist, with no date and no path."""
    lines = ["---", *_metadata(said), "---", "", *_body(said)]
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def _metadata(said: Said) -> Iterator[str]:
    domains = _domains(said)
    pipeline = PIPELINES.get((" ".join(domains) if len(said["inputs"]) == 1 else TABULAR, said["task"]))
    yield "library_name: metier"
    if pipeline is not None:
        yield f"pipeline_tag: {pipeline}"
    if isinstance(said["origin"].get("license"), str):
        yield f"license: {_quoted(said['origin']['license'])}"
    yield "tags:"
    for tag in ("metier", "calibrated", "selective-prediction", "out-of-scope-detection", *domains, said["task"]):
        yield f"- {_quoted(tag)}"
    if said["figures"].keys() & _task(said).metrics.values():
        yield from _model_index(said, pipeline or said["task"])


def _model_index(said: Said, task: str) -> Iterator[str]:
    figures = said["figures"]
    names = _task(said).metrics
    values = {metric: _value(figures[ours]) for metric, ours in names.items() if figures.get(ours) is not None}
    yield "metrics:"
    yield from (f"- {metric}" for metric in values)
    yield "model-index:"
    yield f"- name: {_quoted(said['name'])}"
    yield "  results:"
    yield f"  - task: {{type: {_quoted(task)}}}"
    yield f"    dataset: {{name: {_quoted('the rows it was trained on, out-of-fold')}, type: out-of-fold}}"
    yield "    metrics:"
    for metric, value in values.items():
        yield f"    - {{type: {metric}, name: {_quoted(f'{metric}, out-of-fold')}, value: {value}}}"


def _body(said: Said) -> Iterator[str]:
    labels, task = said["labels"], _task(said)
    yield f"# {_line(said['name'])}"
    yield ""
    yield (
        f"A specialist for one trade: it reads {_line(', '.join(_domains(said)))} ({_columns(said['inputs'])}) and "
        f"answers with {_line(task.told(labels))} (column {_code(said['target'])}), {task.beside}, or says "
        "why it does not answer. It runs on a CPU, without a network."
    )
    for title, lines in (
        ("What it answers", _answers(labels)),
        ("What it refuses", _refusals(said["rule"], task)),
        ("What it promises", task.pledge(said["rule"]["max_error"])),
        ("Figures", _figures(said["figures"], task)),
        ("How to use it", _use(said)),
        ("Where it came from", _origin(said)),
        ("Limits", _limits(said)),
    ):
        yield from ("", f"## {title}", "", *lines)


def _domains(said: Said) -> list[str]:
    return list(dict.fromkeys(one["domain"] for one in said["inputs"]))


def _columns(inputs: Sequence[Said]) -> str:
    listed = ", ".join(_code(one["column"]) for one in inputs[:MOST_LABELS])
    return f"column {listed}" if len(inputs) == 1 else f"{len(inputs)} columns: {listed}"


def _answers(labels: Sequence[str]) -> Iterator[str]:
    more = f", and {len(labels) - MOST_LABELS} more (in `specialist.json`)" if len(labels) > MOST_LABELS else ""
    yield ", ".join(_code(label) for label in labels[:MOST_LABELS]) + more


def _refusals(rule: Said, task: Task) -> Iterator[str]:
    yield (
        "- `out_of_scope`: an input unlike what it learnt. The threshold was set to refuse "
        f"{rule['false_refusal'] * 100:.6g}% of the inputs that are its business."
    )
    if rule["accept_threshold"] > 0:
        yield f"- `unsure`: {task.unsure} under {rule['accept_threshold']:.4g}."
    yield "- `bad_input`: a cell it cannot read; the error says why."


def _figures(figures: Said, task: Task) -> Iterator[str]:
    yield "On the rows it was trained on, each judged by a copy that had not seen it (out-of-fold)."
    yield ""
    yield "| figure | value | range | rows |"
    yield "|---|---|---|---|"
    for name, key in task.listed:
        if figures.get(key) is not None:
            yield f"| {name} | {_row(figures[key], shares=key not in task.numbers)} |"
    for stage in figures.get("stages") or ():
        yield f"| leaves at stage {stage['stage']} | {stage['share']:.1%} | | {stage['rows']:,} |"


def _use(said: Said) -> Iterator[str]:
    folder = _one_line(said["name"])
    yield from (
        "```sh",
        "pip install metier",
        f"metier show {shlex.quote(folder)}",
        f'metier predict {shlex.quote(folder)} "…"',
        "```",
        "",
        "```python",
        "import metier",
        "",
        f"specialist = metier.load({json.dumps(folder, ensure_ascii=False)})",
        'decision = specialist.predict(["…"])[0]',
        "```",
    )


def _origin(said: Said) -> Iterator[str]:
    for number, stage in enumerate(said["stages"], 1):
        parts = [part for slot in stage.values() for part in (slot if isinstance(slot, list | tuple) else [slot])]
        yield f"- stage {number}: {', '.join(_code(part['kind']) for part in parts)}"
    for about in (said["origin"], said["recipe"]):
        told = {key: value for key, value in sorted(about.items()) if value not in (None, "", [], {})}
        yield from (f"- {_line(key.replace('_', ' '))}: {_setting(value)}" for key, value in told.items())
    size = sum(file["bytes"] for file in said["files"].values())
    yield f"- size: {size / 1e6:,.1f} MB"


def _limits(said: Said) -> Iterator[str]:
    yield "- It knows its labels and nothing else; an input that looks like its trade and is not may still be answered."
    yield "- The figures hold for inputs like the training rows. `metier evaluate` measures others."
    yield (
        f"- `specialist.json` holds {len(said['golden'])} of the training rows, replayed on loading, and may quote "
        "others as examples of confusions: share the folder as you would share them."
    )


def _value(figure: Any) -> float:
    return float(figure["value"] if isinstance(figure, dict) else figure)


def _row(figure: Any, *, shares: bool) -> str:
    if not isinstance(figure, dict):
        return f"{figure:.4f} | |"
    told = (f"{figure[name]:.1%}" if shares else f"{figure[name]:.4g}" for name in ("value", "low", "high"))
    value, low, high = told
    return f"{value} | {low} to {high} | {figure['rows']:,}"


def _task(said: Said) -> Task:
    task: Task = lazy.find("tasks", said["task"], "TASK")
    return task


def _setting(value: Json) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{_line(name)} {_setting(part)}" for name, part in sorted(value.items()))
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return _code(text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _line(text: str) -> str:
    """Text from outside as one line that is no markup."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>#|~" else c for c in _one_line(text))


def _code(text: str) -> str:
    return f"`{_one_line(text).replace('`', chr(39))}`"


def _quoted(text: str) -> str:
    """A double-quoted YAML scalar: what is neither plain nor printable is escaped, so that any label is safe."""
    return '"' + "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text) + '"'
