"""The folder of a specialist as plain files: which belong to it, their sizes and digests; written whole or not.

Knows nothing of what the files say. `specialist.json` names every other file with its size and sha256, and its own last
line is the sha256 of all the bytes before it. A digest shows damage; it is no signature, and says nothing of who wrote.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from metier.errors import ArtifactError, CannotWrite, Damaged, NotASpecialist
from metier.types import Json

DESCRIPTION = "specialist.json"
MOST_DESCRIPTION_BYTES = 16 * 2**20
MOST_BYTES = 4 * 2**30  # of all files together, so that no description can ask for more memory than a machine has
STALE_S = 3600  # a save takes seconds: what a killed one left beside the folder is rubbish after an hour
PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")  # one level, and the same file on every system
SEAL = re.compile(rb',\n "sha256": "([0-9a-f]{64})"\n}\n\Z')
COPY_AGAIN = "Copy the folder again from where it was whole, or train again."


def write(folder: Path, description: Mapping[str, Json], files: Mapping[str, bytes]) -> None:
    """Put a sealed description and its files in place of `folder` in one step; the same input gives the same bytes.

    Raises: CannotWrite; what was there before is then still there, and nothing else is.
    """
    folder = folder.resolve()
    check_free(folder)
    sealed = seal(json.dumps({**description, "files": listed(files)}, indent=1, sort_keys=True, allow_nan=False))
    if len(sealed) > MOST_DESCRIPTION_BYTES:
        raise CannotWrite(
            f"{folder / DESCRIPTION}: would be {len(sealed):,} bytes; expected {MOST_DESCRIPTION_BYTES:,} at most. "
            "Train on fewer labels or with shorter names."
        )
    try:
        _write_beside(folder, {**files, DESCRIPTION: sealed})
    except OSError as error:
        needed = sum(map(len, files.values())) + len(sealed)
        raise CannotWrite(
            f"{folder}: {error.strerror or error}. {needed / 1e6:,.1f} MB were to be written; nothing was, and what "
            "was there before is untouched. Free space, or name another folder."
        ) from error


def check_free(folder: Path) -> None:
    """Check that `folder` may be written: absent, empty, or a specialist and nothing besides.

    Raises: CannotWrite, naming what is in the way; call it before long work as well as after.
    """
    if not folder.exists():
        return
    advice = "Nothing was written. Name another folder, or move this one away."
    if not folder.is_dir():
        raise CannotWrite(f"{folder}: a file is in the way; expected a folder, or nothing. {advice}")
    try:
        present = sorted(path.name for path in folder.iterdir())
        ours = [DESCRIPTION, *(read_description(folder).get("files") or () if present else ())]
    except (ArtifactError, OSError) as error:
        raise CannotWrite(
            f"{folder}: holds {_some(present)} and is no sound specialist, so it is not replaced ({error}) {advice}"
        ) from error
    foreign = [name for name in present if name not in ours]
    if foreign:
        raise CannotWrite(
            f"{folder}: beside a specialist it holds {_some(foreign)}, which replacing would delete. {advice}"
        )


def seal(text: str) -> bytes:
    """A JSON object's text with one last line: the sha256 of all the bytes before that line."""
    body = text.removesuffix("\n}").encode("ascii")
    return body + b',\n "sha256": "%s"\n}\n' % hashlib.sha256(body).hexdigest().encode("ascii")


def read_description(folder: Path) -> dict[str, Any]:
    """What `specialist.json` says without its seal, which was checked before anything in it is believed.

    Raises: NotASpecialist where there is none, Damaged where a byte of it changed or it is not strict JSON.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        found = "there is no such folder" if not folder.exists() else f"the folder has no {DESCRIPTION}"
        found = "this is a file" if folder.is_file() else found
        raise NotASpecialist(
            f"{folder}: {found}. Expected the folder that `metier train DATA -o FOLDER` wrote. Check the path."
        )
    raw = _bytes(path, most=MOST_DESCRIPTION_BYTES)
    found_seal = SEAL.search(raw[-128:])
    if found_seal is None:
        raise Damaged(
            f"{path}: does not end in its own sha256. Expected that as its last line: the file was cut short, or "
            f"metier did not write it. {COPY_AGAIN}"
        )
    body = raw[: len(raw) - len(found_seal[0])]
    _check_digest(path, body, stated=found_seal[1].decode("ascii"))
    return _strict(path, body + b"\n}")


def verified(folder: Path, files: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Each listed file with its bytes, the very bytes that were held against the size and the sha256 stated for it.

    Raises: Damaged; all names are judged before the first file is opened.
    """
    for name, stated in files.items():
        _check_listed(folder, name, stated)
    total = sum(stated["bytes"] for stated in files.values())
    if total > MOST_BYTES:
        raise Damaged(
            f"{folder / DESCRIPTION}: its files would take {total:,} bytes together; expected {MOST_BYTES:,} at most. "
            "Train again."
        )
    absent = [name for name in files if not os.path.lexists(folder / name)]
    if absent:
        raise Damaged(
            f"{folder}: {_some(absent)} {'is' if len(absent) == 1 else 'are'} missing. Expected every file that "
            f"{DESCRIPTION} names. {COPY_AGAIN}"
        )
    for name, stated in files.items():
        data = _bytes(folder / name, most=stated["bytes"])
        if len(data) < stated["bytes"]:
            raise Damaged(f"{folder / name}: {len(data):,} bytes; expected {stated['bytes']:,}. {COPY_AGAIN}")
        _check_digest(folder / name, data, stated=stated["sha256"])
        yield name, data


def unlisted(folder: Path, files: Mapping[str, Any]) -> list[str]:
    """What lies in the folder and is no part of the specialist; it is never read."""
    return sorted(path.name for path in folder.iterdir() if path.name != DESCRIPTION and path.name not in files)


def listed(files: Mapping[str, bytes]) -> dict[str, Json]:
    """The size and digest of each file, as a description states them.

    Raises: ValueError for a name that could not be read back, or that means another file where case does not count.
    """
    odd = [name for name in files if name == DESCRIPTION or not PLAIN_NAME.fullmatch(name)]
    if odd or len({name.casefold() for name in files}) < len(files):
        raise ValueError(
            f"{_some(odd or list(files))}: expected distinct names of letters, digits, '.', '_' and '-', other than "
            f"{DESCRIPTION}"
        )
    return {name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for name, data in files.items()}


def _check_listed(folder: Path, name: str, stated: Any) -> None:
    if name == DESCRIPTION or not PLAIN_NAME.fullmatch(name):
        raise Damaged(
            f"{folder / DESCRIPTION}: names the file {name!r:.80}. Expected plain names inside the folder (letters, "
            "digits, '.', '_', '-'); nothing was opened. Train again, and ask where this folder comes from."
        )
    size, digest = (stated.get("bytes"), stated.get("sha256")) if isinstance(stated, dict) else (None, None)
    if type(size) is not int or size < 0 or not isinstance(digest, str):
        raise Damaged(
            f"{folder / DESCRIPTION}: says {stated!r:.80} of the file {name}. Expected its bytes and its sha256. "
            f"{COPY_AGAIN}"
        )


def _bytes(path: Path, *, most: int) -> bytes:
    """The whole of a plain file, read once, so that what is checked is what is used."""
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise Damaged(
                f"{path}: a link, a folder or a device. Expected a plain file. Copy the folder with the files "
                "themselves (from the Hugging Face hub: snapshot_download with local_dir)."
            )
        if found.st_size > most:
            raise Damaged(f"{path}: {found.st_size:,} bytes; expected {most:,} at most. {COPY_AGAIN}")
        return path.read_bytes()
    except OSError as error:
        raise Damaged(f"{path}: {error.strerror or error}. Expected a file this user can read.") from error


def _check_digest(path: Path, data: bytes, *, stated: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != stated:
        raise Damaged(f"{path}: changed since it was written: sha256 {found}, expected {stated}. {COPY_AGAIN}")


def _strict(path: Path, raw: bytes) -> dict[str, Any]:
    """JSON as its standard has it; Python's reader alone would let NaN, 1e999 and repeated keys pass."""
    try:
        said = json.loads(raw.decode("utf-8"), object_pairs_hook=_distinct, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{path}: not strict JSON: {error}. {COPY_AGAIN}") from error
    if not isinstance(said, dict):
        raise Damaged(f"{path}: a JSON {type(said).__name__}; expected an object. {COPY_AGAIN}")
    return said


def _distinct(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    said = dict(pairs)
    if len(said) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return said


def _finite(digits: str) -> float:
    number = float(digits)
    if number - number != 0:  # not so for NaN and the infinities
        raise ValueError(f"{digits[:20]} is not a finite number")
    return number


def _write_beside(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    work = folder.with_name(f".{folder.name[:80]}.{secrets.token_hex(4)}.partial")
    try:
        work.mkdir()
        for name, data in files.items():
            _write_synced(work / name, data)
        sync_folder(work)
        put_in_place(work, folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(work, ignore_errors=True)  # half-written, or what `folder` was before


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Come back when what was made or renamed in a folder is on the disk."""
    if os.name == "posix":  # elsewhere a folder cannot be opened
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time, until the block ends; the lock goes with the process that holds it."""
    import fcntl  # of POSIX, as gateways and registries are

    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def put_in_place(work: Path, folder: Path) -> None:
    """Make `work` be `folder`; what was `folder` is `work` afterwards."""
    if not folder.exists():
        work.rename(folder)
    elif not _exchanged(work, folder):
        aside = work.with_suffix(".old")
        folder.rename(aside)
        try:
            work.rename(folder)
        except BaseException:
            aside.rename(folder)
            raise
        aside.rename(work)


def _exchanged(one: Path, other: Path) -> bool:
    """Swap two folders in one step, so that a reader or a kill between finds one whole; False where that is unknown.

    Source: renameat2(2), Linux; Python has no call for it.
    """
    if sys.platform != "linux":
        return False
    import ctypes

    call = getattr(ctypes.CDLL(None), "renameat2", None)
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return call is not None and call(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0


def _sweep(folder: Path) -> None:
    for left in folder.parent.glob(f".{glob.escape(folder.name[:80])}.*.partial"):
        with suppress(OSError):
            if time.time() - left.lstat().st_mtime > STALE_S:
                shutil.rmtree(left)


def _some(names: Sequence[str], shown: int = 5) -> str:
    """`'a', 'b' and 3 more`, for messages."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(repr(name) for name in names[:shown]) + more
