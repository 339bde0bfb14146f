"""Who may ask: keys that are shown once and kept as digests, with a role, a quota and an end.

A key is 256 random bits, so that one sha256 of it is as good as unguessable: slow hashes are for passwords that people
choose. The file is read again when it changes, so that a key that was revoked is refused within a second.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from metier import folder
from metier.errors import BadOption, UnreadableData
from metier.gateway.base import ROLES, NotAllowed, Overloaded, Role
from metier.gateway.counts import Counts

LOOK_S = 1.0
MINUTE_S, DAY_S = 60, 86_400
PREFIX = "metier_"


@dataclass(frozen=True, kw_only=True)
class Key:
    """What is known of a key; the key itself is not."""

    id: str
    owner: str
    role: Role
    sha256: str
    made: str
    a_minute: int = 0  # asks in a minute of the clock; 0: as many as it likes
    a_day: int = 0  # the same, from midnight to midnight, UTC
    revoked: str | None = None


class Keys:
    """The keys in a file."""

    def __init__(self, path: str | Path, *, counts: Counts | None = None) -> None:
        self._path, self._counts = Path(path), counts or Counts()
        self._known: dict[str, Key] = {}
        self._stamp: object = None
        self._looked = 0.0

    def new(self, owner: str, role: Role = "ask", *, a_minute: int = 0, a_day: int = 0) -> str:
        """A key, which nobody will ever see again.

        Raises: BadOption for a role that there is not, or a quota below 0.
        """
        if role not in ROLES:
            raise BadOption(f"'{role}' is no role. Expected {', '.join(ROLES)}.")
        if not owner.strip():
            raise BadOption("The key has no owner. Say whose it is, so that it can be revoked by name.")
        if min(a_minute, a_day) < 0:
            raise BadOption(f"{min(a_minute, a_day)} is no quota. Expected 1 or more, or 0 for as often as it likes.")
        secret = PREFIX + secrets.token_urlsafe(32)
        made = datetime.now(UTC).isoformat(timespec="seconds")
        key = Key(
            id=secrets.token_hex(4), owner=owner, role=role, sha256=_digest(secret), made=made, a_minute=a_minute,
            a_day=a_day,
        )  # fmt: skip
        with folder.locked(self._lock):
            self._write([*self.all(), key])
        return secret

    def revoke(self, id: str) -> Key:
        """End a key, by its id.

        Raises: BadOption for one that there is not.
        """
        with folder.locked(self._lock):
            keys = self.all()
            found = next((key for key in keys if key.id == id), None)
            if found is None:
                raise BadOption(f"There is no key '{id:.40}'. Known: {', '.join(key.id for key in keys) or 'none'}.")
            ended = replace(found, revoked=found.revoked or datetime.now(UTC).isoformat(timespec="seconds"))
            self._write([ended if key.id == id else key for key in keys])
        return ended

    def all(self) -> list[Key]:
        """Every key, revoked ones too.

        Raises: UnreadableData for a file that is none of keys.
        """
        if not self._path.exists():
            return []
        try:
            return [Key(**said) for said in json.loads(self._path.read_text(encoding="utf-8"))["keys"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UnreadableData(f"{self._path}: no file of keys: {error}. Bring back a copy of it.") from None

    def key(self, secret: str) -> Key:
        """What is known of a key.

        Raises: NotAllowed for one that is unknown or revoked.
        """
        self._look()
        key = self._known.get(_digest(secret))
        if key is None or key.revoked is not None:
            raise NotAllowed("The key is not known here, or was revoked. Ask whoever runs this gateway for another.")
        return key

    def count(self, key: Key) -> None:
        """Count an ask of a key with a quota.

        Raises: Overloaded where it is used up.
        """
        day = self._count(key, "day", DAY_S, key.a_day)
        try:
            self._count(key, "minute", MINUTE_S, key.a_minute)
        except Overloaded:
            if key.a_day:
                self._counts.give(day, 1)  # what a minute refused does not use up the day
            raise

    @property
    def _lock(self) -> Path:
        return self._path.with_name(f".{self._path.name}.lock")

    def _count(self, key: Key, span: str, seconds: int, most: int) -> str:
        """Count an ask in the minute or the day that it is, UTC, and give what the count is called."""
        now = time.time()
        name, left = f"{key.id} {span} {int(now // seconds)}", seconds - now % seconds
        if most and not self._counts.take(name, 1, most=most, until=now + left):
            wait = max(1, round(left))
            raise Overloaded(f"This key may ask {most:,} times a {span}. Come again in {wait} s.", retry_after=wait)
        return name

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked < LOOK_S:
            return
        self._looked = now
        stamp = (self._path.stat().st_mtime_ns, self._path.stat().st_ino) if self._path.exists() else None
        if stamp != self._stamp:
            self._known = {key.sha256: key for key in self.all()}
            self._stamp = stamp

    def _write(self, keys: list[Key]) -> None:
        """The whole file anew, under a name of its own and then in place of the old one; for its owner's eyes alone."""
        fresh = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        opened = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "w", encoding="utf-8") as file:
            json.dump({"keys": [asdict(key) for key in keys]}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        folder.sync_folder(self._path.parent)
        self._looked = 0.0


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
