"""Days as people write them, read from a given today. English; what could be two days is none.

Knows no clock. A table of our own because libraries guess where we must not: of "the 3rd" dateparser 1.5 makes March.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta
from typing import TypeAlias

MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
WEEKDAYS = "mon tue wed thu fri sat sun".split()
NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8}
NUMBERS |= {"nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "a couple of": 2, "couple of": 2}
NEAR = {"day before yesterday": -2, "yesterday": -1, "day after tomorrow": 2, "tomorrow": 1, "today": 0, "tonight": 0}
NEAR |= {"last night": -1, "this morning": 0, "this afternoon": 0, "this evening": 0}
UNITS = {"day": 1, "week": 7, "fortnight": 14}
MONTHS_OF = {"month": 1, "year": 12}
MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
WEEKDAY = (
    r"(?P<weekday>mon(?:day)?|tue(?:s|sday)?|wednesday|thu(?:rs|rsday)?|fri(?:day)?|saturday|sunday)"  # "sat" is a verb
)
NAMED = r"(?P<named>mon|tue|wed|thu|fri|sat|sun)(?:s|nes|rs?|ur)?(?:day)?\.?,?\s+(?:the\s+)?"  # before a date
DAY = r"(?P<day>\d{1,2})(?:\s?(?:st|nd|rd|th))?"
YEAR = r"(?:,?\s+(?P<year>\d{4}|['’]?\d\d(?=\s*(?:$|[,.;!?]))))?"
LATE, EARLY = r"(?P<day>1[3-9]|2\d|3[01])", r"(?P<month>0?[1-9]|1[0-2])"  # which of two numbers is the day is certain
SAME = r"(?P<day>(?P<month>0?[1-9]|1[0-2]))"  # or does not matter
NUMBERED = r"(?P<year>\d{4}|\d\d)"
Reading: TypeAlias = Callable[[dict[str, str], date, bool], date]


def _dated(said: dict[str, str], today: date, past: bool) -> date:
    month = said["month"]
    number = int(month) if month.isdecimal() else MONTHS.index(month[:3]) + 1
    if year := said.get("year", "").lstrip("'’"):
        return date(int(year) + (2000 if len(year) == 2 else 0), number, int(said["day"]))
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


def _of_both(said: dict[str, str], today: date, past: bool) -> date:
    """A date beside its day of the week. Raises: ValueError where it is not that day."""
    found = (_dated if said.get("month") else _of_month)(said, today, past)
    if WEEKDAYS[found.weekday()] != said["named"]:
        raise ValueError(f"{found} is no {said['named']}")
    return found


def _near(said: dict[str, str], today: date, past: bool) -> date:
    return today + timedelta(NEAR[" ".join(said["near"].split())])


def _counted(said: dict[str, str], today: date, past: bool) -> date:
    count = int(said["count"]) if said["count"].isdecimal() else NUMBERS[said["count"]]
    count = -count if said.get("ago") else count
    if months := MONTHS_OF.get(said["unit"]):
        return _months_on(today, months * count)
    start = _weekday({"weekday": said["weekday"]}, today, past) if said.get("weekday") else today
    return start + timedelta(count * UNITS[said["unit"]])


def _months_on(today: date, count: int) -> date:
    """The same day of another month, or the last one it has."""
    year, month = divmod(today.year * 12 + today.month - 1 + count, 12)
    return date(year, month + 1, min(today.day, monthrange(year, month + 1)[1]))


def _end(said: dict[str, str], today: date, past: bool) -> date:
    """The last day of this month or of another one, the first with `start`."""
    month = _months_on(today, {"next": 1, "last": -1}.get(said.get("of", ""), 0))
    return month.replace(day=1 if said.get("start") else monthrange(month.year, month.month)[1])


def _weekday(said: dict[str, str], today: date, past: bool) -> date:
    place = WEEKDAYS.index(said["weekday"][:3])
    if week := said.get("week"):
        return today + timedelta({"last": -7, "this": 0, "next": 7}[week] - today.weekday() + place)
    ahead = (place - today.weekday()) % 7
    back = said.get("which") in ("last", "past") or (past and not said.get("which"))
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
ALONE = re.compile(r"^\s*(\d{1,2}\s?(?:st|nd|rd|th))\s*[.!]?\s*$")  # "1st", as a whole answer
COUNT = rf"(?P<count>\d{{1,3}}|{'|'.join(NUMBERS)})\s+(?P<unit>day|week|fortnight|month|year)s?"
WEEK = r"(?P<week>last|this|next)\s+week"
FORMS: tuple[tuple[str, Reading], ...] = (
    (r"(?P<year>\d{4})([-/.])(?P<month>\d\d)\2(?P<day>\d\d)", _dated),
    (rf"{NAMED}{DAY}\s+(?:of\s+)?{MONTH}\.?{YEAR}", _of_both),
    (rf"{NAMED}{MONTH}\.?\s+(?:the\s+)?{DAY}{YEAR}", _of_both),
    (rf"{NAMED}(?P<day>\d{{1,2}})\s?(?:st|nd|rd|th)", _of_both),
    (rf"{DAY}\s+(?:of\s+)?{MONTH}\.?{YEAR}", _dated),
    (rf"{MONTH}\.?\s+(?:the\s+)?{DAY}{YEAR}", _dated),
    (rf"{LATE}[/.-]{EARLY}(?:[/.-]{NUMBERED})?", _dated),
    (rf"{EARLY}[/-]{LATE}(?:[/-]{NUMBERED})?", _dated),
    (rf"{SAME}[/.-](?P=month)(?:[/.-]{NUMBERED})?", _dated),
    (r"(?P<day>1[3-9]|2\d|3[01])(?P<month>0[1-9]|1[0-2])(?P<year>(?:19|20)\d\d)", _dated),
    (r"(?P<month>0[1-9]|1[0-2])(?P<day>1[3-9]|2\d|3[01])(?P<year>(?:19|20)\d\d)", _dated),
    (rf"{WEEKDAY}\s+in\s+{COUNT}", _counted),
    (rf"in\s+{COUNT}(?:['’]?s?\s+time)?", _counted),
    (rf"{COUNT}\s+(?:(?P<ago>ago)|(?:away\s+)?from\s+(?:now|today)|(?:from|on)\s+{WEEKDAY})", _counted),
    (rf"(?:the\s+)?(?P<near>{'|'.join(one.replace(' ', ' +') for one in NEAR)})", _near),
    (rf"{WEEK}(?:\s+on|,)?\s+{WEEKDAY}", _weekday),
    (rf"(?:on\s+)?{WEEKDAY}(?:\s+of)?\s+{WEEK}", _weekday),
    (rf"(?:(?P<which>this|next|last|past|coming)\s+)?{WEEKDAY}", _weekday),
    (r"(?:the\s+)?(?P<day>\d{1,2})(?:\s?(?:st|nd|rd|th))?\s+of\s+(?P<of>this|next)\s+month", _of_this),
    (r"(?:the\s+)?(?P<day>\d{1,2})\s?(?:st|nd|rd|th)\s+(?P<of>this|next)\s+month", _of_this),
    (r"(?:the\s+)?(?:end|last\s+day)\s+of\s+(?:the|(?P<of>this|next|last))\s+month", _end),
    (r"(?:the\s+)?(?P<start>start|beginning|first\s+day)\s+of\s+(?P<of>this|next|last)\s+month", _end),
    (r"(?:the|on)\s+(?:the\s+)?(?P<day>\d{1,2})\s?(?:st|nd|rd|th)", _of_month),
)
PATTERNS = tuple((re.compile(rf"(?i)(?<![\w/.£$€-]){form}(?![\w/£$€-])"), read) for form, read in FORMS)
DECIMAL = re.compile(r"\d+\.\d\d")


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


def without(text: str) -> str:
    """The text without its days, whose numbers are no amounts."""
    for pattern, _ in PATTERNS:
        text = pattern.sub(lambda found: found[0] if DECIMAL.fullmatch(found[0]) else " " * len(found[0]), text)
    return text


def spoken(day_: date, today: date) -> str:
    """A day as a customer reads it."""
    return f"{day_:%A} {day_.day} {day_:%B}" + ("" if day_.year == today.year else f" {day_.year}")
