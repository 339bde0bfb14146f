"""Runs what could be made to kill a process in another one: with limits on memory, processor and time.

The other process is kept for the next job, since starting one takes longer than most jobs, and is ended where one
breaks a limit. Jobs and answers cross as JSON and bytes; nothing is unpickled on either side. Knows nothing of what a
job does.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import selectors
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Any, BinaryIO, TypeAlias

from metier.errors import MetierError

Said: TypeAlias = dict[str, Any]  # JSON
Job: TypeAlias = Callable[[Said, bytes], tuple[Said, bytes]]
HEADER = struct.Struct("<QQ")  # bytes of JSON, bytes of data
MOST_ANSWER_BYTES = 4 * 2**30


class Exceeded(MetierError):
    """A job was stopped at a limit; the message says at which."""


class Refused(MetierError):
    """A job says why it will not be done."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a job may take: `Limits(memory_bytes=1 << 30, cpu_s=10, wall_s=20)`."""

    memory_bytes: int = 1 << 30  # of address space, libraries among it
    cpu_s: int = 20
    wall_s: float = 30.0


def run(job: str, said: Said, data: bytes, limits: Limits) -> tuple[Said, bytes]:
    """The answer of a job, named "module:function", on JSON and bytes.

    Raises: Refused with what the job says, Exceeded where it was stopped.
    """
    with _lock:
        worker = _workers.get(job)
        if worker is None or not worker.alive(limits):
            worker = _workers[job] = _Worker(job, limits)
        try:
            answer, made = worker.ask({"job": said, "cpu_s": limits.cpu_s}, data, limits.wall_s)
        except BaseException:
            _workers.pop(job).end()
            raise
    if "refused" in answer:
        raise Refused(str(answer["refused"]))
    if "memory" in answer:
        raise Exceeded(f"took more than {limits.memory_bytes / 2**20:,.0f} MiB of memory")
    return answer["answer"], made


class _Worker:
    """The other process, from this side."""

    def __init__(self, job: str, limits: Limits) -> None:
        self._limits, self._pid = limits, os.getpid()
        paths = [path for path in sys.path if path]
        # threads each take address space, and there is one job at a time
        alone = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from metier.data.confined import serve; serve()", job, str(limits.memory_bytes)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, **alone, "PYTHONPATH": os.pathsep.join(paths)}, start_new_session=True,
        )  # fmt: skip

    def alive(self, limits: Limits) -> bool:
        """Whether it can take another job under these limits, and belongs to this process rather than its parent."""
        return self._pid == os.getpid() and self._process.poll() is None and limits == self._limits

    def ask(self, said: Said, data: bytes, wall_s: float) -> tuple[Said, bytes]:
        """One job and its answer.

        Raises: Exceeded where it dies or does not answer in time.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        deadline = monotonic() + wall_s
        try:
            _send(self._process.stdin, said, data)
            sizes = HEADER.unpack(self._received(HEADER.size, deadline))
            if sum(sizes) > MOST_ANSWER_BYTES:
                raise Exceeded(f"answered with {sum(sizes):,} bytes, more than {MOST_ANSWER_BYTES:,}")
            head, made = (self._received(size, deadline) for size in sizes)
        except (BrokenPipeError, EOFError):
            raise Exceeded(f"ended the process ({self._how()})") from None
        return json.loads(head), made

    def _received(self, size: int, deadline: float) -> bytes:
        assert self._process.stdout is not None
        parts, left = [], size
        with selectors.DefaultSelector() as ready:
            ready.register(self._process.stdout, selectors.EVENT_READ)
            while left:
                if not ready.select(max(deadline - monotonic(), 0)):
                    raise Exceeded(f"took longer than {self._limits.wall_s:g} s")
                part = os.read(self._process.stdout.fileno(), min(left, 1 << 20))
                if not part:
                    raise EOFError
                parts.append(part)
                left -= len(part)
        return b"".join(parts)

    def _how(self) -> str:
        code = self._process.wait(5)
        return f"over {self._limits.cpu_s} s of processor" if code == -24 else f"exit status {code}"

    def end(self) -> None:
        """Stop it now."""
        if self._pid == os.getpid():
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def serve() -> None:
    """The other process, from its side: one job after another until nobody asks any more."""
    import resource  # which Windows lacks

    job, memory_bytes = sys.argv[1], int(sys.argv[2])
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    module, _, function = job.partition(":")
    work: Job = getattr(importlib.import_module(module), function)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while head := asked.read(HEADER.size):
        sizes = HEADER.unpack(head)
        said, data = json.loads(asked.read(sizes[0])), asked.read(sizes[1])
        used = resource.getrusage(resource.RUSAGE_SELF)
        most = int(used.ru_utime + used.ru_stime) + 1 + said["cpu_s"]
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        made = b""
        answer: Said
        try:
            found, made = work(said["job"], data)
            answer = {"answer": found}
        except MemoryError:
            answer = {"memory": True}
        except Refused as problem:
            answer = {"refused": str(problem)}
        except Exception as error:  # a decoder raises whatever it meets, and the next job is none the worse for it
            answer = {"refused": f"cannot be read ({type(error).__name__}: {str(error)[:200]}); expected a whole file"}
        _send(answers, answer, made)


def _send(pipe: BinaryIO | Any, said: Said, data: bytes) -> None:
    head = json.dumps(said).encode()
    pipe.write(HEADER.pack(len(head), len(data)))
    pipe.write(head)
    pipe.write(data)
    pipe.flush()


_workers: dict[str, _Worker] = {}
_lock = Lock()


@atexit.register
def _end_all() -> None:
    for worker in _workers.values():
        worker.end()
