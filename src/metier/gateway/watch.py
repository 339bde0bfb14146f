"""Whether specialists keep what they promise, from what people said of their answers; and whether their asks changed.

A promise is broken where even the low end of the range of its error lies above it: then the upstream answers in its
place, until a version that keeps it is in production. Feedback is not a fair sample of all answers: people correct
what looks wrong, so an alarm is a reason to look, and no figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from metier.decide.measure import clopper_pearson
from metier.gateway.ledger import Ledger
from metier.types import Json

EVERY_S = 10.0
FEWEST_JUDGED, FEWEST_ASKED = 20, 200
DRIFTED = 3.0  # times the share that may be refused; twice is a bad week


class Promising(Protocol):
    """What is watched of a specialist."""

    @property
    def max_error(self) -> float | None:
        """The share that may be wrong."""
        ...

    @property
    def false_refusal(self) -> float:
        """The share of its own kind that may be refused."""
        ...


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """What is wrong with a version, in a sentence; `broken` where it is its promise."""

    specialist: str
    version: str
    broken: bool
    text: str

    def json(self) -> dict[str, Json]:
        """As plain JSON values."""
        return asdict(self)


def alarms(ledger: Ledger, rules: Mapping[tuple[str, str], Promising]) -> Sequence[Alarm]:
    """One for each promise that is broken and each specialist whose asks are no longer what it was taught."""
    found: list[Alarm] = []
    for (name, version), rule in rules.items():
        seen = ledger.judged(name, version)
        if rule.max_error is not None and seen.answered >= FEWEST_JUDGED:
            low, high = clopper_pearson(seen.wrong, seen.answered)
            if low > rule.max_error:
                text = (
                    f"at most {rule.max_error:.1%} wrong was promised; of {seen.answered:,} answers that people "
                    f"looked at {seen.wrong:,} were ({low:.1%} to {high:.1%})."
                )
                found.append(Alarm(specialist=name, version=version, broken=True, text=text))
        if seen.asked >= FEWEST_ASKED:
            low, _ = clopper_pearson(seen.refused, seen.asked)
            if low > DRIFTED * rule.false_refusal:
                text = (
                    f"{seen.refused / seen.asked:.1%} of the last {seen.asked:,} asks are out of its scope; "
                    f"{rule.false_refusal:.1%} of its own kind would be. Either others ask, or it should learn anew."
                )
                found.append(Alarm(specialist=name, version=version, broken=False, text=text))
    return found
