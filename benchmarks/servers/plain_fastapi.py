"""What a team writes in an afternoon: FastAPI around `predict`. Run under uvicorn with METIER_SERVED set."""

from __future__ import annotations

import os
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

import metier

SPECIALIST = metier.load(os.environ["METIER_SERVED"])
app = FastAPI()


class Asked(BaseModel):
    inputs: str


@app.post("/predict")
def predict(asked: Asked) -> dict[str, Any]:
    return SPECIALIST.predict([asked.inputs])[0].json()
