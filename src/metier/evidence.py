"""What speaks for an answer: the parts of the cell that pushed it, and the training rows it is most alike.

Knows domains, encoders and cascades by their seams. A part's push is found by leaving it out, at the stage that gave
the answer; it is what the model would say of another cell, not what causes what in the world.

Source: Zeiler and Fergus 2014, section 4.2, for occlusion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from metier import lazy
from metier.cascade import Cascade, run_stage
from metier.domains.base import Domain, Parted
from metier.encoders.base import Neighbour, Remembering
from metier.errors import BadCell, BadOption
from metier.forms.base import Learnt
from metier.specialist import Specialist
from metier.tasks.base import Task
from metier.types import Floats, Json, Probabilities, Scores, Value

MOST_PARTS, MOST_NEIGHBOURS = 8, 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Push:
    """How much more likely the answer is with a part than without it, or how much larger where it is a number.

    In log-odds, which have no end as a probability has: 0.7 doubles the odds, 2.3 makes them tenfold.
    """

    part: str
    push: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What speaks for and against `answer`: the likeliest label, accepted or not, or the number that is estimated.

    `parts` come strongest first, whichever way they push. `nearest` are training cells, most alike first, and `inside`
    says whether the first is as alike as training rows are to one another; it is None where no encoder keeps its rows.
    For a cell that cannot be read `answer` is None and all else is empty.
    """

    answer: str | None
    parts: tuple[Push, ...] = ()
    nearest: tuple[Neighbour, ...] = ()
    inside: bool | None = None

    def json(self) -> dict[str, Json]:
        """The evidence as plain JSON values, without what this domain does not have."""
        said: dict[str, Json] = {"answer": self.answer}
        if self.parts:
            said["parts"] = [{"part": one.part, "push": round(one.push, 6)} for one in self.parts]
        if self.nearest:
            said["nearest"] = [{"cell": one.cell, "similarity": round(one.similarity, 6)} for one in self.nearest]
        return said if self.inside is None else {**said, "inside": self.inside}


def evidence(specialist: Learnt, cells: Sequence[Any]) -> list[Evidence]:
    """What speaks for each answer, in order; each costs as many predictions as the cell has parts.

    Raises: BadOption for what has no stages to ask.
    """
    if not isinstance(specialist, Specialist):
        raise BadOption(
            f"evidence: the task '{specialist.task}' has none beside its answers. Expected a specialist with labels or "
            "numbers; leave the option out."
        )
    domain = specialist.domain
    task: Task = lazy.find("tasks", specialist.task, "TASK")
    return [_of_cell(specialist, domain, task, cell) for cell in cells]


def _of_cell(specialist: Specialist, domain: Domain, task: Task, cell: Any) -> Evidence:
    try:
        value = domain.read(cell)
    except BadCell:
        return Evidence(answer=None)
    stage = int(specialist.cascade.run([value]).stage[0])
    parts = list(domain.parts(value)) if isinstance(domain, Parted) else []
    told, leant = _at(specialist.cascade, stage, [value, *(without for _, without in parts)])
    answer, column = task.leading(specialist.labels, told[0])
    pushes = [
        Push(part=name, push=float(leant[0, column] - without[column]))
        for (name, _), without in zip(parts, leant[1:], strict=True)
    ]
    nearest, inside = _nearest(specialist.cascade, value)
    return Evidence(
        answer=answer,
        parts=tuple(sorted(pushes, key=lambda one: -abs(one.push))[:MOST_PARTS]),
        nearest=nearest,
        inside=inside,
    )


def _at(cascade: Cascade, stage: int, values: Sequence[Value]) -> tuple[Probabilities, Floats]:
    """What one stage says of all values and how far they lean, so that no difference comes from an exit."""
    scores: Scores | None = None
    for one in cascade.stages[:stage]:
        step = run_stage(one, values, scores)
        scores = step.scores
    return step.probabilities, cascade.stages[stage - 1].calibrator.leanings(step.scores)


def _nearest(cascade: Cascade, value: Value) -> tuple[tuple[Neighbour, ...], bool | None]:
    for stage in cascade.stages:
        if isinstance(stage.encoder, Remembering):
            found = tuple(stage.encoder.nearest(value, MOST_NEIGHBOURS))
            return found, bool(found) and found[0].similarity >= stage.encoder.least_similarity
    return (), None
