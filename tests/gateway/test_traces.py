"""Spans, received by a collector that reads them as OpenTelemetry writes them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from metier import app
from metier.errors import BadOption
from metier.gateway import settings
from metier.gateway.gateway import Gateway
from metier.gateway.settings import Settings
from metier.gateway.traces import Traces
from metier.registry import Registry
from metier.testing.servers import running

ABOVE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Collector:
    """What was sent to it."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.services: set[str] = set()

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/v1/traces", self.take, methods=["POST"])])

    async def take(self, request: Request) -> Response:
        said = ExportTraceServiceRequest.FromString(await request.body())
        for resource in said.resource_spans:
            self.services |= {
                one.value.string_value for one in resource.resource.attributes if one.key == "service.name"
            }
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]
        return Response(media_type="application/x-protobuf")


def told(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def test_each_request_is_a_span_with_an_event_for_each_answer(shelf: Path) -> None:
    collector = Collector()
    with running(collector.app()) as address:
        traces = Traces(f"{address}/v1/traces")
        gateway = Gateway(Registry.open(shelf), Settings(registry=str(shelf)), traces=traces)
        with running(app.build(gateway)) as served, httpx.Client(base_url=served) as client:
            headers = {"traceparent": ABOVE, "x-request-id": "r1"}
            body = {"inputs": ["I lost my card", "qzx wvk"]}
            assert client.post("/v1/specialists/bank/decide", json=body, headers=headers).status_code == 200
            assert client.post("/v1/specialists/none/decide", json=body).status_code == 404
        end = time.monotonic() + 10
        while len(collector.spans) < 2 and time.monotonic() < end:
            time.sleep(0.05)
    asked, unknown = sorted(collector.spans, key=lambda span: span.start_time_unix_nano)
    assert (asked.name, collector.services) == ("POST /v1/specialists/bank/decide", {"metier"})
    assert (asked.trace_id.hex(), asked.parent_span_id.hex()) == (ABOVE.split("-")[1], ABOVE.split("-")[2])
    assert told(asked.attributes)["http.response.status_code"] == 200
    assert told(asked.attributes)["metier.request.id"] == "r1"
    sure, refused = (told(event.attributes) for event in asked.events)
    assert (sure["metier.specialist"], sure["metier.version"], sure["metier.stage"]) == ("bank", "1", 1)
    assert (sure["metier.accepted"], sure["metier.served_by"]) == (True, "specialist")
    assert (refused["metier.accepted"], refused["metier.reason"]) == (False, "out_of_scope")
    assert told(unknown.attributes)["http.response.status_code"] == 404
    assert "I lost my card" not in str(collector.spans)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(BadOption, match="http://HOST:4318/v1/traces"):
        settings.read(None, environment={"METIER_TRACES": "collector:4318"})
