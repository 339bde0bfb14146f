"""A gateway over one real specialist, asked in process or over HTTP."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from metier import app
from metier.gateway.gateway import Gateway
from metier.gateway.settings import Settings
from metier.registry import Registry
from metier.testing.servers import running

Opened = Callable[..., AbstractAsyncContextManager[Gateway]]


@pytest.fixture(scope="session")
def shelf(bank_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of specialists."""
    folder = tmp_path_factory.mktemp("shelf")
    shutil.copytree(bank_folder, folder / "bank")
    return folder


@pytest.fixture
def opened(shelf: Path) -> Opened:
    """A gateway that has started, with the settings given."""

    @asynccontextmanager
    async def open_it(
        upstream: Any = None, notes: Any = (), folder: Path = shelf, **said: Any
    ) -> AsyncIterator[Gateway]:
        gateway = Gateway(Registry.open(folder), Settings(registry=str(folder), **said), upstream=upstream, notes=notes)
        await gateway.start()
        try:
            yield gateway
        finally:
            await gateway.stop()

    return open_it


@pytest.fixture(scope="session")
def served(shelf: Path) -> Iterator[httpx.Client]:
    """A client of a gateway that runs."""
    gateway = Gateway(Registry.open(shelf), Settings(registry=str(shelf), most_body_mb=1.0))
    with running(app.build(gateway)) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client
