"""The values that travel between the parts, and nothing that computes.

Knows no domain, no task, no file format. Shape letters: n rows, d width, k labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

Json: TypeAlias = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Value: TypeAlias = Any  # what a domain's `read` makes of a cell: str for text, an array for an image
Vectors: TypeAlias = NDArray[np.float32]  # (n, d), dense
Scores: TypeAlias = NDArray[np.float32]  # (n, k), any real number
Probabilities: TypeAlias = NDArray[np.float32]  # (n, k); rows sum to 1 where exactly one label is right
Targets: TypeAlias = NDArray[np.float32]  # (n, k), what a head should say; NaN is a gap
Truth: TypeAlias = NDArray[Any]  # n rows, as their task has them: positions (n,), 0, 1 and gaps (n, k), numbers (n,)
Labels: TypeAlias = NDArray[np.int64]  # (n,), positions in a specialist's list of labels
Floats: TypeAlias = NDArray[np.float64]
Effort: TypeAlias = Literal["quick", "standard", "thorough"]
Loss: TypeAlias = Literal[
    "softmax", "logistic", "squared"
]  # what a head's scores are for: one label, several, a number
Reason: TypeAlias = Literal["out_of_scope", "unsure", "bad_input"]

SHOWN_TEXT = 160  # characters of a passage beside its name
EFFORTS: tuple[Effort, ...] = ("quick", "standard", "thorough")


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Sparse vectors, row after row, for encoders whose width is far larger than what one value touches.

    Column 0 is reserved: it carries the length of whatever in the value was never seen in training.

    Shapes: starts (n + 1,) int64, columns (nnz,) int32, weights (nnz,) float32.
    Row i is columns[starts[i] : starts[i + 1]].
    """

    starts: NDArray[np.int64]
    columns: NDArray[np.int32]
    weights: NDArray[np.float32]
    width: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    def take(self, chosen: NDArray[np.int64]) -> Rows:
        """The chosen rows, in the order asked for."""
        lengths = np.diff(self.starts)[chosen]
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        # position of every kept weight in the old arrays: the row's old start plus its place in the row
        places = np.arange(starts[-1]) + np.repeat(self.starts[chosen] - starts[:-1], lengths)
        return Rows(starts=starts, columns=self.columns[places], weights=self.weights[places], width=self.width)


Encoded: TypeAlias = Vectors | Rows


def take(encoded: Encoded, chosen: NDArray[np.int64]) -> Encoded:
    """The chosen rows of dense or sparse vectors."""
    return encoded.take(chosen) if isinstance(encoded, Rows) else encoded[chosen]


@dataclass(frozen=True, kw_only=True, eq=False)
class Media:
    """A picture, a sound or a clip as an array, and what it was called where it came from.

    Shapes: a picture (h, w, 3) uint8, a sound (t,) float32, a clip (t, h, w, 3) uint8.
    """

    array: NDArray[Any]
    name: str
    large: NDArray[Any] | None = None  # a picture in more detail, for encoders that see so much

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Media) and self.name == other.name and np.array_equal(self.array, other.array)

    def __hash__(self) -> int:
        return hash((self.name, self.array.tobytes()))

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, kw_only=True)
class Packed:
    """A file that came in an archive: its path there, and its bytes."""

    path: str
    data: bytes

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True, kw_only=True)
class State:
    """What a part needs to come back: config as JSON, arrays as safetensors, files as they are."""

    config: Mapping[str, Json] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A figure with the range it may lie in: `Interval(value=0.941, low=0.932, high=0.949, rows=3080)`."""

    value: float
    low: float
    high: float
    rows: int

    def __str__(self) -> str:
        return f"{self.value:.1%} ({self.low:.1%} to {self.high:.1%}, n={self.rows:,})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One answer that may be right, with its calibrated probability."""

    label: str
    probability: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """An answer with its probability and candidates, or an abstention with its reason.

    `label` is None exactly when `accepted` is false: an abstention never carries a default. The best guess of an unsure
    decision is the first of `candidates`. `probability` is that of the best candidate, `scope` says how much the input
    looks like what was learnt (the share of training rows that look less so, 0 to 1), `stage` counts from 1 and is 0
    when the input could not be read. `microseconds` is the row's share of the time its batch took.
    """

    label: str | None
    probability: float
    accepted: bool
    reason: Reason | None
    scope: float
    candidates: tuple[Candidate, ...]
    stage: int
    microseconds: float
    error: str | None = None

    @classmethod
    def unread(cls, problem: str) -> Self:
        """The abstention for a cell that could not be read."""
        return cls(
            label=None,
            probability=0.0,
            accepted=False,
            reason="bad_input",
            scope=0.0,
            candidates=(),
            stage=0,
            microseconds=0.0,
            error=problem,
        )

    def words(self) -> str:
        """The answer as a person reads it, whether it is given as one or not."""
        return self.label if self.label is not None else "none"

    def json(self) -> dict[str, Json]:
        """The decision as plain JSON values, in the order people read it."""
        row: dict[str, Json] = {
            "label": self.label,
            "probability": round(self.probability, 6),
            "accepted": self.accepted,
            "reason": self.reason,
            "scope": round(self.scope, 6),
            "candidates": [{"label": c.label, "probability": round(c.probability, 6)} for c in self.candidates],
            "stage": self.stage,
            "microseconds": round(self.microseconds, 1),
        }
        return row if self.error is None else {**row, "error": self.error}


@dataclass(frozen=True, kw_only=True, slots=True)
class Marked:
    """One label that stands by itself: how probable it is, and whether it is there; None where that is not sure."""

    label: str
    probability: float
    there: bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Marking(Decision):
    """An answer of several labels: `labels` holds each of them with its probability.

    `label` joins those that are there with "|", and is None when not one of all is sure; `probability` is how sure the
    least sure of them is, and `candidates` are those that are not sure.
    """

    labels: tuple[Marked, ...] = ()

    def words(self) -> str:
        """The labels that are there."""
        there = [mark.label for mark in self.labels if mark.there]
        return ", ".join(there) if there else "none of its labels"

    def json(self) -> dict[str, Json]:
        """The decision as plain JSON values, in the order people read it."""
        return {
            "label": self.label,
            "labels": {m.label: {"probability": round(m.probability, 6), "there": m.there} for m in self.labels},
            **{name: value for name, value in Decision.json(self).items() if name not in ("label", "candidates")},
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate(Decision):
    """A number and the interval it lies in with `probability`; None where the cell could not be read.

    `label` is the number as text, and None exactly when it is no answer.
    """

    estimate: float | None = None
    low: float | None = None
    high: float | None = None

    def words(self) -> str:
        """The number and its interval."""
        if self.estimate is None:
            return "none"
        return f"{self.estimate:.4g} ({self.low:.4g} to {self.high:.4g})"

    def json(self) -> dict[str, Json]:
        """The decision as plain JSON values, in the order people read it."""
        numbers: dict[str, Json] = {name: getattr(self, name) for name in ("estimate", "low", "high")}
        rest = {name: value for name, value in Decision.json(self).items() if name not in ("label", "candidates")}
        return {**numbers, **rest}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered(Decision):
    """A passage that answers a question: `label` is its name, `heading` and `text` what the best candidate says.

    They are shown for an abstention, too, and are no answer then.
    """

    heading: str = ""
    text: str = ""

    def words(self) -> str:
        """The name of the passage, and how its text begins."""
        if self.label is None:
            return "none"
        text = " ".join(self.text.split())
        return f"{self.label}\n{text if len(text) <= SHOWN_TEXT else text[: SHOWN_TEXT - 1] + '…'}"

    def json(self) -> dict[str, Json]:
        """The decision as plain JSON values."""
        told = Decision.json(self)
        return {"label": told.pop("label"), "heading": self.heading, "text": self.text, **told}


class Span(NamedTuple):
    """Characters of a text from `start` up to `end`, and what they are."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A span of a text: what it says, what that is worth, how probable it is, and whether it is an answer."""

    start: int
    end: int
    label: str
    text: str
    value: Json
    probability: float
    accepted: bool

    def json(self) -> dict[str, Json]:
        """The span as plain JSON values."""
        return {
            "start": self.start, "end": self.end, "label": self.label, "text": self.text, "value": self.value,
            "probability": round(self.probability, 6), "accepted": self.accepted,
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Extraction(Decision):
    """What was found in a text: `spans` holds each with its probability, in the order they stand there.

    `label` names the spans that are answers, as "[amount](£50) [person](Ana)", is empty where the answer is that there
    are none, and None where not one of those found is sure. `probability` is that of the least sure answer, or that
    there is nothing to find; `candidates` are the spans that are not sure.
    """

    spans: tuple[Found, ...] = ()

    def words(self) -> str:
        """The spans that are answers, one beside the other."""
        return ", ".join(f"{one.label}: {one.text}" for one in self.spans if one.accepted) or "nothing"

    def kinds(self) -> str:
        """The labels of the answers, or of all that was found where none is sure: nothing of the text itself."""
        return " ".join(f"[{one.label}]" for one in self.spans if one.accepted or self.label is None)

    def json(self) -> dict[str, Json]:
        """The decision as plain JSON values, in the order people read it."""
        told = {name: value for name, value in Decision.json(self).items() if name != "candidates"}
        return {"label": told.pop("label"), "spans": [one.json() for one in self.spans], **told}


@dataclass(frozen=True, kw_only=True)
class Input:
    """A column that is read, and what its cells are: `Input(column="age", domain="number")`."""

    column: str
    domain: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """Named columns of equal length, cells as they came: text, numbers, or None where the file had a gap."""

    columns: Mapping[str, Sequence[Any]]
    source: str = "memory"
    first_row: int = 1  # the number of the first row as a person counts them, for errors
    problems: Mapping[int, str] = field(default_factory=dict)  # position of a row that could not be parsed -> why
    folder: Path | None = None  # where the file of the table lies, and names of files in its cells begin

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def replaced(self, column: str, cells: Sequence[Any]) -> Table:
        """The table with other cells in one column."""
        return replace(self, columns={**self.columns, column: cells})

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows as dictionaries, in order."""
        names = list(self.columns)
        for cells in zip(*self.columns.values(), strict=True):
            yield dict(zip(names, cells, strict=True))

    def take(self, chosen: Sequence[int] | NDArray[np.int64]) -> Table:
        """The chosen rows, in the order asked for."""
        kept = {name: [cells[i] for i in chosen] for name, cells in self.columns.items()}
        problems = {place: self.problems[int(i)] for place, i in enumerate(chosen) if int(i) in self.problems}
        return replace(self, columns=kept, problems=problems)


@dataclass(frozen=True, kw_only=True)
class Passed:
    """Where each row left, and with what.

    Shapes: probabilities (n, k) as the calibrator of that stage gives them, confidence (n,) as it sees it, scope (n,),
    stage (n,) counted from 1.
    """

    probabilities: Probabilities
    confidence: NDArray[np.float32]
    scope: Floats
    stage: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """What a cascade says about n rows, as arrays; `Decision` is one row of it for people.

    Shapes: probabilities (n, k) calibrated, of the stage the row left at; scope (n,) 0 to 1; stage (n,) counted from 1,
    0 for a cell that could not be read; in_scope and accepted (n,) bool; candidates (n, k) bool, the conformal set.
    Where the answer is a number, probabilities are (n, 4): low, estimate, high and the share that lies between. Where
    labels stand by themselves, candidates are those not sure enough to be answered.
    """

    probabilities: Probabilities
    scope: Floats
    stage: NDArray[np.int64]
    in_scope: NDArray[np.bool_]
    accepted: NDArray[np.bool_]
    candidates: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.stage)
