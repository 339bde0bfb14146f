"""Tables of many columns: which tumours of scikit-learn's breast cancer data are malignant, which calls lead to a sale.

A row is a tuple in the order of the columns, or a mapping from their names. A gap is a value like any other. What lies
far from everything that was learnt is refused.
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_breast_cancer

import metier
from metier.estimator import MetierClassifier


def tumours() -> float:
    """scikit-learn's own way: arrays in, accuracy out."""
    cells, labels = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    learnt, held = order[:400], order[400:]
    fitted = MetierClassifier(effort="quick").fit(cells[learnt], labels[learnt])
    accuracy: float = fitted.score(cells[held], labels[held])
    return accuracy


def calls(n: int = 400) -> list[dict[str, object]]:
    """Rows with a number, a category, a date and gaps; who is called in spring and has money buys."""
    draw, rows = np.random.default_rng(0), []
    for _ in range(n):
        month, balance, job = int(draw.integers(1, 13)), float(draw.exponential(1000)), draw.choice(["clerk", "farmer"])
        buys = (balance > 700) and (3 <= month <= 8 or job == "farmer")
        rows.append(
            {
                "called": f"2024-{month:02d}-{int(draw.integers(1, 29)):02d}",
                "balance": round(balance, 2) if draw.random() > 0.05 else None,
                "job": str(job) if draw.random() > 0.05 else None,
                "bought": "yes" if buys else "no",
            }
        )
    return rows


def main() -> None:
    """Learn both, and ask the second about rows like and unlike those it learnt."""
    print(f"tumours: {tumours():.1%} right")
    specialist = metier.train(calls(), input="called,balance,job", target="bought", effort="quick")
    print(*specialist.figures["notes"])  # type: ignore[misc]
    for row in (
        {"called": "2024-05-02", "balance": 4000, "job": "farmer"},
        {"called": "2024-05-02", "job": "clerk"},
        {"called": "2024-05-02", "balance": 5_000_000, "job": "astronaut"},
        {"called": "some day", "balance": 10, "job": "clerk"},
    ):
        [decision] = specialist.predict([row])
        print(row, "→", decision.label or decision.reason, f"{decision.probability:.0%}", decision.error or "")


if __name__ == "__main__":
    main()
