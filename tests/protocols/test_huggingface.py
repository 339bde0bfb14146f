"""huggingface_hub's InferenceClient, unmodified."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from .conftest import picture

hub = pytest.importorskip("huggingface_hub", reason="the client is not installed")

CARD = "I lost my card"


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its client refuses every address, this machine's too, while the hub is out of bounds."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)


@pytest.fixture
def client(address: str) -> Any:
    return lambda name: hub.InferenceClient(base_url=f"{address}/models/{name}")


def test_texts(client: Any) -> None:
    said = client("bank").text_classification(CARD, top_k=3)
    assert len(said) == 3
    assert said[0].label == "report_lost_or_stolen_card"
    assert said[0].score > said[1].score


@pytest.mark.parametrize("path", ["models/bank", "bank", "models/bank/pipeline/text-classification", "pipeline/x/bank"])
def test_every_address(address: str, path: str) -> None:
    said = hub.InferenceClient(base_url=f"{address}/{path}").text_classification(CARD)
    assert said[0].label == "report_lost_or_stolen_card"


def test_pictures_as_bytes_or_with_parameters(client: Any) -> None:
    said = client("photo").image_classification(picture(dark=False, seed=7))
    assert said[0].label == "light"
    assert len(client("photo").image_classification(picture(dark=True, seed=8), top_k=1)) == 1


def test_tables(client: Any) -> None:
    said = client("person").tabular_classification({"age": ["22", "71"], "city": ["Bern", "Rome"]})
    assert list(said) == ["young", "old"]


def test_zero_shot_with_the_labels_it_was_taught(client: Any, address: str) -> None:
    labels = [one["label"] for one in httpx.post(f"{address}/bank", json={"inputs": CARD}).json()[0]]
    said = client("bank").zero_shot_classification(CARD, labels)
    assert said[0].label == "report_lost_or_stolen_card"
    assert len(said) == len(labels)


def test_a_chat(address: str) -> None:
    client = hub.InferenceClient(base_url=address)
    value = {"type": "object", "properties": {"label": {"type": "string"}}}
    said = client.chat_completion(
        [{"role": "user", "content": CARD}], model="bank", response_format={"type": "json_object", "value": value}
    )
    assert said.choices[0].message.content == '{"label":"report_lost_or_stolen_card"}'


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"inputs": []}, "empty list"),
        ({"inputs": ""}, "nothing to read"),
        ({"inputs": CARD, "parameters": {"top_k": 0}}, "top_k"),
        ({"inputs": CARD, "parameters": {"candidate_labels": ["one"]}}, "candidate_labels"),
        ({"table": {"age": ["1"], "city": []}}, "one length"),
        ({"inputs": {"source_sentence": 3, "sentences": []}}, "source_sentence"),
    ],
)
def test_what_is_wrong_is_said(address: str, body: dict[str, Any], expected: str) -> None:
    reply = httpx.post(f"{address}/models/bank", json=body)
    assert reply.status_code == 400
    assert expected in reply.json()["error"]
    assert reply.json()["error_type"] == "validation"


def test_bytes_for_a_specialist_of_texts(address: str) -> None:
    reply = httpx.post(f"{address}/models/bank", content=picture(dark=True, seed=1))
    assert "reads text" in reply.json()["error"]
