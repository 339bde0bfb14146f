"""The same specialist as a runtime of MLServer; `model-settings.json` names it."""

from __future__ import annotations

import json
import os

from mlserver import MLModel
from mlserver.codecs import StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

import metier


class Runtime(MLModel):
    async def load(self) -> bool:
        self.specialist = metier.load(os.environ["METIER_SERVED"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        texts = StringCodec.decode_input(payload.inputs[0])
        said = [json.dumps(decision.json()) for decision in self.specialist.predict(texts)]
        return InferenceResponse(model_name=self.name, outputs=[StringCodec.encode_output("decision", said)])
