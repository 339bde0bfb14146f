"""Open Inference Protocol v2 over REST, with binary tensors and the calls of a model repository.

One input tensor for each column: BYTES for texts, molecules and the bytes of files, numbers for numbers. Outputs:
`label` and `probability` of each row, `accepted`, `reason`, and `probabilities` (n, k) in the order of the labels;
`estimate`, `low` and `high` where the answer is a number.
Source: the specification at d49cc23 and the client tritonclient 2.73, which sends binary tensors unless told otherwise.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta, Struct

from metier.gateway.base import Answer, BadRequest, TooLarge, Trouble
from metier.gateway.gateway import Gateway
from metier.gateway.pool import Loaded
from metier.protocols.base import Endpoint, Reply, Request, asked, read, reply, version
from metier.types import Estimate

NUMBERS = {
    "BOOL": "?", "UINT8": "<u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "<i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
NUMERIC = frozenset({"number", "series"})
FILES = frozenset({"image", "audio", "video"})
SPLIT = "inference-header-content-length"
Length = Annotated[int, Meta(ge=0, le=2**31)]


class Tensor(Struct):
    """An input: its values nested, flat, or as bytes behind the JSON."""

    name: str
    datatype: str
    shape: Annotated[list[Length], Meta(max_length=8)]
    data: Any = None
    parameters: dict[str, Any] = {}


class Wanted(Struct):
    """An output that is asked for."""

    name: str
    parameters: dict[str, Any] = {}


class Asked(Struct):
    """A request to infer."""

    inputs: Annotated[list[Tensor], Meta(min_length=1, max_length=4096)]
    id: str | None = None
    outputs: list[Wanted] | None = None
    parameters: dict[str, Any] = {}


class Oip:
    """The protocol."""

    name = "oip"

    def __init__(self) -> None:
        one, version = "/v2/models/{model}", "/v2/models/{model}/versions/{version}"

        def both(way: str, last: str, call: Any, about: str, asks: Any = None) -> list[Endpoint]:
            return [
                Endpoint(method=way, path=path + last, call=call, asks=asks, about=about) for path in (one, version)
            ]

        self.endpoints: Sequence[Endpoint] = [
            Endpoint(method="GET", path="/v2", call=server, public=True, about="What this server is."),
            Endpoint(method="GET", path="/v2/health/live", call=live, public=True, about="Whether it lives."),
            Endpoint(method="GET", path="/v2/health/ready", call=ready, public=True, about="Whether it is ready."),
            Endpoint(method="POST", path="/v2/repository/index", call=index, about="Every specialist."),
            Endpoint(
                method="POST", path="/v2/repository/models/{model}/load", call=load, role="operate", about="Load."
            ),
            Endpoint(
                method="POST", path="/v2/repository/models/{model}/unload", call=unload, role="operate", about="Let go."
            ),
            *both("POST", "/infer", infer, "Decide rows.", Asked),
            *both("GET", "/ready", model_ready, "Whether it is in memory."),
            *both("GET", "/config", config, "As Triton has it."),
            *both("GET", "/stats", stats, "As Triton has them."),
            *both("GET", "", described, "Its inputs and outputs."),
        ]

    def trouble(self, trouble: Trouble) -> dict[str, Any]:
        """One sentence."""
        return {"error": str(trouble)}


async def infer(gateway: Gateway, request: Request) -> Reply:
    """Rows out of tensors, and tensors out of decisions."""
    said, raw = _split(request)
    loaded = await gateway.loaded(_name(request), request=request.id)
    cells = _cells(loaded, said.inputs, raw)
    answer = await gateway.answer(asked(request, cells, "oip", model=_name(request)))
    found = _outputs(answer)
    wanted = [one.name for one in said.outputs or []] or list(found)
    unknown = [name for name in wanted if name not in found]
    if unknown:
        raise BadRequest(f"There is no output '{unknown[0]:.60}'. Known: {', '.join(found)}.", param="outputs")
    every = said.parameters.get("binary_data_output") is True
    binary = {one.name: one.parameters.get("binary_data", every) for one in said.outputs or []}
    body: dict[str, Any] = {"model_name": answer.model, "model_version": answer.version, "outputs": []}
    body |= {"id": said.id} if said.id is not None else {}
    behind: list[bytes] = []
    for name in wanted:
        array, kind = found[name]
        tensor: dict[str, Any] = {"name": name, "datatype": kind, "shape": list(array.shape)}
        if binary.get(name, every) is True:
            behind.append(_packed(array, kind))
            tensor["parameters"] = {"binary_data_size": len(behind[-1])}
        else:
            tensor["data"] = array.ravel().tolist()
        body["outputs"].append(tensor)
    json = msgspec.json.encode(body)
    if not behind:
        return Reply(body=json, headers=answer.headers)
    headers = {**answer.headers, SPLIT: str(len(json))}
    return Reply(body=json + b"".join(behind), headers=headers, type="application/octet-stream")


async def server(gateway: Gateway, request: Request) -> Reply:
    """Its name and what it knows beside the core."""
    return reply({"name": "metier", "version": version(), "extensions": ["binary_tensor_data", "model_repository"]})


async def live(gateway: Gateway, request: Request) -> Reply:
    """It answers, so it lives."""
    return reply({"live": True})


async def ready(gateway: Gateway, request: Request) -> Reply:
    """Ready once every golden row was replayed."""
    well = gateway.ready and not gateway.draining
    return reply({"ready": well}, status=200 if well else 503)


async def model_ready(gateway: Gateway, request: Request) -> Reply:
    """Ready as soon as it could be loaded."""
    await gateway.loaded(_name(request))
    return reply({"name": request.params["model"], "ready": True})


async def index(gateway: Gateway, request: Request) -> Reply:
    """Every specialist in production."""
    held = {(one.entry.name, one.entry.version) for one in gateway.pool.loaded}
    listed = [
        {
            "name": entry.name,
            "version": entry.version,
            "state": "READY" if (entry.name, entry.version) in held else "UNAVAILABLE",
            "reason": "" if (entry.name, entry.version) in held else "not in memory; loaded when it is asked for",
        }
        for entry in gateway.pool.catalogue.production.values()
    ]
    return reply(listed)


async def load(gateway: Gateway, request: Request) -> Reply:
    """Into memory, before it is asked for."""
    await gateway.loaded(_name(request))
    return reply({})


async def unload(gateway: Gateway, request: Request) -> Reply:
    """Out of memory; the next ask brings it back."""
    gateway.pool.entry(_name(request), request=request.id)
    gateway.pool.unload(request.params["model"])
    return reply({})


async def described(gateway: Gateway, request: Request) -> Reply:
    """Its inputs and outputs."""
    loaded = await gateway.loaded(_name(request))
    return reply(_told(loaded))


async def config(gateway: Gateway, request: Request) -> Reply:
    """The same in Triton's words."""
    loaded = await gateway.loaded(_name(request))
    told = _told(loaded)
    kinds = {"BYTES": "TYPE_STRING", "FP32": "TYPE_FP32", "FP64": "TYPE_FP64", "BOOL": "TYPE_BOOL"}

    def listed(tensors: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"name": t["name"], "data_type": kinds[t["datatype"]], "dims": t["shape"][1:] or [1]} for t in tensors]

    body = {
        "name": told["name"], "platform": told["platform"], "max_batch_size": gateway.settings.most_rows,
        "input": listed(told["inputs"]), "output": listed(told["outputs"]),
    }  # fmt: skip
    return reply(body)


async def stats(gateway: Gateway, request: Request) -> Reply:
    """What waits; the rest is at /metrics."""
    loaded = await gateway.loaded(_name(request))
    one = {"name": loaded.entry.name, "version": loaded.entry.version, "queue": {"rows": loaded.queue.waiting}}
    return reply({"model_stats": [one]})


PROTOCOL = Oip()


def _name(request: Request) -> str:
    version = request.params.get("version")
    return request.params["model"] + (f"@{version}" if version else "")


def _told(loaded: Loaded) -> dict[str, Any]:
    specialist = loaded.specialist
    inputs = [
        {
            "name": one.column,
            "datatype": "FP64" if one.domain in NUMERIC else "BYTES",
            "shape": [-1, -1] if one.domain == "series" else [-1],
        }
        for one in specialist.inputs
    ]
    words = [{"name": name, "datatype": "BYTES", "shape": [-1]} for name in ("label", "reason")]
    figures = [{"name": "probability", "datatype": "FP64", "shape": [-1]}]
    flags = [{"name": "accepted", "datatype": "BOOL", "shape": [-1]}]
    wide = [{"name": "probabilities", "datatype": "FP32", "shape": [-1, len(specialist.labels)]}]
    if specialist.task == "regress":
        wide = [{"name": name, "datatype": "FP64", "shape": [-1]} for name in ("estimate", "low", "high")]
    return {
        "name": loaded.entry.name,
        "versions": [loaded.entry.version],
        "platform": "metier",
        "inputs": inputs,
        "outputs": [*words, *figures, *flags, *wide],
    }


def _split(request: Request) -> tuple[Asked, bytes]:
    """The JSON, and the tensors behind it."""
    body = _inflated(request)
    stated = request.headers.get(SPLIT)
    if stated is None:
        return read(body, Asked), b""
    if not stated.isdecimal() or int(stated) > len(body):
        raise BadRequest(f"{SPLIT} is '{stated[:20]}' and the body has {len(body):,} bytes.")
    return read(body[: int(stated)], Asked), body[int(stated) :]


def _inflated(request: Request, most: int = 64_000_000) -> bytes:
    """A body that was made smaller, as it was; never larger than `most`."""
    way = request.headers.get("content-encoding", "identity")
    if way == "identity":
        return request.body
    if way not in ("gzip", "deflate"):
        raise BadRequest(f"content-encoding is '{way[:20]}'. Expected gzip, deflate or none.")
    opened = zlib.decompressobj(31 if way == "gzip" else 15)
    try:
        body = opened.decompress(request.body, most)
    except zlib.error as error:
        raise BadRequest(f"The body is no {way}: {error}.") from None
    if opened.unconsumed_tail:
        raise TooLarge(f"The body is over {most:,} bytes once it is unpacked.")
    return body


def _cells(loaded: Loaded, tensors: Sequence[Tensor], raw: bytes) -> list[Any]:
    """Rows of cells: one tensor a column, of one length."""
    given: dict[str, Sequence[Any]] = {}
    place = 0
    for tensor in tensors:
        size = tensor.parameters.get("binary_data_size")
        if size is None:
            given[tensor.name] = _from_json(tensor)
            continue
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(raw) - place:
            raise BadRequest(
                f"{tensor.name}: binary_data_size is {size!r:.20}, and {len(raw) - place:,} bytes are left."
            )
        given[tensor.name] = _unpacked(tensor, raw[place : place + size])
        place += size
    if place != len(raw):
        raise BadRequest(f"{len(raw) - place:,} bytes behind the JSON belong to no tensor.")
    inputs = loaded.specialist.inputs
    if len(inputs) == 1:
        if len(given) != 1:
            raise BadRequest(f"{len(given)} inputs were sent; expected one, '{inputs[0].column}'.", param="inputs")
        return _files(inputs[0].domain, list(next(iter(given.values()))))
    missing = [one.column for one in inputs if one.column not in given]
    if missing:
        raise BadRequest(f"There is no input '{missing[0]}'. Expected {', '.join(loaded.specialist.columns)}.")
    columns = [_files(one.domain, list(given[one.column])) for one in inputs]
    if len({len(column) for column in columns}) > 1:
        raise BadRequest("The inputs are not of one length. Send a value for each row in each of them.", param="inputs")
    return list(zip(*columns, strict=True))


def _files(domain: str, column: list[Any]) -> list[Any]:
    """Texts as text; the bytes of a file stay bytes, and are text only where they came as JSON."""
    if domain in FILES:
        return column
    return [one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in column]


def _rows(tensor: Tensor, flat: Sequence[Any]) -> Sequence[Any]:
    """Values by row: the first dimension counts rows, further ones of length 1 mean nothing.

    Raises: BadRequest where there are more or fewer values than the shape says.
    """
    shape = tensor.shape or [len(flat)]
    whole = int(np.prod(shape, dtype=object))
    if whole != len(flat):
        raise BadRequest(f"{tensor.name}: {len(flat):,} values were sent for the shape {shape}, which has {whole:,}.")
    width = whole // shape[0] if shape[0] else 0
    if width <= 1:
        return flat
    return [list(flat[i * width : (i + 1) * width]) for i in range(shape[0])]


def _from_json(tensor: Tensor) -> Sequence[Any]:
    if not isinstance(tensor.data, list):
        raise BadRequest(f"{tensor.name}: neither `data`, a list, nor `binary_data_size`.", param="inputs")
    flat = tensor.data
    while any(isinstance(one, list) for one in flat):
        if not all(isinstance(one, list) for one in flat):
            raise BadRequest(f"{tensor.name}: `data` is a list of lists and of values. Expected one of the two.")
        flat = [inner for one in flat for inner in one]
    if tensor.datatype == "BYTES":
        if not all(isinstance(one, str) for one in flat):
            raise BadRequest(f"{tensor.name}: BYTES as JSON are texts; something else is among them.")
    elif tensor.datatype not in NUMBERS:
        raise BadRequest(
            f"{tensor.name}: datatype '{tensor.datatype:.20}' is unknown. Known: BYTES, {', '.join(NUMBERS)}."
        )
    elif not all(isinstance(one, int | float) for one in flat):
        raise BadRequest(f"{tensor.name}: {tensor.datatype} are numbers; something else is among them.")
    return _rows(tensor, flat)


def _unpacked(tensor: Tensor, raw: bytes) -> Sequence[Any]:
    if tensor.datatype in NUMBERS:
        kind = np.dtype(NUMBERS[tensor.datatype])
        if len(raw) % kind.itemsize:
            raise BadRequest(f"{tensor.name}: {len(raw):,} bytes are no whole number of {tensor.datatype}.")
        return _rows(tensor, np.frombuffer(raw, kind).tolist())
    if tensor.datatype != "BYTES":
        raise BadRequest(
            f"{tensor.name}: datatype '{tensor.datatype:.20}' is unknown. Known: BYTES, {', '.join(NUMBERS)}."
        )
    flat: list[bytes] = []
    place = 0
    while place < len(raw):
        if place + 4 > len(raw):
            raise BadRequest(f"{tensor.name}: the bytes end within the length of a value.")
        (size,) = struct.unpack_from("<I", raw, place)
        if place + 4 + size > len(raw):
            raise BadRequest(
                f"{tensor.name}: a value says it has {size:,} bytes, and {len(raw) - place - 4:,} are left."
            )
        flat.append(raw[place + 4 : place + 4 + size])
        place += 4 + size
    return _rows(tensor, flat)


def _outputs(answer: Answer) -> dict[str, tuple[np.ndarray[Any, Any], str]]:
    decisions = [outcome.decision for outcome in answer.outcomes]
    found: dict[str, tuple[np.ndarray[Any, Any], str]] = {
        "label": (np.array([one.label or "" for one in decisions], object), "BYTES"),
        "reason": (np.array([one.reason or "" for one in decisions], object), "BYTES"),
        "probability": (np.array([one.probability for one in decisions], np.float64), "FP64"),
        "accepted": (np.array([one.accepted for one in decisions], np.bool_), "BOOL"),
    }
    if any(isinstance(one, Estimate) for one in decisions):
        for name in ("estimate", "low", "high"):
            column = [getattr(one, name, None) for one in decisions]
            if any(each is None for each in column):
                raise BadRequest(next(one.error for one in decisions if one.error) or "A row could not be read.")
            found[name] = (np.array(column, np.float64), "FP64")
        return found
    chances = [[outcome.probabilities.get(name, 0.0) for name in answer.labels] for outcome in answer.outcomes]
    found["probabilities"] = (np.array(chances, np.float32).reshape(len(chances), len(answer.labels)), "FP32")
    return found


def _packed(array: np.ndarray[Any, Any], kind: str) -> bytes:
    if kind != "BYTES":
        return array.astype(NUMBERS[kind]).tobytes()
    words = [str(one).encode() for one in array.ravel()]
    return b"".join(struct.pack("<I", len(word)) + word for word in words)
