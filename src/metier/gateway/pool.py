"""The specialists in memory: loaded when asked for, followed as they are promoted, let go when room is short.

Knows a registry by its seam and specialists by what a queue asks of them.
"""

from __future__ import annotations

import asyncio
import difflib
import logging
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from metier import artifact, folder
from metier.encoders.base import Recalling
from metier.errors import MetierError
from metier.forms.base import Learnt
from metier.gateway.base import Trouble, Unavailable, UnknownModel
from metier.gateway.batch import SWIFT_S, Queue
from metier.gateway.settings import Settings
from metier.registry import Aliases, Entry

FOLLOW_S = 0.5  # how soon a promotion is seen
RECALLED = 64  # vectors that an encoder keeps: a text that is asked of every specialist is encoded once
LOG = logging.getLogger("metier.gateway")


class Shelf(Protocol):
    """What the pool needs of a registry."""

    def names(self) -> Sequence[str]:
        """The specialists there are."""
        ...

    def resolve(self, said: str) -> Entry:
        """`name`, `name@3` or `name@production` as a version and its folder."""
        ...

    def aliases(self, name: str) -> Aliases:
        """Which version of a specialist is what."""
        ...

    def stamp(self) -> object:
        """Equal as long as nothing changed."""
        ...


@dataclass(kw_only=True, eq=False)
class Loaded:
    """A specialist in memory, its queue, and what it takes; `files` are sizes by digest, which others may share."""

    entry: Entry
    specialist: Learnt
    queue: Queue
    files: Mapping[str, int]
    used: float = field(default_factory=monotonic)


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """What the registry said last: the version of every name, as one value that is changed as a whole."""

    production: Mapping[str, Entry]
    aliases: Mapping[str, Aliases]


class Pool:
    """Loaded specialists by name and version.

    `start` loads what is in production until `memory_mb` is full; the rest is loaded when it is asked for.
    """

    def __init__(self, shelf: Shelf, settings: Settings, executor: ThreadPoolExecutor, *, lanes: int) -> None:
        self._shelf, self._settings, self._executor, self._lanes = shelf, settings, executor, lanes
        self._loaded: dict[tuple[str, str], Loaded] = {}
        self._loading: dict[tuple[str, str], asyncio.Task[Loaded]] = {}
        self._stamp: object = None
        self.catalogue = Catalogue(production={}, aliases={})

    async def start(self) -> None:
        """Load what is in production, as far as there is room.

        Raises: MetierError where one of them is damaged: a gateway that cannot do all its work does not start.
        """
        self._stamp = self._shelf.stamp()
        self.catalogue = await self._threaded_catalogue()
        entries = list(self.catalogue.production.values())
        for first in range(0, len(entries), self._lanes):
            if self.megabytes > self._settings.memory_mb:
                LOG.warning("memory_mb is full; the rest is loaded when it is asked for")
                break
            await asyncio.gather(*map(self._load, entries[first : first + self._lanes]))

    async def follow(self) -> None:
        """See what is promoted and rolled back, for as long as the gateway runs.

        The new version is loaded before the old one stops being asked, so that no ask waits for it.
        """
        while True:
            await asyncio.sleep(FOLLOW_S)
            try:
                await self.refresh()
            except Exception:  # whatever it was, the versions that are served go on being served
                LOG.exception("the registry could not be read; the versions in memory stay")

    async def refresh(self) -> None:
        """Take over what the registry says now."""
        stamp = await asyncio.to_thread(self._shelf.stamp)
        if stamp == self._stamp:
            return
        fresh, kept = await self._threaded_catalogue(), self.catalogue
        production: dict[str, Entry] = {}
        for name, entry in fresh.production.items():
            try:
                if (name, entry.version) not in self._loaded and name in kept.production:
                    await self._load(entry)
                production[name] = entry
            except MetierError as error:
                LOG.error("%s@%s is not served: %s", name, entry.version, error)
                if name in kept.production:
                    production[name] = kept.production[name]
        self.catalogue = Catalogue(production=production, aliases=fresh.aliases)
        self._stamp = stamp

    def entry(self, said: str, *, request: str) -> Entry:
        """The version that answers to a name: the one asked for, the canary for its share of requests, or production.

        Raises: UnknownModel, naming those that exist, nearest first.
        """
        name, at, version = said.partition("@")
        production = self.catalogue.production.get(name)
        if production is None:
            raise UnknownModel(self._unknown(said), param="model")
        if at and version not in ("production", production.version):
            try:
                return self._shelf.resolve(said)
            except MetierError as error:
                raise UnknownModel(str(error), param="model") from None
        canary = None if at else self.catalogue.aliases[name].canary
        if canary is not None and zlib.crc32(request.encode()) % 10_000 < canary.share * 10_000:
            return self._shelf.resolve(f"{name}@{canary.version}")
        return production

    async def get(self, entry: Entry) -> Loaded:
        """A specialist, loaded if it is not.

        Raises: Unavailable where it cannot be.
        """
        loaded = self._loaded.get((entry.name, entry.version))
        if loaded is None:
            try:
                loaded = await self._load(entry)
            except Trouble:
                raise
            except MetierError as error:
                LOG.error("%s@%s cannot be loaded: %s", entry.name, entry.version, error)
                raise Unavailable(
                    f"{entry.name}@{entry.version}: its folder is not sound, so it was not loaded. See the gateway's "
                    "log; ask another version meanwhile."
                ) from None
        loaded.used = monotonic()
        return loaded

    @property
    def loaded(self) -> Sequence[Loaded]:
        """Everything in memory."""
        return tuple(self._loaded.values())

    @property
    def megabytes(self) -> float:
        """What is in memory, by the files it came from; what several share counts once."""
        shared = {digest: size for one in self._loaded.values() for digest, size in one.files.items()}
        return sum(shared.values()) / 1e6

    def unload(self, name: str) -> None:
        """Let a specialist go; the next ask loads it again."""
        for key in [key for key in self._loaded if key[0] == name]:
            del self._loaded[key]

    async def _load(self, entry: Entry) -> Loaded:
        key = entry.name, entry.version
        task = self._loading.get(key)
        if task is None:  # two asks at once load it once; one that leaves does not stop it for the other
            task = self._loading[key] = asyncio.create_task(self._read(entry))
            task.add_done_callback(lambda _: self._loading.pop(key, None))
        return await asyncio.shield(task)

    async def _read(self, entry: Entry) -> Loaded:
        loop = asyncio.get_running_loop()
        said = await loop.run_in_executor(self._executor, folder.read_description, entry.path)
        specialist = await loop.run_in_executor(self._executor, artifact.load, entry.path)
        swift = await loop.run_in_executor(self._executor, _swift, specialist)
        for encoder in specialist.encoders:
            if isinstance(encoder, Recalling):
                encoder.recall(RECALLED)
        queue = Queue(specialist, self._executor, most=self._settings.queue_rows, lanes=self._lanes, swift=swift)
        files = {str(one["sha256"]): int(one["bytes"]) for one in said["files"].values()}
        loaded = Loaded(entry=entry, specialist=specialist, queue=queue, files=files)
        self._loaded[entry.name, entry.version] = loaded
        self._make_room(loaded)
        return loaded

    def _make_room(self, newest: Loaded) -> None:
        """The least recently used leave, but those that are pinned, at work, or just came."""
        for one in sorted(self._loaded.values(), key=lambda loaded: loaded.used):
            if self.megabytes <= self._settings.memory_mb:
                return
            own = self._settings.specialists.get(one.entry.name)
            if one is not newest and one.queue.idle and not (own and own.pinned):
                del self._loaded[one.entry.name, one.entry.version]

    async def _threaded_catalogue(self) -> Catalogue:
        return await asyncio.to_thread(_catalogue, self._shelf)

    def _unknown(self, said: str) -> str:
        known = sorted(self.catalogue.production)
        near = difflib.get_close_matches(said.partition("@")[0], known, n=len(known), cutoff=0.0)
        listed = ", ".join(near[:8]) + (f" and {len(near) - 8} more" if len(near) > 8 else "")
        return f"There is no model '{said:.80}' here. Known, nearest first: {listed or 'none'}."


def _catalogue(shelf: Shelf) -> Catalogue:
    aliases = {name: shelf.aliases(name) for name in shelf.names()}
    return Catalogue(production={name: shelf.resolve(name) for name in aliases}, aliases=aliases)


def _swift(specialist: Learnt) -> bool:
    """Whether the first stage answers so fast that a thread would take longer to reach."""
    fastest = SWIFT_S + 1
    for golden in specialist.golden[:8]:
        started = monotonic()
        specialist.at_once(golden.asked)
        fastest = min(fastest, monotonic() - started)
    return fastest < SWIFT_S
