"""The openai client, unmodified."""

from __future__ import annotations

import base64
import json
import math
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from pydantic import BaseModel

import metier

from .conftest import picture

openai = pytest.importorskip("openai", reason="the client is not installed")

CARD, STRANGE = "I lost my card", "В чём смысл жизни?"


@pytest.fixture
def client(address: str) -> Any:
    return openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)


@pytest.fixture(scope="module")
def banker(trades: Path) -> metier.Specialist:
    return metier.load(trades / "bank")


def schema(labels: tuple[str, ...]) -> dict[str, Any]:
    inside = {"type": "object", "properties": {"intent": {"enum": list(labels)}}}
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": inside, "strict": True}}


def test_a_label_by_schema_with_its_calibrated_probability(client: Any, banker: metier.Specialist) -> None:
    said = client.chat.completions.create(
        model="bank", messages=[{"role": "system", "content": "Sort."}, {"role": "user", "content": CARD}],
        response_format=schema(banker.labels), logprobs=True, top_logprobs=3,
    )  # fmt: skip
    alone = banker.predict([CARD])[0]
    choice = said.choices[0]
    assert json.loads(choice.message.content) == {"intent": alone.label}
    assert math.exp(choice.logprobs.content[0].logprob) == pytest.approx(alone.probability, rel=1e-5)
    assert len(choice.logprobs.content[0].top_logprobs) == 3
    assert said.model == "bank@1"
    assert said.served_by == "specialist"


def test_a_pydantic_model_comes_back_parsed(client: Any, banker: metier.Specialist) -> None:
    class Out(BaseModel):
        label: Literal[banker.labels]  # type: ignore[name-defined]

    class Named(BaseModel):
        label: StrEnum("Names", {f"n{i}": label for i, label in enumerate(banker.labels)})  # type: ignore[valid-type]

    for kind in (Out, Named):
        said = client.chat.completions.parse(
            model="bank", messages=[{"role": "user", "content": CARD}], response_format=kind
        )
        assert said.choices[0].message.parsed.label == "report_lost_or_stolen_card"


def test_a_tool_with_one_choice_is_called(client: Any, banker: metier.Specialist) -> None:
    parameters = {"type": "object", "properties": {"queue": {"type": "string", "enum": list(banker.labels)}}}
    tool = {"type": "function", "function": {"name": "route", "parameters": parameters}}
    said = client.chat.completions.create(
        model="bank", messages=[{"role": "user", "content": CARD}], tools=[tool], tool_choice="required"
    )
    call = said.choices[0].message.tool_calls[0].function
    assert (call.name, json.loads(call.arguments)) == ("route", {"queue": "report_lost_or_stolen_card"})
    assert said.choices[0].finish_reason == "tool_calls"


def test_a_stream_says_the_same(client: Any) -> None:
    pieces = list(
        client.chat.completions.create(
            model="bank", messages=[{"role": "user", "content": CARD}], stream=True,
            stream_options={"include_usage": True},
        )
    )  # fmt: skip
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert text == "report_lost_or_stolen_card"
    assert pieces[-1].usage.total_tokens > 0
    assert [piece.choices[0].finish_reason for piece in pieces if piece.choices][-1] == "stop"


def test_an_abstention_is_a_refusal(client: Any, address: str) -> None:
    said = client.chat.completions.with_raw_response.create(
        model="bank", messages=[{"role": "user", "content": STRANGE}]
    )
    message = said.parse().choices[0].message
    assert message.content is None
    assert "leave it" in message.refusal
    assert said.headers["x-abstain-reason"] == "out_of_scope"
    assert said.parse().abstained is True


def test_responses_speak_as_well(client: Any, banker: metier.Specialist) -> None:
    class Out(BaseModel):
        label: Literal[banker.labels]  # type: ignore[name-defined]

    said = client.responses.parse(model="bank", input=CARD, text_format=Out)
    assert said.output_parsed.label == "report_lost_or_stolen_card"
    assert client.responses.create(model="bank", input=CARD).output_text == "report_lost_or_stolen_card"


def test_a_picture_comes_as_a_data_url(client: Any) -> None:
    url = "data:image/png;base64," + base64.b64encode(picture(dark=True, seed=99)).decode()
    part = {"type": "image_url", "image_url": {"url": url}}
    said = client.chat.completions.create(model="photo", messages=[{"role": "user", "content": [part]}])
    assert said.choices[0].message.content == "dark"
    part["image_url"] = {"url": "http://127.0.0.1/x.png"}
    with pytest.raises(openai.BadRequestError, match="nothing is fetched"):
        client.chat.completions.create(model="photo", messages=[{"role": "user", "content": [part]}])


def test_models_are_listed(client: Any) -> None:
    assert {"bank", "person", "photo", "flat", "auto"} == {one.id for one in client.models.list()}
    assert client.models.retrieve("bank").owned_by == "metier"


def test_moderation_flags_what_is_there(client: Any) -> None:
    said = client.moderations.create(model="bank", input=[CARD, "my balance"])
    assert [one.flagged for one in said.results] == [True, True]


def test_errors_have_its_shape(client: Any) -> None:
    with pytest.raises(openai.NotFoundError, match="nearest first: bank") as caught:
        client.chat.completions.create(model="bnk", messages=[{"role": "user", "content": CARD}])
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError, match="No message of a user"):
        client.chat.completions.create(model="bank", messages=[{"role": "system", "content": "x"}])
    with pytest.raises(openai.UnprocessableEntityError, match="no encoder whose vectors"):
        client.embeddings.create(model="bank", input=["x"])


@pytest.mark.parametrize(
    "body",
    [
        {"messages": []},
        {"messages": [{"role": "user", "content": 3}]},
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        {"messages": [{"content": "x"}], "response_format": {"type": "json_schema"}},
        {"messages": [{"content": "x"}], "response_format": {"type": "json_schema", "json_schema": {"schema": 3}}},
        {"messages": [{"content": "x"}], "top_logprobs": 99},
        {"messages": [{"content": "x"}], "tools": [{"type": "function", "function": {"parameters": []}}]},
    ],
)
def test_what_is_wrong_is_never_an_error_of_ours(address: str, body: dict[str, Any]) -> None:
    reply = httpx.post(f"{address}/v1/chat/completions", json={"model": "bank", **body})
    assert reply.status_code == 400
    assert reply.json()["error"]["message"]
