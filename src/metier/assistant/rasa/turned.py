"""A Rasa project turned into an author's files, and the list of what a person has to do.

Intents that answer become sections, forms and flows become jobs, custom actions become addresses to be filled in, small
talk becomes acts, marks of entities teach what fills slots. Nothing is dropped in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

from metier.assistant.knowledge import slug
from metier.assistant.rasa import calm, classic
from metier.assistant.rasa.draft import Draft, plain_name, renamed, sent, spoken, summary
from metier.assistant.rasa.flows import every
from metier.assistant.rasa.marks import Said
from metier.assistant.rasa.project import Project
from metier.assistant.rasa.standin import stand_in
from metier.assistant.rasa.trials import transcripts
from metier.assistant.rasa.written import (
    BUILT_IN,
    FIRST,
    REPLACED,
    STAND_IN,
    UNSAID,
    Job,
    Turned,
    assistant,
    markdown,
    report,
    table,
)
from metier.assistant.templates import GAP, gaps
from metier.data.spans import marked
from metier.types import Span

SAID = {  # what is built in says, by the names that projects give to it, the likeliest first
    "greet": "greet greeting hello session_start",
    "bye": "goodbye bye",
    "thanks": "noworries no_worries you_are_welcome youre_welcome welcome thanks thank_you",
    "bot": "iamabot bot bot_challenge i_am_a_bot",
    "capability": "help capabilities what_can_you_do",
    "decline": "out_of_scope outofscope off_topic cannot_answer",
    "unsure_again": "default ask_rephrase please_rephrase fallback",
    "cancelled": "flow_cancelled_rasa",
}
INSTEAD = re.compile(
    r"cancel|continue|rephrase|wrong|invalid|_no_|hand_?off|handed_off|handover|correct|what_?else|something_else|_ok$|"
    r"restart|clarif|default|take_your_time|try_again|not_understood"
)
FEWEST = 5  # examples of a job
FEWEST_MARKED = 10  # examples with marks, under which nothing is learnt from them
WELL = re.compile(r"complete|success|scheduled|done|submitted|booked|created|ordered|_sent|_found|thanks_for|finished")
SIGNS = {
    "$": r"\$|\bdollars?\b|\bUSD\b|\bbucks\b",
    "€": r"€|\beuros?\b|\bEUR\b",
    "£": r"£|\bpounds?\b|\bGBP\b|\bquid\b",
}
PERSONAL = re.compile(r"(?i)\be-?mail\b|\b(?:phone|mobile|telephone)\b|\b(?:card|account) number\b|\biban\b")
SECRET = re.compile(r"\b(?:password|passcode|pin|otp|cvv)\b")
LANGUAGE = "en"
Lines: TypeAlias = list[tuple[str, ...]]
SHARED = ("money", "date", "time", "number")  # kinds that read their values without marks


def turn(project: Project, title: str) -> Turned:
    """Our files for a project."""
    draft = Draft(project)
    classic.follow(draft)
    calm.flows(draft)
    _retrieval(draft)
    _smalltalk(draft)
    for job in draft.jobs.values():
        _ended(draft, job)
    _left_over(draft)
    _unsaid(draft)
    _first(draft)
    _write(draft, title)
    return draft.out


def _retrieval(draft: Draft) -> None:
    """`faq/ask_fees` and its response are a section of faq.md."""
    for intent, texts in draft.project.examples.items():
        if "/" not in intent:
            continue
        text, used = draft.text([f"utter_{intent}"])
        if not text:
            draft.leave(draft.project.places[intent], f"{intent} has no response.", "Write its section.")
            continue
        group, _, rest = intent.partition("/")
        file = f"{slug(group)}.md"
        draft.sections.setdefault(file, []).append((spoken(rest), text, list(texts)))
        draft.does[intent] = f"{file}#{slug(spoken(rest))}"
        draft.used |= used


def _smalltalk(draft: Draft) -> None:
    """What no rule says, as CALM's projects have it, is known by its name."""
    for key, names in SAID.items():
        for name in names.split():
            text, used = draft.text([f"utter_{name}"])
            if key not in draft.says and text and not gaps(text):
                draft.says[key] = text
                draft.used |= used


def _ended(draft: Draft, job: Job) -> None:
    """What a job says at its end, where only Python knew it: a text whose name says so, or what its action answers."""
    if job.sums_up and (job.ask or job.do):
        job.confirm = summary(job)
    if job.do and not job.done and not job.outcomes:
        near = [name for name in draft.project.responses if name not in draft.used and _belongs(name, job)]
        if len(near) == 1 and (text := draft.filled(renamed(draft.project.responses[near[0]].text), job, done=True)):
            job.done = text
            draft.used.add(near[0])
            place = draft.project.responses[near[0]].place
            draft.leave(
                place, f"{near[0]} is said at the end of {job.name}, by its name.", "Look whether that is right."
            )
        elif all(not draft.acts[name].changes for name in job.do):
            job.done = f"{{{job.do[-1]}.text}}"
    if not (job.ask or job.do or job.done or job.outcomes):
        job.done = "person"  # nothing is known of it but that customers want it
    for text in (job.done, job.failed, *job.outcomes.values()):
        for found in GAP.finditer(text):
            first, _, rest = found[1].partition(".")
            if first in draft.acts and rest:
                draft.acts[first].answers.add(rest)


def _belongs(response: str, job: Job) -> bool:
    """Whether a response's name has an action's own words, or words of it and of success."""
    words = set(response.removeprefix("utter_").split("_"))
    for name in job.do:
        own = set(name.split("_")) - {"show", "get", "check", "find", "tell", "list", "fetch", "ask"}
        if own and (words == own or (WELL.search(response) and words & own - {"form"})):
            return True
    return False


def _left_over(draft: Draft) -> None:
    project, own = (
        draft.project,
        {name for job in draft.jobs.values() for slot in job.ask.values() for name in _words(slot)},
    )
    unused = [name for name in project.synonyms if not {name.casefold()} & own]
    if unused:
        place = project.synonyms[unused[0]][1]
        draft.leave(place, f"synonyms of {', '.join(unused)} belong to no list of choices.",
                    "If one of these is a choice, make the slot a `pick` with other words for it.")  # fmt: skip
    for kind, held in (("lookup", project.lookups), ("regex", project.patterns)):
        names = [name for name in held if not _fills(draft, kind, name)]
        if names:
            draft.leave(held[names[0]][1], f"{kind} {', '.join(names)} helped to find words, and fills no slot.",
                        "Nothing, or a `pick` list or a `code` of that slot.")  # fmt: skip
    _texts(draft)
    if checks := sorted(one for one in project.actions if one.startswith("validate_")):
        draft.leave("actions", f"{', '.join(checks)} check answers in Python.", "Say bounds in the job: `money: "
                    "{min: 5}`; else let the action refuse, with its reason in `failed`.")  # fmt: skip
    if draft.unasked:
        draft.leave("assistant.yaml", f"No text asks for {', '.join(draft.unasked)}.", "Word `say` there; `pick: an "
                    "action` lists what it gives.")  # fmt: skip
    if draft.begun:
        slots = ", ".join(dict.fromkeys(slot for slot, _ in draft.begun))
        draft.leave(draft.begun[0][1], f"{slots} asked whether to go on after something else.", "Nothing.", BUILT_IN)
    _unled(draft)
    if project.skipped:
        draft.leave(project.skipped[0], f"{len(project.skipped)} YAML files are outside of data, domain and tests.",
                    "Nothing; Rasa did not read them either.", BUILT_IN)  # fmt: skip


def _unled(draft: Draft) -> None:
    """Intents that lead nowhere."""
    project = draft.project
    for intent, place in project.places.items():
        if intent in draft.does or classic.act(intent) or classic.outside(intent):
            continue
        if intent.startswith("inform"):
            draft.leave(place, f"{intent}: answers are read by the kind of what was asked.", "Nothing.", BUILT_IN)
            draft.does[intent] = ""
        else:
            draft.leave(
                place, f"no rule or story says what {intent} is for ({len(project.examples[intent])} examples).",
                "Add it to `when` of a job, or write a section.",
            )  # fmt: skip


def _words(slot: dict[str, object]) -> Iterator[str]:
    held = slot.get("pick")
    if isinstance(held, dict):
        yield from (name.casefold() for name in held)


def _fills(draft: Draft, kind: str, name: str) -> bool:
    fed = [(job, slot) for job in draft.jobs.values() for (entity, _, _), slot in job.fed.items() if entity == name]
    fed += [(job, name) for job in draft.jobs.values() if name in job.ask]
    return any(("pick" if kind == "lookup" else "code") in job.ask.get(slot, {}) for job, slot in fed)


def _texts(draft: Draft) -> None:
    """Slots that take any text, with a few of the values that the examples have for them."""
    told, known = [], {plain_name(name): one.place for name, one in draft.project.slots.items()}
    for job in draft.jobs.values():
        for name in (name for name, slot in job.ask.items() if "text" in slot):
            fed = {entity for (entity, _, _), slot in job.fed.items() if slot == name}
            marks = [mark for some in draft.project.marked.values() for one in some for mark in one.marks]
            values = list(dict.fromkeys(mark.value.casefold() for mark in marks if mark.entity in fed))[:4]
            seen = f" ({', '.join(values)} ...)" if values else ""
            told.append((f"{name} of {job.name}{seen}", known.get(name, "")))
    if told:
        draft.leave(told[0][1], f"Any text will do for {'; '.join(text for text, _ in told)}.",
                    "Is one of them one of a list? Then `pick`. A number or a day? Say so.")  # fmt: skip


def _unsaid(draft: Draft) -> None:
    """Forms that name nothing, responses that nobody says, and a project that does nothing."""
    for form, held in draft.project.forms.items():
        if not held.slots:
            draft.leave(held.place, f"{form} names no slots: Python asks for them.", "Write them under `ask`.", FIRST)
    if not draft.jobs:
        draft.leave("", "no rule or flow does anything.", "Write a job under `jobs`.", FIRST)
    varied = []
    for name, response in draft.project.responses.items():
        if name not in draft.used:
            text = " ".join(response.text.split())
            shown = f"`{name}`: {text[:100]}{'...' if len(text) > 100 else ''}"
            draft.leave(response.place, shown, "", REPLACED if INSTEAD.search(name) else UNSAID)
        elif response.more:
            varied.append(name)
    if varied:
        place = draft.project.responses[varied[0]].place
        draft.leave(place, f"Variations, conditions or pictures: {', '.join(varied)}.",
                    "One text is taken; look whether it will do.")  # fmt: skip


def _first(draft: Draft) -> None:
    """What nothing works without."""
    for act in draft.acts.values():
        how = [f"{'changes something' if act.changes else 'only reads'}, by its name"]
        how += [f"answers {', '.join(sorted(act.answers))}"] if act.answers else []
        how += [f"answers a status, {', '.join(act.statuses)}"] if act.statuses else []
        how += [f"refuses (4xx) where it is not so that {act.refuses}"] if act.refuses else []
        draft.leave(
            act.place, f"{act.rasa} is Python, done by {', '.join(dict.fromkeys(act.jobs))}.",
            f"Give {act.name} its address under `actions`. It {'; '.join(how)}.", FIRST,
        )  # fmt: skip
    personal = [
        f"{name} of {job.name}" for job in draft.jobs.values() for name, slot in job.ask.items()
        if "text" in slot and PERSONAL.search(f"{name.replace('_', ' ')} {slot['say']}")
    ]  # fmt: skip
    if personal:
        found = f"Personal numbers and addresses are asked for: {', '.join(personal)}. They are taken out of messages "
        draft.leave(
            "assistant.yaml", f"{found}before anything else, and an action would get [EMAIL_1].",
            "Leave the question out; with `login: true`, {customer} says who asks.", FIRST,
        )  # fmt: skip
    secret = [name for job in draft.jobs.values() for name in job.ask if SECRET.search(name.replace("_", " "))]
    if secret:
        draft.leave("assistant.yaml", f"A secret is asked for: {', '.join(secret)}.", "Leave the question out: `login: "
                    "true` sends customers to your own login first.", FIRST)  # fmt: skip
    if bare := [job.name for job in draft.jobs.values() if not job.when]:
        draft.leave(
            "assistant.yaml", f"No examples: an LLM started {', '.join(bare)} by their descriptions. They learn from "
            "phrases made of their names.", f"Write {FEWEST} or more under `like`, as customers say it.", FIRST,
        )  # fmt: skip
    changing = dict.fromkeys(
        name for act in draft.acts.values() if act.changes for name in act.jobs if not draft.jobs[name].login
    )
    if changing:
        draft.leave("assistant.yaml", f"Something is changed for anybody by {', '.join(changing)}.",
                    "Add `login: true` where it must be known who asks.", FIRST)  # fmt: skip
    if draft.acts:
        draft.leave(STAND_IN, "answers in the place of your service, so that you can talk to it now.",
                    "Take it out with `outside` once the addresses are there.", FIRST)  # fmt: skip
    if draft.project.language != LANGUAGE:
        draft.leave(
            "config.yml", f"the language is {draft.project.language}.", "Write all of `say` anew: what is built in "
            "speaks English, and reads English numbers and days.", FIRST,
        )  # fmt: skip


def _entities(draft: Draft) -> Iterator[str]:
    """The examples with what they mark for slots, as the specialist `entities` learns from them."""
    jobs = draft.jobs
    for intent, some in draft.project.marked.items():
        job = jobs.get(draft.does.get(intent, ""))
        among = [job] if job is not None else list(jobs.values()) if not classic.act(intent) else []
        for one in some:
            spans = [*_spans(one, among)]
            if spans and not re.search(r"[\[\]()]", one.text):
                yield marked(one.text, spans)


def _spans(one: Said, among: list[Job]) -> Iterator[Span]:
    for mark in one.marks:
        key = (mark.entity, mark.role, mark.group)
        slots = {slot for job in among if (slot := job.fed.get(key, "")) and _wants(job, slot, mark.role or mark.group)}
        if len(slots) == 1:
            yield Span(mark.start, mark.end, slots.pop())


def _wants(job: Job, slot: str, part: str) -> bool:
    kind = next(iter(job.ask[slot]))
    return kind in ("text", "pick") or (kind in SHARED and bool(part))


def _currency(draft: Draft) -> str:
    """The sign that a project speaks of, where it asks for money and it is not the usual one."""
    if not any("money" in slot for job in draft.jobs.values() for slot in job.ask.values()):
        return ""
    texts = [one.text for one in draft.project.responses.values()]
    texts += [text for some in draft.project.examples.values() for text in some]
    texts += [one.begins or "" for one in draft.project.slots.values()]
    texts += [turn.said for case in draft.project.cases for turn in case.turns]
    counts = {sign: sum(len(re.findall(pattern, text)) for text in texts) for sign, pattern in SIGNS.items()}
    best = max(counts, key=lambda sign: counts[sign])
    return best if counts[best] and best != "£" else ""


def _write(draft: Draft, title: str) -> None:
    project, files, does = draft.project, draft.out.files, draft.does
    said = [(text, intent) for intent, texts in project.examples.items() for text in texts]
    rows: Lines = [(text, intent) for text, intent in said if does.get(intent) in draft.jobs]
    acts: Lines = [(text, one) for text, intent in said if (one := classic.act(intent)) and intent not in does]
    strange: Lines = [(text, "outside") for text, intent in said if classic.outside(intent)]
    entities: Lines = [(text,) for text in _entities(draft)]
    if len(entities) < FEWEST_MARKED:
        entities = []
    tables: dict[str, tuple[str, tuple[str, ...], Lines]] = {
        "intent": ("intents.csv", ("text", "intent"), rows),
        "acts": ("acts.csv", ("text", "act"), acts),
        "scope": ("outside.csv", ("text", "scope"), strange),
        "entities": ("entities.csv", ("text",), entities),
    }
    for name, header, lines in tables.values():
        if lines:
            files[name] = table(header, lines)
    for file, sections in draft.sections.items():
        files[f"knowledge/{file}"] = markdown(file, sections)
    tests, came = transcripts(draft)
    if tests:
        files["tests/rasa.md"] = tests
    actions = {name: sent(act, draft.jobs) for name, act in draft.acts.items()}
    if actions:
        files[STAND_IN] = stand_in(draft.acts.values(), draft.jobs.values())
    files["assistant.yaml"] = assistant(
        title, project.language, _currency(draft), draft.says,
        {task: name for task, (name, _, lines) in tables.items() if lines}, draft.sections, actions,
        list(draft.jobs.values()),
    )  # fmt: skip
    draft.out.left.sort(key=lambda one: one.rank)
    draft.out.came = _came(draft, came)
    files["IMPORT.md"] = report(draft.out)


def _came(draft: Draft, tests: int) -> dict[str, tuple[int, int]]:
    project = draft.project
    known = {i for i in project.examples if i in draft.does or classic.act(i) or classic.outside(i)}
    wanted = {slot for form in project.forms.values() for slot in form.slots}
    wanted |= {
        move.name for flow in project.flows.values() if not flow.pattern for move in every(flow.moves)
        if move.kind == "collect"
    }  # fmt: skip
    flows = {name for name, flow in project.flows.items() if not flow.pattern}
    return {
        "intents": (len(known), len(project.examples)),
        "examples": (sum(len(project.examples[i]) for i in known), sum(map(len, project.examples.values()))),
        "forms": (
            sum(f.removesuffix("_form").removesuffix("_loop") in draft.called for f in project.forms),
            len(project.forms),
        ),
        "flows": (len(flows & draft.called.keys()), len(flows)),
        "slots asked for": (len(draft.asked & wanted), len(wanted)),
        "responses": (len(draft.used & project.responses.keys()), len(project.responses)),
        "tests": (tests, len(project.tests) + len(project.cases)),
    }
