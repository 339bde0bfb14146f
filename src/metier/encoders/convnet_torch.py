"""Teaches a small residual network its labels, with torch, one thread and a fixed number of steps.

Pictures and targets in, weights as numpy arrays out. Knows nothing of files or of ONNX; how a picture may be altered
without changing what it shows is told by whoever calls.

Source: Page 2018, "How to Train Your ResNet", and Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds", for the first layer
that whitens patches, the normalisation without a gain and the schedule; Wang et al. 2017, "NormFace", for the cosines;
Szegedy et al. 2016, section 7, for smoothed labels; Izmailov et al. 2018 for the mean of the last steps.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from metier.encoders.convnet_onnx import BLOCKS, EPSILON, F32, fresh
from metier.encoders.one_thread import one_thread
from metier.types import Loss

Tensor = Any  # torch is imported only while learning
Pictures: TypeAlias = NDArray[Any]  # (n, c, h, w), uint8 or float
Altered: TypeAlias = Callable[
    [Pictures, F32, np.random.Generator], tuple[F32, F32]
]  # a batch and its targets, both new

SHARPNESS: dict[Loss, float] = {"softmax": 20.0, "logistic": 10.0, "squared": 4.0}  # what cosines are multiplied by


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How large a network, how long and how fast it learns; chosen on held-out training rows, see LOG.md."""

    widths: tuple[int, int, int] = (32, 64, 128)
    vector: int = 128
    patch: int = 2
    stride: int = 1
    epochs: float = 8
    least_steps: int = 60
    most_steps: int = 1_400  # three to four minutes of one core at 32 pixels
    batch: int = 128
    rate: float = 0.1
    decay: float = 5e-4
    smoothing: float = 0.1
    warming: float = 0.2  # share of the steps in which the rate rises; it falls to 0 over the rest

    def steps(self, rows: int) -> int:
        """How many batches are learnt from `rows` rows."""
        return int(np.clip(np.ceil(self.epochs * rows / self.batch), self.least_steps, self.most_steps))


def teach(
    pictures: Pictures, targets: F32, recipe: Recipe, *, altered: Altered, loss: Loss = "softmax", seed: int = 0
) -> dict[str, F32]:
    """The weights of a network that has learnt these pictures.

    Shapes: pictures (n, c, h, w), targets (n, k).
    """
    torch = importlib.import_module("torch")
    random = np.random.default_rng(seed)
    start = fresh(
        pictures.shape[1], patch=recipe.patch, widths=recipe.widths, vector=recipe.vector, labels=targets.shape[1],
        seed=seed,
    )  # fmt: skip
    start |= _whitening(pictures, recipe.patch, random)
    with one_thread(torch):
        network = _Network(torch, start, recipe.stride)
        _learn(torch, network, pictures, targets, recipe, altered, loss, random)
        network.settle(pictures[random.permutation(len(pictures))[:2048]])
        return network.weights()


class _Network:
    """The layers as torch runs them; the normalisation is by batch while it learns."""

    def __init__(self, torch: Any, start: dict[str, F32], stride: int) -> None:
        self._torch, self._stride = torch, stride
        self._held = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in start.items()}
        frozen = ("stem", "_mean", "_variance")
        self.learning = {
            name: tensor.requires_grad_() for name, tensor in self._held.items() if not name.endswith(frozen)
        }
        self._found: dict[str, tuple[Tensor, Tensor]] | None = None  # statistics of one batch, while settling
        # convolutions in 16 bits where the processor has them: nearly twice as fast, and the weights keep their 32
        self._short = torch.cpu.get_capabilities().get("avx512_bf16", False)

    def cosines(self, x: Tensor) -> Tensor:
        """Cosine of each picture to each centre (n, k)."""
        functional, w = self._torch.nn.functional, self._held
        with self._torch.autocast("cpu", dtype=self._torch.bfloat16, enabled=self._short and self._found is None):
            pooled = self._pooled(x).float()
        vectors = functional.normalize(functional.linear(pooled, w["embed"], w["embed_bias"]), dim=-1)
        return vectors @ functional.normalize(w["centres"], dim=-1).T

    def _pooled(self, x: Tensor) -> Tensor:
        """What the convolutions see (n, c), over the whole picture."""
        functional, w = self._torch.nn.functional, self._held
        x = x.contiguous(memory_format=self._torch.channels_last)
        x = functional.relu(functional.conv2d(x, w["stem"], w["stem_bias"], stride=self._stride))
        for i in range(BLOCKS):
            x = functional.max_pool2d(functional.conv2d(x, w[f"wide{i}"], padding=1), 2)
            x = functional.relu(self._normal(x, f"wide{i}"))
            x = x + functional.relu(self._normal(functional.conv2d(x, w[f"deep{i}"], padding=1), f"deep{i}"))
        return x.mean(dim=(2, 3)) + x.amax(dim=(2, 3))

    def _normal(self, x: Tensor, name: str) -> Tensor:
        if self._found is not None:
            self._found[name] = (x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3), unbiased=False))
        bias = self._held[f"{name}_bias"]
        # a gain of one, given because torch takes no bias alone
        gain = self._torch.ones_like(bias)
        return self._torch.nn.functional.batch_norm(x, None, None, gain, bias, training=True, eps=EPSILON)

    def settle(self, pictures: Pictures) -> None:
        """Fixes the statistics at those of unaltered pictures, as they will be when it answers."""
        batches = np.array_split(pictures, max(1, len(pictures) // 256))
        sums: dict[str, list[Tensor]] = {}
        with self._torch.no_grad():
            for batch in batches:
                self._found = {}
                self.cosines(self._torch.from_numpy(_floats(batch)))
                for name, (mean, variance) in self._found.items():
                    held = sums.setdefault(name, [self._torch.zeros_like(mean), self._torch.zeros_like(mean)])
                    held[0] += mean / len(batches)
                    held[1] += variance / len(batches)
            for name, (mean, variance) in sums.items():
                self._held[f"{name}_mean"], self._held[f"{name}_variance"] = mean, variance
        self._found = None

    def weights(self) -> dict[str, F32]:
        """All of them, the centres of length one."""
        arrays = {name: tensor.detach().contiguous().numpy().copy() for name, tensor in self._held.items()}
        arrays["centres"] /= np.linalg.norm(arrays["centres"], axis=1, keepdims=True)
        return arrays


def _learn(
    torch: Any,
    network: _Network,
    pictures: Pictures,
    targets: F32,
    recipe: Recipe,
    altered: Altered,
    loss: Loss,
    random: np.random.Generator,
) -> None:
    """Moves the weights to their mean over the last steps."""
    steps, weights = recipe.steps(len(pictures)), list(network.learning.values())
    size = min(recipe.batch, max(8, len(pictures) // 2))  # of few rows, none is seen twice in one step
    spread = [w for name, w in network.learning.items() if w.ndim > 1 and name != "centres"]
    others = [w for name, w in network.learning.items() if w.ndim <= 1 or name == "centres"]
    groups: list[dict[str, Any]] = [
        {"params": spread, "weight_decay": recipe.decay},
        {"params": others, "weight_decay": 0.0},
    ]
    optimiser = torch.optim.SGD(groups, lr=recipe.rate, momentum=0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps, recipe.warming))
    averaged: list[Tensor] = []
    for step, rows in zip(range(steps), _batches(len(pictures), size, random), strict=False):
        batch, wanted = altered(pictures[rows], targets[rows], random)
        cosines = network.cosines(torch.from_numpy(batch))
        _cost(torch, SHARPNESS[loss] * cosines, torch.from_numpy(wanted), loss, recipe.smoothing).backward()
        torch.nn.utils.clip_grad_norm_(weights, 2.0)
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
        with torch.no_grad():
            if not averaged and step >= 3 * steps // 4:
                averaged = [weight.clone() for weight in weights]
            elif averaged:
                torch._foreach_lerp_(averaged, weights, min(1.0, 20 / steps))
    with torch.no_grad():
        torch._foreach_copy_(weights, averaged)


def _cost(torch: Any, scores: Tensor, wanted: Tensor, loss: Loss, smoothing: float) -> Tensor:
    functional = torch.nn.functional
    if loss == "softmax":
        return functional.cross_entropy(scores, wanted, label_smoothing=smoothing)
    known = ~torch.isnan(wanted)
    filled = torch.where(known, wanted, torch.zeros_like(wanted))
    if loss == "logistic":
        each = functional.binary_cross_entropy_with_logits(
            scores, filled * (1 - smoothing) + smoothing / 2, reduction="none"
        )
    else:
        each = (scores - filled) ** 2
    return (each * known).sum() / known.sum().clamp(min=1)


def _batches(n: int, size: int, random: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Rows for one step after another, without end; every batch is full, the normalisation needs it."""
    waiting = np.zeros(0, np.int64)
    while True:
        while len(waiting) < size:
            waiting = np.concatenate([waiting, random.permutation(n)])
        yield waiting[:size]
        waiting = waiting[size:]


def _rate(step: int, steps: int, warming: float) -> float:
    """Share of the full rate at a step: up in a line, then down to 0 in another."""
    rise = max(1, round(warming * steps))
    return min((step + 1) / rise, (steps - step) / max(1, steps - rise))


def _whitening(pictures: Pictures, patch: int, random: np.random.Generator) -> dict[str, F32]:
    """A first layer whose outputs are uncorrelated: the directions of small patches, each with its negative."""
    some = _floats(pictures[random.permutation(len(pictures))[:1024]])
    windows = np.lib.stride_tricks.sliding_window_view(some, (patch, patch), axis=(2, 3))  # (n, c, h', w', p, p)
    patches = np.moveaxis(windows, 1, 3)[:, ::patch, ::patch].reshape(-1, some.shape[1] * patch * patch)
    patches = patches - patches.mean(axis=0)
    covariance = (patches.T @ patches).astype(np.float64) / len(patches)
    values, directions = np.linalg.eigh(covariance)
    values = np.maximum(values, 1e-2 * values.max() + 1e-6)
    rows = (directions / np.sqrt(values)).T.astype(np.float32).reshape(-1, some.shape[1], patch, patch)
    return {"stem": np.ascontiguousarray(np.concatenate([rows, -rows]))}


def _floats(pictures: Pictures) -> F32:
    """Bytes to about -2 to 2; floats as they are."""
    if pictures.dtype == np.uint8:
        return (pictures.astype(np.float32) - 127.5) / np.float32(64)
    return np.ascontiguousarray(pictures, np.float32)
