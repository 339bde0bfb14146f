"""Pictures, and sounds as pictures of their pitch over time, to vectors with a small network taught their labels.

Taught with torch, one thread and a fixed number of steps; run by ONNX Runtime from a graph of our own from then on. Its
own scores are columns beside its vector, since no head finds such good centres again: to a head the rows learnt from
look surer than any other. Knows neither the other stages nor the head that will read its vectors.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from functools import cached_property
from threading import Lock
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from metier.encoders import spectrum
from metier.errors import BadOption, MissingPackage
from metier.types import Effort, Loss, Media, Probabilities, State, Vectors

F32 = NDArray[np.float32]
Sense = Literal["sight", "hearing"]

# How much the place of a picture counts beside its cosines; as in encoders/finetuned.py.
PLACE = np.float32(0.3)
SMALL, LARGE = 32, 64  # pixels a side: the network sees pictures that are mostly small, or mostly not
FEWEST_FRAMES, MOST_FRAMES = 32, 128  # of a sound, 10 ms each: what is seen at once
MOST_WINDOWS = 8  # of a longer sound, spread over it
MIRRORS_LOSE = 0.1  # of what is right: where mirrored pictures are recognised worse than that, none is mirrored


class Sight:
    """Pictures as they are, of one size; moved, mirrored where that changes nothing, and with a part hidden."""

    channels = 3

    def __init__(self, side: int = SMALL, *, mirrored: bool = False) -> None:
        self.side, self.mirrored = side, mirrored
        self.size = (side, side)
        self.stride = side // SMALL

    @classmethod
    def suited(cls, values: Sequence[Media], targets: F32) -> Self:
        """The size that suits these pictures, and whether a mirror shows the same thing."""
        from metier.encoders.hog import resized

        longest = np.median([max(value.array.shape[:2]) for value in values])
        small = np.stack([resized(value.array, 16) for value in values[:4000]])
        mirrored = _same_in_a_mirror(small.astype(np.float32) / np.float32(255), targets[:4000])
        return cls(SMALL if longest <= 1.25 * SMALL else LARGE, mirrored=mirrored)

    def pictures(self, values: Sequence[Media]) -> NDArray[np.uint8]:
        from metier.encoders.hog import resized

        pictures = np.empty((len(values), 3, *self.size), np.uint8)
        for picture, value in zip(pictures, values, strict=True):
            picture[:] = np.moveaxis(resized(value.array, self.side), -1, 0)
        return pictures

    def windows(self, value: Media) -> F32:
        return _floats(self.pictures([value]))

    def altered(self, pictures: NDArray[Any], targets: F32, random: np.random.Generator) -> tuple[F32, F32]:
        n, side = len(pictures), self.side
        room, hole = side // 8, side // 4
        padded = np.pad(pictures, ((0, 0), (0, 0), (room, room), (room, room)), mode="reflect")
        out = np.empty(pictures.shape, pictures.dtype)
        moves = random.integers(0, 2 * room + 1, (n, 2))
        flips = random.random(n) < (0.5 if self.mirrored else 0)
        holes = random.integers(0, side, (n, 2))
        for i, ((down, right), (y, x)) in enumerate(zip(moves.tolist(), holes.tolist(), strict=True)):
            moved = padded[i, :, down : down + side, right : right + side]
            out[i] = moved[:, :, ::-1] if flips[i] else moved
            out[i, :, max(0, y - hole // 2) : y + hole // 2, max(0, x - hole // 2) : x + hole // 2] = 127
        return _floats(out), targets

    def state(self) -> dict[str, Any]:
        """What `__init__` takes."""
        return {"side": self.side, "mirrored": self.mirrored}


class Hearing:
    """Loudness by pitch and time; stretched, raised or lowered in pitch, coloured, masked and mixed."""

    channels = 1
    stride = 2

    def __init__(self, frames: int = FEWEST_FRAMES) -> None:
        self.frames = frames
        self.size = (spectrum.BANDS, frames)

    @classmethod
    def suited(cls, values: Sequence[Media], targets: F32) -> Self:
        """As many frames as nine of ten of these sounds have."""
        lengths = [len(value.array) / spectrum.STEP for value in values]
        frames = int(np.ceil(np.quantile(lengths, 0.9) / 16)) * 16
        return cls(int(np.clip(frames, FEWEST_FRAMES, MOST_FRAMES)))

    def pictures(self, values: Sequence[Media]) -> NDArray[np.float16]:
        pictures = np.empty((len(values), 1, *self.size), np.float16)
        for picture, value in zip(pictures, values, strict=True):
            windows = self.windows(value)
            picture[0] = windows[len(windows) // 2, 0]
        return pictures

    def windows(self, value: Media) -> F32:
        bands = spectrum.log_mel(value.array).T  # (BANDS, t)
        t, wanted = bands.shape[1], self.frames
        if t <= wanted:
            window = np.full((1, 1, *self.size), -2, np.float32)
            start = (wanted - t) // 2
            window[0, 0, :, start : start + t] = bands
            return window
        count = min(-(-t // wanted), MOST_WINDOWS)
        starts = np.linspace(0, t - wanted, count).round().astype(int)
        return np.ascontiguousarray(np.stack([bands[None, :, at : at + wanted] for at in starts]))

    def altered(self, pictures: NDArray[Any], targets: F32, random: np.random.Generator) -> tuple[F32, F32]:
        n, bands, frames = len(pictures), *self.size
        out = self._warped(pictures, random)
        out += (
            random.uniform(-0.4, 0.4, (n, 1, 1, 1)).astype(np.float32)
            * np.linspace(-1, 1, bands, dtype=np.float32)[:, None]
        )
        np.maximum(out, random.uniform(-2, -0.6, (n, 1, 1, 1)).astype(np.float32), out=out)  # as in a noisier room
        for i in range(n):
            for _ in range(2):
                width = random.integers(0, 10)
                at = random.integers(0, bands - width)
                out[i, 0, at : at + width] = -2
            width = random.integers(0, frames // 6 + 1)
            at = random.integers(0, frames - width)
            out[i, 0, :, at : at + width] = -2
        share = random.beta(0.3, 0.3, n).astype(np.float32)
        share = np.where(random.random(n) < 0.5, np.maximum(share, 1 - share), 1).astype(np.float32)
        other = random.permutation(n)
        mixed = share[:, None, None, None] * out + (1 - share)[:, None, None, None] * out[other]
        return mixed, share[:, None] * targets + (1 - share)[:, None] * targets[other]

    def _warped(self, pictures: NDArray[Any], random: np.random.Generator) -> F32:
        """Each picture as if spoken faster or slower, earlier or later, by a larger or smaller body."""
        torch = importlib.import_module("torch")
        n, bands, frames = len(pictures), *self.size
        speed, raised = random.uniform(0.8, 1.25, n), np.exp(random.uniform(-0.25, 0.25, n))
        later = random.uniform(-0.15, 0.15, n)
        across = np.linspace(-1, 1, frames) * speed[:, None] + later[:, None]  # (n, frames), -1 to 1
        pitch = spectrum.hertz_of(np.arange(bands, dtype=np.float64))
        up = spectrum.band_of(pitch * raised[:, None]) / (bands - 1) * 2 - 1  # (n, bands)
        grid = np.empty((n, bands, frames, 2), np.float32)
        grid[..., 0], grid[..., 1] = across[:, None, :], up[:, :, None]
        source = torch.from_numpy(pictures.astype(np.float32) + 2)  # silence is 0, and so is what lies outside
        warped = torch.nn.functional.grid_sample(source, torch.from_numpy(grid), align_corners=True)
        return np.asarray(warped.numpy() - np.float32(2))

    def state(self) -> dict[str, Any]:
        """What `__init__` takes."""
        return {"frames": self.frames}


# how large a network, and how long it learns; the rest is the same for all
RECIPES: dict[tuple[Sense, Effort], dict[str, Any]] = {
    ("sight", "standard"): {"widths": (32, 64, 128), "epochs": 12, "most_steps": 3_750},
    ("sight", "thorough"): {"widths": (64, 128, 256), "epochs": 20, "most_steps": 6_250},
    ("hearing", "standard"): {"widths": (16, 32, 64), "batch": 64, "epochs": 15, "most_steps": 600},
    ("hearing", "thorough"): {"widths": (32, 64, 128), "batch": 64, "epochs": 40, "most_steps": 3_000},
}
FRONTS: dict[Sense, type[Sight] | type[Hearing]] = {"sight": Sight, "hearing": Hearing}


class ConvnetEncoder:
    """A network whose `fit` returns one taught by the targets.

    Columns: the vector of the picture, 0.3 long, then its cosine to the centre of each label; unfitted, its weights are
    drawn at random, and it costs what it will cost. `ConvnetEncoder.build("sight")` takes pictures, `build("hearing")`
    sounds. Same rows, targets and seed: same bytes, because each fit keeps to one thread; several fits may run beside
    one another.
    """

    kind: ClassVar[str] = "convnet.v1"
    head: ClassVar[str] = "linear"

    def __init__(
        self,
        sense: Sense,
        front: Sight | Hearing,
        network: bytes,
        width: int,
        *,
        recipe: Any = None,
        seed: int = 0,
    ) -> None:
        self.sense, self.width = sense, width
        self._front, self._network, self._recipe, self._seed = front, network, recipe, seed
        self._lock = Lock()

    @classmethod
    def build(cls, sense: Sense, *, effort: Effort = "standard", recipe: Any = None, seed: int = 0) -> Self:
        """An encoder yet to be fitted.

        Raises: MissingPackage before any work where torch is not installed.
        """
        if importlib.util.find_spec("torch") is None:
            raise MissingPackage(
                "Teaching a network (standard and thorough) needs the package 'torch', which is not installed. "
                "Run: pip install 'metier[torch]', or train without a network: --effort quick"
            )
        from metier.encoders.convnet_onnx import build, fresh
        from metier.encoders.convnet_torch import Recipe

        recipe = recipe or Recipe(**RECIPES[sense, effort])
        front = FRONTS[sense]()
        weights = fresh(
            front.channels, patch=recipe.patch, widths=recipe.widths, vector=recipe.vector, labels=2, seed=seed
        )
        network = build(weights, size=front.size, stride=front.stride)
        return cls(sense, front, network, recipe.vector + 2, recipe=recipe, seed=seed)

    def fit(self, values: Sequence[Media], targets: Probabilities, *, loss: Loss = "softmax") -> Self:
        """The encoder after learning. Shapes: n values, targets (n, k).

        Raises: BadOption where there is nothing to start from, because this one came out of an artifact.
        """
        if self._recipe is None:
            raise BadOption(
                "This encoder was restored and has no recipe to learn by. Expected one from ConvnetEncoder.build(). "
                "Build one and fit that."
            )
        from dataclasses import replace

        from metier.encoders.convnet_onnx import build
        from metier.encoders.convnet_torch import teach

        front = FRONTS[self.sense].suited(values, targets)
        recipe = replace(self._recipe, stride=front.stride)
        weights = teach(
            front.pictures(values), np.array(targets, np.float32), recipe, altered=front.altered, loss=loss,
            seed=self._seed,
        )  # fmt: skip
        network = build(weights, size=front.size, stride=front.stride)
        width = weights["embed"].shape[0] + weights["centres"].shape[0]
        return type(self)(self.sense, front, network, width, recipe=self._recipe, seed=self._seed)

    def signs(self, values: Sequence[Media]) -> Vectors:
        """How a sound is made, for the scope; a picture has none."""
        if self.sense == "sight":
            return np.zeros((len(values), 0), np.float32)
        return spectrum.signs([value.array for value in values])

    def encode(self, values: Sequence[Media]) -> Vectors:
        """Vectors (n, d + k) float32, each row the same bytes whatever is beside it."""
        encoded = np.empty((len(values), self.width), np.float32)
        for row, value in zip(encoded, values, strict=True):
            windows = self._front.windows(value)
            row[:] = 0
            for window in windows:
                vector, scores = self._session.run(None, {"picture": window[None]})
                d = vector.shape[1]
                row[:d] += PLACE / len(windows) * vector[0]
                row[d:] += scores[0] / np.float32(len(windows))
        return encoded

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(self._network, options, providers=["CPUExecutionProvider"])

    def state(self) -> State:
        """The network and what it sees."""
        config = {"sense": self.sense, "width": self.width, "front": self._front.state()}
        return State(config=config, files={"convnet.onnx": self._network})

    @classmethod
    def restore(cls, state: State) -> Self:
        """The encoder that `state` was taken from."""
        config: dict[str, Any] = dict(state.config)
        front = FRONTS[config["sense"]](**config["front"])
        return cls(config["sense"], front, state.files["convnet.onnx"], config["width"])


def _floats(pictures: NDArray[np.uint8]) -> F32:
    """Bytes to about -2 to 2."""
    return (pictures.astype(np.float32) - np.float32(127.5)) / np.float32(64)


def _same_in_a_mirror(pictures: F32, targets: F32) -> bool:
    """Whether what was learnt from one half of the pictures knows the other half as well in a mirror.

    Ridge regression on small grey pixels and their edges: enough to tell a "b" from a "d", and cheap.
    """
    if len(pictures) < 40:
        return False
    known = np.nan_to_num(targets)
    half = len(pictures) // 2
    order = np.random.default_rng(0).permutation(len(pictures))
    learnt, held = order[:half], order[half:]

    def rows(some: F32) -> F32:
        grey = some.mean(axis=3)
        flat = np.concatenate(
            [grey, np.abs(np.diff(grey, axis=1, append=0)), np.abs(np.diff(grey, axis=2, append=0))], 1
        )
        return flat.reshape(len(some), -1)

    x = rows(pictures[learnt])
    centre = x.mean(axis=0)
    x = x - centre
    weights = np.linalg.solve(
        x.T @ x + np.float32(0.05 * len(x)) * np.eye(x.shape[1], dtype=np.float32), x.T @ known[learnt]
    )
    right = [
        (((rows(some) - centre) @ weights).argmax(axis=1) == known[held].argmax(axis=1)).mean()
        for some in (pictures[held], pictures[held][:, :, ::-1])
    ]
    return bool(right[1] >= (1 - MIRRORS_LOSE) * right[0])


ENCODER: Any = ConvnetEncoder
