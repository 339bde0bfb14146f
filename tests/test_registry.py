"""Publishing, promoting and rolling back: every state is the old one or the new one."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from metier.errors import BadOption, Damaged, NotASpecialist
from metier.registry import Canary, Registry


@pytest.fixture
def registry(tmp_path: Path, bank_folder: Path) -> Registry:
    registry = Registry(tmp_path / "shelf")
    for _ in range(3):
        registry.add(bank_folder)
    return registry


def test_the_first_version_goes_into_production_and_the_next_ones_wait(registry: Registry) -> None:
    assert registry.names() == ["bank"]
    assert registry.resolve("bank").version == registry.resolve("bank@production").version == "1"
    assert registry.resolve("bank@3").path.name == "3"


def test_promote_and_roll_back(registry: Registry) -> None:
    registry.promote("bank@2")
    registry.promote("bank@3")
    assert registry.resolve("bank").version == "3"
    assert registry.rollback("bank").version == "2"
    assert registry.rollback("bank").version == "1"
    with pytest.raises(BadOption, match="nothing was in production before"):
        registry.rollback("bank")


def test_shadow_and_canary_stand_beside(registry: Registry) -> None:
    registry.promote("bank@2", alias="shadow")
    registry.promote("bank@3", alias="canary", share=0.05)
    aliases = registry.aliases("bank")
    assert (aliases.production, aliases.shadow, aliases.canary) == ("1", "2", Canary(version="3", share=0.05))
    registry.promote("bank@3")
    assert registry.aliases("bank").canary is None
    assert registry.aliases("bank").of("2") == ["shadow"]


def test_what_is_in_use_is_not_removed_and_its_number_never_comes_again(registry: Registry, bank_folder: Path) -> None:
    with pytest.raises(BadOption, match="bank@1 is production"):
        registry.remove("bank@1")
    registry.remove("bank@3")
    with pytest.raises(BadOption, match="There is no bank@3"):
        registry.resolve("bank@3")
    registry.add(bank_folder)
    assert registry.state().versions["bank"] == ("1", "2", "4")


@pytest.mark.parametrize("name", ["../up", "a/b", "", "A", ".hidden", "x" * 65, "a b", "é"])
def test_a_name_is_plain(registry: Registry, bank_folder: Path, name: str) -> None:
    with pytest.raises(BadOption, match="is no name for a registry"):
        registry.add(bank_folder, name=name)


def test_what_is_damaged_is_not_published(registry: Registry, bank_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in bank_folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    (copy / "arrays.safetensors").write_bytes(b"other")
    with pytest.raises(Damaged):
        registry.add(copy)
    assert registry.state().versions["bank"] == ("1", "2", "3")


def test_who_did_what_cannot_be_changed_unseen(registry: Registry) -> None:
    registry.promote("bank@2", who="ana")
    assert registry.verify() == []
    record = registry.root / "record.jsonl"
    whole = record.read_bytes()
    record.write_bytes(whole.replace(b'"ana"', b'"bob"'))
    assert any("it was changed" in problem for problem in registry.verify())
    lines = whole.splitlines(keepends=True)
    record.write_bytes(b"".join(lines[:1] + lines[2:]))
    assert any("it was changed" in problem for problem in registry.verify())
    record.write_bytes(whole)
    (registry.root / "bank" / "2" / "specialist.json").write_text("{}")
    assert any("published as" in problem for problem in registry.verify())


def test_a_bit_that_flipped_after_publishing_is_found(registry: Registry) -> None:
    arrays = registry.root / "bank" / "2" / "arrays.safetensors"
    data = bytearray(arrays.read_bytes())
    data[-1] ^= 1
    arrays.write_bytes(data)
    (problem,) = registry.verify()
    assert str(arrays) in problem


def test_an_alias_that_there_is_not(registry: Registry) -> None:
    with pytest.raises(BadOption, match=r"^'staging' is no alias\. Expected production, shadow or 'canary 5%'\.$"):
        registry.promote("bank@2", alias="staging")


def test_a_line_without_its_end_was_never_acknowledged(registry: Registry) -> None:
    with (registry.root / "record.jsonl").open("ab") as record:
        record.write(b'{"what": "promote", "name": "bank", "vers')
    assert registry.resolve("bank").version == "1"
    registry.promote("bank@2")
    assert registry.resolve("bank").version == "2"
    assert registry.verify() == []


def test_a_folder_of_specialists_is_served_as_it_is(bank_folder: Path) -> None:
    registry = Registry.open(bank_folder.parent)
    assert registry.resolve("bank").path == bank_folder
    assert registry.resolve("bank@1").version == "1"


def test_what_is_served_as_it_is_is_not_hidden_by_a_record(bank_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(bank_folder, tmp_path / "bare" / "bank")
    registry = Registry(tmp_path / "bare")
    for change in (
        lambda: registry.add(bank_folder, name="other"),
        lambda: registry.promote("bank@1", alias="shadow"),
        lambda: registry.remove("bank@1"),
    ):
        with pytest.raises(BadOption, match=r"\(bank\) are served as they are.*--registry REGISTRY"):
            change()
        assert Registry.open(registry.root).names() == ["bank"]


def test_an_empty_folder_is_no_registry(tmp_path: Path) -> None:
    with pytest.raises(NotASpecialist, match="metier registry add"):
        Registry.open(tmp_path)


def test_a_change_is_seen_by_its_stamp(registry: Registry) -> None:
    before = registry.stamp()
    assert registry.stamp() == before
    registry.promote("bank@2")
    assert registry.stamp() != before


PUBLISHER = """
import sys
from pathlib import Path
from metier.registry import Registry
print(Registry(Path(sys.argv[1])).add(sys.argv[2]).version)
"""


def test_publishers_at_once_get_versions_of_their_own(tmp_path: Path, bank_folder: Path) -> None:
    command = [sys.executable, "-c", PUBLISHER, str(tmp_path / "shelf"), str(bank_folder)]
    publishers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    versions = [publisher.communicate(timeout=60)[0].strip() for publisher in publishers]
    assert sorted(versions) == ["1", "2", "3", "4"]
    assert Registry(tmp_path / "shelf").verify() == []


WRITER = """
import itertools, json, sys
from pathlib import Path
from metier.registry import Registry
registry = Registry(Path(sys.argv[1]))
for turn in itertools.count():
    what = ("add", "promote", "promote", "rollback")[turn % 4]
    if what == "add":
        done = registry.add(sys.argv[2])
    elif what == "promote":
        done = registry.promote(f"bank@{2 + turn % 4 % 2}")
    else:
        done = registry.rollback("bank")
    print(json.dumps([what, done.version]), flush=True)
"""


def killed(root: Path, source: Path, after: float) -> list[tuple[str, str]]:
    """What a writer had acknowledged when it was killed."""
    command = [sys.executable, "-c", WRITER, str(root), str(source)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        first = writer.stdout.readline()  # it has begun
        time.sleep(after)
        os.kill(writer.pid, signal.SIGKILL)
        return [tuple(json.loads(line)) for line in (first, *writer.stdout) if line.endswith("\n")]


@pytest.mark.parametrize("times", [4, pytest.param(200, marks=pytest.mark.slow)])
def test_whenever_it_is_killed_nothing_is_half_and_nothing_acknowledged_is_lost(
    registry: Registry, bank_folder: Path, times: int
) -> None:
    chance = random.Random(0)
    for _ in range(times):
        acknowledged = killed(registry.root, bank_folder, chance.random() * 0.3)
        assert registry.verify() == []
        done = [(line["what"], line["version"]) for line in registry.record()]
        assert acknowledged == done[-len(acknowledged) :] or acknowledged == done[-len(acknowledged) - 1 : -1]
        assert registry.resolve("bank").path.joinpath("specialist.json").exists()
        for version in registry.state().versions["bank"][3:]:
            if not registry.aliases("bank").of(version):
                registry.remove(f"bank@{version}")
