"""The door: limits, errors and headers, over a real connection."""

from __future__ import annotations

import json
import socket

import httpx
import pytest

DECIDE = "/v1/specialists/bank/decide"


def test_an_answer_says_who_gave_it_in_body_and_headers(served: httpx.Client) -> None:
    reply = served.post(DECIDE, json={"inputs": "I lost my card"}, headers={"x-request-id": "mine-1"})
    said = reply.json()["decision"]
    assert said["label"] == "report_lost_or_stolen_card"
    assert sum(said["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert reply.headers["x-served-by"] == "specialist"
    assert reply.headers["x-model-version"] == "bank@1"
    assert float(reply.headers["x-confidence"]) == pytest.approx(said["probability"], abs=1e-5)
    assert reply.headers["x-request-id"] == said["id"] == "mine-1"


def test_an_abstention_says_why(served: httpx.Client) -> None:
    reply = served.post(DECIDE, json={"inputs": "В чём смысл жизни?"})
    assert reply.json()["decision"]["label"] is None
    assert reply.headers["x-abstain-reason"] in ("out_of_scope", "unsure")


def test_many_inputs_keep_their_order_and_their_ids(served: httpx.Client) -> None:
    asked = ["I lost my card", None, "what is my balance"]
    said = served.post(DECIDE, json={"inputs": asked}).json()["decisions"]
    assert said[0]["label"] == "report_lost_or_stolen_card"
    assert said[1]["reason"] == "bad_input"
    assert len({one["id"] for one in said}) == 3


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example", "http://[", ""])
def test_pages_of_other_sites_change_nothing_where_no_key_is_asked_for(served: httpx.Client, origin: str) -> None:
    reply = served.post("/v1/registry/bank/rollback", content=b"{}", headers={"origin": origin} if origin else {})
    assert reply.status_code == (403 if origin else 400)
    own = served.post("/v1/registry/bank/rollback", content=b"{}", headers={"origin": str(served.base_url).rstrip("/")})
    assert own.status_code == 400  # there is no version to go back to


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "127.0.0.1@evil"])
def test_a_name_of_another_site_that_leads_here_shows_nothing_where_no_key_is_asked_for(
    served: httpx.Client, host: str
) -> None:
    assert served.get("/v1/registry", headers={"host": host}).status_code == 403
    assert served.get("/v1/registry", headers={"host": "localhost:8080"}).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "expected"),
    [
        (DECIDE, b"{", 400, "is no JSON"),
        (DECIDE, b"\xff\xfe", 400, "is no JSON"),
        (DECIDE, b"[]", 400, "Expected `object`"),
        (DECIDE, b"{}", 400, "missing required field `inputs`"),
        (DECIDE, b'{"inputs": []}', 400, "empty list"),
        (DECIDE, b'{"inputs": {"base64": "%"}}', 400, "no base64"),
        (DECIDE, b'{"inputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 413, "nested deeper"),
        (DECIDE, b'{"inputs": "' + b"x" * 1_100_000 + b'"}', 413, "most_body_mb"),
        (DECIDE, json.dumps({"inputs": ["x"] * 5000}).encode(), 413, "expected 4,096 at most"),
        ("/v1/specialists/bnk/decide", b'{"inputs": "x"}', 404, "nearest first: bank"),
        ("/v1/specialists/..%2fbank/decide", b'{"inputs": "x"}', 404, "There is"),
        ("/v1/specialists/bank@9/decide", b'{"inputs": "x"}', 404, "bank@9"),
        ("/v1/nothing", b"", 404, "There is nothing at '/v1/nothing'"),
    ],
)
def test_what_is_wrong_is_said(served: httpx.Client, path: str, body: bytes, status: int, expected: str) -> None:
    reply = served.post(path, content=body)
    assert reply.status_code == status
    assert expected in reply.text
    assert reply.headers["content-type"] == "application/json"


def test_another_way_of_asking_is_named(served: httpx.Client) -> None:
    reply = served.get(DECIDE)
    assert reply.status_code == 405
    assert "asked by POST" in reply.text


def test_an_id_that_would_break_a_header_is_replaced(served: httpx.Client) -> None:
    reply = served.post(DECIDE, json={"inputs": "x"}, headers={"x-request-id": "a b\tc"})
    assert reply.headers["x-request-id"] not in ("a b\tc", "")


def test_a_caller_that_leaves_troubles_nobody(served: httpx.Client) -> None:
    address = served.base_url.host, served.base_url.port
    for _ in range(20):
        with socket.create_connection(address) as one:
            one.sendall(f"POST {DECIDE} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{".encode())
    assert served.post(DECIDE, json={"inputs": "I lost my card"}).status_code == 200


def test_a_deadline_that_passed_is_an_error_of_its_own(served: httpx.Client) -> None:
    reply = served.post(DECIDE, json={"inputs": ["x"] * 4000}, headers={"x-deadline-ms": "1"})
    assert reply.status_code == 504


def test_health_and_figures(served: httpx.Client) -> None:
    assert served.get("/health/live").json() == {"live": True}
    assert served.get("/health/ready").json()["ready"] is True
    served.post(DECIDE, json={"inputs": "I lost my card"})
    assert 'metier_answers_total{protocol="specialists"' in served.get("/metrics").text


def test_every_address_is_described(served: httpx.Client) -> None:
    said = served.get("/openapi.json").json()
    assert said["openapi"].startswith("3.1")
    assert "/v1/specialists/{name}/decide" in said["paths"]
    assert "/v1/decisions" in said["paths"]


def test_what_is_listed_can_be_asked(served: httpx.Client) -> None:
    (one,) = served.get("/v1/specialists").json()["specialists"]
    assert one["name"] == "bank"
    assert served.get("/v1/specialists/bank").json()["labels"] == one["labels"]
