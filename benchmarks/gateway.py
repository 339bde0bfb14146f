"""What does the gateway add, and what does it carry, beside the servers a team would otherwise put in front?

    python benchmarks/gateway.py FOLDER                # every question; FOLDER is a specialist on BANKING77
    python benchmarks/gateway.py FOLDER speed calm     # some of them

Needs wrk (Debian: apt install wrk), and for peers METIER_PEERS, the Python of an environment that has fastapi,
litserve, mlserver and what metier needs. Writes benchmarks/results/gateway.json. Load and server share the cores,
so only ratios within a run mean something.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import numpy as np
from machine import commit, machine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from text_rows import read

import metier
from metier import artifact
from metier.errors import ArtifactError
from metier.gateway.ledger import Ledger
from metier.registry import Registry
from metier.testing.servers import running

HERE = Path(__file__).parent
RESULTS, SERVERS = HERE / "results" / "gateway.json", HERE / "servers"
SECONDS, CLIENTS, ROUNDS = 5, 32, 3
NAME = "banking77"
OURS = f"/v1/specialists/{NAME}/decide"
PER_S = re.compile(r"Requests/sec:\s+([\d.]+)")
FAILED = re.compile(r"Non-2xx or 3xx responses: \d+|Socket errors: .*")
Figures = dict[str, Any]


def main(folder: Path, asked: list[str]) -> None:
    """Run what is asked, and write it down beside what is known."""
    questions: dict[str, Callable[[Path], Figures]] = {
        "added": added, "speed": speed, "calm": calm, "overload": overload, "ends": ends, "promotions": promotions,
        "damage": damage, "upstream": behind, "sharing": sharing,
    }  # fmt: skip
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in asked or list(questions):
        about = {"date": time.strftime("%Y-%m-%d"), "commit": commit(), **machine(list(range(os.cpu_count() or 1)))}
        found[name] = {"figures": questions[name](folder.resolve()), "run": about}
        RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        for figure, value in found[name]["figures"].items():
            print(f"{name:9} {figure:56} {value:.4g}", flush=True)


def added(folder: Path) -> Figures:
    """One client, one request at a time: what stands between the client's clock and `predict` itself."""
    specialist = metier.load(folder)
    inside, over = [], []
    with ours(folder) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for text in test_queries()[:600]:
            started = time.perf_counter()
            specialist.predict([text])
            here = time.perf_counter() - started
            started = time.perf_counter()
            connection.request("POST", OURS, json.dumps({"inputs": text}), {"content-type": "application/json"})
            connection.getresponse().read()
            inside.append(1000 * here)
            over.append(1000 * (time.perf_counter() - started - here))
    return {
        "predict, median ms": statistics.median(inside),
        "added by gateway and client, median ms": statistics.median(over),
    }


def speed(folder: Path) -> Figures:
    """Requests a second under 32 clients, each server in turn, several rounds; every one may use both cores."""
    rates: dict[str, list[float]] = {}
    with TemporaryDirectory() as work:
        for _ in range(ROUNDS):
            for name, server in contenders(folder, Path(work)):
                with server:
                    said = hammered(server, Path(work))
                rates.setdefault(name, []).append(float(PER_S.findall(said)[0]))
                print(f"  {name}: {rates[name][-1]:.0f} requests/s {FAILED.findall(said) or ''}", flush=True)
    figures: Figures = {f"{name}, requests/s": statistics.median(each) for name, each in rates.items()}
    best = max(value for name, value in figures.items() if name.startswith("metier"))
    for peer in ("FastAPI", "LitServe", "MLServer"):
        theirs = [value for name, value in figures.items() if name.startswith(peer)]
        if theirs:
            figures[f"metier / best {peer}"] = best / max(theirs)
    return figures


def calm(folder: Path) -> Figures:
    """How long the slowest hundredth waits at 70 % of the peak."""
    with TemporaryDirectory() as work, ours(folder, "--workers", "2") as server:
        peak = float(PER_S.findall(hammered(server, Path(work)))[0])
        seen = steady(server, Path(work), rate=0.7 * peak, seconds=15)
    waits = sorted(seconds for _, seconds, *_ in seen)
    return {
        "peak, requests/s": peak,
        "at 70 %, median ms": 1000 * waits[len(waits) // 2],
        "at 70 %, 99th percentile ms": 1000 * waits[int(0.99 * len(waits))],
        "at 70 %, failed": sum(status != 200 for _, _, status, *_ in seen),
    }


def overload(folder: Path) -> Figures:
    """Three times what it can carry, for a minute: is as much answered as at the peak, and the rest refused at once?"""
    with TemporaryDirectory() as work, ours(folder, "--workers", "2", METIER_QUEUE_ROWS="32") as server:
        peak = float(PER_S.findall(hammered(server, Path(work)))[0])
        before = server.megabytes()
        seen = steady(server, Path(work), rate=3 * peak, seconds=60, clients=512)
        after = server.megabytes()
    refused = sorted(seconds for _, _, status, _, seconds in seen if status == 429)
    return {
        "peak, requests/s": peak,
        "asked, requests/s": len(seen) / 60,
        "answered / peak": sum(status == 200 for _, _, status, *_ in seen) / 60 / peak,
        "refused": len(refused),
        "refused, 99th percentile ms": 1000 * refused[int(0.99 * len(refused))] if refused else 0.0,
        "neither": sum(status not in (200, 429) for _, _, status, *_ in seen),
        "memory before, MB": before,
        "memory after, MB": after,
    }


def ends(folder: Path) -> Figures:
    """Requests lost when the gateway is told to end under load, ten times."""
    lost = answered = 0
    for _ in range(10):
        with TemporaryDirectory() as work, ours(folder, "--workers", "2") as server:
            load = started(server, Path(work), rate=200, seconds=4)
            time.sleep(1.5)
            server.process.send_signal(signal.SIGTERM)
            seen = json.loads(load.communicate()[0])
            lost += sum(status not in (200, -1) for _, _, status, *_ in seen)
            answered += sum(status == 200 for _, _, status, *_ in seen)
    return {"answered around 10 ends": answered, "lost": lost}


def promotions(folder: Path, times: int = 200) -> Figures:
    """Promoting and rolling back under load: failures, and answers of a version that was not in production."""
    with TemporaryDirectory() as work:
        registry = Registry(Path(work) / "shelf")
        for _ in range(2):
            registry.add(folder, name=NAME)
        command = metier_command(registry.root, "--port", "{port}", "--workers", "2")
        with Server(command, path=OURS) as server:
            load = started(server, Path(work), rate=300, seconds=0.2 * times + 4)
            time.sleep(1)
            changes = [(time.monotonic() - 60, "1")]
            for i in range(times):
                entry = registry.rollback(NAME) if i % 2 else registry.promote(f"{NAME}@2")
                changes.append((time.monotonic(), entry.version))
                time.sleep(0.2)
            seen = json.loads(load.communicate()[0])
    ends = [*(at for at, _ in changes[1:]), float("inf")]
    follow = 2.0  # seconds within which a worker follows; a version that left before is wrong
    wrong = sum(
        not any(
            version == f"{NAME}@{v}" and since <= at + took and until >= at - follow
            for (since, v), until in zip(changes, ends, strict=True)
        )
        for at, took, status, version, _ in seen
        if status == 200
    )
    return {
        "promotions and rollbacks": times,
        "asked meanwhile": len(seen),
        "failed": sum(status != 200 for _, _, status, *_ in seen),
        "answers of a wrong version": wrong,
    }


def damage(folder: Path, flips: int = 10_000, cuts: int = 1_000) -> Figures:
    """Bits flipped and files cut short in an artifact, one at a time: is each refused before anything is used?"""
    random = np.random.default_rng(0)
    used = 0
    with TemporaryDirectory() as work:
        small = Path(work) / "small"
        rows = [(text, label) for text, label in read(NAME, None, 0).train if label < "b"]
        metier.train(rows, output=small, effort="quick")
        named = {"specialist.json", *artifact.describe(small)["files"]}  # what else lies there is never read
        files = [path for path in sorted(small.iterdir()) if path.name in named]
        for i in range(flips + cuts):
            path = files[int(random.integers(len(files)))]
            whole = path.read_bytes()
            place = int(random.integers(len(whole)))
            changed = whole[:place] + bytes([whole[place] ^ (1 << int(random.integers(8)))]) + whole[place + 1 :]
            path.write_bytes(changed if i < flips else whole[:place])
            try:
                artifact.load(small)
                used += 1
            except ArtifactError:
                pass
            path.write_bytes(whole)
    return {"flipped bits": flips, "truncations": cuts, "used all the same": used}


def behind(folder: Path) -> Figures:
    """The test queries through the OpenAI client's format with a model behind, beside always asking that model.

    The model is simulated: right as often as GPT-4 with three examples (83.1 %, arXiv 2311.06102), after 0.4 s, at the
    price of gpt-5.4-mini for the tokens that the question with its 77 labels has.
    """
    truth = dict(read(NAME, None, 0).test)
    labels = sorted(set(truth.values()))
    random = np.random.default_rng(0)
    words = {text: label if random.random() < 0.831 else str(random.choice(labels)) for text, label in truth.items()}
    model = Simulated(words)
    with running(model.app()) as address, TemporaryDirectory() as work:
        told = Path(work) / "metier.toml"
        told.write_text(
            f'registry = "{folder.parent}"\nfallback = "upstream"\n[upstream]\nurl = "{address}/v1"\n'
            'model = "gpt-5.4-mini"\n[ledger]\n'
            f'url = "{work}/ledger.db"\ncompared_with = "gpt-5.4-mini"\ntdp_watts = 120\n'
        )
        command = [sys.executable, "-m", "metier", "serve", "--config", str(told), "--log", "error", "--port", "{port}"]
        waits, wrong, here = [], 0, 0
        beside = {"METIER_LEDGER__URL": f"{work}/ledger.db"}
        with (
            Server(command, path=OURS, environment=beside) as server,
            httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as client,
        ):
            for text, label in truth.items():
                started = time.perf_counter()
                body = {"model": NAME, "messages": [{"role": "user", "content": text}]}
                reply = client.post("/v1/chat/completions", json=body)
                waits.append(1000 * (time.perf_counter() - started))
                here += reply.headers["x-served-by"] == "specialist"
                wrong += reply.json()["choices"][0]["message"]["content"] != label
        ledger = Ledger(f"{work}/ledger.db")
        (total,) = [one for one in ledger.totals() if one.specialist == NAME]
        ledger.close()
    always = sum(words[text] != label for text, label in truth.items()) / len(truth)
    return {
        "served here": here / len(truth),
        "error": wrong / len(truth),
        "error, always asking the model": always,
        "dollars": float(total.upstream_dollars),
        "dollars, always asking the model": float(total.compared_dollars or 0),
        "watt-hours here (CPU time x share of 120 W)": total.watt_hours or 0.0,
        "milliseconds, mean": float(np.mean(waits)),
        "milliseconds, median": float(np.median(waits)),
        "milliseconds, always asking the model": 1000 * Simulated.SECONDS,
    }


class Simulated:
    """A server that answers as a model would: it finds the query among the messages and says what it is made to say."""

    SECONDS = 0.4

    def __init__(self, words: dict[str, str]) -> None:
        self._words = words

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/v1/chat/completions", self.reply, methods=["POST"])])

    async def reply(self, request: Request) -> JSONResponse:
        body = await request.body()
        text = json.loads(body)["messages"][-1]["content"]
        await asyncio.sleep(self.SECONDS)
        message = {"role": "assistant", "content": json.dumps({"label": self._words.get(text, "")})}
        usage = {"prompt_tokens": len(body) // 4, "completion_tokens": 12}
        return JSONResponse({"choices": [{"index": 0, "message": message}], "usage": usage})


def sharing(folder: Path, many: int = 1000) -> Figures:
    """A thousand specialists that share an encoder: memory, and what that does to one of them."""
    with TemporaryDirectory() as work:
        shelf = Path(work) / "shelf"
        small = Path(work) / "small"
        rows = [(text, label) for text, label in read(NAME, None, 0).train if label < "b"][:400]
        metier.train(rows, output=small, effort="standard")
        for i in range(many):
            shutil.copytree(small, shelf / f"s{i:04}", copy_function=os.link)
        figures: Figures = {}
        for name, count in (("alone", 1), ("among all", many)):
            one = Path(work) / name.replace(" ", "-")
            one.mkdir()
            for each in sorted(shelf.iterdir())[:count]:
                (one / each.name).symlink_to(each)
            command, path = metier_command(one, "--port", "{port}"), "/v1/specialists/s0000/decide"
            with Server(command, path=path, wait=900) as server:
                seen = steady(server, Path(work), rate=50, seconds=10, clients=1)
                waits = sorted(seconds for _, seconds, *_ in seen)
                figures[f"{name}: 99th percentile ms"] = 1000 * waits[int(0.99 * len(waits))]
                figures[f"{name}: memory, MB"] = server.megabytes()
    return figures


def contenders(folder: Path, work: Path) -> Iterator[tuple[str, Server]]:
    """Every server, alone and with two workers."""
    peers = os.environ.get("METIER_PEERS")
    for workers in ("1", "2"):
        yield f"metier, {workers} workers", ours(folder, "--workers", workers)
        if not peers:
            continue
        said = {"METIER_SERVED": str(folder)}
        fastapi = [peers, "-m", "uvicorn", "plain_fastapi:app", "--app-dir", str(SERVERS), "--port", "{port}"]
        quiet = ["--workers", workers, "--no-access-log", "--log-level", "warning"]
        yield f"FastAPI, {workers} workers", Server([*fastapi, *quiet], path="/predict", environment=said)
        litserve = [peers, str(SERVERS / "with_litserve.py"), "{port}", workers]
        yield f"LitServe, {workers} workers", Server(litserve, path="/predict", environment=said)
        yield f"MLServer, {workers} workers", mlserver(peers, work, int(workers), said)


def mlserver(peers: str, work: Path, workers: int, said: dict[str, str]) -> Server:
    """MLServer over a folder that it reads its settings from."""
    port, other, third = free_port(), free_port(), free_port()
    folder = work / f"mlserver-{port}"
    folder.mkdir()
    told = {
        "http_port": port, "grpc_port": other, "metrics_port": third, "debug": False, "parallel_workers": workers,
    }  # fmt: skip
    (folder / "settings.json").write_text(json.dumps(told))
    model = {
        "name": NAME, "implementation": "with_mlserver.Runtime", "max_batch_size": 32, "max_batch_time": 0.001,
    }  # fmt: skip
    (folder / "model-settings.json").write_text(json.dumps(model))
    shutil.copy(SERVERS / "with_mlserver.py", folder)
    body = '{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["%s"]}]}'
    command = [str(Path(peers).parent / "mlserver"), "start", str(folder)]
    said = {**said, "PYTHONPATH": f"{folder}:{path_of_ours()}"}
    return Server(command, path=f"/v2/models/{NAME}/infer", body=body, environment=said, port=port)


def path_of_ours() -> str:
    """Where the package that is measured lies."""
    return str(Path(metier.__file__).parents[1])


def ours(folder: Path, *options: str, **environment: str) -> Server:
    """The gateway over a folder that holds nothing but the specialist."""
    shelf = folder.parent
    return Server(metier_command(shelf, "--port", "{port}", *options), path=OURS, environment=environment)


def metier_command(shelf: Path, *options: str) -> list[str]:
    """`metier serve` with this Python."""
    return [sys.executable, "-m", "metier", "serve", str(shelf), "--log", "warning", *options]


@dataclass
class Server:
    """A server in a process of its own, from `with` to its end."""

    command: Sequence[str]
    path: str
    body: str = '{"inputs":"%s"}'
    environment: dict[str, str] | None = None
    port: int = 0
    wait: float = 90

    def __enter__(self) -> Server:
        self.port = self.port or free_port()
        command = [part.format(port=self.port) for part in self.command]
        environment = {**os.environ, "PYTHONPATH": path_of_ours(), "METIER_LEDGER__URL": "", **(self.environment or {})}
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
            cwd=HERE.parent,
        )  # fmt: skip
        end = time.monotonic() + self.wait
        body = self.body % "where is my card"
        while time.monotonic() < end and self.process.poll() is None:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                connection.request("POST", self.path, body, {"content-type": "application/json"})
                if connection.getresponse().status == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.1)
        self.__exit__()
        raise RuntimeError(f"{command[:4]} did not answer: {self.process.stderr.read().decode()[-2000:]}")

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)  # it and the workers it started, and nobody else
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def megabytes(self) -> float:
        """What it and its workers hold of their own: proportional set size."""
        whole = 0
        for group in Path("/proc").glob("[0-9]*"):
            try:
                if os.getpgid(int(group.name)) == self.process.pid:
                    rollup = (group / "smaps_rollup").read_text()
                    whole += int(re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE).group(1))  # type: ignore[union-attr]
            except (OSError, AttributeError):
                continue
        return whole / 1000


def hammered(server: Server, work: Path) -> str:
    """As many requests as 32 connections can make, by wrk."""
    queries = work / "queries.txt"
    queries.write_text("\n".join(test_queries()))
    script = work / "ask.lua"
    script.write_text(
        f'local q = {{}}\nfor line in io.lines("{queries}") do q[#q + 1] = line end\nlocal i = math.random(#q)\n'
        f"request = function()\n  i = i % #q + 1\n"
        f'  return wrk.format("POST", "{server.path}", {{["content-type"] = "application/json"}}, '
        f"string.format('{server.body}', q[i]))\nend\n"
    )
    command = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{SECONDS}s", "-s", str(script), f"http://127.0.0.1:{server.port}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def started(server: Server, work: Path, *, rate: float, seconds: float, clients: int = 64) -> subprocess.Popen[bytes]:
    """A steady load that goes on beside."""
    bodies = work / "bodies.txt"
    bodies.write_text("\n".join(server.body % text for text in test_queries()))
    address = f"http://127.0.0.1:{server.port}"
    command = [sys.executable, str(HERE / "load.py"), address, server.path, str(bodies)]
    return subprocess.Popen([*command, str(rate), str(seconds), str(clients)], stdout=subprocess.PIPE)


def steady(server: Server, work: Path, **how: Any) -> list[tuple[float, float, int, str, float]]:
    """The same, until it is over."""
    return [tuple(one) for one in json.loads(started(server, work, **how).communicate()[0])]  # type: ignore[misc]


def test_queries() -> list[str]:
    """Queries of the test file that need no escape in JSON or Lua."""
    return [text for text, _ in read(NAME, None, 0).test if not re.search(r"[\"\\'%\n]", text)]


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
