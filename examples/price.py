"""A number from a text: what second-hand furniture sells for, with the interval the price lies in.

The rows are made here. Run it: `python examples/price.py`.
"""

from __future__ import annotations

import random

import metier

THINGS = {"chair": 40, "table": 120, "wardrobe": 220, "lamp": 25, "sofa": 300, "shelf": 60}
WOODS = {"oak": 1.6, "pine": 0.9, "steel": 1.2, "plastic": 0.5}
STATES = {"as new": 1.3, "used": 1.0, "scratched": 0.7, "broken": 0.3}
FIRST = ("For sale:", "Selling my", "Must go:", "Offered, a")


def rows(count: int, seed: int) -> dict[str, list[object]]:
    """Advertisements and what was paid: by what it is, what it is of, its state, and what nobody wrote down."""
    draw = random.Random(seed)
    table: dict[str, list[object]] = {"text": [], "price": []}
    for _ in range(count):
        thing, wood, state = draw.choice([*THINGS]), draw.choice([*WOODS]), draw.choice([*STATES])
        table["text"].append(f"{draw.choice(FIRST)} {thing} of {wood}, {state}")
        paid = THINGS[thing] * WOODS[wood] * STATES[state] * draw.lognormvariate(0, 0.15)
        table["price"].append(round(paid, 2))
    return table


def main() -> None:
    """Learn from a thousand sales, estimate two, and measure on a few hundred more."""
    specialist = metier.train(rows(1000, seed=0), effort="quick")  # numbers with many values: a task called regress
    for text in ("Selling my sofa of oak, as new", "My cat is two years old and likes milk"):
        decision = specialist.predict([text])[0]
        print(f"{text}: {decision.words() if decision.accepted else decision.reason}")
    figures = specialist.evaluate(rows(400, seed=1))
    for line in figures.summary()[:7]:
        print(f"{line.name:20} {line.figure}")


if __name__ == "__main__":
    main()
