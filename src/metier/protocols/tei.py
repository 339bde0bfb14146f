"""Text Embeddings Inference, and what vLLM, SGLang and infinity call `/classify`.

Two texts in a list are a pair at `/predict`, not a batch. Source: TEI 1.9, its OpenAPI.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct

from metier.gateway.base import BadRequest, Outcome, Trouble
from metier.gateway.gateway import Gateway
from metier.protocols.base import Endpoint, Reply, Request, asked, read, reply, version

ERRORS = {400: "empty", 413: "validation", 422: "tokenizer", 424: "backend", 429: "overloaded"}


class Predict(Struct):
    """A text, a pair, or a batch of lists of one or two."""

    inputs: str | list[str | list[str]]
    raw_scores: bool = False
    truncate: bool | None = False
    model: str | None = None


class Embed(Struct):
    """Texts whose vectors are wanted."""

    inputs: str | Annotated[list[str], Meta(min_length=1)]
    normalize: bool = True
    truncate: bool | None = False
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    model: str | None = None


class Rerank(Struct):
    """Texts to be put in order for a query."""

    query: str
    texts: Annotated[list[str], Meta(min_length=1)]
    raw_scores: bool = False
    return_text: bool = False
    truncate: bool | None = False
    model: str | None = None


class Sentences(Struct):
    """One text and others."""

    source_sentence: str
    sentences: Annotated[list[str], Meta(min_length=1)]


class Similar(Struct):
    """Texts to be compared with one."""

    inputs: Sentences
    parameters: dict[str, Any] | None = None
    model: str | None = None


class Classify(Struct):
    """Texts to be sorted, as vLLM and SGLang have it."""

    input: str | Annotated[list[str], Meta(min_length=1)]
    model: str | None = None


class Tei:
    """The protocol."""

    name = "tei"

    def __init__(self) -> None:
        self.endpoints: Sequence[Endpoint] = [
            Endpoint(method="POST", path="/predict", call=predict, asks=Predict, about="Labels of texts."),
            Endpoint(method="POST", path="/embed", call=embed, asks=Embed, about="Vectors of texts."),
            Endpoint(method="POST", path="/rerank", call=rerank, asks=Rerank, about="Texts in order for a query."),
            Endpoint(method="POST", path="/similarity", call=similar, asks=Similar, about="Cosines to one text."),
            Endpoint(method="POST", path="/classify", call=classify, asks=Classify, about="Labels, as vLLM has them."),
            Endpoint(method="POST", path="/v1/classify", call=classify, asks=Classify, about="The same."),
            Endpoint(method="GET", path="/info", call=info, about="What answers here."),
        ]

    def trouble(self, trouble: Trouble) -> dict[str, Any]:
        """A sentence, and one of its five words."""
        return {"error": str(trouble), "error_type": ERRORS.get(trouble.status, "validation")}


async def predict(gateway: Gateway, request: Request) -> Reply:
    """Every label with its calibrated probability; a list of such lists for a batch."""
    said = read(request.body, Predict)
    batch = isinstance(said.inputs, list) and any(isinstance(one, list) for one in said.inputs)
    given: Sequence[Any] = said.inputs if batch and isinstance(said.inputs, list) else [said.inputs]
    cells = [_text(one) for one in given]
    answer = await gateway.answer(asked(request, cells, "tei", model=said.model))
    scores = [_scores(outcome) for outcome in answer.outcomes]
    return reply(scores if batch else scores[0], headers=answer.headers)


async def embed(gateway: Gateway, request: Request) -> Reply:
    """One vector for each text; they have length one."""
    said = read(request.body, Embed)
    texts = [said.inputs] if isinstance(said.inputs, str) else said.inputs
    found = await gateway.embed(said.model, texts, request=request.id)
    return reply(found.vectors[:, : said.dimensions].tolist(), headers=found.headers)


async def rerank(gateway: Gateway, request: Request) -> Reply:
    """The nearest first."""
    said = read(request.body, Rerank)
    alike = await gateway.similar(said.model, said.query, said.texts, request=request.id)
    order = sorted(range(len(alike)), key=lambda i: -alike[i])
    text = {i: {"text": said.texts[i]} if said.return_text else {} for i in order}
    return reply([{"index": i, "score": alike[i], **text[i]} for i in order])


async def similar(gateway: Gateway, request: Request) -> Reply:
    """Cosines, in the order the texts were sent."""
    said = read(request.body, Similar)
    given = said.inputs
    return reply(await gateway.similar(said.model, given.source_sentence, given.sentences, request=request.id))


async def classify(gateway: Gateway, request: Request) -> Reply:
    """The likeliest label of each text, and the probability of every one."""
    said = read(request.body, Classify)
    texts = [said.input] if isinstance(said.input, str) else said.input
    answer = await gateway.answer(asked(request, texts, "tei", model=said.model))
    data = [
        {
            "index": i,
            "label": outcome.decision.label,
            "probs": list(outcome.probabilities.values()),
            "num_classes": len(outcome.probabilities),
            "abstained": not outcome.decision.accepted,
        }
        for i, outcome in enumerate(answer.outcomes)
    ]
    words = sum(len(text.split()) for text in texts)
    usage = {"prompt_tokens": words, "total_tokens": words, "completion_tokens": 0, "prompt_tokens_details": None}
    body = {"id": f"classify-{request.id}", "object": "list", "created": int(time.time()), "model": answer.served}
    return reply({**body, "data": data, "usage": usage}, headers=answer.headers)


async def info(gateway: Gateway, request: Request) -> Reply:
    """The one specialist there is, or the first by name."""
    names = sorted(gateway.pool.catalogue.production)
    loaded = await gateway.loaded(request.query.get("model") or (names[0] if names else None))
    labels = {str(i): label for i, label in enumerate(loaded.specialist.labels)}
    kind = {"classifier": {"id2label": labels, "label2id": {label: int(i) for i, label in labels.items()}}}
    body = {
        "model_id": loaded.entry.name, "model_sha": loaded.entry.version, "model_dtype": "int8", "model_type": kind,
        "served_model_name": loaded.entry.name, "max_concurrent_requests": gateway.settings.queue_rows,
        "max_input_length": 512, "max_batch_tokens": 16384, "max_batch_requests": None,
        "max_client_batch_size": gateway.settings.most_rows, "auto_truncate": True, "tokenization_workers": 1,
        "version": version(),
    }  # fmt: skip
    return reply(body)


def _text(given: Any) -> str:
    """A text; a pair is read one after the other.

    Raises: BadRequest for an empty one, and for more than two.
    """
    parts = [given] if isinstance(given, str) else list(given)
    if not 1 <= len(parts) <= 2:
        raise BadRequest(f"{len(parts)} texts stand together; expected one, or a pair.", param="inputs")
    text = "\n".join(parts)
    if not text.strip():
        raise BadRequest("`inputs` holds an empty text. Send one with words in it.", param="inputs")
    return text


def _scores(outcome: Outcome) -> list[dict[str, Any]]:
    if not outcome.probabilities:
        return [{"label": outcome.decision.label, "score": outcome.decision.probability}]
    ordered = sorted(outcome.probabilities.items(), key=lambda pair: -pair[1])
    return [{"label": name, "score": chance} for name, chance in ordered]


PROTOCOL = Tei()
