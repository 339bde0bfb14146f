"""What a language calls things: currencies, parts of a day, words before a weekday. A language is a file of tables.

Knows nothing of how the words are used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from importlib.resources import files

from metier.errors import BadOption

FOLDER = files("metier.extraction").joinpath("languages")


@dataclass(frozen=True, kw_only=True)
class Language:
    """The tables of `languages/NAME.json`; all words are in small letters."""

    name: str
    region: str  # whose numbers are dialled without a country
    date_order: str  # DMY, MDY or YMD
    currencies: Mapping[str, str]
    hundredths: Mapping[str, str | None]
    scales: Mapping[str, int]
    percent: Sequence[str]
    halves: Mapping[str, int]  # of an hour, in minutes
    after: Sequence[str]  # "ten past nine"
    before: Sequence[str]  # "ten to nine"
    early: Sequence[str]
    late: Sequence[str]
    dark: Sequence[str]  # late from six on, early before
    hours: Mapping[str, int]
    filler: Sequence[str]
    days: Mapping[str, int]  # from today on
    weekdays: Sequence[str]  # from Monday on
    months: Sequence[str]  # how their names begin
    ordinals: Sequence[str]  # what stands behind the number of a day
    units: Sequence[str]  # hours and minutes
    relative: Sequence[str]  # "in two hours", "three days ago"
    coming: Sequence[str]
    gone: Sequence[str]
    spelt: Mapping[str, str]


def one_of(some: Sequence[str]) -> str:
    """A pattern for any of these words."""
    return "(?:" + "|".join(re.escape(word) for word in sorted(some, key=len, reverse=True)) + ")"


@lru_cache
def language(name: str) -> Language:
    """The tables of a language.

    Raises: BadOption with those that are there.
    """
    file = FOLDER.joinpath(f"{name}.json")
    if not name.isalpha() or not file.is_file():
        known = ", ".join(sorted(one.name.removesuffix(".json") for one in FOLDER.iterdir()))
        raise BadOption(f"language={name!r} has no tables. Expected one of {known}. Add languages/{name}.json.")
    said = json.loads(file.read_text("utf-8"))
    return Language(name=name, **{field.name: said[field.name] for field in fields(Language) if field.name != "name"})
