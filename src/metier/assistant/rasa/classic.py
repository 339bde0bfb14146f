"""What a project's rules and stories lead to: intents to jobs, sections and the texts of what is built in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from metier.assistant.knowledge import slug
from metier.assistant.rasa.draft import OF_RASA, Draft, spoken
from metier.assistant.rasa.project import Form, Step, Story
from metier.assistant.rasa.written import BUILT_IN
from metier.assistant.templates import gaps

ACTS = {
    "greet": "greet|greeting|hello|hi|session_start",
    "bye": "goodbye|bye|good_bye",
    "yes": "affirm|yes|confirm|agree|accept",
    "no": "deny|no|reject|disagree|decline",
    "thanks": "thank|thanks|thankyou|thank_you",
    "bot": "bot_challenge|check_human|are_you_a_bot|ask_bot",
    "cancel": "stop|cancel|abort|quit|restart",
    "capability": "(?:ask_|ask_for_|get_)?help|capabilities|ask_capabilities|ask_whatspossible|what_can_you_do",
    "person": "(?:human_|trigger_)?hand_?off|talk_to_human|contact_human|agent|speak_to_human|ask_human",
    "repeat": "repeat|say_again",
    "skip": "skip",
    "complaint": "complaint|complain",
}
OUTSIDE = "out_of_scope|nlu_fallback|off_topic|outofscope"
SAYS = {"greet": "greet", "bye": "bye", "thanks": "thanks", "bot": "bot", "capability": "capability"}
NOT_DONE = ("utter_", "validate_")


def act(intent: str) -> str:
    """The act of conversation that an intent's name says; empty where it is none."""
    return next((name for name, pattern in ACTS.items() if re.fullmatch(pattern, intent.lower())), "")


def outside(intent: str) -> bool:
    """Whether an intent's name says that its messages are nothing of the assistant's."""
    return re.fullmatch(OUTSIDE, intent) is not None


def follow(draft: Draft) -> None:
    """Rules first, then stories: what follows an intent is what it is for, surest where nothing comes before it."""
    every = [(one, place) for one in [*draft.project.rules, *draft.project.stories] for place in _intents(one)]
    for one, place in sorted(every, key=lambda pair: pair[1] > 0):
        actions = [*_after(one.steps[place + 1 :])]
        if actions:
            step = one.steps[place]
            _lead(draft, [step.name, *step.others], actions, one, first=place == 0)
    _interrupted(draft)


def _intents(one: Story) -> Iterator[int]:
    return (place for place, step in enumerate(one.steps) if step.kind == "intent")


def _after(steps: Sequence[Step]) -> Iterator[str]:
    for step in steps:
        if step.kind == "intent":
            return
        if step.kind == "action":
            yield step.name


def _lead(draft: Draft, names: Sequence[str], actions: Sequence[str], where: Story, *, first: bool) -> None:
    fresh = [name for name in names if name and name not in draft.does and name in draft.project.examples]
    acts = {one for name in names if (one := act(name))}
    if acts or any(outside(name) for name in names):
        return _said(draft, acts, names, actions) if first else None
    if not fresh:
        return None
    loops = {step.name for step in where.steps if step.kind == "loop"}
    form = next((one for one in actions if one in draft.project.forms or one in loops), None)
    texts = [one for one in actions if one.startswith("utter_")]
    custom = [one for one in actions if not one.startswith(NOT_DONE) and one != form and not OF_RASA.fullmatch(one)]
    if where.needs and first:
        slots = ", ".join(where.needs)
        draft.leave(where.place, f"{', '.join(fresh)} counts only where {slots} is set; here it always does.",
                    "If that is who is logged in, `login: true`.")  # fmt: skip
    if form is not None:
        draft.project.forms.setdefault(form, Form(slots=(), place=where.place))
        return _form(draft, form, fresh, custom, texts)
    if custom:
        job = draft.job(fresh[0], fresh)
        place = draft.project.places[fresh[0]]
        draft.effects(job, custom, place)
        return draft.finish(job, texts, place)
    return _answer(draft, fresh, texts, where)


def _said(draft: Draft, acts: Iterable[str], names: Sequence[str], actions: Sequence[str]) -> None:
    text, used = draft.text([one for one in actions if one.startswith("utter_")])
    keys = [SAYS[one] for one in acts if one in SAYS]
    keys += ["decline"] if any(re.fullmatch("out_of_scope|off_topic|outofscope", name) for name in names) else []
    keys += ["unsure_again"] if "nlu_fallback" in names else []
    for key in keys:
        if text and not gaps(text) and key not in draft.says:
            draft.says[key] = text
            draft.used |= used


def _answer(draft: Draft, intents: Sequence[str], responses: Sequence[str], where: Story) -> None:
    text, used = draft.text(responses)
    if not text:
        return
    if gaps(text):
        draft.leave(where.place, f"'{text}' fills gaps, and an answer has none.", "Write the section without them.")
        return
    heading = spoken(intents[0])
    questions = [one for intent in intents for one in draft.project.examples[intent]]
    draft.sections.setdefault("answers.md", []).append((heading, text, questions))
    draft.does |= {intent: f"answers.md#{slug(heading)}" for intent in intents}
    draft.used |= used


def _form(draft: Draft, form: str, intents: Sequence[str], custom: Sequence[str], texts: Sequence[str]) -> None:
    held = draft.project.forms[form]
    job = draft.job(form.removesuffix("_form").removesuffix("_loop"), intents)
    # a form ends in rules within it that no message begins
    after = [one for one in draft.project.rules if one.within == form and one.steps and one.steps[0].kind != "intent"]
    ends = [step.name for one in after for step in one.steps if step.kind == "action" and step.name != form]
    ends += [*custom, *texts]
    for slot in held.slots:
        draft.slot(job, slot, (f"utter_ask_{form}_{slot}", f"utter_ask_{slot}"), held.place, form=form)
    draft.effects(job, [one for one in ends if not one.startswith(NOT_DONE)], held.place)
    draft.finish(job, [one for one in ends if one.startswith("utter_")], held.place)


def _interrupted(draft: Draft) -> None:
    """Stories in which a form is left, or gone back to."""
    forms = draft.project.forms
    left = [
        one
        for one in [*draft.project.stories, *draft.project.rules]
        if (in_form := [place for place, step in enumerate(one.steps) if step.kind == "loop" and step.name in forms])
        and any(place > in_form[0] for place in _intents(one))
    ]
    if left:
        draft.leave(
            left[0].place, f"{len(left)} rules and stories leave a form, turn to another and come back, from here on.",
            "Nothing: side questions, another job and the way back are built in.", BUILT_IN,
        )  # fmt: skip
