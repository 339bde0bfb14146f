"""The folder of a specialist: whole or not there, and every changed byte found."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metier import folder as folders
from metier.errors import ArtifactError, CannotWrite, Damaged, NotASpecialist
from metier.folder import DESCRIPTION

SAID: dict[str, Any] = {"schema": 1, "name": "tiny", "cell": '", "sha256": "00"\n}\n', "share": 1e-05, "who": "Zoë 🏦"}
FILES = {"arrays.safetensors": bytes(range(256)) * 8, "README.md": b"# tiny\n", "empty.bin": b""}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folders.write(tmp_path / "tiny", SAID, FILES)
    return tmp_path / "tiny"


def read(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    said = folders.read_description(folder)
    return said, dict(folders.verified(folder, said["files"]))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def rewrite(folder: Path, said: Any) -> None:
    """What someone who knows the format could write: false, and soundly sealed."""
    text = said if isinstance(said, str) else json.dumps(said, indent=1)
    (folder / DESCRIPTION).write_bytes(folders.seal(text))


def test_what_was_written_is_read(folder: Path) -> None:
    said, files = read(folder)
    assert {name: said[name] for name in SAID} == SAID
    assert files == FILES
    assert folders.unlisted(folder, said["files"]) == []


def test_same_input_same_bytes_whatever_the_order(folder: Path, tmp_path: Path) -> None:
    folders.write(tmp_path / "again", dict(reversed(SAID.items())), dict(reversed(FILES.items())))
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {
        p.name: p.read_bytes() for p in (tmp_path / "again").iterdir()
    }


def test_nothing_stays_beside_it(folder: Path, tmp_path: Path) -> None:
    folders.write(folder, SAID, FILES)
    assert names(tmp_path) == ["tiny"]


def test_every_flipped_bit_of_every_file_is_found(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        places = random.Random(0).sample(range(len(whole)), min(len(whole), 60))
        for place in {*places, 0, len(whole) - 1} & set(range(len(whole))):
            changed = bytearray(whole)
            changed[place] ^= 1 << random.Random(place).randrange(8)
            path.write_bytes(changed)
            with pytest.raises(Damaged, match=rf"{path.name}.*(sha256|Copy the folder again)"):
                read(folder)
        path.write_bytes(whole)
    read(folder)


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_no_bytes_in_place_of_the_description_are_believed(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "fuzzed"
    if not folder.exists():
        folders.write(folder, SAID, FILES)
        (folder.parent / "whole").write_bytes((folder / DESCRIPTION).read_bytes())
    whole = (folder.parent / "whole").read_bytes()
    place = data.draw(st.integers(0, len(whole)))
    changed = whole[:place] + data.draw(st.binary(max_size=6)) + whole[place + data.draw(st.integers(0, 6)) :]
    (folder / DESCRIPTION).write_bytes(changed)
    if changed == whole:
        read(folder)
    else:
        with pytest.raises(ArtifactError, match=r"specialist\.json"):
            read(folder)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{\n "files": {},\n "x": NaN\n}', "NaN is not a finite number"),
        ('{\n "files": {},\n "x": 1e999\n}', "1e999 is not a finite number"),
        ('{\n "files": {},\n "x": {"a": 1, "a": 2}\n}', "a key stands twice"),
        ('{\n "files": {},\n "x": [1,]\n}', "not strict JSON"),
        ('{\n "x": ' + "[" * 200_000 + "]" * 200_000 + "\n}", "not strict JSON"),
        ('{\n "x": ' + "9" * 5000 + "\n}", "not strict JSON"),
    ],
)
def test_json_is_read_strictly(folder: Path, text: str, problem: str) -> None:
    rewrite(folder, text)
    with pytest.raises(Damaged, match=problem):
        read(folder)


def test_a_description_cut_short_is_refused(folder: Path) -> None:
    whole = (folder / DESCRIPTION).read_bytes()
    for kept in (0, 1, len(whole) // 2, len(whole) - 1):
        (folder / DESCRIPTION).write_bytes(whole[:kept])
        with pytest.raises(Damaged, match="does not end in its own sha256"):
            read(folder)


def test_a_description_without_end_is_not_read(folder: Path) -> None:
    with (folder / DESCRIPTION).open("ab") as file:
        file.truncate(folders.MOST_DESCRIPTION_BYTES + 1)
    with pytest.raises(Damaged, match="16,777,217 bytes; expected 16,777,216 at most"):
        read(folder)


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/hostname", "a/b", "a\\b", "..", ".hidden", "", "nul\0", "C:x", "x" * 200, DESCRIPTION]
)
def test_a_name_that_is_not_plain_opens_nothing(folder: Path, name: str) -> None:
    (folder.parent / "secret").write_bytes(b"secret")
    said = folders.read_description(folder)
    rewrite(folder, {**said, "files": {name: said["files"]["README.md"], **said["files"]}})
    with pytest.raises(Damaged, match=r"names the file .*Expected plain names inside the folder.*nothing was opened"):
        read(folder)
    with pytest.raises(ValueError, match="expected distinct names"):
        folders.write(folder, SAID, {name: b""})


def test_names_that_differ_by_case_alone_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected distinct names"):
        folders.write(tmp_path / "x", SAID, {"README.md": b"", "readme.md": b""})


def test_a_link_is_refused_even_to_the_right_bytes(folder: Path) -> None:
    moved = folder.parent / "elsewhere"
    (folder / "README.md").rename(moved)
    (folder / "README.md").symlink_to(moved)
    with pytest.raises(Damaged, match=r"README\.md: a link, a folder or a device\. Expected a plain file"):
        read(folder)


def test_a_pipe_is_refused_and_not_waited_for(folder: Path) -> None:
    (folder / "README.md").unlink()
    os.mkfifo(folder / "README.md")
    with pytest.raises(Damaged, match="a link, a folder or a device"):
        read(folder)


def test_all_missing_files_are_named(folder: Path) -> None:
    (folder / "README.md").unlink()
    (folder / "empty.bin").unlink()
    with pytest.raises(Damaged, match=r"'README.md', 'empty.bin' are missing"):
        read(folder)


@pytest.mark.parametrize("change", [b"", b"longer than it was, by far" * 100])
def test_another_length_is_refused(folder: Path, change: bytes) -> None:
    (folder / "README.md").write_bytes(change)
    with pytest.raises(Damaged, match=r"README\.md: [\d,]+ bytes; expected 7"):
        read(folder)


@pytest.mark.parametrize("stated", [None, [], {"bytes": 7}, {"bytes": -1, "sha256": ""}, {"bytes": True, "sha256": ""}])
def test_a_file_without_size_and_digest_is_refused(folder: Path, stated: Any) -> None:
    said = folders.read_description(folder)
    rewrite(folder, {**said, "files": {"README.md": stated}})
    with pytest.raises(Damaged, match=r"of the file README\.md\. Expected its bytes and its sha256"):
        read(folder)


def test_more_than_a_machine_holds_is_refused(folder: Path) -> None:
    said = folders.read_description(folder)
    rewrite(folder, {**said, "files": {"README.md": {"bytes": 10**15, "sha256": "0" * 64}}})
    with pytest.raises(Damaged, match="would take 1,000,000,000,000,000 bytes together"):
        read(folder)


def test_a_folder_that_is_no_specialist_says_what_is_expected(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path, found in (
        (tmp_path / "no", "no such folder"),
        (tmp_path, "has no specialist"),
        (tmp_path / "file", "a file"),
    ):
        with pytest.raises(NotASpecialist, match=rf"{found}.*Expected the folder that `metier train"):
            folders.read_description(path)


def test_other_files_in_the_folder_are_named_and_never_read(folder: Path) -> None:
    (folder / "notes.txt").symlink_to("/dev/zero")
    said, files = read(folder)
    assert files == FILES
    assert folders.unlisted(folder, said["files"]) == ["notes.txt"]


# --- writing


def test_a_specialist_is_replaced_and_an_empty_folder_filled(folder: Path, tmp_path: Path) -> None:
    folders.write(folder, {"schema": 1, "name": "second"}, {"README.md": b"second"})
    assert read(folder)[1] == {"README.md": b"second"}
    (tmp_path / "empty").mkdir()
    folders.write(tmp_path / "empty", SAID, FILES)
    assert read(tmp_path / "empty")[1] == FILES


def test_a_specialist_is_replaced_where_folders_cannot_be_swapped(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "_exchanged", lambda one, other: False)
    folders.write(folder, {"schema": 1, "name": "second"}, {"README.md": b"second"})
    assert read(folder)[1] == {"README.md": b"second"}
    assert names(folder.parent) == ["tiny"]


def test_a_link_to_a_folder_stays_a_link(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "alias"
    link.symlink_to(folder)
    folders.write(link, {"schema": 1, "name": "second"}, {"README.md": b"second"})
    assert link.is_symlink()
    assert read(folder)[1] == read(link)[1] == {"README.md": b"second"}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_what_is_no_specialist_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "final.tex").write_text("years of work")
    (tmp_path / "file").write_text("a file")
    before = contents(tmp_path)
    with pytest.raises(CannotWrite, match=r"holds 'final.tex' and is no sound specialist, .*Name another folder"):
        folders.write(tmp_path / "thesis", SAID, FILES)
    with pytest.raises(CannotWrite, match="a file is in the way; expected a folder, or nothing"):
        folders.write(tmp_path / "file", SAID, FILES)
    assert contents(tmp_path) == before


def test_a_specialist_with_someone_elses_file_is_left_alone(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    before = contents(folder.parent)
    with pytest.raises(CannotWrite, match=r"beside a specialist it holds 'notes.txt', which replacing would delete"):
        folders.write(folder, SAID, FILES)
    assert contents(folder.parent) == before


def test_a_folder_may_lie_in_folders_not_made_yet(tmp_path: Path) -> None:
    folders.write(tmp_path / "a" / "b" / "c", SAID, FILES)
    assert read(tmp_path / "a" / "b" / "c")[1] == FILES


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no small disk to fill: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_keeps_the_old_and_leaves_nothing_new(small_disk: Path) -> None:
    folders.write(small_disk / "tiny", SAID, FILES)
    with pytest.raises(
        CannotWrite, match=r"No space left on device\. 2\.0 MB were to be written; nothing was.*Free space"
    ):
        folders.write(small_disk / "tiny", SAID, {"big.bin": b"x" * 2_000_000})
    assert read(small_disk / "tiny")[1] == FILES
    assert names(small_disk) == ["tiny"]


def test_a_disk_that_may_not_be_written_says_so(small_disk: Path) -> None:
    folders.write(small_disk / "tiny", SAID, FILES)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(CannotWrite, match="Read-only file system"):
        folders.write(small_disk / "tiny", SAID, FILES)
    assert names(small_disk) == ["tiny"]


def test_a_file_size_limit_is_a_clear_error(tmp_path: Path) -> None:
    """The same as a full disk, for machines where nothing may be mounted."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(CannotWrite, match="File too large"):
            folders.write(tmp_path / "tiny", SAID, {"big.bin": b"x" * 200_000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    assert names(tmp_path) == []


def test_ctrl_c_keeps_the_old_and_leaves_nothing_new(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(path: Path, data: bytes) -> None:
        path.write_bytes(data[:3])
        raise KeyboardInterrupt

    monkeypatch.setattr(folders, "_write_synced", interrupted)
    with pytest.raises(KeyboardInterrupt):
        folders.write(folder, {"schema": 1, "name": "second"}, FILES)
    assert read(folder)[1] == FILES
    assert names(folder.parent) == ["tiny"]


KILLED_AT_EVERY_STEP = """
import os, signal, sys
from pathlib import Path
from metier import folder

def save_until(step, place):
    left = step
    def count(event, _):  # called before a file is opened, made, moved or removed, and before the system's library is
        nonlocal left
        left -= event == "open" or event.startswith(("os.", "shutil.", "ctypes."))
        if left < 0 and event != "os.kill":
            os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(count)
    folder.write(place, {"name": "second"}, {"a.bin": b"second" * 9, "b.bin": b"second" * 10_000})
    os._exit(0)

for step in range(200):
    place = Path(sys.argv[1], f"{step:03}", "tiny")
    folder.write(place, {"name": "first"}, {"a.bin": b"first" * 9})
    child = os.fork() or save_until(step, place)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
        break
"""


def test_killed_at_any_step_the_old_or_the_new_is_there_whole(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED_AT_EVERY_STEP, str(tmp_path)], check=True)
    places = sorted(place / "tiny" for place in tmp_path.iterdir())
    found = [read(place)[0]["name"] for place in places]
    assert found == sorted(found), "once the new one is in place, it stays"
    assert (found[0], found[-1]) == ("first", "second")
    beside = ["tiny" if names(place.parent) == ["tiny"] else "more" for place in places]
    assert beside[0] == beside[-1] == "tiny", "an undisturbed save leaves nothing beside"
    assert beside.count("more") > 10, "and most kills came in the middle"


def test_what_a_killed_writer_left_goes_when_it_is_old(folder: Path) -> None:
    name = f".{folder.name}.0a1b2c3d.partial"
    left, young = folder.with_name(name), folder.with_name(name.replace("0a", "ff"))
    left.mkdir()
    young.mkdir()
    an_age_ago = time.time() - 2 * folders.STALE_S
    os.utime(left, (an_age_ago, an_age_ago))
    folders.write(folder, SAID, FILES)
    assert (left.exists(), young.exists()) == (False, True)
