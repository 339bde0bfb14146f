"""Pictures to vectors by a network that its user names: an ONNX file, a folder with one, or a name on the hub.

Knows no labels. The network is taken as it is, the mean of what it gives over places is the vector; how it wants to be
shown a picture stands in `preprocessor_config.json` beside it, as the hub has it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from metier.errors import BadOption
from metier.types import Json, Loss, Media, State, Targets, Vectors

HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")
NAMES = ("model.onnx", "onnx/model_quantized.onnx", "onnx/model_int8.onnx", "onnx/model.onnx")
SETTINGS = "preprocessor_config.json"
FILE = "backbone.onnx"
SIDE, MEAN, SPREAD = 224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, where nothing is said
MOST_SIDE = 1024


class BackboneEncoder:
    """Vectors of length one. `BackboneEncoder.build("a/folder")`, `build("net.onnx")`, `build("user/name")`."""

    kind: ClassVar[str] = "backbone.v1"
    head: ClassVar[str] = "kernel"

    def __init__(self, *, onnx: bytes, source: str, side: int, mean: Sequence[float], spread: Sequence[float]) -> None:
        self._onnx, self.source, self.side = onnx, source, side
        self._mean = np.array(mean, np.float32).reshape(3, 1, 1)
        self._spread = np.array(spread, np.float32).reshape(3, 1, 1)

    @classmethod
    def build(cls, source: str) -> Self:
        """The network of a file, a folder or a hub name; only a hub name reaches the network.

        Raises: BadOption where it is none, or not one that takes pictures.
        """
        path = _path(source)
        settings = path.parent / SETTINGS
        if path.parent.name == "onnx" and not settings.exists():
            settings = path.parent.parent / SETTINGS
        side, mean, spread = _settings(settings)
        made = cls(onnx=path.read_bytes(), source=path.stem, side=side, mean=mean, spread=spread)
        try:
            made.encode([Media(array=np.zeros((8, 8, 3), np.uint8), name="black")])
        except BadOption:
            raise
        except Exception as error:  # ONNX Runtime raises what it meets
            raise BadOption(
                f"{source}: cannot be run on a picture: {str(error)[:300]} Expected an ONNX file whole in itself, with "
                "one input (n, 3, height, width) of floats. Export it so, and name that file."
            ) from None
        return made

    @property
    def sees(self) -> int:
        """The pixels a side of what it is shown."""
        return self.side

    @property
    def width(self) -> int:
        """Columns of what `encode` returns."""
        return int(self.encode([Media(array=np.zeros((8, 8, 3), np.uint8), name="black")]).shape[1])

    def fit(self, values: Sequence[Media], targets: Targets, *, loss: Loss = "softmax") -> Self:
        """The encoder as it is: it was trained long before."""
        return self

    def encode(self, values: Sequence[Media]) -> Vectors:
        """Vectors (n, width) float32 of length one, each picture by itself."""
        from metier.encoders.hog import resized

        run, name = self._session
        rows = []
        for value in values:
            shown = value.array if value.large is None else value.large
            picture = np.moveaxis(resized(shown, self.side), -1, 0).astype(np.float32) / np.float32(255)
            found = run(None, {name: ((picture - self._mean) / self._spread)[None]})
            rows.append(_vector(found))
        return np.stack(rows) if rows else np.empty((0, self.width), np.float32)

    @cached_property
    def _session(self) -> tuple[Any, str]:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(self._onnx, options, providers=["CPUExecutionProvider"])
        inputs = session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4:
            shapes = ", ".join(f"{one.name} {one.shape}" for one in inputs)
            raise BadOption(f"{self.source}: takes {shapes}; expected one input (n, 3, height, width) of floats.")
        return session.run, str(inputs[0].name)

    def state(self) -> State:
        """The network, and how it is shown a picture."""
        config: dict[str, Json] = {
            "source": self.source, "side": self.side, "mean": list(map(float, self._mean.ravel())),
            "spread": list(map(float, self._spread.ravel())),
        }  # fmt: skip
        return State(config=config, files={FILE: self._onnx})

    @classmethod
    def restore(cls, state: State) -> Self:
        """The encoder that `state` was taken from."""
        config: dict[str, Any] = dict(state.config)
        return cls(onnx=state.files[FILE], **config)


def _vector(found: Sequence[Any]) -> Vectors:
    """One vector out of what a network gives: its pooled output where it has one, else the mean over places."""
    flat = [one for one in found if getattr(one, "ndim", 0) == 2]
    whole = flat[-1] if flat else found[0]
    if whole.ndim == 4:  # (1, d, h, w)
        whole = whole.mean(axis=(2, 3))
    elif whole.ndim == 3:  # (1, t, d)
        whole = whole.mean(axis=1)
    row = np.asarray(whole[0], np.float32)
    return np.asarray(row / np.maximum(np.linalg.norm(row), np.float32(1e-12)), np.float32)


def _path(source: str) -> Path:
    path = Path(source)
    if path.is_file():
        return path
    if not path.is_dir() and HUB_NAME.fullmatch(source):
        path = _fetched(source)
    for name in NAMES:
        if (path / name).is_file():
            return path / name
    raise BadOption(
        f"{source}: no ONNX file there. Expected a file, or a folder or hub name with {' or '.join(NAMES)}."
    )


def _fetched(name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=[*NAMES, SETTINGS]))
    except OSError as error:
        raise BadOption(f"{name}: no file or folder here, and the hub did not give it: {error}") from error


def _settings(path: Path) -> tuple[int, Sequence[float], Sequence[float]]:
    """Side, mean and spread.

    Raises: BadOption for settings that are none.
    """
    if not path.exists():
        return SIDE, MEAN, SPREAD
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        size = said.get("crop_size") or said.get("size") or SIDE
        if isinstance(size, dict):
            size = size.get("height") or size.get("shortest_edge") or SIDE
        side, mean, spread = int(size), said.get("image_mean") or MEAN, said.get("image_std") or SPREAD
        if not 8 <= side <= MOST_SIDE or len(mean) != 3 or len(spread) != 3 or min(map(float, spread)) <= 0:
            raise ValueError(f"a side of {side}, a mean of {mean}, a spread of {spread}")
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise BadOption(f"{path}: {error}. Expected a size up to {MOST_SIDE}, image_mean and image_std.") from None
    return side, mean, spread


ENCODER: Any = BackboneEncoder
