"""A contract that cannot be broken is none: each check is shown parts that break it."""

from __future__ import annotations

import itertools
import runpy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

from metier.errors import BadCell, BadOption
from metier.tasks.base import Answers
from metier.tasks.classify import Classify
from metier.testing import ContractBroken, check_calibrator, check_domain, check_encoder, check_head, check_task
from metier.types import Encoded, Loss, Probabilities, Scores, State, Table, Targets, Vectors

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
WORDS = ("card", "loan", "pin")
NOISE = itertools.count(1)


class Words:
    """A sound encoder: which of three words a text holds."""

    kind = "words.v1"
    width = 3

    def fit(self, values: Sequence[str], targets: Targets, *, loss: Loss) -> Self:
        return self

    def encode(self, values: Sequence[str]) -> Vectors:
        return np.array([[word in value for word in WORDS] for value in values], np.float32).reshape(-1, 3)

    def state(self) -> State:
        return State()

    @classmethod
    def restore(cls, state: State) -> Self:
        return cls()


class Texts:
    """A sound domain around it."""

    name = "texts"
    needs = ()
    sample = Table(
        columns={"input": [f"my {w} {i}" for w in ("card", "loan") for i in range(4)], "target": list("ccccllll")}
    )

    def likely(self, cells: Sequence[Any]) -> float:
        return sum(isinstance(cell, str) for cell in cells) / max(len(cells), 1)

    def read(self, cell: Any) -> str:
        if not isinstance(cell, str):
            raise BadCell(f"{cell!r} is no text. Give a string.")
        return cell

    def group(self, values: Sequence[str]) -> Any:
        return np.unique(np.array(values), return_inverse=True)[1].astype(np.int64)

    def encoders(self, effort: str) -> Sequence[Any]:
        return [Words()]


class Centres:
    """A sound head: how near each label's mean is."""

    kind = "centres.v1"

    def __init__(self, centres: Any = None) -> None:
        self.centres = centres

    def fit(self, encoded: Encoded, targets: Targets, *, loss: Loss, seed: int) -> Self:
        if not isinstance(encoded, np.ndarray):
            raise BadOption("centres take dense vectors. Use another head.")
        return type(self)((np.nan_to_num(targets).T @ encoded).astype(np.float32))

    def scores(self, encoded: Any) -> Scores:
        return (
            np.stack([(self.centres * row).sum(1) for row in encoded]) if len(encoded) else np.zeros((0, 3), np.float32)
        )

    def state(self) -> State:
        return State(arrays={"centres": self.centres})

    @classmethod
    def restore(cls, state: State) -> Self:
        return cls(state.arrays["centres"])


def test_sound_parts_pass() -> None:
    check_encoder(Words(), ["my card", "my pin", ""])
    check_domain(Texts())  # type: ignore[arg-type]
    check_head(Centres())


def test_the_example_domain_passes() -> None:
    module = runpy.run_path(str(EXAMPLES / "amount.py"))
    check_domain(module["DOMAIN"], bad_cells=(None, 5, "", "five pounds", "£", "£1,00", "£1.5", "£1 or so"))


def broken(sound: type, **members: Any) -> Any:
    return type("Broken", (sound,), members)()


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"kind": "words"}, r"kind: 'words'; name and version"),
        ({"width": 4}, r"encode: shape \(3, 3\); \(3, 4\) was expected"),
        ({"encode": lambda self, v: Words.encode(self, v).astype(float)}, "encode: float64; float32"),
        ({"encode": lambda self, v: Words.encode(self, v) / 0}, "encode: inf or nan"),
        ({"encode": lambda self, v: Words.encode(self, v) * len(v)}, "value 0 gave other bytes alone than in a batch"),
        ({"state": lambda self: State(config={"a": (1, 2)})}, "not plain JSON"),  # type: ignore[dict-item]
        ({"state": lambda self: State(files={"../up": b""})}, "will not do as names of files"),
        ({"state": lambda self: State(arrays={"a": np.array([None])})}, "hold Python objects"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_an_encoder_that_breaks_its_promise(members: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractBroken, match=message):
        check_encoder(broken(Words, **members), ["my card", "my pin", "card"])


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"name": "my texts"}, "name: 'my texts'"),
        ({"sample": Table(columns={"input": ["a"], "target": ["b"]})}, "sample: 1 rows; eight"),
        ({"read": lambda self, cell: str(cell)}, "read: None became 'None'; BadCell was expected"),
        ({"likely": lambda self, cells: 2.0}, "likely: 2.0"),
        ({"likely": lambda self, cells: 0.2}, "above 0.5 was expected"),
        ({"group": lambda self, values: np.arange(len(values))}, "equal values lie in different groups"),
        ({"encoders": lambda self, effort: []}, "encoders: none at quick"),
    ],
)
def test_a_domain_that_breaks_its_promise(members: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractBroken, match=message):
        check_domain(broken(Texts, **members))


def test_a_refusal_says_why() -> None:
    def read(self: Any, cell: Any) -> str:
        if cell is None:
            raise BadCell("no")
        return str(cell)

    with pytest.raises(ContractBroken, match="does not say why"):
        check_domain(broken(Texts, read=read))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"scores": lambda self, x: -Centres.scores(self, x)}, "right on three labels"),
        ({"scores": lambda self, x: Centres.scores(self, x) + np.float32(len(x))}, "alone than in a batch"),
        ({"state": lambda self: State(arrays={"centres": np.round(self.centres, 1)})}, "restore: "),
        (
            {"fit": lambda self, x, y, loss, seed: Centres.fit(self, x, y * next(NOISE), loss=loss, seed=0)},
            "same rows and seed",
        ),
    ],
)
def test_a_head_that_breaks_its_promise(members: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractBroken, match=message):
        check_head(broken(Centres, **members))


class Sharpness:
    """A sound calibrator: one number for each head, from a short list."""

    kind = "sharpness.v1"

    def __init__(self, number: float = 1.0) -> None:
        self.number = number

    @classmethod
    def fit(cls, scores: Scores, labels: Any) -> Self:
        losses = {
            number: -np.log(cls(number).probabilities(scores)[np.arange(len(labels)), labels]).mean()
            for number in (0.125, 0.25, 0.5, 1.0)
        }
        return cls(min(losses, key=lambda number: losses[number]))

    def probabilities(self, scores: Scores) -> Probabilities:
        raised = np.exp(self.number * (scores[0] - scores[0].max(axis=1, keepdims=True)))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)

    def leanings(self, scores: Scores) -> Any:
        return self.number * (scores[0].astype(np.float64) - scores[0].mean(axis=1, keepdims=True))

    def state(self) -> State:
        return State(config={"number": self.number})

    @classmethod
    def restore(cls, state: State) -> Self:
        return cls(float(str(state.config["number"])))


def test_a_sound_calibrator_passes() -> None:
    check_calibrator(Sharpness)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"probabilities": lambda self, s: 2 * Sharpness.probabilities(self, s)}, "outside 0 to 1"),
        ({"probabilities": lambda self, s: Sharpness.probabilities(self, s) / 2}, "does not sum to 1"),
        ({"probabilities": lambda self, s: Sharpness.probabilities(self, s)[:, ::-1]}, "order of the scores"),
        ({"fit": classmethod(lambda cls, s, y: cls(1.0))}, "on overconfident scores"),
        ({"restore": classmethod(lambda cls, state: cls(0.3))}, "restore: "),
        ({"leanings": lambda self, s: self.probabilities(s)}, "leanings: equal where scores differ"),
    ],
)
def test_a_calibrator_that_breaks_its_promise(members: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractBroken, match=message):
        check_calibrator(type(broken(Sharpness, **members)))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"name": "to classify"}, "name: 'to classify'"),
        (
            {"learn": lambda self, a, source, columns=(): Answers(names=("a", "a"), truth=np.zeros(len(a), np.int64))},
            "different names",
        ),
        ({"targets": lambda self, a: 2 * Classify.targets(self, a)}, "targets: some lie outside 0 to 1"),
        ({"targets": lambda self, a: Classify.targets(self, a)[:, 1:]}, r"targets: shape \(30, 2\); \(30, 3\)"),
        ({"decisions": lambda self, n, p, m: Classify.decisions(self, n, p, m)[1:]}, "decisions: 3 for 4 rows"),
        ({"decisions": lambda self, n, p, m: Classify.decisions(self, n, p, 2 * m)}, "microseconds 5.0; "),
        (
            {"decisions": lambda self, n, p, m: [replace(d, label="card") for d in Classify.decisions(self, n, p, m)]},
            "label True; accepted False",
        ),
    ],
)
def test_a_task_that_breaks_its_promise(members: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractBroken, match=message):
        check_task(broken(Classify, **members))


def test_a_task_that_learns_from_nothing_is_found() -> None:
    def learn(self: Any, answers: Sequence[str], source: str, columns: Sequence[str] = ()) -> Answers:
        names, truth = np.unique(np.array(answers), return_inverse=True)
        return Answers(names=tuple(names.tolist()), truth=truth.astype(np.int64))

    with pytest.raises(ContractBroken, match="one row was enough; TooFewRows was expected"):
        check_task(broken(Classify, learn=learn))
