"""What is wrong with an assistant before anybody talks to it: each finding with its place and what to write instead.

Looks at what is written and at the labels of its specialists; runs no conversation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from metier.assistant import hours, learn, read, scope
from metier.assistant.base import LATER, BadAssistant, Job, Minds, Place, Remark, Script
from metier.assistant.called import called
from metier.assistant.mentions import mentions
from metier.assistant.promises import promises
from metier.assistant.tested import tested
from metier.assistant.wording import plain
from metier.data.spans import unmarked

FEWEST = 5  # phrases of a job that no label starts
DESK = re.compile(r"asked|complaint|vulnerable|\d+ (?:misunderstandings|failed steps)")


def check(script: Script, minds: Minds | None = None) -> list[Remark]:
    """Everything found, errors first. With `minds` what the specialists themselves would do is looked at, too."""
    found = [
        *_models(script),
        *_labels(script),
        *_phrases(script),
        *_jobs(script),
        *called(script),
        *mentions(script),
        *_currency(script),
        *promises(script),
        *tested(script),
        *_desk(script),
    ]
    if minds is not None:
        found += _specialists(script, minds)
    return sorted(found, key=lambda one: ("error", "warning", "note").index(one.grade))


def sound(home: Path, models: str = read.MODELS) -> Script:
    """What an author wrote, if nothing in it keeps customers from being served; what is wrong in tests does not.

    Raises: BadAssistant with every error.
    """
    script = read.load(home, models)
    wrong = [one for one in check(script) if one.grade == "error" and not one.place.file.startswith("tests/")]
    if wrong:
        raise BadAssistant("\n".join(f"{one.place}: {one.problem} {one.fix}" for one in wrong))
    return script


def _labels(script: Script) -> Iterator[Remark]:
    known = _known_labels(script)
    claimed: dict[str, Job] = {}
    for job in script.jobs.values():
        for label in job.when:
            place = job.places[f"when {label}"]
            if known is not None and label not in known:
                yield Remark(
                    place=place,
                    grade="error",
                    problem=f"the intent specialist has no label '{label}'.",
                    fix=_nearest(known, label),
                )
            if label in script.desk.when:
                yield Remark(
                    place=place, grade="error", problem=f"'{label}' goes to a person "
                    f"({script.sources.get('person', 'by itself')}), and never starts {job.name}.",
                    fix="Leave it to one of the two.",
                )  # fmt: skip
            if label in claimed:
                yield Remark(
                    place=place, grade="error", problem=f"'{label}' starts {claimed[label].name} already "
                    f"({claimed[label].places[f'when {label}']}).",
                    fix="Leave it to one of the two.",
                )  # fmt: skip
            claimed.setdefault(label, job)
    free = sorted((known or set()) - claimed.keys() - set(script.desk.when))
    if free:
        yield Remark(
            place=script.sources["jobs"], grade="note", problem=f"{len(free)} labels fall to knowledge or a "
            f"person: {', '.join(free)}.",
            fix="Name them under `when` where a job should have them.",
        )  # fmt: skip


def _nearest(known: set[str], label: str) -> str:
    near = sorted(known, key=lambda one: -_alike(one, label))[:3]
    return f"Nearest: {', '.join(near)}." if near else "Name rows with labels, `models: {intent: FILE}`, or use `like`."


def _models(script: Script) -> Iterator[Remark]:
    for learnt in script.models.values():
        if learnt.rows is None and not (learnt.folder / "specialist.json").is_file():
            yield Remark(
                place=learnt.place, grade="error", problem=f"there is no specialist in {learnt.folder}.",
                fix="Name the folder that `metier train` wrote, or the files of rows it is to be learnt from.",
            )  # fmt: skip
    told = _personal(script)
    for kind in script.redact or ():
        if kind not in read.PERSONAL and kind not in told:
            yield Remark(
                place=script.sources["privacy"], grade="warning", problem=f"nothing takes out '{kind}'.",
                fix=f"Taken out by form and checksum: {', '.join(read.PERSONAL)}; by `models: {{pii: FILE}}`: "
                f"{', '.join(sorted(told)) or 'what is marked there'}.",
            )  # fmt: skip


def _phrases(script: Script) -> Iterator[Remark]:
    """Of two places where a phrase stands, the later one has it; what is marked in them are slots."""
    said: dict[str, Place] = {}
    for job in script.jobs.values():
        for phrase, marked in zip(job.like, job.marked, strict=False):
            if strange := {span.label for span in unmarked(marked)[1]} - job.ask.keys():
                yield Remark(
                    place=job.places[f"like {phrase}"], grade="error", problem=f"{job.name} asks for no "
                    f"{', '.join(sorted(strange))}, which is marked here.",
                    fix=f"Slots: {', '.join(job.ask) or 'none'}.",
                )  # fmt: skip
        for phrase in job.like:
            yield from _twice(said, phrase, job.places[f"like {phrase}"])
    asked: dict[str, Place] = {}
    for section in script.knowledge.values():
        for phrase in section.asked_as:
            yield from _twice(asked, phrase, section.place)


def _twice(seen: dict[str, Place], phrase: str, place: Place) -> Iterator[Remark]:
    first = seen.setdefault(plain(phrase), place)
    if first is not place:
        yield Remark(
            place=place, grade="warning", problem=f"'{phrase}' stands at {first}, too.", fix="Leave it in one place."
        )


def _jobs(script: Script) -> Iterator[Remark]:
    for job in script.jobs.values():
        if not job.when and not job.like:
            yield Remark(
                place=job.place,
                grade="error",
                problem=f"nothing starts {job.name}.",
                fix="Give it `when` with labels or `like` with examples.",
            )
        elif not job.when and len(job.like) < FEWEST:
            yield Remark(
                place=job.place,
                grade="warning",
                problem=f"{job.name} is learnt from {len(job.like)} phrases.",
                fix=f"Write {FEWEST} or more under `like`, as different customers would say it.",
            )
        if not job.do and job.done is None and job.answer is None:
            yield Remark(
                place=job.place,
                grade="error",
                problem=f"{job.name} does and says nothing.",
                fix="Give it `do`, `done` or `answer`.",
            )
        changing = [step for step in job.do if step.action in script.actions and script.actions[step.action].changes]
        if changing and job.confirm is None:
            yield Remark(
                place=job.places["do"], grade="error", problem=f"{job.name} does {changing[0].action}, which "
                f"changes something, without `confirm`.",
                fix='Add confirm: "..." that says exactly what will happen.',
            )  # fmt: skip
        if changing and not job.login:
            yield Remark(
                place=job.places["do"],
                grade="warning",
                problem=f"{job.name} changes something for anybody.",
                fix="Add login: true.",
            )


def _currency(script: Script) -> Iterator[Remark]:
    for job in script.jobs.values():
        if not any(slot.kind == "money" for slot in job.ask.values()):
            continue
        said = " ".join([*job.like, job.confirm or "", *(slot.say for slot in job.ask.values())])
        other = next((sign for sign in "£$€" if sign in said and sign != script.currency), None)
        if other is not None and script.currency not in said:
            yield Remark(
                place=job.place,
                grade="warning",
                problem=f"{job.name} speaks of {other}, and amounts are shown in {script.currency}.",
                fix=f'Add currency: "{other}" to the file.',
            )


def _desk(script: Script) -> Iterator[Remark]:
    desk, known = script.desk, _known_labels(script)
    for why in desk.when:
        if not DESK.fullmatch(why) and known is not None and why not in known:
            yield Remark(
                place=script.sources["person"], grade="error", problem=f"nothing brings '{why}' to a person.",
                fix=f"Words there: asked, complaint, vulnerable, 2 misunderstandings, 2 failed steps, or a label. "
                f"{_nearest(known, why)}",
            )  # fmt: skip
    if desk.closed != LATER and "number" in desk.closed and not desk.elsewhere:
        yield Remark(
            place=script.sources["person"], grade="warning",
            problem="closed asks for a number, and the desk built in keeps none.",
            fix="Name who calls, `to: {post: ...}`, or leave `closed` out: then a person answers here later.",
        )  # fmt: skip
    if script.desk.open is not None:
        try:
            hours.hours(script.desk.open)
        except BadAssistant as problem:
            yield Remark(place=script.sources["person"], grade="error", problem=str(problem), fix="")


def _specialists(script: Script, minds: Minds) -> Iterator[Remark]:
    for job in script.jobs.values():
        for phrase in job.like:
            if minds.scope is not None and _score(minds, phrase) < minds.scope_least:
                yield Remark(
                    place=job.places[f"like {phrase}"], grade="warning", problem=f"scope refuses '{phrase}'.",
                    fix="Train again, or write it more as a customer would.",
                )  # fmt: skip
    for section in script.knowledge.values():
        missed = [
            phrase
            for phrase in section.asked_as
            if (found := minds.library.find(phrase)) is None or not found.sure or found.id != section.id
        ]
        if missed and len(missed) == len(section.asked_as):
            yield Remark(
                place=section.place, grade="warning", problem=f"{section.id} is never found by its own `Asked as`.",
                fix="Train again, or word the questions apart from those of other sections.",
            )  # fmt: skip


def _score(minds: Minds, phrase: str) -> float:
    assert minds.scope is not None
    found = minds.library.find(phrase)
    familiar = max(minds.intent.predict([phrase])[0].scope, 0.0 if found is None else found.familiar)
    return scope.score(minds.scope.predict([phrase])[0], familiar)


def _known_labels(script: Script) -> set[str] | None:
    """What the intent specialist can say; None where it is a folder that is not there to be asked."""
    learnt = script.models["intent"]
    if learnt.rows is not None:
        return {label for _, label in learn.rows_of(script, "intent")}
    return _labels_in(learnt.folder)


def _personal(script: Script) -> set[str]:
    """What the specialist of personal data can tell."""
    learnt = script.models.get("pii")
    if learnt is None:
        return set()
    if learnt.rows is not None:
        return {span.label for text, _ in learn.rows_of(script, "pii") for span in unmarked(text)[1]}
    return _labels_in(learnt.folder) or set()


def _labels_in(folder: Path) -> set[str] | None:
    path = folder / "specialist.json"
    return set(json.loads(path.read_text(encoding="utf-8"))["labels"]) if path.is_file() else None


def _alike(one: str, other: str) -> float:
    mine, theirs = set(one.split("_")), set(other.split("_"))
    return len(mine & theirs) / len(mine | theirs)
