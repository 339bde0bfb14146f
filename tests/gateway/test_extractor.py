"""An extractor is served like a specialist: its spans by our own protocol and by Hugging Face's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import metier
from metier import app
from metier.gateway.gateway import Gateway
from metier.gateway.settings import Settings
from metier.registry import Registry
from metier.testing.servers import running

pytest.importorskip("pycrfsuite", reason="spans are learnt with the package python-crfsuite")
hub = pytest.importorskip("huggingface_hub", reason="the client is not installed")
AMOUNTS = ("£50", "20 euros", "300 pounds", "£9", "$80")
SAID = (
    "send [amount]({}) now",
    "pay [amount]({}) to him",
    "is [amount]({}) there yet",
    "where is my card",
    "thank you",
)
ASKED = "please pay £75 to him"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    shelf = tmp_path_factory.mktemp("shelf")
    texts = [said.format(amount) for said in SAID for amount in AMOUNTS] * 3
    metier.train({"text": texts}, task="extract", effort="quick", output=shelf / "pay")
    gateway = Gateway(Registry.open(shelf), Settings(registry=str(shelf)))
    with running(app.build(gateway)) as found:
        yield found


def test_the_whole_decision(address: str) -> None:
    said: Any = httpx.post(f"{address}/v1/specialists/pay/decide", json={"inputs": [ASKED]}).raise_for_status().json()
    [found] = said["decisions"]
    assert found["label"] == "[amount](£75)"
    assert found["spans"][0]["value"] == {"amount": 75.0, "currency": "GBP"}
    assert ASKED[found["spans"][0]["start"] : found["spans"][0]["end"]] == "£75"


def test_token_classification_by_its_own_client(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    [found] = hub.InferenceClient(base_url=f"{address}/models/pay").token_classification(ASKED)
    assert (found.entity_group, found.word, found.start, found.end) == ("amount", "£75", 11, 14)
    assert found.score > 0.5


def test_lists_and_labels_that_are_not_wanted(address: str) -> None:
    body = {"inputs": [ASKED, "where is my card"], "parameters": {"ignore_labels": ["amount"]}}
    assert httpx.post(f"{address}/models/pay", json=body).json() == [[], []]
    assert "nothing to read" in httpx.post(f"{address}/models/pay", json={"inputs": " "}).text
