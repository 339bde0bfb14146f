"""DNA: promoters made in code, a TATA box and an initiator in random letters, against k-mers under logistic regression.

No public set lies in the data folder; this one shows what places and k-mers are worth, and what one sequence costs.
Run: python -m benchmarks.trades.dna
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from time import perf_counter

import numpy as np

from benchmarks.trades.base import Figure

ROWS, LENGTH = 1_500, 200
BOX, START = "TATAAA", "TCAGTC"
SPLIT = "1,000 to learn, 500 to test"


def rows(seed: int) -> list[tuple[str, str]]:
    """Half with a box some thirty letters before the initiator, each letter of both wrong once in eight."""
    draw = np.random.default_rng(seed)
    made = []
    for i in range(ROWS):
        letters = draw.choice(list("ACGT"), LENGTH)
        if i % 2:
            at = int(draw.integers(60, 120))
            for word, place in ((BOX, at), (START, at + 30 + int(draw.integers(-2, 3)))):
                right = draw.random(len(word)) > 0.125
                letters[place : place + len(word)][right] = np.array(list(word))[right]
        made.append(("".join(letters), "promoter" if i % 2 else "other"))
    return made


def run() -> Iterator[Figure]:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    import metier

    made = rows(0)
    train, test = made[:1000], made[1000:]
    cells, truth = [cell for cell, _ in test], np.array([label for _, label in test])
    started = perf_counter()
    peer = make_pipeline(
        TfidfVectorizer(analyzer="char", ngram_range=(6, 6), lowercase=False), LogisticRegression(C=10)
    )
    peer.fit([cell for cell, _ in train], [label for _, label in train])
    yield _accuracy("6-mers, logistic regression", peer.predict(cells) == truth, perf_counter() - started)
    for effort in ("quick", "standard"):
        started = perf_counter()
        specialist = metier.train(train, effort=effort)
        seconds = perf_counter() - started
        best = np.array([decision.candidates[0].label for decision in specialist.predict(cells)])
        yield _accuracy(f"metier {effort}", best == truth, seconds)
        times = []
        for cell in cells[:100]:
            started = perf_counter()
            specialist.predict([cell])
            times.append(1000 * (perf_counter() - started))
        yield Figure(
            data="promoters made in code", split=SPLIT, measure="ms for one row, median, lower is better",
            who=f"metier {effort}", value=median(times), note=f"{LENGTH} letters",
        )  # fmt: skip


def _accuracy(who: str, right: np.ndarray[tuple[int], np.dtype[np.bool_]], seconds: float) -> Figure:
    share, n = float(right.mean()), len(right)
    half = 1.96 * (share * (1 - share) / n) ** 0.5
    return Figure(
        data="promoters made in code", split=SPLIT, measure="accuracy", who=who,
        value=share, low=share - half, high=share + half, seconds=seconds,
    )  # fmt: skip


if __name__ == "__main__":
    for figure in run():
        print(figure, flush=True)
