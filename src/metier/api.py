"""The package as Python users meet it: `train`, `load`, and a Specialist that evaluates and saves itself.

Knows the verbs and joins them; does none of the work.
"""

from __future__ import annotations

import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any, Self

from metier import artifact
from metier import specialist as core
from metier.data.read import read
from metier.evaluate import evaluate
from metier.evaluation import Evaluation
from metier.report.page import html
from metier.train import Progress
from metier.train import train as learn
from metier.types import Effort


class Specialist(core.Specialist):
    """A specialist that can also be measured and kept.

    `specialist.predict(["where is my card?"])[0]`, `specialist.evaluate("test.csv").accuracy`, `specialist.save("bank")`.
    """

    @classmethod
    def of(cls, specialist: core.Specialist) -> Self:
        """The same specialist, with these methods."""
        return cls(**{field.name: getattr(specialist, field.name) for field in fields(core.Specialist)})

    def evaluate(self, data: Any, *, out_of_scope: Any = None, out_of_scope_label: str | None = None) -> Evaluation:
        """Figures on labelled rows: anything `metier.train` reads. `out_of_scope` holds rows that are none of its business.

        Raises: DataError where the rows cannot be judged.
        """
        beside = None if out_of_scope is None else read(out_of_scope)
        return evaluate(self, read(data), out_of_scope=beside, out_of_scope_label=out_of_scope_label)

    def save(self, folder: str | Path) -> None:
        """Write the specialist as a folder, whole or not at all.

        Raises: CannotWrite.
        """
        artifact.save(self, folder)


def train(
    data: Any,
    *,
    output: str | Path | None = None,
    input: str | None = None,
    target: str | None = None,
    effort: Effort = "standard",
    max_error: float | None = None,
    false_refusal: float = 0.02,
    max_ms: float | None = None,
    max_mb: float | None = None,
    seed: int = 0,
    resume: bool = False,
    progress: Progress = lambda step, done: None,
) -> Specialist:
    """Learn a specialist from labelled rows and, with `output`, keep it in that folder with its report.

    `data` is a path (CSV, TSV, JSONL, Parquet, a folder of files, hf://, s3://), a polars or pandas frame, columns, or
    pairs. `max_error=0.02` promises at most 2 % wrong among what is answered. While it works, finished steps are kept
    beside `output`; `resume=True` goes on from them.

    Raises: DataError about the rows, BadOption about the options, PromiseNotSupported with the rows that could.
    """
    folder = None if output is None else Path(output)
    work = None if folder is None else folder.with_name(f"{folder.name}.training")
    if work is not None and work.exists() and not resume:
        shutil.rmtree(work)
    if folder is not None:
        artifact.check_writable(folder)
    trained = learn(
        read(data), name=folder.name if folder else "specialist", input=input, target=target, effort=effort,
        max_error=max_error, false_refusal=false_refusal, max_ms=max_ms, max_mb=max_mb, seed=seed, work=work,
        progress=progress,
    )  # fmt: skip
    if folder is not None:
        artifact.save(trained.specialist, folder, extra_files=report_files(trained.specialist.name, trained.evaluation))
    if work is not None and work.exists():
        shutil.rmtree(work)
    return Specialist.of(trained.specialist)


def load(folder: str | Path) -> Specialist:
    """The specialist in a folder, every file checked against its digest and its golden rows replayed.

    Raises: NotASpecialist, Damaged, UnknownSchema, NotReplayed.
    """
    return Specialist.of(artifact.load(folder))
