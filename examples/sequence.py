"""Where a protein goes, and how well its variants work: `python examples/sequence.py` learns both from rows made here.

Exported proteins begin with a signal: a charge, then an oily stretch, then a place to cut. Variants of one protein
differ at a few places, and what a letter does there tells what another, alike, would do.
"""

from __future__ import annotations

import numpy as np

import metier

OILY, LETTERS = "AILVFM", "ACDEFGHIKLMNPQRSTVWY"
WILD = "MQYKLILNGKTLKGETTTEAVDAATAEKVFKQYANDNGVDGEWTYDDATKTFTVTE"


def protein(exported: bool, draw: np.random.Generator) -> str:
    """A protein with or without a signal at its beginning."""
    body = "".join(draw.choice(list(LETTERS), int(draw.integers(60, 120))))
    signal = "K" + "".join(draw.choice(list(OILY), int(draw.integers(9, 14)))) + "AQA"
    return "M" + (signal if exported else "") + body


def variant(draw: np.random.Generator) -> tuple[str, float]:
    """One protein with up to three letters changed at its core, and how well it holds together."""
    letters, fitness = list(WILD), 1.0
    for place in draw.choice([4, 19, 25, 29, 51], int(draw.integers(1, 4)), replace=False):
        letters[place] = str(draw.choice(list(LETTERS)))
        fitness -= 0.0 if letters[place] in OILY else 0.25
    return "".join(letters), fitness + 0.05 * float(draw.normal())


def main() -> None:
    """Learn both on rows of one seed, and try them on rows of another."""
    draw = np.random.default_rng(0)
    made = [(protein(i % 2 == 0, draw), "exported" if i % 2 == 0 else "kept") for i in range(300)]
    specialist = metier.train(made[:200])
    decisions = specialist.predict([sequence for sequence, _ in made[200:]])
    right = sum(d.candidates[0].label == label for d, (_, label) in zip(decisions, made[200:], strict=True))
    print(f"{specialist.domain.name}: {right} of 100 right")
    print(specialist.predict(["MKV1LA"])[0].error)

    variants = [variant(draw) for _ in range(300)]
    rows = [{"sequence": sequence, "fitness": fitness} for sequence, fitness in variants]
    fitness = metier.train(rows[:200], input="sequence", target="fitness", task="regress")
    told = [decision.estimate for decision in fitness.predict([row["sequence"] for row in rows[200:]])]  # type: ignore[attr-defined]
    print(f"correlation {np.corrcoef(told, [row['fitness'] for row in rows[200:]])[0, 1]:.2f}")


if __name__ == "__main__":
    main()
