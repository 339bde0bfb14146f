"""The assistant over HTTP: JSON and server-sent events, whose conversation it is, who is logged in, the same twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

pytest.importorskip("starlette")
import jwt
from starlette.testclient import TestClient

from metier.assistant import served, web
from metier.assistant.login import AUDIENCE, Login, NotLoggedIn
from metier.errors import BadOption

SECRET = "0123456789abcdef0123456789abcdef"
SITE = "https://www.bank.example"


@pytest.fixture
def client(line: Any) -> Iterator[Any]:
    with TestClient(web.app(line.talk, who=lambda request: "ana", origins=[SITE])) as client:
        yield client


def begun(client: Any) -> str:
    """A conversation of the client's own; it sends the secret from here on."""
    answer = client.post("/conversations")
    assert answer.status_code == 201
    client.headers[web.SECRET] = answer.json()["secret"]
    return f"/conversations/{answer.json()['conversation']}"


def test_a_conversation_goes_on_over_http(client: Any) -> None:
    path = begun(client)
    said = client.post(f"{path}/messages", json={"id": "1", "text": "I lost my card"}).json()
    assert said["replies"][0]["text"] == "Which card?"
    assert said["replies"][0]["choices"] == ["Blue", "Green", "Gold"]
    assert said["waiting"] == "slot"
    again = client.post(f"{path}/messages", json={"id": "1", "text": "I lost my card"}).json()
    assert again["replies"] == said["replies"]
    entries = client.get(path).json()["entries"]
    assert [entry["from"] for entry in entries] == ["customer", "assistant"]
    assert client.get(path, params={"after": entries[-1]["seq"] + 1}).json()["entries"] == []
    assert client.post(f"{path}/ratings", json={"seq": entries[-1]["seq"], "good": False}).status_code == 204
    said = client.post(f"{path}/messages", json={"id": "2", "text": "the blue one"}).json()
    assert said["waiting"] == "slot"
    assert client.delete(path).status_code == 204
    assert client.get(path).json()["entries"] == []


def test_a_conversation_opens_to_its_secret_alone_and_the_log_does_not_hold_it(client: Any, line: Any) -> None:
    path = begun(client)
    secret = client.headers.pop(web.SECRET)
    client.post(f"{path}/messages", json={"id": "1", "text": "hello"}, headers={web.SECRET: secret})
    for wrong in ("", secret[:-1], path.rpartition("/")[2]):
        for method, address in (
            ("GET", path),
            ("DELETE", path),
            ("POST", f"{path}/messages"),
            ("GET", f"{path}/events"),
        ):
            answer = client.request(method, address, headers={web.SECRET: wrong})
            assert answer.status_code == 404, (method, address, wrong)
    assert line.talk.log.conversations() == [path.rpartition("/")[2]]
    assert web.name_of(secret) == path.rpartition("/")[2]


def test_replies_come_as_events_where_they_are_asked_for_so(client: Any) -> None:
    path = begun(client)
    answer = client.post(f"{path}/messages", json={"id": "1", "text": "hello"}, headers={"accept": "text/event-stream"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    first, last = answer.text.strip().split("\n\n")
    assert first.startswith("event: reply\ndata: ")
    assert json.loads(first.split("data: ")[1])["id"] == "say.greet"
    assert last.startswith("event: end\n")


def test_who_is_logged_in_is_what_the_company_has_signed(line: Any) -> None:
    def token(secret: str = SECRET, **said: Any) -> str:
        about = {"sub": "ana", "aud": AUDIENCE, "exp": datetime.now(UTC) + timedelta(minutes=5), **said}
        return jwt.encode({name: one for name, one in about.items() if one is not None}, secret, algorithm="HS256")

    who = served._signed(Login(SECRET))
    with TestClient(web.app(line.talk, who=who)) as client:
        path = begun(client)

        def send(id: str, **headers: str) -> Any:
            return client.post(f"{path}/messages", json={"id": id, "text": "I lost my card"}, headers=headers)

        assert send("1").json()["replies"][0]["id"] == "say.login"
        assert send("2", authorization=f"Bearer {token()}").json()["replies"][0]["text"] == "Which card?"
        unsigned = jwt.encode({"sub": "ana", "aud": AUDIENCE, "exp": 9e9}, None, algorithm="none")
        for wrong in (
            token(exp=datetime.now(UTC) - timedelta(minutes=1)), token(exp=None), token(aud="another"), token(sub=None),
            token("f" * 32), unsigned, "nonsense",
        ):  # fmt: skip
            answer = send("3", authorization=f"Bearer {wrong}")
            assert answer.status_code == 401
            assert "Ask for a new one" in answer.json()["error"]
        for other in ({}, {"authorization": f"Bearer {token(sub='ben')}"}):  # whoever holds the secret
            found = [
                send("3", **other), client.get(path, headers=other), client.get(f"{path}/events", headers=other),
                client.post(f"{path}/ratings", json={"seq": 1, "good": True}, headers=other),
                client.delete(path, headers=other),
            ]  # fmt: skip
            assert [one.status_code for one in found] == [404] * 5
        own = {"authorization": f"Bearer {token()}"}
        assert [one["text"] for one in client.get(path, headers=own).json()["entries"]][-1] == "Which card?"
        answer = client.post(f"{path}/messages", json={"id": "4", "text": "hi", "customer": "ana"})
        assert answer.status_code == 422
    with pytest.raises(BadOption, match=r"has 5 bytes\. Expected 32 or more"):
        Login("short")
    with pytest.raises(NotLoggedIn):
        Login(SECRET).customer("")


def test_only_the_sites_that_are_named_may_embed_it(client: Any) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": web.SECRET}
    assert client.options("/conversations", headers={"origin": SITE, **asked}).status_code == 200
    assert client.post("/conversations", headers={"origin": SITE}).headers["access-control-allow-origin"] == SITE
    assert client.options("/conversations", headers={"origin": "https://evil.example", **asked}).status_code == 400
    answer = client.post("/conversations", headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_who_writes_too_fast_waits(client: Any) -> None:
    path = begun(client)
    for count in range(web.A_MINUTE):
        client.post(f"{path}/messages", json={"id": str(count), "text": ""})
    answer = client.post(f"{path}/messages", json={"id": "one more", "text": "hi"})
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 60


def test_one_address_begins_as_many_conversations_as_is_said(line: Any) -> None:
    with TestClient(web.app(line.talk, begun_a_minute=2)) as client:
        assert [client.post("/conversations").status_code for _ in range(3)] == [201, 201, 429]


def test_a_secret_of_ones_own_making_begins_no_more_of_them(line: Any) -> None:
    with TestClient(web.app(line.talk, begun_a_minute=2)) as client:
        said = [
            client.post(
                f"/conversations/{web.name_of(secret)}/messages", json={"id": "1", "text": "hi"},
                headers={web.SECRET: secret},
            ).status_code
            for secret in ("one", "two", "three")
        ]  # fmt: skip
        assert said == [200, 200, 429]
    assert len(line.talk.log.conversations()) == 2


def test_only_what_was_said_is_rated_and_no_faster_than_one_can_write(client: Any, line: Any) -> None:
    path = begun(client)
    rated = {"seq": 1, "good": True}
    assert client.post(f"{path}/ratings", json=rated).status_code == 404
    assert line.talk.log.conversations() == []
    client.post(f"{path}/messages", json={"id": "1", "text": "hello"})
    assert client.post(f"{path}/ratings", json={**rated, "reason": "x" * 2_001}).status_code == 422
    said = [client.post(f"{path}/ratings", json=rated).status_code for _ in range(web.A_MINUTE)]
    assert {*said[:10]} == {204}
    assert said[-1] == 429


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"nonsense", 422, "Send {"),
        (b'{"id": "", "text": "x"}', 422, "expected 1 to 64"),
        (b'{"id": "1", "text": 5}', 422, "Expected `str`"),
        (b"[" * 10_000, 422, "Send {"),
        (b"\xff\xfe", 422, "Send {"),
        (b"x" * 20_000, 413, "Say it shorter"),
    ],
)
def test_bad_requests_are_told_what_to_send(client: Any, body: bytes, status: int, said: str) -> None:
    answer = client.post(f"{begun(client)}/messages", content=body)
    assert answer.status_code == status
    assert said in answer.json()["error"]


def test_the_widget_is_small_asks_nobody_else_and_breaks_no_policy(client: Any) -> None:
    import gzip
    import re

    script = client.get("/widget.js")
    assert len(gzip.compress(script.content)) < 20_000
    assert script.headers["access-control-allow-origin"] == "*"
    assert web.integrity().startswith("sha384-")
    for path in ("/", "/try.js", "/widget.js"):
        found = client.get(path)
        assert "unsafe" not in found.headers["content-security-policy"]
        assert re.findall(r"https?://(?!…)[a-z]", found.text) == []
    assert not re.search(r"\.innerHTML|document\.write|eval\(|\.setAttribute\(\"style\"", script.text)
