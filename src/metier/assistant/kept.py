"""What an author promises beside what was measured of it: on messages held out, and on the turns of transcripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from metier.assistant import learn
from metier.assistant.base import Script
from metier.assistant.promises import REPLY, milliseconds, share
from metier.decide.measure import clopper_pearson

CAUGHT = "out_of_scope_caught"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One promise: what was found, of how many, and whether it is `kept`, `broken`, or neither is `shown`."""

    name: str
    promised: str
    found: str
    of: int
    verdict: str


def measured(script: Script, turns_ms: Sequence[float]) -> Iterator[Measured]:
    """Each promise of known name, by the scope that was learnt here and the turns (n,) that were run."""
    apart = learn.apart(script)
    refused, caught = apart.judged()
    for name, promised in script.promise.items():
        if name == REPLY:
            yield _reply(promised, turns_ms)
        elif (asked := share(promised)) is not None:
            hits, of = (caught, len(apart.strange)) if name == CAUGHT else (refused, len(apart.ours))
            yield _share(name, promised, hits, of, asked)


def _share(name: str, promised: str, hits: int, of: int, asked: float) -> Measured:
    if not of:
        return Measured(name=name, promised=promised, found="nothing was held out", of=0, verdict="not shown")
    low, high = clopper_pearson(hits, of)
    least = name == CAUGHT
    kept, broken = (low >= asked, high < asked) if least else (high <= asked, low > asked)
    return Measured(
        name=name, promised=promised, found=f"{hits / of:.1%} ({low:.1%} to {high:.1%})", of=of,
        verdict="kept" if kept else "broken" if broken else "not shown",
    )  # fmt: skip


def _reply(promised: str, turns_ms: Sequence[float]) -> Measured:
    most = milliseconds(promised)
    if not turns_ms or most is None:
        return Measured(name=REPLY, promised=promised, found="no turn was run", of=0, verdict="not shown")
    found = float(np.percentile(turns_ms, 95))
    verdict = "kept" if found <= most else "broken"
    return Measured(name=REPLY, promised=promised, found=f"{found:.0f}ms", of=len(turns_ms), verdict=verdict)
