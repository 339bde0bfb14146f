"""An encoder taught the tags of the words it will read: with torch while it learns, without from then on.

Every word is the mean of its pieces in the last layer, and a linear layer over it says the tag; cross-entropy, hidden
words and the mean of the last steps, as in `encoders/finetuned.py`. Knows no field and no labels.
"""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier import lazy
from metier.encoders.finetuned import Network, descend
from metier.encoders.one_thread import one_thread
from metier.encoders.sentence import WEIGHTS, _folder
from metier.extraction.linear import Layer
from metier.extraction.tagger import Row, Tagger
from metier.extraction.vectors import Part, Pieces, WordVectors

Tensor = Any  # torch is imported only while learning


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How long and how fast to learn; chosen on held-out training folds of NLU++ and WNUT17, see LOG.md."""

    epochs: int = 4
    least_steps: int = 300
    most_steps: int = 4_000
    batch: int = 16
    tokens: int = 128  # of a part, while learning
    rate: float = 2e-4
    head_rate: float = 1e-3
    decay: float = 0.01
    smoothing: float = 0.02
    hidden_words: float = 0.1
    warming: float = 0.1

    def steps(self, parts: int) -> int:
        """How many batches are learnt from so many parts of texts."""
        return int(np.clip(self.epochs * parts // self.batch, self.least_steps, self.most_steps))


def taught(
    source: str | None = None, *, recipe: Recipe | None = None, seed: int = 0
) -> Callable[[Sequence[Row], int], Tagger]:
    """A teacher that tunes the encoder in a folder, of a hub name, or the one installed beside this package.

    Raises: MissingPackage before any work where torch is not installed, BadOption where `source` is no encoder.
    """
    for package in ("torch", "transformers"):
        lazy.need(package, extra="torch", purpose="Fine-tuning a sentence encoder (thorough)")
    start, said = _folder(source, (WEIGHTS,)), recipe or Recipe()

    def teach(rows: Sequence[Row], count: int) -> Tagger:
        with TemporaryDirectory() as place:
            folder = Path(place) / "encoder"
            shutil.copytree(start, folder, ignore=shutil.ignore_patterns("onnx", "openvino", "*.bin", WEIGHTS))
            weights, bias = _tune(start, folder / WEIGHTS, rows, count, said, seed)
            vectors = WordVectors.build(str(folder), layers=None)
        vectors.source = WordVectors.named(source)
        return Tagger(vectors, [Layer(weights=weights, bias=bias, edge=np.zeros(len(weights), np.float32))])

    return teach


@dataclass(frozen=True, kw_only=True)
class _Lesson:
    """Pieces that are read together, and the number of the tag of each word among them."""

    part: Part
    tags: NDArray[np.int64]


def _tune(
    start: Path, path: Path, rows: Sequence[Row], count: int, recipe: Recipe, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Writes to `path` the encoder after learning, and gives the layer that says tags: (d, k) and (k,)."""
    torch = importlib.import_module("torch")
    with one_thread(torch):
        network = Network(torch, start)
        pieces = Pieces((start / "tokenizer.json").read_bytes(), min(network.tokens, recipe.tokens))
        lessons = [_lesson(part, row.path) for row in rows for part in pieces.parts(row.text, row.words)]
        lessons = [lesson for lesson in lessons if len(lesson.tags)]
        random = np.random.default_rng(seed)
        width = int(network.model.config.hidden_size)
        draw = torch.from_numpy(random.normal(0, 0.02, (count, width)).astype(np.float32))
        head = [draw.requires_grad_(), torch.zeros(count, requires_grad=True)]
        _learn(torch, network, head, lessons, recipe, random, pieces.mask)
        network.save(path)
        return head[0].detach().numpy().T.copy(), head[1].detach().numpy()


def _lesson(part: Part, path: Sequence[int]) -> _Lesson:
    """A part with its words counted from 0; a word is in the part where it begins."""
    seen = np.unique(part.words[part.words >= 0])
    words = np.where(part.words >= 0, np.searchsorted(seen, part.words), -1)
    return _Lesson(part=Part(part.ids, words), tags=np.array(path, np.int64)[seen])


def _learn(
    torch: Any,
    network: Network,
    head: Sequence[Tensor],
    lessons: Sequence[_Lesson],
    recipe: Recipe,
    random: np.random.Generator,
    mask: int | None,
) -> None:
    """Moves the weights of network and head to their mean over the last steps."""

    def backward() -> Iterator[None]:
        for some in _batches(lessons, recipe.batch, random):
            ids, words, wanted = _padded(some, network.padding, recipe.hidden_words, mask, random)
            scores = _scores(torch, network, head, torch.from_numpy(ids), words)
            torch.nn.functional.cross_entropy(
                scores, torch.from_numpy(wanted), label_smoothing=recipe.smoothing
            ).backward()
            yield

    groups = network.groups(recipe.rate, recipe.decay)
    groups.append({"params": list(head), "lr": recipe.head_rate, "weight_decay": 0.0})
    descend(torch, groups, backward(), steps=recipe.steps(len(lessons)), warming=recipe.warming)


def _scores(torch: Any, network: Network, head: Sequence[Tensor], ids: Tensor, words: NDArray[np.int64]) -> Tensor:
    """Scores of the tags (w, k) of all words in a batch. Shapes: ids (n, t); words (n, t), counted on, -1 for none."""
    hidden = network.model(input_ids=ids, attention_mask=(ids != network.padding).long()).last_hidden_state
    real = torch.from_numpy(words.ravel() >= 0)
    owner = torch.from_numpy(words.ravel()[words.ravel() >= 0])
    many = int(words.max()) + 1
    sums = torch.zeros(many, hidden.shape[-1]).index_add(0, owner, hidden.reshape(-1, hidden.shape[-1])[real])
    means = sums / torch.bincount(owner, minlength=many).clamp(min=1).unsqueeze(-1)
    return means @ head[0].T + head[1]


def _batches(lessons: Sequence[_Lesson], size: int, random: np.random.Generator) -> Iterator[list[_Lesson]]:
    """Lessons for one step after another, without end; sixteen batches at a time are sorted by length."""
    lengths = np.array([len(lesson.part.ids) for lesson in lessons])
    while True:
        shuffled = random.permutation(len(lessons))
        for start in range(0, len(shuffled), 16 * size):
            some = shuffled[start : start + 16 * size]
            some = some[np.argsort(lengths[some], kind="stable")]
            dealt = [some[i : i + size] for i in range(0, len(some), size)]
            yield from ([lessons[j] for j in dealt[i]] for i in random.permutation(len(dealt)))


def _padded(
    some: Sequence[_Lesson], padding: int, hidden: float, mask: int | None, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Ids (n, t) with some words hidden, the word of each piece counted over the batch (n, t), and their tags (w,)."""
    longest = max(len(lesson.part.ids) for lesson in some)
    ids = np.full((len(some), longest), padding, np.int64)
    words = np.full((len(some), longest), -1, np.int64)
    before = 0
    for i, lesson in enumerate(some):
        own, at = lesson.part.words, slice(0, len(lesson.part.ids))
        veiled = random.random(len(lesson.tags)) < (hidden if mask is not None else 0.0)
        veil = (own >= 0) & veiled[np.maximum(own, 0)]
        ids[i, at] = np.where(veil, mask if mask is not None else 0, lesson.part.ids)
        words[i, at] = np.where(own >= 0, own + before, -1)
        before += len(lesson.tags)
    return ids, words, np.concatenate([lesson.tags for lesson in some])
