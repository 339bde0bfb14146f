"""What an assistant's folder teaches its specialists: intents and `like` phrases, acts, scope, questions to sections.

Writes folders below models/. Knows no conversation.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from metier import artifact, lazy
from metier.assistant import cues, scope
from metier.assistant.base import BadAssistant, Job, Learnt, Script
from metier.assistant.wording import words
from metier.data.read import read
from metier.data.spans import marked, unmarked
from metier.forms.base import Learnt as Answering
from metier.kinds.base import Options, kind_of
from metier.train import train
from metier.types import Decision, Effort, Table

Rows = list[tuple[str, str]]
Told = Callable[[str], None]
REFUSED = 0.02  # of messages that are ours; the threshold follows
BARELY = 5  # a fifth of messages that are ours is barely so
HELD_OUT = 5  # every fifth message of ours settles the threshold
LEFT = 3  # phrases that a job must keep when others are held out
FEW = 100  # held-out messages of ours, under which those that are not ours have a say
OUTSIDE = "outside"
KNOWLEDGE = "knowledge"
SERVED = "served"  # a file beside what is learnt
MARKED = ("entities", "pii")  # learnt from texts with marks in them
TOPIC = 0.01  # of an assistant's phrases; a word in so many is of its trade
USUAL = 3  # lines of nobody's trade; a word in more is of no trade at all


@dataclass(frozen=True, kw_only=True)
class Apart:
    """Scores of messages held out, those that are ours and those that are not, by specialists that never saw them.

    Of those that are ours also how sure the best intent of each was, how many a person would have got at once, and how
    probably the fifth that is least so is ours at most.
    """

    ours: Sequence[float]
    strange: Sequence[float]
    sure: Sequence[float] = ()
    handed: int = 0
    barely: float = 0.0

    def least(self) -> float:
        """The least score of a message that is ours: what refuses 2 % of those held out."""
        return _least(self.ours, self.strange if len(self.ours) < FEW else ())

    def judged(self) -> tuple[int, int]:
        """How many of ours are refused and of the others caught, each by a threshold that the other half settled."""
        refused = caught = 0
        for half in (0, 1):
            least = _least(self.ours[half::2], self.strange[half::2] if len(self.ours) < FEW else ())
            refused += sum(score < least for score in self.ours[1 - half :: 2])
            caught += sum(score < least for score in self.strange[1 - half :: 2])
        return refused, caught


def _least(ours: Sequence[float], strange: Sequence[float]) -> float:
    least = sorted(ours)[math.floor(len(ours) * REFUSED)] if ours else 0.0  # none: as likely ours as not
    if strange:  # so few say little of where ours ends: it ends where the rest begins, if the two are apart
        least = min(least, sorted(strange)[-1 - math.floor(len(strange) * REFUSED)])
    return least


def learn(
    script: Script, *, effort: Effort = "standard", told: Told = lambda line: None, anew: bool = False
) -> list[str]:
    """Train what has changed since it was last trained; the names of those."""
    rows = teaching(script)
    _equipped(rows)
    done = []
    for name, examples in rows.items():
        folder = _folder(script, name)
        stamp = hashlib.sha256(json.dumps(examples).encode()).hexdigest()
        if not anew and _stamp(folder) == stamp:
            continue
        told(f"{name}: learning from {len(examples):,} lines")
        facts: dict[str, object] = {"learnt": stamp}
        if name == "scope":
            apart = _apart(script, rows, effort)
            facts |= {"least": apart.least(), **asdict(apart)}
        learnt = _mind(script, name, examples, effort, folder)
        if folder.exists():
            shutil.rmtree(folder)
        artifact.save(learnt, folder)
        folder.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        done.append(name)
    if done:
        put_to_work(script.workshop)
    return done


def put_to_work(models: Path) -> None:
    """Write down that what lies there answers from now on."""
    (models / SERVED).write_text(datetime.now(UTC).isoformat() + "\n", encoding="utf-8")


def at_work_since(models: Path) -> str:
    """Since when; empty where nobody wrote it down."""
    path = models / SERVED
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def _equipped(rows: Mapping[str, Rows]) -> None:
    """Check that what specialists learn with is installed, before the first has taken its time.

    Raises: MissingPackage with the command that installs it.
    """
    if KNOWLEDGE in rows:
        lazy.need("bm25s", extra="assistant", purpose="An assistant's knowledge")
    if any(name in rows for name in MARKED):
        lazy.need("stdnum", extra="assistant", purpose="Telling what is personal, and which words are whose,")


def teaching(script: Script) -> Mapping[str, Rows]:
    """The lines that each specialist of the folder is learnt from."""
    held = {name: _rows(learnt, name) for name, learnt in script.models.items() if learnt.rows is not None}
    jobs = script.jobs.values()
    likes = [(phrase, job) for job in jobs for phrase in _phrases(job)]
    known = {label for _, label in held.get("intent", [])}
    # an example of a job that has a label already is one more of that label
    own = {job.name: next((label for label in job.when if label in known), f"job:{job.name}") for job in jobs}
    taught = [(text, own.get(means.removeprefix("job:"), means)) for text, means in script.taught]
    out: dict[str, Rows] = {}
    if "intent" in held:
        out["intent"] = [*held["intent"], *((phrase, own[job.name]) for phrase, job in likes)]
        out["intent"] += [(text, label) for text, label in taught if label != OUTSIDE and label not in script.knowledge]
    questions = [
        (phrase, section.id) for section in script.knowledge.values() for phrase in (section.title, *section.asked_as)
    ]
    questions += [(text, section) for text, section in taught if section in script.knowledge]
    if "acts" in held:
        none = [(text, "none") for text, _ in out.get("intent", [])[::4]]
        out["acts"] = [*_ours("acts.csv"), *held["acts"], *none]
    if "scope" in held:
        ours = [*out.get("intent", []), *questions]  # acts are told before scope is asked
        strange = [
            *elsewhere([text for text, _ in ours]),
            *(row for row in [*held["scope"], *taught] if row[1] == OUTSIDE),
        ]
        taken = {text.casefold() for text, _ in strange}
        out["scope"] = [*((text, scope.OURS) for text, _ in ours if text.casefold() not in taken), *strange]
    if marks := [*((phrase, "") for job in jobs for phrase in job.marked), *held.get("entities", [])]:
        out["entities"] = marks
    if "pii" in held:
        out["pii"] = [*held["pii"], *((text, "") for text, _ in out.get("intent", [])[::4])]
    if len({label for _, label in out.get("intent", [])}) == 1:
        # the only job must be told from something: other questions of ours, or talk; strange lines would look familiar
        other = [text for text, _ in questions] or [text for text, _ in _ours("acts.csv")]
        own_words = {text for text, _ in out["intent"]}
        out["intent"] += [(text, OUTSIDE) for text in dict.fromkeys(other) if text not in own_words]
    if len(script.knowledge) > 1:
        out[KNOWLEDGE] = [*questions, *((section.text, section.id) for section in script.knowledge.values())]
    return out


def elsewhere(own: Sequence[str]) -> Rows:
    """Lines that are nobody's trade, but for those that speak of what this assistant's own phrases speak of."""
    strange = _ours("outside.csv")
    common = Counter(word for text in own for word in set(words(text)) if len(word) >= 4)
    usual = Counter(word for text, _ in strange for word in set(words(text)))
    topics = {w for w, n in common.items() if n >= max(2, len(own) * TOPIC) and usual[w] <= USUAL}
    return [(text, label) for text, label in strange if not topics & set(words(text))]


def _mind(script: Script, name: str, rows: Rows, effort: Effort, folder: Path) -> Answering:
    """What learns from these lines: of questions to sections, of texts with marks, or of texts and what they are."""
    if name == KNOWLEDGE:
        return _librarian(script, rows, folder)
    return _extractor(rows, effort) if name in MARKED else _specialist(rows, effort, name)


def _extractor(rows: Rows, effort: Effort) -> Answering:
    """What learns from texts with marks; each is learnt in small letters, too, as many customers write."""
    written = [unmarked(text) for text, _ in rows]
    both = [marked(text, spans) for text, spans in [*written, *((text.lower(), spans) for text, spans in written)]]
    kind, table = kind_of("extract"), Table(columns={"text": both})
    opened = kind.opened(table, Options(task="extract", input="text", target="text", effort=effort))
    return kind.train(opened, folder=None, work=None, progress=lambda step, done: None).learnt


def _specialist(rows: Rows, effort: Effort, name: str = "") -> Answering:
    return train(_table(rows), name=name, input="text", target="label", effort=effort).specialist


def _librarian(script: Script, rows: Rows, folder: Path | None = None) -> Answering:
    """What finds the section that answers: it holds them all, and of what they are asked what is among the rows."""
    told = set(rows)
    sections = list(script.knowledge.values())
    table = {
        "id": [one.id for one in sections],
        "title": [one.title if (one.title, one.id) in told else "" for one in sections],
        "text": [one.text for one in sections],
    }
    own = {(text, one.id) for one in sections for text in (one.title, one.text)}
    known = [row for row in rows if row not in own]
    asked = {"question": [text for text, _ in known], "passage": [name for _, name in known]}
    kind = kind_of("retrieve")
    opened = kind.opened(Table(columns=table), Options(questions=Table(columns=asked) if known else None))
    return kind.train(opened, folder=folder, work=None, progress=lambda step, done: None).learnt


def strangers(rows: Mapping[str, Rows]) -> list[str]:
    """Every fifth of the messages that are not ours."""
    return _every_fifth({text for text, label in rows["scope"] if label != scope.OURS})


def held_out(rows: Mapping[str, Rows]) -> list[str]:
    """Every fifth of what customers wrote, headings aside; a label keeps enough to be learnt from."""
    said = {text for text, label in rows["scope"] if label == scope.OURS}
    labels = {text: label for text, label in rows.get("intent", []) if text in said}
    left, held = Counter(labels.values()), []
    for text in _every_fifth(set(labels) or said):
        if not labels or left[labels[text]] > LEFT:
            held.append(text)
            left[labels.get(text, "")] -= 1
    return held


def _phrases(job: Job) -> tuple[str, ...]:
    """The examples of a job; where they are few and no label helps, its title is one more."""
    return job.like if job.when or not 0 < len(job.like) < LEFT + 1 else (*job.like, job.title)


def _every_fifth(texts: set[str]) -> list[str]:
    return sorted(texts, key=lambda text: hashlib.sha256(text.encode()).digest())[::HELD_OUT]


def _apart(script: Script, rows: Mapping[str, Rows], effort: Effort) -> Apart:
    """The scores of what is held out, by those that have not learnt from it."""
    ours = held_out(rows)
    held = [*ours, *strangers(rows)]
    apart = set(held)
    left = {name: [row for row in several if row[0] not in apart] for name, several in rows.items()}
    own: tuple[str, ...] = ("scope", "intent")
    decided = {name: _specialist(left[name], effort).predict(held) for name in own if name in left}
    if KNOWLEDGE in left:
        decided[KNOWLEDGE] = _librarian(script, left[KNOWLEDGE]).predict(held)
    near = [decided[name] for name in ("intent", KNOWLEDGE) if name in decided]
    scores = [
        round(scope.score(one, max(other[place].scope for other in near)), 4)
        for place, one in enumerate(decided["scope"])
    ]
    intents = decided.get("intent", [])[: len(ours)]
    handed = sum(_persons(script, text, said.label or "") for text, said in zip(ours, intents, strict=False))
    return Apart(
        ours=scores[: len(ours)], strange=scores[len(ours) :],
        sure=[round(one.probability, 4) for one in intents], handed=handed,
        barely=_barely(decided["scope"][: len(ours)]),
    )  # fmt: skip


def _barely(said: Sequence[Decision]) -> float:
    chances = sorted(scope.chance((one.label, one.probability) for one in each.candidates) for each in said)
    return round(chances[len(chances) // BARELY], 4) if chances else 0.0


def _persons(script: Script, text: str, label: str) -> bool:
    """Whether a message brings a person by what it says."""
    return cues.asks_for_person(text) or cues.vulnerable(text) or label in script.desk.when


def apart(script: Script) -> Apart:
    """What was held out when scope was learnt; nothing where somebody else learnt it."""
    said = _facts(script)
    return Apart(
        ours=said.get("ours", []), strange=said.get("strange", []),
        sure=said.get("sure", []), handed=said.get("handed", 0), barely=said.get("barely", 0.0),
    )  # fmt: skip


def least(script: Script) -> float:
    """The threshold that was settled when scope was learnt."""
    return float(_facts(script).get("least", 0.0))


def _facts(script: Script) -> Any:
    path = script.models["scope"].folder.with_suffix(".json")
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _folder(script: Script, name: str) -> Path:
    return script.models[name].folder if name in script.models else script.workshop / name


def _stamp(folder: Path) -> str:
    path = folder.with_suffix(".json")
    return str(json.loads(path.read_text(encoding="utf-8"))["learnt"]) if path.exists() and folder.exists() else ""


def _table(examples: Rows) -> Table:
    return Table(columns={"text": [text for text, _ in examples], "label": [label for _, label in examples]})


def rows_of(script: Script, name: str) -> Rows:
    """The lines that the author brings for one specialist.

    Raises: BadAssistant where a file is not there or has other columns than two.
    """
    return _rows(script.models[name], name)


def _rows(learnt: Learnt, name: str) -> Rows:
    rows: Rows = []
    for path in learnt.rows or ():
        if not path.is_file():
            raise BadAssistant(
                f"{learnt.place}: there is no file {path}. Write the rows, or name a folder of a specialist."
            )
        rows += _marked(path) if name in MARKED else _pairs(path)
    return rows


def _marked(path: Path) -> Rows:
    columns = list(read(path).columns.values())
    if len(columns) != 1 or not any(unmarked(str(text))[1] for text in columns[0]):
        raise BadAssistant(
            f"{path}: found {len(columns)} columns; expected one, texts with marks as in: my name is [name](Ana Silva)"
        )
    return [(str(text), "") for text in columns[0]]


def _ours(name: str) -> Rows:
    return _pairs(Path(__file__).with_name(name))


def _pairs(path: Path) -> Rows:
    columns = list(read(path).columns.values())
    if len(columns) != 2:
        raise BadAssistant(f"{path}: found {len(columns)} columns; expected two, the text and what it is.")
    return [(str(text), str(label)) for text, label in zip(*columns, strict=True)]
