"""A retriever: learnt from documents, and from questions they are known to answer."""

from __future__ import annotations

import difflib
import hashlib
import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np

from metier import artifact
from metier.data.passages import Asked as Pair
from metier.data.passages import Passage, pairs, passages, with_asked
from metier.encoders.sentence import SentenceEncoder
from metier.errors import BadCell, BadOption
from metier.evaluation import Judged, Latency
from metier.judges.retrieve import Missed, retrieve_figures
from metier.kinds.base import Made, Opened, Options, Progress, named
from metier.retrieval.learn import asked_of, rank_of, teach
from metier.retrieval.library import Library
from metier.retrieval.retriever import Retriever

TAKES = frozenset({"questions", "encoder", "max_error", "false_refusal", "seed"})
GOLDEN, TIMED = 8, 300
LIBRARIES = ("metier", "numpy", "onnxruntime", "tokenizers", "bm25s", "usearch", "snowballstemmer")


@dataclass(frozen=True, kw_only=True)
class Documents:
    """Passages with the questions they answer, questions that none of them does, and where they came from."""

    passages: list[Passage]
    absent: list[Pair]
    source: str


class RetrieverKind:
    """Documents to a library and what weighs its candidates."""

    def opened(self, data: Any, options: Options) -> Opened:
        """The passages, and the questions they are known to answer.

        Raises: BadCell where a question names a passage that is not there.
        """
        options.only("retriever", TAKES)
        for name in ("max_error", "false_refusal"):
            share = getattr(options, name)
            if share is not None and not 0 < share < 1:
                raise BadOption(f"{name}={share} is no share. Expected between 0 and 1, such as 0.02 for 2 %.")
        found = passages(data)
        source = Path(data).resolve().name if isinstance(data, str | Path) else "memory"
        asked = [] if options.questions is None else pairs(options.questions)
        _check_known(found, asked)
        known = with_asked(found, [pair for pair in asked if pair.answers])
        absent = [pair for pair in asked if not pair.answers]
        count = sum(len(one.asked) for one in known)
        said = f"{len(known):,} passages in {source}, {count:,} questions they are known to answer"
        said += f", {len(absent):,} they do not." if absent else "."
        cells = [question for one in known for question in one.asked] or [one.heading for one in known]
        documents = Documents(passages=known, absent=absent, source=source)
        return Opened(data=documents, options=options, said=said, cells=cells[:GOLDEN])

    def train(self, opened: Opened, *, folder: Path | None, work: Path | None, progress: Progress) -> Made:
        """Encode the passages, then learn what their marks are worth."""
        documents: Documents = opened.data
        o = opened.options
        encoder = SentenceEncoder.build(o.encoder)
        library = Library.build(
            documents.passages, encoder, before=_before(folder), told=lambda done: progress("encoding", 0.8 * done)
        )
        taught = teach(
            library, absent=documents.absent, max_error=o.max_error, false_refusal=o.false_refusal, seed=o.seed,
            told=lambda done: progress("learning", 0.8 + 0.19 * done),
        )  # fmt: skip
        notes = [opened.said]
        if not taught.known:
            notes.append(
                "Few questions are known, or none: its figures are those of headings, too, asked without being seen."
            )
        figures = retrieve_figures(
            taught.asked, rule=taught.rule, passages=len(library.passages), missed=taught.missed, notes=notes
        )
        retriever = Retriever(
            name=named(folder),
            library=library,
            weigher=taught.weigher,
            rule=taught.rule,
            recipe={"effort": o.effort, "seed": o.seed, "folds": 5, "encoder": encoder.source},
            origin={
                "source": documents.source,
                "rows": len(library.passages),
                "questions": taught.questions,
                "sha256": _digest(documents.passages),
                "libraries": {one: importlib.metadata.version(one) for one in LIBRARIES},
            },
            figures=figures.json(),
        )
        golden = retriever.replayed(opened.cells)
        progress("done", 1.0)
        return Made(learnt=replace(retriever, golden=golden), evaluation=figures, notes=tuple(notes))

    def evaluate(self, learnt: Retriever, data: Any, *, out_of_scope: Any, out_of_scope_label: str | None) -> Judged:
        """Its figures on questions with the names of the passages that answer, blank for none."""
        if out_of_scope_label is not None:
            raise BadOption("out_of_scope_label: questions have no labels. Leave the passage of such questions blank.")
        asked = pairs(data)
        beside = [] if out_of_scope is None else [replace(one, answers=()) for one in pairs(out_of_scope)]
        _check_known(learnt.library.passages, asked)
        here, absent = [p for p in asked if p.answers], [p for p in [*asked, *beside] if not p.answers]
        started = perf_counter_ns()
        weighed = [learnt.weighed(pair.question) for pair in [*here, *absent]]
        seconds = (perf_counter_ns() - started) / 1e9
        probability = learnt.weigher.probability(np.array([one.signs for one in weighed]))
        scope = learnt.weigher.familiarity(np.array([one.likeness for one in weighed]))
        right = [np.array([learnt.library.places[name] for name in pair.answers]) for pair in here]
        ranks = [rank_of(one, places) for one, places in zip(weighed, right, strict=False)]
        missed = [
            Missed(
                question=pair.question,
                said=learnt.library.passages[int(one.passages[0])].name,
                right=", ".join(pair.answers),
                probability=float(p),
            )
            for pair, one, p, (rank, _) in zip(here, weighed, probability, ranks, strict=False)
            if rank != 1
        ]
        return retrieve_figures(
            asked_of(ranks, probability, scope, learnt.rule), rule=learnt.rule, passages=len(learnt.library.passages),
            missed=missed, latency=_latency(learnt, [one.question for one in [*here, *absent]], len(weighed) / seconds),
        )  # fmt: skip


def _before(folder: Path | None) -> Library | None:
    """The library that lies where this one goes: passages that have not changed keep their vectors."""
    if folder is None or not folder.exists():
        return None
    earlier = artifact.load(folder, replay=False)
    return earlier.library if isinstance(earlier, Retriever) else None


def _check_known(found: Sequence[Passage], asked: Sequence[Pair]) -> None:
    names = {one.name for one in found}
    unknown = [(pair.question, name) for pair in asked for name in pair.answers if name not in names]
    if unknown:
        question, name = unknown[0]
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.0)
        raise BadCell(
            f"questions: {len(unknown):,} name passages that are not in the documents, such as {name!r:.80} of "
            f"{question!r:.60}. Expected names like {', '.join(near)}. Correct them, or leave the cell blank where "
            "nothing answers."
        )


def _digest(found: Sequence[Passage]) -> str:
    return hashlib.sha256("\n".join(f"{one.name} {one.digest}" for one in found).encode("utf-8", "replace")).hexdigest()


def _latency(learnt: Retriever, questions: Sequence[str], rows_per_s: float) -> Latency:
    some = questions[:TIMED]
    times = [decision.microseconds for question in some for decision in learnt.predict([question])]
    median, late = np.quantile(times, [0.5, 0.95]).tolist()
    return Latency(median_us=median, p95_us=late, rows=len(some), rows_per_s=rows_per_s, stages=(median,))


KIND = RetrieverKind()
