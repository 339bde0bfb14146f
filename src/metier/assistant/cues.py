"""Phrases that always mean the same, whatever a model thinks: a person please, danger, a pure act.

Knows no state. What is here must be right every time; everything that needs judgement is left to the specialists.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from metier.assistant.wording import asking, clauses, negates, words

PERSON = re.compile(
    r"(?i)\b(?:(?:talk|speak|chat|connect me|put me through|pass me|transfer me|get me|give me|want|need|"
    r"let me (?:talk|speak))\b[^.?!]{0,30}"
    r"\b(?:human|person|people|someone real|agent|representative|adviser|advisor|operator|real one|"
    r"member of staff|somebody|someone at the bank)"
    r"|real (?:human|person)|"
    r"don'?t want (?:to (?:talk|speak|chat) (?:to|with) )?(?:a|this) (?:bot|robot|machine|computer|program))\b|"
    r"^\s*(?:an?\s+)?(?:human|person|agent|representative|operator)(?:[\s,]+(?:please|now)\b|[.!]*\s*$)"
)
VULNERABLE = re.compile(
    r"(?i)\b(?:suicid\w*|kill myself|end my life|end it all|self[- ]harm\w*|can'?t cope|cannot cope|"
    r"gambling (?:problem|addict\w*)|"
    r"(?:husband|wife|partner|mum|mother|dad|father) (?:has |just )?(?:died|passed away)|bereave\w*|domestic abuse|"
    r"can'?t afford (?:food|to eat|rent|heating)|terminal(?:ly)? ill\w*)\b"
)
ACTS = {
    "thanks": re.compile(  # and nothing else that is wanted
        r"(?i)^(?:(?:ok|okay|great|perfect|alright|well|and|yes|no)[\s,.!]+)*(?:thanks|thank you|thx|many thanks)\b"
        r"(?![^?]*\b(?:now|can|could|want|need|like to|but)\b)[^.?!,;\n]*[.!\s]*$"
    ),
    "cancel": re.compile(
        r"(?i)^(?:(?:actually|no|oh|ok|okay|please|sorry|just|um|uh|well|hmm)[\s,.]+)*"
        r"(?:(?:forget (?:it|that|about it)|never ?mind|leave it|drop it|don'?t bother)\b|"
        r"(?:cancel|stop|abort)(?: (?:that|this|it|everything|all of it|the whole thing|now|here|then))*"
        r"(?:[\s,]+(?:please|thanks|thank you|actually|for now))*\s*(?:[.,;:!?-]|$))"
    ),
    "repeat": re.compile(
        r"(?i)^(?:(?:sorry|pardon|um|uh)[\s,.]+)*"
        r"(?:(?:can|could) you (?:please )?(?:repeat|say) that(?: again)?|repeat(?: that)?|say (?:that|it) again|"
        r"come again|what was that|what did you say|pardon)(?:[\s,]+please)?[.?!\s]*$"
    ),
    "skip": re.compile(
        r"(?i)^(?:(?:please|um|uh|can we|let'?s|just)[\s,.]+)*"
        r"(?:skip(?: (?:it|this|that))?(?: one| question)?|next question|pass|(?:i have )?no preference|whichever|"
        r"i don'?t (?:mind|care)|any(?: one)?(?: is fine| will do)?|(?:it )?doesn'?t matter)(?:[\s,]+please)?[.!?\s]*$"
    ),
}
LEAVES = re.compile(  # a part of a message that says goodbye
    r"(?i)(?:good ?)?bye+|see (?:you|ya)(?: later| soon| around)?|take care|"
    r"(?:you (?:too )?)?have an? (?:\w+ ){0,3}?(?:day|evening|night|weekend|afternoon|one|time)"
    r"(?: ahead| too| to you)*|"
    r"(?:great|nice|good) (?:day|evening|night|weekend) (?:to|for) you(?: too)?|"
    r"(?:you )?(?:can |may )?(?:now )?(?:end|close) (?:the|this|our) (?:chat|session|conversation)"
    r"(?: session)?(?: now)?"
)
DONE = re.compile(  # one that says that nothing is wanted any more
    r"(?i)(?:that'?s|that (?:is|was|will be)|that'?ll be) (?:all|it|everything)\b.{0,40}|"
    r"nothing(?: else| more| further)?(?: for (?:now|today))?|not (?:today|now|right now|at the moment)|"
    r"no (?:other|more|further) (?:queries|questions|help|issues)|"
    r"(?:i (?:have )?)?got (?:all|enough|everything)\b.{0,40}|"
    r"i'?m (?:all )?(?:good|done|set)(?: now| for now)?"
)
THANKS = re.compile(
    r"(?i)(?:\w+ ){0,2}?(?:thanks?|thank ?you|thanking you|thx|thnx)\b(?!.*\b(?:can|could|want|need|but)\b).*"
)
APART = re.compile(
    r"(?i)[.,!;\n]+|\band\b|(?<=\w)(?=thank(?:s|\s?you)\b)|"
    r"\s(?=(?:have an?|thank(?:s|\s?you)?|good ?bye|bye+|you can)\b)"
)
INTRODUCES = re.compile(r"(?i)^\W*(?:(?:hi|hello|hey)\W+)?my name(?:'s| is)\s+[\w .'’-]{1,40}\W*$")  # and asks nothing
FILLS = re.compile(
    r"(?i)^(?:(?:no|nope|nah|ok|okay|alright|well|great|fine|perfect|cool|yes|yeah|oh|so|nice|sir|madam)\b\s*)+"
)
ECHO = re.compile(  # "my wife will", "I do": the verb of the question alone
    r"(?i)^(?:(?:well|oh|um|and)[\s,]+)*(?:(?:my|our|the) )?(?:\w+ ){1,2}"
    r"(?:will|would|do|does|did|am|is|are|was|have|has|can|could)[.!\s]*$"
)
CHOICES = re.compile(
    r"(?i)^(?:(?:um+|hmm+|well|so|and|ok)[\s,]+)*(?:what (?:do you have|can i (?:choose|pick)|is there|is available)|"
    r"(?:what|which) (?:are|is) (?:the|my) (?:options?|choices?)|"
    r"what (?:options|choices|kinds|types)|which (?:ones|options))\b"
)
NOBODY = re.compile(r"(?i)^(?:nobody|no one|none|nothing|neither)(?: else)?[.!\s]*$")
ASIDE = 4  # words of a wish added to a request: "keep it private"
AGAINST = frozenset("no not don't dont without never stop nope".split())
COMMON = frozenset(
    """
    should i a an the to your you my me we is it that this which what how from of do does and or want would like new one
    for
    """.split()
)
BACK = re.compile(r"(?i)\b(?:that|same|this) one\b|\b(?:from|on|with|of|for|to|into) (?:it|that|there)\b|\bthe same\b")
NUMBER = re.compile(r"(?i)\[phone|\+?\d[\d\s()-]{6,}\d")


def asks_for_person(text: str) -> bool:
    """Whether the message asks for a person in so many words."""
    return PERSON.search(text) is not None


def vulnerable(text: str) -> bool:
    """Whether the message holds what a person must see."""
    return VULNERABLE.search(text) is not None


def act(text: str) -> str:
    """The act of a message that is nothing but that act; empty otherwise."""
    found = next((name for name, pattern in ACTS.items() if pattern.search(text)), "")
    ending = closing(text)
    return "bye" if ending == "bye" and found in ("", "thanks") else found


def closing(text: str) -> str:
    """How a message ends a conversation, if it does nothing else: bye, done (nothing more is wanted) or thanks."""
    if "?" in text:
        return ""
    kinds = set()
    for part in APART.split(text):
        rest = FILLS.sub("", part.strip()).strip()
        kind = (
            "" if not rest else "bye" if LEAVES.fullmatch(rest) else "done" if DONE.fullmatch(rest)
            else "thanks" if THANKS.fullmatch(rest) else "more"
        )  # fmt: skip
        kinds.add(kind)
    return "" if "more" in kinds else next((kind for kind in ("bye", "done", "thanks") if kind in kinds), "")


def keeps_going(text: str) -> bool:
    """Whether a message that sounds like a stop says not to stop."""
    return re.search(r"(?i)\b(?:don'?t|do not|not) (?:stop|cancel)\b", text) is not None


def points_back(text: str, slot: str, *, by_pronoun: bool) -> bool:
    """Whether a message speaks of the value a slot had before: "that card"; with `by_pronoun` also "the same one"."""
    named = "|".join(f"{re.escape(word.removesuffix('s'))}s?" for word in slot.split("_") if word)
    return (by_pronoun and BACK.search(text) is not None) or (
        re.search(rf"(?i)\b(?:that|same|this) (?:{named})\b", text) is not None
    )


def echoed(text: str) -> bool | None:
    """What an answer says that takes up the verb of a question, or names nobody."""
    if NOBODY.search(text):
        return False
    return True if ECHO.search(text) and not negates(text) and not asking(text) else None


def named(text: str, slot: str, usual: Collection[str]) -> bool | None:
    """What a request adds on a yes or no whose slot it names: "keep it private". Words that are `usual` say nothing."""
    told = {word for word in slot.split("_") if len(word) > 3} - {*usual}
    part = next((part for part in clauses(text)[1:] if told & {*words(part)} and len(words(part)) <= ASIDE), "")
    return not (AGAINST & {*words(part)} or negates(part)) if part and not asking(part) else None


def polarity(text: str, question: str) -> bool | None:
    """What a sentence says to a question whose words it takes up; None where it does not."""
    said = words(text)
    shared = (set(said) & set(words(question))) - COMMON
    if not shared and not ("new" in said and "new" in words(question) and {"send", "want", "need"} & set(said)):
        return None
    return not AGAINST & set(said)


def asks_choices(text: str) -> bool:
    """Whether a message asks what there is to choose from."""
    return CHOICES.search(text) is not None


def prefers(text: str) -> bool:
    """Whether "rather" says what somebody would like, and takes nothing back."""
    return re.search(r"(?i)\bi(?:'d| would|d) rather\b|\bi (?:would )?prefer\b", text) is not None


def leaves_number(text: str) -> bool:
    """Whether a message holds a telephone number, or what stands for one once it is redacted."""
    return NUMBER.search(text) is not None
