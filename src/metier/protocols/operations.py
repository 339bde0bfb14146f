"""For whoever runs the gateway: whether it lives, whether it is ready, what it has done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metier.gateway.base import Trouble
from metier.gateway.gateway import Gateway
from metier.gateway.metrics import TYPE
from metier.protocols.base import Endpoint, Reply, Request, reply


class Operations:
    """The protocol."""

    name = "operations"

    def __init__(self) -> None:
        self.endpoints: Sequence[Endpoint] = [
            Endpoint(method="GET", path="/health/live", call=live, public=True, about="Whether the process runs."),
            Endpoint(method="GET", path="/health/ready", call=ready, public=True, about="Whether it takes asks."),
            Endpoint(method="GET", path="/health", call=ready, public=True, about="The same."),
            Endpoint(method="GET", path="/metrics", call=metrics, role="operate", about="Figures for Prometheus."),
        ]

    def trouble(self, trouble: Trouble) -> dict[str, Any]:
        """A word for programs, a sentence for people."""
        return {"error": {"code": trouble.code, "message": str(trouble)}}


async def live(gateway: Gateway, request: Request) -> Reply:
    """It answers, so it lives."""
    return reply({"live": True})


async def ready(gateway: Gateway, request: Request) -> Reply:
    """Ready once every golden row was replayed, and no longer once it drains."""
    well = gateway.ready and not gateway.draining
    said = {"ready": well, "draining": gateway.draining, "specialists": len(gateway.pool.catalogue.production)}
    return reply(said, status=200 if well else 503)


async def metrics(gateway: Gateway, request: Request) -> Reply:
    """Counters since the start, of all workers."""
    waiting = sum(one.queue.waiting for one in gateway.pool.loaded)
    return Reply(body=gateway.metrics.text(waiting=waiting, megabytes=gateway.pool.megabytes), type=TYPE)


PROTOCOL = Operations()
