"""A customer's words to the value of a slot, or None: never a guess. Parts of a message, and what marks a correction.

Knows no models and no state.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from metier.assistant.base import Slot
from metier.assistant.spelling import one_slip

YES = frozenset(
    [
        "yes",
        "yeah",
        "yep",
        "yup",
        "yess",
        "ya",
        "y",
        "sure",
        "ok",
        "okay",
        "k",
        "fine",
        "correct",
        "right",
        "exactly",
        "absolutely",
        "definitely",
        "certainly",
        "indeed",
        "please",
        "perfect",
        "great",
        "good",
        "alright",
        "aye",
        "affirmative",
    ]
)
NO = frozenset(["no", "nope", "nah", "n", "negative", "never", "not", "don't", "dont"])
YES_PHRASES = (
    "go ahead",
    "do it",
    "please do",
    "sounds good",
    "of course",
    "that's right",
    "thats right",
    "that is right",
    "go for it",
    "yes please",
    "all good",
    "looks good",
    "why not",
    "i do",
    "i would",
    "i confirm",
    "confirmed",
)
NO_PHRASES = (
    "no thanks",
    "no thank you",
    "not now",
    "rather not",
    "i don't",
    "i dont",
    "i do not",
    "please don't",
    "not needed",
    "no need",
)
# what people say around a yes or a no, and what a slot's question may make them repeat
FILLER = frozenset(
    [
        "um",
        "uh",
        "er",
        "erm",
        "hmm",
        "well",
        "so",
        "like",
        "just",
        "please",
        "thanks",
        "thank",
        "you",
        "hi",
        "hey",
        "ok",
        "okay",
        "oh",
        "ah",
        "and",
        "then",
        "but",
        "it",
        "that's",
        "thats",
        "that",
        "is",
        "the",
        "a",
        "an",
        "one",
        "i",
        "i'd",
        "i'll",
        "id",
        "ill",
        "my",
        "me",
        "to",
        "for",
        "of",
        "from",
        "with",
        "on",
        "at",
        "in",
        "want",
        "would",
        "take",
        "use",
        "pick",
        "choose",
        "go",
        "think",
        "guess",
        "mean",
        "meant",
        "was",
        "be",
        "should",
        "need",
        "have",
        "got",
        "let",
        "make",
        "say",
        "said",
        "do",
        "card",
        "account",
        "transfer",
        "payment",
        "new",
        "send",
        "freeze",
    ]
)
MARKS = re.compile(
    r"(?i)^(?:(?:um+|uh+|er+|oh|ah|hmm+|well|sorry|oops|and|but|ok|okay|so|hi|hey|please)[\s,.:;-]+)*"
    r"(?:no[\s,]+wait|wait[\s,]+no|no[\s,]+sorry|no|nope|wait|hang on|hold on|actually|sorry|oops|scratch that|"
    r"correction|"
    r"i meant|i mean|make (?:it|that)|change (?:it|that)(?: to)?|rather|instead|not that one|my mistake)\b[\s,.:;!-]*"
)
CUE = re.compile(
    r"(?i)\b(?:actually|i meant|no wait|wait|sorry|instead|rather|scratch that|change (?:it|that)|make (?:it|"
    r"that)|not the|"
    r"correction|my mistake|oops|wrong)\b"
)
ASKING = re.compile(
    r"(?i)^(?:(?:um+|uh+|er+|oh|ah|hmm+|well|so|ok|okay|and|but|hi|hey|quick question|by the way|btw|sorry|just|"
    r"please|erm|like)[\s,.:;-]+)*"
    r"(?:what|what's|whats|when|where|which|who|why|how|is|are|am|do|does|did|can|could|will|would|should|has|have)\b"
)
ORDINALS = {
    "first": 0,
    "1st": 0,
    "second": 1,
    "2nd": 1,
    "third": 2,
    "3rd": 2,
    "fourth": 3,
    "4th": 3,
    "last": -1,
    "latest": 0,
    "newest": 0,
}
DIGITS = {
    **{
        word: number
        for number, word in enumerate(
            [
                "zero",
                "one",
                "two",
                "three",
                "four",
                "five",
                "six",
                "seven",
                "eight",
                "nine",
                "ten",
                "eleven",
                "twelve",
                "thirteen",
                "fourteen",
                "fifteen",
                "sixteen",
                "seventeen",
                "eighteen",
                "nineteen",
            ]
        )
    },
    **{
        word: 10 * number
        for number, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)
    },
}
NUMBER = re.compile(r"(?<![\w.])(?:£|\$|€)?\s?(\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?|\d+(?:\.\d{1,2})?)\s?(k\b)?(?![\w]*\d)")


OPENERS = re.compile(
    r"(?i)^(?:(?:fine|ok|okay|right|alright|well|so|um+|uh+|hi|hey|hello|please|thanks|thank you|anyway|oh|ah|"
    r"cheers|yes|no|actually)\b[\s,.:;!-]+)+(?=\w+\W+\w)"
)


def opened(text: str) -> str:
    """The message without what people say before they come to it."""
    return OPENERS.sub("", text.strip())


def clauses(text: str) -> list[str]:
    """The parts of a message that may each say one thing."""
    parts = re.split(
        r"(?<!\d)[.;!?]+(?:\s+|$)|[.;!?]+(?=\s|$)|,?\s+(?:and|but)\s+(?:then\s+)?|,\s+(?!\d)|\s+-\s+|\n+", text
    )
    return [part.strip(" ,") for part in parts if part and part.strip(" ,")]


def words(text: str) -> list[str]:
    """The words of a text, in small letters."""
    return re.findall(r"[\w£$€'’]+(?:\.\d+)?", text.casefold().replace("’", "'"))


def asking(text: str) -> bool:
    """Whether a message looks like a question."""
    return text.rstrip().endswith("?") or ASKING.match(text.strip()) is not None


def correcting(text: str) -> bool:
    """Whether a message takes back something said before."""
    return MARKS.match(text.strip()) is not None or CUE.search(text) is not None


def unmarked(text: str) -> str:
    """The message without the words that only say it is a correction."""
    before = None
    while before != text:
        before, text = text, MARKS.sub("", text.strip(), count=1)
    return text


def parse(text: str, slot: Slot, options: Sequence[Mapping[str, Any]] = ()) -> Any:
    """The value of the slot that the text gives, or None where it gives none or one that is not allowed."""
    if slot.kind == "pick":
        return pick(text, options)
    if slot.kind == "yes_no":
        return yes_no(text)
    if slot.kind in ("money", "number"):
        number = amount(text)
        return number if number is not None and within(number, slot) else None
    return text.strip() or None


def within(number: float, slot: Slot) -> bool:
    """Whether a number keeps the slot's bounds."""
    return (slot.least is None or number >= slot.least) and (slot.most is None or number <= slot.most)


def yes_no(text: str) -> bool | None:
    """What a short answer says; None where it says neither, both or more than that."""
    said = words(text)
    joined = " ".join(said)
    if len(said) > 9:
        return None
    against = any(word in NO for word in said) or any(phrase in joined for phrase in NO_PHRASES)
    told = [word for word in said if word not in FILLER or word in ("ok", "okay", "please")]
    if against and "why not" not in joined and "no problem" not in joined:
        first = next((word for word in words(text) if word in YES or word in NO), "")
        return None if first in YES - {"please", "ok", "okay", "k", "right", "fine", "great", "perfect"} else False
    if any(joined.startswith(phrase) or joined.endswith(phrase) for phrase in YES_PHRASES):
        return True
    if not told:
        return True if set(said) & {"ok", "okay"} else None
    return True if told[0] in YES or _near(told[0], ("yes", "yeah", "sure", "okay")) else None


def negates(text: str) -> bool:
    """Whether a no of any kind stands in a text."""
    return any(word in NO for word in words(text))


def amount(text: str) -> float | None:
    """The one amount in a text, in figures or English words."""
    found = {float(number.replace(",", "")) * (1000 if k else 1) for number, k in NUMBER.findall(text)}
    if len(found) == 1:
        return found.pop()
    return None if found else _spelt(words(text))


def _spelt(said: list[str]) -> float | None:
    total, part, seen = 0.0, 0.0, False
    for place, word in enumerate(said):
        if word in DIGITS:
            if word == "one" and not {"pound", "quid", "pounds", "hundred", "thousand"} & set(
                said[place + 1 : place + 2]
            ):
                continue  # "the blue one" is no number
            part, seen = part + DIGITS[word], True
        elif word == "hundred" and (seen or (place and said[place - 1] == "a")):
            part, seen = max(part, 1) * 100, True
        elif word == "thousand" and (seen or (place and said[place - 1] == "a")):
            total, part, seen = total + max(part, 1) * 1000, 0.0, True
    return total + part if seen else None


def pick(text: str, options: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The one option a text names: by its name, its last digits or its place; mistyped names are forgiven."""
    if not options:
        return None
    said = words(text)
    best = [(score, option) for option in options if (score := max(_named(said, name) for name in names(option))) > 0]
    if best:
        top = max(score for score, _ in best)
        hits = [option for score, option in best if score == top]
        return hits[0] if len(hits) == 1 else None
    for word, after in zip(said, [*said[1:], ""], strict=False):
        place = ORDINALS.get(word)  # "the last one", but not "last night"
        if place is not None and place < len(options) and (not after or after in FILLER):
            return options[place]
    bare = [word for word in said if word not in FILLER]
    if len(bare) == 1 and bare[0].isdecimal() and 1 <= int(bare[0]) <= len(options):
        return options[int(bare[0]) - 1]
    return None


def names(option: Mapping[str, Any]) -> Iterator[str]:
    """What an option may be called: any short text of it but its id."""
    yield ""
    for key, value in option.items():
        if key not in ("id", "status", "due", "balance") and isinstance(value, str) and 0 < len(value) <= 40:
            yield value


def _named(said: Sequence[str], name: str) -> float:
    wanted = [word for word in words(name) if word not in FILLER]
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
    found = pick(text, [{"id": str(place), "name": choice} for place, choice in enumerate(choices)])
    return None if found is None else str(found["name"])
