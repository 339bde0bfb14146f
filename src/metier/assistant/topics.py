"""A message that answers no open question: it starts a job, turns to another, is answered, or is declined."""

from __future__ import annotations

import re
from collections.abc import Sequence

from metier.assistant import cues, jobs, values, wording, writer
from metier.assistant.hours import times
from metier.assistant.learn import OUTSIDE
from metier.assistant.moment import Moment
from metier.assistant.person import hand_off
from metier.assistant.state import Pending
from metier.types import Decision

RETRIES = 2
MOST_OFFERED = 3
MOST_CHANCES = 0.8
FAMILIAR = 0.005  # of the intents' rows must look less so, or a job is offered and not started; see LOG.md
ANSWER, FOLLOWING = 4, 6  # words of an answer, and of the same question with another value
FOLLOWS = re.compile(r"(?i)^(?:and|what about|how about|or)\b")
PLAINLY = 0.75  # that a section answers, for a question beside a job not to be taken for another job
SOCIAL = ("greet", "thanks", "bye", "bot", "capability")


def take_up(now: Moment, act: str) -> None:
    """Talk, a question of its own, or a job; what is none of them was not understood."""
    idle = now.state.job is None
    if act in SOCIAL:
        now.event("says", act)
        now.say(act)
        return jobs.ask_again(now)
    if idle and act in ("yes", "no", "cancel", "skip") and len(wording.words(now.text)) < 6 and not names_job(now):
        return now.say("nothing")
    if idle and act == "correct" and now.state.finished and not wording.asking(now.text):
        return now.say("done_already")
    if not _dealt_with(now, now.text) and not writer.answered(now):
        missed(now)
    return None


def aside(now: Moment, text: str) -> None:
    """Answer a question asked beside something else, if a section surely does."""
    found = now.opinions.found(wording.opened(text))
    if found is not None:
        now.tell(found.id)


def names_job(now: Moment) -> bool:
    """Whether what sounds like an act asks for a job that is not running: "cancel my flight" where that is one."""
    text = wording.opened(now.text)
    if cues.act(text) or len(wording.words(text)) < 3:
        return False
    label = now.by_phrase.get(wording.plain(text), "")
    if not label:
        decision = now.opinions.intent(text)
        label = decision.label or "" if decision.accepted and now.opinions.ours(text) else ""
    job, running = now.by_label.get(label), now.state.job
    return job is not None and (running is None or running.name != job.name)


def begin(now: Moment, label: str, text: str) -> bool:
    """Do what a label stands for, or ask whether to drop what is running; False where it stands for nothing here."""
    if label in now.script.desk.when:
        hand_off(now, label)
        return True
    job, running = now.by_label.get(label), now.state.job
    if job is None or (running is not None and running.name == job.name):
        return False
    if running is None or job.answer is not None:
        jobs.start(now, job, text)
        return True
    now.state.pending = Pending(what="switch", job=job.name, text=text)
    now.event("switches", job.name)
    now.say("drop", choices=("Yes", "No"), old=now.title(running.name), new=job.title)
    return True


def missed(now: Moment) -> None:
    """Not understood; after the second time a person is asked."""
    now.state.misses += 1
    most = times(now.script.desk.when, "misunderstandings") or RETRIES
    waiting = now.state.pending
    if waiting is not None and waiting.what == "slot":
        if tried(now):
            return None
    elif now.state.misses > most:
        return hand_off(now, f"{most} misunderstandings")
    now.event("misses")
    now.say("unsure_again")
    return jobs.ask_again(now)


def tried(now: Moment) -> bool:
    """Count one more answer that was none; whether that was one too many, and a person has it now."""
    now.pending.tries += 1
    if now.pending.tries <= RETRIES:
        return False
    most = times(now.script.desk.when, "misunderstandings") or RETRIES
    hand_off(now, f"{most} misunderstandings")
    return True


def _dealt_with(now: Moment, said: str) -> bool:
    text, busy = wording.opened(said), now.state.job is not None
    if not any(letter.isalpha() for letter in text):
        return False  # a number that answers nothing means nothing
    phrase = now.by_phrase.get(wording.plain(text))
    if phrase is not None and begin(now, phrase, text):
        return True
    section = now.by_asked.get(wording.plain(text))
    if section is not None:  # the author's own words for it
        jobs.told(now, section)
        return True
    if _follows(now, text):
        return True
    if not now.opinions.ours(text):
        _decline(now)
        return True
    asking = wording.asking(text)
    found = now.opinions.found(text) if asking else None
    decision = now.opinions.intent(text)
    labels = _likely(decision)
    if found is not None and busy and asking and (found.score >= PLAINLY or len(labels) != 1):
        jobs.told(now, found.id)
        return True
    closer = found is not None and found.score > decision.probability
    if len(labels) == 1 and decision.scope >= FAMILIAR and not closer and begin(now, labels[0], text):
        return True
    found = found or now.opinions.found(text)
    if found is not None and (asking or len(labels) < 2):
        jobs.told(now, found.id)
        return True
    return _offered(now, labels) if not busy else False


def _follows(now: Moment, text: str) -> bool:
    """Whether a message asks the last thing again with another value, "and in savings?", where that changes nothing."""
    job = now.script.jobs.get(now.state.finished)
    if (
        job is None
        or now.state.job is not None
        or job.confirm is not None
        or not FOLLOWS.match(now.message.text.strip())
    ):
        return False
    named = [slot for slot in job.ask.values() if slot.options and values.parsed(now, slot, text) is not None]
    held = now.state.carried
    known = [slot for slot in job.ask.values() if slot.source and (slot.source in held)]
    if not named and not known:
        return False
    jobs.start(now, job, text)
    return True


def _likely(decision: Decision) -> list[str]:
    """The labels that may be meant: those of the conformal set, wide where rows are few, with most of the chances.

    None of them where most likely it is not the only job there is.
    """
    if decision.candidates and decision.candidates[0].label == OUTSIDE:
        return []
    labels, sum_before = [], 0.0
    for one in decision.candidates:
        if sum_before < MOST_CHANCES:
            labels.append(one.label)
        sum_before += one.probability
    return [label for label in labels if label != OUTSIDE]


def _offered(now: Moment, labels: Sequence[str]) -> bool:
    """Whether few enough labels are left to ask which; one that is nobody's job can be a person's."""
    if not 1 <= len(labels) <= MOST_OFFERED:
        return False
    choices = [*labels, "person"]
    now.state.pending = Pending(what="offer", choices=choices, text=now.text)
    now.event("offers", args={"choices": choices})
    now.say("unsure", choices=[now.spoken(label) for label in labels] + ["A person"])
    return True


def _decline(now: Moment) -> None:
    """Not ours. Words that answer an open question no better count as not understood, questions do not."""
    waiting = now.state.pending
    answers = waiting is not None and waiting.what == "slot" and not wording.asking(now.text)
    if answers and len(wording.words(now.text)) <= ANSWER:  # too short to be of another trade
        missed(now)
        return
    now.event("declines")
    if answers and tried(now):
        return
    before = now.state.last[0]["id"] if now.state.last else ""
    now.say("decline_again" if before == "say.decline" else "decline")
    jobs.ask_again(now)
