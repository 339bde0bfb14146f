"""Extract: spans of a text, each with its label, its probability and its value, or an abstention about it.

Knows no texts and no model: how spans are learnt is its form's affair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from metier.evaluation import Line
from metier.judges.extract import span_lines
from metier.types import Decision, Extraction


class Extract:
    """Any number of spans in each text, none among them."""

    name = "extract"
    form = "extractor"
    decision: type[Decision] = Extraction
    named = False
    least_names = 1
    beside = "each span with a calibrated probability and, where its label names one, its value"
    unsure = "none of the spans found is sure, each with a probability"
    listed = (
        ("span F1, strict", "f1"),
        ("precision of spans found", "precision"),
        ("recall of spans marked", "recall"),
        ("share of texts all right", "exact"),
        ("share of spans answered", "coverage"),
        ("wrong among spans answered (99 % range)", "error"),
        ("refused as out of scope though in scope", "false_refusal"),
        ("calibration error", "calibration_error"),
    )
    numbers: frozenset[str] = frozenset()
    metrics: Mapping[str, str] = {"f1": "f1", "precision": "precision", "recall": "recall"}

    def unread(self, problem: str) -> Decision:
        """An abstention without spans."""
        return Extraction.unread(problem)

    def told(self, names: Sequence[str]) -> str:
        """Spans of so many labels."""
        return f"spans of {len(names):,} label{'s' * (len(names) > 1)}"

    def promised(self, max_error: float | None) -> str:
        """The share wrong."""
        if max_error is None:
            return "nothing; every span likelier right than wrong is an answer"
        return f"at most {max_error:.1%} wrong among the spans it answers"

    def pledge(self, max_error: float | None) -> Sequence[str]:
        """The share wrong, and the rows for which it holds."""
        if max_error is None:
            return ["Nothing was promised: a span is an answer where it is likelier right than wrong."]
        return [
            f"At most {max_error * 100:.6g}% wrong among the spans it answers. The bound was tested for inputs drawn "
            "like the training rows, and holds for no others."
        ]

    def lines(self, figures: Mapping[str, Any]) -> list[Line]:
        """How much is found, how much of it is right, and how much is answered."""
        return span_lines(figures)


TASK = Extract()
