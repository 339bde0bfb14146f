"""An extractor: learnt from texts with marked spans, in a column beside them or in the texts themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np

from metier.columns import require
from metier.data.read import digest, read
from metier.data.spans import MARKUP, joined, spans_of, unmarked
from metier.decide.accept import Rule, accept_threshold, scope_threshold
from metier.domains.text import DOMAIN
from metier.errors import BadCell, BadOption, MissingColumn, TooFewRows
from metier.evaluation import Judged, Latency
from metier.extraction.extractor import Extractor, Seen
from metier.extraction.learn import Lessons, Teach, held_out, with_exits
from metier.extraction.silent import Silent
from metier.extraction.stage import Parsed
from metier.extraction.teachers import teachers
from metier.judges.extract import Marked, span_figures
from metier.kinds.base import Made, Opened, Options, Progress
from metier.parting import parting
from metier.specialist import Golden
from metier.train import libraries
from metier.types import EFFORTS, Extraction, Input, Labels, Span, Table

TAKES = frozenset({"input", "target", "group", "order", "effort", "encoder", "max_error", "false_refusal", "seed"})
INPUTS, TARGETS = ("text", "full_text", "sentence", "utterance", "tokens", "words"), (
    "spans", "entities", "slots", "annotations", "labels", "tags", "ner_tags",
)  # fmt: skip
FOLDS, MANY_ROWS, FEWER_FOLDS, LEAST_SPANS = 4, 2_500, 2, 2
GOLDEN_ROWS, LONGEST_GOLDEN, SHOWN, TIMED_ROWS = 8, 1_000, 5, 300
LIKELIER_RIGHT = 0.5


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Texts with their spans, out of two columns or out of one with marks."""

    texts: list[str]
    spans: list[list[Span]]


class ExtractorKind:
    """Marked texts to spans."""

    def opened(self, data: Any, options: Options) -> Opened:
        """The table, and the columns that hold texts and spans."""
        options.only("extractor", TAKES)
        if options.effort not in EFFORTS:
            raise BadOption(f"effort={options.effort!r} is unknown. Expected one of {', '.join(EFFORTS)}.")
        table = read(data)
        input, target, said = _columns(table, options)
        return Opened(
            data=table,
            options=replace(options, input=[input], target=target, task="extract"),
            said=said,
            cells=_rows(table.take(range(min(len(table), 16))), input, target).texts,
        )

    def train(self, opened: Opened, *, name: str, work: Path | None, progress: Progress) -> Made:
        """Stages, what they say out of fold, the rule for it and the figures."""
        o, table = opened.options, opened.data
        assert o.input is not None and o.target is not None  # as `opened` left them
        [input], progress_of = list(o.input), progress
        inputs = (Input(column=input, domain="text"),)
        rows = _rows(table, input, o.target)
        labels = _labels(rows, table.source)
        parted = parting(table, inputs, group=o.group, order=o.order)
        group = DOMAIN.group(rows.texts) if parted.groups is None else parted.groups
        assert group is not None
        count = FOLDS if len(rows.texts) < MANY_ROWS else FEWER_FOLDS
        lessons = Lessons(
            texts=[Parsed.of(text) for text in rows.texts],
            spans=rows.spans,
            labels=labels,
            group=group,
            fold=parted.folds(_strata(rows, labels), group, count, o.seed),
        )
        teach: Sequence[Teach] = [lambda _, __: Silent(), *teachers(o.effort, o.encoder, o.seed)]
        held = [held_out(lessons, one, i + 1, _ticker(progress_of, i, len(teach), count)) for i, one in enumerate(teach)]
        stages, spotted = with_exits(held, rows.spans)
        seen = [Seen(one, float(scope)) for one, scope in zip(spotted, stages[0].scope.held, strict=True)]
        rule = _rule(seen, rows, o)
        extractor = Extractor(
            name=name,
            inputs=inputs,
            task="extract",
            labels=labels,
            target_column=o.target,
            stages=tuple(stages),
            rule=rule,
            recipe={"effort": o.effort, "seed": o.seed, "folds": count, "held_out": parted.said,
                    **({"encoder": Path(o.encoder).name} if o.encoder is not None else {})},
            origin={"source": Path(table.source).name, "rows": len(table),
                    "sha256": digest(table, list(dict.fromkeys([input, o.target]))), "libraries": libraries()},
        )  # fmt: skip
        texts = [
            Marked(text=text, spans=spans, decision=extractor.decided(text, one, 0.0))
            for text, spans, one in zip(rows.texts, rows.spans, seen, strict=True)
        ]
        figures = span_figures(labels, texts, rule=rule, stage_names=_names(extractor), notes=[parted.said] * bool(parted.said))
        extractor = replace(extractor, figures=figures.json(), golden=_golden(extractor, rows.texts))
        progress("done", 1.0)
        return Made(learnt=extractor, evaluation=figures, notes=(opened.said, *figures.notes))

    def evaluate(self, learnt: Extractor, data: Any, *, out_of_scope: Any, out_of_scope_label: str | None) -> Judged:
        """Its figures on marked texts; `out_of_scope` are texts in which nothing should be found."""
        if out_of_scope_label is not None:
            raise BadOption("out_of_scope_label: spans have labels, texts have none. Give such texts as out_of_scope.")
        rows = _rows(read(data), *_evaluated(read(data), learnt))
        started = perf_counter_ns()
        decisions = learnt.predict(rows.texts)
        seconds = (perf_counter_ns() - started) / 1e9
        texts = [
            Marked(text=text, spans=spans, decision=decision)
            for text, spans, decision in zip(rows.texts, rows.spans, decisions, strict=True)
            if isinstance(decision, Extraction)
        ]
        beside = [] if out_of_scope is None else _texts(read(out_of_scope), learnt.inputs[0].column)
        outside = [one for one in learnt.predict(beside) if isinstance(one, Extraction)]
        latency = _latency(learnt, rows.texts, len(rows.texts) / max(seconds, 1e-9))
        return span_figures(
            learnt.labels, texts, rule=learnt.rule, outside=outside, stage_names=_names(learnt), latency=latency
        )


def _columns(table: Table, options: Options) -> tuple[str, str, str]:
    """The column of texts, that of spans, and a sentence on them; one column where marks are in the texts.

    Raises: MissingColumn, BadOption.
    """
    asked = [options.input] if isinstance(options.input, str) else list(options.input or ())
    if len(asked) > 1:
        raise BadOption(f"input: {', '.join(asked)}: spans lie in one text. Name one column.")
    for name, option in ((asked[0] if asked else None, "--input"), (options.target, "--target")):
        if name is not None:
            require(table, name, option)
    text = asked[0] if asked else _named(table, INPUTS) or _only_texts(table)
    spans = options.target or _named(table, TARGETS)
    if spans is None and any(MARKUP.search(cell) for cell in table.columns[text] if isinstance(cell, str)):
        return text, text, f"Texts are column '{text}', with marks such as [amount](£50) in them."
    if spans is None:
        raise MissingColumn(
            f"{table.source}: cannot tell where the spans are. There is {', '.join(map(repr, table.columns))}. Expected "
            f"a column such as {', '.join(TARGETS[:3])}, or texts with marks: send [amount](£50). Name it with --target."
        )
    return text, spans, f"Texts are column '{text}', spans column '{spans}'."


def _named(table: Table, names: Sequence[str]) -> str | None:
    return next((name for name in names if name in table.columns), None)


def _only_texts(table: Table) -> str:
    texts = [name for name, cells in table.columns.items() if DOMAIN.likely(cells[:50]) > LIKELIER_RIGHT]
    if len(texts) != 1:
        raise MissingColumn(
            f"{table.source}: cannot tell which column holds the texts. There is {', '.join(map(repr, table.columns))}. "
            "Name it with --input."
        )
    return texts[0]


def _evaluated(table: Table, learnt: Extractor) -> tuple[str, str]:
    input, target = learnt.inputs[0].column, learnt.target_column
    if input in table.columns and target in table.columns:
        return input, target
    text, spans, _ = _columns(table, Options(input=input if input in table.columns else None))
    return text, spans


def _texts(table: Table, column: str) -> list[Any]:
    return list(table.columns[column if column in table.columns else next(iter(table.columns))])


def _rows(table: Table, input: str, target: str) -> Rows:
    """Every row as a text and its spans.

    Raises: BadCell naming the rows that cannot be read.
    """
    rows, problems = Rows(texts=[], spans=[]), []
    for i, (cell, told) in enumerate(zip(table.columns[input], table.columns[target], strict=True)):
        try:
            text, spans = _row(cell, told, inside=input == target)
            DOMAIN.read(text)
        except BadCell as problem:
            problems.append(f"row {table.first_row + i}: {problem}")
        else:
            rows.texts.append(text)
            rows.spans.append(spans)
    if problems:
        more = f" … and {len(problems) - SHOWN:,} more rows" if len(problems) > SHOWN else ""
        raise BadCell(
            f"{table.source}: {len(problems):,} of {len(table):,} rows cannot be learnt from. "
            f"{' | '.join(problems[:SHOWN])}{more}"
        )
    return rows


def _row(cell: Any, told: Any, *, inside: bool) -> tuple[str, list[Span]]:
    if isinstance(cell, list) and isinstance(told, list) and len(cell) == len(told):
        return joined([str(word) for word in cell], [str(tag) for tag in told])
    if not isinstance(cell, str):
        raise BadCell(f"{cell!r:.60} is no text. Expected a string, or a list of words beside a list of their tags.")
    return unmarked(cell) if inside else (cell, spans_of(told, cell))


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

    Raises: PromiseNotSupported.
    """
    outside = scope_threshold(np.array([one.scope for one in seen]), o.false_refusal)
    accept = LIKELIER_RIGHT
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
