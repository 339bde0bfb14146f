"""Days and times of day as people write them, read from a given today. English; what could be two days is none.

Knows no clock. A table of our own because libraries guess where we must not: of "the 3rd" dateparser 1.5 makes March.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, time, timedelta
from typing import TypeAlias

MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
WEEKDAYS = "mon tue wed thu fri sat sun".split()
NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "ten": 10}
NEAR = {"day before yesterday": -2, "yesterday": -1, "day after tomorrow": 2, "tomorrow": 1, "today": 0, "tonight": 0}
UNITS = {"day": 1, "week": 7, "fortnight": 14}
MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
WEEKDAY = (
    r"(?P<weekday>mon(?:day)?|tue(?:s|sday)?|wednesday|thu(?:rs|rsday)?|fri(?:day)?|saturday|sunday)"  # "sat" is a verb
)
DAY, YEAR = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?", r"(?:,?\s+(?P<year>\d{4}))?"
LATE, EARLY = r"(?P<day>1[3-9]|2\d|3[01])", r"(?P<month>0?[1-9]|1[0-2])"  # which of two numbers is the day is certain
CLOCK = re.compile(
    r"(?i)(?<![\d:.])(?:(?:(?P<part>half past|quarter past|quarter to|half|quarter till)\s+)?"
    r"(?P<hour>1[0-2]|[1-9])(?:[:.](?P<minute>[0-5]\d))?(?:\s*o['’]?clock)?\s*"
    r"(?:(?P<half>[ap])\.?m\b|(?:in the|this|tomorrow)?\s*(?P<of>morning|afternoon|evening|tonight)\b|at night\b)|"
    r"(?P<before>morning|afternoon|evening)\s+(?:at\s+)?(?P<after>1[0-2]|[1-9])(?:[:.](?P<rest>[0-5]\d))?(?![\d:])|"
    r"(?P<h>[01]?\d|2[0-3]):(?P<m>[0-5]\d)(?![\d:])|(?P<named>noon|midday|midnight)\b)"
)
HOURS = "one two three four five six seven eight nine ten eleven twelve".split()
SPOKEN_HOUR = re.compile(
    rf"(?i)\b(?:(?<=past )|(?<=to )|(?<=at )|(?<=half )|(?<=around )|(?<=about ))(?:{'|'.join(HOURS)})\b|"
    rf"\b(?:{'|'.join(HOURS)})(?=\s+(?:o['’]?clock|[ap]\.?m\b|in the (?:morning|afternoon|evening)|tonight))"
)
PARTS = {"half past": 30, "half": 30, "quarter past": 15, "quarter to": -15, "quarter till": -15}
Reading: TypeAlias = Callable[[dict[str, str], date, bool], date]


def _dated(said: dict[str, str], today: date, past: bool) -> date:
    month = said["month"]
    number = int(month) if month.isdecimal() else MONTHS.index(month[:3]) + 1
    if said.get("year"):
        return date(int(said["year"]), number, int(said["day"]))
    found = date(today.year, number, int(said["day"]))
    if past:
        return found if found <= today else found.replace(year=today.year - 1)
    return found if found >= today else found.replace(year=today.year + 1)


def _of_this(said: dict[str, str], today: date, past: bool) -> date:
    """A day of this month or the next, by name."""
    first = today.replace(day=1)
    if said["of"] == "next":
        first = (first + timedelta(32)).replace(day=1)
    return first.replace(day=int(said["day"]))


def _near(said: dict[str, str], today: date, past: bool) -> date:
    return today + timedelta(NEAR[" ".join(said["near"].split())])


def _counted(said: dict[str, str], today: date, past: bool) -> date:
    count = int(said["count"]) if said["count"].isdecimal() else NUMBERS[said["count"]]
    days = timedelta(count * UNITS[said["unit"]])
    return today - days if said.get("ago") else today + days


def _weekday(said: dict[str, str], today: date, past: bool) -> date:
    place = WEEKDAYS.index(said["weekday"][:3])
    if said.get("week"):
        return today + timedelta(7 - today.weekday() + place)
    ahead = (place - today.weekday()) % 7
    back = said.get("which") == "last" or (past and not said.get("which"))
    return today + timedelta(ahead - 7 if back else ahead or 7)


def _of_month(said: dict[str, str], today: date, past: bool) -> date:
    days = (today + timedelta(-ahead if past else ahead) for ahead in range(62))
    return next(day for day in days if day.day == int(said["day"]))


ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth twenty-first twenty-second twenty-third twenty-fourth "
    "twenty-fifth twenty-sixth twenty-seventh twenty-eighth twenty-ninth thirtieth thirty-first"
).split()
SPELT = "|".join(one.replace("-", "[- ]") for one in reversed(ORDINALS))  # "twenty-first" before "first"
BEFORE_MONTH = re.compile(rf"\b(?P<spelt>{SPELT})(?=\s+(?:of\s+)?{MONTH}\b)")
AFTER_MONTH = re.compile(rf"(?<=\b){MONTH}\s+(?:the\s+)?(?P<spelt>{SPELT})\b")
ALONE = re.compile(r"^\s*(\d{1,2}(?:st|nd|rd|th))\s*[.!]?\s*$")  # "1st", as a whole answer
COUNT = rf"(?P<count>\d{{1,3}}|{'|'.join(NUMBERS)})\s+(?P<unit>day|week|fortnight)s?"
FORMS: tuple[tuple[str, Reading], ...] = (
    (r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)", _dated),
    (rf"{DAY}\s+(?:of\s+)?{MONTH}{YEAR}", _dated),
    (rf"{MONTH}\.?\s+(?:the\s+)?{DAY}{YEAR}", _dated),
    (rf"{LATE}[/.]{EARLY}(?:[/.](?P<year>\d{{4}}))?", _dated),
    (rf"{EARLY}/{LATE}(?:/(?P<year>\d{{4}}))?", _dated),
    (rf"in\s+{COUNT}", _counted),
    (rf"{COUNT}\s+(?:(?P<ago>ago)|from\s+(?:now|today))", _counted),
    (rf"(?:the\s+)?(?P<near>{'|'.join(one.replace(' ', ' +') for one in NEAR)})", _near),
    (rf"(?:(?P<which>this|next|last|coming)\s+)?{WEEKDAY}(?:\s+(?P<week>next\s+week))?", _weekday),
    (r"(?:the\s+)?(?P<day>\d{1,2})(?:st|nd|rd|th)?\s+of\s+(?P<of>this|next)\s+month", _of_this),
    (r"(?:the|on)\s+(?:the\s+)?(?P<day>\d{1,2})(?:st|nd|rd|th)", _of_month),
)
PATTERNS = tuple((re.compile(rf"(?<![\w/.-]){form}(?![\w/-])"), read) for form, read in FORMS)


def day(text: str, today: date, *, past: bool = False) -> date | None:
    """The one day that a text names; without a year the next one, or with `past` the last one."""
    found, text = set(), _figured(text.casefold())
    text = ALONE.sub(r"on the \1", text)
    for pattern, read in PATTERNS:
        for match in pattern.finditer(text):
            try:
                found.add(read({name: said for name, said in match.groupdict().items() if said}, today, past))
            except (ValueError, StopIteration):
                return None  # 31 November
        text = pattern.sub(" ", text)
    return found.pop() if len(found) == 1 else None


def _figured(text: str) -> str:
    """The text with days of a month in figures: "the first of december" is "the 1 of december"."""

    def figure(named: re.Match[str]) -> str:
        number = ORDINALS.index(named["spelt"].replace(" ", "-")) + 1
        return named[0].replace(named["spelt"], str(number))

    return AFTER_MONTH.sub(figure, BEFORE_MONTH.sub(figure, text))


def clock(text: str) -> time | None:
    """The one time of day that a text names; a bare "at 7" could be two."""
    spoken_ = SPOKEN_HOUR.sub(lambda word: str(HOURS.index(word[0].casefold()) + 1), text)
    found = {_time(match) for match in CLOCK.finditer(spoken_)}
    return found.pop() if len(found) == 1 else None


def _time(match: re.Match[str]) -> time:
    if match["named"]:
        return time(0 if match["named"].lower() == "midnight" else 12)
    if match["h"]:
        return time(int(match["h"]), int(match["m"]))
    hour, minute = int(match["hour"] or match["after"]) % 12, int(match["minute"] or match["rest"] or 0)
    said = (match["half"] or match["of"] or match["before"] or "night").casefold()
    late = said in ("p", "afternoon", "evening", "tonight", "night")
    minutes = (hour + 12 * late) * 60 + minute + PARTS.get((match["part"] or "").casefold(), 0)
    return time(minutes // 60 % 24, minutes % 60)


def without(text: str) -> str:
    """The text without its days and times, whose numbers are no amounts."""
    text = CLOCK.sub(" ", text)
    for pattern, _ in PATTERNS:
        text = re.sub(pattern.pattern, " ", text, flags=re.IGNORECASE)
    return text


def spoken(day_: date, today: date) -> str:
    """A day as a customer reads it."""
    return f"{day_:%A} {day_.day} {day_:%B}" + ("" if day_.year == today.year else f" {day_.year}")
