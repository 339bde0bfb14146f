"""What a gateway is told: one TOML file, and environment variables of the same names over it.

Knows names, kinds and ranges. An unknown key is refused: a setting that is misspelt would else be a promise not kept.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct, field

from metier.errors import BadOption, UnreadableData
from metier.gateway.base import Fallback

PREFIX = "METIER_"
Count: TypeAlias = Annotated[int, Meta(ge=1)]
Port: TypeAlias = Annotated[int, Meta(ge=0, le=65535)]
Money: TypeAlias = Annotated[float, Meta(ge=0)]
Seconds: TypeAlias = Annotated[float, Meta(gt=0, le=3600)]
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Upstream(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An OpenAI-compatible server for what specialists do not accept."""

    url: str  # up to and with /v1
    model: str
    key_env: str = ""  # the environment variable that holds its key; the key itself stands in no file
    timeout_s: Seconds = 20.0
    dollars_a_million_in: Money | None = None  # tokens; None: the price table's
    dollars_a_million_out: Money | None = None
    calls_a_day: Annotated[int, Meta(ge=0)] = 10_000
    dollars_a_day: Money = 10.0
    most_at_once: Count = 64


class Own(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds for one specialist."""

    fallback: Fallback | None = None
    pinned: bool = False  # never leaves memory


class Kept(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ledger: where it is, and whether it holds what was asked."""

    url: str = "ledger.db"  # a file of SQLite, or postgresql://…; empty for none
    keep_inputs: bool = False  # redacted even then
    compared_with: str = ""  # a model of the price table: what it would have billed stands in the ledger
    tdp_watts: Annotated[float, Meta(ge=0)] = 0.0  # of the CPU, where RAPL cannot be read; 0: not measured then


class Talking(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An assistant that is served at /assistant/."""

    folder: str
    log: str = ""  # where conversations are kept: a file of SQLite, or postgresql://…; empty for the folder's own
    origins: tuple[str, ...] = ()  # sites whose pages may embed the widget, such as https://www.bank.example
    login_secret_env: str = ""  # the environment variable that holds the secret by which logins are signed
    customer: str = ""  # who everybody is, to try it on this machine
    conversations_a_minute: Count = 30  # begun from one address; a company behind one address needs more
    at: dict[str, str] = field(default_factory=dict)  # where {bank} and the like are; without any, the stand-in


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a gateway can be told; the defaults serve this machine alone."""

    registry: str = "specialists"
    host: str = "127.0.0.1"
    port: Port = 8080
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    keys: str = ""  # the file of keys; needed for any address that others can reach
    fallback: Fallback = "abstain"
    queue_rows: Count = 512
    memory_mb: Count = 4096
    most_body_mb: Annotated[float, Meta(gt=0, le=1024)] = 16.0
    most_rows: Count = 4096  # of one ask
    deadline_s: Seconds = 30.0
    log: Literal["debug", "info", "warning", "error"] = "info"
    drain_s: Annotated[float, Meta(ge=0, le=600)] = 20.0
    traces: str = ""  # the OTLP/HTTP address of an OpenTelemetry collector; empty for none
    upstream: Upstream | None = None
    ledger: Kept = field(default_factory=Kept)
    assistant: Talking | None = None
    specialists: dict[str, Own] = field(default_factory=dict)

    @property
    def reachable(self) -> bool:
        """Whether other machines can reach it."""
        return self.host not in LOOPBACK

    def fallback_of(self, name: str) -> Fallback:
        """What is done for a specialist where it abstains."""
        own = self.specialists.get(name)
        return self.fallback if own is None or own.fallback is None else own.fallback


def read(path: Path | None, environment: Mapping[str, str] = os.environ, **options: Any) -> Settings:
    """The settings of a file (none: the defaults), environment variables over it, given `options` over both.

    METIER_PORT is `port`; METIER_UPSTREAM__URL is `url` in `[upstream]`.

    Raises: UnreadableData for a file that is no TOML, BadOption for a key or value that makes no sense.
    """
    said: dict[str, Any] = {} if path is None else _toml(path)
    known = _names(Settings)
    for name, value in sorted(environment.items()):
        if name.startswith(PREFIX) and name.removeprefix(PREFIX).lower().split("__")[0] in known:
            _put(said, name.removeprefix(PREFIX).lower().split("__"), value)
    said |= {name: value for name, value in options.items() if value is not None}
    where = "options" if path is None else str(path)
    _known(said, Settings, where)
    try:
        settings = msgspec.convert(said, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise BadOption(f"{where}: {error}. See docs/serve.md for what each setting may be.") from None
    _sensible(settings, where)
    return settings


def assistant_of(path: Path | None) -> dict[str, Any]:
    """What `[assistant]` of a file says, for whoever says more of it."""
    said = {} if path is None else _toml(path).get("assistant", {})
    return dict(said) if isinstance(said, dict) else {}


def _sensible(settings: Settings, where: str) -> None:
    asked = {settings.fallback, *(own.fallback for own in settings.specialists.values())}
    if "upstream" in asked and settings.upstream is None:
        raise BadOption(f"{where}: fallback is 'upstream' and there is none. Add [upstream] with its url and model.")
    if settings.reachable and not settings.keys:
        raise BadOption(
            f"{where}: host {settings.host} can be reached by other machines, and no keys are asked for. Make some "
            "(`metier keys new`) and name their file as `keys`, or serve 127.0.0.1."
        )
    if settings.traces and not settings.traces.startswith(("http://", "https://")):
        raise BadOption(f"{where}: traces is '{settings.traces:.80}'. Expected http://HOST:4318/v1/traces, or nothing.")
    if settings.assistant is not None:
        _speakable(settings.assistant, settings, where)
    upstream = settings.upstream
    if upstream is not None and not upstream.url.startswith(("http://", "https://")):
        raise BadOption(f"{where}: upstream.url is '{upstream.url:.80}'. Expected http:// or https://, up to /v1.")
    if upstream is not None and upstream.key_env and upstream.key_env not in os.environ:
        raise BadOption(
            f"{where}: upstream.key_env names {upstream.key_env}, which is not set. Export it, or leave it."
        )


def _speakable(said: Talking, settings: Settings, where: str) -> None:
    for origin in said.origins:
        if not origin.startswith(("http://", "https://")) or origin.count("/") != 2:
            raise BadOption(
                f"{where}: assistant.origins has '{origin:.80}'. Expected https://www.bank.example, no path."
            )
    if said.login_secret_env and said.login_secret_env not in os.environ:
        raise BadOption(
            f"{where}: assistant.login_secret_env names {said.login_secret_env}, which is not set. Export it."
        )
    if said.customer and (settings.reachable or said.login_secret_env):
        raise BadOption(
            f"{where}: assistant.customer is '{said.customer:.40}', so that everybody would be. Expected it on this "
            "machine alone (host 127.0.0.1), and no signed logins beside it; leave it out."
        )
    if settings.workers > 1 and not said.at:
        raise BadOption(
            f"{where}: {settings.workers} workers would each start a stand-in of their own for what is outside. Say "
            "where it is (assistant.at), or serve with one."
        )


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableData(f"{path}: {error}. Expected a settings file in UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise UnreadableData(f"{path}: no TOML: {error}. Mend it there.") from None


def _names(kind: type[Struct]) -> tuple[str, ...]:
    return tuple(one.name for one in msgspec.structs.fields(kind))


def _known(said: Mapping[str, Any], kind: type[Struct], where: str) -> None:
    """An unknown key is named with the nearest one that exists: msgspec would name it alone."""
    for name in said:
        if name not in _names(kind):
            near = difflib.get_close_matches(name, _names(kind), n=1, cutoff=0.5)
            meant = f" Did you mean '{near[0]}'?" if near else ""
            raise BadOption(f"{where}: there is no setting '{name:.60}'.{meant} Known: {', '.join(_names(kind))}.")


def _put(said: dict[str, Any], path: list[str], value: str) -> None:
    *tables, name = path
    for table in tables:
        said = said.setdefault(table, {})
    said[name] = value
