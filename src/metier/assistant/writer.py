"""The last step before a message counts as not understood: a language model, if the author names one, reads the pages.

It has no tools, does nothing and is believed in nothing: what it writes is shown, labelled as such, if the sections
bear out its words and every number in it, and is dropped otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from metier.assistant import wording
from metier.assistant.base import Result, Section
from metier.assistant.moment import Moment
from metier.assistant.state import Reply
from metier.assistant.templates import fill

READ, MOST_CHARACTERS = 3, 400  # sections it is shown, and what it may write
BORNE_OUT = 0.75  # of its longer words must stand in them, or in the question
LONG, STEM = 4, 5  # letters of a word that says something, and of it that tell its kin
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
PROMISES = re.compile(r"\bI(?:['’]\w+)?\b|https?://|www\.|@")  # it has done nothing, and knows no other place
TOLD = (
    "You answer a customer's question from the passages below and from nothing else. Write one or two plain sentences "
    "in the words of the passages. Say nothing of yourself, and claim no action. If they do not answer it, write NONE."
)


def answered(now: Moment) -> bool:
    """Whether a language model wrote what the sections bear out; asked for questions while nothing else is open."""
    asked = now.script.writer
    if asked is None or now.state.pending is not None or not wording.asking(now.text):
        return False
    sections = [now.script.knowledge[one.id] for one in now.opinions.near(now.text, READ)]
    if not sections:
        return False
    pages = "\n\n".join(f"## {one.title}\n{one.text}" for one in sections)
    said = [{"role": "system", "content": f"{TOLD}\n\n{pages}"}, {"role": "user", "content": now.text}]
    text = _text(now.do(asked, {"messages": said}, -now.state.turn))
    source = _source(text, now.text, sections)
    now.event("writes", source.id if source else "", outcome="shown" if source else "dropped")
    if source is None:
        return False
    reply = fill(now.script.say["written"], {"text": text})
    now.replies.append(Reply(id="say.written", text=reply, source=source.title))
    return True


def _text(result: Result) -> str:
    """What was written, on one line; nothing where the answer is none."""
    found: Any = result.value if result.outcome == "ok" else None
    try:
        return " ".join(str(found["choices"][0]["message"]["content"]).split())
    except (KeyError, IndexError, TypeError):
        return ""


def _source(text: str, question: str, sections: Sequence[Section]) -> Section | None:
    """The section that bears a text out most, if they do so in its words and its numbers."""
    if not text or text.startswith("NONE") or len(text) > MOST_CHARACTERS or PROMISES.search(text):
        return None
    pages = [f"{one.title} {one.text}" for one in sections]
    if set(NUMBER.findall(text)) - {number for page in pages for number in NUMBER.findall(page)}:
        return None
    wrote, stems = _stems(text), [_stems(page) for page in pages]
    if not wrote or len(wrote & _stems(question).union(*stems)) < BORNE_OUT * len(wrote):
        return None
    return max(zip(sections, stems, strict=True), key=lambda pair: len(wrote & pair[1]))[0]


def _stems(text: str) -> set[str]:
    return {word[:STEM] for word in wording.words(text) if len(word) >= LONG}
