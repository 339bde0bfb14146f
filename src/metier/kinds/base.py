"""What a kind promises: to open what it learns from, to learn, and to judge.

Knows no task and no form. A new kind is one file in this folder that exposes `KIND`, under the name of its form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

from metier import lazy
from metier.errors import BadOption
from metier.evaluation import Judged
from metier.forms.base import Learnt
from metier.tasks.base import SPECIALIST
from metier.types import Effort

Progress = Callable[[str, float], None]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What training may be told; `metier.train` says what each means. A kind refuses those it has no use for."""

    input: str | Sequence[str] | None = None
    target: str | None = None
    group: str | None = None
    order: str | None = None
    task: str | None = None
    questions: Any = None
    effort: Effort = "standard"
    encoder: str | None = None
    max_error: float | None = None
    max_width: float | None = None
    false_refusal: float = 0.02
    max_ms: float | None = None
    max_mb: float | None = None
    seed: int = 0

    def only(self, kind: str, taken: frozenset[str]) -> None:
        """Check that nothing is asked that this kind has no use for.

        Raises: BadOption naming all that is.
        """
        asked = [one.name for one in fields(self) if getattr(self, one.name) != one.default]
        idle = [name for name in asked if name not in taken and name != "task"]
        if idle:
            raise BadOption(
                f"{', '.join(idle)}: of no use to a {kind}. Expected only {', '.join(sorted(taken))}. Leave the "
                f"other{'s' * (len(idle) > 1)} out."
            )


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What there is to learn from, what was guessed about it, in words and as options, and some cells to be timed."""

    data: Any
    options: Options
    said: str
    cells: Sequence[Any]


@dataclass(frozen=True, kw_only=True)
class Made:
    """What was learnt, its figures on what it had not learnt, and what a person should know about how it came to be."""

    learnt: Learnt
    evaluation: Judged
    notes: tuple[str, ...]


class Kind(Protocol):
    """The verbs of one form."""

    def opened(self, data: Any, options: Options) -> Opened:
        """What `train` is to learn from, read once. Raises: DataError, BadOption."""
        ...

    def train(self, opened: Opened, *, folder: Path | None, work: Path | None, progress: Progress) -> Made:
        """Learn, for a folder whose name it takes and where an earlier one may lie; steps are kept in `work`.

        Raises: DataError, BadOption, PromiseNotSupported.
        """
        ...

    def evaluate(self, learnt: Any, data: Any, *, out_of_scope: Any, out_of_scope_label: str | None) -> Judged:
        """Figures on what it has not learnt. Raises: DataError."""
        ...


def named(folder: Path | None) -> str:
    """What is learnt is called as its folder is."""
    return folder.name if folder else "specialist"


def kind_of(task: str | None) -> Kind:
    """The verbs for a task; without one, those of a specialist, which looks at the answers.

    Raises: BadOption where there is no such task.
    """
    form = SPECIALIST if task is None else lazy.find("tasks", task, "TASK").form
    kind: Kind = lazy.find("kinds", form, "KIND")
    return kind
