"""Specialists by name and version: published, promoted and rolled back, and who did it.

Knows artifacts and nothing of who asks for them. A registry is a folder:

    NAME/3/           an artifact, never changed once it is there
    record.jsonl      what was done, a line each, every line sealed with the sha256 of the one before

The record is the only truth: aliases follow from it. A line is appended and synced in one piece, so whatever is killed,
a reader sees the state before it or after it. A folder of specialists without a record is served as it is, each as
version 1.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import re
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from metier import artifact, folder
from metier.errors import BadOption, CannotWrite, Damaged, MetierError, NotASpecialist
from metier.types import Json

RECORD, LOCK = "record.jsonl", ".lock"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
START = "0" * 64  # what seals the first line
Line: TypeAlias = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One version of a specialist and the folder it lies in."""

    name: str
    version: str
    path: Path


@dataclass(frozen=True, kw_only=True)
class Canary:
    """A version that gets a share of the asks, 0 to 1."""

    version: str
    share: float


@dataclass(frozen=True, kw_only=True)
class Aliases:
    """Which version of a specialist is what. `before` are those that were in production, the last one last."""

    production: str | None = None
    shadow: str | None = None
    canary: Canary | None = None
    before: tuple[str, ...] = ()

    def of(self, version: str) -> list[str]:
        """What a version is, in words."""
        words = [word for word in ("production", "shadow") if getattr(self, word) == version]
        canary = self.canary is not None and self.canary.version == version
        return [*words, f"canary {self.canary.share:.0%}"] if canary and self.canary else words


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """The state of a registry: the versions of each name, and their aliases."""

    versions: Mapping[str, tuple[str, ...]]
    aliases: Mapping[str, Aliases]

    def named(self, said: str) -> tuple[str, str]:
        """`name`, `name@3`, `name@production`, `name@shadow` or `name@canary` as a name and a version.

        Raises: BadOption naming what there is.
        """
        name, _, asked = said.partition("@")
        versions = self.versions.get(name)
        if versions is None:
            raise BadOption(f"There is no specialist '{name:.64}' here. Known: {_listed(self.versions)}.")
        aliases = self.aliases[name]
        canary = aliases.canary.version if aliases.canary else None
        known = {"": aliases.production, "production": aliases.production, "shadow": aliases.shadow, "canary": canary}
        version = known.get(asked, asked)
        if version is None or version not in versions:
            raise BadOption(
                f"There is no {name}@{asked or 'production'}. Known versions: {', '.join(versions)}; in production: "
                f"{aliases.production or 'none'}."
            )
        return name, version


class Registry:
    """A folder of specialists with a record of who did what; `Registry.open("specialists")`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def open(cls, root: str | Path) -> Registry:
        """The registry in a folder.

        Raises: NotASpecialist where there is neither a record nor a specialist.
        """
        found = cls(Path(root))
        if not found._record.exists() and not found._bare():
            raise NotASpecialist(
                f"{root}: neither a registry nor a folder of specialists. Train one (`metier train rows.csv -o mine`) "
                f"and publish it (`metier registry add mine --registry {root}`)."
            )
        return found

    def names(self) -> Sequence[str]:
        """The specialists that have something in production."""
        return sorted(name for name, aliases in self.state().aliases.items() if aliases.production is not None)

    def aliases(self, name: str) -> Aliases:
        """Which version of a specialist is what."""
        return self.state().aliases.get(name, Aliases())

    def stamp(self) -> object:
        """Equal as long as nothing changed."""
        if self._record.exists():
            told = self._record.stat()
            return told.st_size, told.st_mtime_ns
        return tuple((one, (self.root / one / folder.DESCRIPTION).stat().st_mtime_ns) for one in self._bare())

    def resolve(self, said: str) -> Entry:
        """`name`, `name@3`, `name@production`, `name@shadow` or `name@canary` as a version and its folder.

        Raises: BadOption naming what there is.
        """
        entry = self.entry(*self.state().named(said))
        self.fetch(entry)
        return entry

    def entry(self, name: str, version: str) -> Entry:
        """A version that there is, and the folder that is or will be its own."""
        bare = not self._record.exists()
        return Entry(name=name, version=version, path=self.root / name if bare else self.root / name / version)

    def fetch(self, entry: Entry) -> None:
        """Come back when its folder is here; in a folder everything is."""

    def add(self, source: str | Path, *, name: str | None = None, who: str | None = None) -> Entry:
        """Publish an artifact as the next version of its name; the first of a name goes into production.

        Everything is checked before it enters: digests, and the golden rows replayed.

        Raises: ArtifactError about the folder, BadOption for a name that is none, CannotWrite.
        """
        source = Path(source)
        artifact.load(source)
        name = source.resolve().name if name is None else name
        if not NAME.fullmatch(name):
            raise BadOption(
                f"'{name:.80}' is no name for a registry. Expected 1 to 64 of a-z, 0-9, '.', '_' and '-', a letter or "
                "a digit first; give one with --name."
            )
        with self._locked():
            description = (source / folder.DESCRIPTION).read_bytes()
            digest = hashlib.sha256(description).hexdigest()
            entry = self._placed(source, name, description)

            def added() -> list[Line]:
                line: Line = {"what": "add", "name": name, "version": entry.version, "sha256": digest}
                if self.aliases(name).production is not None:
                    return [line]
                return [line, {"what": "promote", "name": name, "version": entry.version, "alias": "production"}]

            self._append(added, who)
        return entry

    def promote(self, said: str, *, alias: str = "production", share: float = 0.0, who: str | None = None) -> Entry:
        """Make a version be `production`, `shadow`, or the `canary` for a share of the asks.

        Raises: BadOption for a version or an alias that there is not.
        """
        if alias not in ("production", "shadow", "canary") or (alias == "canary") != (0 < share < 1):
            said_alias = f"{alias:.40} {share:.0%}" if share else f"{alias:.40}"
            raise BadOption(f"'{said_alias}' is no alias. Expected production, shadow or 'canary 5%'.")

        def promoted() -> list[Line]:
            entry = self.resolve(said)
            line: Line = {"what": "promote", "name": entry.name, "version": entry.version, "alias": alias}
            return [{**line, "share": share} if alias == "canary" else line]

        with self._locked():
            self._append(promoted, who)
            return self.resolve(said)

    def rollback(self, name: str, *, who: str | None = None) -> Entry:
        """Give production back to the version that had it before; canary and shadow end.

        Raises: BadOption where there was none before.
        """

        def rolled_back() -> list[Line]:
            aliases = self.aliases(name)
            if not aliases.before:
                raise BadOption(f"{name}: nothing was in production before {aliases.production or 'now'}.")
            return [{"what": "rollback", "name": name, "version": aliases.before[-1]}]

        with self._locked():
            self._append(rolled_back, who)
        return self.resolve(name)

    def remove(self, said: str, *, who: str | None = None) -> None:
        """Delete a version that is nothing any more.

        Raises: BadOption for one that still is production, shadow or canary.
        """

        def removed() -> list[Line]:
            held = self.aliases(entry.name).of(entry.version)
            if held:
                raise BadOption(f"{said} is {' and '.join(held)}. Promote another version first.")
            return [{"what": "remove", "name": entry.name, "version": entry.version}]

        with self._locked():
            entry = self.resolve(said)
            self._append(removed, who)
            self._dropped(entry)

    def state(self) -> Shelf:
        """What the record adds up to.

        Raises: Damaged where a line of it is none.
        """
        if not self._record.exists():
            bare = self._bare()
            return Shelf(versions=dict.fromkeys(bare, ("1",)), aliases=dict.fromkeys(bare, Aliases(production="1")))
        versions: dict[str, tuple[str, ...]] = {}
        aliases: dict[str, Aliases] = {}
        for line in self.record():
            name, version = str(line["name"]), str(line["version"])
            if line["what"] == "add":
                versions[name] = (*versions.get(name, ()), version)
            elif line["what"] == "remove":
                versions[name] = tuple(one for one in versions[name] if one != version)
            aliases[name] = _after(aliases.get(name, Aliases()), line)
        return Shelf(versions=versions, aliases=aliases)

    def record(self) -> list[Line]:
        """Everything that was done, the oldest first.

        Raises: Damaged where a line is no JSON object; a last line without its end was never acknowledged and is none.
        """
        whole, _, _ = self._record.read_bytes().rpartition(b"\n") if self._record.exists() else (b"", b"", b"")
        lines: list[Line] = []
        for number, raw in enumerate(whole.splitlines(), start=1):
            try:
                line = json.loads(raw)
                name, version = str(line["name"]), str(line["version"])
                if not NAME.fullmatch(name) or not version.isdecimal():  # they are names of folders
                    raise ValueError
                lines.append({**line, "name": name, "version": version})
            except (ValueError, TypeError, KeyError):
                raise Damaged(
                    f"{self._record}, line {number}: not a line of a record. Bring back a copy of it."
                ) from None
        return lines

    def verify(self) -> list[str]:
        """What is wrong with the record or with the folders it speaks of; nothing needs to run for it."""
        problems, before, versions = [], START, self.state().versions
        for number, line in enumerate(self.record(), start=1):
            if line.get("before") != before or line.get("seal") != _seal(line):
                problems.append(f"{self._record}, line {number}: does not follow from the line before; it was changed.")
            before = str(line.get("seal"))
            if line["what"] == "add" and line["version"] in versions[line["name"]]:
                problems += self._changed(line)
        return problems

    def _changed(self, line: Line) -> list[str]:
        """What is no longer as the line says it was published."""
        place = self.root / line["name"] / line["version"]
        here = place / folder.DESCRIPTION
        found = hashlib.sha256(here.read_bytes()).hexdigest() if here.exists() else "nothing"
        if found != line["sha256"]:
            return [f"{here}: sha256 {found:.16}, published as {line['sha256']:.16}."]
        try:
            artifact.describe(
                place
            )  # the description is the one that was published, and so are its digests of the rest
        except MetierError as error:
            return [str(error)]
        return []

    @property
    def _record(self) -> Path:
        return self.root / RECORD

    def _bare(self) -> list[str]:
        found = self.root.glob(f"*/{folder.DESCRIPTION}") if self.root.is_dir() else ()
        return sorted(one.parent.name for one in found if NAME.fullmatch(one.parent.name))

    def _check_recorded(self) -> None:
        """A first line would hide every specialist that is served without one."""
        bare = [] if self._record.exists() else self._bare()
        if bare:
            raise BadOption(
                f"{self.root}: its specialists ({_listed(dict.fromkeys(bare))}) are served as they are, without "
                f"versions. Publish them in a folder of its own: metier registry add {self.root / bare[0]} "
                "--registry REGISTRY."
            )

    def _numbers(self, name: str) -> list[int]:
        """Every number that was ever given, and those of folders that a kill left without a line."""
        place = self.root / name
        left = [int(one.name) for one in place.iterdir() if one.name.isdecimal()] if place.is_dir() else []
        return [*left, *(int(line["version"]) for line in self.record() if line["name"] == name)]

    def _placed(self, source: Path, name: str, description: bytes) -> Entry:
        """The artifact of that description under the next number of its name."""
        number = 1 + max(self._numbers(name), default=0)
        place = self.root / name / str(number)
        _copied(source, place, description)
        return Entry(name=name, version=str(number), path=place)

    def _dropped(self, entry: Entry) -> None:
        shutil.rmtree(entry.path)

    def _append(self, decided: Callable[[], Sequence[Line]], who: str | None) -> None:
        """Append what is decided, as things are now, to the record, and come back when it is on the disk."""
        self._take_in(self._sealed(decided(), self.record(), who))

    def _sealed(self, lines: Sequence[Line], done: Sequence[Line], who: str | None) -> bytes:
        """Lines as they stand in the record, each sealed with the seal of the one before."""
        before = str(done[-1]["seal"]) if done else START
        written = b""
        for line in lines:
            told = {
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "who": who or f"{getpass.getuser()}@{socket.gethostname()}",
                **line,
                "before": before,
            }
            before = _seal(told)
            written += json.dumps({**told, "seal": before}, ensure_ascii=False).encode() + b"\n"
        return written

    def _take_in(self, written: bytes) -> None:
        """Whole lines at the end of the record, in one piece."""
        with self._record.open("a+b") as file:
            # what a kill left without its end is cut off; it was never acknowledged
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
            file.write(written)
            file.flush()
            os.fsync(file.fileno())
        folder.sync_folder(self.root)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with folder.locked(self.root / LOCK):
                self._check_recorded()
                yield
        except OSError as error:
            raise CannotWrite(
                f"{self.root}: {error.strerror or error}. Free space there, or check who may write."
            ) from None


def _after(aliases: Aliases, line: Line) -> Aliases:
    version = line["version"]
    if line["what"] == "rollback":
        return Aliases(production=version, before=aliases.before[:-1])
    if line["what"] == "remove":
        return replace(aliases, before=tuple(one for one in aliases.before if one != version))
    if line["what"] != "promote":
        return aliases
    if line["alias"] == "shadow":
        return replace(aliases, shadow=version)
    if line["alias"] == "canary":
        return replace(aliases, canary=Canary(version=version, share=float(line["share"])))
    shadow = None if aliases.shadow == version else aliases.shadow
    canary = None if aliases.canary and aliases.canary.version == version else aliases.canary
    last = aliases.production
    before = aliases.before if last is None or last == version else (*aliases.before, last)
    return Aliases(production=version, shadow=shadow, canary=canary, before=before)


def _seal(line: Mapping[str, Json]) -> str:
    told = {name: value for name, value in line.items() if name != "seal"}
    return hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _copied(source: Path, place: Path, description: bytes) -> None:
    """A copy of what its description names, under its final name, whole or not at all."""
    work = place.with_name(f".{place.name}.{os.getpid()}.partial")
    shutil.rmtree(work, ignore_errors=True)
    try:
        work.mkdir(parents=True)
        (work / folder.DESCRIPTION).write_bytes(description)
        for name in folder.read_description(work)["files"]:
            shutil.copyfile(source / name, work / name)
        for file in work.iterdir():
            with file.open("rb") as one:
                os.fsync(one.fileno())
        artifact.describe(work)  # what was copied is what was checked
        folder.sync_folder(work)
        work.rename(place)
        folder.sync_folder(place.parent)
    except (MetierError, FileNotFoundError):
        raise Damaged(f"{source}: changed while it was copied. Publish it again once nobody writes there.") from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _listed(names: Mapping[str, object], most: int = 8) -> str:
    known = sorted(names)
    return ", ".join(known[:most]) + (f" and {len(known) - most} more" if len(known) > most else "") or "none"
