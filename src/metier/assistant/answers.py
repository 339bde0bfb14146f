"""A customer's words to the value of a slot, or None: never a guess.

Knows no models and no state.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from typing import Any

from metier.assistant import clocks, dates
from metier.assistant.base import Slot
from metier.assistant.spelling import one_slip
from metier.assistant.wording import NO, negates, words
from metier.extraction.amounts import number
from metier.extraction.language import language

YES = frozenset(
    """
    yes yeah yep yup yess ya y sure ok okay k fine correct right exactly absolutely definitely certainly indeed please
    perfect great good alright aye affirmative
    """.split()
)
FAINT = frozenset("please ok okay k right fine great perfect".split())  # a yes that a no after it takes back
YES_PHRASES = (
    "go ahead|do it|please do|sounds good|of course|that's right|thats right|that is right|go for it|yes please|"
    "all good|looks good|why not|i do|i would|i confirm|confirmed"
).split("|")
NO_PHRASES = (
    "no thanks|no thank you|not now|rather not|i don't|i dont|i do not|please don't|not needed|no need"
).split("|")
# what people say around an answer; the words of the question come beside them
FILLER = frozenset(
    """
    um uh er erm hmm well so like just please thanks thank you hi hey ok okay oh ah and then but it that's thats that
    is the a an one i i'd i'll id ill my me to for of from with on at in want would take use pick choose go think guess
    mean meant was be should need have got let make say said do
    """.split()
)
PLACES = {"first": 0, "1st": 0, "second": 1, "2nd": 1, "third": 2, "3rd": 2, "fourth": 3, "4th": 3}
PLACED_BY = re.compile(r"(?i)\b(?:\d{1,2}|first|second|third|fourth|1st|2nd|3rd|4th|last|latest|newest)\b")
ORDINALS = {**PLACES, "last": -1, "latest": 0, "newest": 0}
CENTS = re.compile(
    r"(?i)(?<!\d)(\d+)\s*(pounds?|quid|dollars?|bucks|euros?)[\s,]+(?:and\s+)?(\d{2})\s*(?:cents?|pence|p)\b"
)
PENCE = re.compile(r"(?i)([£$€]\d+)[\s,]+(?:and\s+)?(\d{2})\s*(?:cents?|pence|p)\b")
SPELT_CENTS = re.compile(
    r"(?i)\b(?:pounds?|quid|dollars?|bucks|euros?),?\s+and\s+([a-z-]+(?: [a-z-]+)?)\s+(?:cents?|pence)\b"
)
ORDINAL = re.compile(r"(?i)\b(?:the )?(?:first|second|third|fourth|fifth)(?: one)?s?\b|\bones\b")  # of things, no sums
SPAN = re.compile(r"(?i)\s*(?:years?|yrs?|months?|weeks?|days?|hours?|minutes?|times|percent|per cent|%)")
SPELT_SPAN = re.compile(
    r"(?i)\b(?:(?:twenty|thirty|forty|fifty)[ -])?[a-z]+\s+(?:years?|months?|weeks?|days?|hours?)\b"
)
NOW = re.compile(r"(?i)(?:right |just )?(?:now|away|immediately|asap|as soon as possible)(?:,? please)?[.!]*")
LEAST = re.compile(r"(?i)(?:just )?(?:the )?(?:minimum|least)(?: amount| possible| allowed| you allow)?")
MOST = re.compile(
    r"(?i)(?:the )?(?:maximum|max|most)(?: amount| possible| allowed| you allow)?|as (?:much|high|many) as possible"
)
HOW_MANY = re.compile(r"(?i)\bhow many (\w+)")
SHARE = re.compile(r"\b(?:a )?(half|quarter) (?:of )?(?:an? )?(hundred|thousand|grand|million)\b")
COUPLE = re.compile(r"\ba couple (?:of )?(hundred|thousand|grand|million)\b")
VAGUE = re.compile(r"\b(?:few|several|some|many) (?:hundreds?|thousands?|grand|millions?)\b")
ONE_OF = re.compile(r"\bone (?:pound|quid|hundred|thousand|grand)\b|\b1\b")
NUMBER = re.compile(
    r"(?i)(?<![\w.])([£$€]?)\s?(\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?|\d+(?:\.\d{1,2})?)"
    r"\s?((?:k|grand|thousand|million|hundred)\b)?(?!\s?mn?\b|[\w]*\d)"
    r"(\s?(?:(?:pounds?|quid|dollars?|bucks|euros?|gbp|usd|eur)\b|[£$€]))?"
)
SCALES = {"k": 1e3, "grand": 1e3, "thousand": 1e3, "hundred": 1e2, "million": 1e6}
COUNTED = {"a couple": 2, "a pair": 2, "half a dozen": 6, "a dozen": 12}  # where a number is asked for
JUST_ONE = re.compile(r"(?i)^\W*(?:just |only )?one(?: please)?\W*$")
REFUSED = re.compile(  # "not the green one", "not from checking"
    r"(?i)\b(?:not|except|but not|isn'?t|don'?t (?:want|use|take|need))\s+(?:(?:from|to|into|in|on|with|for)\s+)?"
    r"(?:(?:the|my|a|an|his|her|their)\s+)?[\w£$€]+"
)
REDACTED = re.compile(r"\[[A-Z][A-Z_]*_\d+\]")  # what stands for a number or an address is no number itself
LEADS = re.compile(
    r"(?i)^(?:(?:um+|uh+|well|ok|okay|so|yes|sure|hi|please)[\s,]+)*"
    r"(?:it'?s|it is|that'?s|that is|this is|i'?m|i am|call me|"
    r"(?:it|that|this) (?:goes|(?:should|will|would|can|must|has to|needs to) (?:be|go)) (?:(?:sent|paid|made) )?"
    r"(?:to|for|at|under)|"
    r"(?:send|give|pay|make|transfer|put|book) (?:it|that|this|them) (?:out )?(?:to|for|at|under|in))\s+(?=\w)"
)
NAMED = re.compile(r"(?i)^(?:(?:um+|uh+|well|ok|okay|so|yes|sure|hi|please)[\s,]+)*"
                   r"(?:my|the|his|her|their) ((?:\w+ ){1,3})(?:is|are)\s+(?=[\w\[])")  # fmt: skip
ANY_NAME = frozenset({"name", "address", "answer"})  # what is asked for, whatever a question calls it
TRAILS = re.compile(r"(?i)(?<![\s,.!])[\s,.!]+(?:please|thanks|thank you)[\s.!]*$|(?<![.!])[.!]+$")
PLACED = re.compile(r"(?i)^(?:to|for|at|from|under)\s+(?=\w+(?:\s+\w+){0,3}$)")  # "to Raghav", and no sentence
NONE: AbstractSet[str] = frozenset()
OWN_WORD = 4  # letters
UNNAMED = ("id", "status", "due", "balance")  # what an option holds that nobody would call it by


def parse(text: str, slot: Slot, options: Sequence[Mapping[str, Any]], today: date) -> Any:
    """The value of the slot that the text gives, or None where it gives none or one that is not allowed."""
    if slot.kind != "text":
        text = REDACTED.sub(" ", text)
    if slot.kind == "pick":
        return pick(text, options, asked(slot))
    if slot.kind == "yes_no":
        return yes_no(text, asked(slot))
    if slot.kind in ("money", "number"):
        found = _bound(text, slot) or (amount(text) if slot.kind == "money" else count(text, slot))
        return found if found is not None and within(found, slot) else None
    if slot.kind == "date" and not slot.past and NOW.fullmatch(text.strip()):
        return today
    if slot.kind == "date":
        return dates.day(text, today, past=slot.past)
    if slot.kind == "time":
        return clocks.clock(text)
    if slot.kind == "code":
        codes = {one[0].upper() for one in re.finditer(rf"(?i)(?<![\w-])(?:{slot.pattern})(?![\w-])", text)}
        return codes.pop() if len(codes) == 1 else None
    return PLACED.sub("", TRAILS.sub("", _led(text.strip(), slot))) or None


def _led(text: str, slot: Slot) -> str:
    """A text without the words before the answer: "my name is", but not "my laptop is" where a problem is asked for."""
    named = NAMED.match(text)
    if named is not None and set(words(named[1])) & (ANY_NAME | asked(slot) - FILLER):
        return text[named.end() :]
    return LEADS.sub("", text)


def asked(slot: Slot) -> AbstractSet[str]:
    """The words of a question, which its answers may repeat."""
    return frozenset(words(f"{slot.name} {slot.source} {slot.say}".replace("_", " ")))


def within(number: float, slot: Slot) -> bool:
    """Whether a number keeps the slot's bounds."""
    return (slot.least is None or number >= slot.least) and (slot.most is None or number <= slot.most)


def yes_no(text: str, question: AbstractSet[str] = NONE) -> bool | None:
    """What a short answer says; None where it says neither, both or more than that."""
    said = words(text)
    joined = " ".join(said)
    if len(said) > 9:
        return None
    against = negates(text) or any(phrase in joined for phrase in NO_PHRASES)
    told = [word for word in said if word not in FILLER | question or word in ("ok", "okay", "please")]
    if against and "why not" not in joined and "no problem" not in joined:
        first = next((word for word in said if word in YES or word in NO), "")
        return None if first in YES - FAINT else False
    if any(joined.startswith(phrase) or joined.endswith(phrase) for phrase in YES_PHRASES):
        return True
    if not told:
        return True if set(said) & {"ok", "okay"} else None
    return True if told[0] in YES or _near(told[0], ("yes", "yeah", "sure", "okay")) else None


def amount(text: str, *, money: bool = True) -> float | None:
    """The one amount in a text, in figures or English words; money by its sign where only one number has one."""
    text = REDACTED.sub(" ", text)
    said = PENCE.sub(r"\1.\2", CENTS.sub(r"\1.\3 \2", dates.without(clocks.without(text))))
    if money:
        said = _without_spans(said)
    found = [
        (float(figure.replace(",", "")) * SCALES.get(scale.casefold(), 1), bool(sign or unit))
        for sign, figure, scale, unit in NUMBER.findall(said)
    ]
    fitting = {one for one, signed in found if signed == money} or {one for one, _ in found}
    if len(fitting) == 1:
        return fitting.pop()
    if fitting:
        return None
    if cents := SPELT_CENTS.search(said):
        whole, parts = _spelt(said[: cents.start()].casefold()), _spelt(cents[1].casefold())
        return None if whole is None or parts is None else whole + parts / 100
    return _spelt(said.casefold())


def count(text: str, slot: Slot) -> float | None:
    """A number of things: the one before the word for them, "over five years"; else the one there is."""
    things = {
        one.casefold().rstrip("s") for one in [*HOW_MANY.findall(slot.say), *slot.name.split("_")] if len(one) > 2
    }
    said = words(text)
    for place, word in enumerate(said):
        if place and word.rstrip("s") in things:
            before = [" ".join(said[max(place - many, 0) : place]) for many in (2, 1)]
            found = next((one for part in before if (one := amount(part, money=False)) is not None), None)
            if found is not None:
                return found
    return amount(text, money=False) or _counted(text)


def without_codes(text: str, slots: Iterable[Slot]) -> str:
    """The text without what is a code of one of the slots: the number of a check is no sum, unless it has a sign."""
    for slot in slots:
        if slot.kind == "code":
            text = re.sub(
                rf"(?i)(?<![\w$£€.,-])(?:{slot.pattern})(?![\w,-]|\.\d)(?!\s?(?:pounds?|dollars?|bucks|euros?))",
                " ",
                text,
            )
    return text


def without_money(text: str) -> str:
    """The text without the numbers that are money by their sign."""
    return NUMBER.sub(lambda found: " " * len(found[0]) if found[1] or found[4] else found[0], text)


def _bound(text: str, slot: Slot) -> float | None:
    """The least or the most that may be, where somebody asks for that and for nothing else."""
    said = TRAILS.sub("", LEADS.sub("", text.strip()))
    return slot.least if LEAST.fullmatch(said) else slot.most if MOST.fullmatch(said) else None


def _without_spans(text: str) -> str:
    """The text without numbers of years, of times, of a hundred: none of them is a sum."""
    text = SPELT_SPAN.sub(" ", text)
    return NUMBER.sub(
        lambda found: found[0] if found[1] or found[4] or not SPAN.match(text, found.end()) else " " * len(found[0]),
        text,
    )


def _counted(text: str) -> float | None:
    """A number that is no amount: "just one", "a couple"."""
    if JUST_ONE.match(text):
        return 1.0
    folded = " ".join(words(text))
    return next((float(count) for said, count in COUNTED.items() if said in folded), None)


def _spelt(folded: str) -> float | None:
    """The one number in words; "the blue one" is none."""
    if VAGUE.search(folded):
        return None
    if share := SHARE.search(folded):
        return SCALES[share[2]] / (2 if share[1] == "half" else 4)
    folded = COUPLE.sub(r"two \1", ORDINAL.sub(" ", folded))
    found = number(folded, language("en"))
    if found not in (None, 1.0) or ONE_OF.search(folded):
        return found
    return number(re.sub(r"\bone\b", " ", folded), language("en"))


def pick(
    text: str, options: Sequence[Mapping[str, Any]], question: AbstractSet[str] = NONE
) -> Mapping[str, Any] | None:
    """The one option a text names: by its name, its last digits or its place; mistyped names are forgiven."""
    if not options:
        return None
    said, idle = words(REFUSED.sub(" ", text)), FILLER | question
    best = [(max(_named(said, name, idle) for name in names(option)), option) for option in options]
    top = max(score for score, _ in best)
    if top > 0:
        hits = [option for score, option in best if score == top]
        return hits[0] if len(hits) == 1 else None
    if (only := _by_own_word(said, options, idle)) is not None:
        return only
    for word, after in zip(said, [*said[1:], ""], strict=False):
        place = ORDINALS.get(word)  # "the last one", but not "last night"
        # "the first of May" is a day
        if place is not None and place < len(options) and (not after or (after in idle and after != "of")):
            return options[place]
    bare = [word for word in said if word not in idle]
    if len(bare) == 1 and bare[0].isdecimal() and 1 <= int(bare[0]) <= len(options):
        return options[int(bare[0]) - 1]
    return None


def _by_own_word(
    said: Sequence[str], options: Sequence[Mapping[str, Any]], idle: AbstractSet[str]
) -> Mapping[str, Any] | None:
    """The one option that has a word of the text to itself: "lisbon" of "Lisbon on 3 December"."""
    held = [{word for name in names(option) for word in words(name)} - idle for option in options]
    told = {word for word in said if len(word) >= OWN_WORD and word.isalpha()}
    hits = [place for place, mine in enumerate(held) if told & mine]
    return options[hits[0]] if len(hits) == 1 else None


def names(option: Mapping[str, Any]) -> Iterator[str]:
    """What an option may be called: any short text of it but its id."""
    yield ""
    for key, value in option.items():
        if key not in UNNAMED and isinstance(value, str) and 0 < len(value) <= 40:
            yield value


def _named(said: Sequence[str], name: str, idle: AbstractSet[str]) -> float:
    wanted = [word for word in words(name) if word not in idle] or [word for word in words(name) if word not in FILLER]
    if not wanted:
        return 0.0
    hits, slips = 0.0, 0
    for word in wanted:
        if word in said or word.lstrip("£$€") in said:
            hits += 1
        elif _near(word, said):
            hits += 0.9
            slips += 1
    return hits / len(wanted) + hits / 100 if hits and hits + 0.1 * slips >= len(wanted) / 2 else 0.0


def _near(word: str, others: Sequence[str]) -> bool:
    """Whether one of the others is this word mistyped. Short words have too many neighbours to be told."""
    if len(word) < 4 or not word.isalpha():
        return False
    return any(len(other) >= 3 and other[0] == word[0] and one_slip(word, other) for other in others)


def choose(text: str, choices: Sequence[str]) -> str | None:
    """The choice that a text names, of those offered."""
    found = pick(
        text, [{"id": str(place), "name": choice} for place, choice in enumerate(choices)], frozenset({"your"})
    )
    return None if found is None else str(found["name"])
