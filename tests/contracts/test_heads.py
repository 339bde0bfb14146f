from __future__ import annotations

import importlib

import pytest

from metier import lazy
from metier.testing import check_head

MODULES = {name: importlib.import_module(module) for name, module in sorted(lazy.names("heads").items())}
HEADS = {name: module.HEAD for name, module in MODULES.items() if hasattr(module, "HEAD")}


@pytest.mark.parametrize("name", HEADS)
def test_every_head_keeps_its_promises(name: str) -> None:
    check_head(HEADS[name]())


def test_no_two_heads_are_saved_under_one_name() -> None:
    assert HEADS
    assert len({head.kind for head in HEADS.values()}) == len(HEADS)
