"""Bombs and broken archives: each refused at once, by an error that names the archive and the bound it breaks."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from metier.data import archive
from metier.data.read import read
from metier.errors import UnreadableData

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(40)


def zipped(files: dict[str, bytes] | None = None, *, link: bool = False, stored: bool = False) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as file:
        for name, data in (files or {"a/1.png": PICTURE, "b/2.png": PICTURE}).items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = file.compression
            if link:
                entry.external_attr = 0o120777 << 16
            file.writestr(entry, data)
    return buffer.getvalue()


def tarred(files: dict[str, bytes] | None = None, **entry_settings: Any) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        for name, data in (files or {"a/1.png": PICTURE, "b/2.png": PICTURE}).items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            for setting, value in entry_settings.items():
                setattr(entry, setting, value)
            file.addfile(entry, io.BytesIO(data) if entry.isreg() else None)
    return buffer.getvalue()


def with_password() -> bytes:
    whole = bytearray(zipped())
    whole[6] |= 1
    at = 0
    while (at := whole.find(b"PK\x01\x02", at) + 1) > 0:
        whole[at + 7] |= 1
    return bytes(whole)


def said_to_be_small() -> bytes:
    whole = bytearray(zipped({"a/1.png": bytes(20 * 2**20)}))
    at = whole.find(b"PK\x01\x02")
    whole[at + 24 : at + 28] = struct.pack("<I", 10)
    return bytes(whole)


def overlapping() -> bytes:
    """Two names for the same packed bytes, which is how a small file unpacks to petabytes."""
    whole = zipped({"a/1.png": PICTURE, "b/1.png": PICTURE}, stored=True)
    at = whole.rfind(b"PK\x01\x02")
    return whole[: at + 42] + struct.pack("<I", 0) + whole[at + 46 :]


def terabyte() -> bytes:
    entry = tarfile.TarInfo("a/1.png")
    entry.size = 2**40
    return entry.tobuf(tarfile.GNU_FORMAT) + bytes(1024)


INSIDE, OUT, LINK = "an archive itself", "a path that may lead out of it", "link 'a/1.png'"
ZEROS = bytes(16 * 2**20)
CASES: dict[str, tuple[Any, str]] = {
    "zip-in-zip.zip": (zipped({"a/b.zip": zipped()}), INSIDE),
    "renamed.zip": (zipped({"a/b.png": zipped()}), INSIDE),
    "tar-in-zip.zip": (zipped({"a/b.tar": tarred()}), INSIDE),
    "zip-in-tar.tar": (tarred({"a/b.zip": zipped()}), INSIDE),
    "gzip-in-tar.tar": (tarred({"a/b.png": gzip.compress(b"x")}), INSIDE),
    "up.zip": (zipped({"../a/1.png": PICTURE}), OUT),
    "up-later.zip": (zipped({"a/../../1.png": PICTURE}), OUT),
    "root.zip": (zipped({"/etc/1.png": PICTURE}), OUT),
    "drive.zip": (zipped({"C:/1.png": PICTURE}), OUT),
    "up.tar": (tarred({"../a/1.png": PICTURE}), OUT),
    "root.tar": (tarred({"/etc/1.png": PICTURE}), OUT),
    "deep.zip": (zipped({"a/" * 40 + "1.png": PICTURE}), "41 deep; expected at most 16"),
    "link.zip": (zipped({"a/1.png": b"/etc/passwd"}, link=True), LINK),
    "soft.tar": (tarred({"a/1.png": b""}, type=tarfile.SYMTYPE, linkname="/etc/passwd"), LINK),
    "hard.tar": (tarred({"a/1.png": b""}, type=tarfile.LNKTYPE, linkname="/etc/passwd"), LINK),
    "device.tar": (tarred({"a/1.png": b""}, type=tarfile.CHRTYPE), "device or the like 'a/1.png'"),
    "pipe.tar": (tarred({"a/1.png": b""}, type=tarfile.FIFOTYPE), "device or the like 'a/1.png'"),
    "zeros.zip": (lambda: zipped({"a/1.png": ZEROS}), "100 times its size"),
    "zeros.tar.gz": (lambda: gzip.compress(tarred({"a/1.png": ZEROS})), "100 times its size"),
    "zeros.tar.bz2": (lambda: bz2.compress(tarred({"a/1.png": ZEROS})), "100 times its size"),
    "zeros.tar.xz": (lambda: lzma.compress(tarred({"a/1.png": ZEROS}), preset=0), "100 times its size"),
    "many-zeros.zip": (lambda: zipped({f"a/{i}.png": bytes(2**20) for i in range(16)}), "100 times its size"),
    "says-less.zip": (said_to_be_small, "expected"),
    "terabyte.tar": (terabyte, "1,099,511,627,776 bytes; expected at most 268,435,456"),
    "overlap.zip": (overlapping, "cannot be read"),
    "half.zip": ((whole := zipped())[: len(whole) // 2], "cannot be read"),
    "half.tar.gz": (gzip.compress(tarred({"a/1.png": bytes(range(256)) * 400}))[:300], "cannot be read"),
    "password.zip": (with_password, "without a password"),
    "text.zip": (b"file,label\na.png,a\n", "cannot be read"),
    "empty.tar": (b"", "cannot be read"),
}  # fmt: skip


@pytest.fixture(scope="module")
def found(told: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    return told("archive", tmp_path_factory.mktemp("archives"), CASES, "half.zip")


@pytest.mark.parametrize("name", CASES)
def test_each_is_refused_at_once(found: Any, name: str) -> None:
    found.check(name, CASES[name][1])


def test_none_takes_much_memory(found: Any) -> None:
    found.check_memory()


def test_bounds_on_files_and_bytes(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    path.write_bytes(zipped({f"a/{i}.png": PICTURE for i in range(12)}))
    for bounds, said in (
        (archive.Bounds(files=10), "more than 10 files"),
        (archive.Bounds(file_bytes=10), "48 bytes; expected at most 10 in a file"),
        (archive.Bounds(bytes=100), "unpacks to more than 100 bytes"),
        (archive.Bounds(packed_bytes=100), "expected at most 100"),
    ):
        with pytest.raises(UnreadableData, match=said):
            archive.files(path, bounds)


@pytest.mark.parametrize(
    "made", [zipped, tarred, lambda: gzip.compress(tarred({"top/a/1.png": PICTURE, "top/b/2.png": PICTURE}))]
)
def test_a_sound_archive_is_a_table(tmp_path: Path, made: Callable[[], bytes]) -> None:
    data = made()
    path = tmp_path / (
        "some.zip" if data.startswith(b"PK") else "some.tar.gz" if data.startswith(b"\x1f") else "some.tar"
    )
    path.write_bytes(data)
    table = read(path)
    assert list(table.columns["label"]) == ["a", "b"]
    assert [file.path.rpartition("/")[2] for file in table.columns["file"]] == ["1.png", "2.png"]
    assert {file.data for file in table.columns["file"]} == {PICTURE}
