"""The same specialist in LitServe, batched as its pages advise. Run with METIER_SERVED, port and workers."""

from __future__ import annotations

import os
import sys
from typing import Any

import litserve

import metier


class Api(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.specialist = metier.load(os.environ["METIER_SERVED"])

    def decode_request(self, request):  # LitServe reads an annotation here as a field of the query
        return request["inputs"]

    def predict(self, texts: list[str]) -> list[dict[str, Any]]:
        return [decision.json() for decision in self.specialist.predict(texts)]

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        return output


if __name__ == "__main__":
    api = Api(max_batch_size=32, batch_timeout=0.001)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=int(sys.argv[2]))
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
