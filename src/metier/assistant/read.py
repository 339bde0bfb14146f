"""A folder with `assistant.yaml` to a Script. Knows keys and forms; what they refer to is looked at by `check`."""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from metier.assistant import knowledge, strict
from metier.assistant.base import Action, BadAssistant, Desk, Job, Learnt, Script, Slot, Step
from metier.assistant.strict import Node
from metier.data.spans import unmarked

Kind = TypeVar("Kind")
FILE, TAUGHT, MODELS = "assistant.yaml", "taught.csv", "models"
KEYS = (
    "assistant",
    "language",
    "currency",
    "say",
    "models",
    "knowledge",
    "actions",
    "jobs",
    "person",
    "promise",
    "privacy",
    "outside",
    "writer",
)
SAYS = {
    "greet": "Hello. I'm a program; ask for a person any time.",
    "decline": "That is nothing I can help with. I can help with {jobs}.",
    "decline_again": "I'll leave that one, too: I know about {jobs}, and no more.",
    "unsure": "I'm not sure I got that. Did you mean:",
    "unsure_again": "I still don't follow. Say it in other words, or ask for a person.",
    "bye": "Bye!",
    "thanks": "You're welcome.",
    "bot": "I'm a program. You can ask for a person any time.",
    "capability": "I can help with {jobs}.",
    "cancelled": "All right, I've stopped; nothing was changed.",
    "stopped": "I've stopped there.",
    "nothing": "Nothing is waiting for an answer. What can I do?",
    "again": "Let me ask once more.",
    "needed": "I can't go on without that. Answer, or say cancel.",
    "drop": "We're in the middle of {old}. Shall I drop that and turn to {new}?",
    "kept": "Then we go on.",
    "what": "What should I change?",
    "done_already": "That is done already and I can't take it back. Ask for a person if it is wrong.",
    "login": "Please log in first, then ask me again.",
    "none": "I find nothing to choose from there.",
    "range": "It has to be between {least} and {most}.",
    "failed": "That didn't work; nothing was changed.",
    "unknown": "I can't tell whether that went through. A person will look and tell you; please don't try it again.",
    "person": "I'm passing you to a person, who sees what you have told me.",
    "waiting": "A person has this conversation and will answer here.",
    "taken": "Thank you, I've passed that on.",
    "back": "You're back with the assistant, which is a program. What else can I do?",
    "off": "I can't do that at the moment.",
    "written": "A language model reads our pages so: {text} Ask for a person if that matters.",
    "resumed": "Welcome back. We were in the middle of {old}.",
    "empty": "I got nothing to read. Say it in words.",
}
PERSONAL = ("card_number", "account_number", "iban", "phone", "email")  # taken out whether named or not
TASKS = ("intent", "acts", "scope", "entities", "pii")
OWN = ("intent", "acts", "scope", "entities")
HOW = ("get", "post", "put", "delete", "python")
KINDS = ("pick", "yes_no", "money", "number", "date", "time", "code", "text")
BOUNDED = ("money", "number")
JOB_KEYS = ("title", "when", "like", "login", "ask", "confirm", "do", "done", "failed", "answer")


def load(folder: Path, models: str = MODELS) -> Script:
    """What the author of the folder wrote, and people at the desk have taught. `models` is where what is learnt lies.

    Raises: BadAssistant with file, line and what to write instead.
    """
    return script(strict.read(written(folder).read_text(encoding="utf-8"), FILE), folder, models)


def written(folder: Path) -> Path:
    """The file that makes a folder an assistant.

    Raises: BadAssistant where there is none, naming the folder beside it that may have been meant.
    """
    path = folder / FILE
    if path.is_file():
        return path
    beside = folder.absolute().parent
    others = [one.parent.name for one in beside.glob(f"*/{FILE}")] if beside.is_dir() else []
    near = difflib.get_close_matches(folder.name, others, n=1)
    meant = f" Did you mean {folder.parent / near[0]}?" if near else ""
    found = f"holds no {FILE}" if folder.is_dir() else "is no folder"
    raise BadAssistant(
        f"{folder} {found}.{meant} Name the folder of an assistant, or make one: metier assistant new {folder}"
    )


def script(root: Node, folder: Path, models: str = MODELS) -> Script:
    """The document as a Script."""
    top = _keys(root, "the assistant", KEYS, needed=("assistant", "jobs"))
    home = folder / _text(top["knowledge"]) if "knowledge" in top else folder / "knowledge"
    desk = _desk(top["person"]) if "person" in top else Desk()
    privacy = _keys(top["privacy"], "privacy", ("redact", "keep")) if "privacy" in top else {}
    return Script(
        name=_text(top["assistant"]),
        folder=folder,
        language=_texts(top["language"])[0] if "language" in top else "en",
        currency=_text(top["currency"]) if "currency" in top else "£",
        say={**SAYS, **(_said(top["say"]) if "say" in top else {})},
        models=_models(top.get("models"), root, folder, folder / models),
        workshop=folder / models,
        taught=_taught(folder / TAUGHT),
        actions={n: _action(n, v) for n, v in _mapping(top["actions"], "actions").items()} if "actions" in top else {},
        jobs={n: _job(n, v) for n, v in _mapping(top["jobs"], "jobs").items()},
        knowledge=knowledge.read_folder(home) if home.is_dir() else {},
        desk=desk,
        promise={n: str(v.value) for n, v in _mapping(top["promise"], "promise").items()} if "promise" in top else {},
        redact=_texts(privacy["redact"]) if "redact" in privacy else None,
        keep_days=_days(privacy["keep"]) if "keep" in privacy else 30,
        outside=folder / _text(top["outside"]) if "outside" in top else None,
        writer=_writer(top["writer"]) if "writer" in top else None,
        sources={name: node.place for name, node in top.items()},
    )  # fmt: skip


def _said(node: Node) -> dict[str, str]:
    return {name: _text(one) for name, one in _keys(node, "say", tuple(SAYS)).items()}


def _taught(path: Path) -> tuple[tuple[str, str], ...]:
    if not path.is_file():
        return ()
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    if rows[:1] != [["text", "means"]] or any(len(row) != 2 for row in rows):
        raise BadAssistant(f"{TAUGHT}: expected two columns, text and means, as `metier assistant review` writes them.")
    return tuple((text, means) for text, means in rows[1:])


def _models(node: Node | None, root: Node, folder: Path, workshop: Path) -> dict[str, Learnt]:
    """The specialists named; what is not named is learnt from the phrases of the jobs and from lines of our own."""
    named = {} if node is None else _keys(node, "models", TASKS)
    models = {name: _learnt(one, name, folder, workshop) for name, one in named.items()}
    for name in OWN:
        models.setdefault(name, Learnt(folder=workshop / name, rows=(), place=(node or root).place))
    return models


def _learnt(node: Node, name: str, folder: Path, workshop: Path) -> Learnt:
    named = _texts(node)
    rows = tuple(folder / one for one in named if one.endswith((".csv", ".jsonl", ".tsv")))
    if rows and len(rows) < len(named):
        raise BadAssistant(
            f"{node.place}: {name} is either a folder of a specialist or the files it is learnt from, not both."
        )
    if rows:
        return Learnt(folder=workshop / name, rows=rows, place=node.place)
    return Learnt(folder=folder / named[0], rows=None, place=node.place)


def _action(name: str, node: Node) -> Action:
    given = _keys(node, f"the action {name}", (*HOW, "changes", "body", "key_env"))
    ways = [way for way in HOW if way in given]
    if len(ways) != 1:
        raise BadAssistant(f"{node.place}: the action {name} has {len(ways)} of {', '.join(HOW)}. Give it exactly one.")
    target = _text(given[ways[0]])
    if ways[0] == "python" and not re.fullmatch(r"\w+:\w+", target):
        raise BadAssistant(
            f"{node.place}: '{target}' names no function. Write file:function, as in \"actions:top_up\"."
        )
    body = {key: str(one.value) for key, one in _mapping(given["body"], "body").items()} if "body" in given else {}
    changes = _true(given["changes"]) if "changes" in given else False
    key_env = _text(given["key_env"]) if "key_env" in given else ""
    return Action(name=name, how=ways[0], target=target, changes=changes, place=node.place, body=body, key_env=key_env)


def _writer(node: Node) -> Action:
    """A server that speaks OpenAI's chat completions, as an action that reads."""
    given = _keys(node, "writer", ("post", "model", "key_env"), needed=("post", "model"))
    return Action(
        name="writer", how="post", target=_text(given["post"]), changes=False, place=node.place,
        body={"model": _text(given["model"]), "messages": "{messages}", "temperature": 0, "max_tokens": 200},
        key_env=_text(given["key_env"]) if "key_env" in given else "",
    )  # fmt: skip


def _job(name: str, node: Node) -> Job:
    given = _keys(node, f"the job {name}", JOB_KEYS)
    ask = {slot: _slot(slot, one) for slot, one in _mapping(given["ask"], "ask").items()} if "ask" in given else {}
    done: str | Mapping[str, str] | None = None
    if "done" in given:
        plain = given["done"].plain()
        done = {str(k): str(v) for k, v in plain.items()} if isinstance(plain, dict) else _text(given["done"])
    places = {f"when {one.value}": one.place for one in _list(given.get("when"))}
    like = [(_text(one), one.place) for one in _list(given.get("like"))]
    places |= {f"like {unmarked(one)[0]}": place for one, place in like}
    places |= {key: one.place for key, one in given.items()}
    return Job(
        name=name, place=node.place, places=places,
        title=_text(given["title"]) if "title" in given else name.replace("_", " "),
        when=_texts(given["when"]) if "when" in given else (),
        like=tuple(unmarked(one)[0] for one, _ in like),
        marked=tuple(one for one, _ in like) if any(unmarked(one)[1] for one, _ in like) else (),
        login=_true(given["login"]) if "login" in given else False,
        ask=ask,
        confirm=_text(given["confirm"]) if "confirm" in given else None,
        do=tuple(_step(one) for one in _list(given.get("do"))),
        done=done,
        failed=_text(given["failed"]) if "failed" in given else "person",
        answer=_text(given["answer"]) if "answer" in given else None,
    )  # fmt: skip


def _slot(name: str, node: Node) -> Slot:
    given = _keys(node, f"the slot {name}", (*KINDS, "say", "optional"), needed=("say",))
    kinds = [kind for kind in KINDS if kind in given]
    if len(kinds) != 1:
        raise BadAssistant(
            f"{node.place}: the slot {name} has {len(kinds)} of {', '.join(KINDS)}. Give it exactly one."
        )
    held, kind = given[kinds[0]], kinds[0]
    bounds = {}
    if kind in BOUNDED and isinstance(held.value, Mapping):
        bounds = {k: float(v.value) for k, v in _keys(held, f"{name}: {kind}", ("min", "max")).items()}
    named = kind == "pick" and not isinstance(held.value, Mapping | list)
    return Slot(
        name=name, kind=kind, say=_text(given["say"]), place=node.place,
        source=_text(held) if named else "", options=_options(held) if kind == "pick" and not named else {},
        pattern=_pattern(held) if kind == "code" else "", past=kind == "date" and held.value == "past",
        least=bounds.get("min"), most=bounds.get("max"),
        optional=_true(given["optional"]) if "optional" in given else False,
    )  # fmt: skip


def _options(node: Node) -> dict[str, tuple[str, ...]]:
    """What is picked from without asking anybody: `[current, savings]`, or each with other words for it."""
    if isinstance(node.value, Mapping):
        return {name: _texts(others) for name, others in node.value.items()}
    return dict.fromkeys(_texts(node), ())


def _pattern(node: Node) -> str:
    try:
        re.compile(_text(node))
    except re.error as problem:
        raise BadAssistant(
            f"{node.place}: '{node.value}' is no pattern ({problem}). Write one as in `code: \"[A-Z]{{2}}[0-9]{{4}}\"`."
        ) from None
    return _text(node)


def _step(node: Node) -> Step:
    if not isinstance(node.value, Mapping):
        return Step(action=_text(node))
    if len(node.value) != 1:
        raise BadAssistant(
            f"{node.place}: a step names one action, as in `- freeze` or `- {{reissue: {{if: replace}}}}`."
        )
    ((action, rule),) = node.items()
    return Step(action=action, given=_text(_keys(rule, f"the step {action}", ("if",), needed=("if",))["if"]))


def _desk(node: Node) -> Desk:
    given = _keys(node, "person", ("to", "when", "open", "closed"))
    to = "console"
    if "to" in given:
        held = given["to"]
        to = (
            _text(_keys(held, "to", ("post",), needed=("post",))["post"])
            if isinstance(held.value, Mapping)
            else _text(held)
        )
    said: dict[str, Any] = {key: _text(given[key]) for key in ("open", "closed") if key in given}
    if "when" in given:
        said["when"] = _texts(given["when"])
    return Desk(to=to, **said)


def _mapping(node: Node, what: str) -> Mapping[str, Node]:
    if not isinstance(node.value, Mapping):
        raise BadAssistant(
            f"{node.place}: {what} is {_kind(node)}; expected names with what belongs to each, as in `name: value`."
        )
    return node.value


def _keys(node: Node, what: str, known: tuple[str, ...], needed: tuple[str, ...] = ()) -> Mapping[str, Node]:
    given = _mapping(node, what)
    for key, one in given.items():
        if key not in known:
            raise BadAssistant(f"{one.place}: {what} has no '{key}'. Known here: {', '.join(known)}.")
    missing = [key for key in needed if key not in given]
    if missing:
        raise BadAssistant(
            f"{node.place}: {what} lacks {', '.join(missing)}. Add {'it' if len(missing) == 1 else 'them'} there."
        )
    return given


def _list(node: Node | None) -> list[Node]:
    if node is None:
        return []
    return node.value if isinstance(node.value, list) else [node]


def _texts(node: Node) -> tuple[str, ...]:
    return tuple(_text(one) for one in _list(node))


def _text(node: Node) -> str:
    return _of(node, str, "text")


def _true(node: Node) -> bool:
    return _of(node, bool, "true or false")


def _of(node: Node, kind: type[Kind], what: str) -> Kind:
    if not isinstance(node.value, kind):
        raise BadAssistant(f"{node.place}: found {_kind(node)}; expected {what}.")
    return node.value


def _days(node: Node) -> int:
    found = re.fullmatch(r"(\d+) days?", str(node.value))
    if found is None:
        raise BadAssistant(f"{node.place}: '{node.value}' is no time to keep. Write it in days, as in `keep: 30 days`.")
    return int(found[1])


def _kind(node: Node) -> str:
    if isinstance(node.value, Mapping):
        return "a mapping"
    return "a list" if isinstance(node.value, list) else f"'{node.value}'"
