"""The contracts of the parts as functions, so that yours are held to what ours are: `check_domain(DOMAIN)`.

Each check raises ContractBroken at the first promise that is not kept, and says which. Knows no part by name.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from metier.domains.base import Domain
from metier.encoders.base import Encoder
from metier.errors import BadCell, BadOption, MissingPackage
from metier.heads.base import Head
from metier.types import Effort, Encoded, Labels, Probabilities, Rows, Scores, State, Value, take

KIND = re.compile(r"[a-z][a-z0-9_-]*\.v[1-9][0-9]*")
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
HEAVY = ("torch", "sklearn", "scipy", "polars", "onnx", "onnxruntime", "numba", "matplotlib")
LABELS, ROWS, WIDTH = 3, 90, 24  # of the rows that heads are tried on


class ContractBroken(AssertionError):
    """The part does not do what the message says it should; its `base.py` has the promise in full."""


class Calibrator(Protocol):
    """Scores of one or several heads to probabilities: m times (n, k) to (n, k)."""

    kind: str

    @classmethod
    def fit(cls, scores: Sequence[Scores], labels: Labels) -> Self:
        """The calibrator that suits these out-of-fold scores."""
        ...

    def probabilities(self, scores: Sequence[Scores]) -> Probabilities:
        """Calibrated probabilities (n, k)."""
        ...

    def state(self) -> State:
        """Everything `restore` needs to give equal probabilities again."""
        ...

    @classmethod
    def restore(cls, state: State) -> Self:
        """The calibrator that `state` was taken from."""
        ...


def check_domain(
    domain: Domain,
    *,
    bad_cells: Sequence[Any] = (None, object()),
    efforts: Sequence[Effort] = ("quick", "standard"),
) -> None:
    """Hold a domain to its seven members: sample, cells read and refused, groups, encoders, and a light import.

    `bad_cells` must be refused with a BadCell that says why; name some that look right and are not.
    An encoder whose package is not installed here is left out.

    Raises: ContractBroken.
    """
    _expect(domain.name.isidentifier(), f"name: {domain.name!r} must be a file's name without .py, such as 'text'")
    _expect(isinstance(domain.needs, tuple), f"needs: {domain.needs!r} must be a tuple of package names")
    cells = _sample_cells(domain)
    values = [domain.read(cell) for cell in cells]
    _expect(_alike(values, [domain.read(cell) for cell in cells]), "read: the same cell gave another value")
    for cell in bad_cells:
        _refuses(domain, cell)
    for asked in (cells, cells[:1], []):
        share = domain.likely(asked)
        _expect(0 <= share <= 1, f"likely: {share} of {len(asked)} cells; it must lie from 0 to 1")
    _expect(domain.likely(cells) > 0.5, f"likely: {domain.likely(cells)} of its own sample; above 0.5 was expected")
    _check_groups(domain, values)
    for effort in efforts:
        _check_encoders(domain, effort, values)
    _check_light(domain)


def check_encoder(encoder: Encoder, values: Sequence[Value], labels: Sequence[str] | None = None) -> None:
    """Hold an unfitted encoder to its promise on these values: shapes, same bytes alone and in a batch, the way back.

    Without `labels` two are dealt out in turn, for encoders that learn from them.

    Raises: ContractBroken.
    """
    targets = _targets(labels or [str(i % 2) for i in range(len(values))])
    fitted = encoder.fit(values, targets)
    encoded = fitted.encode(values)
    _check_encoded(encoded, len(values), fitted.width)
    _check_encoded(fitted.encode([]), 0, fitted.width)
    _expect(_same(encoded, fitted.encode(values)), "encode: the same values gave other vectors the second time")
    _expect(_same(encoded, encoder.fit(values, targets).encode(values)), "fit: the same rows gave another encoder")
    for i, value in enumerate(values):
        alone = fitted.encode([value])
        _expect(_same(alone, take(encoded, np.array([i]))), f"encode: value {i} gave other bytes alone than in a batch")
    restored = _restored(fitted)
    _expect(restored.width == fitted.width, f"restore: width {restored.width}, and it was {fitted.width}")
    _expect(_same(encoded, restored.encode(values)), "restore: other vectors than before it was saved")


def check_head(head: Head) -> None:
    """Hold an unfitted head to its promise, on three labels that are easy to tell apart.

    Dense vectors and sparse Rows are both tried; a head may decline one of them with BadOption.

    Raises: ContractBroken.
    """
    taken = [encoded for encoded in _two_sorts() if _takes(head, encoded)]
    _expect(bool(taken), "fit: dense vectors and Rows were both declined with BadOption; one of them must do")
    for encoded in taken:
        _check_learning(head, encoded)


def check_calibrator(calibrator: type[Calibrator]) -> None:
    """Hold a calibrator to its promise: rows that sum to one, order kept, more honest than before, one head or several.

    Raises: ContractBroken.
    """
    scores, labels = _overconfident()
    fitted = calibrator.fit([scores], labels)
    probabilities = fitted.probabilities([scores])
    _check_probabilities(probabilities, scores.shape)
    ranked = np.take_along_axis(probabilities, scores.argsort(axis=1), axis=1)
    _expect(bool((np.diff(ranked, axis=1) >= -1e-6).all()), "probabilities: the order of the scores was not kept")
    _check_probabilities(fitted.probabilities([scores[:0]]), (0, scores.shape[1]))
    alone = np.concatenate([fitted.probabilities([row[None]]) for row in scores[:20]])
    _expect(np.array_equal(alone, probabilities[:20]), "probabilities: other bytes for a row alone than in a batch")
    before, after = _surprise(_softmax(scores), labels), _surprise(probabilities, labels)
    _expect(after < before, f"fit: log loss {after:.3f} on overconfident scores, and {before:.3f} without it")
    again = _restored(fitted).probabilities([scores])
    _expect(np.array_equal(again, probabilities), "restore: other probabilities than before it was saved")
    heads = [scores, np.random.default_rng(1).normal(size=scores.shape).astype(np.float32)]
    both = calibrator.fit(heads, labels).probabilities(heads)
    _check_probabilities(both, scores.shape)
    beside = _surprise(both, labels)
    _expect(
        beside < after + 0.01, f"fit: log loss {beside:.3f} beside a head that knows nothing, {after:.3f} without it"
    )


def _expect(kept: bool, promise: str) -> None:
    if not kept:
        raise ContractBroken(promise)


# --- domains


def _sample_cells(domain: Domain) -> list[Any]:
    columns = domain.sample.columns
    _expect(set(columns) == {"input", "target"}, f"sample: columns {list(columns)}; 'input' and 'target' were expected")
    _expect(len(domain.sample) == 8, f"sample: {len(domain.sample)} rows; eight were expected")
    _expect(len(set(columns["target"])) >= 2, "sample: one label only; two or more were expected")
    return list(columns["input"])


def _refuses(domain: Domain, cell: Any) -> None:
    try:
        value = domain.read(cell)
    except BadCell as error:
        _expect(len(str(error).split()) >= 3, f"read: {cell!r} was refused with {str(error)!r}, which does not say why")
    else:
        raise ContractBroken(f"read: {cell!r} became {value!r}; BadCell was expected")


def _check_groups(domain: Domain, values: Sequence[Value]) -> None:
    twice = [*values, *values]
    groups = domain.group(twice)
    if groups is None:
        return
    _expect(groups.shape == (len(twice),), f"group: shape {groups.shape} for {len(twice)} values")
    _expect(groups.dtype == np.int64, f"group: {groups.dtype}; int64 was expected")
    _expect(np.array_equal(groups[: len(values)], groups[len(values) :]), "group: equal values lie in different groups")
    turned = domain.group(twice[::-1])
    together, still = (g[:, None] == g[None] for g in (groups, np.asarray(turned)[::-1]))
    _expect(np.array_equal(together, still), "group: the groups depend on the order of the values")


def _check_encoders(domain: Domain, effort: Effort, values: Sequence[Value]) -> None:
    try:
        encoders = domain.encoders(effort)
    except MissingPackage:
        return
    _expect(len(encoders) > 0, f"encoders: none at {effort}; one for each stage was expected")
    for encoder in encoders:
        check_encoder(encoder, values, domain.sample.columns["target"])


def _check_light(domain: Domain) -> None:
    """A domain is listed and guessed at before it is used, so importing its module must cost next to nothing."""
    module = type(domain).__module__
    if module == "__main__":
        return
    heavy = sorted({*HEAVY, *domain.needs})
    code = f"import sys, {module}; print(*[name for name in {heavy!r} if name in sys.modules])"
    path = [folder for folder in sys.path if folder]
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}; {code}"], capture_output=True, text=True
    )
    if run.returncode == 0:  # else it was imported by its file's path, and cannot be found by name
        _expect(not run.stdout.split(), f"import {module} imports {run.stdout.strip()} too; import it in its method")


# --- encoders


def _check_encoded(encoded: Encoded, n: int, width: int) -> None:
    if isinstance(encoded, Rows):
        _check_rows(encoded, n, width)
    else:
        _check_dense("encode", encoded, (n, width))


def _check_dense(step: str, array: NDArray[np.float32], shape: tuple[int, ...]) -> None:
    _expect(array.shape == shape, f"{step}: shape {array.shape}; {shape} was expected")
    _expect(array.dtype == np.float32, f"{step}: {array.dtype}; float32 was expected")
    _expect(bool(np.isfinite(array).all()), f"{step}: inf or nan")


def _check_rows(rows: Rows, n: int, width: int) -> None:
    starts, columns, weights = rows.starts, rows.columns, rows.weights
    types = f"{starts.dtype}, {columns.dtype}, {weights.dtype}"
    _expect(types == "int64, int32, float32", f"encode: Rows of {types}; int64, int32, float32 were expected")
    shape = (len(rows), rows.width)
    _expect(shape == (n, width), f"encode: Rows of shape {shape}; ({n}, {width}) was expected")
    bounds = starts[0] == 0 and starts[-1] == len(columns) == len(weights)
    _expect(bool(bounds and (np.diff(starts) >= 0).all()), "encode: Rows whose starts do not fit its columns")
    _expect(bool(((columns >= 0) & (columns < width)).all()), f"encode: Rows with a column outside 0 to {width - 1}")
    _expect(bool(np.isfinite(weights).all()), "encode: Rows with a weight of inf or nan")


# --- heads


def _blobs(seed: int) -> tuple[NDArray[np.float32], Labels]:
    """Vectors of length one around three directions; the same directions for every seed."""
    rng, centres = np.random.default_rng(seed), np.random.default_rng(0).normal(size=(LABELS, WIDTH))
    labels = np.arange(ROWS) % LABELS
    vectors = centres[labels] + 0.4 * rng.normal(size=(ROWS, WIDTH))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels.astype(np.int64)


def _as_rows(vectors: NDArray[np.float32]) -> Rows:
    """The larger half of each vector's entries, from column 1 on: column 0 is for what was never seen."""
    kept = vectors > np.median(vectors, axis=1, keepdims=True)
    starts = np.concatenate([[0], kept.sum(axis=1).cumsum()]).astype(np.int64)
    row, column = np.nonzero(kept)
    weights = np.abs(vectors[row, column])
    return Rows(starts=starts, columns=(column + 1).astype(np.int32), weights=weights, width=vectors.shape[1] + 1)


def _two_sorts() -> tuple[Encoded, Encoded]:
    vectors, _ = _blobs(1)
    return vectors, _as_rows(vectors)


def _takes(head: Head, encoded: Encoded) -> bool:
    try:
        head.fit(encoded, _targets(_blobs(1)[1]), seed=0)
    except BadOption:
        return False
    return True


def _check_learning(head: Head, encoded: Encoded) -> None:
    vectors, labels = _blobs(2)
    unseen = _as_rows(vectors) if isinstance(encoded, Rows) else vectors
    targets = _targets(labels)
    fitted = head.fit(encoded, targets, seed=0)
    scores = fitted.scores(unseen)
    _check_dense("scores", scores, (ROWS, LABELS))
    right = float((scores.argmax(1) == labels).mean())
    _expect(right >= 0.9, f"fit: {right:.0%} right on three labels that are easy to tell apart; 90 % was expected")
    _check_steadiness(head, fitted, encoded, unseen, targets)
    softened = head.fit(encoded, 0.7 * targets + np.float32(0.1), seed=0).scores(unseen).argmax(1)
    _expect(float((softened == labels).mean()) >= 0.9, "fit: targets that are probabilities were not learnt")
    turned = head.fit(encoded, np.ascontiguousarray(targets[:, ::-1]), seed=0).scores(unseen)[:, ::-1]
    agree = float((turned.argmax(1) == scores.argmax(1)).mean())
    _expect(agree >= 0.9, f"fit: with the labels in another order only {agree:.0%} of the answers are the same")


def _check_steadiness(head: Head, fitted: Head, encoded: Encoded, unseen: Encoded, targets: Probabilities) -> None:
    scores = fitted.scores(unseen)
    again = head.fit(encoded, targets, seed=0).scores(unseen)
    _expect(np.array_equal(scores, again), "fit: the same rows and seed gave other scores")
    alone = np.concatenate([fitted.scores(take(unseen, np.array([i]))) for i in range(20)])
    _expect(np.array_equal(scores[:20], alone), "scores: other bytes for a row alone than in a batch")
    _check_dense("scores", fitted.scores(take(unseen, np.array([], np.int64))), (0, LABELS))
    _expect(np.array_equal(scores, _restored(fitted).scores(unseen)), "restore: other scores than before it was saved")


def _targets(labels: Any) -> Probabilities:
    """One-hot rows (n, k)."""
    known, positions = np.unique(labels, return_inverse=True)
    return np.eye(len(known), dtype=np.float32)[positions]


# --- calibrators


def _overconfident() -> tuple[Scores, Labels]:
    """Scores four times as sure of themselves as the labels drawn from them allow."""
    rng = np.random.default_rng(0)
    honest = rng.normal(size=(600, 4)).astype(np.float32)
    labels = (honest + rng.gumbel(size=honest.shape)).argmax(axis=1)
    return 4 * honest, labels.astype(np.int64)


def _check_probabilities(probabilities: Probabilities, shape: tuple[int, ...]) -> None:
    _check_dense("probabilities", probabilities, shape)
    _expect(bool(((probabilities >= 0) & (probabilities <= 1)).all()), "probabilities: some lie outside 0 to 1")
    _expect(np.allclose(probabilities.sum(axis=1), 1, atol=1e-5), "probabilities: a row does not sum to 1")


def _softmax(scores: Scores) -> Probabilities:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)


def _surprise(probabilities: Probabilities, labels: Labels) -> float:
    """The mean negative log probability of the truth."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)).mean())


# --- the way back, and sameness


def _restored(part: Any) -> Any:
    """The part after its state went to files and back, as an artifact does it."""
    _expect(bool(KIND.fullmatch(part.kind)), f"kind: {part.kind!r}; name and version were expected: 'linear.v1'")
    state: State = part.state()
    config = json.loads(json.dumps(state.config, allow_nan=False))
    _expect(config == state.config, "state: the config is not plain JSON, or comes back as something else")
    objects = [name for name, array in state.arrays.items() if array.dtype.hasobject]
    _expect(not objects, f"state: the arrays {objects} hold Python objects; numbers were expected")
    odd = [name for name in state.files if not FILE_NAME.fullmatch(name)]
    _expect(not odd, f"state: {odd} will not do as names of files")
    arrays = {name: array.copy() for name, array in state.arrays.items()}
    restored = type(part).restore(State(config=config, arrays=arrays, files=dict(state.files)))
    _expect(restored.kind == part.kind, f"restore: kind {restored.kind!r}, and it was {part.kind!r}")
    _expect(_alike_states(state, restored.state()), "restore: a state that differs from the one it came from")
    return restored


def _alike_states(one: State, other: State) -> bool:
    arrays = one.arrays.keys() == other.arrays.keys() and all(
        np.array_equal(array, other.arrays[name]) for name, array in one.arrays.items()
    )
    return arrays and one.config == other.config and one.files == other.files


def _same(one: Encoded, other: Encoded) -> bool:
    if isinstance(one, Rows) and isinstance(other, Rows):
        return one.width == other.width and all(map(np.array_equal, _arrays(one), _arrays(other)))
    return not isinstance(one, Rows) and not isinstance(other, Rows) and np.array_equal(one, other)


def _arrays(rows: Rows) -> tuple[NDArray[Any], ...]:
    return rows.starts, rows.columns, rows.weights


def _alike(ones: Sequence[Value], others: Sequence[Value]) -> bool:
    return all(bool(np.all(one == other)) for one, other in zip(ones, others, strict=True))
