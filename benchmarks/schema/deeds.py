"""What the benchmark from a schema does outside: nothing."""

from __future__ import annotations

from typing import Any


def do_it(values: Any, *, key: str | None, at: Any) -> dict[str, bool]:
    """It worked."""
    return {"ok": True}
