from __future__ import annotations

import pytest

from metier import lazy
from metier.tasks.base import Task
from metier.testing import check_task

NAMES = sorted(name for name in lazy.names("tasks") if isinstance(lazy.find("tasks", name, "TASK"), Task))


def test_classify_is_among_them() -> None:
    assert "classify" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_task_keeps_its_promises(name: str) -> None:
    task = lazy.find("tasks", name, "TASK")
    assert task.name == name, "a task is named for its file"
    check_task(task)
