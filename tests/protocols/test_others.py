"""Decisions and System One by their clients; TEI, vLLM and MLflow by their shapes; all of them against one another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import metier

CARD, STRANGE = "I lost my card", "В чём смысл жизни?"


@pytest.fixture(scope="module")
def banker(trades: Path) -> metier.Specialist:
    return metier.load(trades / "bank")


@pytest.fixture(scope="module")
def web(address: str) -> Any:
    with httpx.Client(base_url=address, timeout=30) as client:
        yield client


def choices(banker: metier.Specialist) -> list[dict[str, Any]]:
    return [{"value": label} for label in banker.labels]


def test_openai_decisions(address: str, banker: metier.Specialist) -> None:
    openai = pytest.importorskip("openai", reason="the client is not installed")
    client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
    question = {"type": "choice", "name": "intent", "instructions": "Which?", "choices": choices(banker)}
    said = client.decisions.create(model="bank", input=CARD, questions=[question])
    assert said.answers[0].choice == "report_lost_or_stolen_card"
    assert said.answers[0].served_by == "specialist"
    refused = client.decisions.create(model="bank", input=STRANGE, questions=[question]).answers[0]
    assert refused.type == "refusal"


def test_system_one(address: str, banker: metier.Specialist) -> None:
    systemone = pytest.importorskip("systemone", reason="the client is not installed")
    with systemone.Client(address, api_key="none", model="bank") as client:
        question = {"intent": systemone.Choice("Which?", dict.fromkeys(banker.labels))}
        said = client.system_one(CARD, question)
        assert said.choices["intent"].choice == "report_lost_or_stolen_card"
        assert said.choices["intent"].confidence == pytest.approx(banker.predict([CARD])[0].probability, abs=1e-6)
        assert client.system_one(STRANGE, question).choices == {}
        with pytest.raises(systemone.SystemOneError, match="nearest first: bank"):
            client.system_one(CARD, {"urgent": systemone.Noul("Urgent?")}, model="bnk")


def test_both_shapes_on_both_paths(web: Any, banker: metier.Specialist) -> None:
    listed = {"model": "bank", "input": CARD, "questions": [{"type": "choice", "choices": choices(banker)}]}
    for path in ("/v1/decisions", "/v1/systemone", "/decisions", "/systemone"):
        assert web.post(path, json=listed).json()["answers"][0]["choice"] == "report_lost_or_stolen_card"


def test_a_question_finds_its_specialist_by_its_options_alone(web: Any, banker: metier.Specialist) -> None:
    body = {"model": "whoever", "input": CARD, "questions": [{"type": "choice", "choices": choices(banker)}]}
    assert web.post("/v1/decisions", json=body).json()["model"] == "bank@1"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"input": "x", "questions": []}, 400),
        ({"input": "x", "questions": [{"type": "choice", "choices": [{"value": "a"}]}]}, 400),
        ({"input": "x", "questions": [{"type": "choice", "choices": [{"value": "a"}, {"value": "a"}]}]}, 400),
        ({"input": "x", "questions": [{"type": "guess"}]}, 400),
        ({"questions": [{"type": "predicate"}]}, 400),
        ({"input": {"a": list(range(20_000))}, "questions": [{"type": "predicate"}]}, 413),
        ({"input": [{"type": "message", "content": []}], "questions": [{"type": "predicate"}]}, 400),
        ({"input": CARD, "model": "bank", "questions": [{"type": "predicate"}]}, 422),
        ({"input": "x", "model": "nobody", "questions": [{"type": "predicate"}]}, 404),
    ],
)
def test_questions_that_are_none(web: Any, body: dict[str, Any], status: int) -> None:
    reply = web.post("/v1/decisions", json=body)
    assert reply.status_code == status, reply.text
    assert reply.json()["error"]["message"] == reply.json()["detail"]


def test_true_as_a_word_and_as_a_value_are_two_choices(web: Any) -> None:
    question = {"type": "choice", "choices": [{"value": True}, {"value": "true"}]}
    said = web.post("/v1/decisions", json={"model": "bank", "input": "x", "questions": [question]})
    assert said.json()["answers"][0]["type"] == "refusal"


def test_tei_takes_two_texts_for_a_pair(web: Any) -> None:
    one = web.post("/predict", json={"inputs": CARD, "model": "bank"}).json()
    assert one[0]["label"] == "report_lost_or_stolen_card"
    pair = web.post("/predict", json={"inputs": [CARD, "yesterday"], "model": "bank"}).json()
    assert isinstance(pair[0], dict)
    batch = web.post("/predict", json={"inputs": [[CARD], [CARD, "yesterday"]], "model": "bank"}).json()
    assert batch == [one, pair]


def test_tei_info_and_errors(web: Any) -> None:
    assert web.get("/info", params={"model": "bank"}).json()["model_type"]["classifier"]["label2id"]
    said = web.post("/predict", json={"inputs": " ", "model": "bank"})
    assert (said.status_code, said.json()["error_type"]) == (400, "empty")


def test_classify_as_vllm_has_it(web: Any, banker: metier.Specialist) -> None:
    said = web.post("/classify", json={"model": "bank", "input": [CARD]}).json()["data"][0]
    assert said["label"] == "report_lost_or_stolen_card"
    assert len(said["probs"]) == said["num_classes"] == len(banker.labels)


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": ["age", "city"], "data": [[21, "Bern"], [77, "Rome"]]}},
        {"dataframe_records": [{"age": 21, "city": "Bern"}, {"age": 77, "city": "Rome"}]},
        {"instances": [{"age": 21, "city": "Bern"}, {"age": 77, "city": "Rome"}]},
        {"inputs": {"age": [21, 77], "city": ["Bern", "Rome"]}},
    ],
)
def test_mlflow_in_its_four_shapes(web: Any, body: dict[str, Any]) -> None:
    assert web.post("/invocations?model=person", json=body).json()["predictions"] == ["young", "old"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_litellm_asks_as_openai_does(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    litellm = pytest.importorskip("litellm", reason="the client is not installed")
    said = litellm.completion(
        model="openai/bank", api_base=f"{address}/v1", api_key="none", messages=[{"role": "user", "content": CARD}]
    )
    assert said.choices[0].message.content == "report_lost_or_stolen_card"


texts = st.one_of(
    st.sampled_from([CARD, STRANGE, "🙂💳", "‮card lost my", "what is my balance?", "x" * 3000, "a\u200bb"]),
    st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=200),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=texts)
@example(text=CARD)
@example(text=STRANGE)
def test_the_same_through_every_protocol(web: Any, banker: metier.Specialist, text: str) -> None:
    alone = banker.predict([text])[0]
    if alone.reason == "bad_input":
        return
    best = max(banker.told([text])[1][0].tolist())
    own = web.post("/v1/specialists/bank/decide", json={"inputs": text}).json()["decision"]
    assert (own["label"], own["probability"]) == (alone.label, pytest.approx(alone.probability, abs=1e-6))
    chat = web.post(
        "/v1/chat/completions",
        json={"model": "bank", "messages": [{"role": "user", "content": text}], "logprobs": True, "top_logprobs": 1},
    )
    assert chat.json()["choices"][0]["message"]["content"] == alone.label
    hugging = web.post("/models/bank", json={"inputs": text}).json()[0][0]["score"]
    listed = {"model": "bank", "input": text, "questions": [{"type": "choice", "choices": choices(banker)}]}
    decided = web.post("/v1/decisions", json=listed)
    assert decided.json()["answers"][0].get("choice") == alone.label
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [text]}
    tensors = web.post("/v2/models/bank/infer", json={"inputs": [tensor]})
    outputs = {one["name"]: one["data"] for one in tensors.json()["outputs"]}
    assert outputs["label"][0] == (alone.label or "")
    assert outputs["probability"][0] == pytest.approx(alone.probability, abs=1e-6)
    invoked = web.post("/invocations?model=bank", json={"instances": [text]})
    assert invoked.json()["predictions"] == [alone.label]
    scores = [hugging, max(outputs["probabilities"])]
    if text.strip():
        scores.append(web.post("/predict", json={"inputs": text, "model": "bank"}).json()[0]["score"])
    assert scores == pytest.approx([best] * len(scores), abs=1e-6)
    for reply in (chat, decided, tensors, invoked):
        assert reply.headers["x-model-version"] == "bank@1"
        assert reply.headers.get("x-abstain-reason") == alone.reason
        assert float(reply.headers["x-confidence"]) == pytest.approx(alone.probability, abs=1e-5)


def test_a_name_that_would_be_a_path_is_none(web: Any) -> None:
    for name in ("..%2Fbank", "..%2F..%2Fetc", "bank%0d%0ax-evil:%201", "%00"):
        reply = web.post(f"/models/{name}", json={"inputs": "x"})
        assert reply.status_code in (404, 405)
        assert "x-evil" not in reply.headers
        assert json.loads(reply.content)
