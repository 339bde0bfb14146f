"""Hugging Face inference: classification of text, tokens, pictures, sounds and tables, zero-shot, vectors, similarity.

On `/models/{id}`, `/models/{id}/pipeline/{task}`, `/pipeline/{task}/{id}` and plain `/{id}`.
Source: the client huggingface_hub 1.33, which sends the same shapes for many tasks: what is asked tells which it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from metier.gateway.base import Answer, BadRequest, Outcome, Trouble
from metier.gateway.gateway import Gateway
from metier.gateway.pool import Loaded
from metier.protocols.base import Endpoint, Reply, Request, asked, cell_of, decoded, read, reply
from metier.types import Extraction

FILES = frozenset({"image", "audio", "video"})
VECTORS = frozenset({"normalize", "truncate", "prompt_name", "truncation_direction", "dimensions", "encoding_format"})


class Asked(Struct):
    """Every task's body; what is there says which it is."""

    inputs: Any = None
    parameters: dict[str, Any] | None = None
    table: dict[str, list[Any]] | None = None
    normalize: bool | None = None
    truncate: bool | None = None
    dimensions: int | None = None


class HuggingFace:
    """The protocol."""

    name = "huggingface"

    def __init__(self) -> None:
        paths = (
            "/models/{model}", "/models/{model}/pipeline/{task}", "/pipeline/{task}/{model}", "/{model}",
        )  # fmt: skip
        self.endpoints: Sequence[Endpoint] = [
            Endpoint(method="POST", path=path, call=infer, asks=Asked, about="The task that the body tells.")
            for path in paths
        ]

    def trouble(self, trouble: Trouble) -> dict[str, Any]:
        """As its client appends it to its own message."""
        kind = "overloaded" if trouble.status == 429 else "validation" if trouble.status < 500 else "backend"
        return {"error": str(trouble), "error_type": kind}


async def infer(gateway: Gateway, request: Request) -> Reply:
    """A raw body is a file; JSON says by its keys, or the path, what is asked."""
    name = request.params["model"]
    loaded = await gateway.loaded(name, request=request.id)
    domain = loaded.specialist.inputs[0].domain
    json = request.headers.get("content-type", "").startswith("application/json") or request.body[:1] in (b"{", b"[")
    if not json:
        if domain not in FILES:
            raise BadRequest(f"{name} reads {domain}, and the bytes of a file were sent. Send JSON with `inputs`.")
        return _flat(await _answer(gateway, request, name, [request.body]), {})
    said = read(request.body, Asked)
    parameters = said.parameters or {}
    if said.table is not None:
        return await _table(gateway, request, name, said.table)
    if isinstance(said.inputs, dict) and set(said.inputs) >= {"source_sentence", "sentences"}:
        return await _similar(gateway, request, name, said.inputs)
    if request.params.get("task") == "feature-extraction" or any(
        f'"{key}"'.encode() in request.body for key in VECTORS
    ):
        return await _vectors(gateway, request, name, said)
    if "candidate_labels" in parameters:
        return await _zero_shot(gateway, request, name, said)
    if domain in FILES:
        return _flat(await _answer(gateway, request, name, [decoded(said.inputs)]), parameters)
    return await _texts(gateway, request, name, loaded, said)


async def _texts(gateway: Gateway, request: Request, name: str, loaded: Loaded, said: Asked) -> Reply:
    """One list of labels for each input, in a list, even for one: its client takes the first."""
    several = len(loaded.specialist.inputs) > 1 or loaded.specialist.inputs[0].domain == "series"
    many = isinstance(said.inputs, list) and not (several and not any(isinstance(o, list | dict) for o in said.inputs))
    cells = [cell_of(one) for one in (said.inputs if many else [said.inputs])]
    if not cells:
        raise BadRequest("`inputs` is an empty list. Send one input at least.", param="inputs")
    answer = await _answer(gateway, request, name, cells)
    parameters = said.parameters or {}
    spans = [_entities(one.decision, parameters) for one in answer.outcomes if isinstance(one.decision, Extraction)]
    if spans:
        return reply(spans if many else spans[0], headers=answer.headers)
    return reply([_scores(one, parameters) for one in answer.outcomes], headers=answer.headers)


def _entities(decision: Extraction, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """The spans that are answers, as its token classification has them in groups."""
    if decision.reason == "bad_input":
        raise BadRequest(decision.error or "An input could not be read.", param="inputs")
    ignored = parameters.get("ignore_labels") or ()
    return [
        {"entity_group": one.label, "score": one.probability, "word": one.text, "start": one.start, "end": one.end}
        for one in decision.spans
        if one.accepted and one.label not in ignored
    ]


async def _zero_shot(gateway: Gateway, request: Request, name: str, said: Asked) -> Reply:
    """The specialist's own labels where those are the candidates; other candidates are the upstream's."""
    labels = (said.parameters or {})["candidate_labels"]
    if not isinstance(labels, list) or not all(isinstance(one, str) for one in labels) or len(labels) < 2:
        raise BadRequest("candidate_labels is no list of two names or more.", param="candidate_labels")
    ask = asked(request, [cell_of(said.inputs)], "huggingface", model=name, options=tuple(labels))
    answer = await gateway.answer(ask)
    outcome = answer.outcomes[0]
    chosen = outcome.decision.label
    chances = outcome.probabilities or {one: float(one == chosen) for one in labels}
    ordered = sorted(labels, key=lambda one: (one != chosen if outcome.served_by == "upstream" else 0, -chances[one]))
    return reply([{"label": one, "score": chances.get(one, 0.0)} for one in ordered], headers=answer.headers)


async def _vectors(gateway: Gateway, request: Request, name: str, said: Asked) -> Reply:
    texts = said.inputs if isinstance(said.inputs, list) else [said.inputs]
    found = await gateway.embed(name, texts, request=request.id)
    vectors = found.vectors if said.dimensions is None else found.vectors[:, : said.dimensions]
    return reply(vectors.tolist(), headers=found.headers)


async def _similar(gateway: Gateway, request: Request, name: str, said: dict[str, Any]) -> Reply:
    source, texts = said["source_sentence"], said["sentences"]
    if not isinstance(source, str) or not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        raise BadRequest("Expected `source_sentence`, a text, and `sentences`, a list of texts.", param="inputs")
    return reply(await gateway.similar(name, source, texts, request=request.id))


async def _table(gateway: Gateway, request: Request, name: str, table: dict[str, list[Any]]) -> Reply:
    """Columns as its client sends them, numbers as words: one label a row."""
    lengths = {len(cells) for cells in table.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise BadRequest(
            "The columns of `table` are not of one length, or empty. Send a cell for each row.", param="table"
        )
    rows = [dict(zip(table, cells, strict=True)) for cells in zip(*table.values(), strict=True)]
    one = next(iter(table))
    cells = rows if len(table) > 1 else [row[one] for row in rows]
    answer = await _answer(gateway, request, name, cells)
    return reply([outcome.decision.label for outcome in answer.outcomes], headers=answer.headers)


async def _answer(gateway: Gateway, request: Request, name: str, cells: Sequence[Any]) -> Answer:
    return await gateway.answer(asked(request, cells, "huggingface", model=name))


def _flat(answer: Answer, parameters: dict[str, Any]) -> Reply:
    return reply(_scores(answer.outcomes[0], parameters), headers=answer.headers)


def _scores(outcome: Outcome, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Labels with their calibrated probabilities, the likeliest first; a number as the one label it is."""
    decision = outcome.decision
    if decision.reason == "bad_input":
        raise BadRequest(decision.error or "An input could not be read.", param="inputs")
    if not outcome.probabilities:
        return [{"label": decision.label or "none", "score": decision.probability}]
    top = parameters.get("top_k")
    if top is not None and (not isinstance(top, int) or isinstance(top, bool) or top < 1):
        raise BadRequest("top_k is no whole number of 1 or more.", param="top_k")
    ordered = sorted(outcome.probabilities.items(), key=lambda pair: -pair[1])[:top]
    return [{"label": name, "score": chance} for name, chance in ordered]


PROTOCOL = HuggingFace()
