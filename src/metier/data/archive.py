"""The files in a zip or tar archive, with bounds on how many, how large and how much larger than they were packed.

Read in a process of its own, see confined.py. Nothing is written to the disk, links are refused, and so is a path that
leads out of the archive or an archive in the archive. Knows nothing of what the files hold.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from metier.data import confined
from metier.data.confined import Refused, Said
from metier.errors import UnreadableData
from metier.types import Packed

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
PACKED_SIGNS = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!")
OPENERS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
CHUNK_BYTES = 1 << 16
UNREADABLE = (
    *(OSError, EOFError, ValueError, NotImplementedError),
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
)


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What an archive may hold."""

    files: int = 200_000
    file_bytes: int = 256 * 2**20
    bytes: int = 2**30
    ratio: int = 100  # unpacked bytes for each packed one; pictures, sounds and clips barely pack at all
    ratio_from_bytes: int = 8 * 2**20  # up to here any ratio will do: a small archive may be mostly headers
    depth: int = 16
    packed_bytes: int = 2**30


BOUNDS = Bounds()
LIMITS = confined.Limits(memory_bytes=4 * 2**30, cpu_s=120, wall_s=180)


def files(path: Path, bounds: Bounds = BOUNDS) -> list[Packed]:
    """Every file in the archive, in order.

    Raises: UnreadableData naming the archive and the bound it breaks.
    """
    try:
        said: Said = {"path": str(path.resolve()), "bounds": asdict(bounds)}
        listed, data = confined.run("metier.data.archive:unpacked", said, b"", LIMITS)
    except (confined.Refused, confined.Exceeded) as problem:
        raise UnreadableData(
            f"{path}: the archive {problem}. Unpack it where you trust it, and give the folder."
        ) from None
    found, at = [], 0
    for name, size in listed["files"]:
        found.append(Packed(path=name, data=data[at : at + size]))
        at += size
    return found


def unpacked(said: Said, _: bytes) -> tuple[Said, bytes]:
    """The job: names, sizes and bytes of the files in the archive at `said["path"]`.

    Raises: Refused.
    """
    path, bounds = Path(said["path"]), Bounds(**said["bounds"])
    try:
        packed_bytes = path.stat().st_size
        if packed_bytes > bounds.packed_bytes:
            raise Refused(f"has {packed_bytes:,} bytes; expected at most {bounds.packed_bytes:,}")
        with path.open("rb") as start:
            # by its first bytes: a tar file that ends in a zip file would pass for one
            reader = _zip if start.read(2) == b"PK" else _tar
        listed: list[tuple[str, int]] = []
        whole = io.BytesIO()
        for name, size, file in reader(path, bounds):
            _check(name, size, len(listed), bounds)
            read = _copied(name, file, whole, packed_bytes, bounds)
            listed.append((name, read))
    except UNREADABLE as error:
        raise Refused(f"cannot be read ({type(error).__name__}: {error}); expected a whole zip or tar file") from error
    except RuntimeError as error:  # zipfile, of a file with a password
        raise Refused(f"cannot be read ({error}); expected files without a password") from error
    return {"files": listed}, whole.getvalue()


def _zip(path: Path, bounds: Bounds) -> Iterator[tuple[str, int, IO[bytes]]]:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.is_dir():
                continue
            if (entry.external_attr >> 16) & 0o170000 == 0o120000:
                raise Refused(f"holds the link '{entry.filename[:80]}'; expected files alone")
            _check_declared(entry.filename, entry.file_size, bounds)
            with archive.open(entry) as file:
                yield entry.filename, entry.file_size, file


def _tar(path: Path, bounds: Bounds) -> Iterator[tuple[str, int, IO[bytes]]]:
    with path.open("rb") as file:
        start = file.read(6)
    opener = next((found for sign, found in OPENERS.items() if start.startswith(sign)), open)
    # as a stream: one pass, and no table of contents to trust. Unpacked here, because tarfile unpacks all it has read
    # at once, however large that becomes
    with opener(path, "rb") as plain, tarfile.open(fileobj=plain, mode="r|") as archive:
        for entry in archive:
            if entry.isdir():
                continue
            if not entry.isreg():
                what = "link" if entry.issym() or entry.islnk() else "device or the like"
                raise Refused(f"holds the {what} '{entry.name[:80]}'; expected files alone")
            _check_declared(entry.name, entry.size, bounds)
            inside = archive.extractfile(entry)
            assert inside is not None
            yield entry.name, entry.size, inside


def _check_declared(name: str, size: int, bounds: Bounds) -> None:
    if size > bounds.file_bytes:
        raise Refused(f"holds '{name[:80]}' of {size:,} bytes; expected at most {bounds.file_bytes:,} in a file")


def _check(name: str, size: int, before: int, bounds: Bounds) -> None:
    if before >= bounds.files:
        raise Refused(f"holds more than {bounds.files:,} files; expected at most that")
    parts = PurePosixPath(name).parts
    if name.startswith(("/", "\\")) or ".." in parts or "\\" in name or ":" in parts[0] or "\0" in name:
        raise Refused(f"holds '{name[:80]}', a path that may lead out of it; expected label/file")
    if len(parts) > bounds.depth:
        raise Refused(f"holds folders {len(parts)} deep; expected at most {bounds.depth}")


def _copied(name: str, file: IO[bytes], whole: io.BytesIO, packed_bytes: int, bounds: Bounds) -> int:
    """Reads one file to the end, as long as it and all before it stay in bounds."""
    size = 0
    while chunk := file.read(CHUNK_BYTES):
        if size == 0 and (chunk.startswith(PACKED_SIGNS) or chunk[257:262] == b"ustar"):
            raise Refused(f"holds '{name[:80]}', an archive itself; expected pictures, sounds or clips")
        size += len(chunk)
        whole.write(chunk)
        total = whole.tell()
        if size > bounds.file_bytes:
            raise Refused(f"holds '{name[:80]}' of more than {bounds.file_bytes:,} bytes; expected at most that")
        if total > bounds.bytes:
            raise Refused(f"unpacks to more than {bounds.bytes:,} bytes; expected at most that")
        if total > bounds.ratio_from_bytes and total > bounds.ratio * packed_bytes:
            raise Refused(f"unpacks to more than {bounds.ratio} times its size; expected less")
    return size
