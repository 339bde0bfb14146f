"""What is wrong with an assistant before anybody talks to it: each finding with its place and what to write instead.

Looks at what is written and at the labels of its specialists; runs no conversation.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from metier.assistant import hours, learn, scope, transcripts
from metier.assistant.base import LATER, BadAssistant, Job, Minds, Place, Script
from metier.assistant.templates import gaps
from metier.decide.measure import clopper_pearson
from metier.gateway.redact import redacted

SECRET = re.compile(
    r"(?i)\b(?:api[_-]?key|password|secret|token)\b\s*[:=]\s*\S{6,}|\bsk-[A-Za-z0-9]{16,}|\bBearer\s+[A-Za-z0-9._-]{16,}"
)
FEWEST = 5  # phrases of a job that no label starts
OWN_VALUES = ("customer", "next_open")


@dataclass(frozen=True, kw_only=True)
class Remark:
    """One finding: an `error` keeps the assistant from working as written, the rest is worth a look."""

    place: Place
    grade: str
    problem: str
    fix: str


def check(script: Script, minds: Minds | None = None) -> list[Remark]:
    """Everything found, errors first. With `minds` what the specialists themselves would do is looked at, too."""
    found = [
        *_labels(script),
        *_jobs(script),
        *_names(script),
        *_currency(script),
        *_promises(script),
        *_tests(script),
        *_hours(script),
    ]
    if minds is not None:
        found += _specialists(script, minds)
    return sorted(found, key=lambda one: ("error", "warning", "note").index(one.grade))


def _labels(script: Script) -> Iterator[Remark]:
    known = _known_labels(script)
    claimed: dict[str, Job] = {}
    for job in script.jobs.values():
        for label in job.when:
            place = job.places[f"when {label}"]
            if known and label not in known:
                near = ", ".join(sorted(known, key=lambda one: -_alike(one, label))[:3])
                yield Remark(
                    place=place,
                    grade="error",
                    problem=f"the intent specialist has no label '{label}'.",
                    fix=f"Nearest: {near}.",
                )
            if label in claimed:
                yield Remark(
                    place=place, grade="error", problem=f"'{label}' starts {claimed[label].name} already "
                    f"({claimed[label].places[f'when {label}']}).",
                    fix="Leave it to one of the two.",
                )  # fmt: skip
            claimed.setdefault(label, job)
    free = sorted(known - claimed.keys() - set(script.desk.when))
    if free:
        yield Remark(
            place=script.sources["jobs"], grade="note", problem=f"{len(free)} labels fall to knowledge or a "
            f"person: {', '.join(free)}.",
            fix="Name them under `when` where a job should have them.",
        )  # fmt: skip


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


def _names(script: Script) -> Iterator[Remark]:
    for job in script.jobs.values():
        yield from _steps(script, job)
        known = {*job.ask, *(step.action for step in job.do), *OWN_VALUES}
        texts: list[tuple[str, str]] = [("confirm", job.confirm or ""), ("failed", job.failed)]
        texts += [("done", text) for text in ([job.done] if isinstance(job.done, str) else (job.done or {}).values())]
        for key, text in texts:
            for name in gaps(text):
                if name.partition(".")[0] not in known:
                    yield Remark(
                        place=job.places.get(key, job.place), grade="error", problem=f"{key} of {job.name} "
                        f"names {{{name}}}, and there is no such slot or action.",
                        fix=f"Known here: {', '.join(sorted(known))}.",
                    )  # fmt: skip
        if job.answer is not None and job.answer not in script.knowledge:
            yield Remark(
                place=job.places["answer"], grade="error", problem=f"there is no section {job.answer}.",
                fix=f"Sections: {', '.join(sorted(script.knowledge)[:6])} ...",
            )  # fmt: skip


def _steps(script: Script, job: Job) -> Iterator[Remark]:
    named = [(step.action, job.places["do"]) for step in job.do] + [
        (s.source, s.place) for s in job.ask.values() if s.source
    ]
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
                fix=f"Slots: {', '.join(job.ask)}.",
            )  # fmt: skip
        known = script.actions.get(step.action)
        if known is not None and known.how == "python":
            file = f"{known.target.partition(':')[0]}.py"
            if not (script.folder / file).is_file():
                yield Remark(
                    place=known.place, grade="error", problem=f"there is no file {file} here.", fix="Write it."
                )


def _promises(script: Script) -> Iterator[Remark]:
    strange = len(learn.teaching(script).get("scope", []))
    for name, said in script.promise.items():
        if not said.endswith("%") or name != "out_of_scope_caught":
            continue
        share = float(said.rstrip("% ")) / 100
        if strange and 0 < share < 1:
            low, high = clopper_pearson(round(share * strange / learn.HELD_OUT), max(strange // learn.HELD_OUT, 1))
            if high - low > 0.1:
                yield Remark(
                    place=script.sources["promise"], grade="warning",
                    problem=f"{name}: {said} cannot be told from {low:.0%} to {high:.0%} by "
                    f"{strange // learn.HELD_OUT} rows held out.",
                    fix=f"Bring about {math.ceil(share * (1 - share) * (1.96 / 0.05) ** 2) * learn.HELD_OUT:,} "
                    f"rows to the scope file.",
                )  # fmt: skip


def _tests(script: Script) -> Iterator[Remark]:
    folder = script.folder / "tests"
    for path in sorted(folder.glob("**/*.md")) if folder.is_dir() else ():
        file = f"tests/{path.relative_to(folder).as_posix()}"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            place = Place(file=file, line=number)
            if SECRET.search(line):
                yield Remark(
                    place=place,
                    grade="error",
                    problem="this looks like a secret.",
                    fix="Take it out, and replace it where it is used.",
                )
            elif any(mark in redacted(line) for mark in ("[CARD_", "[IBAN_")) and not line.startswith("at:"):
                yield Remark(
                    place=place,
                    grade="error",
                    problem="a number with a valid checksum stands in a test.",
                    fix="Use one whose checksum is wrong.",
                )
    try:
        runs = transcripts.read_folder(folder) if folder.is_dir() else []
    except BadAssistant as problem:
        file, line = re.match(r"([^:]+):(\d+)", str(problem)).groups()  # type: ignore[union-attr]
        yield Remark(
            place=Place(file=file, line=int(line)), grade="error", problem=str(problem).partition(": ")[2], fix=""
        )
        return
    for one in (expected for run in runs for exchange in run.exchanges for expected in exchange.expected):
        slots = {name for job in script.jobs.values() for name in job.ask} | {"what"}
        pool: Mapping[str, object] = {"starts": script.jobs, "calls": script.actions, "answers": script.knowledge}.get(
            one.verb, {}
        )
        if (pool and one.name not in pool) or (one.verb in ("asks", "sets") and one.name not in slots):
            yield Remark(
                place=one.place,
                grade="error",
                problem=f"'{one.text}' names what the assistant does not have.",
                fix="Mend its spelling.",
            )


def _hours(script: Script) -> Iterator[Remark]:
    desk = script.desk
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


def _known_labels(script: Script) -> set[str]:
    learnt = script.models["intent"]
    if learnt.rows is not None:
        return {label for _, label in learn.rows_of(script, "intent")}
    path: Path = learnt.folder / "specialist.json"
    return set(json.loads(path.read_text(encoding="utf-8"))["labels"]) if path.is_file() else set()


def _alike(one: str, other: str) -> float:
    mine, theirs = set(one.split("_")), set(other.split("_"))
    return len(mine & theirs) / len(mine | theirs)
