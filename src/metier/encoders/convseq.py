"""Sequences to vectors by a small dilated convolutional network: with torch while it learns, without from then on.

Letters come in one-hot, pass a wide convolution and residual ones that each look twice as far, and are pooled over the
sequence. What the network says of each target is among its columns, beside the vector it says it from, since no
head finds as good directions again. One sequence runs at a time, without padding. Knows no head.

Source: Yu and Koltun 2016 for dilation; Alipanahi et al. 2015, "DeepBind", for convolutions over letters.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from metier import lazy
from metier.encoders.alphabets import ALPHABETS, DNA, Alphabet
from metier.encoders.one_thread import one_thread
from metier.errors import BadOption
from metier.types import Labels, Loss, State, Targets, Vectors

Tensor = Any  # torch is imported only while learning, and where it is not installed there is nothing to check against

LONGEST = 4_096  # letters; of a longer sequence the beginning and the end are looked at
PLACE = np.float32(0.3)  # how much the vector counts beside what the network says itself
FIRST, LATER = 9, 5  # width of the kernels
DILATIONS = (1, 2, 4, 8)
LETTERS_AT_ONCE = 16_384  # of one step, padding among them


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How wide the network is, and how long and fast it learns."""

    channels: int = 48
    epochs: int = 30
    least_steps: int = 300
    most_steps: int = 3_000
    batch: int = 64
    rate: float = 2e-3
    decay: float = 1e-2
    dropout: float = 0.2
    smoothing: float = 0.1
    warming: float = 0.1  # share of the steps in which the rate rises; it falls to 0 over the rest

    def steps(self, rows: int) -> int:
        """How many batches are learnt from `rows` rows."""
        return int(np.clip(math.ceil(self.epochs * rows / self.batch), self.least_steps, self.most_steps))


class ConvseqEncoder:
    """Sequences to dense vectors: 0.3 long, then what the network says of each target; unfitted it gives nothing.

    `ConvseqEncoder.build(DNA)` makes one that can learn. Same rows, targets and seed: same bytes, on one thread.
    """

    kind: ClassVar[str] = "convseq.v1"
    head: ClassVar[str] = "linear"

    def __init__(
        self,
        alphabet: Alphabet = DNA,
        *,
        graph: bytes = b"",
        width: int = 0,
        recipe: Recipe | None = None,
        seed: int = 0,
    ) -> None:
        self._alphabet, self._graph, self._width = alphabet, graph, width
        self._recipe, self._seed = recipe or Recipe(), seed

    @classmethod
    def build(cls, alphabet: Alphabet, *, recipe: Recipe | None = None, seed: int = 0) -> Self:
        """An encoder yet to be fitted.

        Raises: MissingPackage before any work where torch is not installed.
        """
        lazy.need("torch", extra="torch", purpose="A network over sequences (thorough; --effort standard does without)")
        return cls(alphabet, recipe=recipe, seed=seed)

    @property
    def width(self) -> int:
        """Columns of what `encode` returns."""
        return self._width

    def fit(self, values: Sequence[str], targets: Targets, *, loss: Loss = "softmax") -> Self:
        """The encoder after learning. Shapes: n values, targets (n, k).

        Raises: BadOption where it has learnt already.
        """
        if self._graph:
            raise BadOption(
                "This network has learnt. Expected one from ConvseqEncoder.build(). Build one and fit that."
            )
        torch = importlib.import_module("torch")
        inputs = [self._one_hot(value) for value in values]
        with one_thread(torch):
            weights = _learnt(torch, inputs, targets, loss, self._recipe, self._seed)
        graph = _graph(weights, loss)
        width = weights["last.weight"].shape[1] + targets.shape[1]
        return type(self)(self._alphabet, graph=graph, width=width, recipe=self._recipe, seed=self._seed)

    def encode(self, values: Sequence[str]) -> Vectors:
        """Vectors (n, width), one sequence at a time."""
        encoded = np.zeros((len(values), self._width), np.float32)
        if self._graph:
            for row, value in zip(encoded, values, strict=True):
                row[:] = self._session.run(None, {"letters": self._one_hot(value)[None]})[0][0]
        return encoded

    @cached_property
    def _session(self) -> Any:
        onnxruntime = importlib.import_module("onnxruntime")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(self._graph, options, providers=["CPUExecutionProvider"])

    def _one_hot(self, value: str) -> NDArray[np.float32]:
        """(letters, t); codes that stand for several letters are shared among none."""
        if len(value) > LONGEST:
            value = value[: LONGEST // 2] + value[-LONGEST // 2 :]
        codes = self._alphabet.codes(value)
        letters = len(self._alphabet.letters)
        found = np.zeros((letters, len(codes)), np.float32)
        known = np.flatnonzero(codes < letters)
        found[codes[known], known] = 1
        return found

    def state(self) -> State:
        """The alphabet, and the graph as a file."""
        files = {"convseq.onnx": self._graph} if self._graph else {}
        return State(config={"alphabet": self._alphabet.name, "width": self._width}, files=files)

    @classmethod
    def restore(cls, state: State) -> Self:
        """The encoder that `state` was taken from."""
        config: dict[str, Any] = dict(state.config)
        return cls(ALPHABETS[config["alphabet"]], graph=state.files.get("convseq.onnx", b""), width=config["width"])


class _Network:
    """The layers as torch runs them while they learn; `present` keeps padding at zero, as if it were not there."""

    def __init__(self, torch: Any, letters: int, targets: int, recipe: Recipe, seed: int) -> None:
        self._torch, self._dropout = torch, recipe.dropout
        self._random = torch.Generator().manual_seed(seed)
        c = recipe.channels

        def weight(*shape: int) -> Tensor:
            drawn = torch.randn(shape, generator=self._random) * math.sqrt(2 / math.prod(shape[1:]))
            return drawn.requires_grad_()

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(shape).requires_grad_()

        self.weights = {"first.weight": weight(c, letters, FIRST), "first.bias": zeros(c)}
        for dilation in DILATIONS:
            self.weights |= {f"{dilation}.weight": weight(c, c, LATER), f"{dilation}.bias": zeros(c)}
        # small, so that learning begins from saying the same of every row
        self.weights |= {"last.weight": (0.1 * weight(targets, 2 * c)).detach().requires_grad_()}
        self.weights |= {"last.bias": zeros(targets)}

    def scores(self, letters: Tensor, present: Tensor) -> Tensor:
        """Scores (n, k). Shapes: letters (n, l, t), present (n, 1, t)."""
        w, functional = self.weights, self._torch.nn.functional
        hidden = functional.relu(functional.conv1d(letters, w["first.weight"], w["first.bias"], padding="same"))
        hidden = hidden * present
        for dilation in DILATIONS:
            seen = functional.conv1d(
                hidden, w[f"{dilation}.weight"], w[f"{dilation}.bias"], padding="same", dilation=dilation
            )
            hidden = (hidden + functional.relu(seen)) * np.float32(math.sqrt(0.5)) * present
        mean = hidden.sum(-1) / present.sum(-1)
        pooled = self._torch.cat([mean, hidden.amax(-1)], dim=-1)  # (n, 2 c)
        kept = self._torch.rand(pooled.shape, generator=self._random) >= self._dropout
        return functional.linear(pooled * kept / (1 - self._dropout), w["last.weight"], w["last.bias"])


def _learnt(
    torch: Any, inputs: Sequence[NDArray[np.float32]], targets: Targets, loss: Loss, recipe: Recipe, seed: int
) -> dict[str, NDArray[np.float32]]:
    """The weights after learning, the mean of those of the last steps."""
    network = _Network(torch, len(inputs[0]), targets.shape[1], recipe, seed)
    learning = list(network.weights.values())
    optimiser = torch.optim.AdamW(learning, lr=recipe.rate, weight_decay=recipe.decay)
    steps = recipe.steps(len(inputs))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps, recipe.warming))
    averaged: list[Tensor] = []
    for step, rows in zip(range(steps), _batches(inputs, recipe.batch, seed), strict=False):
        for some in _parts(inputs, rows):
            letters, present = _padded(torch, [inputs[i] for i in some])
            wrong = _wrong(torch, network.scores(letters, present), torch.from_numpy(targets[some]), loss, recipe)
            (wrong / len(rows)).backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
        with torch.no_grad():
            if not averaged and step >= steps // 2:
                averaged = [weight.clone() for weight in learning]
            elif averaged:
                torch._foreach_lerp_(averaged, learning, min(1.0, 8 / steps))
    return {name: weight.detach().numpy() for name, weight in zip(network.weights, averaged, strict=True)}


def _wrong(torch: Any, scores: Tensor, wanted: Tensor, loss: Loss, recipe: Recipe) -> Tensor:
    """The sum of what is wrong with these scores; gaps are right whatever is said of them."""
    functional = torch.nn.functional
    if loss == "softmax":
        return functional.cross_entropy(scores, wanted, label_smoothing=recipe.smoothing, reduction="sum")
    known = ~torch.isnan(wanted)
    wanted = torch.nan_to_num(wanted)
    if loss == "logistic":
        smooth = (1 - recipe.smoothing) * wanted + recipe.smoothing / 2
        return (functional.binary_cross_entropy_with_logits(scores, smooth, reduction="none") * known).sum()
    return (functional.smooth_l1_loss(scores, wanted, reduction="none") * known).sum()


def _rate(step: int, steps: int, warming: float) -> float:
    """Share of the full rate at a step: up in a line, then down to 0 in another."""
    rise = max(1, round(warming * steps))
    return min((step + 1) / rise, (steps - step) / max(1, steps - rise))


def _batches(inputs: Sequence[NDArray[np.float32]], size: int, seed: int) -> Iterator[Labels]:
    """Rows for one step after another, without end."""
    random = np.random.default_rng(seed)
    while True:
        order = random.permutation(len(inputs))
        yield from (order[start : start + size] for start in range(0, len(order), size))


def _parts(inputs: Sequence[NDArray[np.float32]], rows: Labels) -> list[Labels]:
    """The rows in parts that fit into memory together, those of like length beside one another."""
    lengths = np.array([inputs[i].shape[1] for i in rows])
    rows = rows[np.argsort(lengths, kind="stable")]
    return np.array_split(rows, max(1, min(len(rows), math.ceil(len(rows) * int(lengths.max()) / LETTERS_AT_ONCE))))


def _padded(torch: Any, inputs: Sequence[NDArray[np.float32]]) -> tuple[Tensor, Tensor]:
    longest = max(one.shape[1] for one in inputs)
    letters = np.zeros((len(inputs), len(inputs[0]), longest), np.float32)
    present = np.zeros((len(inputs), 1, longest), np.float32)
    for i, one in enumerate(inputs):
        letters[i, :, : one.shape[1]] = one
        present[i, 0, : one.shape[1]] = 1
    return torch.from_numpy(letters), torch.from_numpy(present)


def _graph(weights: dict[str, NDArray[np.float32]], loss: Loss) -> bytes:
    """The network as ONNX, from letters (1, l, t) to the columns of the encoder (1, 2 c + k)."""
    from onnx import TensorProto, checker, helper, numpy_helper

    constants = {**weights, "half": np.array(math.sqrt(0.5), np.float32), "place": np.array(PLACE)}
    nodes: list[Any] = []

    def add(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    seen = add("Conv", ["letters", "first.weight", "first.bias"], "first", pads=[FIRST // 2] * 2)
    hidden = add("Relu", [seen], "hidden")
    for dilation in DILATIONS:
        pads = [dilation * (LATER // 2)] * 2
        names = [hidden, f"{dilation}.weight", f"{dilation}.bias"]
        seen = add("Conv", names, f"{dilation}.seen", pads=pads, dilations=[dilation])
        both = add("Add", [hidden, add("Relu", [seen], f"{dilation}.relu")], f"{dilation}.both")
        hidden = add("Mul", [both, "half"], f"{dilation}.hidden")
    mean = add("GlobalAveragePool", [hidden], "mean")
    largest = add("GlobalMaxPool", [hidden], "largest")
    pooled = add("Flatten", [add("Concat", [mean, largest], "pooled", axis=1)], "vector")
    scores = add("Gemm", [pooled, "last.weight", "last.bias"], "scores", transB=1)
    said = {"softmax": "Softmax", "logistic": "Sigmoid", "squared": "Identity"}[loss]
    scores = add(said, [scores], "said")
    unit = add("LpNormalization", [pooled], "unit", axis=1, p=2)
    add("Concat", [add("Mul", [unit, "place"], "placed"), scores], "columns", axis=1)
    letters, width = weights["first.weight"].shape[1], weights["last.weight"].shape[1] + len(weights["last.bias"])
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "convseq",
            [helper.make_tensor_value_info("letters", TensorProto.FLOAT, [1, letters, "t"])],
            [helper.make_tensor_value_info("columns", TensorProto.FLOAT, [1, width])],
            [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    checker.check_model(model)
    graph: bytes = model.SerializeToString(deterministic=True)
    return graph


ENCODER: Any = ConvseqEncoder
