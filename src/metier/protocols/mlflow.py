"""MLflow's scoring server: `/invocations` takes rows in any of its four shapes.

Source: MLflow 3, "Local Inference Server Specification".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from metier.gateway.base import BadRequest, Trouble
from metier.gateway.gateway import Gateway
from metier.protocols import base
from metier.protocols.base import Endpoint, Reply, Request, asked, cell_of, read, reply


class Frame(Struct):
    """Rows as lists, under the names of their columns."""

    columns: list[str]
    data: list[list[Any]]


class Asked(Struct):
    """One of four."""

    dataframe_split: Frame | None = None
    dataframe_records: list[dict[str, Any]] | None = None
    instances: list[Any] | None = None
    inputs: Any = None
    params: dict[str, Any] | None = None


class Mlflow:
    """The protocol."""

    name = "mlflow"

    def __init__(self) -> None:
        self.endpoints: Sequence[Endpoint] = [
            Endpoint(method="POST", path="/invocations", call=invoke, asks=Asked, about="Labels of rows."),
            Endpoint(method="GET", path="/ping", call=ping, public=True, about="Whether it is ready."),
            Endpoint(method="GET", path="/version", call=version, public=True, about="Which version runs."),
        ]

    def trouble(self, trouble: Trouble) -> dict[str, Any]:
        """As its client reads it."""
        code = "BAD_REQUEST" if trouble.status < 500 else "INTERNAL_ERROR"
        return {"error_code": code, "message": str(trouble)}


async def invoke(gateway: Gateway, request: Request) -> Reply:
    """The label of each row, null where the specialist abstains; the whole decision beside it."""
    said = read(request.body, Asked)
    name = request.query.get("model") or (said.params or {}).get("model")
    loaded = await gateway.loaded(name, request=request.id)
    cells = _cells(said, loaded.specialist.columns)
    answer = await gateway.answer(asked(request, cells, "mlflow", model=loaded.entry.name))
    predictions = [getattr(one.decision, "estimate", one.decision.label) for one in answer.outcomes]
    decisions = [one.decision.json() for one in answer.outcomes]
    return reply({"predictions": predictions, "decisions": decisions}, headers=answer.headers)


async def ping(gateway: Gateway, request: Request) -> Reply:
    """Empty, and 200 when it is ready."""
    return Reply(body=b"\n", status=200 if gateway.ready and not gateway.draining else 503)


async def version(gateway: Gateway, request: Request) -> Reply:
    """That of the package."""
    return reply({"version": base.version()})


def _cells(said: Asked, columns: Sequence[str]) -> list[Any]:
    given: Any = said.instances if said.instances is not None else said.inputs
    if said.dataframe_split is not None:
        names = said.dataframe_split.columns
        if any(len(row) != len(names) for row in said.dataframe_split.data):
            raise BadRequest(f"A row of dataframe_split has not the {len(names)} cells that its columns say.")
        given = [dict(zip(names, row, strict=True)) for row in said.dataframe_split.data]
    elif said.dataframe_records is not None:
        given = said.dataframe_records
    elif isinstance(given, dict):
        lengths = {len(cells) if isinstance(cells, list) else -1 for cells in given.values()}
        if len(lengths) != 1 or -1 in lengths:
            raise BadRequest("`inputs` names columns that are not lists of one length.", param="inputs")
        given = [dict(zip(given, row, strict=True)) for row in zip(*given.values(), strict=True)]
    if not isinstance(given, list) or not given:
        raise BadRequest(
            "None of dataframe_split, dataframe_records, instances and inputs holds rows. Send one of them."
        )
    if len(columns) > 1:
        return [cell_of(row) for row in given]
    return [cell_of(row.get(columns[0]) if isinstance(row, dict) and columns[0] in row else row) for row in given]


PROTOCOL = Mlflow()
