"""To the Hugging Face hub and back, against a server that keeps what it is sent; and what is said without one."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typer.testing import CliRunner

from metier.cli import command_line
from metier.registry import Registry
from metier.testing.servers import running

COMMIT = "c" * 40


class Hub:
    """The few calls that an upload and a download are made of."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.summary = ""
        self.made: dict[str, Any] = {}
        self.card: dict[str, Any] = {}

    def app(self) -> Starlette:
        ways = [
            ("POST", "/api/repos/create", self.create),
            ("POST", "/api/validate-yaml", self.validate),
            ("POST", "/api/models/ana/bank/preupload/main", self.preupload),
            ("POST", "/api/models/ana/bank/commit/main", self.commit),
            ("GET", "/api/models/ana/bank/revision/main", self.described),
            ("GET", "/api/models/ana/bank/tree/{revision}", self.listed),
            ("GET", "/ana/bank/resolve/{revision}/{file}", self.file),
        ]
        return Starlette(routes=[Route(path, call, methods=[method]) for method, path, call in ways])

    async def create(self, request: Request) -> Response:
        self.made = await request.json()
        return JSONResponse({"url": f"{request.base_url}ana/bank", "name": "ana/bank"})

    async def validate(self, request: Request) -> Response:
        self.card = yaml.safe_load((await request.json())["content"].split("---")[1])
        return JSONResponse({"errors": [], "warnings": []})

    async def preupload(self, request: Request) -> Response:
        asked = (await request.json())["files"]
        said = [{"path": one["path"], "uploadMode": "regular", "shouldIgnore": False} for one in asked]
        return JSONResponse({"files": said})

    async def commit(self, request: Request) -> Response:
        for line in (await request.body()).splitlines():
            said = json.loads(line)
            if said["key"] == "header":
                self.summary = said["value"]["summary"]
            if said["key"] == "file":
                self.files[said["value"]["path"]] = base64.b64decode(said["value"]["content"])
        url = f"{request.base_url}ana/bank/commit/{COMMIT}"
        return JSONResponse({"success": True, "commitOid": COMMIT, "commitUrl": url, "hookOutput": ""})

    async def described(self, request: Request) -> Response:
        siblings = [{"rfilename": name} for name in self.files]
        return JSONResponse({"id": "ana/bank", "modelId": "ana/bank", "sha": COMMIT, "siblings": siblings, "tags": []})

    async def listed(self, request: Request) -> Response:
        return JSONResponse([
            {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha256(data).hexdigest()[:40]}
            for name, data in self.files.items()
        ])  # fmt: skip

    async def file(self, request: Request) -> Response:
        data = self.files[request.path_params["file"]]
        headers = {"etag": f'"{hashlib.sha256(data).hexdigest()}"', "x-repo-commit": COMMIT}
        return Response(data, headers=headers, media_type="application/octet-stream")


@pytest.fixture
def shelf(bank_folder: Path, tmp_path: Path) -> Registry:
    registry = Registry(tmp_path / "shelf")
    registry.add(bank_folder)
    return registry


def hub(address: str, shelf: Registry, *words: str, token: str = "hf_x") -> subprocess.CompletedProcess[str]:
    """A verb, in a process of its own: the hub's address is read when its package is imported."""
    command = [sys.executable, "-m", "metier", "registry", *words, "--registry", str(shelf.root)]
    home = {"HF_ENDPOINT": address, "HF_TOKEN": token, "HF_HOME": str(shelf.root.parent / "hf"), "HF_HUB_OFFLINE": "0"}
    return subprocess.run(
        command, env={**os.environ, **home}, capture_output=True, text=True, timeout=120, check=False
    )  # fmt: skip


@pytest.fixture
def kept() -> Iterator[tuple[Hub, str]]:
    kept = Hub()
    with running(kept.app()) as address:
        yield kept, address


def test_what_is_pushed_is_what_was_published_and_comes_back(kept: tuple[Hub, str], shelf: Registry) -> None:
    server, address = kept
    said = hub(address, shelf, "push", "bank@1", "ana/bank")
    assert said.stdout.strip() == f"bank@1 is at {address}/ana/bank", said.stderr
    published = shelf.resolve("bank").path
    assert server.files == {one.name: one.read_bytes() for one in published.iterdir()}
    assert "README.md" in server.files
    assert server.summary == "bank@1"
    assert server.card["library_name"] == "metier"
    assert "private" in (server.made.get("visibility"), *(key for key, value in server.made.items() if value is True))
    said = hub(address, shelf, "pull", "ana/bank", "--name", "again")
    assert "again@1: production" in said.stdout, said.stderr
    assert shelf.verify() == []
    server.files["arrays.safetensors"] = b"x" + server.files["arrays.safetensors"][1:]
    said = hub(address, shelf, "pull", "ana/bank", "--name", "changed")
    assert said.returncode == 1
    assert "changed since it was written" in said.stderr


@pytest.mark.parametrize("words", [["push", "bank@1", "ana/bank"], ["pull", "ana/bank"]])
def test_without_a_network_one_line_says_so(shelf: Registry, words: list[str]) -> None:
    said = hub("http://127.0.0.1:9", shelf, *words)
    assert said.returncode == 1
    assert "did not take part" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize("words", [["push", "bank@1", "bank"], ["pull", "../bank"]])
def test_what_is_no_name_there_is_refused_before_anybody_is_asked(shelf: Registry, words: list[str]) -> None:
    said = CliRunner().invoke(command_line(), ["registry", *words, "--registry", str(shelf.root)])
    assert said.exit_code == 1
    assert "Expected USER/REPOSITORY" in said.output
