"""When people are at the desk: `Mon-Fri 08:00-20:00 Europe/London`. Knows only the time it is given."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from metier.assistant.base import BadAssistant

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
OPEN = re.compile(r"(\w{3})(?:-(\w{3}))? (\d\d:\d\d)-(\d\d:\d\d)(?: ([\w/+-]+))?")


def hours(said: str) -> tuple[frozenset[int], time, time, ZoneInfo]:
    """Days of the week, from, to, and the zone.

    Raises: BadAssistant where it reads differently.
    """
    found = OPEN.fullmatch(said)
    try:
        if found is None:
            raise ValueError
        first, last = DAYS.index(found[1]), DAYS.index(found[2] or found[1])
        days = frozenset(range(first, last + 1)) if first <= last else frozenset((*range(first, 7), *range(last + 1)))
        return days, time.fromisoformat(found[3]), time.fromisoformat(found[4]), ZoneInfo(found[5] or "UTC")
    except (ValueError, ZoneInfoNotFoundError):
        raise BadAssistant(
            f"person: open: '{said}' cannot be read. Write it as \"Mon-Fri 08:00-20:00 Europe/London\"."
        ) from None


def at_desk(said: str | None, now: datetime) -> bool:
    """Whether somebody is there; always, where no hours are named."""
    if said is None:
        return True
    days, start, end, zone = hours(said)
    local = now.astimezone(zone)
    return local.weekday() in days and start <= local.time() < end


def next_open(said: str | None, now: datetime) -> str:
    """When somebody will be there, as a customer reads it."""
    if said is None:
        return "once"
    days, start, _, zone = hours(said)
    local = now.astimezone(zone)
    for ahead in range(8):
        day = local + timedelta(days=ahead)
        opens = day.replace(hour=start.hour, minute=start.minute, second=0, microsecond=0)
        if day.weekday() in days and opens > local:
            return f"{opens:%H:%M} on {opens:%A}"
    return f"{start:%H:%M}"


def times(when: Sequence[str], what: str) -> int | None:
    """How often something may happen before a person is asked: 2 of `2 misunderstandings`."""
    found = next((one for one in when if one.endswith(f" {what}")), None)
    return None if found is None else int(found.split()[0])
