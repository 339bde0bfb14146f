"""What a protocol promises: bytes to an Ask, an Answer to bytes, and errors in its own words.

Knows no server. A new protocol is one file in this folder that exposes `PROTOCOL`.
"""

from __future__ import annotations

import base64
import importlib.metadata
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from time import monotonic
from typing import Any, Protocol, TypeVar

import msgspec

from metier.gateway.base import Answer, Ask, BadRequest, Caller, Role, TooLarge, Trouble
from metier.gateway.gateway import Gateway

JSON = "application/json"
DEEPEST = 64  # levels of JSON: more are a bomb, or a mistake
Kind = TypeVar("Kind")
# nothing from elsewhere, nothing inline, in nobody's frame
POLICY = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A request as it came, whole; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    params: Mapping[str, str] = field(default_factory=dict)  # from the path
    query: Mapping[str, str] = field(default_factory=dict)
    id: str = ""
    caller: Caller | None = None
    deadline: float | None = None  # as time.monotonic() counts


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What goes back: a body, or a stream of pieces."""

    body: bytes = b""
    status: int = 200
    type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: AsyncIterator[bytes] | None = None


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One address. `{name}` in a path is a piece of it, `{name:path}` may hold slashes.

    A `public` one is asked without a key, and answers while the gateway starts or stops.
    `asks` and `says` are what its body and its answer hold, for the description of the whole (OpenAPI).
    """

    method: str
    path: str
    call: Callable[[Gateway, Request], Awaitable[Reply]]
    asks: Any = None
    says: Any = None
    type: str = JSON  # of the body
    role: Role = "ask"
    public: bool = False
    about: str = ""


class Speech(Protocol):
    """A way in which clients speak."""

    name: str
    endpoints: Sequence[Endpoint]

    def trouble(self, trouble: Trouble) -> dict[str, Any]:
        """The body of an error, as its clients read it."""
        ...


def read(body: bytes, kind: type[Kind]) -> Kind:
    """A JSON body as what is expected of it.

    Raises: BadRequest saying where it differs, TooLarge for one that is too deep.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The body is not as expected: {error}.", param=_param(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The body is no JSON: {error}. Send an object in UTF-8.") from None
    except RecursionError:
        raise TooLarge(f"The body is nested deeper than can be read; expected {DEEPEST} levels at most.") from None


def reply(said: Any, *, headers: Mapping[str, str] | None = None, status: int = 200) -> Reply:
    """An answer in JSON."""
    return Reply(body=msgspec.json.encode(said), headers=headers or {}, status=status)


def shown(file: Traversable, type: str) -> Reply:
    """A part of a page, which may ask nobody but us."""
    return Reply(body=file.read_bytes(), type=type, headers=POLICY)


def asked(request: Request, cells: Sequence[Any], protocol: str, **said: Any) -> Ask:
    """An Ask that carries what the request itself says."""
    return Ask(
        cells=cells, protocol=protocol, id=request.id, caller=request.caller,
        deadline=request.deadline or monotonic() + 3600, **said,
    )  # fmt: skip


def event(said: Any) -> bytes:
    """One server-sent event."""
    return b"data: " + (said if isinstance(said, bytes) else msgspec.json.encode(said)) + b"\n\n"


def extras(answer: Answer, place: int = 0) -> dict[str, Any]:
    """What every answer says beside its protocol's own words, where a client keeps fields it does not know."""
    outcome = answer.outcomes[place]
    return {
        "served_by": outcome.served_by,
        "version": answer.version,
        "abstained": not outcome.decision.accepted,
        "abstain_reason": outcome.decision.reason,
        "answer_id": outcome.id,
    }


def version() -> str:
    """That of the package."""
    return importlib.metadata.version("metier")


def plain(value: Any) -> str:
    """A JSON value as the text a specialist reads where it reads texts."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def cell_of(said: Any) -> Any:
    """A cell as `predict` takes it.

    Raises: BadRequest for base64 that is none.
    """
    if isinstance(said, dict) and set(said) == {"base64"}:
        return decoded(said["base64"])
    if isinstance(said, dict):
        return {name: cell_of(one) if isinstance(one, dict) else one for name, one in said.items()}
    return said


def decoded(said: Any) -> bytes:
    """The bytes in base64, or in a data URL.

    Raises: BadRequest.
    """
    try:
        if not isinstance(said, str):
            raise ValueError("it is no text")
        return base64.b64decode(said.rpartition("base64,")[2], validate=True)
    except ValueError as error:
        raise BadRequest(f"A file was sent that is no base64: {error}. Encode its bytes, padding and all.") from None


def _param(error: str) -> str | None:
    """The place that msgspec names: `$.questions[0].type` is `questions[0].type`."""
    place = error.rpartition("`$.")[2] if "`$." in error else ""
    return place.rstrip("`") or None
