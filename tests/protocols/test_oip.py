"""Triton's HTTP client, unmodified, and tensors that are none."""

from __future__ import annotations

import gzip
import json
import struct
from typing import Any

import httpx
import numpy as np
import pytest

from .conftest import picture

CARD = "I lost my card"


@pytest.fixture
def triton(address: str) -> Any:
    http = pytest.importorskip("tritonclient.http", reason="the client is not installed")
    return http, http.InferenceServerClient(address.removeprefix("http://"))


def words(http: Any, name: str, cells: list[Any], *, binary: bool = True) -> Any:
    one = http.InferInput(name, [len(cells)], "BYTES")
    one.set_data_from_numpy(np.array(cells, dtype=object), binary_data=binary)
    return one


@pytest.mark.parametrize("binary", [True, False])
def test_texts_either_way(triton: Any, binary: bool) -> None:
    http, client = triton
    wanted = [http.InferRequestedOutput(n, binary_data=binary) for n in ("label", "probability", "probabilities")]
    said = client.infer("bank", [words(http, "text", [CARD, "x"], binary=binary)], outputs=wanted, request_id="r1")
    label = said.as_numpy("label")[0]
    assert (label.decode() if isinstance(label, bytes) else label) == "report_lost_or_stolen_card"
    assert said.as_numpy("probabilities").shape == (2, 36)
    assert said.as_numpy("probabilities").sum(axis=1) == pytest.approx(1, abs=1e-4)
    assert said.get_response()["id"] == "r1"


def test_every_output_without_being_asked(triton: Any) -> None:
    http, client = triton
    said = client.infer("bank", [words(http, "text", [CARD])])
    assert said.as_numpy("accepted").tolist() == [True]
    assert said.get_response()["model_version"] == "1"


def test_columns_of_a_table(triton: Any) -> None:
    http, client = triton
    ages = http.InferInput("age", [2], "FP64")
    ages.set_data_from_numpy(np.array([21.0, 77.0]))
    said = client.infer("person", [words(http, "city", ["Bern", "Rome"]), ages])
    assert [label.decode() for label in said.as_numpy("label")] == ["young", "old"]


def test_pictures(triton: Any) -> None:
    http, client = triton
    said = client.infer("photo", [words(http, "file", [picture(dark=True, seed=3)])])
    assert said.as_numpy("label")[0] == b"dark"


def test_numbers_with_their_intervals(triton: Any) -> None:
    http, client = triton
    said = client.infer("flat", [words(http, "text", ["a flat of 100.0 square metres"])])
    low, estimate, high = (float(said.as_numpy(name)[0]) for name in ("low", "estimate", "high"))
    assert low <= estimate <= high


def test_health_metadata_and_repository(triton: Any) -> None:
    _, client = triton
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("bank")
    assert client.is_model_ready("bank", "1")
    assert client.get_model_metadata("person")["inputs"][0]["datatype"] == "FP64"
    assert client.get_model_config("bank")["max_batch_size"] > 1
    assert {one["name"] for one in client.get_model_repository_index()} == {"bank", "person", "flat", "photo"}
    client.unload_model("bank")
    client.load_model("bank")
    assert client.get_inference_statistics("bank")["model_stats"][0]["name"] == "bank"


def tensor(**said: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", **said}]}


@pytest.mark.parametrize(
    ("body", "behind", "expected"),
    [
        (tensor(data=["a"], shape=[2]), b"", "has 2"),
        (tensor(data="a"), b"", "a list"),
        (tensor(data=[["a"], "b"]), b"", "one of the two"),
        (tensor(data=[1]), b"", "BYTES as JSON are texts"),
        (tensor(data=["a"], datatype="FP32"), b"", "are numbers"),
        (tensor(data=["a"], datatype="FP31"), b"", "is unknown"),
        (tensor(parameters={"binary_data_size": 9}), b"1234", "4 bytes are left"),
        (tensor(parameters={"binary_data_size": -1}), b"1234", "binary_data_size"),
        (tensor(parameters={"binary_data_size": 3}), b"123", "within the length"),
        (tensor(parameters={"binary_data_size": 5}), struct.pack("<I", 2**31) + b"x", "are left"),
        (tensor(parameters={"binary_data_size": 5}), struct.pack("<I", 1) + b"xrest", "belong to no tensor"),
        (tensor(data=["a"], shape=[2**31, 2**31]), b"", "which has"),
        ({"inputs": []}, b"", "length"),
        ({**tensor(data=["a"]), "outputs": [{"name": "smell"}]}, b"", "no output 'smell'"),
    ],
)
def test_what_is_no_tensor_is_said_to_be_none(address: str, body: Any, behind: bytes, expected: str) -> None:
    head = json.dumps(body).encode()
    headers = {"inference-header-content-length": str(len(head))} if behind else {}
    reply = httpx.post(f"{address}/v2/models/bank/infer", content=head + behind, headers=headers)
    assert reply.status_code == 400, reply.text
    assert expected in reply.json()["error"]


def test_a_body_that_unpacks_to_far_more_is_refused(address: str) -> None:
    bomb = gzip.compress(b" " * 80_000_000)
    reply = httpx.post(f"{address}/v2/models/bank/infer", content=bomb, headers={"content-encoding": "gzip"})
    assert reply.status_code == 413
