"""The flows of CALM as jobs: a flow's main way becomes what a job asks and does, the others what it comes to.

A job asks its questions one after another and then acts. Where a flow branches, the way with most to it is taken, and
the other is listed for a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from metier.assistant.base import Place
from metier.assistant.rasa.draft import CONFIRMS, OF_RASA, Draft, action_name
from metier.assistant.rasa.flows import Branch, Flow, Move, every
from metier.assistant.rasa.written import BUILT_IN, Job
from metier.assistant.templates import gaps

MOST_TOLD = 25  # words of a description that a customer may say
DEEPEST = 5  # flows within flows
PATTERNS = {
    "pattern_cannot_handle": "unsure_again", "pattern_cancel_flow": "cancelled", "pattern_completed": "nothing",
    "pattern_session_start": "greet", "pattern_internal_error": "failed", "pattern_human_handoff": "person",
}  # fmt: skip
TESTED = re.compile(
    r"\(?(?P<no>not\s+)?(?:slots\.)?(?P<slot>\w+)\s*"
    r"(?:(?P<sign>==?|!=|is not|is)\s*['\"]?(?P<value>[^'\"]*?)['\"]?)?\)?"
)
TO_PERSON = re.compile(r"hand_?(?:off|over)|connect_to|human|agent")
LOGS_IN = re.compile(r"authenticat|log_?in|sign_?in|verify_identity|check_access")
CANCELLED = re.compile(r"cancel")
DOES = frozenset(
    """
    activate add apply ask book buy cancel change check close confirm contact create delete deposit download find get
    give invite list lock log make manage move open order pause pay place query recharge refund register remove renew
    replace report request reschedule reserve reset return schedule search see send set setup share show sign start
    stop submit subscribe switch top track transfer unblock unlock unsubscribe update upgrade verify view withdraw
    """.split()
)
ABOUT = re.compile(
    r"(?i)^(?:(?:this|the) flow (?:lets?|let's|allows?|helps?|enables?) (?:users?|customers?|you|them) (?:to )?|"
    r"(?:lets?|allows?|helps?|enables?) (?:the )?(?:users?|customers?) (?:to )?|flow (?:for|to) |"
    r"(?:the )?(?:user|customer) (?:needs|wants|would like|asks) to )"
)
ONE_WAY = "A job has one way: let the action refuse, or make it two jobs."
ASKING = ("{}", "I want to {}", "can you {}", "I need to {}", "please {}", "I'd like to {}", "how do I {}")


@dataclass(kw_only=True)
class _Way:
    """The main way of a flow as it is walked: what is said since the last question or action."""

    flow: Flow
    agrees: bool  # whether all that is asked is whether to act
    depth: int = 0  # of flows within flows
    said: list[str] = field(default_factory=list)
    seen: set[Place] = field(default_factory=set)
    aside: list[tuple[Place, Place, str]] = field(default_factory=list)  # jumps not taken: whereto, from where, what

    def rest(self, id: str) -> Sequence[Move]:
        """The steps from one on, wherever in the flow it stands."""
        return next(_from(self.flow.moves, id), ())


def flows(draft: Draft) -> None:
    """A job for each flow that a customer may start."""
    called = {move.name for one in draft.project.flows.values() for move in every(one.moves) if move.kind == "call"}
    patterns = [one for one in draft.project.flows.values() if one.pattern]
    for one in draft.project.flows.values():
        if one.pattern or (one.name in called and not one.intents):
            continue  # a part of others
        if one.part:
            draft.leave(one.place, f"nobody could start {one.name} (if: False).", "Nothing, or give the job `like`.")
            continue
        _flow(draft, one)
    for one in patterns:
        _pattern(draft, one)
    if patterns:
        names = ", ".join(one.name for one in patterns)
        draft.leave(
            patterns[0].place, f"{names} change what CALM does by itself.", "Nothing; other words stand under `say`.",
            BUILT_IN,
        )  # fmt: skip


def _flow(draft: Draft, flow: Flow) -> None:
    known = [intent for intent in flow.intents if intent in draft.project.examples]
    job = draft.job(flow.name, known, title=flow.title.replace("_", " "))
    asks = [move for move in every(flow.moves) if move.kind == "collect"]
    way = _Way(flow=flow, agrees=len(asks) == 1 and any(map(_is_effect, every(flow.moves))))
    _walk(draft, job, way, flow.moves)
    for to, place, found in way.aside:
        if to not in way.seen:  # where the main way comes by, too, there is nothing to tell
            draft.leave(place, found, ONE_WAY)
    if not job.outcomes:
        draft.finish(job, way.said, flow.place, sure=True)
    if flow.guard:
        draft.leave(flow.place, f"{flow.name} may start only if {flow.guard}; here it may always.",
                    "If that is who is logged in, `login: true`; else let the action refuse.")  # fmt: skip
    if not known:
        job.like = phrases(job.title, flow.description)


def phrases(title: str, description: str) -> list[str]:
    """How a customer may ask for a flow, as far as its name and description say."""
    own, told = _mine(title), _mine(ABOUT.sub("", description).rstrip("."))
    verb = own.partition(" ")[0].casefold()
    own = re.sub(r"(?i)^setup\b", "set up", own)
    out = [form.format(own) for form in ASKING] if verb in DOES else [own, f"I have a question about {own}"]
    if told and len(told.split()) <= MOST_TOLD:
        out.append(told)
    return list(dict.fromkeys(out))


def _mine(text: str) -> str:
    return re.sub(r"(?i)\b(?:your|their|the user'?s?|users?'?s?|the customer'?s?)\b(?= \w)", "my", text.strip())


def _from(moves: Sequence[Move], id: str) -> Iterator[Sequence[Move]]:
    for place, move in enumerate(moves):
        if move.id == id:
            yield moves[place:]
        for branch in move.next if not isinstance(move.next, str) else ():
            if not isinstance(branch.then, str):
                yield from _from(branch.then, id)


def _walk(draft: Draft, job: Job, way: _Way, moves: Sequence[Move]) -> str:
    """Along the main way. The id where it goes on outside of these steps, END, or nothing where it runs out."""
    places = {move.id: place for place, move in enumerate(moves) if move.id}
    at = 0
    while at < len(moves):
        move = moves[at]
        if move.place in way.seen:  # a jump back, to ask once more
            return "END"
        way.seen.add(move.place)
        _step(draft, job, way, move)
        to = move.next if isinstance(move.next, str) else _branch(draft, job, way, move, last=at + 1 == len(moves))
        if to and to not in places:
            return to
        at = places[to] if to else at + 1
    return ""


def _step(draft: Draft, job: Job, way: _Way, move: Move) -> None:
    if move.kind == "collect":
        _dropped(draft, way, move)
        if _set_by_python(draft, move):
            return
        draft.slot(
            job, move.name, (move.asks, f"utter_ask_{move.name}"), move.place, description=move.description,
            rejections=move.rejections, agrees=way.agrees,
        )  # fmt: skip
    elif move.kind == "action" and move.name.startswith("utter_"):
        way.said.append(move.name)
    elif move.kind == "action":
        if _is_effect(move):
            _dropped(draft, way, move)
            draft.effects(job, [move.name], move.place)
    elif move.kind in ("call", "link"):
        _other(draft, job, way, move)


def _set_by_python(draft: Draft, move: Move) -> bool:
    """Whether a slot is only ever set by actions, and what seems to ask for it is no question."""
    slot = draft.project.slots.get(move.name)
    kinds = {one.get("type") for one in slot.mappings} if slot is not None else set()
    text, used = draft.text([move.asks or f"utter_ask_{move.name}"])
    if not kinds or not kinds <= {"custom", "controlled"} or text.endswith("?"):
        return False
    draft.used |= used
    draft.asked.add(move.name)
    told = f" '{text}' was no question." if text else ""
    draft.leave(move.place, f"{move.name} is set by Python, and nobody is asked.{told}", "Nothing.", BUILT_IN)
    return True


def _dropped(draft: Draft, way: _Way, move: Move) -> None:
    """A job speaks when it has been done; what is said before a question or an action has no place."""
    text, used = draft.text(way.said)
    if text:
        draft.leave(move.place, f"'{text}' was said before {move.name}.", "Say it in the next question, if it matters.")
        draft.used |= used
    way.said.clear()


def _other(draft: Draft, job: Job, way: _Way, move: Move) -> None:
    """A flow that is called is part of this one; so is one that is linked to and cannot be started otherwise."""
    other = draft.project.flows.get(move.name)
    if other is not None and LOGS_IN.search(other.name):
        job.login = True
        draft.called.setdefault(other.name, job.name)
        draft.leave(move.place, f"{way.flow.name} calls {other.name}.", "Nothing: `login: true` does that.", BUILT_IN)
    elif other is not None and way.depth < DEEPEST and (move.kind == "call" or other.part):
        inner = _Way(flow=other, agrees=way.agrees, depth=way.depth + 1, said=way.said, seen=way.seen, aside=way.aside)
        _walk(draft, job, inner, other.moves)
        draft.called.setdefault(other.name, job.name)
    elif other is None or not other.pattern:
        what = "calls" if move.kind == "call" else "goes on with"
        known = "" if other is not None else ", which is not in the project"
        draft.leave(
            move.place, f"{way.flow.name} {what} {move.name}{known}.", "A job ends by itself; name the next in `done`."
        )


def _branch(draft: Draft, job: Job, way: _Way, move: Move, *, last: bool) -> str:
    """Where a step with several ways goes on: the way with most to it. What the others say is what the job comes to."""
    assert not isinstance(move.next, str)
    ways, agrees = move.next, _sums_up(move, job)
    weights = _weights(draft, job, way, move)
    if _is_effect(move) and max(weights, default=0) < 1:
        _came_to(draft, job, way, move)
        return "END"
    best = max(range(len(weights)), key=lambda place: weights[place], default=-1)
    for place, one in enumerate(ways):
        if place != best:
            _aside(draft, job, way, move, one, agrees=agrees)
    if best < 0:
        return ""
    chosen = ways[best]
    if isinstance(chosen.then, str):
        return chosen.then
    asks = [one.name for one in every(chosen.then) if one.kind == "collect"]
    if asks and not agrees and not _is_effect(move):
        when = chosen.condition or "nothing else holds"
        draft.leave(move.place, f"{job.name} asks {', '.join(asks)} only if {when}; here always.",
                    "Nothing, or two jobs.")  # fmt: skip
    return _walk(draft, job, way, chosen.then) or ("END" if last else "")


def _weights(draft: Draft, job: Job, way: _Way, move: Move) -> list[float]:
    """How much there is to each way of a step: who agrees, and what came to something, go on."""
    assert not isinstance(move.next, str)
    ways = move.next
    weights = [_weight(draft, way, one.then) for one in ways]
    denied = [_denies(one, ways) for one in ways]
    if _sums_up(move, job):
        return [-1.0 if no else weight for weight, no in zip(weights, denied, strict=True)]
    if _is_effect(move) or _asks_to_confirm(move):
        well = [0.0 if no else weight for weight, no in zip(weights, denied, strict=True)]
        return well if any(well) else weights
    return weights


def _asks_to_confirm(move: Move) -> bool:
    assert not isinstance(move.next, str)
    tested = [found["slot"] for one in move.next if (found := TESTED.fullmatch(one.condition.strip()))]
    return any(CONFIRMS.search(slot) for slot in tested)


def _sums_up(move: Move, job: Job) -> bool:
    """Whether the ways of a step part those who agree to the summary from those who do not."""
    return _asks_to_confirm(move) and bool(job.confirm or job.sums_up)


def _aside(draft: Draft, job: Job, way: _Way, move: Move, one: Branch, *, agrees: bool) -> None:
    """A way that is not taken."""
    inner = [*every(tuple(_alone(way.rest(one.then))) if isinstance(one.then, str) else one.then)]
    said = [move.name for move in inner if move.kind == "action" and move.name.startswith("utter_")]
    text, used = draft.text(said)
    draft.used |= used
    if agrees:
        return
    does = [f"asks {m.name}" if m.kind == "collect" else m.name for m in inner if m.kind in ("collect", "call", "link")]
    if _is_effect(move) and text and not gaps(text):
        job.failed = "person" if any(TO_PERSON.search(name) for name in said) else text
        return
    what = "; ".join(filter(None, [", ".join(does), f"says '{text}'" if text else ""]))
    found = f"{way.flow.name} goes another way if {one.condition or 'nothing else holds'}: {what}."
    if not what or (said and not does and all(CANCELLED.search(name) for name in said)):
        return  # to cancel is built in, in its own words
    if isinstance(one.then, str):
        way.aside.append((way.rest(one.then)[0].place, move.place, found))
    else:
        draft.leave(move.place, found, ONE_WAY)


def _came_to(draft: Draft, job: Job, way: _Way, move: Move) -> None:
    """What is said by what an action came to: texts by its status, or one for done and one for failed."""
    assert not isinstance(move.next, str)
    values: dict[str, str] = {}
    for one in move.next:
        condition, said = one.condition, _said(way, one)
        text, used = draft.text(said)
        person = any(TO_PERSON.search(name) for name in said)
        text = "person" if person else draft.filled(text, job, done=True)
        draft.used |= used
        found = TESTED.fullmatch(condition.strip())
        value = (found["value"] or "").strip() if found is not None and found["sign"] in ("=", "==", "is") else ""
        if value and value.casefold() not in ("true", "false", "null"):
            values[value] = text
        elif not condition:
            values["other"] = text
        elif found is not None and bool(found["no"]) == (value.casefold() == "false"):
            values["true"] = text
        else:
            values["false"] = text
        draft.spoken |= dict.fromkeys(used, ("says", job.name) if not person else ("", ""))
    values = {value: text for value, text in values.items() if text}
    act = draft.acts[action_name(move.name)]
    if not values.keys() <= {"true", "false", "other"}:
        job.outcomes = values
        act.statuses = tuple(values)
        return
    job.done = values.get("true") or (values.get("other", "") if "false" in values else "") or job.done
    failed = values.get("false") or (values.get("other", "") if "true" in values else "")
    if failed and job.failed:
        draft.leave(move.place, f"where an action of {job.name} failed before, '{job.failed}' was said.",
                    "Let it say so as its reason: `failed: \"{action.reason}\"`.")  # fmt: skip
    job.failed = failed or job.failed
    act.refuses = next((one.condition for one in move.next if failed and one.condition), "")


def _said(way: _Way, one: Branch) -> list[str]:
    """What is said on a way until something is asked or done, or it ends."""
    return [*_utters(way.rest(one.then) if isinstance(one.then, str) else one.then)]


def _alone(moves: Sequence[Move]) -> Iterator[Move]:
    """Steps up to the first that goes on elsewhere."""
    for move in moves:
        yield replace(move, next="")
        if move.next:
            return


def _utters(moves: Sequence[Move]) -> Iterator[str]:
    for move in moves:
        if move.kind == "action" and move.name.startswith("utter_"):
            yield move.name
        elif move.kind in ("collect", "action", "call", "link"):
            return
        if move.next:
            return


def _weight(draft: Draft, way: _Way, then: str | Sequence[Move], deep: int = 0) -> float:
    """How much there is to a way: questions, actions and other flows; where it ends there is nothing."""
    if isinstance(then, str):
        rest = way.rest(then)
        if not rest or rest[0].place in way.seen:  # a jump back asks once more
            return 0.0
        # what is only said is what a way comes to, not a way
        return 2.0 * sum(_counts(draft, move) for move in rest) or 0.5
    if deep > DEEPEST:
        return 0.0
    total = 0.0
    for move in then:
        total += 2.0 * _counts(draft, move)
        tos = [move.next] if isinstance(move.next, str) else [one.then for one in move.next]
        total += max((_weight(draft, way, to, deep + 1) for to in tos if to not in ("", "END")), default=0)
    return total


def _counts(draft: Draft, move: Move) -> bool:
    return (
        move.kind == "collect"
        or _is_effect(move)
        or (move.kind in ("call", "link") and move.name in draft.project.flows)
    )


def _is_effect(move: Move) -> bool:
    return move.kind == "action" and not move.name.startswith("utter_") and not OF_RASA.fullmatch(move.name)


def _denies(one: Branch, ways: Sequence[Branch]) -> bool:
    """Whether a way is the one of who does not agree."""
    if one.condition:
        found = TESTED.fullmatch(one.condition.strip())
        return found is not None and bool(found["no"]) != ((found["value"] or "").casefold() == "false")
    return not any(_denies(other, ways) for other in ways if other.condition)


def _pattern(draft: Draft, flow: Flow) -> None:
    """What a pattern says in place of CALM is said in place of what is built in."""
    key = PATTERNS.get(flow.name)
    said = [move.name for move in every(flow.moves) if move.kind == "action" and move.name.startswith("utter_")]
    text, used = draft.text(said[-1:])
    if key is not None and text and not gaps(text) and key not in draft.says:
        draft.says[key] = text
        draft.used |= used
