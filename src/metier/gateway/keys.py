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
from collections import deque
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from metier import folder
from metier.errors import BadOption, UnreadableData
from metier.gateway.base import ROLES, Caller, NotAllowed, Overloaded, Role

LOOK_S = 1.0
DAY_S = 86_400
PREFIX = "metier_"


@dataclass(frozen=True, kw_only=True)
class Key:
    """What is known of a key; the key itself is not."""

    id: str
    owner: str
    role: Role
    sha256: str
    made: str
    a_minute: int = 0  # asks; 0: as many as it likes
    a_day: int = 0  # the same, from midnight to midnight, UTC
    revoked: str | None = None


class Keys:
    """The keys in a file."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._known: dict[str, Key] = {}
        self._stamp: object = None
        self._looked = 0.0
        self._asks: dict[str, deque[float]] = {}
        self._today: dict[str, tuple[int, int]] = {}  # the day, and how often each key asked on it

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

    def caller(self, secret: str) -> Caller:
        """Who a key belongs to.

        Raises: NotAllowed for one that is unknown or revoked, Overloaded where its quota is used up.
        """
        self._look()
        key = self._known.get(_digest(secret))
        if key is None or key.revoked is not None:
            raise NotAllowed("The key is not known here, or was revoked. Ask whoever runs this gateway for another.")
        self._count_day(key)
        if key.a_minute:
            self._count(key)
        day, asked = self._today.get(key.id, (0, 0))
        self._today[key.id] = day, asked + 1  # what a minute refused does not use up the day
        return Caller(key=key.id, role=key.role)

    @property
    def _lock(self) -> Path:
        return self._path.with_name(f".{self._path.name}.lock")

    def _count_day(self, key: Key) -> None:
        now = time.time()
        day, asked = self._today.get(key.id, (0, 0))
        if day != now // DAY_S:
            day, asked = int(now // DAY_S), 0
            self._today[key.id] = day, asked
        if key.a_day and asked >= key.a_day:
            wait = max(1, round(DAY_S - now % DAY_S))
            raise Overloaded(f"This key may ask {key.a_day:,} times a day. Come again in {wait} s.", retry_after=wait)

    def _count(self, key: Key) -> None:
        now, asks = time.monotonic(), self._asks.setdefault(key.id, deque())
        while asks and asks[0] < now - 60:
            asks.popleft()
        if len(asks) >= key.a_minute:
            wait = max(1, round(60 - (now - asks[0])))
            raise Overloaded(
                f"This key may ask {key.a_minute:,} times a minute. Come again in {wait} s.", retry_after=wait
            )
        asks.append(now)

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
