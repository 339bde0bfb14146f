"""A file that answers in the place of a project's own actions, so that what came over can be talked to at once."""

from __future__ import annotations

import json
from collections.abc import Iterable

from metier.assistant.rasa.written import Act, Job

FILE = '''"""Answers every action with the words below, until its own service is there. It keeps and does nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ANSWERS: dict[str, dict[str, Any]] = {
%s
}


class Answer(BaseHTTPRequestHandler):
    """One answer, whatever is asked."""

    def answer(self) -> None:
        """What stands above under the last part of the address."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        data = json.dumps(ANSWERS.get(urlsplit(self.path).path.strip("/"), {})).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = answer

    def log_message(self, *given: Any) -> None:
        """Nothing is written down."""


def start(folder: Path) -> tuple[Mapping[str, str], Callable[[], None]]:
    """The addresses, and what ends them."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return {"backend": f"http://127.0.0.1:{server.server_port}"}, stop
'''


def stand_in(acts: Iterable[Act], jobs: Iterable[Job]) -> str:
    """The file. Each value that a text shows is its own name in brackets."""
    status = {job.do[-1]: next(iter(job.outcomes)) for job in jobs if job.outcomes and job.do}
    lines = []
    for act in acts:
        held = {name: f"[{name.replace('_', ' ')}]" for name in sorted(act.answers)}
        if "text" in held:
            held["text"] = f"[what {act.name.replace('_', ' ')} answers]"
        if act.name in status:
            held["status"] = status[act.name]
        lines.append(f"    {json.dumps(act.name)}: {json.dumps(held, ensure_ascii=False)},")
    return FILE % "\n".join(lines)
