"""What crosses the gateway: an Ask, an Answer, and the troubles that keep one from becoming the other.

Knows no protocol and no specialist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from metier.errors import MetierError
from metier.types import Decision, Json, Vectors

Role: TypeAlias = Literal["ask", "correct", "operate"]  # each may do what stands before it
ServedBy: TypeAlias = Literal["specialist", "upstream", "nobody"]
Fallback: TypeAlias = Literal["abstain", "upstream", "error"]

ROLES: tuple[Role, ...] = ("ask", "correct", "operate")
AUTO = "auto"  # the model that is whichever specialist's trade it is


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who asks: the id of the key, never the key, whose it is, and what it may do."""

    key: str
    role: Role
    owner: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """Cells to be decided, and how to find who decides them.

    `model` is a name, `name@version`, `auto` or None; without one that is known, `question` and `options` may name a
    specialist. `options`, where a caller states them, are the only labels it will take, in its order. `instructions`
    are what an upstream is told beside the cell.
    """

    cells: Sequence[Any]
    model: str | None = None
    question: str | None = None
    options: tuple[str, ...] | None = None
    instructions: str = ""
    protocol: str = ""
    id: str = ""
    caller: Caller | None = None
    deadline: float | None = None  # as time.monotonic() counts
    private: bool = False  # its cells are kept elsewhere, where they can be erased, and nowhere else


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of one cell: the decision, and the calibrated probability of every label where there are labels."""

    decision: Decision
    probabilities: Mapping[str, float]
    served_by: ServedBy = "specialist"
    id: str = ""  # by which feedback names it


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One outcome for each cell, and whose they are."""

    id: str
    model: str  # the specialist's name, or what was asked for where none was found
    version: str
    task: str
    labels: Sequence[str]
    outcomes: Sequence[Outcome]
    milliseconds: float

    @property
    def served(self) -> str:
        """`name@version`, as answers are signed."""
        return f"{self.model}@{self.version}" if self.version else self.model

    @property
    def headers(self) -> dict[str, str]:
        """What every protocol says of an answer outside its body; of several outcomes, of the least sure one."""
        if not self.outcomes:
            return {"x-served-by": "nobody", "x-model-version": self.served}
        least = min(self.outcomes, key=lambda outcome: (outcome.decision.accepted, outcome.decision.probability))
        said = {
            "x-served-by": least.served_by,
            "x-model-version": self.served,
            "x-confidence": f"{least.decision.probability:.6f}",
        }
        reason = least.decision.reason
        return said if reason is None else {**said, "x-abstain-reason": reason}


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedded:
    """Vectors (n, width) of texts, and whose encoder they come from."""

    model: str
    version: str
    vectors: Vectors
    headers: Mapping[str, str] = field(default_factory=dict)


class Trouble(MetierError):
    """Why an ask gets no answer: a status as HTTP has them, a word for programs, a sentence for people."""

    status, code = 500, "internal_error"

    def __init_subclass__(cls, *, status: int, code: str) -> None:
        super().__init_subclass__()
        cls.status, cls.code = status, code

    def __init__(self, message: str, *, param: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.param, self.retry_after = param, retry_after


class BadRequest(Trouble, status=400, code="invalid_request"):
    """The body is not what the protocol says."""


class NotAllowed(Trouble, status=401, code="invalid_api_key"):
    """No key, or an unknown one."""


class Forbidden(Trouble, status=403, code="insufficient_role"):
    """A key of a lesser role."""


class UnknownModel(Trouble, status=404, code="model_not_found"):
    """No specialist of that name, and no upstream to step back to."""


class UnknownPath(Trouble, status=404, code="not_found"):
    """No such address here."""


class WrongMethod(Trouble, status=405, code="method_not_allowed"):
    """The address is asked in another way."""

    def __init__(self, message: str, *, allowed: Sequence[str]) -> None:
        super().__init__(message)
        self.allowed = allowed


class TooLarge(Trouble, status=413, code="too_large"):
    """More bytes, rows or levels than are read."""


class Unanswerable(Trouble, status=422, code="unprocessable"):
    """Well said, and not for this specialist: another kind of cell, or an abstention where errors are asked for."""


class Overloaded(Trouble, status=429, code="overloaded"):
    """The queue is full; the caller is told when to come again."""


class Unavailable(Trouble, status=503, code="unavailable"):
    """Not ready, draining, or nobody left to ask."""


class TooLate(Trouble, status=504, code="deadline_exceeded"):
    """The caller's deadline passed."""


def json_of(outcome: Outcome) -> dict[str, Json]:
    """An outcome as plain JSON: the decision, and who made it."""
    return {"id": outcome.id, **outcome.decision.json(), "served_by": outcome.served_by}
