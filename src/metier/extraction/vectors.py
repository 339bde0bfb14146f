"""A vector for each word of a text: what a sentence encoder makes of its pieces, with the words around them in view.

Knows no labels. A text longer than the encoder reads at once is read in parts; rows go through the network alone, as in
`encoders/sentence.py` and for its reasons.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from metier.encoders.sentence import SHIPPED, WEIGHTS, _folder, _session, _tokenizer
from metier.extraction.words import Word
from metier.types import State, Vectors

LAYERS = (2, 4, 6)  # of six: early ones still know the word, late ones its place in the sentence; see LOG.md


class Part(NamedTuple):
    """Pieces of a text that are read together, and the word that each belongs to, -1 for none."""

    ids: NDArray[np.int64]
    words: NDArray[np.int64]


class Pieces:
    """Texts to the pieces of an encoder's vocabulary, in parts that it can read at once."""

    def __init__(self, tokenizer: bytes, tokens: int) -> None:
        from tokenizers import Tokenizer

        self._splitter = Tokenizer.from_str(tokenizer.decode("utf-8"))
        self._splitter.no_padding()
        self._splitter.no_truncation()
        known = (self._splitter.token_to_id(token) for token in ("[MASK]", "<mask>"))
        self.mask: int | None = next((token for token in known if token is not None), None)
        self._room = tokens - self._splitter.num_special_tokens_to_add(False)
        framed = self._splitter.encode("").ids
        self._head, self._tail = framed[: (len(framed) + 1) // 2], framed[(len(framed) + 1) // 2 :]

    def parts(self, text: str, words: Sequence[Word]) -> Iterator[Part]:
        """The pieces of a text, in one part where they fit. An unpaired surrogate counts as a question mark."""
        clean = text.encode("utf-16", "replace").decode("utf-16", "replace") if not _whole(text) else text
        encoding = self._splitter.encode(clean, add_special_tokens=False)
        owner = _owners([start for start, _ in encoding.offsets], words)
        for at in range(0, max(len(encoding.ids), 1), self._room):
            ids = encoding.ids[at : at + self._room]
            frame = np.full(len(self._head) + len(ids) + len(self._tail), -1)
            frame[len(self._head) : len(self._head) + len(ids)] = owner[at : at + self._room]
            yield Part(np.array([*self._head, *ids, *self._tail], np.int64), frame)


def _whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _owners(starts: Sequence[int], words: Sequence[Word]) -> NDArray[np.int64]:
    """The word in which each piece begins; pieces may be longer than words, which then share the first's."""
    firsts = np.array([word.start for word in words], np.int64)
    return np.searchsorted(firsts, np.array(starts, np.int64), side="right") - 1


class WordVectors:
    """Vectors of words by an encoder in ONNX; `WordVectors.build()` is the MiniLM installed beside this package."""

    kind: ClassVar[str] = "words.v1"

    def __init__(self, *, onnx: bytes, tokenizer: bytes, tokens: int, width: int, source: str) -> None:
        self.tokens, self.width, self.source = tokens, width, source
        self.onnx, self.tokenizer = onnx, tokenizer
        self._lock = Lock()
        self._ready: tuple[Pieces, Any] | None = None

    @classmethod
    def build(cls, source: str | None = None, *, layers: Sequence[int] | None = LAYERS, int8: bool = True) -> Self:
        """The encoder of a folder or a hub name, or the one installed beside this package for None.

        Raises: MissingPackage where the package is not installed, BadOption where `source` is no encoder.
        """
        from metier.encoders import bert_onnx

        folder = _folder(source, (WEIGHTS,))
        tokens = bert_onnx.tokens_of(folder)
        network = bert_onnx.build(folder, tokens=tokens, layers=layers, int8=int8, pooled=False)
        return cls(
            onnx=network.onnx,
            tokenizer=_tokenizer(folder),
            tokens=tokens,
            width=network.width,
            source=cls.named(source),
        )

    @staticmethod
    def named(source: str | None) -> str:
        """What an encoder is called, without a path of this machine."""
        return SHIPPED if source is None else Path(source).name

    def encode(self, text: str, words: Sequence[Word]) -> Vectors:
        """The mean of the pieces of each word (t, d); a word without a piece of its own has that of the one before."""
        pieces, session = self._ready or self._made()
        sums, counts = np.zeros((len(words), self.width), np.float32), np.zeros(len(words), np.float32)
        for part in pieces.parts(text, words) if words else ():
            states = session.run(None, {"input_ids": part.ids[None]})[0][0]
            real = part.words >= 0
            np.add.at(sums, part.words[real], states[real])
            np.add.at(counts, part.words[real], 1)
        for i in np.flatnonzero(counts == 0):
            sums[i], counts[i] = (sums[i - 1], counts[i - 1]) if i else (0, 1)
        return np.asarray(sums / np.maximum(counts, 1)[:, None], np.float32)

    def state(self) -> State:
        """The two files and the few settings that `restore` needs."""
        return State(
            config={"tokens": self.tokens, "width": self.width, "source": self.source},
            files={"words.onnx": self.onnx, "tokenizer.json": self.tokenizer},
        )

    @classmethod
    def restore(cls, state: State) -> Self:
        """The vectors that `state` was taken from."""
        config: dict[str, Any] = dict(state.config)
        return cls(onnx=state.files["words.onnx"], tokenizer=state.files["tokenizer.json"], **config)

    def _made(self) -> tuple[Pieces, Any]:
        with self._lock:
            if self._ready is None:
                self._ready = Pieces(self.tokenizer, self.tokens), _session(self.onnx)
            return self._ready
