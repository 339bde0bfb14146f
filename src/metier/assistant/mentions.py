"""What the texts, addresses and steps of an assistant name, and whether it is known by the time they are said or sent.

Runs nothing: what a turn would trip over is told from the order in which a job asks, sums up, does and says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

from metier.assistant.base import Action, Job, Place, Remark, Script
from metier.assistant.read import SAYS
from metier.assistant.templates import GAP, gaps


def mentions(script: Script) -> Iterator[Remark]:
    """Every name that leads nowhere, or is used before it stands for something."""
    for job in script.jobs.values():
        yield from _steps(script, job)
        yield from _choices(script, job)
        yield from _sent(script, job)
        yield from _said(job)
        if job.answer is not None and job.answer not in script.knowledge:
            yield Remark(
                place=job.places["answer"], grade="error", problem=f"there is no section {job.answer}.",
                fix=f"Sections: {', '.join(sorted(script.knowledge)[:6])} ...",
            )  # fmt: skip
    yield from _built_in(script)


def _steps(script: Script, job: Job) -> Iterator[Remark]:
    named = [(step.action, job.places["do"]) for step in job.do]
    named += [(slot.source, slot.place) for slot in job.ask.values() if slot.source]
    for action, place in named:
        if action not in script.actions:
            yield Remark(
                place=place,
                grade="error",
                problem=f"there is no action '{action}'.",
                fix=f"Actions: {', '.join(script.actions) or 'none'}.",
            )
    for step in job.do:
        if step.given is not None and step.given not in job.ask:
            yield Remark(
                place=job.places["do"], grade="error", problem=f"`if: {step.given}` names no slot of {job.name}.",
                fix=f"Slots: {', '.join(job.ask) or 'none'}.",
            )  # fmt: skip


def _choices(script: Script, job: Job) -> Iterator[Remark]:
    """What is picked from is fetched as the job starts: before a question is answered, and before anybody agrees."""
    for slot in job.ask.values():
        action = script.actions.get(slot.source)
        if action is None:
            continue
        if action.changes:
            yield Remark(
                place=slot.place, grade="error", problem=f"{slot.name} is picked from {action.name}, which changes "
                f"something, and nobody has agreed to that by then.",
                fix="Pick from an action that only reads.",
            )  # fmt: skip
        what = f"{action.name}, which {slot.name} of {job.name} is picked from,"
        yield from _unknown(job, what, action.place, _addressed(action), _customer(job))


def _sent(script: Script, job: Job) -> Iterator[Remark]:
    done: list[tuple[str, str | None]] = []
    for step in job.do:
        action = script.actions.get(step.action)
        if action is not None:
            # what is done only sometimes has come to something where this is done under the same condition
            known = _at_start(job) | {name for name, given in done if given in (None, step.given)}
            what = f"{action.name}, as {job.name} does it,"
            yield from _unknown(job, what, action.place, _addressed(action), known)
        done.append((step.action, step.given))


def _said(job: Job) -> Iterator[Remark]:
    always = {step.action for step in job.do if step.given is None}
    sometimes = {step.action: step.given for step in job.do if step.action not in always}
    after = _at_start(job) | always | sometimes.keys()
    done = [job.done] if isinstance(job.done, str) else list((job.done or {}).values())
    texts = [("confirm", job.confirm or "", _at_start(job)), ("failed", job.failed, after)]
    for key, text, known in texts + [("done", text, after) for text in done]:
        yield from _unknown(job, f"{key} of {job.name}", job.places.get(key, job.place), gaps(text), known)
    for name in (name for text in done for name in _values(text)):
        if given := sometimes.get(name.partition(".")[0]):
            yield Remark(
                place=job.places["done"], grade="error", problem=f"done of {job.name} needs {{{name}}}, which there "
                f"is only where {given} is true.",
                fix=f"Say it without that value, as in {{{given}: That is done, too.}}",
            )  # fmt: skip
    for slot in job.ask.values():
        if held := gaps(slot.say):
            yield Remark(
                place=slot.place, grade="warning", problem=f"{slot.name} asks with {{{held[0]}}}, and a question is "
                f"shown as it is written.",
                fix="Ask without it.",
            )  # fmt: skip


def _built_in(script: Script) -> Iterator[Remark]:
    texts = [("say", name, text, {"jobs", *gaps(SAYS[name])}) for name, text in script.say.items()]
    for key, name, text, known in [*texts, ("person", "closed", script.desk.closed, {"next_open"})]:
        for gap in gaps(text):
            if gap not in known:
                yield Remark(
                    place=script.sources[key], grade="error", problem=f"{name} names {{{gap}}}, and nothing of that "
                    f"name is known there.",
                    fix=f"Known there: {', '.join(sorted(known))}.",
                )  # fmt: skip


def _unknown(job: Job, what: str, place: Place, names: Iterable[str], known: Set[str]) -> Iterator[Remark]:
    for name in names:
        first = name.partition(".")[0]
        if first in known:
            continue
        problem = f"{what} names {{{name}}}, and there is no such slot or action."
        fix = f"Known here: {', '.join(sorted(known)) or 'nothing'}."
        if first == "customer":
            problem, fix = f"{what} names {{customer}}, and anybody may ask for {job.name}.", "Add login: true to it."
        elif first in job.ask or any(step.action == first for step in job.do):
            problem = f"{what} names {{{name}}} before {first} is known."
        yield Remark(place=place, grade="error", problem=problem, fix=fix)


def _addressed(action: Action) -> Iterator[str]:
    """The names an action is sent with. One that its address begins with is where the other side is."""
    if action.how == "python":
        return
    place = GAP.match(action.target)
    yield from gaps(action.target[place.end() :] if place is not None and "." not in place[1] else action.target)
    for text in action.body.values():
        yield from gaps(text)


def _values(text: str) -> list[str]:
    """The names whose values a text shows; those that only say whether words stand there are none."""
    return [gap[1] for gap in GAP.finditer(text) if gap[2] is None]


def _customer(job: Job) -> set[str]:
    return {"customer"} if job.login else set()


def _at_start(job: Job) -> set[str]:
    return {*job.ask, *_customer(job)}
