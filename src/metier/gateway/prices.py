"""What a model bills for tokens, from a dated table with sources; an unknown price is an error and never 0.

`prices.json` lies beside this file. Money is Decimal, so that a ledger adds up to the cent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files

from metier.errors import BadOption

MILLION = Decimal(1_000_000)
CHARACTERS_A_TOKEN = 4  # of English, about; what is counted where nobody says how many tokens there were
ANSWER_TOKENS = 12  # of a label as JSON, about


@dataclass(frozen=True, kw_only=True)
class Price:
    """US dollars a million tokens, and where that is written."""

    input: Decimal
    output: Decimal
    source: str = ""

    def of(self, *, tokens_in: int, tokens_out: int) -> Decimal:
        """What so many tokens cost, in dollars."""
        return (self.input * tokens_in + self.output * tokens_out) / MILLION

    def of_characters(self, characters: int) -> Decimal:
        """What a question of so many characters and its answer would cost, about."""
        return self.of(tokens_in=-(-characters // CHARACTERS_A_TOKEN), tokens_out=ANSWER_TOKENS)


def price_of(model: str) -> Price:
    """The price of a model.

    Raises: BadOption naming those that are known.
    """
    table = json.loads(files("metier.gateway").joinpath("prices.json").read_text(encoding="utf-8"))
    known = table["models"]
    if model not in known:
        raise BadOption(
            f"No price is known for '{model:.80}' (table of {table['date']}: {', '.join(known)}). State it in the "
            "settings: dollars_a_million_in and dollars_a_million_out, 0 for a model of your own."
        )
    one = known[model]
    return Price(input=Decimal(one["input"]), output=Decimal(one["output"]), source=str(one["source"]))
