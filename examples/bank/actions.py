"""Actions of the assistant that are more than one plain call: a top-up goes to the first account, which is asked for
first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from metier.assistant.actions import Refused


def top_up(values: Mapping[str, Any], *, key: str | None, at: Mapping[str, str]) -> dict[str, Any]:
    """Move money from a card to the current account; `key` makes the bank do it once, however often it is asked."""
    body = json.dumps({"amount": values["amount"]["amount"], "card": values["source"]["id"]}).encode()
    asked = Request(
        f"{at['bank']}/customers/{values['customer']}/top-ups", data=body, method="POST",
        headers={"Content-Type": "application/json", "Idempotency-Key": key or ""},
    )  # fmt: skip
    try:
        with urlopen(asked, timeout=10) as answer:
            done: dict[str, Any] = json.load(answer)
            return done
    except HTTPError as refused:
        if refused.code < 500:
            raise Refused(json.load(refused).get("reason", "refused")) from None
        raise
