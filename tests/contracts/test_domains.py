from __future__ import annotations

import pytest

from metier import lazy
from metier.testing import check_domain

BAD_CELLS = {
    "text": (None, object(), float("nan"), "", "   "),
    "molecule": (None, object(), float("nan"), "", "   ", "C1CC", "CC(C)(C)(C)C", "ethanol", b"\xff"),
    # of these a gap is a value
    "number": (object(), "twelve", "1,5", "1_000", "1e400", float("inf"), [1]),
    "category": (object(), ["a"], "x" * 500),
    "date": (object(), "yesterday", "03/04/2024", "2024-02-30", 5, True),
}


NAMES = sorted(lazy.names("domains"))


def test_text_is_among_them() -> None:
    assert "text" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_domain_keeps_its_promises(name: str) -> None:
    domain = lazy.find("domains", name, "DOMAIN")
    assert domain.name == name, "a domain is named for its file"
    check_domain(domain, bad_cells=BAD_CELLS.get(name, (None, object())))


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_looks_most_like_its_own_domain(name: str) -> None:
    cells = lazy.find("domains", name, "DOMAIN").sample.columns["input"]
    likely = {other: lazy.find("domains", other, "DOMAIN").likely(cells) for other in NAMES}
    assert max(likely, key=lambda other: likely[other]) == name, likely
