"""One turn: a state and a message to events, replies and the next state, by fixed rules over what the specialists say.

Models choose among a closed set of moves and cannot make one up. Knows no database, no network and no clock: actions go
through `do`, and the time is the message's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any, TypeVar

from metier.assistant import answers, cues
from metier.assistant.base import Action, BadAssistant, Found, Job, Message, Minds, Result, Script, Slot
from metier.assistant.desk import at_desk, next_open, times
from metier.assistant.scope import score
from metier.assistant.state import Event, Pending, Reply, Running, State, Thought, Turn, copy
from metier.assistant.templates import fill, gaps, shown
from metier.types import Decision

Do = Callable[[Action, Mapping[str, Any], int], Result]
Made = TypeVar("Made")
AWAY = timedelta(minutes=30)  # after which a confirmation is shown again before it counts
RETRIES = 2
SURE_ACT = 0.5
MOST_OFFERED = 3
MOST_CHARACTERS = 2_000
SOCIAL = ("greet", "thanks", "bye", "bot", "capability")


class Rules:
    """The rules of one assistant, for any number of conversations.

    `faults` switches single safeguards off; only tests use it, to see that transcripts notice.
    """

    def __init__(self, script: Script, minds: Minds, *, faults: frozenset[str] = frozenset()) -> None:
        self.script, self.minds, self.faults = script, minds, faults
        self.by_label = {label: job for job in script.jobs.values() for label in (*job.when, f"job:{job.name}")}
        self.by_phrase = {_plain(phrase): f"job:{job.name}" for job in script.jobs.values() for phrase in job.like}

    def turn(self, state: State, message: Message, do: Do) -> Turn:
        """What comes of a message. The state given is not changed.

        Raises: BadAssistant where the author's templates name what is not there.
        """
        return _Turn(self, copy(state), message, do).run()


def _plain(text: str) -> str:
    return " ".join(answers.words(text))


def _since(started: float) -> float:
    return round((perf_counter() - started) * 1000, 3)


class _Turn:
    def __init__(self, rules: Rules, state: State, message: Message, do: Do) -> None:
        self.rules, self.state, self.message, self.do = rules, state, message, do
        self.script, self.minds = rules.script, rules.minds
        self.text = rules.minds.speller.mend(message.text[:MOST_CHARACTERS].strip())
        self.events: list[Event] = []
        self.replies: list[Reply] = []
        self.trace: list[Thought] = []
        self.decided: dict[tuple[str, str], Decision] = {}
        self.sought: dict[str, Found | None] = {}

    def run(self) -> Turn:
        away = bool(self.state.at) and self.message.at - datetime.fromisoformat(self.state.at) > AWAY
        self.state.turn += 1
        self.state.at = self.message.at.isoformat()
        self._answer(away=away)
        if self.replies:
            self.state.last = [
                {"id": one.id, "text": one.text, "choices": one.choices, "source": one.source} for one in self.replies
            ]
        return Turn(events=self.events, replies=self.replies, state=self.state, trace=self.trace)

    # the order of the rules ------------------------------------------------------------------------------------------

    def _answer(self, *, away: bool) -> None:
        if self.state.owner == "person":
            self._event("forwards")
            return self._say("taken") if self.state.last and self.state.last[-1]["id"] != "say.taken" else None
        if not self.text:
            return self._say("empty")
        act = self._timed("acts", self._act)
        if self._always_wins(act):
            return None
        if self.state.pending is not None and self.state.pending.what == "number":
            return self._number()
        if away and self.state.job is not None:
            self._say("resumed", old=self._title(self.state.job.name))
            if self.state.pending is not None and self.state.pending.what == "confirm":
                return self._ask_next()
        if act == "repeat":
            return self._repeat()
        if self.state.pending is not None and self._answers_it(act):
            return None
        return self._anew(act)

    def _always_wins(self, act: str) -> bool:
        why = {"person": "asked", "complaint": "complaint", "vulnerable": "vulnerable"}.get(act)
        if cues.asks_for_person(self.text):
            why = "asked"
        elif cues.vulnerable(self.text):
            why = "vulnerable"
        if why is None or (why != "asked" and why not in self.script.desk.when):
            return False
        self._hand_off(why)
        return True

    def _answers_it(self, act: str) -> bool:
        """Whether the message says something to the question that is open; if so, it has been dealt with."""
        waiting = self._pending
        if act == "cancel" and not cues.keeps_going(self.text):
            self._cancel()
            return True
        if waiting.what == "switch":
            return self._switched(act)
        if waiting.what == "offer":
            return self._chosen()
        if self.state.job is None:
            return False
        leftover = self._set_values(act)
        if leftover is None:
            return self._says_of_it(act)
        for question in leftover:
            self._side(question, quiet=True)
        self._ask_next()
        return True

    def _says_of_it(self, act: str) -> bool:
        """What is no value: a yes to the summary, a skip, a wish to go back, an amount that is not allowed."""
        waiting = self._pending
        if waiting.what == "confirm":
            return self._confirmed(act)
        if waiting.what == "what":
            return self._which()
        if act == "skip":
            return self._skip()
        vague = answers.correcting(self.text) and not answers.asking(self.text) and len(answers.words(self.text)) < 6
        if act == "correct" or vague:
            return self._ask_what()
        return self._outside_bounds()

    def _anew(self, act: str) -> None:
        """A message that answers nothing: talk, a question of its own, or another job."""
        if act in SOCIAL and self.minds.acts is not None:
            self._event("says", act)
            self._say(act)
            return self._again()
        if self.state.job is None and act in ("yes", "no", "cancel", "skip") and len(answers.words(self.text)) < 6:
            return self._say("nothing")
        if self.state.job is None and act == "correct" and self.state.finished and not answers.asking(self.text):
            return self._say("done_already")
        if self._side(self.text):
            return None
        return self._missed()

    # a question of its own
    # ---------------------------------------------------------------------------------------------

    def _side(self, text: str, *, quiet: bool = False) -> bool:
        """Answer, start, switch, offer or decline; `quiet` only ever answers."""
        busy = self.state.job is not None
        text = answers.opened(text)
        phrase = self.rules.by_phrase.get(_plain(text))
        if phrase is not None and not quiet and self._labelled(phrase, text):
            return True
        if not quiet and not self._timed("scope", lambda: self._ours(text)):
            return self._declined()
        found = self._timed("knowledge", lambda: self._found(text)) if busy or quiet or answers.asking(text) else None
        if found is not None and (quiet or (busy and answers.asking(text))):
            self._tell(found.id)
            if not quiet:
                self._again()
            return True
        if quiet:
            return False
        decision = self._timed("intent", lambda: self._decide("intent", self.minds.intent, text))
        known = decision.reason != "out_of_scope"
        labels = [one.label for one in decision.candidates] if known else []
        closer = found is not None and found.score > decision.probability
        if len(labels) == 1 and not closer and self._labelled(labels[0], text):
            return True
        if found is None:
            found = self._timed("knowledge", lambda: self._found(text))
        if found is not None and (answers.asking(text) or len(labels) < 2):
            return self._told(found.id)
        if 1 <= len(labels) <= MOST_OFFERED and not busy:
            self._offer(labels)  # one label that is nobody's job can be a person's
            return True
        return False

    def _labelled(self, label: str, text: str) -> bool:
        if label in self.script.desk.when:
            self._hand_off(label)
            return True
        job = self.rules.by_label.get(label)
        if job is None:
            return False
        running = self.state.job
        if running is not None and running.name == job.name:
            return False
        if job.answer is not None:
            self._event("starts", job.name)
            return self._told(job.answer)
        if running is not None:
            self.state.pending = Pending(what="switch", job=job.name, text=text)
            self._event("switches", job.name)
            self._say("drop", choices=("Yes", "No"), old=self._title(running.name), new=job.title)
            return True
        self._start(job, text)
        return True

    def _told(self, section: str) -> bool:
        self._tell(section)
        self._again()
        return True

    def _tell(self, section: str) -> None:
        held = self.script.knowledge[section]
        self.state.misses = 0
        self._event("answers", section)
        self.replies.append(Reply(id=section, text=held.text, source=held.title))

    def _declined(self) -> bool:
        """Not ours. Words that answer an open question no better count as not understood, questions do not."""
        self._event("declines")
        waiting = self.state.pending
        if waiting is not None and waiting.what == "slot" and not answers.asking(self.text):
            waiting.tries += 1
            if waiting.tries > RETRIES:
                self._hand_off(f"{RETRIES} misunderstandings")
                return True
        before = self.state.last[0]["id"] if self.state.last else ""
        self._say("decline_again" if before == "say.decline" else "decline")
        self._again()
        return True

    def _offer(self, labels: Sequence[str]) -> None:
        self.state.pending = Pending(what="offer", choices=[*labels, "person"], text=self.text)
        self._event("offers", args={"choices": [*labels, "person"]})
        self._say("unsure", choices=[self._spoken(label) for label in labels] + ["A person"])

    def _missed(self) -> None:
        self.state.misses += 1
        waiting = self.state.pending
        if waiting is not None and waiting.what == "slot":
            waiting.tries += 1
        most = times(self.script.desk.when, "misunderstandings") or RETRIES
        tried = waiting.tries if waiting is not None and waiting.what == "slot" else 0
        if tried > RETRIES or (tried == 0 and self.state.misses > most):
            return self._hand_off(f"{most} misunderstandings")
        self._event("misses")
        self._say("unsure_again")
        return self._again()

    # the open question
    # -------------------------------------------------------------------------------------------------

    def _switched(self, act: str) -> bool:
        said = answers.yes_no(self.text)
        said = {"yes": True, "no": False}.get(act) if said is None else said
        waiting, running = self._pending, self.state.job
        if said is None:
            if answers.asking(self.text) or len(answers.words(self.text)) > 4:
                self.state.pending = None
                self._restore()
                return False
            self._say(
                "drop",
                choices=("Yes", "No"),
                old=self._title(running.name if running else ""),
                new=self._title(waiting.job),
            )
            return True
        self.state.pending = None
        if not said:
            self._say("kept")
            self._ask_next()
            return True
        if running is not None:
            self._event("cancels", running.name)
            self._say("cancelled")
        self.state.job = None
        self._start(self.script.jobs[waiting.job], waiting.text)
        return True

    def _restore(self) -> None:
        """The question of the running job, open again, without asking it."""
        asked, replied = len(self.events), len(self.replies)
        self._ask_next()
        del self.events[asked:], self.replies[replied:]

    def _chosen(self) -> bool:
        waiting = self._pending
        spoken = {("A person" if one == "person" else self._spoken(one)): one for one in waiting.choices}
        said = answers.choose(self.text, list(spoken))
        if said is None or len(answers.words(self.text)) > 8:
            self.state.pending = None
            return False
        self.state.pending = None
        label = spoken[said]
        if label == "person":
            self._hand_off("asked")
        elif not self._labelled(label, waiting.text):
            found = self._found(self._spoken(label)) or self._found(waiting.text)
            if found is None:
                self._hand_off("asked")
            else:
                self._told(found.id)
        return True

    def _which(self) -> bool:
        running = self._running
        for name in self._pending.choices:
            if name.replace("_", " ") in self.text.casefold() or answers.choose(self.text, [name.replace("_", " ")]):
                running.slots.pop(name, None)
                self._ask_next()
                return True
        return False

    def _ask_what(self) -> bool:
        running = self._running
        given = [name for name in running.order if name in running.slots]
        if not given:
            return False
        if len(given) == 1:
            running.slots.pop(given[0])
            self._ask_next()
            return True
        self.state.pending = Pending(what="what", choices=given)
        self._event("asks", "what")
        self._say("what", choices=[name.replace("_", " ") for name in given])
        return True

    def _skip(self) -> bool:
        slot = self._job.ask[self._pending.slot]
        if slot.kind == "yes_no":
            self._put(slot, value=False)
        elif slot.optional:
            self._running.skipped.append(slot.name)
        else:
            self._say("needed")
        self._ask_next()
        return True

    def _outside_bounds(self) -> bool:
        waiting = self._pending
        if waiting.what != "slot":
            return False
        slot = self._job.ask[waiting.slot]
        if slot.kind not in ("money", "number") or answers.asking(self.text):
            return False
        number = answers.amount(self.text)
        if number is None:
            return False
        waiting.tries += 1
        if waiting.tries > RETRIES:
            self._hand_off(f"{RETRIES} misunderstandings")
            return True
        tries = waiting.tries
        money = "£" if slot.kind == "money" else ""
        self._say(
            "range",
            least=f"{money}{shown(slot.least or 0.0)}",
            most=f"{money}{shown(slot.most)}" if slot.most is not None else "any more",
        )
        self._ask_next()
        self._pending.tries = tries
        return True

    def _confirmed(self, act: str) -> bool:
        said = answers.yes_no(self.text)
        if (
            said is None
            and not answers.asking(self.text)
            and act in ("yes", "no")
            and len(answers.words(self.text)) < 8
        ):
            said = False if act == "no" else None if answers.negates(self.text) else True
        if said and not answers.asking(self.text):
            if self._pending.shown == self._summary():
                self.state.pending = None
                self._work()
            else:
                self._ask_next()
            return True
        if act == "correct" and self._ask_what():
            return True
        if said is False:
            self._cancel()
            return True
        return False

    def _cancel(self) -> None:
        running, self.state.job, self.state.pending = self.state.job, None, None
        self._event("cancels", running.name if running else "")
        self._say("stopped" if running is not None and running.results.get("_changed") else "cancelled")

    def _repeat(self) -> None:
        self._event("repeats")
        if not self.state.last:
            return self._say("nothing")
        self.replies += [
            Reply(id=one["id"], text=one["text"], choices=one["choices"], source=one["source"])
            for one in self.state.last
        ]
        return None

    # slots
    # -------------------------------------------------------------------------------------------------------------

    def _set_values(self, act: str) -> list[str] | None:
        """Set whatever the message says; the questions it asks besides, or None where it set nothing."""
        wanted = self._pending.slot
        parts = answers.clauses(self.text) or [self.text]
        questions = [part for part in parts if self._is_question(part)]
        taking_back = self._takes_back(act)
        done: set[str] = set()
        rest = []
        for part in parts:
            if part not in questions and not self._set_named(part, wanted, done, taking_back=taking_back):
                rest.append(part)
        rest = [part for part in rest if part not in questions]
        if done and taking_back:  # "no wait" before "the green one" answers no question
            rest = [part for part in rest if answers.unmarked(part)]
        for part in rest:
            self._set_polar(part, wanted, done, taking_back=taking_back)
        self._set_by_act(act, wanted, done, alone=not questions and not (done and taking_back))
        if not done:
            return None
        self.state.misses = 0
        self._running.skipped = [name for name in self._running.skipped if name not in done]
        return questions

    def _takes_back(self, act: str) -> bool:
        if "correction" in self.rules.faults:
            return False
        return act == "correct" or answers.correcting(self.text) or self._pending.what in ("confirm", "what")

    def _set_named(self, part: str, wanted: str, done: set[str], *, taking_back: bool) -> bool:
        """Picks, amounts and the like that a part of the message names."""
        text = answers.unmarked(part) or part
        open_slots = [
            one for one in self._in_order(wanted) if one.kind not in ("yes_no", "text") and one.name not in done
        ]
        hit = {slot.name for slot in open_slots if self._take(slot, text, taking_back=taking_back)}
        done |= hit
        return bool(hit)

    def _set_polar(self, part: str, wanted: str, done: set[str], *, taking_back: bool) -> None:
        for slot in self._in_order(wanted):
            if (
                slot.kind == "yes_no"
                and slot.name not in done
                and self._polar(slot, part, wanted, taking_back=taking_back)
            ):
                done.add(slot.name)
                return

    def _set_by_act(self, act: str, wanted: str, done: set[str], *, alone: bool) -> None:
        """What the specialist of acts makes of a short answer, and any answer to a question for text."""
        slot = self._job.ask.get(wanted)
        if slot is None:
            return
        short = len(answers.words(self.text)) < 8
        agreed = act == "no" or (act == "yes" and not answers.negates(self.text))
        if slot.kind == "yes_no" and slot.name not in done and alone and short and agreed:
            self._put(slot, value=act == "yes")
            done.add(slot.name)
        if slot.kind == "text" and not done and not answers.asking(self.text):
            self._put(slot, value=self.text)
            done.add(slot.name)

    def _is_question(self, part: str) -> bool:
        return (
            answers.asking(part if not self.text.endswith("?") else self._with_mark(part))
            and len(answers.words(part)) > 2
            and not answers.CUE.search(part)
        )

    def _with_mark(self, part: str) -> str:
        return part + "?" if self.text.rstrip("?! ").endswith(part.rstrip("?! ")) else part

    def _in_order(self, wanted: str) -> list[Slot]:
        return sorted(self._job.ask.values(), key=lambda slot: slot.name != wanted)

    def _take(self, slot: Slot, text: str, *, taking_back: bool) -> bool:
        held = self._running.slots.get(slot.name)
        if held is not None and not taking_back:
            return False
        value = self._parsed(slot, text)
        if value is None or value == held:
            return False
        self._put(slot, value=value)
        return True

    def _parsed(self, slot: Slot, text: str) -> Any:
        value = answers.parse(text, slot, self._running.options.get(slot.source, ()))
        if slot.kind == "money" and value is not None:
            return {"amount": value, "name": f"£{shown(value)}"}
        return value

    def _polar(self, slot: Slot, part: str, wanted: str, *, taking_back: bool) -> bool:
        held = self._running.slots.get(slot.name)
        if slot.name == wanted:
            value = answers.yes_no(part)
        elif (taking_back and held is not None) or held is None:
            value = cues.polarity(part, slot.say)
        else:
            value = None
        if value is None or value == held:
            return False
        self._put(slot, value=value)
        return True

    def _put(self, slot: Slot, *, value: Any) -> None:
        running = self._running
        running.slots[slot.name] = value
        running.order = [*(name for name in running.order if name != slot.name), slot.name]
        if slot.kind in ("pick", "money"):
            self.state.carried[slot.source or slot.kind] = value
        self._event("sets", slot.name, value=value)

    # jobs
    # --------------------------------------------------------------------------------------------------------------

    def _start(self, job: Job, text: str) -> None:
        self.state.misses = 0
        if job.answer is not None:
            self._event("starts", job.name)
            self._told(job.answer)
            return
        if job.login and self.message.customer is None:
            self._event("needs login", job.name)
            self._say("login")
            return
        self.state.instances += 1
        self.state.job = Running(name=job.name, instance=self.state.instances)
        self._event("starts", job.name)
        if not all(self._options(slot) for slot in job.ask.values() if slot.kind == "pick"):
            return
        for slot in job.ask.values():
            value = self._begun_with(slot, text)
            if value is not None:
                self._put(slot, value=value)
        self._ask_next()

    def _begun_with(self, slot: Slot, text: str) -> Any:
        """What the first message, or one before it, says of a slot; the only choice there is."""
        if slot.kind in ("yes_no", "text"):
            return None
        value = self._parsed(slot, text)
        if value is not None or slot.kind != "pick":
            return value
        options = self._running.options.get(slot.source, [])
        carried = self.state.carried.get(slot.source, {}).get("id")
        if carried is not None and cues.points_back(text):  # by its id: what was frozen since looks different
            value = next((one for one in options if one.get("id") == carried), None)
        return options[0] if value is None and len(options) == 1 else value

    def _options(self, slot: Slot) -> bool:
        running = self._running
        if slot.source in running.options:
            return True
        action = self.script.actions[slot.source]
        result = self._call(action)
        items = result.value if isinstance(result.value, list) else []
        options = [dict(item) for item in items if isinstance(item, dict)]
        if result.outcome != "ok":
            self._failed(changed=False)
            return False
        if not options:
            self.state.job = self.state.pending = None
            self._say("none")
            return False
        running.options[slot.source] = options
        return True

    def _ask_next(self) -> None:
        running, job = self.state.job, None
        if running is None:
            return None
        job = self._job
        for slot in job.ask.values():
            if slot.name not in running.slots and slot.name not in running.skipped:
                if self.state.pending is None or self.state.pending.slot != slot.name:
                    self.state.pending = Pending(what="slot", slot=slot.name)
                options = running.options.get(slot.source, [])
                self._event("asks", slot.name)
                choices = ("Yes", "No") if slot.kind == "yes_no" else [shown(one) for one in options]
                self.replies.append(Reply(id=f"jobs.{job.name}.ask.{slot.name}", text=slot.say, choices=list(choices)))
                return None
        if job.confirm is not None and "confirm" not in self.rules.faults:
            summary = self._summary()
            self.state.pending = Pending(what="confirm", shown=summary)
            self._event("confirms", value=summary)
            self.replies.append(Reply(id=f"jobs.{job.name}.confirm", text=summary, choices=["Yes", "No"]))
            return None
        self.state.pending = None
        return self._work()

    def _summary(self) -> str:
        return fill(self._job.confirm or "", self._known())

    def _again(self) -> None:
        """The open question once more, after something else was said."""
        if (
            self.state.job is not None
            and self.state.pending is not None
            and self.state.pending.what in ("slot", "confirm", "what")
        ):
            tries = self.state.pending.tries
            self._ask_next()
            if self.state.pending is not None:
                self.state.pending.tries = tries

    def _work(self) -> None:
        """Every step of the job, and what is said of it."""
        running, job = self._running, self._job
        changed = False
        for step in job.do:
            if step.given is not None and not running.slots.get(step.given):
                continue
            action = self.script.actions[step.action]
            result = self._call(action)
            running.results[action.name] = result.value
            if result.outcome == "unknown" and action.changes:
                self._say("unknown")
                return self._hand_off("outcome unknown")
            if result.outcome != "ok":
                return self._failed(changed=changed)
            changed = changed or action.changes
        text = self._outcome()
        if text == "person":
            return self._hand_off(f"{job.name}: {self._status()}")
        if text:
            self.replies.append(Reply(id=f"jobs.{job.name}.done", text=fill(text, self._known())))
        self._event("finishes", job.name)
        self.state.finished, self.state.job, self.state.failures = job.name, None, 0
        return None

    def _outcome(self) -> str:
        done = self._job.done
        if isinstance(done, Mapping):
            return done.get(self._status(), done.get("other", "person"))
        return done or ""

    def _status(self) -> str:
        held = [*self._running.results.values(), *self._running.slots.values()]
        return next((str(one["status"]) for one in held if isinstance(one, dict) and "status" in one), "")

    def _failed(self, *, changed: bool) -> None:
        job = self._job
        self.state.failures += 1
        self._event("fails", job.name)
        most = times(self.script.desk.when, "failed steps")
        if changed or job.failed == "person" or (most is not None and self.state.failures >= most):
            return self._hand_off("failed step")
        try:
            self.replies.append(Reply(id=f"jobs.{job.name}.failed", text=fill(job.failed, self._known())))
        except BadAssistant:
            self._say("failed")  # the other side did not say why
        self.state.job = self.state.pending = None
        return None

    def _call(self, action: Action) -> Result:
        known = self._known()
        used = {name.partition(".")[0] for text in (action.target, *action.body.values()) for name in gaps(text)}
        result = self.do(action, known, self._running.instance)
        args = {name: known[name] for name in sorted(used) if name in self._running.slots}
        if action.how == "python":
            args = dict(self._running.slots)
        self._event("calls", action.name, args=args, outcome=result.outcome)
        return result

    def _known(self) -> dict[str, Any]:
        running = self._running
        unset = {name: False for name, slot in self._job.ask.items() if slot.kind == "yes_no" or slot.optional}
        return {"customer": self.message.customer, **unset, **running.results, **running.slots}

    # people
    # ------------------------------------------------------------------------------------------------------------

    def _hand_off(self, why: str) -> None:
        desk = self.script.desk
        if at_desk(desk.open, self.message.at):
            self._event("hands off", why, args=self._told_so_far())
            self._say("person")
            self.state.owner, self.state.pending = "person", None
            return
        self._event("hands off", why, outcome="closed", args=self._told_so_far())
        self.replies.append(
            Reply(id="person.closed", text=fill(desk.closed, {"next_open": next_open(desk.open, self.message.at)}))
        )
        self.state.job, self.state.pending = None, Pending(what="number")

    def _told_so_far(self) -> dict[str, Any]:
        running = self.state.job
        return {} if running is None else {"job": running.name, **running.slots}

    def _number(self) -> None:
        self.state.pending = None
        if cues.leaves_number(self.text):
            self._event("leaves number")
            return self._say("taken")
        return self._answer(away=False)

    # what the specialists say
    # ------------------------------------------------------------------------------------------

    def _act(self) -> str:
        if said := cues.act(self.text):
            return said
        if self.minds.acts is None:
            return ""
        decision = self._decide("acts", self.minds.acts, self.text)
        sure = decision.accepted and decision.label not in (None, "none") and decision.probability >= SURE_ACT
        return decision.label or "" if sure else ""

    def _ours(self, text: str) -> bool:
        """Whether the message is ours at all."""
        if self.minds.scope is None or "scope" in self.rules.faults:
            return True
        decision = self._decide("scope", self.minds.scope, text)
        near = self._sought(text)
        intent = self._decide("intent", self.minds.intent, text)
        return score(decision, max(intent.scope, 0.0 if near is None else near.familiar)) >= self.minds.scope_least

    def _sought(self, text: str) -> Found | None:
        if text not in self.sought:
            started = perf_counter()
            self.sought[text] = found = self.minds.library.find(text)
            if found is not None:
                self.trace.append(
                    Thought(step="knowledge says", ms=_since(started), said=found.id, score=round(found.score, 4))
                )
        return self.sought[text]

    def _found(self, text: str) -> Found | None:
        found = self._sought(text)
        return found if found is not None and found.sure else None

    def _decide(self, name: str, mind: Any, text: str) -> Decision:
        if (name, text) not in self.decided:
            decision: Decision = mind.predict([text])[0]
            self.decided[name, text] = decision
            among = [(one.label, round(one.probability, 4)) for one in decision.candidates[:MOST_OFFERED]]
            said = decision.label or decision.reason or ""
            ms = round(decision.microseconds / 1000, 3)
            self.trace.append(
                Thought(step=f"{name} says", ms=ms, said=said, score=round(decision.probability, 4), candidates=among)
            )
        return self.decided[name, text]

    def _timed(self, step: str, work: Callable[[], Made]) -> Made:
        started = perf_counter()
        made = work()
        self.trace.append(Thought(step=step, ms=_since(started), said="" if isinstance(made, Decision) else str(made)))
        return made

    # words
    # -------------------------------------------------------------------------------------------------------------

    def _event(
        self, verb: str, name: str = "", *, value: Any = None, args: Mapping[str, Any] | None = None, outcome: str = ""
    ) -> None:
        self.events.append(Event(verb=verb, name=name, value=value, args=dict(args or {}), outcome=outcome))

    def _say(self, name: str, *, choices: Sequence[str] = (), **values: Any) -> None:
        titles = [job.title for job in self.script.jobs.values()]
        jobs = ", ".join(titles[:-1]) + f" and {titles[-1]}" if len(titles) > 1 else "".join(titles)
        text = fill(self.script.say[name], {"jobs": jobs, **values})
        self.replies.append(Reply(id=f"say.{name}", text=text, choices=list(choices)))

    def _title(self, job: str) -> str:
        return self.script.jobs[job].title if job in self.script.jobs else job

    def _spoken(self, label: str) -> str:
        return self._title(label[4:]) if label.startswith("job:") else label.replace("_", " ")

    @property
    def _pending(self) -> Pending:
        assert self.state.pending is not None
        return self.state.pending

    @property
    def _running(self) -> Running:
        assert self.state.job is not None
        return self.state.job

    @property
    def _job(self) -> Job:
        return self.script.jobs[self._running.name]
