"""A registry in a bucket: `s3://bucket/prefix`, or any address that fsspec knows.

    NAME/3/                 an artifact; its description is written first and only where there is none, so that of two
                            who publish at once each gets a number of its own
    record/00000001.jsonl   what was done, from that line of the record on; written once, and only where there is none

So the record grows by one conditional write (If-None-Match), which a store does whole or not at all: whoever comes
second is told so, reads what the first one did, and decides anew. Whatever is killed leaves the state before or after.
What is read lies in a folder of this machine as well, and is checked there as any registry is.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from metier import artifact, folder, lazy
from metier.errors import CannotWrite, Damaged, MetierError, NotASpecialist
from metier.registry import Entry, Line, Registry, Shelf

FOLLOW = ".follow"
CACHE = "METIER_CACHE"


def opened(root: str | Path) -> Registry:
    """The registry in a folder or at an address.

    Raises: NotASpecialist where there is neither a record nor a specialist.
    """
    return Bucket(str(root)).opened() if "://" in str(root) else Registry.open(root)


def at(root: str | Path) -> Registry:
    """The same, to be published into, whether or not there is anything yet."""
    return Bucket(str(root)) if "://" in str(root) else Registry(Path(root))


class Bucket(Registry):
    """A registry at an address, mirrored in `mirror` as far as it was read."""

    def __init__(self, url: str, *, mirror: Path | None = None) -> None:
        lazy.need("fsspec", extra="s3", purpose=f"A registry at {url.partition('://')[0]}://")
        self.url = url.rstrip("/")
        super().__init__(mirror or _cache() / hashlib.sha256(self.url.encode()).hexdigest()[:16])
        self.root.mkdir(parents=True, exist_ok=True)
        with self._asked():
            from fsspec.core import url_to_fs

            # what is not there now may be there in a moment: nothing about that is remembered
            self._files, self._place = url_to_fs(self.url, use_listings_cache=False, skip_instance_cache=True)

    def opened(self) -> Bucket:
        """Itself, where something was published.

        Raises: NotASpecialist.
        """
        if not self.record():
            raise NotASpecialist(
                f"{self.url}: nothing was published there. Publish: metier registry add FOLDER --registry {self.url}"
            )
        return self

    def stamp(self) -> object:
        """Equal as long as nothing changed."""
        self._follow()
        return super().stamp()

    def state(self) -> Shelf:
        """What the record adds up to."""
        self._follow()
        return super().state()

    def record(self) -> list[Line]:
        """Everything that was done, the oldest first."""
        self._follow()
        return super().record()

    def fetch(self, entry: Entry) -> None:
        """A version under its name in the mirror, whole and checked or not at all."""
        if entry.path.exists():
            return
        work = entry.path.with_name(f".{entry.path.name}.{os.getpid()}.{threading.get_ident()}.partial")
        work.mkdir(parents=True)
        try:
            self._fetch(entry, work)
            with folder.locked(self.root / FOLLOW):
                if not entry.path.exists():
                    work.rename(entry.path)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def verify(self) -> list[str]:
        """The same, of all that lies in the bucket now: every byte is fetched again."""
        with TemporaryDirectory() as work:
            anew = Bucket(self.url, mirror=Path(work))
            problems = []
            for name, versions in anew.state().versions.items():
                for version in versions:
                    try:
                        anew.resolve(f"{name}@{version}")
                    except MetierError as error:
                        problems.append(str(error))
            return problems or Registry.verify(anew)

    def _placed(self, source: Path, name: str, description: bytes) -> Entry:
        with TemporaryDirectory() as work:
            (Path(work) / folder.DESCRIPTION).write_bytes(description)
            said = folder.read_description(Path(work))
        number = 1 + max(self._numbers(name), default=0)
        while not self._written(f"{name}/{number}/{folder.DESCRIPTION}", description):
            number += 1
        for file, data in folder.verified(source, said["files"]):
            with self._asked():
                self._files.pipe_file(f"{self._place}/{name}/{number}/{file}", data)
        return Entry(name=name, version=str(number), path=self.root / name / str(number))

    def _append(self, decided: Callable[[], Sequence[Line]], who: str | None) -> None:
        while True:
            done = self.record()
            piece, written = _piece(len(done) + 1), self._sealed(decided(), done, who)
            # a driver that asked again after a lost reply finds what it wrote itself
            if self._written(piece, written) or self._read(f"{self._place}/{piece}") == written:
                return

    def _dropped(self, entry: Entry) -> None:
        with self._asked():
            self._files.rm(f"{self._place}/{entry.name}/{entry.version}", recursive=True)
        shutil.rmtree(entry.path)

    def _written(self, name: str, data: bytes) -> bool:
        """Write what is not there yet; False where it is."""
        with self._asked():
            try:
                self._files.pipe_file(f"{self._place}/{name}", data, mode="create")
            except FileExistsError:
                return False
        return True

    def _follow(self) -> None:
        """Take over what was done since: each piece of the record is named by the line that it begins with."""
        with folder.locked(self.root / FOLLOW):
            while True:
                known = super().record()
                with self._asked():
                    try:
                        piece: bytes = self._files.cat_file(f"{self._place}/{_piece(len(known) + 1)}")
                    except FileNotFoundError:
                        return
                if not piece.endswith(b"\n"):
                    raise Damaged(f"{self.url}/{_piece(len(known) + 1)}: no whole lines. Bring back a copy of it.")
                self._take_in(piece)

    def _fetch(self, entry: Entry, work: Path) -> None:
        published = next(
            line["sha256"] for line in reversed(super().record())
            if (line["what"], line["name"], line["version"]) == ("add", entry.name, entry.version)
        )  # fmt: skip
        there = f"{self._place}/{entry.name}/{entry.version}"
        description = self._read(f"{there}/{folder.DESCRIPTION}")
        if hashlib.sha256(description).hexdigest() != published:
            raise Damaged(f"{self.url}: {entry.name}@{entry.version} is not what was published. Publish it again.")
        (work / folder.DESCRIPTION).write_bytes(description)
        for name in folder.read_description(work)["files"]:
            (work / name).write_bytes(self._read(f"{there}/{name}"))
        artifact.describe(work)

    def _read(self, place: str) -> bytes:
        with self._asked():
            data: bytes = self._files.cat_file(place)
            return data

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Errors of the store in our words."""
        try:
            yield
        except MetierError:
            raise
        except Exception as error:  # each store's driver has a tree of its own, and none of them is installed for sure
            raise CannotWrite(
                f"{self.url}: {type(error).__name__}: {error}. Check the address, that the bucket is there, and who "
                "may read and write it (for s3://: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL)."
            ) from None


def _piece(line: int) -> str:
    return f"record/{line:08}.jsonl"


def _cache() -> Path:
    return Path(os.environ.get(CACHE) or Path.home() / ".cache" / "metier") / "registries"
