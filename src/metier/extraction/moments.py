"""Days and times of day as people say them: "next Friday", "the 3rd", "25 to 7 in the evening".

Dates are read by dateparser, in two hundred languages. What it takes otherwise than people mean it, weekdays to
come and times that are said and not written, is a table of the language.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from metier import lazy
from metier.extraction.language import Language, one_of

CLOCK = re.compile(r"\b(\d{1,2})\s?(?:[:.h]\s?|\s)(\d{2})\b")
HOUR = re.compile(r"\b(\d{1,2})(?=\b|ish|[ap]\.?m)")
YEAR = re.compile(r"\d{4}")
ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
WEEK, AFTERNOON, NIGHT = 7, 12, 6


def day(text: str, words: Language, now: datetime) -> date | None:
    """The day that a text names, as of `now`; one without its month or year is the next to come."""
    said = _plain(text, words)
    if said in words.days:
        return (now + timedelta(days=words.days[said])).date()
    found = _weekday(said, words, now) or _of_month(said, words, now)
    if found is not None:
        return found
    parser = lazy.bring("dateparser", extra="extract", purpose="Reading dates")
    order = "YMD" if ISO.search(said) else words.date_order
    settings = {
        "RELATIVE_BASE": now.replace(tzinfo=None), "PREFER_DATES_FROM": "future", "DATE_ORDER": order,
        "PREFER_DAY_OF_MONTH": "current" if re.search(r"\d", said) and not YEAR.fullmatch(said) else "first",
        "PREFER_MONTH_OF_YEAR": "first", "RETURN_AS_TIMEZONE_AWARE": False,
    }  # fmt: skip
    parsed = parser.parse(re.sub(_ordinal(words), r"\1", said), languages=[words.name], settings=settings)
    if parsed is None:
        return None
    parser_date: date = parsed.date()
    return parser_date


def _ordinal(words: Language) -> str:
    """A pattern for the number of a day: "3rd"."""
    return rf"\b(\d{{1,2}}){one_of(words.ordinals)}\b"


def clock(text: str, words: Language, now: datetime) -> time | None:
    """The time of day that a text names, as of `now`."""
    said = text.casefold().replace("p.m", "pm").replace("a.m", "am")
    for word, hour in words.hours.items():
        if re.search(rf"\b{word}\b", said):
            return time(hour)
    minutes = _ago(said, words, now)
    if minutes is not None:
        return minutes
    found = _told(said, words) or _written(said)
    if found is None:
        return None
    hour, minute = found
    hour = _turned(hour, said, words)
    return time(hour, minute) if hour < 24 and minute < 60 else None


def _plain(text: str, words: Language) -> str:
    """The text in small letters, without what only stands around a day."""
    said = re.sub(r"[,]", " ", text.casefold())
    for word in words.filler:
        said = re.sub(rf"(?<!\S){re.escape(word)}(?!\S)", " ", said)
    return " ".join(said.split())


def _weekday(said: str, words: Language, now: datetime) -> date | None:
    """The day by its name: "Friday", "next Friday", "last Friday"; a bare one is the next to come, today left out."""
    parts = said.split()
    named = [i for i, name in enumerate(words.weekdays) if parts and name.startswith(parts[-1].rstrip(".")[:9])]
    if len(named) != 1 or len(parts[-1]) < 3 or len(parts) > 2:
        return None
    ahead = (named[0] - now.weekday()) % WEEK or WEEK
    if len(parts) == 1 or parts[0] in words.coming:
        return (now + timedelta(days=ahead)).date()
    return (now + timedelta(days=ahead - WEEK if ahead < WEEK else -WEEK)).date() if parts[0] in words.gone else None


def _of_month(said: str, words: Language, now: datetime) -> date | None:
    """ "The 3rd": of this month, or of the next where that is over."""
    match = re.fullmatch(_ordinal(words), said) or re.fullmatch(r"(\d{1,2})", said)
    if match is None or not 1 <= int(match[1]) <= 31:
        return None
    wanted, at = int(match[1]), now.date().replace(day=1)
    for _ in range(3):
        try:
            found = at.replace(day=wanted)
        except ValueError:
            found = None
        if found is not None and found >= now.date():
            return found
        at = (at + timedelta(days=32)).replace(day=1)
    return None


def _ago(said: str, words: Language, now: datetime) -> time | None:
    """The time some hours or minutes from now: "in 2 hours", "15 minutes ago"."""
    if not re.search(rf"\b{one_of(words.relative)}\b", said) or not re.search(rf"\b{one_of(words.units)}\b", said):
        return None
    parser = lazy.bring("dateparser", extra="extract", purpose="Reading dates")
    parsed = parser.parse(said, languages=[words.name], settings={"RELATIVE_BASE": now.replace(tzinfo=None)})
    return None if parsed is None else parsed.time().replace(microsecond=0)


def _told(said: str, words: Language) -> tuple[int, int] | None:
    """Minutes, a word, and the hour: "half past nine", "25 to 7"."""
    spelt = lazy.bring("text_to_num", extra="extract", purpose="Reading times").alpha2digit(
        said, words.name, threshold=0
    )
    halves, joints = one_of([*words.halves]), one_of([*words.after, *words.before])
    match = re.search(rf"\b(?:(\d{{1,2}})|({halves}))(?:\s?{one_of(words.units)})?\s({joints})\s(\d{{1,2}})\b", spelt)
    if match is None:
        return None
    minutes, hour = int(match[1]) if match[1] else words.halves[match[2]], int(match[4])
    return (hour, minutes) if match[3] in words.after else ((hour - 1) % 24, 60 - minutes)


def _written(said: str) -> tuple[int, int] | None:
    match = CLOCK.search(said)
    if match is not None:
        return int(match[1]), int(match[2])
    hour = HOUR.search(said)
    return None if hour is None else (int(hour[1]), 0)


def _turned(hour: int, said: str, words: Language) -> int:
    """The hour by the part of the day that goes with it."""

    def has(some: Sequence[str]) -> bool:
        return re.search(rf"(?<![a-z]){one_of(some)}\b", said) is not None

    if hour < AFTERNOON and (has(words.late) or (has(words.dark) and hour >= NIGHT)):
        return hour + AFTERNOON
    return 0 if has(words.early) and hour == AFTERNOON else hour
