from __future__ import annotations

import importlib
from contextlib import suppress

import pytest

from metier import lazy
from metier.errors import MissingPackage
from metier.testing import check_encoder
from metier.types import EFFORTS, Effort

DOMAINS = sorted(lazy.names("domains"))


def encoders(effort: Effort) -> dict[str, tuple[object, list[object]]]:
    """Every kind of encoder that some domain uses at this effort, with the values of that domain's sample."""
    found: dict[str, tuple[object, list[object]]] = {}
    for name in DOMAINS:
        domain = lazy.find("domains", name, "DOMAIN")
        values = [domain.read(cell) for cell in domain.sample.columns["input"]]
        with suppress(MissingPackage):  # as where networks cannot be taught, for want of torch
            found |= {encoder.kind: (encoder, values) for encoder in domain.encoders(effort)}
    return found


def test_every_kind_is_used_by_a_domain_and_found_by_its_name() -> None:
    modules = {name: importlib.import_module(module) for name, module in lazy.names("encoders").items()}
    kinds = {module.ENCODER.kind for module in modules.values() if hasattr(module, "ENCODER")}
    used = {kind for effort in EFFORTS[:2] for kind in encoders(effort)}
    assert used <= kinds, "an artifact with such an encoder could not be loaded again"
    assert kinds, "no file in encoders/ exposes ENCODER"


@pytest.mark.parametrize("effort", EFFORTS[:2])
def test_odd_texts_are_values_like_any_other(effort: Effort) -> None:
    odd = ["", " ", "a", "\x00", "🙂\u200d🙂", "\u202eمرحبا", "ﬁ", "é" * 40_000, "I lost my card", "where is my card"]
    for encoder in lazy.find("domains", "text", "DOMAIN").encoders(effort):
        check_encoder(encoder, odd)
