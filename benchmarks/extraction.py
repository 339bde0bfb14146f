"""Are spans found in bank queries, in texts full of personal data, and in tweets? Slots and intents of NLU++, too.

    python benchmarks/extraction.py nlupp quick       # ten splits of its large setting
    python benchmarks/extraction.py intents           # the same splits, what is asked for: several intents a query
    python benchmarks/extraction.py presidio thorough # five parts by template, a quarter of an hour of one core each
    python benchmarks/extraction.py wnut17 thorough   # as given, with torch; an hour of one core
    python benchmarks/extraction.py numbers           # what is personal by checksum and form alone
    python benchmarks/extraction.py values            # what the words of NLU++'s slots are worth

A span is right where its start, its end and its label are. Beside ours on the same rows: CRFsuite with the features of
sklearn-crfsuite's tutorial, part of speech left out, for want of a tagger. Writes benchmarks/results/extraction.json
after every split, so that a run that is stopped has told what it knows.
"""

from __future__ import annotations

import json
import os
import random
import re
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from machine import commit, machine

import metier
from metier.data.read import read
from metier.data.spans import spans_of
from metier.extraction.value import Setting, kind_of, value
from metier.extraction.words import Word, runs, split, tag_names, tags
from metier.gateway.redact import redacted
from metier.types import Span

RESULTS = Path(__file__).parent / "results" / "extraction.json"
DATA = Path(os.environ.get("METIER_DATA", "../shared/data"))
SOME = 200
Rows = list[tuple[str, list[Span]]]
Figures = dict[str, Any]
Tell = Callable[[Figures], None]


class Count:
    """Spans marked, found, and both."""

    def __init__(self) -> None:
        self.marked = self.found = self.right = 0

    def add(self, marked: Sequence[Span], found: Sequence[Span]) -> None:
        self.marked, self.found = self.marked + len(marked), self.found + len(found)
        self.right += len(set(marked) & set(found))

    def figures(self) -> Figures:
        f1 = 2 * self.right / max(self.marked + self.found, 1)
        return {
            "f1": f1, "precision": self.right / max(self.found, 1), "recall": self.right / max(self.marked, 1),
            "marked": self.marked,
        }  # fmt: skip


def main(asked: Sequence[str]) -> None:
    name, effort = asked[0] if asked else "numbers", asked[1] if len(asked) > 1 else "standard"

    def tell(figures: Figures) -> None:
        found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}  # another run may have written meanwhile
        about = {"date": time.strftime("%Y-%m-%d"), "commit": commit(), **machine(list(range(os.cpu_count() or 1)))}
        found[f"{name} {effort}"] = {"figures": figures, "run": about}
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")
        print(json.dumps(figures), flush=True)

    measures = {"nlupp": nlupp, "intents": intents, "presidio": presidio, "wnut17": wnut17, "numbers": numbers}
    measures["values"] = values
    measures[name](effort, tell)


def nlupp(effort: str, tell: Tell) -> None:
    """Slots of the banking part, its large setting: ten times two folds of twenty held out."""
    folds, means = _folds(), dict[str, list[float]]()
    for k in range(10):
        train, test = _parted(folds, k)
        rows = [(one["text"], spans_of(one.get("slots"), one["text"])) for one in train]
        held = [(one["text"], spans_of(one.get("slots"), one["text"])) for one in test]
        counts, _ = _both(rows, held, effort)
        for who, count in counts.items():
            means.setdefault(who, []).append(count.figures()["f1"])
        tell({who: {"slot F1": sum(some) / len(some), "splits": some} for who, some in means.items()})


def intents(effort: str, tell: Tell) -> None:
    """Intents of the same splits, several a query: micro-F1."""
    folds, found = _folds(), list[float]()
    for k in range(10):
        train, test = _parted(folds, k)
        columns = [{"text": [o["text"] for o in part], "intents": [o.get("intents", []) for o in part]}
                   for part in (train, test)]  # fmt: skip
        specialist = metier.train(columns[0], target="intents", task="multilabel", effort=effort)  # type: ignore[arg-type]
        found.append(specialist.evaluate(columns[1]).micro_f1)  # type: ignore[attr-defined]
        tell({"intent micro-F1": sum(found) / len(found), "splits": found})


def presidio(effort: str, tell: Tell) -> None:
    """Spans of texts whose template was in no row learnt from, five parts."""
    rows = json.loads((DATA / "presidio_pii" / "synth_dataset_v2.json").read_text(encoding="utf-8"))
    ids = sorted({row["template_id"] for row in rows})
    random.Random(0).shuffle(ids)
    part = {template: i % 5 for i, template in enumerate(ids)}
    whole = dict[str, Count]()
    strange: dict[str, list[int]] = {}
    for k in range(5):
        marked = [(r["full_text"], spans_of(r["spans"], r["full_text"]), r["template_id"]) for r in rows]
        learnt = [row for row in marked if part[row[2]] != k]
        held = [row[:2] for row in marked if part[row[2]] == k]
        counts, extractor = _both([row[:2] for row in learnt], held, effort, groups=[row[2] for row in learnt])
        for name, texts in _nobodys().items():
            taken = sum(_takes_a_number(one) for one in extractor.predict(texts[:SOME]))
            strange[name] = [*strange.get(name, []), taken]
        for who, count in counts.items():
            whole.setdefault(who, Count())
            whole[who].marked += count.marked
            whole[who].found += count.found
            whole[who].right += count.right
        told = {who: {**count.figures(), "parts": k + 1} for who, count in whole.items()}
        tell({**told, f"of {SOME} texts with numbers that are nobody's, taken for personal": strange})


def _takes_a_number(decision: Any) -> bool:
    """Whether an answer holds a digit; dates are personal to nobody, and their label says what they are."""
    answers = (span for span in decision.spans if span.accepted and span.label != "DATE_TIME")
    return any(re.search(r"\d", span.text) for span in answers)


def wnut17(effort: str, tell: Tell) -> None:
    """Names in tweets as its authors parted them; no lists of names."""
    folder, parts = DATA / "wnut17" / "CONLL-format" / "data", []
    with TemporaryDirectory() as place:
        for name in ("train/wnut17train.conll", "test/emerging.test.annotated"):
            file = Path(place) / f"{Path(name).stem}.conll"
            file.write_bytes((folder / name).read_bytes())
            table = read(file)
            texts = zip(table.columns["text"], table.columns["spans"], strict=True)
            parts.append([(text, spans_of(spans, text)) for text, spans in texts])
    tell({who: count.figures() for who, count in _both(parts[0], parts[1], effort)[0].items()})


def numbers(effort: str, tell: Tell) -> None:
    """Texts with numbers that are nobody's: how many of them would be taken out all the same."""
    tell({name: {"texts": len(some), "taken for personal": sum(redacted(text) != text for text in some)}
          for name, some in _nobodys().items()})  # fmt: skip


def _nobodys() -> dict[str, list[str]]:
    folds = [one for fold in _folds() for one in fold]
    draw = random.Random(0)
    return {
        "bank queries with numbers (NLU++)": [one["text"] for one in folds if re.search(r"\d", one["text"])],
        "order numbers of 6 to 10 digits": [f"my order {draw.randrange(10**5, 10**10)} is late" for _ in range(2000)],
        "references of 16 digits": [f"reference {draw.randrange(10**15, 10**16)}, please" for _ in range(2000)],
        "amounts": [f"I paid £{draw.randrange(10**6) / 100:,.2f} twice" for _ in range(2000)],
        "dates and times": [f"on {draw.randrange(1, 28):02d}/{draw.randrange(1, 13):02d}/2026 at "
                            f"{draw.randrange(24):02d}:{draw.randrange(60):02d}" for _ in range(2000)],
    }  # fmt: skip


def values(effort: str, tell: Tell) -> None:
    """Amounts, numbers, days and times of NLU++ against its authors' values, as of 15 March 2022, 9:00."""
    here, right, rows = Setting(now=datetime(2022, 3, 15, 9)), dict[str, int](), dict[str, int]()
    for one in (one for fold in _folds() for one in fold):
        for slot, said in one.get("slots", {}).items():
            wanted, kind = said.get("value"), kind_of(slot)
            if kind is None or isinstance(wanted, str | None):
                continue
            rows[kind] = rows.get(kind, 0) + 1
            right[kind] = right.get(kind, 0) + (value(slot, said["text"], here) == _theirs(kind, wanted))
    tell({kind: {"right": right[kind], "of": count} for kind, count in rows.items()})


def _theirs(kind: str, wanted: Any) -> Any:
    if kind == "date":
        return f"{wanted['year']}-{wanted['month']:02d}-{wanted['day']:02d}"
    if kind == "time":
        return f"{wanted['hour']:02d}:{wanted['minute']:02d}"
    if kind == "money":
        currency = wanted["currency"]
        return {"amount": wanted["amount"], "currency": None if currency == "ambiguous" else currency}
    return wanted


def _folds() -> list[list[dict[str, Any]]]:
    folder = DATA / "nlupp" / "banking"
    return [json.loads((folder / f"fold{i}.json").read_text(encoding="utf-8")) for i in range(20)]


def _parted(folds: Sequence[Sequence[dict[str, Any]]], k: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    held = (2 * k, 2 * k + 1)
    return [o for i, f in enumerate(folds) if i not in held for o in f], [o for i in held for o in folds[i]]


def _both(rows: Rows, held: Rows, effort: str, groups: Sequence[int] | None = None) -> tuple[dict[str, Count], Any]:
    """What ours and a plain CRF find in the texts held out, and ours."""
    columns: dict[str, Any] = {"text": [text for text, _ in rows], "spans": [spans for _, spans in rows]}
    if groups is not None:
        columns["template"] = list(groups)
    extractor = metier.train(columns, task="extract", effort=effort, group="template" if groups else None)  # type: ignore[arg-type]
    ours, answers, plain, tagged = Count(), Count(), Count(), _plain(rows)
    for (text, marked), decision in zip(held, extractor.predict([text for text, _ in held]), strict=True):
        found = [(Span(s.start, s.end, s.label), s.accepted) for s in decision.spans]  # type: ignore[attr-defined]
        ours.add(marked, [span for span, _ in found])
        answers.add(marked, [span for span, accepted in found if accepted])
        plain.add(marked, tagged(text))
    return {"ours": ours, "ours, answers alone": answers, "a plain CRF": plain}, extractor


def _plain(rows: Rows) -> Callable[[str], list[Span]]:
    """The peer, learnt."""
    import pycrfsuite

    labels = sorted({span.label for _, spans in rows for span in spans})
    names = tag_names(labels)
    trainer = pycrfsuite.Trainer(verbose=False)
    trainer.set_params({"c1": 0.1, "c2": 0.1, "max_iterations": 100, "feature.possible_transitions": True})
    for text, spans in rows:
        words = split(text)
        if words:
            trainer.append([_features(words, i) for i in range(len(words))], tags(words, spans))
    place = TemporaryDirectory()
    trainer.train(f"{place.name}/plain")
    tagger = pycrfsuite.Tagger()
    tagger.open(f"{place.name}/plain")

    def tagged(text: str) -> list[Span]:
        words = split(text)
        said = tagger.tag([_features(words, i) for i in range(len(words))]) if words else []
        path = [names.index(tag) for tag in said]
        sound = [p if p % 2 or not p or (i and path[i - 1] in (p, p - 1)) else p - 1 for i, p in enumerate(path)]
        return [Span(words[a].start, words[b].end, labels[label]) for a, b, label in runs(sound)]

    tagged.place = place  # type: ignore[attr-defined]  # the folder lives as long as what reads from it
    return tagged


def _features(words: Sequence[Word], i: int) -> list[str]:
    word = words[i].text
    said = ["bias", f"lower={word.lower()}", f"-3={word[-3:]}", f"-2={word[-2:]}", f"upper={word.isupper()}",
            f"title={word.istitle()}", f"digit={word.isdigit()}"]  # fmt: skip
    for name, j in (("-1", i - 1), ("+1", i + 1)):
        if 0 <= j < len(words):
            other = words[j].text
            said += [
                f"{name}:lower={other.lower()}",
                f"{name}:title={other.istitle()}",
                f"{name}:upper={other.isupper()}",
            ]
        else:
            said.append("BOS" if j < 0 else "EOS")
    return said


if __name__ == "__main__":
    main(sys.argv[1:])
