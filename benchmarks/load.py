"""A steady load on a server, from a process of its own: asks fall due at a rate, whether or not earlier ones returned.

    python benchmarks/load.py ADDRESS PATH BODIES RATE SECONDS CLIENTS    # BODIES: a file with a body a line

Latencies count from when an ask was due, so that a server that stalls is charged for all it kept waiting
(G. Tene, "How NOT to measure latency"). Prints JSON: a list of [due at, seconds, status, version, seconds
since it was sent], times as time.monotonic() counts; status 0 is a connection that broke, -1 one that was refused.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

Seen = list[tuple[float, float, int, str, float]]


async def main(address: str, path: str, bodies: list[str], rate: float, seconds: float, clients: int) -> Seen:
    """Spread the asks over connections; each keeps its own clock."""
    begin = time.monotonic() + 0.2
    each = [one(address, path, bodies[i::clients], begin, i / rate, clients / rate, seconds) for i in range(clients)]
    return sorted(seen for part in await asyncio.gather(*each) for seen in part)


async def one(
    address: str, path: str, bodies: list[str], begin: float, first: float, every: float, seconds: float
) -> Seen:
    """One connection; made anew when the server closes it."""
    url = urlsplit(address)
    seen: Seen = []
    line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    due, place = first, 0
    while due < seconds:
        wait = begin + due - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        body = bodies[place % len(bodies)].encode()
        status, version, close, sent = 0, "", True, time.monotonic()
        try:
            if line is None:
                line = await asyncio.open_connection(url.hostname, url.port)
            reader, writer = line
            head = f"POST {path} HTTP/1.1\r\nhost: {url.netloc}\r\ncontent-type: application/json\r\n"
            writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            said = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            status = int(said.split(" ", 2)[1])
            fields = dict(row.split(": ", 1) for row in said.split("\r\n")[1:] if ": " in row)
            await reader.readexactly(int(fields.get("content-length", 0)))
            version, close = fields.get("x-model-version", ""), fields.get("connection") == "close"
        except ConnectionRefusedError:
            status = -1
        except (OSError, asyncio.IncompleteReadError):
            status = 0
        now = time.monotonic()
        seen.append((begin + due, now - begin - due, status, version, now - sent))
        if close and line is not None:
            line[1].close()
        line = None if close else line
        due, place = due + every, place + 1
    if line is not None:
        line[1].close()
    return seen


if __name__ == "__main__":
    where, asked, file, rate, seconds, clients = sys.argv[1:]
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    json.dump(asyncio.run(main(where, asked, lines, float(rate), float(seconds), int(clients))), sys.stdout)
