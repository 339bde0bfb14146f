"""Spans of requests for OpenTelemetry: one for each, and in it an event for each answer.

Knows the SDK, and takes notes as the ledger does. Inputs are never among what is sent. The exporter reads the
environment for the rest: OTEL_SERVICE_NAME, OTEL_EXPORTER_OTLP_HEADERS.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from metier import lazy
from metier.gateway.base import Answer, Ask
from metier.gateway.upstream import Bill
from metier.types import Decision, Extraction


class Traces:
    """Spans that a thread of its own sends to a collector, by OTLP over HTTP."""

    def __init__(self, url: str) -> None:
        lazy.need("opentelemetry.sdk", extra="otel", purpose="Tracing")
        lazy.need("opentelemetry.exporter.otlp.proto.http", extra="otel", purpose="Tracing")
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        named = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "metier")})
        self._provider = TracerProvider(resource=named)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
        self._tracer = self._provider.get_tracer("metier.gateway")
        self._context = TraceContextTextMapPropagator()

    @contextmanager
    def request(
        self, method: str, path: str, headers: Mapping[str, str], id: str
    ) -> Iterator[Callable[[int | None], None]]:
        """A span around a request, the caller's own span above it; what it yields is told the status at the end."""
        from opentelemetry.trace import SpanKind, StatusCode

        told = {"http.request.method": method, "url.path": path, "metier.request.id": id}
        above = self._context.extract(headers)
        with self._tracer.start_as_current_span(
            f"{method} {path}", context=above, kind=SpanKind.SERVER, attributes=told
        ) as span:

            def ended(status: int | None) -> None:
                if status is not None:  # else nobody was there any more to be answered
                    span.set_attribute("http.response.status_code", status)
                if status is None or status >= 500:
                    span.set_status(StatusCode.ERROR)

            yield ended

    def note(self, ask: Ask, answer: Answer, bills: Sequence[Bill | None]) -> None:
        """An event for each outcome, in the span of the request that is being answered."""
        from opentelemetry.trace import get_current_span

        span = get_current_span()
        span.set_attribute("metier.protocol", ask.protocol)
        for outcome, bill in zip(answer.outcomes, bills, strict=True):
            decision = outcome.decision
            named = (
                decision.kinds() if isinstance(decision, Extraction) else decision.label or ""
            )  # no words of the ask
            span.add_event("answer", {
                "metier.answer.id": outcome.id, "metier.specialist": answer.model, "metier.version": answer.version,
                "metier.served_by": outcome.served_by, "metier.stage": decision.stage, "metier.decision": named,
                "metier.accepted": decision.accepted, "metier.reason": decision.reason or "",
                "metier.probability": decision.probability, "metier.scope": decision.scope,
                "metier.microseconds": decision.microseconds, "metier.dollars": str(bill.dollars) if bill else "0",
            })  # fmt: skip

    def shadowed(self, ask: Ask, answer: Answer, version: str, decisions: Sequence[Decision]) -> None:
        """A version that only watches is no answer."""

    def close(self) -> None:
        """Send what waits, and end."""
        self._provider.shutdown()
