"""Times of day as people write and say them: "3pm", "1130 am", "25 past 7 in the evening", "five thirty pm". English.

Knows no day and no clock of its own. What could be morning or evening is both, and whoever asks decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import time

UNITS = "one two three four five six seven eight nine ten eleven twelve".split()
NAMED = {word: place for place, word in enumerate(UNITS, 1)}
TENS = {"fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50}
TENS |= {f"{ten}-{unit}": TENS[ten] + NAMED[unit] for ten in [*TENS][1:] for unit in UNITS[:9]}
SHARES = {"half": 30, "quarter": 15, "a quarter": 15}
BACK = ("to", "till", "til", "before")
LATE = ("p", "afternoon", "evening", "tonight", "night")
SMALL_HOURS = 6  # "3 at night" is before dawn, "9 at night" is not

SPOKEN = "|".join(name.replace("-", "[- ]") for name in reversed(TENS))  # "twenty-five" before "twenty"
HOUR = rf"(?P<hour>1\d|2[0-3]|0?\d|{'|'.join(reversed(UNITS))})"
FIVES = rf"(?:[0-5]?[05]|{SPOKEN}|five|ten)"  # "two to four" is no time
MINUTES = rf"(?:[0-5]?\d|{SPOKEN}|{'|'.join(UNITS)})\s+min(?:ute)?s?"
FULL = rf"(?P<minute>[0-5]\d|{SPOKEN}|ten)"
SURELY = r"\s*(?:(?P<half>[ap])\.?\s?m\b\.?|(?:in\s+the|at)\s+(?P<part>morning|afternoon|evening|night)\b)"
OF_DAY = (
    r"\s*(?:(?P<half>[ap])\.?\s?m\b\.?|"
    r"(?:(?:in\s+the|at|this|that|tomorrow|yesterday)\s+)?(?P<part>morning|afternoon|evening|tonight|night)\b)"
)
OCLOCK = r"(?:\s*o['’]?\s?clock)"
BEFORE = "".join(rf"(?<=\b{word} )|" for word in "at by around about until till after before from".split())
ENDS = r"(?=\s*(?:$|[,.;!?]|(?:and|or|on|please|sharp|today|tomorrow|next|this)\b))"
FORMS = tuple(
    re.compile(rf"(?i)(?<![\w:.£$€])(?:{form})(?![\w:£$€%]|[.,]\d)")
    for form in (
        r"(?P<named>noon|midday|midnight)",
        rf"(?P<before>{'|'.join(reversed(SHARES))}|{FIVES}|{MINUTES})\s+(?P<way>past|after|to|till|til|before)\s+"
        rf"{HOUR}(?:[:.]00)?{OCLOCK}?(?:{OF_DAY})?",
        rf"{HOUR}(?:[:.]|\s){FULL}{OCLOCK}?{OF_DAY}",
        r"(?P<hour>1[0-2]|[1-9])(?P<minute>[0-5]\d)\s*(?P<half>[ap])\.?\s?m\b\.?",
        rf"(?P<before>half)\s+{HOUR}{OF_DAY}",
        rf"{HOUR}{OCLOCK}{OF_DAY}",
        rf"{HOUR}{SURELY}",
        rf"(?:{BEFORE}^\s*){HOUR}{OF_DAY}",  # "send 5 this evening" names no hour
        rf"(?P<part>morning|afternoon|evening|tonight)\s+(?:at\s+)?{HOUR}(?:[:.](?P<minute>[0-5]\d))?",
        r"(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?::00)?",
        rf"{HOUR}{OCLOCK}",
        rf"(?<=\bat ){HOUR}{ENDS}",
        r"(?<=^)\s*(?P<hour>1[3-9]|2[0-3])\s(?P<minute>[0-5]\d)\s*$",  # as a whole answer
    )
)


def clock(text: str) -> time | None:
    """The one time of day that a text names; a bare "at 7" could be two."""
    found = {one for said in clocks(text) for one in said}
    return found.pop() if len(found) == 1 else None


def clocks(text: str) -> list[tuple[time, ...]]:
    """What each mention of a time in a text may mean, in their order: one time, or morning and evening."""
    return [said for _, said in sorted(_mentions(text), key=lambda one: one[0])]


def without(text: str) -> str:
    """The text with blanks for its times."""
    for form in FORMS:
        text = form.sub(lambda found: " " * len(found[0]), text)
    return text


def _mentions(text: str) -> Iterator[tuple[int, tuple[time, ...]]]:
    for form in FORMS:
        for found in form.finditer(text):
            yield found.start(), _meant({name: said.lower() for name, said in found.groupdict().items() if said})
        text = form.sub(lambda found: " " * len(found[0]), text)


def _meant(said: dict[str, str]) -> tuple[time, ...]:
    if "named" in said:
        return (time(0 if said["named"] == "midnight" else 12),)
    before = _figure(said.get("before", "0"))
    minutes = _figure(said.get("minute", "0")) + (-before if said.get("way") in BACK else before)
    starts = [(one * 60 + minutes) % (24 * 60) for one in _hours(said)]
    return tuple(time(start // 60, start % 60) for start in starts)


def _hours(said: dict[str, str]) -> tuple[int, ...]:
    hour, part = _figure(said["hour"]), said.get("half") or said.get("part")
    if hour > 12 or (hour == 0 and part is None):
        return (hour,)
    morning = hour % 12
    if part is not None:
        late = part in LATE and not (part in ("night", "tonight") and morning < SMALL_HOURS)
        return (morning + 12 * late,)
    return (hour,) if "minute" in said else (morning, morning + 12)  # "7:30" is as a clock shows it


def _figure(said: str) -> int:
    word = "-".join(re.sub(r"\s*min(?:ute)?s?$", "", said).split())
    if word.isdecimal():
        return int(word)
    return SHARES.get(word.replace("-", " ")) or NAMED.get(word) or TENS[word]
