"""Does what an action says: an HTTP call with a key and a time limit, or a function of the assistant's own actions.py.

Knows no conversation. It never tries twice, and says `unknown` wherever the other side may have acted.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote

import httpx

from metier.assistant.base import Action, BadAssistant, Result
from metier.assistant.templates import GAP, look, shown

MOST_BYTES = 1_000_000
UPWARDS = (".", "..")  # in an address these mean another place, and no quoting takes that from them (RFC 3986, 5.2.4)


class Outside:
    """The actions of one assistant. `places` says where `{bank}` and the like are."""

    def __init__(self, folder: Path, places: Mapping[str, str]) -> None:
        self._folder, self._places = folder, dict(places)
        self._client = httpx.Client(follow_redirects=False)
        self._functions: dict[str, Callable[..., Any]] = {}

    def call(self, action: Action, values: Mapping[str, Any], *, key: str | None, timeout_s: float = 10.0) -> Result:
        """One call. `refused` means that surely nothing was done, `unknown` that it may have been.

        Raises: BadAssistant where the address or the function is not there to be called.
        """
        if action.how == "python":
            return self._python(action, values, key)
        try:
            url = self._url(action, values)
        except Refused as why:
            return Result(outcome="refused", value={"reason": str(why)})  # nothing was sent
        body = {name: _body(template, values) for name, template in action.body.items()}
        headers = {} if key is None else {"Idempotency-Key": key}
        if action.key_env:
            headers["Authorization"] = f"Bearer {_secret(action)}"
        until = monotonic() + timeout_s
        try:
            with self._client.stream(
                action.how.upper(),
                url,
                headers=headers,
                timeout=timeout_s,
                json=body if action.how in ("post", "put") else None,
            ) as answer:
                return _result(answer, until)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return Result(outcome="refused", value={"reason": "not reached"})  # nothing was sent
        except httpx.HTTPError:
            return Result(outcome="unknown" if action.changes else "refused", value=None)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _url(self, action: Action, values: Mapping[str, Any]) -> str:
        def part(gap: Any) -> str:
            name = gap[1]
            if name in self._places:
                return self._places[name].rstrip("/")
            value = look(name, values)
            if value is None:
                raise BadAssistant(
                    f"{action.place}: '{action.target}' needs {{{name}}}, and nothing of that name is known. "
                    f"Say where it is: --at {name}=http://..., or name a slot."
                )
            said = str(value) if not isinstance(value, Mapping) else shown(value)
            if said in UPWARDS:
                raise Refused(f"'{said}' is no {name}")
            return quote(said, safe="")

        return GAP.sub(part, action.target)

    def _python(self, action: Action, values: Mapping[str, Any], key: str | None) -> Result:
        function = self._function(action)
        try:
            value = function(values, key=key, at=self._places)
        except Refused as why:
            return Result(outcome="refused", value={"reason": str(why)})
        except Exception:  # whatever the author's function trips over, it may have done its work before
            return Result(outcome="unknown" if action.changes else "refused", value=None)
        return Result(outcome="ok", value=value)

    def _function(self, action: Action) -> Callable[..., Any]:
        if action.target not in self._functions:
            module, _, name = action.target.partition(":")
            path = self._folder / f"{module}.py"
            spec = importlib.util.spec_from_file_location(f"_assistant_{module}", path)
            if spec is None or spec.loader is None or not path.is_file():
                raise BadAssistant(
                    f"{action.place}: there is no {module}.py beside assistant.yaml. Write it, with the "
                    f"function {name}."
                )
            loaded = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(loaded)
            if not hasattr(loaded, name):
                raise BadAssistant(f"{action.place}: {path.name} has no function {name}. Write it there.")
            self._functions[action.target] = getattr(loaded, name)
        return self._functions[action.target]


class Refused(Exception):
    """What a Python action raises to say that nothing was done, and why."""


def _secret(action: Action) -> str:
    found = os.environ.get(action.key_env, "")
    if not found:
        raise BadAssistant(f"{action.place}: there is no key in ${action.key_env}. Set it where the assistant runs.")
    return found


def _body(template: Any, values: Mapping[str, Any]) -> Any:
    if not isinstance(template, str):
        return template
    whole = GAP.fullmatch(template)
    if whole is not None and whole[2] is None:
        return look(whole[1], values)
    return GAP.sub(lambda gap: shown(look(gap[1], values)), template)


def _result(answer: httpx.Response, until: float) -> Result:
    data = b""
    for piece in answer.iter_bytes():
        data += piece
        if monotonic() > until:  # httpx counts anew with each piece
            raise httpx.ReadTimeout("its answer does not end")
        if len(data) > MOST_BYTES:
            return Result(outcome="unknown", value=None)
    try:
        value = httpx.Response(200, content=data).json() if data else None
    except ValueError:
        value = None
    if answer.status_code < 300:
        return Result(outcome="ok", value=value)
    # 4xx: it says no. Anything else, a 500 half-way through included, leaves open what was done.
    said = value if isinstance(value, dict) else {"reason": f"status {answer.status_code}"}
    return Result(outcome="refused" if 400 <= answer.status_code < 500 else "unknown", value=said)
