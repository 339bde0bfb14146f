"""A Rasa project turned into an author's files, and the list of what a person has to do.

Intents that answer become sections, forms and flows become jobs, custom actions become addresses to be filled in, small
talk becomes acts. Nothing is dropped in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from metier.assistant.base import Place
from metier.assistant.knowledge import slug
from metier.assistant.rasa.project import Project, Story
from metier.assistant.rasa.written import OWN, Job, Left, Turned, assistant, markdown, report, table
from metier.assistant.templates import gaps

ACTS = {
    "greet": "greet|greeting|hello|hi|session_start",
    "bye": "goodbye|bye|good_bye",
    "yes": "affirm|yes|confirm|agree|accept",
    "no": "deny|no|reject|disagree|decline",
    "thanks": "thank|thanks|thankyou|thank_you",
    "bot": "bot_challenge|check_human|are_you_a_bot|ask_bot",
    "cancel": "stop|cancel|abort|quit",
    "capability": "help|capabilities|ask_capabilities|ask_whatspossible",
    "person": "human_handoff|handoff|trigger_handoff|talk_to_human|contact_human|agent|speak_to_human",
    "repeat": "repeat|say_again",
    "skip": "skip",
    "complaint": "complaint|complain",
}
OUTSIDE = "out_of_scope|nlu_fallback|off_topic|outofscope"
SAYS = {"greet": "greet", "bye": "bye", "thanks": "thanks", "bot": "bot", "capability": "capability"}
READS = re.compile(r"(?:action_)?(?:show|get|check|list|search|ask|find|view|fetch|lookup|query|tell)_")
KINDS = (
    ("money", re.compile(r"amount|money|price|budget|balance|payment_amount")),
    ("date", re.compile(r"date|birthday|\bday\b|\bwhen\b")),
    ("time", re.compile(r"(?<!some)time\b|hour")),
    ("number", re.compile(r"number|num_|count|quantity|people|age$|guests")),
)
ENTITY_KINDS = {"amount-of-money": "money", "number": "number", "time": "date", "duration": "number"}
FEWEST = 5  # examples of a job


def turn(project: Project, title: str) -> Turned:
    """Our files for a project."""
    return _Turning(project, title).whole()


class _Turning:
    def __init__(self, project: Project, title: str) -> None:
        self._project, self._title = project, title
        self._out = Turned()
        self._jobs: dict[str, Job] = {}
        self._called: dict[str, str] = {}  # what a form, flow or intent is called here
        self._actions: dict[str, str] = {}
        self._sections: dict[str, list[tuple[str, str, list[str]]]] = {}  # by file: heading, text, questions
        self._says: dict[str, str] = {}
        self._used: set[str] = set()  # responses
        self._does: dict[str, str] = {}  # what an intent came to: a job's name or a section's id, for tests
        self._act_of = {intent: act for intent in project.examples if (act := _act(intent))}

    def whole(self) -> Turned:
        self._paths()
        self._flows()
        self._retrieval()
        self._smalltalk()
        self._leftovers()
        self._write()
        return self._out

    # what intents lead to

    def _paths(self) -> None:
        """Rules first, then stories: what follows an intent is what it is for."""
        for one in [*self._project.rules, *self._project.stories]:
            for place, step in enumerate(one.steps):
                if step.kind != "intent":
                    continue
                names = [step.name, *step.others]
                then = []
                for after in one.steps[place + 1 :]:
                    if after.kind == "intent":
                        break
                    then.append(after)
                actions = [after.name for after in then if after.kind == "action"]
                if actions:
                    self._intents(names, actions, one)

    def _intents(self, names: Sequence[str], actions: Sequence[str], where: Story) -> None:
        fresh = [name for name in names if name and name not in self._does and name in self._project.examples]
        acts = {self._act_of[name] for name in names if name in self._act_of}
        if acts or any(re.fullmatch(OUTSIDE, name) for name in names):
            self._said(acts, names, actions)
            return
        if not fresh:
            return
        form = next((action for action in actions if action in self._project.forms), None)
        texts = [action for action in actions if action.startswith("utter_")]
        custom = [action for action in actions if not action.startswith(("utter_", "validate_")) and action != form]
        custom = [action for action in custom if action not in ("action_listen", "action_restart", "action_back")]
        if form is not None:
            self._form(form, fresh, custom, texts)
        elif custom:
            self._act(fresh, custom, texts)
        else:
            self._answer(fresh, texts, where)

    def _said(self, acts: Iterable[str], names: Sequence[str], actions: Sequence[str]) -> None:
        text, used = self._text([action for action in actions if action.startswith("utter_")])
        keys = [SAYS[act] for act in acts if act in SAYS]
        keys += ["decline"] if any(re.fullmatch("out_of_scope|off_topic|outofscope", name) for name in names) else []
        keys += ["unsure_again"] if "nlu_fallback" in names else []
        for key in keys:
            if text and not gaps(text) and key not in self._says:
                self._says[key] = text
                self._used |= used

    def _answer(self, intents: Sequence[str], responses: Sequence[str], where: Story) -> None:
        text, used = self._text(responses)
        if not text:
            return
        if gaps(text):
            self._leave(where.place, f"'{text}' fills gaps, and an answer has none.", "Write the section without them.")
            return
        heading = _spoken(intents[0])
        questions = [one for intent in intents for one in self._project.examples[intent]]
        self._sections.setdefault("answers.md", []).append((heading, text, questions))
        self._does |= {intent: f"answers.md#{slug(heading)}" for intent in intents}
        self._used |= used

    def _form(self, form: str, intents: Sequence[str], custom: Sequence[str], texts: Sequence[str]) -> None:
        slots, place = self._project.forms[form]
        job = self._job(form.removesuffix("_form").removesuffix("_loop"), intents)
        for slot in slots:
            self._slot(job, slot, (f"utter_ask_{form}_{slot}", f"utter_ask_{slot}"), place)
        after = [one for one in self._project.rules if one.within == form]
        ends = [step.name for one in after for step in one.steps if step.kind == "action" and step.name != form]
        ends += [*custom, *texts]
        self._effects(job, [one for one in ends if not one.startswith(("utter_", "validate_"))], place)
        self._finish(job, [one for one in ends if one.startswith("utter_")], place)
        if f"validate_{form}" in self._names_of_actions():
            self._leave(
                place, f"validate_{form} checks answers in Python.", "Say bounds in the job: `money: {min: 5}`."
            )

    def _act(self, intents: Sequence[str], custom: Sequence[str], texts: Sequence[str]) -> None:
        job = self._job(intents[0], intents)
        place = self._project.places[intents[0]]
        self._effects(job, custom, place)
        self._finish(job, texts, place)

    def _flows(self) -> None:
        for flow in self._project.flows.values():
            if flow.name.startswith("pattern_"):
                self._leave(
                    flow.place, f"{flow.name} changes what CALM does by itself.", "See `say:`; the rest is built in."
                )
                continue
            known = [intent for intent in flow.intents if intent in self._project.examples]
            job = self._job(flow.name, known, title=flow.title)
            for slot, asked, place in flow.collects:
                self._slot(job, slot, (asked, f"utter_ask_{slot}"), place)
            named = [name for name, _ in flow.actions]
            self._effects(job, [name for name in named if not name.startswith("utter_")], flow.place)
            self._finish(job, [name for name in named if name.startswith("utter_")][-1:], flow.place)
            if not known:
                self._leave(
                    flow.place, f"flow {flow.name} has no examples: an LLM started it by '{flow.description}'.",
                    f"Write {FEWEST} or more under `like` of {job.name}.",
                )  # fmt: skip
                job.like = [job.title, *([flow.description.rstrip(".")] if flow.description else [])]
            for place in flow.branches:
                self._leave(
                    place, f"a branch in {flow.name}.", "Its steps stand one after another; see `if` and `done`."
                )
            for link, place in flow.links:
                self._leave(place, f"{flow.name} goes on with {link}.", "A job ends by itself; say it in `done`.")

    def _retrieval(self) -> None:
        """`faq/ask_fees` and its response are a section of faq.md."""
        for intent, texts in self._project.examples.items():
            text, used = self._text([f"utter_{intent}"])
            if "/" not in intent:
                continue
            if not text:
                self._leave(self._project.places[intent], f"{intent} has no response.", "Write its section.")
                continue
            group, _, rest = intent.partition("/")
            file = f"{slug(group)}.md"
            self._sections.setdefault(file, []).append((_spoken(rest), text, list(texts)))
            self._does[intent] = f"{file}#{slug(_spoken(rest))}"
            self._used |= used

    def _smalltalk(self) -> None:
        for act, key in SAYS.items():
            for name in (f"utter_{act}", "utter_goodbye", "utter_iamabot"):
                text, used = self._text([name])
                if text and key not in self._says and not gaps(text) and _act(name.removeprefix("utter_")) == act:
                    self._says[key] = text
                    self._used |= used

    # parts of a job

    def _job(self, name: str, intents: Sequence[str], title: str = "") -> Job:
        base = self._called.get(name) or self._free(_name(name))
        self._called[name] = base
        job = self._jobs.setdefault(base, Job(name=base, title=title or _spoken(name).lower(), when=[]))
        job.when += [intent for intent in intents if intent not in job.when]
        self._does |= dict.fromkeys(intents, base)
        return job

    def _free(self, base: str) -> str:
        """A name that no other job has."""
        return next(name for n in range(1, 1000) if (name := base if n == 1 else f"{base}_{n}") not in self._jobs)

    def _slot(self, job: Job, slot: str, asks: Sequence[str], place: Place) -> None:
        text, used = self._text([name for name in asks if name][:2], first=True)
        self._used |= used
        name = _name(slot)
        if _confirms(slot):
            job.confirm = _filled(text, job) or job.confirm
            if text and not job.confirm:
                self._leave(place, f"'{text}' names what the job does not ask for.", "Say it in `confirm`.")
            return
        kind, held = self._kind(slot)
        if kind == "text" and (known := self._project.slots.get(slot)) is not None and known.type == "text":
            self._leave(
                place, f"{slot} of {job.name} is any text.", "Is it one of a list? Then `pick`; a number? `number`."
            )
        if gaps(text):
            self._leave(place, f"'{text}' fills gaps in a question.", f"Ask for {name} without them.")
            text = ""
        job.ask[name] = {kind: held, "say": text or f"{_spoken(slot)}?"}
        if not text:
            self._leave(place, f"nothing asks for {slot}.", f"Write `say` of {name} in {job.name}.")

    def _kind(self, slot: str) -> tuple[str, Any]:
        known = self._project.slots.get(slot)
        if known is not None and known.type == "bool":
            return "yes_no", True
        if known is not None and known.type == "categorical" and known.values:
            return "pick", list(known.values)
        entities = [str(one.get("entity", "")) for one in known.mappings] if known is not None else []
        for entity in entities:
            if entity in ENTITY_KINDS:
                return ENTITY_KINDS[entity], True
        intents = [one.get("intent") for one in known.mappings] if known is not None else []
        if {"affirm", "deny"} <= {str(one) for one in intents}:
            return "yes_no", True
        if known is not None and known.type == "float":
            return ("money" if KINDS[0][1].search(slot) else "number"), True
        return next(((kind, True) for kind, pattern in KINDS if pattern.search(slot.lower())), ("text", True))

    def _effects(self, job: Job, actions: Sequence[str], place: Place) -> None:
        for action in dict.fromkeys(actions):
            if action in self._project.forms or action.startswith("action_default"):
                continue
            name, changes = _name(action.removeprefix("action_")), not READS.match(action)
            body = ", ".join(f'{slot}: "{{{slot}}}"' for slot in job.ask)
            sent = f", body: {{{body}}}, changes: true" if changes and body else ", changes: true" if changes else ""
            self._actions[name] = f'{{{"post" if changes else "get"}: "{OWN}/{name}"{sent}}}'
            job.do.append(name)
            if changes and not job.confirm:
                told = ", ".join(f"{slot.replace('_', ' ')} {{{slot}}}" for slot in job.ask)
                job.confirm = (
                    f"Shall I go ahead? {told[0].upper()}{told[1:]}." if told else f"{job.title.capitalize()}: shall I?"
                )
            what = "it changes something" if changes else "it only reads"
            self._leave(place, f"{action} is Python.", f"Give {name} its address; {what}, by its name.")

    def _finish(self, job: Job, responses: Sequence[str], place: Place) -> None:
        text, used = self._text([one for one in responses if not re.search("cancel|fail|wrong|invalid|unknown", one)])
        if text and not (set(gaps(text)) - job.ask.keys() - set(job.do)):
            job.done, self._used = text, self._used | used
            return
        if text:
            self._leave(
                place,
                f"'{text}' names what {job.name} does not ask for.",
                "Say in `done` what an action came back with.",
            )
        job.done = job.done or "Done."

    # what is left, and the files

    def _leftovers(self) -> None:
        for what, place in self._project.others:
            self._leave(place, f"{what}: entities are read by the kind of each slot.", "Nothing, or a `pick` list.")
        for what, place in self._project.unread:
            self._leave(place, f"{what} are not read.", "Write those that matter as transcripts under tests/.")
        for intent, place in self._project.places.items():
            if intent in self._does or intent in self._act_of or re.fullmatch(OUTSIDE, intent):
                continue
            if intent == "inform":
                self._leave(place, "inform: answers are read by the kind of what was asked.", "Nothing.")
                self._does[intent] = ""
            else:
                self._leave(
                    place,
                    f"no rule or story says what {intent} is for.",
                    "Add it to `when` of a job, or write a section.",
                )
        self._unsaid()

    def _unsaid(self) -> None:
        """Forms that name nothing, responses that nobody says, and a project that does nothing."""
        for form, (slots, place) in self._project.forms.items():
            if not slots:
                self._leave(place, f"{form} names no slots: Python asks for them.", "Write them under `ask`.")
        if not self._jobs:
            self._out.left.append(
                Left(place="", found="no rule or flow does anything.", to_do="Write a job under `jobs`.")
            )
        for name, (text, place, more) in self._project.responses.items():
            if name not in self._used:
                self._leave(place, f"{name} is said nowhere here: '{text[:60]}'.", "Nothing, or say it in a job.")
            elif more:
                self._leave(
                    place,
                    f"{name} has variations, conditions or pictures.",
                    "The first text is taken; look whether it will do.",
                )

    def _write(self) -> None:
        project, files = self._project, self._out.files
        labelled = [
            (text, i) for i in project.examples for text in project.examples[i] if self._does.get(i) in self._jobs
        ]
        acts = [(text, act) for intent, act in self._act_of.items() for text in project.examples[intent]]
        strange = [(t, "outside") for i in project.examples if re.fullmatch(OUTSIDE, i) for t in project.examples[i]]
        models = {"intent": labelled, "acts": acts, "scope": strange}
        names = {"intent": ("intents.csv", "intent"), "acts": ("acts.csv", "act"), "scope": ("outside.csv", "scope")}
        for task, rows in models.items():
            if rows:
                files[names[task][0]] = table(("text", names[task][1]), rows)
        for file, sections in self._sections.items():
            files[f"knowledge/{file}"] = markdown(file, sections)
        if tests := self._tests():
            files["tests/rasa.md"] = tests
        files["assistant.yaml"] = assistant(
            self._title, self._says, {task: names[task][0] for task, rows in models.items() if rows}, self._sections,
            self._actions, list(self._jobs.values()),
        )  # fmt: skip
        known = len(project.examples)
        done = sum(i in self._does or i in self._act_of or bool(re.fullmatch(OUTSIDE, i)) for i in project.examples)
        self._out.came = {
            "intents": (done, known),
            "forms": (
                sum(f.removesuffix("_form").removesuffix("_loop") in self._called for f in project.forms),
                len(project.forms),
            ),
            "flows": (sum(not f.startswith("pattern_") for f in project.flows), len(project.flows)),
            "responses": (len(self._used & project.responses.keys()), len(project.responses)),
        }
        files["IMPORT.md"] = report(self._out)

    def _tests(self) -> str:
        said: dict[str, list[str]] = {}
        for story in self._project.tests:
            first = next((step for step in story.steps if step.kind == "intent" and step.text), None)
            came = self._does.get(first.name, "") if first is not None else ""
            if first is None or first.text in said:
                continue
            if re.fullmatch(OUTSIDE, first.name):
                said[first.text] = [story.name, "< declines"]
            elif came:
                said[first.text] = [story.name, f"< answers {came}" if "#" in came else f"< starts {came}"]
        lines = [f"## {' '.join(name.split())}\n> {text}\n{expected}\n" for text, (name, expected) in said.items()]
        return "# From Rasa's tests\n\n" + "\n".join(lines) if lines else ""

    def _names_of_actions(self) -> set[str]:
        return {f"validate_{form}" for form in self._project.forms}

    def _text(self, names: Sequence[str], *, first: bool = False) -> tuple[str, set[str]]:
        """The texts of responses, one after another, and which they were."""
        found = [(name, self._project.responses[name][0]) for name in names if name in self._project.responses]
        found = [(name, _renamed(text)) for name, text in found if text][: 1 if first else None]
        return " ".join(text for _, text in found), {name for name, _ in found}

    def _leave(self, place: Place, found: str, to_do: str) -> None:
        one = Left(place=str(place), found=found, to_do=to_do)
        if one not in self._out.left:
            self._out.left.append(one)


def _act(intent: str) -> str:
    return next((act for act, pattern in ACTS.items() if re.fullmatch(pattern, intent.lower())), "")


def _confirms(slot: str) -> bool:
    return re.search(r"confirm", slot.lower()) is not None


def _filled(text: str, job: Job) -> str:
    return text if not set(gaps(text)) - job.ask.keys() else ""


def _name(said: str) -> str:
    name = re.sub(r"\W+", "_", said).strip("_").lower()
    return name if name and not name[0].isdecimal() else f"_{name}"


def _renamed(text: str) -> str:
    """Gaps by the names that slots have here."""
    return re.sub(r"\{([^{}]+)\}", lambda gap: "{" + _name(gap[1]) + "}", text)


def _spoken(name: str) -> str:
    words = re.sub(r"[_\W]+", " ", name).strip()
    return words[:1].upper() + words[1:]
