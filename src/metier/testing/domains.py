"""The contract of domains, and of the encoders they give."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from metier.domains.base import Domain, Parted
from metier.errors import BadCell, MissingPackage
from metier.testing.base import ContractBroken, expect, one_hot
from metier.testing.encoders import check_encoder
from metier.types import Effort, Value

MOST_PARTS = 100
HEAVY = ("torch", "sklearn", "scipy", "polars", "onnx", "onnxruntime", "numba", "matplotlib")


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
    expect(domain.name.isidentifier(), f"name: {domain.name!r} must be a file's name without .py, such as 'text'")
    expect(isinstance(domain.needs, tuple), f"needs: {domain.needs!r} must be a tuple of package names")
    cells = _sample_cells(domain)
    values = [domain.read(cell) for cell in cells]
    again = [domain.read(cell) for cell in cells]
    expect(
        all(bool(np.all(a == b)) for a, b in zip(values, again, strict=True)), "read: the same cell gave another value"
    )
    for cell in bad_cells:
        _refuses(domain, cell)
    for asked in (cells, cells[:1], []):
        share = domain.likely(asked)
        expect(0 <= share <= 1, f"likely: {share} of {len(asked)} cells; it must lie from 0 to 1")
    expect(domain.likely(cells) > 0.5, f"likely: {domain.likely(cells)} of its own sample; above 0.5 was expected")
    _check_groups(domain, values)
    _check_parts(domain, values)
    for effort in efforts:
        _check_encoders(domain, effort, values)
    _check_light(domain)


def _sample_cells(domain: Domain) -> list[Any]:
    columns = domain.sample.columns
    expect(set(columns) == {"input", "target"}, f"sample: columns {list(columns)}; 'input' and 'target' were expected")
    expect(len(domain.sample) == 8, f"sample: {len(domain.sample)} rows; eight were expected")
    expect(len(set(columns["target"])) >= 2, "sample: one label only; two or more were expected")
    return list(columns["input"])


def _refuses(domain: Domain, cell: Any) -> None:
    try:
        value = domain.read(cell)
    except BadCell as error:
        expect(len(str(error).split()) >= 3, f"read: {cell!r} was refused with {str(error)!r}, which does not say why")
    else:
        raise ContractBroken(f"read: {cell!r} became {value!r}; BadCell was expected")


def _check_groups(domain: Domain, values: Sequence[Value]) -> None:
    twice = [*values, *values]
    groups = domain.group(twice)
    if groups is None:
        return
    expect(groups.shape == (len(twice),), f"group: shape {groups.shape} for {len(twice)} values")
    expect(groups.dtype == np.int64, f"group: {groups.dtype}; int64 was expected")
    expect(np.array_equal(groups[: len(values)], groups[len(values) :]), "group: equal values lie in different groups")
    turned = domain.group(twice[::-1])
    together, still = (g[:, None] == g[None] for g in (groups, np.asarray(turned)[::-1]))
    expect(np.array_equal(together, still), "group: the groups depend on the order of the values")


def _check_parts(domain: Domain, values: Sequence[Value]) -> None:
    """A domain whose values have parts gives evidence by leaving them out, so what is left must be a value still."""
    if not isinstance(domain, Parted):
        return
    found = [domain.parts(value) for value in values]
    expect(any(found), "parts: none in any row of the sample")
    expect(max(map(len, found)) <= MOST_PARTS, f"parts: {max(map(len, found))} of one value; {MOST_PARTS} are enough")
    for parts in found:
        expect(all(name.strip() for name, _ in parts), "parts: one without a name")
    without = [value for parts in found for _, value in parts]
    try:
        encoder = domain.encoders("quick")[0]
    except MissingPackage:
        return
    encoded = encoder.fit(values, one_hot(domain.sample.columns["target"]), loss="softmax").encode(without)
    expect(len(encoded) == len(without), "parts: what is left without one cannot be encoded")


def _check_encoders(domain: Domain, effort: Effort, values: Sequence[Value]) -> None:
    try:
        encoders = domain.encoders(effort)
    except MissingPackage:
        return
    expect(len(encoders) > 0, f"encoders: none at {effort}; one for each stage was expected")
    for encoder in encoders:
        check_encoder(encoder, values, domain.sample.columns["target"])


def _check_light(domain: Domain) -> None:
    """A domain is listed and guessed at before it is used, so importing its module must cost next to nothing."""
    module = type(domain).__module__
    if module == "__main__":
        return
    heavy = sorted({*HEAVY, *domain.needs})
    path = [folder for folder in sys.path if folder]
    code = f"import sys; sys.path[:0] = {path!r}; import {module}; print(*[n for n in {heavy!r} if n in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if run.returncode == 0:  # else it was imported by its file's path, and cannot be found by name
        expect(not run.stdout.split(), f"import {module} imports {run.stdout.strip()} too; import it in its method")
