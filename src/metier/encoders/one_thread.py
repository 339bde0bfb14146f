"""One thread for torch while any network learns, however many learn beside one another: same seed, same bytes.

Knows torch's setting, and nothing of what is learnt.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

_learning = 0
_threads_before = 1
_lock = Lock()


@contextmanager
def one_thread(torch: Any) -> Iterator[None]:
    """Keeps torch to one thread until the last fit is done: sums come out the same on any number of cores."""
    global _learning, _threads_before
    with _lock:
        if _learning == 0:
            _threads_before = torch.get_num_threads()
        _learning += 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            _learning -= 1
            if _learning == 0:
                torch.set_num_threads(_threads_before)
