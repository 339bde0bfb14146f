"""Several labels at once, with gaps: what a customer's message is about, where not everything was always asked.

The rows are made here. Run it: `python examples/topics.py`.
"""

from __future__ import annotations

import random

import metier

TOPICS = {
    "delivery": ("the parcel came a week late", "my order has not arrived", "the courier left it in the rain"),
    "quality": ("the handle broke on day one", "the colour is not what I saw", "it came with a scratch"),
    "refund": ("please send my money back", "I want a refund", "when will I be paid back"),
    "thanks": ("otherwise a lovely shop", "thank you for your help", "you were kind on the phone"),
}


def rows(count: int, seed: int) -> dict[str, list[object]]:
    """Messages about none to three topics; a column for each, and thanks were not looked for in every third."""
    draw = random.Random(seed)
    table: dict[str, list[object]] = {"text": [], **{topic: [] for topic in TOPICS}}
    for number in range(count):
        about = draw.sample([*TOPICS], draw.choice([0, 1, 1, 2, 2, 3]))
        said = [draw.choice(TOPICS[topic]) for topic in about] or ["hello, I have a question"]
        table["text"].append(f"Order {draw.randrange(10**6)}: {', and '.join(said)}.")
        for topic in TOPICS:
            asked = topic != "thanks" or number % 3
            table[topic].append(int(topic in about) if asked else None)
    return table


def main() -> None:
    """Learn from some hundred messages, ask about one, and measure on others."""
    specialist = metier.train(rows(600, seed=0), input="text", target=",".join(TOPICS), effort="quick", max_error=0.05)
    decision = specialist.predict(["The handle broke on day one, I want a refund."])[0]
    print(f"about: {decision.words()}; as JSON: {decision.json()['labels']}")
    for line in specialist.evaluate(rows(300, seed=1)).summary()[:7]:
        print(f"{line.name:20} {line.figure}")


if __name__ == "__main__":
    main()
