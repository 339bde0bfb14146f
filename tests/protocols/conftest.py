"""One gateway with a specialist of each kind, and the clients that people have."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import metier
from metier import app
from metier.gateway.gateway import Gateway
from metier.gateway.settings import Settings
from metier.registry import Registry
from metier.testing.servers import running


def picture(dark: bool, seed: int) -> bytes:
    from PIL import Image

    noise = np.random.default_rng(seed).integers(0, 80, (16, 16, 3)) + (0 if dark else 170)
    held = io.BytesIO()
    Image.fromarray(noise.astype(np.uint8)).save(held, "PNG")
    return held.getvalue()


@pytest.fixture(scope="session")
def trades(bank_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts, a table, prices, pictures and texts with several labels."""
    pytest.importorskip("PIL", reason="pictures need the package pillow")
    folder = tmp_path_factory.mktemp("trades")
    shutil.copytree(bank_folder, folder / "bank")
    random = np.random.default_rng(0)
    ages = [(int(age), city, "old" if age > 50 else "young") for age in range(20, 80) for city in ("Bern", "Rome")]
    table = {name: [row[i] for row in ages] for i, name in enumerate(("age", "city", "group"))}
    metier.train(table, output=folder / "person", target="group", effort="quick")
    sizes = random.uniform(20, 200, 120).round(1).tolist()
    flats = {"text": [f"a flat of {size} square metres" for size in sizes], "price": [3000 * size for size in sizes]}
    metier.train(flats, output=folder / "flat", input="text", target="price", task="regress", effort="quick")
    seen = {"file": [picture(dark=bool(i % 2), seed=i) for i in range(40)], "kind": ["light", "dark"] * 20}
    metier.train(seen, output=folder / "photo", input="file", target="kind", effort="quick")
    return folder


@pytest.fixture(scope="session")
def address(trades: Path) -> Iterator[str]:
    gateway = Gateway(Registry.open(trades), Settings(registry=str(trades)))
    with running(app.build(gateway)) as found:
        yield found
