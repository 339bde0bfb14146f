"""Who or where a text names: the friend a transfer goes to, the shop of a payment, the customer's own name. English.

A slot of free text says by its words what it holds, the word before a name says whose it is. Knows no state.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from metier.assistant.base import Slot
from metier.assistant.wording import words

TITLE = r"(?:(?:Dr|Mr|Mrs|Ms|Prof)\.? )?"
NAME = rf"{TITLE}[A-Z][\w'’&.-]*\w(?:\s+(?:(?:&|and|of)\s+)?(?!I['’])[A-Z][\w'’-]+){{0,3}}"
KIN = r"(?:(?:my|our|a|the)\s+(?:\w+\s+){0,2}?)?"  # "my brother Ken", "the merchant Target"
SMALL = r"(?:my (?:\w+ )?)?[a-z]+(?:['’]s)?"  # names in small letters, where the rest leaves nothing else for it
SUM = r"(?:[£$€]?\d[\d,.]{0,15}k?|(?:[a-z]+ )?(?:hundred|thousand)|(?:twen|thir|for|fif|six|seven|eigh|nine)ty)"
SUM = rf"(?:{SUM}(?:\s?(?:dollars?|bucks|pounds?|quid|euros?))?)"
WHOM = re.compile(r"(?i)^(?:to )?who\b.*\b(to|for|with|from)\s*\?$")
GETS = frozenset("recipient receiver payee beneficiary".split())
GIVES = frozenset("sender payer debtor".split())
SHOPS = frozenset("merchant store shop vendor retailer seller company business biller restaurant".split())
GIVING = r"(?:send|pay|give|wire|tip|owe|transfer|venmo|zelle)"
TO, FROM, AT = r"(?:to|for|into)", r"from", r"(?:at|from|with|for|to)"
AMID = re.compile(r"(?i)(?<!\d)(?<!\bin)(?<!\bnear)(?<!\bof)(?<!\bon)\s+$")
OWN = re.compile(
    rf"(?i:\b(?:my (?:full |first |last )?name is|my name's|i am called|call me))\s+({NAME}|[a-z]+(?: [a-z]+)?$)"
)
NOBODY = frozenset(
    """
    of at in as by is was for worth up nearly roughly almost under approximately a an the my your our his her their
    its it him them me us you i this that these those there here another other someone somebody anyone anybody
    everyone person people friend family money cash funds some any all account accounts card bank balance and or
    with from to over out about around exactly only just back first then now today tomorrow tonight monday tuesday
    wednesday thursday friday saturday sunday january february march april may june july august september october
    november december ssn dob zip pin number code
    """.split()
)


MOST_WORDS = 6  # of a name
NONE = frozenset(
    """
    i you we is are am was were do does did have has had want need got get can could will would this that these those
    what who when where why how please thanks thank thankyou bye hello hi sorry yes ok okay
    no nope not none nothing never
    """.split()
)


def named(text: str, slot: Slot, taken: Collection[str]) -> str | None:
    """The name that a text gives to a slot of free text; `taken` are words that belong to other slots."""
    if text.isupper():
        text = text.lower()
    for pattern in _patterns(slot):
        for found in pattern.finditer(text):
            name = plain(found[1])
            if name and not (NOBODY | {*taken}) & {*words(name)[:1], *words(name)[-1:]}:
                return name
    return None


def alone(text: str, taken: Collection[str]) -> str | None:
    """The name that a text is, and nothing else: "Mary", "to Mary", "my roommate Jake"."""
    small = re.fullmatch(
        r"(?i:to|for|from)\s+(?:my\s+[a-z]+\s+)?([a-z]+)(?:,?\s+(?i:please|thanks))?[.!]*", text.strip()
    )
    found = small or re.fullmatch(
        rf"(?:(?i:to|for|from|at|with|it's|it is)\s+)?{KIN}({NAME})(?:,?\s+(?i:please|thanks))?[.!]*", text.strip()
    )
    if found is None or text.isupper():
        return None
    name = plain(found[1])
    return None if (NOBODY | {*taken}) & {*words(name)} else name


def plain(name: str) -> str:
    """A name without what hangs on it."""
    return re.sub(r"['’]s?$", "", name.strip(" .,")).strip()


def without_kin(text: str) -> str:
    """ "my brother Ken" is Ken; "my brother" stays."""
    return re.sub(rf"^(?:my|our)\s+(?:\w+\s+){{1,2}}?(?={NAME}$)", "", text)


def within(text: str, taken: Collection[str]) -> str | None:
    """The one name amid a sentence: "I'm paying my neighbour Klara Weiss". What follows "in" or a number is none."""
    found = [one for one in re.finditer(NAME, text) if one.start() and not one[0].startswith(("I'", "I’"))]
    if len(found) != 1 or not AMID.search(text[: found[0].start()]):
        return None
    name = plain(found[0][0])
    return None if (NOBODY | {*taken}) & {*words(name)} else name


def plausible(text: str) -> bool:
    """Whether an answer to the question for a name may be one: nothing that people say instead."""
    return len(words(text)) <= MOST_WORDS and not re.search(r"\d", text) and not NONE & {*words(text)}


def bare(text: str) -> str:
    """The name that a short text is, in letters of any size; empty where it is something else."""
    name = re.sub(
        r"(?i)^(?:(?:hi|hello|hey|yes|ok|sure|it'?s|this is|i'?m|i am|myself|my name is|name)[\s,]+)+", "", text
    )
    name = name.strip(" .,!")
    return (
        name
        if re.fullmatch(r"[^\W\d_][\w.'’-]*(?: [^\W\d_][\w.'’-]*){0,3}", name) and not NOBODY & {*words(name)}
        else ""
    )


def names_somebody(slot: Slot) -> bool:
    """Whether a slot of free text holds somebody's name, or a company's."""
    held = _words(slot)
    own = slot.say.strip()
    return slot.kind == "text" and bool(
        (GETS | GIVES | SHOPS | {"who", "whom", "name"}) & held or WHOM.match(own) is not None
    )


def _patterns(slot: Slot) -> list[re.Pattern[str]]:
    held, asked = _words(slot), WHOM.match(slot.say.strip())
    if slot.kind != "text":
        return []
    side = asked[1].casefold() if asked is not None else ""
    if "name" in held and "your" in held and not GETS & held:
        return [OWN]
    if SHOPS & held:
        return [_after(AT)]
    if GIVES & held or side == "from":
        return [_after(FROM), re.compile(rf"\b{SUM}\s+from\s+({SMALL})\b")]
    if side == "with":
        return [_after("with")]
    if GETS & held or side or ({"who", "whom"} & held and {"pay", "send", "give", "made"} & held):
        return [
            _after(TO),
            re.compile(rf"\b(?i:{GIVING})\s+{KIN}({NAME})(?=\s+(?:{SUM}|[a-z]))"),
            re.compile(rf"(?i)\b{GIVING}\s+([a-z]+)\s+{SUM}"),
            re.compile(rf"(?i)\b{SUM}\s+to\s+({SMALL})\b"),
        ]
    return []


def _after(words_before: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?i:{words_before})\s+{KIN}({NAME})")


def _words(slot: Slot) -> set[str]:
    return set(words(f"{slot.name.replace('_', ' ')} {slot.say}"))
