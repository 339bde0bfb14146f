"""A job from its start to what is said of it: what it may pick from, its next question, its summary, its steps.

No step that changes something runs before a summary was shown and agreed to: only `ask_next` and the answer to that
summary lead to `work`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metier.assistant import cues, slots
from metier.assistant.base import Action, BadAssistant, Job, Result, Slot
from metier.assistant.hours import times
from metier.assistant.moment import Moment
from metier.assistant.person import hand_off, turned_off
from metier.assistant.state import Pending, Running
from metier.assistant.templates import fill, gaps, shown
from metier.assistant.values import heard, options
from metier.assistant.wording import words


def start(now: Moment, job: Job, text: str) -> None:
    """Begin a job with what the message that asked for it says already."""
    now.state.misses = 0
    if job.name in now.message.off:
        return turned_off(now)
    if job.answer is not None:
        now.event("starts", job.name)
        told(now, job.answer)
        return None
    if job.login and now.message.customer is None:
        now.event("needs login", job.name)
        now.say("login")
        return None
    now.state.instances += 1
    now.state.job = Running(name=job.name, instance=now.state.instances)
    now.event("starts", job.name)
    if not all(_options(now, slot) for slot in job.ask.values() if slot.source):
        return None
    said = heard(now, text, [*job.ask.values()])
    for slot in job.ask.values():
        value = said.get(slot.name)
        if value is None:
            value = _begun_with(now, slot, text)
        if value is not None:
            slots.put(now, slot, value=value)
    ask_next(now)
    return None


def told(now: Moment, section: str) -> None:
    """A section of the knowledge, then the open question again."""
    now.tell(section)
    ask_again(now)


def waits_for(now: Moment) -> Pending | None:
    """What the running job has yet to ask; None where it can go to work."""
    running = now.running
    for slot in now.job.ask.values():
        if slot.name not in running.slots and slot.name not in running.skipped:
            held = now.state.pending
            return held if held is not None and held.slot == slot.name else Pending(what="slot", slot=slot.name)
    if now.job.confirm is not None and "confirm" not in now.faults:
        return Pending(what="confirm", shown=summary(now))
    return None


def ask_next(now: Moment) -> None:
    """The next question of the running job, its summary, or its work."""
    if now.state.job is None:
        return
    now.state.pending = pending = waits_for(now)
    if pending is None:
        work(now)
    elif pending.what == "confirm":
        now.event("confirms", value=pending.shown)
        now.say_of_job("confirm", pending.shown, choices=("Yes", "No"))
    else:
        slot = now.job.ask[pending.slot]
        now.event("asks", slot.name)
        choices = ("Yes", "No") if slot.kind == "yes_no" else [shown(one) for one in options(now, slot)]
        now.say_of_job(f"ask.{slot.name}", slot.say, choices=choices)


def ask_again(now: Moment) -> None:
    """The open question once more, after something else was said."""
    pending = now.state.pending
    if now.state.job is not None and pending is not None and pending.what in ("slot", "confirm", "what"):
        ask_next(now)
        if now.state.pending is not None:
            now.state.pending.tries = pending.tries


def summary(now: Moment) -> str:
    """What is about to be done, as the customer must agree to it."""
    return fill(now.job.confirm or "", _known(now))


def work(now: Moment) -> None:
    """Every step of the job, and what is said of it."""
    running, job = now.running, now.job
    changed = False
    for step in job.do:
        if step.given is not None and not running.slots.get(step.given):
            continue
        action = now.script.actions[step.action]
        result = _call(now, action)
        running.results[action.name] = result.value
        if result.outcome == "unknown" and action.changes:
            now.say("unknown")
            return hand_off(now, "outcome unknown")
        if result.outcome != "ok":
            return _failed(now, changed=changed)
        changed = changed or action.changes
    return _finished(now)


def _finished(now: Moment) -> None:
    text = _outcome(now)
    if text == "person":
        return hand_off(now, f"{now.job.name}: {_status(now)}")
    if text:
        now.say_of_job("done", fill(text, _known(now)))
    now.event("finishes", now.job.name)
    now.state.finished, now.state.job, now.state.failures = now.job.name, None, 0
    return None


def _outcome(now: Moment) -> str:
    done = now.job.done
    if isinstance(done, Mapping):
        return done.get(_status(now), done.get("other", "person"))
    return done or ""


def _status(now: Moment) -> str:
    held = [*now.running.results.values(), *now.running.slots.values()]
    return next((str(one["status"]) for one in held if isinstance(one, dict) and "status" in one), "")


def _failed(now: Moment, *, changed: bool) -> None:
    job = now.job
    now.state.failures += 1
    now.event("fails", job.name)
    most = times(now.script.desk.when, "failed steps")
    if changed or job.failed == "person" or (most is not None and now.state.failures >= most):
        return hand_off(now, "failed step")
    try:
        now.say_of_job("failed", fill(job.failed, _known(now)))
    except BadAssistant:
        now.say("failed")  # the other side did not say why
    now.state.job = now.state.pending = None
    return None


def _begun_with(now: Moment, slot: Slot, text: str) -> Any:
    """What a message before the first says of a slot; the only choice there is."""
    if slot.kind == "yes_no":
        return cues.named(text, slot.name, [word for like in (now.job.title, *now.job.like) for word in words(like)])
    value = slots.carried(now, slot, text)
    if value is not None or slot.kind != "pick":
        return value
    known = options(now, slot)
    return known[0] if len(known) == 1 else None


def _options(now: Moment, slot: Slot) -> bool:
    """Whether there is something to pick from; if not, the customer has been told."""
    running = now.running
    if slot.source in running.options:
        return True
    result = _call(now, now.script.actions[slot.source])
    items = result.value if isinstance(result.value, list) else []
    found = [dict(item) for item in items if isinstance(item, dict)]
    if result.outcome != "ok":
        _failed(now, changed=False)
        return False
    if not found:
        now.state.job = now.state.pending = None
        now.say("none")
        return False
    running.options[slot.source] = found
    return True


def _call(now: Moment, action: Action) -> Result:
    known, given = _known(now), now.running.slots
    used = {name.partition(".")[0] for text in (action.target, *action.body.values()) for name in gaps(text)}
    result = now.do(action, known, now.running.instance)
    args = dict(given) if action.how == "python" else {name: known[name] for name in sorted(used) if name in given}
    now.event("calls", action.name, args=args, outcome=result.outcome)
    return result


def _known(now: Moment) -> dict[str, Any]:
    running = now.running
    unset = {name: False for name, slot in now.job.ask.items() if slot.kind == "yes_no" or slot.optional}
    return {"customer": now.message.customer, **unset, **running.results, **running.slots}
