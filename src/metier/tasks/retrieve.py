"""Retrieve: the passage that answers a question, or that none of the documents does.

Knows figures and words for them; not how passages are found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from metier.evaluation import Line
from metier.types import Answered, Decision


class Retrieve:
    """One passage for each question."""

    name = "retrieve"
    form = "retriever"
    decision: type[Decision] = Answered
    named = False
    least_names = 0
    beside = "its text, a calibrated probability and the passages that come next"
    unsure = "its best passage has a probability"
    listed = (
        ("NDCG of the first ten passages", "ndcg"),
        ("first passage is right, if made to answer everything", "first"),
        ("share answered", "coverage"),
        ("wrong among those answered (99 % range)", "error"),
        ("refused though the documents answer", "false_refusal"),
        ("calibration error", "calibration_error"),
    )
    numbers: frozenset[str] = frozenset({"ndcg"})
    metrics: Mapping[str, str] = {"ndcg": "ndcg"}

    def unread(self, problem: str) -> Decision:
        """The abstention for a question that is no text."""
        return Answered.unread(problem)

    def told(self, names: Sequence[str]) -> str:
        """A passage."""
        return "the passage that answers"

    def promised(self, max_error: float | None) -> str:
        """The share wrong."""
        if max_error is None:
            return "nothing"
        return f"at most {max_error:.1%} wrong among what it answers, with 95% confidence"

    def pledge(self, max_error: float | None) -> Sequence[str]:
        """The bound on the share wrong."""
        if max_error is None:
            return ["No bound on its errors was asked for when it was trained (`--max-error` sets one)."]
        return [
            f"At most {max_error * 100:.6g}% wrong among the questions of its documents that it answers. The bound was "
            "tested for questions like those it learnt from, and holds for no others."
        ]

    def lines(self, figures: Mapping[str, Any]) -> list[Line]:
        """How high the right passage stands, how much is answered, and how much of that is wrong."""
        ndcg, absent = figures["ndcg"], figures["out_of_scope"]
        judged = f"{figures['rows']:,} questions, {figures['passages']:,} passages"
        promise = "nothing was promised" if figures["max_error"] is None else f"promise: {figures['promise']}"
        lines = [
            Line("NDCG@10", f"{ndcg['value']:.3f} ({ndcg['low']:.3f} to {ndcg['high']:.3f})", judged),
            Line("First is right", _range(figures["first"]), "if made to answer everything; 95% range"),
            Line("Answered", _range(figures["coverage"]), "the others are unsure or look out of scope"),
            Line("Wrong among answered", _range(figures["error"]), f"{promise}; 99% range"),
        ]
        if absent is not None:
            lines.append(Line("Not in them, refused", _range(absent["caught"]), "with the right passages left out"))
        return lines


def _range(share: Mapping[str, float] | None) -> str:
    return "–" if share is None else f"{share['value']:.1%} ({share['low']:.1%} to {share['high']:.1%})"


TASK = Retrieve()
