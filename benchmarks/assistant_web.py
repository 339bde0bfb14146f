"""How long does a turn take over HTTP while fifty people talk at once? The bank's assistant, served as users serve it.

    python benchmarks/assistant_web.py        # a minute; the assistant is trained first where it is not

Each of them says what the customers of the transcripts say, one message a second, as people who type fast would. Writes
the part `fifty over HTTP` of benchmarks/results/assistant.json. The clients share the server's cores.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import numpy as np
from machine import commit, machine

from metier.assistant import learn, read, transcripts, web

ROOT = Path(__file__).resolve().parents[1]
BANK, RESULTS = ROOT / "examples" / "bank", ROOT / "benchmarks" / "results" / "assistant.json"
PEOPLE, SECONDS, BETWEEN_S = 50, 40, 1.0


def main() -> None:
    with TemporaryDirectory() as home:
        folder = Path(home) / "bank"
        shutil.copytree(BANK, folder, ignore=shutil.ignore_patterns("models", "state"))
        learn.learn(read.load(folder))
        config = Path(home) / "metier.toml"
        config.write_text("[assistant]\nfolder = 'bank'\nconversations_a_minute = 100000\n")
        command = [sys.executable, "-m", "metier", "assistant", "serve", str(folder), "--port", "0", "--as", "ana",
                   "--config", str(config)]  # fmt: skip
        server = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=home)
        try:
            assert server.stderr is not None
            address = next(found[0] for line in server.stderr if (found := re.search(r"http://\S+/assistant/", line)))
            times = asyncio.run(crowd(address))
        finally:
            server.terminate()
            server.wait(30)
    p50, p95 = np.quantile(times, [0.5, 0.95]).tolist()
    figures = {"people": PEOPLE, "turns": len(times), "p50_ms": p50, "p95_ms": p95}
    about = {"date": time.strftime("%Y-%m-%d"), "commit": commit(), **machine([0, 1])}
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    found["fifty over HTTP"] = {**figures, "run": about}
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"{len(times):,} turns of {PEOPLE} people at once: p50 {p50:.0f} ms, p95 {p95:.0f} ms")


async def crowd(address: str) -> list[float]:
    """Milliseconds of every turn once all of them talk."""
    scripts = [[one.said for one in script.exchanges] for script in transcripts.read_folder(BANK / "tests")]
    limits = httpx.Limits(max_connections=PEOPLE)
    async with httpx.AsyncClient(base_url=address, timeout=60, limits=limits) as client:
        for _ in range(100):
            try:
                await client.get("about")
                break
            except httpx.TransportError:
                await asyncio.sleep(0.2)
        end = time.monotonic() + SECONDS
        people = [person(client, scripts[i % len(scripts) :] + scripts, i / PEOPLE, end) for i in range(PEOPLE)]
        return [ms for times in await asyncio.gather(*people) for ms in times]


async def person(client: httpx.AsyncClient, scripts: list[list[str]], late: float, end: float) -> list[float]:
    """One transcript after another, each a conversation of its own."""
    await asyncio.sleep(late)
    times: list[float] = []
    for said in scripts:
        begun = (await client.post("conversations")).json()
        for number, text in enumerate(said):
            if time.monotonic() > end:
                return times
            started = time.perf_counter()
            path, headers = f"conversations/{begun['conversation']}/messages", {web.SECRET: begun["secret"]}
            answer = await client.post(path, json={"id": str(number), "text": text}, headers=headers)
            answer.raise_for_status()
            times.append((time.perf_counter() - started) * 1000)
            await asyncio.sleep(BETWEEN_S)
    return times


if __name__ == "__main__":
    main()
