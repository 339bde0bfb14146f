"""One turn: a state and a message to events, replies and the next state, by fixed rules over what the specialists say.

The order of the rules is all that stands here: `person` and `question` come before `topics`, and `jobs` does the work.
Models choose among a closed set of moves and cannot make one up. Knows no database, no network and no clock: actions go
through `do`, and the time is the message's own.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from metier.assistant import jobs, person, question, topics, wording
from metier.assistant.base import Message, Minds, Script
from metier.assistant.moment import Do, Moment
from metier.assistant.opinions import Opinions
from metier.assistant.state import Reply, State, Turn, copy

AWAY = timedelta(minutes=30)  # after which a confirmation is shown again before it counts
MOST_CHARACTERS = 2_000


class Rules:
    """The rules of one assistant, for any number of conversations.

    `faults` switches single safeguards off; only tests use it, to see that transcripts notice.
    """

    def __init__(self, script: Script, minds: Minds, *, faults: frozenset[str] = frozenset()) -> None:
        self.script, self.minds, self.faults = script, minds, faults
        self._by_label = {label: job for job in script.jobs.values() for label in (*job.when, f"job:{job.name}")}
        self._by_phrase = dict(minds.phrases)
        self._by_phrase |= {
            wording.plain(phrase): f"job:{job.name}" for job in script.jobs.values() for phrase in job.like
        }

        self._by_asked = {
            wording.plain(asked): section.id for section in script.knowledge.values() for asked in section.asked_as
        }

    def turn(self, state: State, message: Message, do: Do) -> Turn:
        """What comes of a message. The state given is not changed.

        Raises: BadAssistant where the author's templates name what is not there.
        """
        now = Moment(
            script=self.script, by_label=self._by_label, by_phrase=self._by_phrase,
            by_asked=self._by_asked, faults=self.faults,
            state=copy(state), message=message, do=do,
            text=self.minds.speller.mend(message.text[:MOST_CHARACTERS].strip()),
            opinions=Opinions(self.minds, guarded="scope" not in self.faults),
        )  # fmt: skip
        if now.state.job is not None and now.state.job.name not in self.script.jobs:
            now.state.job = now.state.pending = None  # the author has taken it out meanwhile
        if now.state.whose != (whose := message.customer or ""):
            _part(now.state, whose)
        now.state.turn += 1
        now.state.at = message.at.isoformat()
        away = bool(state.at) and message.at - datetime.fromisoformat(state.at) > AWAY
        _answer(now, away=away)
        if now.replies:
            now.state.last = [_kept(one) for one in now.replies]
        return Turn(events=now.events, replies=now.replies, state=now.state, trace=now.opinions.trace)


def _part(state: State, whose: str) -> None:
    """Who was logged in is not any more: what was begun, picked or told as theirs is not for whoever writes now."""
    if state.whose:
        state.job, state.pending, state.carried, state.finished, state.last = None, None, {}, "", []
    state.whose = whose


def _answer(now: Moment, *, away: bool) -> None:
    """The rules, the first that applies has it."""
    if now.state.owner == "person":
        return _forward(now)
    if not now.text:
        return now.say("empty")
    act = now.opinions.act(now.text)
    if why := person.wanted(now, act):
        return person.hand_off(now, why)
    waiting = now.state.pending
    if waiting is not None and waiting.what == "number" and person.took_number(now):
        return None
    if person.stopped(now):
        return person.turned_off(now)
    if away and now.state.job is not None:
        now.say("resumed", old=now.title(now.state.job.name))
        if now.state.pending is not None and now.state.pending.what == "confirm":
            return jobs.ask_next(now)
    if act == "repeat":
        return _repeat(now)
    if now.state.pending is not None and question.answered(now, act):
        return None
    return topics.take_up(now, act)


def _forward(now: Moment) -> None:
    """A person has the conversation: they see the message, and the assistant keeps still after saying so once."""
    now.event("forwards")
    if now.state.last and now.state.last[-1]["id"] != "say.taken":
        now.say("taken")


def _repeat(now: Moment) -> None:
    now.event("repeats")
    if not now.state.last:
        return now.say("nothing")
    now.replies += [
        Reply(id=one["id"], text=one["text"], choices=one["choices"], source=one["source"]) for one in now.state.last
    ]
    return None


def _kept(reply: Reply) -> dict[str, object]:
    return {"id": reply.id, "text": reply.text, "choices": reply.choices, "source": reply.source}
