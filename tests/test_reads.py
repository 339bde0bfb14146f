"""Whatever a cell holds, the `read` of every domain gives a value or says in words why not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from metier.errors import BadCell
from metier.installed import domains
from metier.record import Record, domain_of
from metier.types import Input

READY = [one.name for one in domains() if one.ready]
BEGINNINGS = [
    b"",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"RIFF\x10\0\0\0WAVE",
    b"fLaC",
    b"OggS",
    b">a\n",
    b"[1, ",
    b"C1",
]
TEXTS = some.one_of(
    some.text(max_size=60),
    some.text("ACGTUNacgt\n >", max_size=60),
    some.text("CNOcno()[]=#123%+-@H.", max_size=40),
    some.text("0123456789.,eE-+[]{}: nan", max_size=40),
    some.sampled_from(
        ["NaN", "1e400", "-inf", "data:,", "data:image/png;base64,AAAA", "\0", "\ud800", "C1CC", "MKV1L"]
    ),
)
BYTES = some.tuples(some.sampled_from(BEGINNINGS), some.binary(max_size=80)).map(b"".join)
CELLS = some.recursive(
    some.one_of(TEXTS, BYTES, some.none(), some.booleans(), some.integers(), some.floats()),
    lambda cell: some.one_of(some.lists(cell, max_size=6), some.dictionaries(TEXTS, cell, max_size=3)),
    max_leaves=8,
)


def held_to_its_word(domain: Any, cell: Any) -> None:
    said = "It was read."
    try:
        domain.read(cell)
    except BadCell as problem:
        said = str(problem)
    assert 10 < len(said) < 1_000
    assert said.endswith(".")


@pytest.mark.parametrize("name", READY)
def test_any_cell_is_read_or_refused(name: str) -> None:
    domain = domain_of([Input(column="a", domain=name)])

    # clips go through another process, which takes its time
    @settings(max_examples=40 if name == "video" else 150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(cell=CELLS)
    def each(cell: Any) -> None:
        held_to_its_word(domain, cell)
        assert 0 <= domain.likely([cell]) <= 1

    each()


@settings(max_examples=100, deadline=None)
@given(
    cell=some.one_of(CELLS, some.fixed_dictionaries({}, optional={"a": CELLS, "b": CELLS}), some.tuples(CELLS, CELLS))
)
def test_any_row_is_read_or_refused(cell: Any) -> None:
    held_to_its_word(Record((Input(column="a", domain="number"), Input(column="b", domain="category"))), cell)
