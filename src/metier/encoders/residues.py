"""Sequences to dense vectors: what they are made of, and which letter stands at which place.

Made of: shares of letters, of pairs and (in classes, or on two strands) triples, and scales of the letters along the
sequence. Places: where all training sequences have one length, those where they differ; else so many from either end.
Letters alike lie near one another, so that a change never seen is judged by those that were. How much either counts is
what predicts best of rows left out. Knows no head, but that it compares directions.

Source: Bhaskaran et al. 1996 and Sandberg et al. 1998 for scales at places; Shen et al. 2007 for triples of classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metier.encoders.alphabets import ALPHABETS, DNA, Alphabet
from metier.encoders.principal import Principal
from metier.types import Loss, State, Targets, Vectors

MOST_PLACES = 64
MOST_DIRECTIONS = 256
LAGS = (1, 2, 3, 4)
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of what it is made of; the rest is places
SHARPNESS, RIDGE = 3.0, 0.03  # of the kernel head, for which the share is chosen
MOST_ROWS = 600  # to choose it from
TRIPLES = 0.5  # how much triples count beside letters and pairs, and the scales beside all of them
SCALES = 0.1

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]


class ResiduesEncoder:
    """Sequences to dense vectors of length one."""

    kind = "residues.v1"
    head = "kernel"

    def __init__(
        self,
        alphabet: Alphabet = DNA,
        *,
        places: I64 | None = None,
        share: float = 1.0,
        principal: Principal | None = None,
    ) -> None:
        self._alphabet, self._share = alphabet, share
        # counted from the start, or where below 0 from the end
        self._places = np.zeros(0, np.int64) if places is None else places
        self._principal = principal or Principal.empty()

    @property
    def width(self) -> int:
        """Columns of what `encode` returns."""
        return self._principal.width

    def fit(self, values: Sequence[str], targets: Targets, *, loss: Loss = "softmax") -> Self:
        """An encoder that knows the places that differ, and how much they count."""
        places = _differing(values)
        made, placed = self._made_of(values), self._placed(values, places)
        share = _best_share(made, placed, targets) if len(places) else 1.0
        fitted = type(self)(self._alphabet, places=places, share=share)
        fitted._principal = Principal.plain(_joined(made, placed, share), MOST_DIRECTIONS)
        return fitted

    def encode(self, values: Sequence[str]) -> Vectors:
        """Vectors (n, width)."""
        if not self.width:
            return np.empty((len(values), 0), np.float32)
        joined = _joined(self._made_of(values), self._placed(values, self._places), self._share)
        return _unit(self._principal.turned(joined))

    def _placed(self, values: Sequence[str], places: I64) -> F32:
        """The letters at the places (n, places * letters), of length one where all are known."""
        letters = len(self._alphabet.letters)
        placed = np.zeros((len(values), len(places), letters), np.float32)
        for row, value in zip(placed, values, strict=True):
            codes = np.frombuffer(value.encode("ascii", "replace"), np.uint8)
            at = np.where(places < 0, places + len(codes), places)
            there = (at >= 0) & (at < len(codes))
            row[there] = self._alphabet.places[codes[at[there]]]
        return placed.reshape(len(values), len(places) * letters) / np.float32(np.sqrt(max(len(places), 1)))

    def _made_of(self, values: Sequence[str]) -> F32:
        """Shares and scales (n, d), each row of length one."""
        rows = [_made(self._alphabet, value) for value in values]
        width = len(_made(self._alphabet, self._alphabet.letters))
        return _unit(np.stack(rows) if rows else np.empty((0, width), np.float32))

    def state(self) -> State:
        """The alphabet, the places, their share and the directions."""
        return State(
            config={"alphabet": self._alphabet.name, "share": self._share},
            arrays={"places": self._places, **self._principal.arrays()},
        )

    @classmethod
    def restore(cls, state: State) -> Self:
        """The encoder that `state` was taken from.

        Raises: ValueError where its arrays do not fit one another.
        """
        config: dict[str, Any] = dict(state.config)
        alphabet, places = ALPHABETS[config["alphabet"]], np.asarray(state.arrays["places"], np.int64)
        principal = Principal.restore(state.arrays)
        expected = len(_made(alphabet, alphabet.letters)) + len(places) * len(alphabet.letters)
        if principal.width and len(principal.mean) != expected:
            raise ValueError(f"{len(principal.mean)} columns for {len(places)} places; {expected} were expected")
        return cls(alphabet, places=places, share=float(config["share"]), principal=principal)


def _made(alphabet: Alphabet, value: str) -> F32:
    """Roots of the shares of letters, pairs and triples, so that their products compare distributions; then scales."""
    codes, letters = alphabet.codes(value), len(alphabet.letters)
    classes = len(alphabet.classes) or letters
    of_class = alphabet.class_of[codes] if alphabet.classes else codes
    sizes = (letters, letters**2, classes**3)
    scales = alphabet.scaled.shape[1]
    made = np.zeros(sum(sizes) + scales * (2 + len(LAGS)) + 1, np.float32)
    ends = np.cumsum(sizes)
    ones, twos, threes, told = np.split(made, ends)
    for out, some, size, base in ((ones, codes, 1, letters), (twos, codes, 2, letters), (threes, of_class, 3, classes)):
        _roots_of_shares(some, size, base, alphabet.two_strands, out)
    threes *= np.float32(TRIPLES)
    _along(codes, alphabet.scaled, told)
    told *= np.float32(SCALES)
    return made


@njit(cache=True, nogil=True)
def _roots_of_shares(codes: U8, size: int, letters: int, two_strands: bool, out: F32) -> None:
    """The root of the share of each word of so many letters, on both strands where there are two (letters ** size,)."""
    top = letters ** (size - 1)
    forward, backward, known, total = 0, 0, 0, 0
    for code in codes:
        if code >= letters:
            forward, backward, known = 0, 0, 0
            continue
        forward = (forward % top) * letters + code
        backward = backward // letters + (letters - 1 - code) * top
        known += 1
        if known >= size:
            out[forward] += 1
            total += 1
            if two_strands:
                out[backward] += 1
                total += 1
    for i in range(len(out)):
        out[i] = np.sqrt(out[i] / np.float32(max(total, 1)))


@njit(cache=True, nogil=True)
def _along(codes: U8, scaled: F32, out: F32) -> None:
    """Mean and spread of each scale, how like letters a few places apart are, and the length."""
    letters, scales = scaled.shape
    for s in range(scales):
        count, total, squares = 0, np.float32(0), np.float32(0)
        for code in codes:
            if code < letters:
                count += 1
                total += scaled[code, s]
                squares += scaled[code, s] ** 2
        mean = total / max(count, 1)
        out[s] = mean
        out[scales + s] = np.sqrt(np.maximum(squares / max(count, 1) - mean * mean, 0.0))
        for at, lag in enumerate(LAGS):
            pairs, products = 0, np.float32(0)
            for i in range(len(codes) - lag):
                if codes[i] < letters and codes[i + lag] < letters:
                    pairs += 1
                    products += scaled[codes[i], s] * scaled[codes[i + lag], s]
            out[(2 + at) * scales + s] = products / max(pairs, 1)
    out[-1] = np.log1p(len(codes)) / 4


def _differing(values: Sequence[str]) -> I64:
    """The places worth looking at."""
    lengths = {len(value) for value in values}
    if len(lengths) > 1:
        half = min(MOST_PLACES // 2, max(lengths))
        return np.concatenate([np.arange(half), np.arange(-half, 0)])
    letters = np.stack([np.frombuffer(value.encode("ascii", "replace"), np.uint8) for value in values])  # (n, t)
    shares = np.stack([(letters == letter).mean(axis=0) for letter in np.unique(letters)])
    variety = -(shares * np.log(np.maximum(shares, 1e-12))).sum(axis=0)
    most = np.argsort(-variety, kind="stable")[:MOST_PLACES]
    return np.sort(most[variety[most] > 0]).astype(np.int64)


def _best_share(made: F32, placed: F32, targets: Targets) -> float:
    """The share that predicts best what is left out, by the kernel that the head will use."""
    some = slice(None, None, -(-len(made) // MOST_ROWS))
    wanted = np.where(np.isnan(targets), 0, targets)[some].astype(np.float64)
    wanted = (wanted - wanted.mean(axis=0)) / np.maximum(wanted.std(axis=0), 1e-9)
    alike_made, alike_placed = made[some] @ made[some].T, placed[some] @ placed[some].T
    wrong = []
    for share in SHARES:
        kernel = np.exp(SHARPNESS * (share * alike_made + (1 - share) * alike_placed - 1)).astype(np.float64)
        inverse = np.linalg.inv(kernel + RIDGE * np.eye(len(kernel)))
        wrong.append(float((((inverse @ wanted) / np.diag(inverse)[:, None]) ** 2).mean()))
    return SHARES[int(np.argmin(wrong))]


def _joined(made: F32, placed: F32, share: float) -> F32:
    return np.hstack([np.float32(np.sqrt(share)) * made, np.float32(np.sqrt(1 - share)) * placed])


def _unit(vectors: F32) -> F32:
    lengths = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    return np.asarray(vectors / np.maximum(lengths, 1e-9), np.float32)


ENCODER: Any = ResiduesEncoder
