"""A retriever is served like a specialist: asked, ranked by, and told apart by its scope."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import metier
from metier import app
from metier.gateway.gateway import Gateway
from metier.gateway.settings import Settings
from metier.registry import Registry
from metier.testing.servers import running

KNOWLEDGE = Path(__file__).resolve().parents[2] / "examples" / "bank" / "knowledge"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    made, shelf = tmp_path_factory.mktemp("made") / "faq", tmp_path_factory.mktemp("shelf")
    metier.train(KNOWLEDGE, task="retrieve", output=made)
    Registry(shelf).add(made)
    gateway = Gateway(Registry.open(shelf), Settings(registry=str(shelf)))
    with running(app.build(gateway)) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client


def test_the_passage_comes_with_its_text_or_not_at_all(asked: httpx.Client) -> None:
    cells = ["what does a new card cost?", "what is the meaning of life?"]
    said = asked.post("/v1/specialists/faq/decide", json={"inputs": cells}).raise_for_status().json()
    card, life = said["decisions"]
    assert card["label"] == "cards.md#replacement-fee"
    assert "£5" in card["text"]
    assert (life["label"], life["reason"]) == (None, "out_of_scope")


def test_texts_are_ranked_by_its_encoder(asked: httpx.Client) -> None:
    texts = ["The weather is fine.", "A replacement card costs five pounds."]
    body = {"model": "faq", "query": "what does a new card cost?", "texts": texts}
    ranked = asked.post("/rerank", json=body).raise_for_status().json()
    assert [one["index"] for one in ranked] == [1, 0]
