"""Answers and truth into the figures of the text comparison. Knows nothing of peers, files or data sets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def figures(
    labels: list[str], probabilities: Floats, truth: list[str], known: Floats, unknown: Floats
) -> dict[str, float]:
    """Measure accuracy with its 95 % interval, calibration error and the separation of what is out of scope.

    Shapes: labels k, probabilities (n, k), truth n; known (n,) and unknown (m,) are scopes, higher is more in scope.
    Source: Wilson 1927 for the interval; Nguyen and O'Connor 2015 for bins of equal mass.
    """
    from scipy.stats import binomtest
    from sklearn.metrics import roc_auc_score

    if probabilities.shape != (len(truth), len(labels)) or not np.isfinite(probabilities).all():
        raise ValueError(f"probabilities are {probabilities.shape}; expected ({len(truth)}, {len(labels)}), all finite")
    right = np.array(labels)[probabilities.argmax(axis=1)] == np.array(truth)  # (n,)
    interval = binomtest(int(right.sum()), len(right)).proportion_ci(0.95, method="wilson")
    scopes = np.concatenate([known, unknown])
    return {
        "accuracy": float(right.mean()),
        "accuracy_low": float(interval.low),
        "accuracy_high": float(interval.high),
        "calibration_error": calibration_error(probabilities.max(axis=1), right),
        "out_of_scope_auroc": float(roc_auc_score(np.arange(len(scopes)) < len(known), scopes)),
    }


def calibration_error(confidence: Floats, right: NDArray[np.bool_], bins: int = 15) -> float:
    """Average the gap between confidence and accuracy over bins of equal mass (the expected calibration error)."""
    parts = np.array_split(np.argsort(confidence, kind="stable"), bins)
    gaps = [len(part) * abs(float(confidence[part].mean() - right[part].mean())) for part in parts if len(part)]
    return sum(gaps) / len(confidence)
