"""The package as Python users meet it: `train`, `load`, and a Specialist that evaluates and saves itself.

Knows the verbs and joins them; does none of the work.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeAlias

from metier import artifact
from metier import folder as folders
from metier import specialist as core
from metier.evaluation import Judged
from metier.evidence import Evidence, evidence
from metier.forms.base import Learnt
from metier.kinds.base import Made, Opened, Options, Progress, kind_of
from metier.report.page import html
from metier.retrieval import retriever as core_retriever
from metier.types import Effort


class Doors:
    """What every learnt thing can do besides answer: be measured and kept."""

    def evaluate(self: Learnt, data: Any, *, out_of_scope: Any = None, out_of_scope_label: str | None = None) -> Judged:
        """Figures on labelled rows: anything `metier.train` reads; `out_of_scope` has none of its own.

        Raises: DataError where the rows cannot be judged.
        """
        return kind_of(self.task).evaluate(self, data, out_of_scope=out_of_scope, out_of_scope_label=out_of_scope_label)

    def save(self: Learnt, folder: str | Path) -> None:
        """Write it as a folder, whole or not at all.

        Raises: CannotWrite.
        """
        artifact.save(self, folder)

    def evidence(self: Learnt, cells: Sequence[Any]) -> list[Evidence]:
        """What speaks for each answer: the parts that pushed it, the training rows most alike, where there are any.

        Each costs as many predictions as its cell has parts.

        Raises: BadOption for what has no stages to ask.
        """
        return evidence(self, cells)


class Specialist(Doors, core.Specialist):
    """A specialist that can also be measured and kept.

    `specialist.predict(["where is my card?"])[0]`; `specialist.evaluate("test.csv").accuracy`;
    `specialist.save("bank")`.
    """


class Retriever(Doors, core_retriever.Retriever):
    """Documents that answer questions, and can be measured and kept."""


Learned: TypeAlias = Specialist | Retriever
# what is learnt -> the same with doors
DOORS: Mapping[type, Callable[..., Learned]] = {
    core.Specialist: Specialist,
    core_retriever.Retriever: Retriever,
}


def train(
    data: Any,
    *,
    output: str | Path | None = None,
    input: str | Sequence[str] | None = None,
    target: str | None = None,
    group: str | None = None,
    order: str | None = None,
    task: str | None = None,
    questions: Any = None,
    effort: Effort = "standard",
    encoder: str | None = None,
    max_error: float | None = None,
    max_width: float | None = None,
    false_refusal: float = 0.02,
    max_ms: float | None = None,
    max_mb: float | None = None,
    seed: int = 0,
    resume: bool = False,
    progress: Progress = lambda step, done: None,
) -> Learned:
    """Learn a specialist from labelled rows and, with `output`, keep it in that folder with its report.

    `data` is a path (CSV, TSV, JSONL, Parquet, a folder of files, hf://, s3://), a polars or pandas frame, columns, or
    pairs. `input` may be several columns: a row is then read as a whole. `group` and `order` name columns by which rows
    are held out: those of one group together, or in blocks of time. `encoder` names the one behind the cheap stages: a
    file, a folder, a hub name. `max_error=0.02` promises at most 2 % wrong among what is answered, or 2 % of true
    numbers outside their intervals. While it works, finished steps are kept beside `output`; `resume=True` goes on.
    With `task="retrieve"`, `data` is documents, and `questions` a table of questions and the passages that answer them.

    Raises: DataError about the rows, BadOption about the options, PromiseNotSupported with the rows that could.
    """
    options = Options(
        input=input, target=target, group=group, order=order, task=task, questions=questions, effort=effort,
        encoder=encoder, max_error=max_error, max_width=max_width, false_refusal=false_refusal, max_ms=max_ms,
        max_mb=max_mb, seed=seed,
    )  # fmt: skip
    free(output)
    return learn(kind_of(task).opened(data, options), output=output, resume=resume, progress=progress)


def free(output: str | Path | None) -> None:
    """Check that the folder may be written, before any work.

    Raises: CannotWrite.
    """
    if output is not None:
        folders.check_free(Path(output).resolve())


def learn(
    opened: Opened,
    *,
    output: str | Path | None = None,
    resume: bool = False,
    progress: Progress = lambda step, done: None,
) -> Learned:
    """The same from what has been opened."""
    folder = None if output is None else Path(output).resolve()
    work = None if folder is None else steps_folder(folder)
    if work is not None and work.exists() and not resume:
        shutil.rmtree(work)
    made = kind_of(opened.options.task).train(opened, folder=folder, work=work, progress=progress)
    if folder is not None:
        artifact.save(made.learnt, folder, extra_files=_reports(made))
    if work is not None and work.exists():
        shutil.rmtree(work)
    return _with_doors(made.learnt)


def _with_doors(learnt: Any) -> Learned:
    doors = DOORS[type(learnt)]
    return doors(**{field.name: getattr(learnt, field.name) for field in fields(type(learnt))})


def steps_folder(output: Path) -> Path:
    """Where the finished steps of a training are kept until it is done."""
    return output.with_name(f"{output.name}.training")


def report_files(evaluation: Judged, *, title: str, facts: Mapping[str, str]) -> dict[str, bytes]:
    """An evaluation for people and for programs, by the ending of the file it belongs in."""
    return {
        ".html": html(evaluation, title=title, facts=facts).encode(),
        ".json": (json.dumps(evaluation.json(), ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode(),
    }


def _reports(made: Made) -> dict[str, bytes]:
    origin, recipe = made.learnt.origin, made.learnt.recipe
    facts = {
        "Learnt from": str(origin["source"]),
        "Rows": f"{origin['rows']:,}",
        "Effort": str(recipe["effort"]),
        "Judged": f"out of fold, {recipe['folds']} folds",
        "Data, sha256": str(origin["sha256"])[:16],
    }
    files = report_files(made.evaluation, title=made.learnt.name, facts=facts)
    return {f"report{ending}": data for ending, data in files.items()}


def load(folder: str | Path) -> Learned:
    """What is in a folder, every file checked against its digest and its golden rows replayed.

    Raises: NotASpecialist, Damaged, UnknownSchema, NotReplayed.
    """
    return _with_doors(artifact.load(folder))
