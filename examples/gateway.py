"""A specialist behind the gateway: published, asked by plain HTTP, corrected, and found in the ledger.

python examples/gateway.py        # ten seconds; listens on 127.0.0.1 and ends by itself
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import Request, urlopen

import metier
from metier import app
from metier.gateway.gateway import Gateway
from metier.gateway.ledger import Ledger
from metier.gateway.settings import Settings
from metier.registry import Registry
from metier.testing.servers import running

BANK = Path(__file__).parent / "bank" / "intents.csv"


def post(address: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer to a JSON body."""
    with urlopen(Request(address, json.dumps(body).encode(), {"content-type": "application/json"})) as reply:
        said: dict[str, Any] = json.load(reply)
        return said


def main() -> None:
    """Train, publish, serve, ask, correct."""
    with TemporaryDirectory() as work:
        metier.train(BANK, output=f"{work}/banking", effort="quick")
        registry = Registry(Path(work) / "specialists")
        print(registry.add(f"{work}/banking").path.parent.name, "is published")
        ledger = Ledger(f"{work}/ledger.db", keep_inputs=True)
        gateway = Gateway(registry, Settings(registry=str(registry.root)), ledger=ledger)
        with running(app.build(gateway)) as address:
            message = {"role": "user", "content": "I lost my card"}
            said = post(f"{address}/v1/chat/completions", {"model": "banking", "messages": [message]})
            print(said["choices"][0]["message"]["content"], "by", said["model"])
            post(f"{address}/v1/feedback", {"id": said["answer_id"], "label": "freeze_card"})
            print(ledger.rows("banking"))


if __name__ == "__main__":
    main()
