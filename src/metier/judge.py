"""Predictions against their truths: arrays in, an Evaluation out.

Knows no files, no domain and no specialist, so that out-of-fold rows and test rows are judged by the same words.

Truth, for each row: the position of its label; OUTSIDE, a row that is none of the specialist's business; or UNKNOWN, a
label that was never learnt.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from metier.decide import measure
from metier.decide.measure import Bools
from metier.errors import TooFewRows
from metier.evaluation import ClassFigures, Confusion, Curve, Evaluation, Judging, Latency, OutOfScope, StageFigures
from metier.judges.base import promise_of
from metier.types import Floats, Interval, Labels, Predicted, Probabilities

OUTSIDE, UNKNOWN = -1, -2  # truths that are no position in the list of labels
_CURVE_POINTS, _HISTOGRAM_BINS, _EXAMPLE_LENGTH = 200, 20, 200


def evaluation_of(labels: Sequence[str], truth: Labels, predicted: Predicted, known: Judging) -> Evaluation:
    """Judge predictions by their truths; rows that are `known.outside` count as such whatever their truth.

    Shapes: truth (n,), predicted n rows of len(labels).
    Raises: TooFewRows when no row has a label that was learnt.
    """
    truth = np.where(known.strange(len(truth)), OUTSIDE, truth)
    rule, texts, latency = known.rule, known.texts, known.latency
    inside, outside, readable = truth >= 0, truth == OUTSIDE, predicted.stage > 0
    if not inside.any():
        raise TooFewRows(
            f"evaluate: none of the {len(truth):,} rows has a label this specialist learnt. Expected at least one of "
            f"its {len(labels)} labels: {_few(labels)}. Check the target column and how its labels are spelt."
        )
    confidences = np.where(readable, predicted.probabilities.max(axis=1), 0.0)
    guesses = np.where(readable, predicted.probabilities.argmax(axis=1), -1)
    correct, seen = guesses == truth, inside & readable
    answered, rows = inside & predicted.accepted, int(inside.sum())
    error = _error(int((answered & ~correct).sum()), int(answered.sum()))
    return Evaluation(
        labels=tuple(labels),
        rows=rows,
        accuracy=measure.wilson(int(correct[inside].sum()), rows),
        macro_f1=measure.macro_f1(truth[inside], guesses[inside], len(labels)),
        calibration_error=measure.calibration_error(confidences[seen], correct[seen]),
        log_loss=measure.log_loss(predicted.probabilities[seen], truth[seen]),
        brier=measure.brier(predicted.probabilities[seen], truth[seen]),
        coverage=measure.wilson(int(answered.sum()), rows),
        error=error,
        max_error=rule.max_error,
        promise=promise_of(error, rule.max_error),
        false_refusal=measure.wilson(int((seen & ~predicted.in_scope).sum()), rows),
        false_refusal_asked=rule.false_refusal,
        bad_input=int((~readable).sum()),
        unlabelled=known.unlabelled,
        unknown=dict(known.unknown),
        unknown_answered=int((predicted.accepted & (truth == UNKNOWN)).sum()),
        out_of_scope=_out_of_scope(seen, outside, confidences, predicted),
        stages=_stages(truth, correct, predicted, known.stage_names, known.alone, latency),
        per_class=_per_class(labels, truth[inside], guesses[inside], predicted.accepted[inside]),
        confusions=_confusions(labels, truth, guesses, confidences, predicted.accepted, texts),
        curve=_curve(confidences[inside], correct[inside]),
        reliability=measure.reliability(confidences[seen], correct[seen]),
        confidences={
            "right": _histogram(confidences[seen & correct]),
            "wrong": _histogram(confidences[seen & ~correct]),
        },
        scopes={
            "in scope": _histogram(predicted.scope[seen]),
            "out of scope": _histogram(predicted.scope[outside & readable]),
        },
        latency=latency,
        notes=tuple(known.notes),
    )


def _error(wrong: int, answered: int) -> Interval | None:
    if not answered:
        return None
    low, high = measure.clopper_pearson(wrong, answered, 0.99)
    return Interval(value=wrong / answered, low=low, high=high, rows=answered)


def _out_of_scope(seen: Bools, outside: Bools, confidences: Floats, predicted: Predicted) -> OutOfScope | None:
    rows = int(outside.sum())
    if not rows:
        return None
    readable = outside & (predicted.stage > 0)
    return OutOfScope(
        rows=rows,
        caught=measure.wilson(int((readable & ~predicted.in_scope).sum()), rows),
        answered=measure.wilson(int((outside & predicted.accepted).sum()), rows),
        scope_auroc=measure.auroc(predicted.scope[seen], predicted.scope[readable]),
        probability_auroc=measure.auroc(confidences[seen], confidences[readable]),
    )


def _stages(
    truth: Labels,
    correct: Bools,
    predicted: Predicted,
    names: Sequence[str],
    alone: Sequence[Probabilities],
    latency: Latency | None,
) -> tuple[StageFigures, ...]:
    inside = truth >= 0
    seen = inside & (predicted.stage > 0)
    times = latency.stages if latency else ()
    alone_right = [float((part[seen].argmax(axis=1) == truth[seen]).sum() / inside.sum()) for part in alone]
    return tuple(
        StageFigures(
            stage=i + 1,
            name=names[i] if i < len(names) else f"stage {i + 1}",
            rows=int(left.sum()),
            share=float(left.sum() / inside.sum()),
            accuracy=measure.wilson(int(correct[left].sum()), int(left.sum())) if left.any() else None,
            alone=alone_right[i] if i < len(alone) else None,
            microseconds=times[i] if i < len(times) else None,
        )
        for i in range(max(int(predicted.stage.max()), len(names), len(alone)))
        for left in [inside & (predicted.stage == i + 1)]
    )


def _per_class(labels: Sequence[str], truth: Labels, guesses: Labels, accepted: Bools) -> tuple[ClassFigures, ...]:
    found = measure.per_class(truth, guesses, accepted, len(labels))
    return tuple(
        ClassFigures(
            label=label,
            rows=int(found.rows[i]),
            precision=_number(found.precision[i]),
            recall=_number(found.recall[i]),
            f1=_number(found.f1[i]),
            accepted=_number(found.accepted[i]),
        )
        for i, label in enumerate(labels)
    )


def _confusions(
    labels: Sequence[str],
    truth: Labels,
    guesses: Labels,
    confidences: Floats,
    accepted: Bools,
    texts: Sequence[str] | None,
) -> tuple[Confusion, ...]:
    inside = np.flatnonzero(truth >= 0)
    truth, guesses = truth[inside], guesses[inside]
    return tuple(
        Confusion(
            truth=labels[pair.truth],
            guess=labels[pair.guess],
            count=pair.count,
            share=pair.share,
            answered=int((accepted[inside] & (truth == pair.truth) & (guesses == pair.guess)).sum()),
            examples=tuple(_short(texts[inside[row]]) for row in pair.rows) if texts is not None else (),
        )
        for pair in measure.confusions(truth, guesses, confidences[inside], len(labels))
    )


def _short(text: str) -> str:
    return text if len(text) <= _EXAMPLE_LENGTH else text[: _EXAMPLE_LENGTH - 1] + "…"


def _curve(confidences: Floats, correct: Bools) -> Curve:
    whole = measure.risk_coverage(confidences, correct)
    n = len(whole.risk)
    kept = np.unique(np.linspace(0, n - 1, min(n, _CURVE_POINTS)).round().astype(np.int64))
    return Curve(coverage=tuple(whole.coverage[kept].tolist()), risk=tuple(whole.risk[kept].tolist()), area=whole.area)


def _histogram(shares: Floats) -> tuple[int, ...]:
    return tuple(np.histogram(shares, bins=_HISTOGRAM_BINS, range=(0, 1))[0].tolist())


def _number(figure: float) -> float | None:
    return None if math.isnan(figure) else float(figure)


def _few(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")
