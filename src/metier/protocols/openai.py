"""OpenAI: chat completions and responses whose schema is one choice, embeddings, moderations, models.

A specialist answers where the caller asks for one of its labels: by a JSON schema with one `enum`, by a tool with one,
or in plain words. Everything else is the upstream's. The log-probabilities are those of the calibrated probability.
Source: the clients openai 3.57 and huggingface_hub 1.33.
"""

from __future__ import annotations

import base64
import math
import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta, Struct

from metier.gateway.base import AUTO, Ask, BadRequest, Outcome, Trouble, UnknownModel
from metier.gateway.gateway import Gateway
from metier.protocols.base import Endpoint, Reply, Request, asked, decoded, event, extras, plain, read, reply

LEAST_LOG, MOST_LOG = -100.0, -1e-6
MOST_TOP = 20
REFUSALS = {
    "out_of_scope": "This is not what I was taught, so I leave it.",
    "unsure": "I am not sure enough to answer this.",
    "bad_input": "This could not be read.",
}


class Part(Struct):
    """A piece of what was said."""

    type: str
    text: str = ""
    image_url: Any = None
    input_audio: Any = None


class Spoken(Struct):
    """One message."""

    role: str = "user"
    content: str | list[Part] | None = None


class Chat(Struct):
    """What is read of a chat; an upstream gets all of it."""

    messages: Annotated[list[Spoken], Meta(min_length=1, max_length=2048)]
    model: str = ""
    response_format: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Any = None
    stream: bool | None = False
    stream_options: dict[str, Any] | None = None
    logprobs: bool | None = False
    top_logprobs: Annotated[int, Meta(ge=0, le=MOST_TOP)] | None = None


class Asked(Struct):
    """What is read of a request for a response."""

    input: str | list[Spoken]
    model: str = ""
    text: dict[str, Any] | None = None


class Embed(Struct):
    """Texts whose vectors are wanted."""

    input: str | Annotated[list[str], Meta(min_length=1)]
    model: str = ""
    encoding_format: str = "float"
    dimensions: Annotated[int, Meta(ge=1)] | None = None


class Moderate(Struct):
    """Texts to be judged."""

    input: str | list[str | Part]
    model: str = ""


class Choice(Struct):
    """Where in the answer a label stands: under a key of an object, in a tool's arguments, or as bare words."""

    labels: tuple[str, ...] | None = None
    key: str | None = None
    tool: str | None = None

    def written(self, label: str) -> str:
        """The answer as its schema has it."""
        return label if self.key is None else msgspec.json.encode({self.key: label}).decode()


class OpenAI:
    """The protocol."""

    name = "openai"

    def __init__(self) -> None:
        self.endpoints: Sequence[Endpoint] = [
            Endpoint(
                method="POST", path="/v1/chat/completions", call=chat, asks=Chat, about="A chat that is a choice."
            ),
            Endpoint(method="POST", path="/chat/completions", call=chat, asks=Chat, about="The same."),
            Endpoint(
                method="POST", path="/v1/responses", call=respond, asks=Asked, about="A response that is a choice."
            ),
            Endpoint(method="POST", path="/v1/embeddings", call=embed, asks=Embed, about="Vectors of texts."),
            Endpoint(method="POST", path="/v1/moderations", call=moderate, asks=Moderate, about="Texts by category."),
            Endpoint(method="GET", path="/v1/models", call=models, about="Every specialist."),
            Endpoint(method="GET", path="/v1/models/{model:path}", call=model, about="One of them."),
        ]

    def trouble(self, trouble: Trouble) -> dict[str, Any]:
        """As its clients read it."""
        kind = "invalid_request_error" if trouble.status < 429 else "server_error"
        said = {"message": str(trouble), "type": kind, "param": trouble.param, "code": trouble.code}
        return {"error": said}


async def chat(gateway: Gateway, request: Request) -> Reply:
    """One label as a chat's message; a refusal where the specialist abstains; the upstream's own answer else."""
    said = read(request.body, Chat)
    choice = _choice(said)
    ask = _ask(request, said.model, _said(said.messages), choice)
    if choice.labels is None and not _known(gateway, said.model, ask.id):
        return await _passed_on(gateway, request, said, ask)
    answer = await gateway.answer(ask)
    outcome = answer.outcomes[0]
    head = {"id": f"chatcmpl-{request.id}", "created": int(time.time()), "model": answer.served}
    logs = _logprobs(outcome, said) if said.logprobs and outcome.decision.label is not None else None
    if said.stream:
        wanted = bool(said.stream_options and said.stream_options.get("include_usage"))
        return Reply(
            type="text/event-stream", headers=answer.headers,
            stream=_pieces(head, outcome, choice, logs, _usage(ask) if wanted else None),
        )  # fmt: skip
    body = {
        **head,
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": _message(outcome, choice),
                "finish_reason": "tool_calls" if choice.tool and outcome.decision.label is not None else "stop",
                "logprobs": logs,
            }
        ],
        "usage": _usage(ask),
        **extras(answer),
    }
    return reply(body, headers=answer.headers)


async def respond(gateway: Gateway, request: Request) -> Reply:
    """The same as a response."""
    said = read(request.body, Asked)
    form = (said.text or {}).get("format") or {}
    choice = _of_schema(form.get("schema")) if form.get("type") == "json_schema" else Choice()
    cell = said.input if isinstance(said.input, str) else _said(said.input)
    ask = _ask(request, said.model, cell, choice)
    answer = await gateway.answer(ask)
    outcome = answer.outcomes[0]
    label = outcome.decision.label
    part: dict[str, Any] = {"type": "refusal", "refusal": _refusal(outcome)}
    if label is not None:
        part = {"type": "output_text", "text": choice.written(label), "annotations": [], "logprobs": []}
    message = {
        "type": "message", "id": f"msg_{request.id}", "status": "completed", "role": "assistant", "content": [part],
    }  # fmt: skip
    usage = _usage(ask)
    body = {
        "id": f"resp_{request.id}", "object": "response", "created_at": int(time.time()), "status": "completed",
        "model": answer.served, "output": [message], "error": None, "incomplete_details": None, "instructions": None,
        "metadata": {}, "parallel_tool_calls": False, "temperature": None, "tool_choice": "none", "tools": [],
        "top_p": None,
        "usage": {
            "input_tokens": usage["prompt_tokens"], "output_tokens": 1, "total_tokens": usage["total_tokens"],
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        },
        **extras(answer),
    }  # fmt: skip
    return reply(body, headers=answer.headers)


async def embed(gateway: Gateway, request: Request) -> Reply:
    """Vectors of length one; as base64 of little-endian floats where that is asked for, as openai's client does."""
    said = read(request.body, Embed)
    if said.encoding_format not in ("float", "base64"):
        raise BadRequest("encoding_format is neither 'float' nor 'base64'.", param="encoding_format")
    texts = [said.input] if isinstance(said.input, str) else said.input
    found = await gateway.embed(said.model or None, texts, request=request.id)
    vectors = found.vectors
    if said.dimensions is not None:
        vectors = vectors[:, : said.dimensions]
        vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    rows: list[Any] = [
        base64.b64encode(row.astype("<f4").tobytes()).decode() if said.encoding_format == "base64" else row.tolist()
        for row in vectors
    ]
    words = sum(len(text.split()) for text in texts)
    body = {
        "object": "list",
        "data": [{"object": "embedding", "index": i, "embedding": row} for i, row in enumerate(rows)],
        "model": f"{found.model}@{found.version}",
        "usage": {"prompt_tokens": words, "total_tokens": words},
    }
    return reply(body, headers=found.headers)


async def moderate(gateway: Gateway, request: Request) -> Reply:
    """A text by category: flagged where a label is there that does not say that all is well."""
    said = read(request.body, Moderate)
    given = [said.input] if isinstance(said.input, str) else said.input
    if not given:
        raise BadRequest("`input` is an empty list. Send one text at least.", param="input")
    cells = [one if isinstance(one, str) else _part(one) for one in given]
    answer = await gateway.answer(asked(request, cells, "openai", model=said.model or None))
    results = []
    for outcome in answer.outcomes:
        chosen = set((outcome.decision.label or "").split("|"))
        flags = {name: name in chosen and name.lower() not in WELL for name in outcome.probabilities}
        results.append(
            {
                "flagged": any(flags.values()),
                "categories": flags,
                "category_scores": outcome.probabilities,
                "category_applied_input_types": {name: ["text"] for name in outcome.probabilities},
                "abstained": not outcome.decision.accepted,
            }
        )
    return reply({"id": f"modr-{request.id}", "model": answer.served, "results": results}, headers=answer.headers)


WELL = frozenset({"ok", "safe", "fine", "none", "clean", "neutral", "not_flagged", "benign", "ham"})


async def models(gateway: Gateway, request: Request) -> Reply:
    """Every specialist, and `auto`, which is whichever fits."""
    names = [*gateway.pool.catalogue.production, AUTO]
    return reply({"object": "list", "data": [_model(name) for name in names]})


async def model(gateway: Gateway, request: Request) -> Reply:
    """One of them."""
    name = request.params["model"]
    if name != AUTO:
        gateway.pool.entry(name, request=request.id)
    return reply(_model(name))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "metier"}


def _known(gateway: Gateway, name: str, request: str) -> bool:
    """Whether a specialist answers to the name; without one, whether there is just one it could be."""
    if name in ("", "dummy", "tgi"):
        return len(gateway.pool.catalogue.production) == 1
    try:
        return name == AUTO or bool(gateway.pool.entry(name, request=request))
    except UnknownModel:
        if gateway.upstream is None:
            raise
        return False


async def _passed_on(gateway: Gateway, request: Request, said: Chat, ask: Ask) -> Reply:
    """A chat that asks for no label of ours, as the upstream answers it.

    Raises: UnknownModel where there is no upstream.
    """
    if gateway.upstream is None:
        gateway.pool.entry(said.model, request=request.id)
        raise UnknownModel(f"'{said.model:.80}' is no specialist here, and there is no upstream to ask.", param="model")
    body = msgspec.json.decode(request.body)
    deadline = request.deadline or time.monotonic() + gateway.settings.deadline_s
    headers = {"x-served-by": "upstream", "x-model-version": gateway.upstream.said.model}
    if said.stream:
        pieces, bill = await gateway.upstream.streamed(body, deadline=deadline)
        gateway.passed_on(ask, bill)
        return Reply(type="text/event-stream", headers=headers, stream=pieces)
    found, bill = await gateway.upstream.passed_on(body, deadline=deadline)
    gateway.passed_on(ask, bill)
    return reply(found, headers=headers)


def _ask(request: Request, model: str, cell: Any, choice: Choice) -> Ask:
    return asked(request, [cell], "openai", model=model or None, options=choice.labels)


def _said(messages: Sequence[Spoken]) -> Any:
    """The last thing a user said, as a specialist reads it; what the system was told is not for it."""
    for message in reversed(messages):
        if message.role == "user" and message.content is not None:
            if isinstance(message.content, str):
                return message.content
            return _parts(message.content)
    raise BadRequest("No message of a user is among the messages. Expected one at least.", param="messages")


def _parts(parts: Sequence[Part]) -> Any:
    files = [part for part in parts if part.image_url is not None or part.input_audio is not None]
    texts = [part.text for part in parts if part.text]
    if files and not texts:
        return _part(files[0])
    if not texts:
        raise BadRequest("A message holds no part that can be read. Expected text, image_url or input_audio.")
    return "\n".join(texts)


def _part(part: Part) -> Any:
    """A piece as a cell: its text, or the bytes of its file; nothing is fetched from anywhere."""
    if part.image_url is None and part.input_audio is None:
        return part.text
    held = part.image_url if part.image_url is not None else part.input_audio
    data = held.get("url", held.get("data")) if isinstance(held, dict) else held
    if isinstance(data, str) and data.startswith(("http://", "https://")):
        raise BadRequest(
            "A picture was sent by its address. Send its bytes as a data URL; nothing is fetched from here."
        )
    return decoded(data)


def _choice(said: Chat) -> Choice:
    """Which labels are asked for, and where in the answer they stand."""
    form = said.response_format or {}
    if form.get("type") == "json_schema":
        held = form.get("json_schema")
        return _of_schema(held.get("schema") if isinstance(held, dict) else None)
    if form.get("type") == "json_object" and "value" in form:  # as huggingface_hub writes the same
        return _of_schema(form["value"])
    tools = [tool.get("function") for tool in said.tools or [] if tool.get("type") == "function"]
    if len(tools) == 1 and isinstance(tools[0], dict):
        found = _of_schema(tools[0].get("parameters"))
        return Choice(labels=found.labels, key=found.key, tool=str(tools[0].get("name", "")))
    return Choice()


def _of_schema(schema: Any) -> Choice:
    """The one property of a schema that lists its values; a reference into `$defs` is followed.

    Raises: BadRequest where there is none, or several.
    """
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        raise BadRequest("The schema has no properties. Expected an object with one that is an enum of labels.")
    found: list[tuple[str, tuple[str, ...] | None]] = []
    for key, kind in properties.items():
        if isinstance(kind, dict) and isinstance(kind.get("$ref"), str):
            kind = (schema.get("$defs") or {}).get(kind["$ref"].rpartition("/")[2])
        if isinstance(kind, dict) and isinstance(kind.get("enum"), list):
            found.append((key, tuple(plain(label) for label in kind["enum"])))
        elif isinstance(kind, dict) and kind.get("type") == "string" and len(properties) == 1:
            found.append((key, None))
    if len(found) != 1:
        raise BadRequest(
            f"The schema has {len(found)} properties that are an enum of labels; a specialist gives one. Ask each "
            "question by itself, or all of them at /v1/decisions.",
            param="response_format",
        )
    key, labels = found[0]
    return Choice(labels=labels, key=key)


def _message(outcome: Outcome, choice: Choice) -> dict[str, Any]:
    label = outcome.decision.label
    if label is None:
        return {"role": "assistant", "content": None, "refusal": _refusal(outcome)}
    if choice.tool is None:
        return {"role": "assistant", "content": choice.written(label), "refusal": None}
    call = {"name": choice.tool, "arguments": choice.written(label)}
    calls = [{"id": f"call_{outcome.id}", "type": "function", "function": call}]
    return {"role": "assistant", "content": None, "refusal": None, "tool_calls": calls}


def _refusal(outcome: Outcome) -> str:
    decision = outcome.decision
    return decision.error or REFUSALS.get(decision.reason or "", "This is left unanswered.")


def _logprobs(outcome: Outcome, said: Chat) -> dict[str, Any]:
    """The label as one token, and the likeliest others beside it."""
    chances = sorted(outcome.probabilities.items(), key=lambda pair: -pair[1])[: said.top_logprobs or 0]
    own = outcome.decision.label or ""
    top = [{"token": name, "logprob": _log(chance), "bytes": None} for name, chance in chances]
    logprob = _log(outcome.probabilities.get(own, outcome.decision.probability))
    return {"content": [{"token": own, "logprob": logprob, "bytes": None, "top_logprobs": top}], "refusal": None}


def _log(chance: float) -> float:
    return min(MOST_LOG, max(LEAST_LOG, math.log(chance))) if chance > 0 else LEAST_LOG


async def _pieces(
    head: dict[str, Any], outcome: Outcome, choice: Choice, logs: Any, usage: dict[str, int] | None
) -> AsyncIterator[bytes]:
    """The same as events: who speaks, what, that it is over, and what it took."""

    def piece(delta: dict[str, Any], finish: str | None = None, logprobs: Any = None) -> bytes:
        one = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": logprobs}
        return event({**head, "object": "chat.completion.chunk", "choices": [one]})

    message = _message(outcome, choice)
    calls = message.pop("tool_calls", None)
    yield piece({"role": "assistant", "content": ""})
    if calls:
        yield piece({"tool_calls": [{"index": 0, **calls[0]}]})
    elif message["content"] is None:
        yield piece({"refusal": message["refusal"]})
    else:
        yield piece({"content": message["content"]}, logprobs=logs)
    yield piece({}, "tool_calls" if calls else "stop")
    if usage is not None:
        yield event({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage})
    yield event(b"[DONE]")


def _usage(ask: Ask) -> dict[str, int]:
    words = len(plain(ask.cells[0]).split()) if not isinstance(ask.cells[0], bytes) else 1
    return {"prompt_tokens": words, "completion_tokens": 1, "total_tokens": words + 1}


PROTOCOL = OpenAI()
