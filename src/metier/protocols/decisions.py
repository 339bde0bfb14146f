"""Decision models: `/v1/decisions` (questions in a list) and `/v1/systemone` (questions by name).

Both shapes are taken on both paths: hosted services disagree on which belongs where, and the questions tell.
Source: the clients openai 3.54 and systemone-client 0.1.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from metier.gateway.base import Answer, BadRequest, Outcome, TooLarge, Trouble, Unanswerable, UnknownModel
from metier.gateway.gateway import Gateway
from metier.protocols.base import Endpoint, Reply, Request, asked, extras, plain, read, reply

PATHS = ("/v1/decisions", "/v1/systemone", "/decisions", "/systemone")
LEVELS, VALUES, BYTES = 32, 10_000, 262_144  # of a piece of JSON that is asked about
YES, NO = ("true", "yes", "1"), ("false", "no", "0")


class Option(Struct):
    """One of the answers."""

    value: str | bool
    description: str | None = None


class Level(Struct):
    """One of the steps of a score."""

    label: str
    description: str | None = None


class ChoiceQuestion(Struct, tag_field="type", tag="choice"):
    """Which of several."""

    choices: Annotated[list[Option], Meta(min_length=2, max_length=255)]
    instructions: str = ""
    name: str | None = None


class PredicateQuestion(Struct, tag_field="type", tag="predicate"):
    """Whether."""

    instructions: str = ""
    name: str | None = None


class ScoreQuestion(Struct, tag_field="type", tag="score"):
    """How much, on named steps."""

    levels: Annotated[list[Level], Meta(min_length=2, max_length=10)]
    instructions: str = ""
    name: str | None = None


class NamedChoice(Struct, tag_field="type", tag="choice"):
    """Which of several, with what each means."""

    criteria: Annotated[dict[str, str | None], Meta(min_length=2, max_length=255)]
    instructions: str = ""


class NamedNoul(Struct, tag_field="type", tag="noul"):
    """Whether."""

    instructions: str = ""
    criteria: dict[str, str | None] | None = None


class NamedScore(Struct, tag_field="type", tag="score"):
    """How much, on named steps."""

    criteria: Annotated[list[str], Meta(min_length=2, max_length=10)]
    instructions: str = ""


Question = ChoiceQuestion | PredicateQuestion | ScoreQuestion
Named = NamedChoice | NamedNoul | NamedScore
Questions = Annotated[list[Question], Meta(min_length=1, max_length=400)]


class Asked(Struct):
    """What either client sends."""

    questions: Questions | Annotated[dict[str, Named], Meta(min_length=1, max_length=400)]
    model: str = ""
    input: Any = UNSET
    state: Any = UNSET
    images: list[Any] | None | UnsetType = UNSET


class Decisions:
    """The protocol."""

    name = "decisions"

    def __init__(self) -> None:
        self.endpoints: Sequence[Endpoint] = [
            Endpoint(method="POST", path=path, call=decide, asks=Asked, about="Answer questions about an input.")
            for path in PATHS
        ]

    def trouble(self, trouble: Trouble) -> dict[str, Any]:
        """As openai has errors, and `detail` beside it, which the other client reads."""
        said = {
            "message": str(trouble),
            "type": trouble.code,
            "param": trouble.param,
            "code": trouble.code,
        }
        return {"error": said, "detail": str(trouble)}


async def decide(gateway: Gateway, request: Request) -> Reply:
    """Every question to the specialist that was taught it, side by side."""
    started = perf_counter()
    said = read(request.body, Asked)
    cell = _cell(said)
    if isinstance(said.questions, dict):
        names = list(said.questions)
        answers = await _answers(gateway, request, said, cell, [(name, q) for name, q in said.questions.items()])
        found = {
            name: _named(said.questions[name], answer)
            for name, answer in zip(names, answers, strict=True)
            if answer is not None and answer.outcomes[0].decision.accepted
        }
        body = {
            "model": _model(said, answers),
            "answers": found,
            "abstained": {
                name: answer.outcomes[0].decision.reason if answer is not None else "unknown_question"
                for name, answer in zip(names, answers, strict=True)
                if name not in found
            },
            "usage": {"input_tokens": _tokens(cell), "output_tokens": 0},
            "latency_ms": (perf_counter() - started) * 1000,
        }
    else:
        answers = await _answers(gateway, request, said, cell, [(q.name, q) for q in said.questions])
        body = {
            "model": _model(said, answers),
            "answers": [_listed(q, answer) for q, answer in zip(said.questions, answers, strict=True)],
            "usage": {
                "input_tokens": _tokens(cell),
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": 0,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": _tokens(cell),
            },
        }
    first = next((answer for answer in answers if answer is not None), None)
    return reply(body, headers=first.headers if first else {"x-served-by": "nobody"})


async def _answers(
    gateway: Gateway, request: Request, said: Asked, cell: Any, questions: Sequence[tuple[str | None, Question | Named]]
) -> list[Answer | None]:
    """An answer for each question; None where there is nobody to ask it."""

    async def one(place: int, name: str | None, question: Question | Named) -> Answer | None:
        numbered = (
            request if len(questions) == 1 else replace(request, id=f"{request.id}-{place}")
        )  # each is a line of the ledger
        ask = asked(
            numbered, [cell], "decisions", model=said.model or None, question=name, options=_options(question),
            instructions=question.instructions,
        )  # fmt: skip
        try:
            return await gateway.answer(ask)
        except (UnknownModel, Unanswerable):
            if len(questions) == 1:
                raise
            return None

    return list(await asyncio.gather(*(one(i, name, question) for i, (name, question) in enumerate(questions))))


def _options(question: Question | Named) -> tuple[str, ...] | None:
    if isinstance(question, ChoiceQuestion):
        options = tuple(_word(option.value) for option in question.choices)
        typed = [(type(option.value), option.value) for option in question.choices]
        if len(set(typed)) < len(typed):
            raise BadRequest("A question names the same choice twice. Expected values that differ.", param="choices")
        return options
    if isinstance(question, NamedChoice):
        return tuple(question.criteria)
    if isinstance(question, ScoreQuestion):
        return tuple(level.label for level in question.levels)
    return tuple(question.criteria) if isinstance(question, NamedScore) else None


def _word(value: str | bool) -> str:
    return value if isinstance(value, str) else str(value).lower()


def _cell(said: Asked) -> Any:
    """What is asked about: a text, or what stands in it as JSON."""
    given = said.state if said.input is UNSET else said.input
    if given is UNSET:
        raise BadRequest("Neither `input` nor `state` is there. Send what the questions are about.", param="input")
    if isinstance(given, str):
        return given
    if isinstance(given, list) and given and all(isinstance(one, dict) and "type" in one for one in given):
        return _of_messages(given)
    _bounded(given)
    return given


def _of_messages(items: Sequence[dict[str, Any]]) -> Any:
    """The last thing a user said, as a specialist reads it: its texts, or the one piece of JSON or picture."""
    said = [one for one in items if one.get("type") == "message" and one.get("role", "user") == "user"]
    if not said:
        raise BadRequest("No message of a user is among the input. Expected one at least.", param="input")
    content = said[-1].get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise BadRequest("The content of a message is neither a text nor a list of parts.", param="input")
    texts = [part["text"] for part in content if part.get("type") == "input_text" and isinstance(part.get("text"), str)]
    if texts:
        return "\n".join(texts)
    for part in content:
        if part.get("type") == "input_json":
            _bounded(part.get("data"))
            return part.get("data")
        if part.get("type") == "input_image":
            return part.get("image_url")
    raise BadRequest("A message holds no part that can be read. Expected input_text, input_json or input_image.")


def _bounded(given: Any) -> None:
    """Raises: TooLarge for JSON beyond what the protocol allows."""
    if len(msgspec.json.encode(given)) > BYTES:
        raise TooLarge(f"The JSON asked about is larger than {BYTES:,} bytes.", param="input")
    values, left = 0, [(given, 1)]
    while left:
        one, level = left.pop()
        values += 1
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        left.extend((each, level + 1) for each in inner)
        if level > LEVELS or values > VALUES:
            raise TooLarge(f"The JSON asked about has more than {LEVELS} levels or {VALUES:,} values.", param="input")


def _listed(question: Question, answer: Answer | None) -> dict[str, Any]:
    """The answer to one question of a list; a refusal where nobody answers."""
    if answer is None or not answer.outcomes[0].decision.accepted:
        reason = extras(answer) if answer is not None else {"abstained": True, "abstain_reason": "unknown_question"}
        return {"type": "refusal", "name": question.name, **reason}
    outcome = answer.outcomes[0]
    beside = {"name": question.name, **extras(answer)}
    if isinstance(question, ChoiceQuestion):
        chances = [
            {"value": option.value, "probability": outcome.probabilities.get(_word(option.value), 0.0)}
            for option in question.choices
        ]
        chosen = next((o.value for o in question.choices if _word(o.value) == outcome.decision.label), None)
        return {
            "type": "choice", "choice": chosen, "confidence": outcome.decision.probability, "probabilities": chances,
            **beside,
        }  # fmt: skip
    if isinstance(question, PredicateQuestion):
        return {"type": "predicate", "probability": _yes(outcome), **beside}
    score, shares = _score([level.label for level in question.levels], outcome)
    steps = [
        {"value": i, "label": level.label, "probability": chance}
        for i, (level, chance) in enumerate(zip(question.levels, shares, strict=True))
    ]
    return {
        "type": "score", "score": score, "confidence": outcome.decision.probability, "probabilities": steps, **beside
    }  # fmt: skip


def _named(question: Named, answer: Answer) -> dict[str, Any]:
    """The answer to one question of a map."""
    outcome = answer.outcomes[0]
    confidence = outcome.decision.probability
    if isinstance(question, NamedChoice):
        chances = {name: outcome.probabilities.get(name, 0.0) for name in question.criteria}
        return {
            "type": "choice", "choice": outcome.decision.label, "confidence": confidence, "probabilities": chances,
            **extras(answer),
        }  # fmt: skip
    if isinstance(question, NamedNoul):
        return {"type": "noul", "noul": _yes(outcome), **extras(answer)}
    score, chances_list = _score(question.criteria, outcome)
    steps = {str(i): chance for i, chance in enumerate(chances_list)}
    legend = {str(i): label for i, label in enumerate(question.criteria)}
    return {
        "type": "score", "score": score, "confidence": confidence, "probabilities": steps, "legend": legend,
        **extras(answer),
    }  # fmt: skip


def _yes(outcome: Outcome) -> float:
    """The probability of the label that means yes; of two labels the one that is no no."""
    by_word = {label.lower(): chance for label, chance in outcome.probabilities.items()}
    for word in YES:
        if word in by_word:
            return by_word[word]
    for word in NO:
        if word in by_word:
            return 1 - by_word[word]
    raise Unanswerable("A question of yes or no went to a specialist whose labels are neither. Name another model.")


def _score(labels: Sequence[str], outcome: Outcome) -> tuple[float, list[float]]:
    chances = [outcome.probabilities.get(label, 0.0) for label in labels]
    whole = sum(chances) or 1.0
    return sum(i * chance for i, chance in enumerate(chances)) / whole, chances


def _model(said: Asked, answers: Sequence[Answer | None]) -> str:
    return next((answer.served for answer in answers if answer is not None), said.model)


def _tokens(cell: Any) -> int:
    """Words, as nearly as they can be counted without a tokenizer of the client's own."""
    return len(plain(cell).split())


PROTOCOL = Decisions()
