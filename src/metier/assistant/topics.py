"""A message that answers no open question: it starts a job, turns to another, is answered, or is declined."""

from __future__ import annotations

import re
from collections.abc import Sequence

from metier.assistant import cues, jobs, values, wording, writer
from metier.assistant.cues import COMMON
from metier.assistant.hours import times
from metier.assistant.learn import OUTSIDE
from metier.assistant.moment import Moment
from metier.assistant.person import hand_off
from metier.assistant.state import Pending
from metier.types import Decision

RETRIES = 2
MOST_OFFERED = 3
MOST_CHANCES = 0.8
HELP = re.compile(r"(?i)\bhelp (?:me )?(?:with|to|out with)\b")
FARTHER = 0.15  # how much less familiar a message may be to the sections than to the intents for a section to answer it
TELLS = 4.0  # times as likely a job is for each value in a message that it has a slot for
AT_HOME = 0.3  # of the intents' rows look stranger than a message that turns to another job amid questions
FAMILIAR = 0.005  # of the intents' rows must look less so, or a job is offered and not started; see LOG.md
ANSWER, FOLLOWING = 4, 6  # words of an answer, and of the same question with another value
FOLLOWS = re.compile(
    r"(?i)^(?:ok(?:ay)?[\s,]+|thanks[\s,.!]+)?"
    r"(?:and|what about|how about|or|now|also|same|the same|do the same|again|another|one more)\b"
)
SAME = re.compile(r"(?i)\bsame\b|\banother one\b|\bone more\b|\bagain\b")
REQUEST = re.compile(
    r"(?i)\b(?:i (?:want|need|would (?:like|rather|prefer)|wish|have)(?: to)?|i'd (?:like|rather|prefer)(?: to)?|"
    r"(?:can|could) you|tell me|show me|give me|check|let's|what(?:'s| is)|how much)\b"
)
PLAINLY = 0.75  # that a section answers, for a question beside a job not to be taken for another job
SOCIAL = ("greet", "thanks", "bye", "bot", "capability")


def take_up(now: Moment, act: str) -> None:
    """Talk, a question of its own, or a job; what is none of them was not understood."""
    idle = now.state.job is None
    if act == "capability" and _helped(now):
        return None
    if cues.closing(now.text) == "done":
        act = "bye"
    if act in SOCIAL and not (act in ("greet", "thanks") and wording.goes_on(now.text)):
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


def _helped(now: Moment) -> bool:
    """Whether help is asked for with one job by its title: "can you help me with a transfer?"."""
    said = {*wording.words(now.text)} - COMMON
    named = [job for job in now.script.jobs.values() if said & {*wording.words(job.title)}]
    return len(named) == 1 and HELP.search(now.text) is not None and begin(now, f"job:{named[0].name}", now.text)


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


def other_job(now: Moment, text: str) -> str | None:
    """The label of a job that a message surely asks for, in the middle of another one or right after it."""
    busy = now.state.job.name if now.state.job is not None else now.state.finished
    text = wording.opened(wording.unmarked(text) or text)
    if len(wording.words(text)) < 4 or not (REQUEST.search(text) or wording.plain(text) in now.by_phrase):
        return None
    decision = now.opinions.intent(text)
    label = decision.label or ""
    sure = decision.probability >= MOST_CHANCES and decision.scope >= AT_HOME
    job = now.by_label.get(label)
    return label if sure and job is not None and job.name != busy and now.opinions.ours(text) else None


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
    waiting = now.pending
    waiting.tries += 1
    if waiting.tries <= RETRIES:
        return False
    if now.state.job is not None and waiting.what == "slot" and now.job.ask[waiting.slot].optional:
        now.running.skipped.append(waiting.slot)  # it goes without
        jobs.ask_next(now)
        return True
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
    chances = _chances(now, text, decision)
    labels = _likely(chances)
    if found is not None and busy and asking and (found.score >= PLAINLY or len(labels) != 1):
        jobs.told(now, found.id)
        return True
    closer = (
        found is not None
        and found.score > max(chance for _, chance in chances)
        and found.familiar + FARTHER >= decision.scope
    )
    known = decision.scope >= (AT_HOME if busy and not asking else FAMILIAR)
    if len(labels) == 1 and known and not closer and begin(now, labels[0], text):
        return True
    found = found or now.opinions.found(text)
    if found is not None and (asking or len(labels) < 2):
        jobs.told(now, found.id)
        return True
    return _offered(now, labels) if not busy else False


def _follows(now: Moment, text: str) -> bool:
    """Whether a message asks the last thing again with another value, "and in savings?", where that changes nothing."""
    job = now.script.jobs.get(now.state.finished)
    if job is None or now.state.job is not None or not FOLLOWS.match(now.message.text.strip()):
        return False
    if len(wording.words(text)) > FOLLOWING or other_job(now, text) is not None:
        return False
    held = now.state.carried
    known = any(slot.source in held for slot in job.ask.values() if slot.source)
    again = known if job.confirm is None else SAME.search(text) is not None
    if not again and not values.holds(now, job, text):
        return False
    decision = now.opinions.intent(text)
    likely = _likely(_chances(now, text, decision)) if decision.scope >= AT_HOME and not SAME.search(text) else []
    if len(likely) == 1 and now.by_label.get(likely[0]) is not job:
        return False
    jobs.start(now, job, text)
    return True


def _chances(now: Moment, text: str, decision: Decision) -> list[tuple[str, float]]:
    """The labels of the conformal set and their chances, the likeliest first.

    None of them where most likely it is not the only job there is. Where none has most of them, what the message holds
    for the slots of each job counts: "$300" is for no balance.
    """
    if decision.candidates and decision.candidates[0].label == OUTSIDE:
        return [("", decision.probability)]
    chances = [(one.label, one.probability) for one in decision.candidates]
    if chances and chances[0][1] < MOST_CHANCES:
        told = [(label, chance * TELLS ** _holds(now, label, text)) for label, chance in chances]
        total = sum(chance for _, chance in told)
        chances = sorted(((label, chance / total) for label, chance in told), key=lambda one: -one[1])
    return chances or [("", decision.probability)]


def _likely(chances: Sequence[tuple[str, float]]) -> list[str]:
    """The labels that may be meant: those with most of the chances, for a set is wide where rows are few."""
    labels, sum_before = [], 0.0
    for label, chance in chances:
        if label and sum_before < MOST_CHANCES:
            labels.append(label)
        sum_before += chance
    return [label for label in labels if label != OUTSIDE]


def _holds(now: Moment, label: str, text: str) -> int:
    job = now.by_label.get(label)
    return 0 if job is None else values.holds(now, job, text)


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
