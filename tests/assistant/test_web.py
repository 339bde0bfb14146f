"""The assistant over HTTP: JSON and server-sent events, the same message twice, bad requests."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("starlette")
from starlette.testclient import TestClient

from metier.assistant import web


@pytest.fixture
def client(line: Any) -> Any:
    with TestClient(web.app(line.talk, who=lambda request: request.headers.get("x-customer"))) as client:
        client.headers["x-customer"] = "ana"
        yield client


def begun(client: Any) -> str:
    answer = client.post("/conversations")
    assert answer.status_code == 201
    return str(answer.json()["conversation"])


def test_a_conversation_goes_on_over_http(client: Any) -> None:
    name = begun(client)
    said = client.post(f"/conversations/{name}/messages", json={"id": "1", "text": "I lost my card"}).json()
    assert said["replies"][0]["text"] == "Which card?"
    assert said["replies"][0]["choices"] == ["Blue", "Green", "Gold"]
    assert said["waiting"] == "slot"
    again = client.post(f"/conversations/{name}/messages", json={"id": "1", "text": "I lost my card"}).json()
    assert again["replies"] == said["replies"]
    entries = client.get(f"/conversations/{name}").json()["entries"]
    assert [entry["from"] for entry in entries] == ["customer", "assistant"]
    assert client.get(f"/conversations/{name}/trace").json()["turns"]["1"][0]["ms"] >= 0
    assert client.delete(f"/conversations/{name}").status_code == 204
    assert client.get(f"/conversations/{name}").json()["entries"] == []


def test_replies_come_as_events_where_they_are_asked_for_so(client: Any) -> None:
    name = begun(client)
    answer = client.post(
        f"/conversations/{name}/messages", json={"id": "1", "text": "hello"}, headers={"accept": "text/event-stream"}
    )
    assert answer.headers["content-type"].startswith("text/event-stream")
    first, last = answer.text.strip().split("\n\n")
    assert first.startswith("event: reply\ndata: ")
    assert json.loads(first.split("data: ")[1])["id"] == "say.greet"
    assert last.startswith("event: end\n")


def test_who_is_logged_in_is_not_the_client_s_to_say(line: Any) -> None:
    with TestClient(web.app(line.talk)) as client:
        name = begun(client)
        answer = client.post(
            f"/conversations/{name}/messages", json={"id": "1", "text": "I lost my card", "customer": "ana"}
        )
        assert answer.status_code == 422
        said = client.post(f"/conversations/{name}/messages", json={"id": "2", "text": "I lost my card"}).json()
        assert said["replies"][0]["id"] == "say.login"


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/conversations/short/messages", b"{}", 404, "no such conversation"),
        ("/conversations/" + "a" * 20 + "/messages", b"nonsense", 422, "Send {"),
        ("/conversations/" + "a" * 20 + "/messages", b'{"id": "", "text": "x"}', 422, "expected 1 to 64"),
        ("/conversations/" + "a" * 20 + "/messages", b"x" * 20_000, 413, "Say it shorter"),
    ],
)
def test_bad_requests_are_told_what_to_send(client: Any, path: str, body: bytes, status: int, said: str) -> None:
    answer = client.post(path, content=body)
    assert answer.status_code == status
    assert said in answer.json()["error"]
