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
import itertools
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
from dataclasses import dataclass, replace
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
from metier.cascade import Cascade
from metier.errors import ArtifactError
from metier.gateway.ledger import Ledger
from metier.heads.hashed import HashedHead
from metier.heads.kernel import KernelHead
from metier.registry import Registry
from metier.testing.servers import running

HERE = Path(__file__).parent
RESULTS, SERVERS = HERE / "results" / "gateway.json", HERE / "servers"
SECONDS, CLIENTS, ROUNDS = 5, 32, 3
NAME = "banking77"
OURS = f"/v1/specialists/{NAME}/decide"
PER_S = re.compile(r"Requests/sec:\s+([\d.]+)")
ANSWERED = re.compile(r"(\d+) requests in")
FAILED = re.compile(r"Non-2xx or 3xx responses: \d+|Socket errors: .*")
Figures = dict[str, Any]


def main(folder: Path, asked: list[str]) -> None:
    """Run what is asked, and write it down beside what is known."""
    questions: dict[str, Callable[[Path], Figures]] = {
        "added": added, "speed": speed, "calm": calm, "overload": overload, "ends": ends, "promotions": promotions,
        "damage": damage, "kills": kills, "upstream": behind, "sharing": sharing,
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
    """Requests a second under 32 clients, each server in turn, several rounds; every one may use both cores.

    And what a request costs in time of a core, workers and all: where others use the machine as well, that says more
    about what a server can carry than how much of the machine it happened to get.
    """
    rates: dict[str, list[float]] = {}
    costs: dict[str, list[float]] = {}
    with TemporaryDirectory() as work:
        for _ in range(ROUNDS):
            for name, server in contenders(folder, Path(work)):
                with server:
                    before = server.core_seconds()
                    said = hammered(server, Path(work))
                    spent = server.core_seconds() - before
                rates.setdefault(name, []).append(float(PER_S.findall(said)[0]))
                costs.setdefault(name, []).append(1000 * spent / int(ANSWERED.findall(said)[0]))
                print(f"  {name}: {rates[name][-1]:.0f} requests/s, {costs[name][-1]:.3f} ms of a core each "
                      f"{FAILED.findall(said) or ''}", flush=True)  # fmt: skip
    carried = {name: statistics.median(each) for name, each in rates.items()}
    cost = {name: statistics.median(each) for name, each in costs.items()}
    figures: Figures = {f"{name}, requests/s": value for name, value in carried.items()}
    figures |= {f"{name}, ms of a core a request": value for name, value in cost.items()}
    for peer in ("FastAPI", "LitServe", "MLServer"):
        if any(name.startswith(peer) for name in carried):
            most = {who: max(v for n, v in carried.items() if n.startswith(who)) for who in ("metier", peer)}
            least = {who: min(v for n, v in cost.items() if n.startswith(who)) for who in ("metier", peer)}
            figures[f"metier / best {peer}"] = most["metier"] / most[peer]
            figures[f"cost of the best {peer} / of metier"] = least[peer] / least["metier"]
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
        metier.train(few_rows(), output=small, effort="quick")
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


def kills(folder: Path, times: int = 200) -> Figures:
    """A publisher killed at a random moment, again and again: is the registry whole, and is all there that was said?"""
    random = np.random.default_rng(0)
    during: dict[str, int] = {"add": 0, "promote": 0, "rollback": 0}
    half = lost = 0
    with TemporaryDirectory() as work:
        small = Path(work) / "small"
        metier.train(few_rows(), output=small, effort="quick")
        registry = Registry(Path(work) / "shelf")
        for _ in range(3):
            registry.add(small, name=NAME)
        for _ in range(times):
            acknowledged, begun = killed(registry, small, after=float(random.uniform(0, 0.15)))
            during[begun] += 1
            done = [(line["what"], line["version"]) for line in registry.record()]
            more = len(done) - len(acknowledged)
            half += bool(registry.verify()) or not registry.resolve(NAME).path.joinpath("specialist.json").exists()
            lost += acknowledged not in (done[more:], done[more - 1 : -1])
            for version in registry.state().versions[NAME][3:]:
                if not registry.aliases(NAME).of(version):
                    registry.remove(f"{NAME}@{version}")
    return {**{f"killed in {what}": count for what, count in during.items()}, "half": half, "lost": lost}


def killed(registry: Registry, source: Path, *, after: float) -> tuple[list[tuple[str, str]], str]:
    """What a publisher had been told was done when it was killed, and what it had begun; a fork, for speed alone."""
    reads, writes = os.pipe()
    publisher = os.fork()
    if publisher == 0:
        os.close(reads)
        publish_for_ever(registry, source, writes)
    os.close(writes)
    with os.fdopen(reads) as said:
        first = said.readline()  # it has begun
        time.sleep(after)
        os.kill(publisher, signal.SIGKILL)
        lines = [line.split() for line in (first, *said) if line.endswith("\n")]
    os.waitpid(publisher, 0)
    return [(what, version) for what, version in (line for line in lines if len(line) == 2)], lines[-1][0]


def publish_for_ever(registry: Registry, source: Path, writes: int) -> None:
    """Publish, promote, roll back, over and over; a line when each begins and, with its version, when it is done."""
    for turn in itertools.count():
        what = ("add", "promote", "promote", "rollback")[turn % 4]
        os.write(writes, f"{what}\n".encode())
        if what == "add":
            entry = registry.add(source, name=NAME)
        else:
            entry = registry.promote(f"{NAME}@{2 + turn % 4 % 2}") if what == "promote" else registry.rollback(NAME)
        os.write(writes, f"{what} {entry.version}\n".encode())


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
    """A thousand different specialists that share an encoder: memory, and what that does to one of them.

    Both gateways run side by side and are asked in turn, so that whatever else the machine does meets both.
    """
    with TemporaryDirectory() as work:
        shelf, single = Path(work) / "shelf", Path(work) / "single"
        taught_anew(Path(work) / "base", shelf, many)
        single.mkdir()
        (single / "s0000").symlink_to(shelf / "s0000")
        path = "/v1/specialists/s0000/decide"
        begun = time.monotonic()
        with (
            Server(metier_command(shelf, "--port", "{port}"), path=path, wait=900) as among,
            Server(metier_command(single, "--port", "{port}"), path=path) as alone,
        ):
            figures: Figures = {"seconds from start to the first answer": time.monotonic() - begun}
            waits: dict[str, list[float]] = {"alone": [], "among all": []}
            for _ in range(6):
                for name, server in (("alone", alone), ("among all", among)):
                    seen = steady(server, Path(work), rate=50, seconds=5, clients=1)
                    waits[name].append(1000 * sorted(seconds for _, seconds, *_ in seen)[int(0.99 * len(seen))])
            for name, server in (("alone", alone), ("among all", among)):
                figures[f"{name}: 99th percentile ms, median of 6 rounds"] = statistics.median(waits[name])
                figures[f"{name}: memory, MB"] = server.megabytes()
        ratios = [late / early for late, early in zip(waits["among all"], waits["alone"], strict=True)]
        figures["99th percentile among all / alone, median of 6 rounds"] = statistics.median(ratios)
    return figures


def taught_anew(base: Path, shelf: Path, many: int, rows: int = 250) -> None:
    """Specialists with words and heads of their own, from as many draws of rows; what is costly to learn is the base's.

    Trained is one, on 400 rows. Each of the others has its n-grams and both heads from `rows` of those; the encoder's
    file is the base's by a hard link, as it would be a copy of it, and calibrators, scopes and the rule are the base's.
    """
    table = few_rows()[:400]
    metier.train(table, output=base, effort="standard")
    trained = metier.load(base)
    texts, random = [text for text, _ in table], np.random.default_rng(0)
    first, second = trained.cascade.stages
    vectors = second.encoder.encode(texts)
    truth = np.eye(len(trained.labels), dtype=np.float32)[[trained.labels.index(label) for _, label in table]]
    for i in range(many):
        drawn = np.sort(random.choice(len(table), rows, replace=False))
        some = [texts[j] for j in drawn]
        words = first.encoder.fit(some, truth[drawn], loss="softmax")
        swift = replace(first, encoder=words, head=HashedHead().fit(words.encode(some), truth[drawn], seed=i))
        costly = replace(second, head=KernelHead.suited(rows).fit(vectors[drawn], truth[drawn], seed=i))
        taught = replace(trained, name=f"s{i:04}", cascade=Cascade(stages=(swift, costly)))
        taught = replace(taught, golden=taught.replayed([one.cell for one in trained.golden]))
        place = shelf / taught.name
        artifact.save(taught, place)
        for name in ("encoder.onnx", "tokenizer.json"):
            (place / name).unlink()
            os.link(base / name, place / name)


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
        found = [re.findall(r"^Pss:\s+(\d+)", said, re.MULTILINE) for said in self._told("smaps_rollup")]
        return sum(int(kilobytes) for each in found for kilobytes in each) / 1000

    def core_seconds(self) -> float:
        """How long it and its workers have used a core, so far."""
        ticks = [said.rpartition(")")[2].split()[11:13] for said in self._told("stat")]  # proc(5): utime and stime
        return sum(int(tick) for each in ticks for tick in each) / os.sysconf("SC_CLK_TCK")

    def _told(self, file: str) -> Iterator[str]:
        """What the system says of each of its processes."""
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # one that ended meanwhile, or is another user's
                if os.getpgid(int(process.name)) == self.process.pid:
                    yield (process / file).read_text()


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


def few_rows() -> list[tuple[str, str]]:
    """The training rows of the first few intents."""
    return [(text, label) for text, label in read(NAME, None, 0).train if label < "b"]


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
