"""Phrases that always mean the same, whatever a model thinks: a person please, danger, a pure act.

Knows no state. What is here must be right every time; everything that needs judgement is left to the specialists.
"""

from __future__ import annotations

import re

from metier.assistant.answers import words

PERSON = re.compile(
    r"(?i)\b(?:(?:talk|speak|chat|connect me|put me through|pass me|transfer me|get me|give me|want|need|"
    r"let me (?:talk|speak))\b[^.?!]{0,30}"
    r"\b(?:human|person|people|someone real|agent|representative|adviser|advisor|operator|real one|"
    r"member of staff|somebody|someone at the bank)"
    r"|^\s*(?:a\s+)?(?:human|person|agent|representative|operator)(?:\s*,?\s*please)?[.!]*\s*$|real (?:human|person))\b"
)
VULNERABLE = re.compile(
    r"(?i)\b(?:suicid\w*|kill myself|end my life|end it all|self[- ]harm\w*|can'?t cope|cannot cope|"
    r"gambling (?:problem|addict\w*)|"
    r"(?:husband|wife|partner|mum|mother|dad|father) (?:has |just )?(?:died|passed away)|bereave\w*|domestic abuse|"
    r"can'?t afford (?:food|to eat|rent|heating)|terminal(?:ly)? ill\w*)\b"
)
ACTS = {
    "cancel": re.compile(r"(?i)^(?:(?:actually|no|oh|ok|okay|please|sorry|just|um|uh|well|"
    r"hmm)[\s,.]+)*(?:cancel(?: (?:that|this|it))?|forget (?:it|that|about it)|never ?mind|stop(?: (?:that|it|"
    r"this))?|abort|leave it|drop it|don'?t bother)\b(?![^.?!]*\b(?:transfer|direct debit|card|standing order|"
    r"payment|account)\b)"),
    "repeat": re.compile(r"(?i)^(?:(?:sorry|pardon|um|uh)[\s,.]+)*(?:(?:can|could) you (?:please )?(?:repeat|"
    r"say) that(?: again)?|repeat(?: that)?|say (?:that|it) again|come again|what was that|what did you say|"
    r"pardon)(?:[\s,]+please)?[.?!\s]*$"),
    "skip": re.compile(r"(?i)^(?:(?:please|um|uh|can we|let'?s|just)[\s,.]+)*(?:skip(?: (?:it|this|"
    r"that))?(?: one| question)?|next question|pass)(?:[\s,]+please)?[.!?\s]*$"),
}  # fmt: skip
AGAINST = frozenset(["no", "not", "don't", "dont", "without", "never", "stop", "nope"])
COMMON = frozenset(
    [
        "should",
        "i",
        "a",
        "an",
        "the",
        "to",
        "your",
        "you",
        "my",
        "me",
        "we",
        "is",
        "it",
        "that",
        "this",
        "which",
        "what",
        "how",
        "from",
        "of",
        "do",
        "does",
        "and",
        "or",
        "want",
        "would",
        "like",
        "new",
        "one",
        "for",
    ]
)
NUMBER = re.compile(r"(?i)\[phone|\+?\d[\d\s()-]{6,}\d")


def asks_for_person(text: str) -> bool:
    """Whether the message asks for a person in so many words."""
    return PERSON.search(text) is not None


def vulnerable(text: str) -> bool:
    """Whether the message holds what a person must see."""
    return VULNERABLE.search(text) is not None


def act(text: str) -> str:
    """The act of a message that is nothing but that act; empty otherwise."""
    return next((name for name, pattern in ACTS.items() if pattern.search(text)), "")


def keeps_going(text: str) -> bool:
    """Whether a message that sounds like a stop says not to stop."""
    return re.search(r"(?i)\b(?:don'?t|do not|not) (?:stop|cancel)\b", text) is not None


def points_back(text: str) -> bool:
    """Whether a message speaks of something named before: "that card", "the same one"."""
    return (
        re.search(
            r"(?i)\b(?:that|same|this)\b(?:\s+(?:card|account|one|transfer))|\b(?:from|on|with|of|for|to) (?:it|"
            r"that)\b|\bthe same\b",
            text,
        )
        is not None
    )


def polarity(text: str, question: str) -> bool | None:
    """What a sentence says to a question whose words it takes up; None where it does not."""
    said = words(text)
    shared = (set(said) & set(words(question))) - COMMON
    if not shared and not ("new" in said and "new" in words(question) and {"send", "want", "need"} & set(said)):
        return None
    return not AGAINST & set(said)


def leaves_number(text: str) -> bool:
    """Whether a message holds a telephone number, or what stands for one once it is redacted."""
    return NUMBER.search(text) is not None
