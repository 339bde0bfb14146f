"""What every test may rely on: no network, a home of its own, and real parts small enough to be made in a moment."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import metier

ROOT = Path(__file__).resolve().parents[1]
BANK = ROOT / "examples" / "bank"
HOMES = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "HF_HOME", "MPLCONFIGDIR")


def pytest_configure(config: pytest.Config) -> None:
    # before anything imports numba or a hub's client, which read these once; subprocesses inherit them
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TRANSFORMERS_OFFLINE"] = "1"
    if config.cache is not None:  # compiled once for all tests and kept for the next run
        os.environ.setdefault("NUMBA_CACHE_DIR", str(config.cache.mkdir("numba")))


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home nobody else writes to, so that no test finds what another left."""
    home = tmp_path_factory.mktemp("home")
    for name in HOMES:
        monkeypatch.setenv(name, str(home if name == "HOME" else home / name.lower()))
    for name in [name for name in os.environ if name.startswith("METIER_") and name != "METIER_DATA"]:
        monkeypatch.delenv(name)
    return home


@pytest.fixture(scope="session")
def metier_data() -> Path:
    """The real data sets that are developed on, which are no part of the repository."""
    folder = Path(os.environ.get("METIER_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no folder of data sets at {folder}: say where it is with METIER_DATA")
    return folder


@pytest.fixture(scope="session")
def bank() -> metier.Specialist:
    """A specialist on the example bank, trained once with no more effort than it takes to be a real one."""
    return metier.train(BANK / "intents.csv", effort="quick", seed=0)


@pytest.fixture(scope="session")
def bank_folder(bank: metier.Specialist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same specialist as a folder."""
    folder = tmp_path_factory.mktemp("specialists") / "bank"
    bank.save(folder)
    return folder


def as_nobody() -> None:
    """PostgreSQL does not run as root."""
    if os.getuid() == 0:
        user = pwd.getpwnam("nobody")
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server of our own, on a socket in a folder of its own."""
    pytest.importorskip("psycopg", reason="the package psycopg is not installed")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    place = Path("/tmp") / f"metier-pg-{os.getpid()}"  # the path of a socket must be short
    place.mkdir()
    if os.getuid() == 0:
        shutil.chown(place, "nobody")
    programs, data = found[-1].parent, place / "data"
    made = [programs / "initdb", "-D", data, "-U", "metier", "-A", "trust", "--no-sync"]
    subprocess.run(made, check=True, capture_output=True, preexec_fn=as_nobody, cwd=place)
    command = [programs / "postgres", "-D", data, "-k", place, "-c", "listen_addresses=", "-F"]
    with subprocess.Popen(command, preexec_fn=as_nobody, cwd=place, stderr=subprocess.DEVNULL) as server:
        try:
            end = time.monotonic() + 30
            while not (place / ".s.PGSQL.5432").exists() and time.monotonic() < end:
                time.sleep(0.05)
            time.sleep(0.3)
            yield f"postgresql:///postgres?host={place}&user=metier"
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=20)
            shutil.rmtree(place, ignore_errors=True)
