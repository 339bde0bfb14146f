"""One specialist's queue: a lone ask is answered at once, and what comes while it works is answered together.

Knows a specialist's `told` and `at_once`, and nothing of where asks come from.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from time import perf_counter
from typing import Any, Protocol, TypeAlias

from metier.gateway.base import Overloaded
from metier.types import Decision, Probabilities

Told: TypeAlias = tuple[list[Decision], Probabilities]
MOST_TOGETHER = 64  # rows
TOGETHER_S = 0.005  # what a batch may take, about: each row in it waits for all of them
SWIFT_S = 0.0005  # a first stage that takes no longer is asked where the ask stands, without a thread


class Asked(Protocol):
    """What a queue needs of a specialist."""

    @property
    def name(self) -> str:
        """What it is called in messages."""
        ...

    def told(self, cells: Sequence[Any]) -> Told:
        """Decisions, and the probability of every label."""
        ...

    def at_once(self, cell: Any) -> Told | None:
        """The same by the first stage alone, where that is enough."""
        ...


class Queue:
    """Asks waiting for one specialist, bounded: beyond `most` rows an ask is turned away, and told when to return.

    `lanes` batches run side by side. With nothing running an ask never waits for company.
    """

    def __init__(self, specialist: Asked, executor: Executor, *, most: int, lanes: int, swift: bool) -> None:
        self._specialist, self._executor = specialist, executor
        self._most, self._lanes, self._swift = most, lanes, swift
        self._waiting: deque[tuple[Sequence[Any], asyncio.Future[Told]]] = deque()
        self._rows = self._running = 0
        self._seconds_a_row = 0.0

    @property
    def waiting(self) -> int:
        """Rows that wait."""
        return self._rows

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing runs."""
        return not self._waiting and not self._running

    async def told(self, cells: Sequence[Any]) -> list[Told]:
        """What the specialist says of the cells, in pieces that each take a moment, in order.

        Raises: Overloaded where the queue is full.
        """
        if self._swift and len(cells) == 1:
            at_once = self._specialist.at_once(cells[0])
            if at_once is not None:
                return [at_once]
        if self._rows and self._rows + len(cells) > self._most:
            raise Overloaded(
                f"{self._specialist.name}: {self._rows:,} rows wait already and {self._most:,} may. Come again in a "
                "moment, or start more workers.",
                retry_after=max(1, round(self._rows * self._seconds_a_row / self._lanes)),
            )
        loop = asyncio.get_running_loop()
        room = self._room()
        pieces = [cells[start : start + room] for start in range(0, len(cells), room)]
        futures: list[asyncio.Future[Told]] = [loop.create_future() for _ in pieces]
        self._waiting.extend(zip(pieces, futures, strict=True))
        self._rows += len(cells)
        self._start(loop)
        try:
            return [await future for future in futures]
        finally:
            for future in futures:
                future.cancel()  # those of a caller that left are not worked for; done ones stay done

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._running < self._lanes and self._waiting:
            taken = self._together()
            if not taken:
                continue
            self._running += 1
            cells = [cell for piece, _ in taken for cell in piece]
            started = perf_counter()
            done = loop.run_in_executor(self._executor, self._specialist.told, cells)
            done.add_done_callback(partial(self._finish, loop, taken, started))

    def _together(self) -> list[tuple[Sequence[Any], asyncio.Future[Told]]]:
        taken: list[tuple[Sequence[Any], asyncio.Future[Told]]] = []
        rows = 0
        while self._waiting and (not taken or rows + len(self._waiting[0][0]) <= self._room()):
            piece, future = self._waiting.popleft()
            self._rows -= len(piece)
            if not future.done():
                taken.append((piece, future))
                rows += len(piece)
        return taken

    def _room(self) -> int:
        """Rows that go together: as many as take a moment, by what rows took lately."""
        if not self._seconds_a_row:
            return MOST_TOGETHER
        return int(min(max(TOGETHER_S / self._seconds_a_row, 1), MOST_TOGETHER))

    def _finish(
        self,
        loop: asyncio.AbstractEventLoop,
        taken: list[tuple[Sequence[Any], asyncio.Future[Told]]],
        started: float,
        said: asyncio.Future[Told],
    ) -> None:
        self._running -= 1
        rows = sum(len(piece) for piece, _ in taken)
        took = (perf_counter() - started) / max(rows, 1)
        self._seconds_a_row = took if not self._seconds_a_row else 0.9 * self._seconds_a_row + 0.1 * took
        problem = said.exception()
        place = 0
        for piece, future in taken:
            if future.done():
                pass
            elif problem is not None:
                future.set_exception(problem)
            else:
                decisions, probabilities = said.result()
                future.set_result((decisions[place : place + len(piece)], probabilities[place : place + len(piece)]))
            place += len(piece)
        self._start(loop)
