"""What customers ask for and do not get: messages declined or not understood, in groups that mean the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from metier.assistant.store import Log
from metier.encoders.sentence import SentenceEncoder

FAR = 0.45  # cosine distance within which two messages are of one group, on average
MOST = 5_000  # different messages, the latest


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A group of messages: how many there were, and the ones that say it best."""

    count: int
    examples: tuple[str, ...]
    why: str  # declined, not understood or both


def gaps(log: Log, *, shown: int = 3) -> list[Gap]:
    """The groups, the largest first. Texts are as they were kept.

    Source: average linkage, Sokal & Michener 1958.
    """
    whys = list(_unanswered(log))
    counts = Counter(text for text, _ in whys)
    texts = list(counts)[:MOST]
    if not texts:
        return []
    if len(texts) == 1:
        return [Gap(count=counts[texts[0]], examples=(texts[0],), why=_why(whys, texts))]
    from sklearn.cluster import AgglomerativeClustering

    vectors = SentenceEncoder.build(None).encode(texts)
    fitted = AgglomerativeClustering(n_clusters=None, distance_threshold=FAR, metric="cosine", linkage="average")
    groups = fitted.fit_predict(vectors)
    found = []
    for group in np.unique(groups):
        inside = np.flatnonzero(groups == group)
        near = vectors[inside] @ vectors[inside].mean(axis=0)  # what lies in the middle says best what all mean
        own = [texts[i] for i in inside[np.argsort(-near, kind="stable")]]
        found.append(Gap(count=sum(counts[text] for text in own), examples=tuple(own[:shown]), why=_why(whys, own)))
    return sorted(found, key=lambda gap: (-gap.count, gap.examples))


def _unanswered(log: Log) -> Iterator[tuple[str, str]]:
    for name in log.conversations():
        said = ""
        for entry in log.entries(name):
            if entry.kind == "received":
                said = " ".join(entry.data["text"].split())
            elif entry.kind == "ended" and said:
                verbs = {event["verb"] for event in entry.data["events"]}
                if verbs & {"declines", "misses"}:
                    yield said, "declined" if "declines" in verbs else "not understood"


def _why(whys: list[tuple[str, str]], texts: list[str]) -> str:
    own = set(texts)
    found = sorted({why for text, why in whys if text in own})
    return " and ".join(found)
