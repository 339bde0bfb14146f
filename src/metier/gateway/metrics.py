"""What operators watch, as Prometheus reads it.

Knows answers and nothing of protocols. With several workers the figures of all of them are summed: prometheus_client
does it through files in PROMETHEUS_MULTIPROC_DIR, which `serving` sets.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from metier.gateway.base import Answer, Ask
from metier.gateway.upstream import Bill
from metier.types import Decision

TYPE = "text/plain; version=0.0.4; charset=utf-8"
KEPT = 4096  # counters at hand
SECONDS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30)


class Metrics:
    """Counters of one process; it takes notes as the ledger does."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._answers = Counter(
            "metier_answers", "Cells answered.",
            ("specialist", "version", "protocol", "served_by", "reason", "stage"), registry=self._registry,
        )  # fmt: skip
        self._answers_of = lru_cache(KEPT)(self._answers.labels)  # to find a counter takes longer than to count
        self._seconds = Histogram(
            "metier_answer_seconds", "From the ask to its answer.", ("specialist",), buckets=SECONDS,
            registry=self._registry,
        )  # fmt: skip
        self._seconds_of = lru_cache(KEPT)(self._seconds.labels)
        self._dollars = Counter("metier_upstream_dollars", "Billed by the upstream.", registry=self._registry)
        self._troubles = Counter("metier_troubles", "Asks without an answer.", ("code",), registry=self._registry)
        self._waiting = Gauge(
            "metier_waiting_rows", "Rows in queues.", registry=self._registry, multiprocess_mode="livesum"
        )
        self._memory = Gauge(
            "metier_loaded_megabytes", "Specialists in memory, by their files.", registry=self._registry,
            multiprocess_mode="livemax",
        )  # fmt: skip

    def note(self, ask: Ask, answer: Answer, bills: Sequence[Bill | None]) -> None:
        """Count an answer."""
        self._seconds_of(answer.model).observe(answer.milliseconds / 1000)
        for outcome in answer.outcomes:
            decision = outcome.decision
            self._answers_of(
                answer.model, answer.version, ask.protocol, outcome.served_by, decision.reason or "", decision.stage
            ).inc()
        for bill in bills:
            if bill is not None:
                self._dollars.inc(float(bill.dollars))

    def shadowed(self, ask: Ask, answer: Answer, version: str, decisions: Sequence[Decision]) -> None:
        """A version that only watches is no answer."""

    def trouble(self, code: str) -> None:
        """Count an ask that got none."""
        self._troubles.labels(code).inc()

    def text(self, *, waiting: int, megabytes: float) -> bytes:
        """Everything, in the text format of Prometheus."""
        self._waiting.set(waiting)
        self._memory.set(megabytes)
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
