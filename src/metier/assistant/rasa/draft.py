"""What becomes of a project while it is read: jobs, actions, texts, and the list of what a person has to do.

Knows what a slot, an action and a response come to here, and no rule or flow that leads to them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from metier.assistant.base import Place
from metier.assistant.rasa.kinds import Asked, fed, kind
from metier.assistant.rasa.project import Project
from metier.assistant.rasa.written import LOOK, OWN, Act, Job, Left, Turned
from metier.assistant.templates import gaps

READS = re.compile(
    r"(?:action_)?(?:show|get|check|list|search|ask|find|view|fetch|lookup|query|tell|validate|calculate|select|"
    r"choose|is|has)_|"
    r"\w+_(?:search|check|status|lookup|list|balance|history|info|details)$"
)
OF_RASA = re.compile(  # what a form or a flow did to itself
    r"action_(?:listen|restart|back|session_start|default_\w+|deactivate_loop|two_stage_fallback|unlikely_intent|"
    r"extract_slots|run_slot_rejections|clean_stack|cancel_flow|correct_flow_slot|clarify_flows|hangup|repeat_\w+|"
    r"reset_\w+|clear_\w+|switch_\w+|set_slots?\w*|trigger_(?:chitchat|search))"
)
BEGUN = re.compile(r"\w*continue\w*", re.IGNORECASE)  # asked when a form had been left
CONFIRMS = re.compile(r"confirm", re.IGNORECASE)
SHAPED = re.compile(r"_(?:formatted|text|str|string|display|readable|pretty)$")
WRONG = re.compile(r"cancel|fail|wrong|invalid|unknown|error|insufficient|_no_|denied|unable|abort")
BOUND = re.compile(r"(?:slots\.)?(\w+)\s*(<=|>=|<|>)\s*(-?\d+(?:\.\d+)?)")
PLAIN = {"money": ".amount", "date": ".date"}  # of a value that has a name beside it
FITS = {"<": "min", "<=": "min", ">": "max", ">=": "max"}


class Draft:
    """Jobs and all that belongs to them, growing."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.out = Turned()
        self.jobs: dict[str, Job] = {}
        self.acts: dict[str, Act] = {}  # actions by their name here
        self.called: dict[str, str] = {}  # what a form, flow or intent is called here
        self.sections: dict[str, list[tuple[str, str, list[str]]]] = {}  # by file: heading, text, questions
        self.says: dict[str, str] = {}
        self.used: set[str] = set()  # responses
        self.unasked: list[str] = []  # slots without a question
        self.begun: list[tuple[str, Place]] = []  # slots that ask whether to go on
        self.asked: set[str] = set()  # slots that are asked for, agreed to or built in
        self.does: dict[str, str] = {}  # what an intent came to: a job's name or a section's id
        self.spoken: dict[str, tuple[str, str]] = {}  # how a response is used: asks, confirms or says, and what

    # what a person has to do

    def leave(self, place: Place | str, found: str, to_do: str, rank: int = LOOK) -> None:
        """Something for a person, said once."""
        one = Left(place=str(place), found=found, to_do=to_do, rank=rank)
        if one not in self.out.left:
            self.out.left.append(one)

    # texts

    def text(self, names: Iterable[str], *, first: bool = False) -> tuple[str, set[str]]:
        """The texts of responses, one after another, and which they were."""
        held = self.project.responses
        found = [(name, renamed(held[name].text)) for name in names if name in held and held[name].text]
        found = found[:1] if first else found
        between = "\n" if any("\n" in text for _, text in found) else " "
        return between.join(text for _, text in found), {name for name, _ in found}

    def filled(self, text: str, job: Job, *, done: bool) -> str:
        """A text whose gaps are known in the job, or empty where one is not. `done` allows what actions came to."""
        slots = {plain_name(name): slot for name, slot in self.project.slots.items()}

        def one(gap: re.Match[str]) -> str:
            name = gap[1]
            if name in job.ask:
                return gap[0]
            bare = SHAPED.sub("", name)
            slot = slots.get(name)
            if bare in job.ask:
                return "{" + bare + "}"
            if slot is not None and slot.begins is not None and not slot.begins.isdecimal():
                return slot.begins
            if done and job.do:
                return "{" + f"{self._source(name, job)}.{name}" + "}"
            raise LookupError(name)

        try:
            text = re.sub(r"\{([^{}]+)\}", one, text)
        except LookupError:
            return ""
        money = [name for name, slot in job.ask.items() if "money" in slot]
        for name in money:  # an amount is shown with its sign
            text = re.sub(r"[£$€]\s?(?=\{" + name + r"\})", "", text)
        return text

    def _source(self, name: str, job: Job) -> str:
        """The action that gives a slot its value: the one the domain names, or the last that is done."""
        slot = self.project.slots.get(name)
        named = [str(one["action"]) for one in (slot.mappings if slot is not None else ()) if "action" in one]
        return next((own for one in named if (own := action_name(one)) in job.do), job.do[-1])

    # jobs

    def job(self, name: str, intents: Sequence[str], title: str = "") -> Job:
        """The job of a form, a flow or an intent, begun or gone on with."""
        base = self.called.get(name) or self._free(plain_name(name))
        self.called[name] = base
        job = self.jobs.setdefault(base, Job(name=base, title=title or spoken(name).lower(), when=[]))
        job.when += [intent for intent in intents if intent not in job.when]
        self.does |= dict.fromkeys(intents, base)
        return job

    def _free(self, base: str) -> str:
        return next(name for n in range(1, 1000) if (name := base if n == 1 else f"{base}_{n}") not in self.jobs)

    def slot(
        self, job: Job, slot: str, asks: Sequence[str], place: Place, *, form: str = "", description: str = "",
        rejections: Sequence[tuple[str, str]] = (), agrees: bool = True,
    ) -> None:  # fmt: skip
        """What a job asks for; a slot that only confirms is the summary that is agreed to, if there is what to."""
        text, used = self.text([name for name in asks if name], first=True)
        name, known = plain_name(slot), self.project.slots.get(slot)
        self.used |= used
        self.asked.add(slot)
        self.spoken |= dict.fromkeys(used, ("asks", name))
        if CONFIRMS.search(slot) and (job.ask or agrees):
            return self._confirmed(job, text, used, place)
        if BEGUN.fullmatch(slot) or (text and any("continue" in one for one in used)):
            return self.begun.append((slot, place))
        own = self.project.forms[form].mappings.get(slot, ()) if form in self.project.forms else ()
        response = next((self.project.responses[one] for one in used), None)
        asked = Asked(
            slot=slot, apart=frozenset(f"{job.name} {form}".casefold().replace("_", " ").split()), question=text,
            description=description, buttons=response.buttons if response is not None else (),
            mappings=(*own, *(known.mappings if known is not None else ())),
        )  # fmt: skip
        chosen, held = kind(self.project, asked)
        text = self._question(text, name, place)
        if not text:
            self._unasked(job, slot, form)
        bounds = self._bounds(job, name, chosen, [*rejections, *(known.rejections if known is not None else ())], place)
        job.ask[name] = {
            chosen: bounds or held,
            "say": text or f"{spoken(slot if form else name.removeprefix(f'{job.name}_'))}?",
        }
        job.fed |= dict.fromkeys(fed(asked), name)
        self._given_by_intent(job, name, asked, place)
        return None

    def _confirmed(self, job: Job, text: str, used: set[str], place: Place) -> None:
        response = next((self.project.responses[one] for one in used), None)
        full = "" if response is not None and response.conditional else self.filled(text, job, done=False)
        if full and job.ask and not gaps(full):  # agreeing to what is not shown is no agreement
            full = "\n".join([full, *(f"{spoken(_bare(slot, job))}: {{{slot}}}" for slot in job.ask)])
        job.confirm = full or job.confirm
        self.spoken |= dict.fromkeys(used, ("confirms", job.name))
        if text and not full:
            found = f"the summary '{_short(text)}' shows what {job.name} does not ask for, or has conditions."
            self.leave(place, found, f"Word `confirm` of {job.name}; it lists the answers now.")
        job.sums_up = not job.confirm

    def _question(self, text: str, name: str, place: Place) -> str:
        """A question without the sentences that have gaps: it is shown as it is written."""
        if not gaps(text):
            return text
        kept = " ".join(one for one in re.split(r"(?<=[.!?])\s+", text) if not gaps(one))
        self.leave(place, f"the question '{_short(text)}' shows values.", f"Ask for {name} without them.")
        return kept if kept.endswith("?") else ""

    def _unasked(self, job: Job, slot: str, form: str) -> None:
        names = (f"action_ask_{form}_{slot}", f"action_ask_{slot}")
        by = next((f" ({name})" for name in names if name in self.project.actions), "")
        self.unasked.append(f"{plain_name(slot)} of {job.name}{by}")

    def _bounds(
        self, job: Job, name: str, chosen: str, rejections: Sequence[tuple[str, str]], place: Place
    ) -> dict[str, float]:
        """Rejections as bounds, where they compare a number with one."""
        bounds: dict[str, float] = {}
        for condition, utter in rejections:
            found = BOUND.fullmatch(condition.strip().strip("()"))
            if found is not None and plain_name(found[1]) == name and chosen in ("money", "number"):
                step = (0.01 if chosen == "money" else 1) if found[2].endswith("=") else 0
                sign = 1 if found[2].startswith("<") else -1
                bounds[FITS[found[2]]] = float(found[3]) + sign * step
                self.used.add(utter)
            else:
                said, used = self.text([utter])
                self.used |= used
                self.leave(
                    place, f"{name} of {job.name} is refused where {condition}{f': {_short(said)!r}' if said else ''}.",
                    "Let the action refuse, and say its reason in `failed`.",
                )  # fmt: skip
        return bounds

    def _given_by_intent(self, job: Job, name: str, asked: Asked, place: Place) -> None:
        for one in asked.mappings:
            if one.get("type") == "from_trigger_intent":
                self.leave(
                    place, f"{name} was '{one.get('value')}' where {one.get('intent')} began the form; it is asked.",
                    f"Nothing, or make {one.get('intent')} a job of its own.",
                )  # fmt: skip

    # what a job does and says

    def effects(self, job: Job, actions: Sequence[str], place: Place) -> None:
        """The actions of a job: each gets an address, and what changes something a summary."""
        for action in dict.fromkeys(actions):
            if action in self.project.forms or action == "action_default" or OF_RASA.fullmatch(action):
                continue
            name, changes = action_name(action), not READS.match(action)
            act = self.acts.setdefault(name, Act(name=name, rasa=action, changes=changes, place=str(place)))
            act.jobs.append(job.name)
            if name not in job.do:
                job.do.append(name)
            job.sums_up = not job.confirm and (job.sums_up or changes)

    def finish(self, job: Job, responses: Sequence[str], place: Place, *, sure: bool = False) -> None:
        """What is said when a job has been done; `sure` where it is known not to be said of a failure."""
        text, used = self.text([one for one in responses if sure or not WRONG.search(one)])
        self.used |= used
        full = self.filled(text, job, done=True)
        if full:
            job.done = full
            self.spoken |= dict.fromkeys(used, ("says", job.name))
        elif text:
            self.leave(place, f"'{_short(text)}' names what {job.name} does not ask for.",
                       "Say in `done` what an action came back with.")  # fmt: skip


def action_name(action: str) -> str:
    """A custom action as it is called here."""
    return plain_name(action.removeprefix("action_"))


def plain_name(said: str) -> str:
    """A name as ours are."""
    name = re.sub(r"\W+", "_", said).strip("_").lower()
    return name if name and not name[0].isdecimal() else f"_{name}"


def renamed(text: str) -> str:
    """Gaps by the names that slots have here."""
    return re.sub(r"\{([^{}]+)\}", lambda gap: "{" + plain_name(gap[1]) + "}", text)


def spoken(name: str) -> str:
    """A name in words."""
    words = re.sub(r"[_\W]+", " ", name).strip()
    return words[:1].upper() + words[1:]


def literal(text: str) -> str:
    """The longest part of a text's first line that has no gap: what a test may look for."""
    parts = re.split(r"\{[^{}]*\}", text.splitlines()[0] if text else "")
    best = max(parts, key=len, default="").strip(' ,:;.!?-"')
    return best.replace('"', "") if len(best) >= 4 and '"' not in best else ""


def _told(job: Job) -> str:
    return ", ".join(f"{_bare(slot, job)} {{{slot}}}" for slot in job.ask)


def summary(job: Job) -> str:
    """What is about to be done, from what was asked for it."""
    told = _told(job)
    title = job.title[:1].upper() + job.title[1:]
    return f"{title}: {told}. Shall I go ahead?" if told else f"{title}: shall I?"


def _bare(slot: str, job: Job) -> str:
    """A slot's name without the words of its job's."""
    apart = set(job.name.split("_"))
    words = slot.split("_")
    return " ".join(word for word in words if word not in apart) or " ".join(words)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 70 else line[:67] + "..."


def sent(act: Act, jobs: Mapping[str, Job]) -> str:
    """An action as `assistant.yaml` has it: what all its jobs ask for goes with it, as a service would read it."""
    first, *others = [jobs[name].ask for name in dict.fromkeys(act.jobs)]
    shared = {slot: PLAIN.get(next(iter(held)), "") for slot, held in first.items()}
    shared = {
        slot: part
        for slot, part in shared.items()
        if all(slot in ask and PLAIN.get(next(iter(ask[slot])), "") == part for ask in others)
    }
    if act.changes:
        body = ", ".join(f'{slot}: "{{{slot}{part}}}"' for slot, part in shared.items())
        return f'{{post: "{OWN}/{act.name}"{f", body: {{{body}}}" if body else ""}, changes: true}}'
    query = "&".join(f"{slot}={{{slot}{part}}}" for slot, part in shared.items())
    return f'{{get: "{OWN}/{act.name}{f"?{query}" if query else ""}"}}'
