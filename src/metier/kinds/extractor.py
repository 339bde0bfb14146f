"""An extractor: learnt from texts with marked spans, in a column beside them or in the texts themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np

from metier.data.read import digest, read
from metier.decide.accept import Rule, accept_threshold, scope_threshold
from metier.domains.text import DOMAIN
from metier.errors import BadOption, TooFewRows
from metier.evaluation import Judged, Latency
from metier.extraction.extractor import Extractor, Seen
from metier.extraction.learn import Lessons, Teach, held_out, with_exits
from metier.extraction.personal import CHECKED, personal
from metier.extraction.rows import Rows, columns, rows_of, texts_of
from metier.extraction.silent import Silent
from metier.extraction.stage import Parsed
from metier.extraction.teachers import teachers
from metier.judges.extract import Marked, SpanFigures, span_figures
from metier.kinds.base import Made, Opened, Options, Progress, named
from metier.parting import Parting, parting
from metier.specialist import Golden
from metier.train import libraries
from metier.types import EFFORTS, Extraction, Input, Json, Labels, Table

TAKES = frozenset({"input", "target", "group", "order", "effort", "encoder", "max_error", "false_refusal", "seed"})
FOLDS, MANY_ROWS, FEWER_FOLDS, LEAST_SPANS = 4, 2_500, 2, 2
LEAST_CHECKED, CHECKING = 10, 0.98  # spans of a label, and the share of them whose checksum is right
GOLDEN_ROWS, LONGEST_GOLDEN, SHOWN, TIMED_ROWS = 8, 1_000, 5, 300


class ExtractorKind:
    """Marked texts to spans."""

    def opened(self, data: Any, options: Options) -> Opened:
        """The table, and the columns that hold texts and spans."""
        options.only("extractor", TAKES)
        if options.effort not in EFFORTS:
            raise BadOption(f"effort={options.effort!r} is unknown. Expected one of {', '.join(EFFORTS)}.")
        table = read(data)
        input, target, said = columns(table, options.input, options.target)
        return Opened(
            data=table,
            options=replace(options, input=[input], target=target, task="extract"),
            said=said,
            cells=rows_of(table.take(range(min(len(table), 16))), input, target).texts,
        )

    def train(self, opened: Opened, *, folder: Path | None, work: Path | None, progress: Progress) -> Made:
        """Stages, what they say out of fold, the rule for it and the figures."""
        o, table = opened.options, opened.data
        input, target = _asked(o)
        rows = rows_of(table, input, target)
        parted = parting(table, (Input(column=input, domain="text"),), group=o.group, order=o.order)
        lessons, folds = _lessons(rows, parted, table.source, o.seed)
        teach: Sequence[Teach] = [lambda _, __: Silent(), *teachers(o.effort, o.encoder, o.seed)]
        held = [held_out(lessons, one, i + 1, _ticker(progress, i, len(teach), folds)) for i, one in enumerate(teach)]
        stages, spotted = with_exits(held, lessons)
        seen = [Seen(one, float(scope)) for one, scope in zip(spotted, stages[0].scope.held, strict=True)]
        extractor = Extractor(
            name=named(folder),
            inputs=(Input(column=input, domain="text"),),
            task="extract",
            labels=tuple(lessons.labels),
            target_column=target,
            stages=tuple(stages),
            rule=_rule(seen, rows, o),
            recipe={
                "effort": o.effort,
                "seed": o.seed,
                "folds": folds,
                "held_out": parted.said,
                "checked": list[Json](_checked(rows)),
                **({"encoder": Path(o.encoder).name} if o.encoder is not None else {}),
            },
            origin={
                "source": Path(table.source).name,
                "rows": len(table),
                "sha256": digest(table, list(dict.fromkeys([input, target]))),
                "libraries": libraries(),
            },
        )
        figures = _out_of_fold(extractor, rows, seen, parted.said)
        extractor = replace(extractor, figures=figures.json(), golden=_golden(extractor, rows.texts))
        progress("done", 1.0)
        return Made(learnt=extractor, evaluation=figures, notes=(opened.said, *figures.notes))

    def evaluate(self, learnt: Extractor, data: Any, *, out_of_scope: Any, out_of_scope_label: str | None) -> Judged:
        """Its figures on marked texts; `out_of_scope` are texts in which nothing should be found."""
        if out_of_scope_label is not None:
            raise BadOption("out_of_scope_label: spans have labels, texts have none. Give such texts as out_of_scope.")
        rows = rows_of(*_judged(read(data), learnt))
        started = perf_counter_ns()
        decisions = learnt.predict(rows.texts)
        seconds = (perf_counter_ns() - started) / 1e9
        texts = [
            Marked(text=text, spans=spans, decision=decision)
            for text, spans, decision in zip(rows.texts, rows.spans, decisions, strict=True)
            if isinstance(decision, Extraction)
        ]
        beside = [] if out_of_scope is None else texts_of(read(out_of_scope), learnt.inputs[0].column)
        outside = [one for one in learnt.predict(beside) if isinstance(one, Extraction)]
        latency = _latency(learnt, rows.texts, len(rows.texts) / max(seconds, 1e-9))
        return span_figures(
            learnt.labels, texts, rule=learnt.rule, outside=outside, stage_names=_names(learnt), latency=latency
        )


def _asked(options: Options) -> tuple[str, str]:
    """The two columns, as `opened` has settled them."""
    assert options.input is not None
    assert options.target is not None
    return options.input[0], options.target


def _lessons(rows: Rows, parted: Parting, source: str, seed: int) -> tuple[Lessons, int]:
    """The rows as they are learnt from, and in how many folds."""
    labels = _labels(rows, source)
    group = parted.groups if parted.groups is not None else DOMAIN.group(rows.texts)
    assert group is not None  # texts that say nearly the same share a number
    folds = FOLDS if len(rows.texts) < MANY_ROWS else FEWER_FOLDS
    texts = [Parsed.of(text) for text in rows.texts]
    fold = parted.folds(_strata(rows, labels), group, folds, seed)
    strangers = parted.groups is not None
    return Lessons(texts=texts, spans=rows.spans, labels=labels, group=group, fold=fold, strangers=strangers), folds


def _out_of_fold(extractor: Extractor, rows: Rows, seen: Sequence[Seen], note: str) -> SpanFigures:
    """The figures of what stages said of texts they had not learnt."""
    texts = [
        Marked(text=text, spans=spans, decision=extractor.decided(text, one, 0.0))
        for text, spans, one in zip(rows.texts, rows.spans, seen, strict=True)
    ]
    notes = [note] if note else []
    return span_figures(extractor.labels, texts, rule=extractor.rule, stage_names=_names(extractor), notes=notes)


def _judged(table: Table, learnt: Extractor) -> tuple[Table, str, str]:
    """The table with its columns of texts and spans: those learnt from, or others where they have other names."""
    input, target = learnt.inputs[0].column, learnt.target_column
    if input in table.columns and target in table.columns:
        return table, input, target
    text, spans, _ = columns(table, input if input in table.columns else None)
    return table, text, spans


def _checked(rows: Rows) -> list[str]:
    """The labels of numbers whose checksum is nearly always right: one that is not is none of them."""
    all, right = Counter[str](), Counter[str]()
    for text, spans in zip(rows.texts, rows.spans, strict=True):
        certain = {(one.start, one.end) for one in personal(text) if one.kind in CHECKED}
        all.update(span.label for span in spans)
        right.update(span.label for span in spans if (span.start, span.end) in certain)
    return sorted(label for label in right if all[label] >= LEAST_CHECKED and right[label] >= CHECKING * all[label])


def _labels(rows: Rows, source: str) -> tuple[str, ...]:
    counts: dict[str, int] = {}
    for spans in rows.spans:
        for label in {span.label for span in spans}:
            counts[label] = counts.get(label, 0) + 1
    rare = sorted(label for label, count in counts.items() if count < LEAST_SPANS)
    if rare or not counts:
        shown = ", ".join(f"'{label}'" for label in rare[:10]) or "there is not one span"
        raise TooFewRows(
            f"{source}: labels in fewer than {LEAST_SPANS} texts: {shown}. Expected {LEAST_SPANS} or more of each, so "
            "that one can be learnt from and one held out. Mark more, or leave these labels out."
        )
    return tuple(sorted(counts))


def _strata(rows: Rows, labels: Sequence[str]) -> Labels:
    """The rarest label of each text; those without spans share a number."""
    counts = {label: sum(any(s.label == label for s in spans) for spans in rows.spans) for label in labels}
    place = {label: i + 1 for i, label in enumerate(labels)}
    rarest = [min((s.label for s in spans), key=lambda label: counts[label], default="") for spans in rows.spans]
    return np.unique([place.get(label, 0) for label in rarest], return_inverse=True)[1].astype(np.int64)


def _rule(seen: Sequence[Seen], rows: Rows, o: Options) -> Rule:
    """What keeps the promise: one span of each text is drawn, since those of one text are not independent.

    Where nothing is promised, a span is an answer from half the F1 on, which is what makes F1 highest (Lipton et al.
    2014, "Thresholding Classifiers to Maximize F1 Score").  Raises: PromiseNotSupported.
    """
    outside = scope_threshold(np.array([one.scope for one in seen]), o.false_refusal)
    accept = _f1(seen, rows) / 2
    if o.max_error is not None:
        draw, sure, right = np.random.default_rng(0), [], []
        for one, spans in zip(seen, rows.spans, strict=True):
            if one.spotted.spans and one.scope >= outside:
                i = int(draw.integers(len(one.spotted.spans)))
                sure.append(one.spotted.probabilities[i])
                right.append(one.spotted.spans[i] in spans)
        accept = max(accept, accept_threshold(np.array(sure, np.float32), np.array(right, np.bool_), o.max_error))
    return Rule(
        false_refusal=o.false_refusal, max_error=o.max_error, scope_threshold=outside, accept_threshold=accept,
        candidate_threshold=0.0,
    )  # fmt: skip


def _f1(seen: Sequence[Seen], rows: Rows) -> float:
    """Of all spans found."""
    pairs = [(set(one.spotted.spans), set(spans)) for one, spans in zip(seen, rows.spans, strict=True)]
    return 2 * sum(len(a & b) for a, b in pairs) / max(sum(len(a) + len(b) for a, b in pairs), 1)


def _golden(extractor: Extractor, texts: Sequence[str]) -> tuple[Golden, ...]:
    short = [text for text in texts if len(text) <= LONGEST_GOLDEN]
    return extractor.replayed(short[:: max(1, len(short) // GOLDEN_ROWS)][:GOLDEN_ROWS])


def _names(extractor: Extractor) -> list[str]:
    return [f"{stage.tagger.kind.partition('.')[0]}+{stage.field.kind}" for stage in extractor.stages]


def _ticker(progress: Progress, stage: int, stages: int, folds: int) -> Callable[[], None]:
    """Tells progress the share of steps done: twice the folds and one more for each stage."""
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        progress("learning", min((stage + done / (2 * folds + 1)) / stages, 0.99))

    return tick


def _latency(extractor: Extractor, texts: Sequence[str], rows_per_s: float) -> Latency | None:
    """Single texts, spread over all of them, one call each."""
    if not texts:
        return None
    chosen = [texts[i] for i in np.unique(np.linspace(0, len(texts) - 1, min(len(texts), TIMED_ROWS)).astype(int))]
    times, stages = np.zeros(len(chosen)), np.zeros(len(chosen), int)
    for j, text in enumerate(chosen):
        started = perf_counter_ns()
        [decision] = extractor.predict([text])
        times[j], stages[j] = (perf_counter_ns() - started) / 1000, decision.stage
    by_stage = [times[stages == number + 1] for number in range(extractor.depth)]
    return Latency(
        median_us=float(np.median(times)), p95_us=float(np.quantile(times, 0.95)), rows=len(times),
        rows_per_s=rows_per_s, stages=tuple(float(np.median(part)) if len(part) else None for part in by_stage),
    )  # fmt: skip


KIND = ExtractorKind()
