"""Which stages a training may have: the domain's own or one that is named, within the limits on time and size.

Knows encoders by what they cost unfitted; not what they are worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from metier.domains.base import Backed, Domain
from metier.encoders.base import Encoder
from metier.errors import BadOption
from metier.types import Effort, Value


def encoders_of(domain: Domain, effort: Effort, named: str | None) -> Sequence[Encoder]:
    """The domain's own, or the cheap ones and the one that is named.

    Raises: BadOption where the domain takes none.
    """
    if named is None:
        return domain.encoders(effort)
    if not isinstance(domain, Backed):
        raise BadOption(
            f"encoder={named!r}: the domain '{domain.name}' takes no encoder by name. Expected a column of text or "
            "pictures, alone; leave the option out."
        )
    return [*domain.encoders("quick"), domain.backbone(named)]


def affordable(
    encoders: Sequence[Encoder], values: Sequence[Value], *, max_ms: float | None, max_mb: float | None
) -> tuple[list[Encoder], tuple[str, ...]]:
    """The stages that keep within the limits, and a sentence for each that does not.

    Raises: BadOption when not even the cheapest does.
    """
    kept: list[Encoder] = []
    said: list[str] = []
    for encoder in encoders:
        ms, mb = _cost(encoder, values[:20])
        if (max_ms is None or ms <= max_ms) and (max_mb is None or mb <= max_mb):
            kept.append(encoder)
        else:
            said.append(f"Left out the stage '{encoder.kind}': {ms:.1f} ms and {mb:.0f} MB are over the limit.")
    if not kept:
        raise BadOption(f"No stage keeps within max_ms={max_ms}, max_mb={max_mb}. {' '.join(said)} Allow more.")
    return kept, tuple(said)


def _cost(encoder: Encoder, values: Sequence[Value]) -> tuple[float, float]:
    """Milliseconds a value and megabytes of an unfitted encoder."""
    encoder.encode(values[:1])
    started = perf_counter()
    for value in values:
        encoder.encode([value])
    ms = (perf_counter() - started) / max(len(values), 1) * 1000
    return ms, sum(len(data) for data in encoder.state().files.values()) / 1e6
