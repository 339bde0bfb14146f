from __future__ import annotations

import importlib

import pytest

from metier import lazy
from metier.testing import check_calibrator

MODULES = {name: importlib.import_module(module) for name, module in sorted(lazy.names("decide").items())}
CALIBRATORS = {name: module.CALIBRATOR for name, module in MODULES.items() if hasattr(module, "CALIBRATOR")}


@pytest.mark.parametrize("name", CALIBRATORS)
def test_every_calibrator_keeps_its_promises(name: str) -> None:
    check_calibrator(CALIBRATORS[name])


def test_no_two_parts_that_decide_are_saved_under_one_name() -> None:
    assert CALIBRATORS
    parts = [
        vars(module)[m] for module in MODULES.values() for m in ("CALIBRATOR", "SCOPE", "EXIT") if hasattr(module, m)
    ]
    assert len({part.kind for part in parts}) == len(parts)
