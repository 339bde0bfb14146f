"""How a message is worded: its words, its parts, whether it asks, and whether it takes something back. English.

Knows no slots and no state.
"""

from __future__ import annotations

import re

NO = frozenset("no nope nah n negative never not don't dont".split())
MARKS = re.compile(
    r"(?i)^(?:(?:um+|uh+|er+|oh|ah|hmm+|well|sorry|oops|and|but|ok|okay|so|hi|hey|please)[\s,.:;-]+)*"
    r"(?:no[\s,]+wait|wait[\s,]+no|no[\s,]+sorry|no|nope|wait|hang on|hold on|actually|sorry|oops|scratch that|"
    r"correction|i meant|i mean|make (?:it|that)|change (?:it|that)(?: to)?|rather|instead|not that one|my mistake)\b"
    r"[\s,.:;!-]*"
)
CUE = re.compile(
    r"(?i)\b(?:actually|i meant|no wait|wait|sorry|instead|rather|scratch that|change (?:it|that)|make (?:it|that)|"
    r"change (?:the|my)|not the|correction|my mistake|oops|wrong)\b"
)
AMENDS = re.compile(
    r"(?i)(?<=\w)[\s,.;!?-]+(?:no[\s,]+wait|wait[\s,]+no|no[\s,]+sorry|sorry[\s,]+no|no(?=,)|wait|actually|i meant|"
    r"i mean|or rather|scratch that|correction)\b[\s,.:;!-]*(?=\w)"
)
ASKING = re.compile(
    r"(?i)^(?:(?:um+|uh+|er+|oh|ah|hmm+|well|so|ok|okay|and|but|hi|hey|quick question|by the way|btw|sorry|just|"
    r"please|erm|like)[\s,.:;-]+)*"
    r"(?:what|what's|whats|when|where|which|who|why|how|is|are|am|do|does|did|can|could|will|would|should|has|have)\b"
)
OPENERS = re.compile(
    r"(?i)^(?:(?:fine|ok|okay|right|alright|well|so|um+|uh+|hi|hey|hello|please|thanks|thank you|anyway|oh|ah|"
    r"cheers|yes|no|actually)\b[\s,.:;!-]+)+(?=\w{5}|\w+\W+\w)"
)
BREAKS = re.compile(
    r"(?i)(?<![\d.;!?])(?<!\b[dm]r)(?<!\bmrs)[.;!?]+(?:\s+|$)|(?<![.;!?])[.;!?]+(?=\s|$)|"
    r"(?<!\bhundred)(?<!\bthousand)(?<!\bmillion),?\s+(?:and|but)\s+(?![\w-]+ (?:cents?|pence)\b)(?:then\s+)?|"
    r",\s+(?!\d)|\s+-\s+|\n+"
)


def words(text: str) -> list[str]:
    """The words of a text, in small letters."""
    return re.findall(r"[\w£$€'’]+(?:\.\d+)?", text.casefold().replace("’", "'"))


def plain(text: str) -> str:
    """A text by its words alone, so that two that differ in signs and capitals are one."""
    return " ".join(words(text))


def opened(text: str) -> str:
    """The message without what people say before they come to it."""
    return OPENERS.sub("", text.strip())


def amended(text: str) -> tuple[str, str]:
    """A message before and after it takes itself back: "checking... no, savings". Without that nothing comes after."""
    found = AMENDS.search(text)
    return (text, "") if found is None else (text[: found.start()], text[found.end() :])


def goes_on(text: str) -> bool:
    """Whether a message asks something after it has said hello or thanks."""
    rest = opened(text)
    return rest != text.strip() and asking(rest) and len(words(rest)) > 2


def clauses(text: str) -> list[str]:
    """The parts of a message that may each say one thing."""
    return [part.strip(" ,") for part in BREAKS.split(text) if part and part.strip(" ,")]


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


def instead(text: str, held: str) -> str | None:
    """What a text puts in the place of something it names: "Maria, not Mary", "not Mary but Maria"."""
    old = rf"(?i:{re.escape(held)})"
    if change := re.search(rf"(?i:\bfrom|\bchange)\s+{old}\s+(?i:to|into)\s+(.+)", text):
        return change[1].strip(" .,!")
    refused = re.search(
        rf"(?i:\b(?:and not|but not|not|instead of|rather than)\s+(?:to |from |at |for )?){old}\b", text
    )
    refused = refused or re.search(
        rf"{old}\b(?: \w+){{0,4}}? (?i:is|was|looks) (?i:wrong|incorrect|not right|a mistake)", text
    )
    if refused is None:
        return None
    left = text[refused.end() :].strip(" .,!;\n\t") or text[: refused.start()].strip(" .,!;\n\t")
    left = re.sub(r"(?i)^(?:but|it's|it is)\s+", "", unmarked(left))
    return left.strip(" .,!;") or None


def negates(text: str) -> bool:
    """Whether a no of any kind stands in a text."""
    return any(word in NO or word.endswith("n't") for word in words(text))
