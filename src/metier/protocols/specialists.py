"""Our own: `/v1/specialists` lists them, `/v1/specialists/{name}/decide` returns the whole of every decision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from metier.gateway.base import BadRequest, Trouble, json_of
from metier.gateway.gateway import Gateway
from metier.protocols.base import Endpoint, Reply, Request, asked, cell_of, read, reply


class Asked(Struct):
    """Cells as JSON has them: texts, numbers, rows as objects; {"base64": "…"} for the bytes of a file."""

    inputs: Any
    instructions: str = ""


class Specialists:
    """The protocol."""

    name = "specialists"

    def __init__(self) -> None:
        self.endpoints: Sequence[Endpoint] = [
            Endpoint(
                method="POST", path="/v1/specialists/{name}/decide", call=decide, asks=Asked,
                about="The whole decision for each input.",
            ),
            Endpoint(method="GET", path="/v1/specialists", call=listed, about="Every specialist and what it promises."),
            Endpoint(method="GET", path="/v1/specialists/{name}", call=shown, about="One specialist."),
        ]  # fmt: skip

    def trouble(self, trouble: Trouble) -> dict[str, Any]:
        """A word for programs, a sentence for people."""
        return {"error": {"code": trouble.code, "message": str(trouble), "param": trouble.param}}


async def decide(gateway: Gateway, request: Request) -> Reply:
    """One decision for one input, a list of them for a list."""
    said = read(request.body, Asked)
    many = isinstance(said.inputs, list)
    cells = [cell_of(one) for one in (said.inputs if many else [said.inputs])]
    if not cells:
        raise BadRequest("`inputs` is an empty list. Send one input at least.", param="inputs")
    ask = asked(request, cells, "specialists", model=request.params["name"], instructions=said.instructions)
    answer = await gateway.answer(ask)
    decisions = [{**json_of(outcome), "probabilities": outcome.probabilities} for outcome in answer.outcomes]
    body = {
        "specialist": answer.model,
        "version": answer.version,
        "decisions" if many else "decision": decisions if many else decisions[0],
        "milliseconds": round(answer.milliseconds, 3),
    }
    return reply(body, headers=answer.headers)


async def listed(gateway: Gateway, request: Request) -> Reply:
    """What is here, loaded or not."""
    found = [await _described(gateway, name) for name in gateway.pool.catalogue.production]
    return reply({"specialists": found})


async def shown(gateway: Gateway, request: Request) -> Reply:
    """One of them."""
    return reply(await _described(gateway, request.params["name"]))


async def _described(gateway: Gateway, name: str) -> dict[str, Any]:
    loaded = await gateway.loaded(name)
    specialist = loaded.specialist
    aliases = gateway.pool.catalogue.aliases.get(loaded.entry.name)
    return {
        "name": loaded.entry.name,
        "version": loaded.entry.version,
        "task": specialist.task,
        "inputs": [{"column": one.column, "domain": one.domain} for one in specialist.inputs],
        "labels": list(specialist.labels),
        "promise": specialist.rule.max_error,
        "false_refusal": specialist.rule.false_refusal,
        "figures": dict(specialist.figures),
        "origin": dict(specialist.origin),
        "examples": [one.cell for one in specialist.golden[:3]],
        "aliases": None if aliases is None else {
            "production": aliases.production,
            "shadow": aliases.shadow,
            "canary": None if aliases.canary is None else [aliases.canary.version, aliases.canary.share],
        },
        "fallback": gateway.settings.fallback_of(loaded.entry.name),
        "waiting": loaded.queue.waiting,
    }  # fmt: skip


PROTOCOL = Specialists()
