from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from metier.gateway.base import Overloaded
from metier.gateway.batch import MOST_TOGETHER, Queue, Told
from metier.types import Decision


class Slow:
    """A specialist that answers when it is let: each cell comes back as the error of its decision."""

    name = "slow"

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.free = threading.Event()
        self.free.set()

    def told(self, cells: Sequence[Any]) -> Told:
        self.batches.append(list(cells))
        assert self.free.wait(10)
        if "break" in cells:
            raise ValueError("broken")
        return [Decision.unread(str(cell)) for cell in cells], np.zeros((len(cells), 1), np.float32)

    def at_once(self, cell: Any) -> Told | None:
        return ([Decision.unread(f"at once {cell}")], np.zeros((1, 1), np.float32)) if cell == "swift" else None


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def words(told: Sequence[Told]) -> list[str | None]:
    return [decision.error for decisions, _ in told for decision in decisions]


@pytest.mark.parametrize(("moment", "batches"), [(60.0, [[0], list(range(1, 10))]), (1e-9, [[i] for i in range(10)])])
def test_a_lone_ask_waits_for_nobody_and_the_rest_go_together_where_that_takes_a_moment(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, moment: float, batches: list[list[int]]
) -> None:
    monkeypatch.setattr("metier.gateway.batch.TOGETHER_S", moment)
    slow = Slow()

    async def run() -> list[list[str | None]]:
        queue = Queue(slow, executor, most=100, lanes=1, swift=False)
        slow.free.clear()
        asks = [asyncio.create_task(queue.told([i])) for i in range(10)]
        await asyncio.sleep(0.05)
        slow.free.set()
        return [words(told) for told in await asyncio.gather(*asks)]

    assert asyncio.run(run()) == [[str(i)] for i in range(10)]
    assert slow.batches == batches


def test_what_the_first_stage_knows_needs_no_thread(executor: ThreadPoolExecutor) -> None:
    slow = Slow()
    queue = Queue(slow, executor, most=1, lanes=1, swift=True)
    assert words(asyncio.run(queue.told(["swift"]))) == ["at once swift"]
    assert words(asyncio.run(queue.told(["other"]))) == ["other"]


def test_a_full_queue_turns_away_and_says_when_to_return(executor: ThreadPoolExecutor) -> None:
    slow = Slow()

    async def run() -> Overloaded:
        queue = Queue(slow, executor, most=2, lanes=1, swift=False)
        slow.free.clear()
        asks = [asyncio.create_task(queue.told([i])) for i in range(3)]
        await asyncio.sleep(0.05)
        with pytest.raises(Overloaded, match="2 rows wait already and 2 may") as caught:
            await queue.told(["one too many"])
        slow.free.set()
        await asyncio.gather(*asks)
        return caught.value

    assert (asyncio.run(run()).retry_after or 0) >= 1


def test_a_long_ask_goes_in_pieces_and_comes_back_in_order(executor: ThreadPoolExecutor) -> None:
    slow = Slow()
    cells = list(range(3 * MOST_TOGETHER + 5))
    queue = Queue(slow, executor, most=10, lanes=2, swift=False)
    assert words(asyncio.run(queue.told(cells))) == [str(cell) for cell in cells]
    assert max(len(batch) for batch in slow.batches) == MOST_TOGETHER


def test_who_left_is_not_worked_for(executor: ThreadPoolExecutor) -> None:
    slow = Slow()

    async def run() -> None:
        queue = Queue(slow, executor, most=10, lanes=1, swift=False)
        slow.free.clear()
        first = asyncio.create_task(queue.told([1]))
        leaving = asyncio.create_task(queue.told([2]))
        await asyncio.sleep(0.05)
        leaving.cancel()
        await asyncio.sleep(0)
        slow.free.set()
        await first
        await queue.told([3])
        assert queue.idle

    asyncio.run(run())
    assert slow.batches == [[1], [3]]


def test_a_batch_that_breaks_breaks_its_own_asks_alone(executor: ThreadPoolExecutor) -> None:
    async def run() -> list[str | None]:
        queue = Queue(Slow(), executor, most=10, lanes=1, swift=False)
        with pytest.raises(ValueError, match="broken"):
            await queue.told(["break"])
        return words(await queue.told(["whole"]))

    assert asyncio.run(run()) == ["whole"]
