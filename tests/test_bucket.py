"""A registry in a bucket, against a real server that speaks S3."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner

from metier import bucket
from metier.bucket import Bucket
from metier.cli import command_line
from metier.errors import BadOption, CannotWrite, Damaged, NotASpecialist
from metier.gateway.base import Ask
from metier.gateway.gateway import Gateway
from metier.gateway.settings import Settings
from metier.registry import Registry

SERVER = """
import logging
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").disabled = True
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
server._thread.join()
"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A server in a process of its own, so that its sockets and warnings are its own affair."""
    pytest.importorskip("moto.server")
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.kill()


@pytest.fixture
def url(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket that nobody has published into, and the environment that leads there."""
    import s3fs

    for name, value in {
        "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_DEFAULT_REGION": "us-east-1", "METIER_CACHE": str(tmp_path / "cache"),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    name = f"shelf-{time.time_ns()}"
    s3fs.S3FileSystem().mkdir(name)
    return f"s3://{name}/specialists"


def elsewhere(url: str, tmp_path: Path, name: str) -> Bucket:
    """The same bucket as another machine sees it."""
    return Bucket(url, mirror=tmp_path / name)


def test_what_one_machine_publishes_another_serves(url: str, bank_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(NotASpecialist, match="nothing was published there"):
        bucket.opened(url)
    here, there = bucket.at(url), elsewhere(url, tmp_path, "there")
    assert [here.add(bank_folder).version for _ in range(2)] == ["1", "2"]
    before = there.stamp()
    assert (
        there.resolve("bank").path.joinpath("arrays.safetensors").read_bytes()
        == (bank_folder / "arrays.safetensors").read_bytes()
    )
    here.promote("bank@2")
    assert there.stamp() != before
    assert there.resolve("bank").version == "2"
    assert there.rollback("bank").version == "1" == here.resolve("bank").version
    there.remove("bank@2")
    with pytest.raises(BadOption, match="no bank@2"):
        here.resolve("bank@2")
    assert (here.verify(), there.verify()) == ([], [])


def test_a_gateway_serves_what_lies_in_a_bucket_and_follows_it(url: str, bank_folder: Path, tmp_path: Path) -> None:
    here = elsewhere(url, tmp_path, "here")
    here.add(bank_folder)

    async def served() -> list[str]:
        gateway = Gateway(bucket.opened(url), Settings(registry=url))
        await gateway.start()
        try:
            said = [(await gateway.answer(Ask(cells=["my card"], model="bank"))).served]
            here.add(bank_folder)
            here.promote("bank@2")
            await gateway.pool.refresh()
            for model in ("bank", "bank@1"):
                said.append((await gateway.answer(Ask(cells=["my card"], model=model))).served)
            return said
        finally:
            await gateway.stop()

    assert asyncio.run(served()) == ["bank@1", "bank@2", "bank@1"]


def test_publishers_at_once_get_versions_of_their_own_and_one_record(
    url: str, bank_folder: Path, tmp_path: Path
) -> None:
    machines = [elsewhere(url, tmp_path, f"machine-{i}") for i in range(4)]
    with ThreadPoolExecutor(4) as pool:
        versions = list(pool.map(lambda machine: machine.add(bank_folder).version, machines))
    assert sorted(versions) == ["1", "2", "3", "4"]
    assert machines[0].verify() == []
    assert len({line["seal"] for line in machines[0].record()}) == 5  # four are added, the first of them promoted


def test_a_decision_that_came_second_is_taken_anew(url: str, bank_folder: Path, tmp_path: Path) -> None:
    here, there = bucket.at(url), elsewhere(url, tmp_path, "there")
    for _ in range(3):
        here.add(bank_folder)
    here.promote("bank@2")
    here.promote("bank@3")
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(lambda machine: machine.rollback("bank").version, (here, there)))[0] == "1"
    assert [line["version"] for line in here.record() if line["what"] == "rollback"] == ["2", "1"]


def test_what_was_changed_in_the_bucket_is_found_and_never_used(url: str, bank_folder: Path, tmp_path: Path) -> None:
    import s3fs

    here = bucket.at(url)
    here.add(bank_folder)
    s3fs.S3FileSystem().pipe_file(f"{url}/bank/1/arrays.safetensors", b"x" * 100)
    assert "arrays.safetensors" in here.verify()[0]
    with pytest.raises(Damaged, match=r"arrays\.safetensors"):
        elsewhere(url, tmp_path, "there").resolve("bank")


@pytest.mark.parametrize(
    "line", [b'{"what": "add", "name": "../../home", "version": "1", "sha256": "x"}\n', b"no line's end", b"[]\n"]
)
def test_a_record_that_is_none_leads_nowhere(url: str, tmp_path: Path, line: bytes) -> None:
    import s3fs

    s3fs.S3FileSystem().pipe_file(f"{url}/record/00000001.jsonl", line)
    with pytest.raises(Damaged, match="Bring back a copy of it"):
        bucket.opened(url)


def test_an_address_that_cannot_be_asked_is_explained(url: str, bank_folder: Path) -> None:
    with pytest.raises(CannotWrite, match="AWS_ACCESS_KEY_ID"):
        bucket.at("s3://there-is-no-such-bucket/x").add(bank_folder)


def test_the_command_takes_an_address(url: str, bank_folder: Path) -> None:
    app = command_line()
    said = CliRunner().invoke(app, ["registry", "add", str(bank_folder), "--registry", url])
    assert "bank@1: production" in said.output
    assert "2 lines" in CliRunner().invoke(app, ["registry", "verify", "--registry", url]).output


def test_a_folder_is_still_a_folder(tmp_path: Path) -> None:
    assert type(bucket.at(tmp_path)) is Registry
