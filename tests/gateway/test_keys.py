"""Keys, and which of them opens what."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from metier import app
from metier.errors import BadOption, UnreadableData
from metier.gateway.base import ROLES, NotAllowed, Overloaded
from metier.gateway.gateway import Gateway
from metier.gateway.keys import Keys
from metier.gateway.ledger import Ledger
from metier.gateway.settings import Settings
from metier.registry import Registry
from metier.testing.servers import running


def test_a_key_is_shown_once_and_kept_as_a_digest(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    secret = keys.new("ana", "correct")
    assert secret not in (tmp_path / "keys.json").read_text()
    assert (tmp_path / "keys.json").stat().st_mode & 0o077 == 0
    assert keys.key(secret).role == "correct"
    with pytest.raises(NotAllowed):
        keys.key(secret + "x")


def test_a_key_that_was_revoked_elsewhere_is_refused_within_seconds(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    secret = keys.new("ana")
    gate = Keys(tmp_path / "keys.json")
    assert gate.key(secret)
    keys.revoke(keys.all()[0].id)
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            gate.key(secret)
            time.sleep(0.05)
        except NotAllowed:
            return
    raise AssertionError("still let in")


def test_a_quota_is_kept(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    secret = keys.new("ana", a_minute=3)
    for _ in range(3):
        keys.count(keys.key(secret))
    with pytest.raises(Overloaded, match="may ask 3 times a minute") as caught:
        keys.count(keys.key(secret))
    assert 0 < (caught.value.retry_after or 0) <= 60


def test_a_quota_of_a_day_is_kept_and_ends_at_midnight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Keys(tmp_path / "keys.json")
    secret = keys.new("ana", a_day=2)
    now = [86_400.0 * 20_000 + 86_300]
    monkeypatch.setattr("metier.gateway.keys.time.time", lambda: now[0])
    for _ in range(2):
        keys.count(keys.key(secret))
    with pytest.raises(Overloaded, match="may ask 2 times a day") as caught:
        keys.count(keys.key(secret))
    assert caught.value.retry_after == 100
    now[0] += 101
    keys.count(keys.key(secret))


def test_what_makes_no_sense(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    with pytest.raises(BadOption, match="is no role"):
        keys.new("ana", "king")  # type: ignore[arg-type]
    with pytest.raises(BadOption, match="is no quota"):
        keys.new("ana", a_day=-1)
    with pytest.raises(BadOption, match="no owner"):
        keys.new(" ")
    with pytest.raises(BadOption, match="There is no key"):
        keys.revoke("x")
    (tmp_path / "keys.json").write_text("{")
    with pytest.raises(UnreadableData, match="no file of keys"):
        keys.all()


class Guarded:
    """A gateway that asks for keys, and a key of each role."""

    def __init__(self, folder: Path, address: str, keys: Keys) -> None:
        self.address, self.folder = address, folder
        self.secrets = {role: keys.new(role, role) for role in ROLES}
        self.revoked = keys.new("gone", "operate")
        keys.revoke(keys.all()[-1].id)

    def ask(self, method: str, path: str, key: str | None = None, **said: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return httpx.request(method, self.address + path, headers=headers, timeout=30, **said)


@pytest.fixture(scope="module")
def guarded(bank_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    registry = Registry(folder / "shelf")
    for _ in range(2):
        registry.add(bank_folder)
    keys = Keys(folder / "keys.json")
    said = Settings(registry=str(folder / "shelf"), keys=str(folder / "keys.json"))
    gateway = Gateway(registry, said, keys=keys, ledger=Ledger(str(folder / "ledger.db"), keep_inputs=True))
    with running(app.build(gateway)) as address:
        yield Guarded(folder, address, keys)


def test_every_address_by_every_key(guarded: Guarded) -> None:
    """No key, a wrong one, a revoked one and a lesser one are turned away from whatever is not public."""
    for speech in app.speeches():
        for endpoint in speech.endpoints:
            path = endpoint.path
            for piece in ("model:path", "model", "name", "version", "task", "file", "id"):
                path = path.replace("{" + piece + "}", "bank")
            if endpoint.public:
                assert guarded.ask(endpoint.method, path).status_code not in (401, 403), path
                continue
            for key, status in ((None, 401), ("metier_wrong", 401), (guarded.revoked, 401)):
                assert guarded.ask(endpoint.method, path, key).status_code == status, (path, key)
            for role in ROLES[: ROLES.index(endpoint.role)]:
                assert guarded.ask(endpoint.method, path, guarded.secrets[role]).status_code == 403, (path, role)
            if endpoint.method == "GET":
                status = guarded.ask("GET", path, guarded.secrets[endpoint.role]).status_code
                assert status not in (401, 403, 500), path


def test_the_way_of_an_answer_to_its_correction(guarded: Guarded) -> None:
    secrets = guarded.secrets
    said = guarded.ask("POST", "/v1/specialists/bank/decide", secrets["ask"], json={"inputs": "В чём смысл жизни?"})
    answer = said.json()["decision"]["id"]
    seen = guarded.ask("GET", "/v1/ledger/doubtful", secrets["correct"]).json()["answers"]
    assert answer in [one["id"] for one in seen]
    right = {"id": answer, "label": "make_complaint"}
    assert guarded.ask("POST", "/v1/feedback", secrets["correct"], json=right).json() == right
    assert guarded.ask("POST", "/v1/feedback", secrets["correct"], json={**right, "id": "x"}).status_code == 400
    totals = guarded.ask("GET", "/v1/ledger", secrets["correct"]).json()["totals"]
    assert totals[0]["corrected"] == 1


def test_promote_and_roll_back_over_the_wire(guarded: Guarded) -> None:
    operate = guarded.secrets["operate"]
    path = "/v1/registry/bank"
    assert guarded.ask("POST", f"{path}/promote", operate, json={"version": "2"}).json()["version"] == "2"
    said = guarded.ask("POST", "/v1/specialists/bank/decide", operate, json={"inputs": "my card"})
    assert said.headers["x-model-version"] == "bank@2"
    assert guarded.ask("POST", f"{path}/rollback", operate).json()["version"] == "1"
    assert guarded.ask("POST", f"{path}/promote", operate, json={"version": "9"}).status_code == 400
    record = guarded.ask("GET", "/v1/registry", operate).json()["record"]
    assert record[0]["what"] == "rollback bank@1"
    assert record[0]["who"].startswith("key ")


def test_keys_by_a_key(guarded: Guarded) -> None:
    operate = guarded.secrets["operate"]
    fresh = guarded.ask("POST", "/v1/keys", operate, json={"owner": "bob"}).json()["key"]
    assert guarded.ask("GET", "/v1/specialists", fresh).status_code == 200
    (bob,) = [one for one in guarded.ask("GET", "/v1/keys", operate).json()["keys"] if one["owner"] == "bob"]
    assert fresh not in guarded.ask("GET", "/v1/keys", operate).text
    guarded.ask("DELETE", f"/v1/keys/{bob['id']}", operate)
    assert guarded.ask("GET", "/v1/specialists", fresh).status_code == 401


def test_no_secret_reaches_the_ledger(guarded: Guarded) -> None:
    shutil.copy(guarded.folder / "ledger.db", guarded.folder / "copy.db")
    held = (guarded.folder / "copy.db").read_bytes()
    assert all(secret.encode() not in held for secret in guarded.secrets.values())
