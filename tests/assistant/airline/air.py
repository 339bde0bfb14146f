"""Stands in for the airline: two bookings, flights that are on time, and yes to everything."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

BOOKINGS = [{"id": "b1", "name": "Lisbon on 3 December"}, {"id": "b2", "name": "Oslo on 9 January"}]


class Handler(BaseHTTPRequestHandler):
    """Every call is answered alike."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._reply(200, BOOKINGS if "bookings" in self.path else {"state": "on time"})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._reply(201, {"number": "L-1"})

    def _reply(self, status: int, said: Any) -> None:
        data = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


def start(folder: Path) -> tuple[dict[str, str], Callable[[], None]]:
    """Where the airline is, and what ends it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return {"air": f"http://127.0.0.1:{server.server_address[1]}"}, stop
