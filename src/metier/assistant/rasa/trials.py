"""Rasa's tests as transcripts of ours: test stories a message each, end-to-end tests as whole conversations."""

from __future__ import annotations

from collections.abc import Iterator

from metier.assistant.rasa.classic import SAYS, act, outside
from metier.assistant.rasa.draft import Draft, literal, plain_name
from metier.assistant.rasa.project import Case, Turn

SET = ("pick", "text", "number", "money", "yes_no")  # kinds whose values are written alike


def transcripts(draft: Draft) -> tuple[str, int]:
    """The file, and how many of Rasa's tests have a part in it."""
    out: list[str] = []
    said: set[str] = set()
    came = 0
    for story in draft.project.tests:
        had = False
        for step in story.steps:
            expected = _expected(draft, step.name) if step.kind == "intent" and step.text else ""
            had = had or bool(expected)
            if expected and step.text.casefold() not in said:
                said.add(step.text.casefold())
                out.append(f"## {_title(story.name)}: {_title(step.text)[:50]}\nas: ana\n> {step.text}\n{expected}\n")
        came += had
    for case in draft.project.cases:
        if lines := [*_conversation(draft, case)]:
            out.append("\n".join([f"## {_title(case.name)}", "as: ana", *lines]) + "\n")
            came += 1
    return ("# From Rasa's tests\n\n" + "\n".join(out) if out else ""), came


def _expected(draft: Draft, intent: str) -> str:
    """What a message of an intent must come to, said as the first thing."""
    if outside(intent):
        return "< declines"
    came, one = draft.does.get(intent, ""), act(intent)
    if came:
        return f"< answers {came}" if "#" in came else f"< starts {came}"
    if one == "person":
        return "< hands off asked"
    part = literal(draft.says.get(SAYS.get(one, ""), ""))
    return f'< says "{part}"' if part else ""


def _conversation(draft: Draft, case: Case) -> Iterator[str]:
    """The lines of one; nothing where nothing is known of what its first message must come to."""
    began = False
    skip = False
    for turn in case.turns:
        if skip or not turn.said or turn.said.startswith("/"):
            skip = False  # what agrees to a correction, which nobody has to here
            continue
        expected = [*_turn(draft, turn)]
        began = began or bool(expected)
        if not began:
            return
        yield f"> {turn.said}"
        yield from expected
        skip = any("slot_correction" in one for one in turn.utters)


def _turn(draft: Draft, turn: Turn) -> Iterator[str]:
    for flow in turn.starts:
        job = draft.called.get(flow, "")
        if job in draft.jobs and flow in draft.project.flows and not draft.project.flows[flow].part:
            yield f"< starts {job}"
    for slot, value in turn.sets:
        name = plain_name(slot)
        kinds = {next(iter(job.ask[name])) for job in draft.jobs.values() if name in job.ask}
        if kinds and kinds <= set(SET) and "\n" not in value and value.casefold() not in ("none", "null"):
            yield f"< sets {name} = {value}"
    for utter in dict.fromkeys(turn.utters):
        how, what = draft.spoken.get(utter, ("", ""))
        if how == "asks" and any(what in job.ask for job in draft.jobs.values()):
            yield f"< asks {what}"
        elif how == "confirms" and (part := literal(draft.jobs[what].confirm)):
            yield f'< confirms "{part}"'
        elif how == "says" and (part := literal(draft.text([utter])[0])):
            yield f'< says "{part}"'


def _title(name: str) -> str:
    return " ".join(name.split())
