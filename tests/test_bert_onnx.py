"""The written graph against a plain numpy forward, against the libraries it replaces, and against its own int8."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file, save_file

from metier.encoders import bert_onnx
from metier.errors import BadOption

Array = NDArray[Any]

LAYERS, HEADS, WIDTH, WIDE, WORDS, POSITIONS = 2, 2, 8, 16, 5, 12
CONFIG = {
    "model_type": "bert",
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": POSITIONS,
}
IDS = [2, 0, 4, 1, 3, 3]


def tiny_weights(seed: int = 0) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (WORDS, WIDTH),
        "embeddings.position_embeddings.weight": (POSITIONS, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        "embeddings.LayerNorm.weight": (WIDTH,),
        "embeddings.LayerNorm.bias": (WIDTH,),
    }
    for i in range(LAYERS):
        for name, rows, columns in [
            ("attention.self.query", WIDTH, WIDTH),
            ("attention.self.key", WIDTH, WIDTH),
            ("attention.self.value", WIDTH, WIDTH),
            ("attention.output.dense", WIDTH, WIDTH),
            ("intermediate.dense", WIDE, WIDTH),
            ("output.dense", WIDTH, WIDE),
        ]:
            shapes |= {f"encoder.layer.{i}.{name}.weight": (rows, columns), f"encoder.layer.{i}.{name}.bias": (rows,)}
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes |= {f"encoder.layer.{i}.{name}.weight": (WIDTH,), f"encoder.layer.{i}.{name}.bias": (WIDTH,)}
    return {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def write_tiny(
    folder: Path,
    *,
    weights: dict[str, Array] | None = None,
    config: dict[str, Any] | None = None,
    pooling: dict[str, Any] | None = None,
) -> Path:
    (folder / "1_Pooling").mkdir(parents=True)
    save_file(tiny_weights() if weights is None else weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(CONFIG | (config or {})))
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling or {"pooling_mode_mean_tokens": True}))
    modules = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")]
    listed = [{"idx": i, "name": str(i), "path": p, "type": f"a.b.{t}"} for i, (t, p) in enumerate(modules)]
    (folder / "modules.json").write_text(json.dumps(listed))
    return folder


def numpy_states(weights: dict[str, Array], ids: Sequence[int]) -> list[Array]:
    """BERT as the paper tells it, in float64, sharing no line with the graph."""

    def linear(name: str, x: Array) -> Array:
        return x @ weights[name + ".weight"].T.astype(np.float64) + weights[name + ".bias"]

    def norm(name: str, x: Array) -> Array:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
        return scaled * weights[name + ".weight"] + weights[name + ".bias"]

    def attention(at: str, x: Array) -> Array:
        q, k, v = (linear(f"{at}attention.self.{part}", x) for part in ("query", "key", "value"))
        mixed = []
        for columns in np.split(np.arange(WIDTH), HEADS):
            scores = np.exp(q[:, columns] @ k[:, columns].T / math.sqrt(WIDTH // HEADS))
            mixed.append(scores / scores.sum(-1, keepdims=True) @ v[:, columns])
        return np.concatenate(mixed, -1)

    gelu = np.vectorize(lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2)
    words = weights["embeddings.word_embeddings.weight"].astype(np.float64)[list(ids)]
    places = weights["embeddings.position_embeddings.weight"][: len(ids)]
    states = [norm("embeddings.LayerNorm", words + places + weights["embeddings.token_type_embeddings.weight"][0])]
    for at in (f"encoder.layer.{i}." for i in range(LAYERS)):
        x = states[-1]
        x = norm(f"{at}attention.output.LayerNorm", x + linear(f"{at}attention.output.dense", attention(at, x)))
        wide = gelu(linear(f"{at}intermediate.dense", x))
        states.append(norm(f"{at}output.LayerNorm", x + linear(f"{at}output.dense", wide)))
    return states


def unit(vector: Array) -> Array:
    return np.asarray(vector / np.linalg.norm(vector))


def run(network: bert_onnx.Written, ids: Sequence[int]) -> Array:
    session = onnxruntime.InferenceSession(network.onnx, providers=["CPUExecutionProvider"])
    vectors: Array = session.run(None, {"input_ids": np.array([ids], np.int64)})[0]
    assert vectors.shape == (1, network.width)
    assert vectors.dtype == np.float32
    return vectors[0]


@pytest.mark.parametrize("prefix", ["", "bert."])
def test_the_graph_is_bert(tmp_path: Path, prefix: str) -> None:
    weights = tiny_weights()
    named = {prefix + name: array for name, array in weights.items()} | {"position_ids": np.arange(POSITIONS)}
    network = bert_onnx.build(write_tiny(tmp_path / "tiny", weights=named), tokens=POSITIONS, int8=False)
    expected = unit(numpy_states(weights, IDS)[-1].mean(0))
    np.testing.assert_allclose(run(network, IDS), expected, atol=2e-6)


@pytest.mark.parametrize("kind", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_weights_are_read(tmp_path: Path, kind: Any) -> None:
    halves = {name: array.astype(kind) for name, array in tiny_weights().items()}
    network = bert_onnx.build(write_tiny(tmp_path / "tiny", weights=halves), tokens=POSITIONS, int8=False)
    whole = {name: array.astype(np.float32) for name, array in halves.items()}
    np.testing.assert_allclose(run(network, IDS), unit(numpy_states(whole, IDS)[-1].mean(0)), atol=2e-6)


@pytest.mark.parametrize(
    ("pooling", "pool"),
    [
        ({"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}, lambda state: state[0]),
        ({"pooling_mode_max_tokens": True}, lambda state: state.max(0)),
        ({"pooling_mode": "cls"}, lambda state: state[0]),
        ({"pooling_mode": ["mean", "max"]}, lambda state: np.concatenate([state.mean(0), state.max(0)])),
        ({"word_embedding_dimension": WIDTH}, lambda state: state.mean(0)),
    ],
)
def test_poolings_of_old_and_new_folders(tmp_path: Path, pooling: dict[str, Any], pool: Any) -> None:
    network = bert_onnx.build(write_tiny(tmp_path / "tiny", pooling=pooling), tokens=POSITIONS, int8=False)
    expected = unit(pool(numpy_states(tiny_weights(), IDS)[-1]))
    np.testing.assert_allclose(run(network, IDS), expected, atol=2e-6)


def test_layers_are_pooled_alone_and_put_side_by_side(tmp_path: Path) -> None:
    folder = write_tiny(tmp_path / "tiny")
    network = bert_onnx.build(folder, tokens=POSITIONS, layers=(0, 2), int8=False)
    states = numpy_states(tiny_weights(), IDS)
    expected = np.concatenate([unit(states[0].mean(0)), unit(states[2].mean(0))]) / math.sqrt(2)
    np.testing.assert_allclose(run(network, IDS), expected, atol=2e-6)
    with pytest.raises(BadOption, match=r"layers \[3\] asked for. Expected one or more from 0 \(embedding\) to 2"):
        bert_onnx.build(folder, tokens=POSITIONS, layers=(3,))


@pytest.mark.parametrize("int8", [True, False])
def test_the_same_folder_gives_the_same_bytes(tmp_path: Path, int8: bool) -> None:
    once, again = (bert_onnx.build(write_tiny(tmp_path / n), tokens=POSITIONS, int8=int8) for n in ("a", "b"))
    assert once.onnx == again.onnx
    onnx.checker.check_model(onnx.load_from_string(once.onnx))


def test_int8_never_overflows_the_pair_sums_of_older_processors(tmp_path: Path) -> None:
    model = onnx.load_from_string(bert_onnx.build(write_tiny(tmp_path / "tiny"), tokens=POSITIONS).onnx)
    held = {c.name: numpy_helper.to_array(c) for c in model.graph.initializer}
    matrices = [held[n.input[1]] for n in model.graph.node if n.op_type == "DynamicQuantizeMatMul"]
    assert len(matrices) == 4 * LAYERS
    assert all(2 * 255 * int(np.abs(m.astype(int)).max()) < 2**15 for m in matrices)


def test_an_unknown_architecture_names_the_known_ones(tmp_path: Path) -> None:
    folder = write_tiny(tmp_path / "tiny", config={"model_type": "mpnet"})
    with pytest.raises(BadOption, match=r"'mpnet'.*Known: bert, distilbert, roberta.*carries onnx/model.onnx"):
        bert_onnx.build(folder, tokens=POSITIONS)
    relative = write_tiny(tmp_path / "relative", config={"position_embedding_type": "relative_key"})
    with pytest.raises(BadOption, match="relative_key positions"):
        bert_onnx.build(relative, tokens=POSITIONS)


def test_what_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    odd = write_tiny(tmp_path / "odd", config={"hidden_act": "swish"})
    with pytest.raises(BadOption, match=r"activation 'swish' is not known. Expected one of gelu"):
        bert_onnx.build(odd, tokens=POSITIONS)
    weighted = write_tiny(tmp_path / "weighted", pooling={"pooling_mode": "weightedmean"})
    with pytest.raises(BadOption, match=r"pooling weightedmean is not known. Expected: mean, cls, max"):
        bert_onnx.build(weighted, tokens=POSITIONS)
    dense = write_tiny(tmp_path / "dense")
    modules = json.loads((dense / "modules.json").read_text())
    (dense / "modules.json").write_text(json.dumps([*modules, {"path": "3_Dense", "type": "a.Dense"}]))
    with pytest.raises(BadOption, match="module Dense cannot be written"):
        bert_onnx.build(dense, tokens=POSITIONS)


def test_damaged_folders_say_what_is_missing(tmp_path: Path) -> None:
    short = {name: array for name, array in tiny_weights().items() if "layer.1.output.dense.bias" not in name}
    with pytest.raises(BadOption, match=r"output.dense.bias.*is not in config.json or model.safetensors"):
        bert_onnx.build(write_tiny(tmp_path / "short", weights=short), tokens=POSITIONS)
    torn = write_tiny(tmp_path / "torn")
    (torn / "model.safetensors").write_bytes((torn / "model.safetensors").read_bytes()[:-9])
    with pytest.raises(BadOption, match=r"model.safetensors: .* Expected a whole safetensors file"):
        bert_onnx.build(torn, tokens=POSITIONS)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadOption, match=r"no config.json. Expected a folder as sentence-transformers saves it"):
        bert_onnx.build(tmp_path / "empty", tokens=POSITIONS)


def test_the_longest_sentence_is_what_the_folder_says_within_its_positions(tmp_path: Path) -> None:
    folder = write_tiny(tmp_path / "tiny")
    assert bert_onnx.tokens_of(folder) == POSITIONS
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 10**30}))
    assert bert_onnx.tokens_of(folder) == POSITIONS
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 7}))
    assert bert_onnx.tokens_of(folder) == 7
    roberta = write_tiny(tmp_path / "roberta", config={"model_type": "roberta", "pad_token_id": 1})
    assert bert_onnx.tokens_of(roberta) == POSITIONS - 2
    (roberta / "config.json").write_text(json.dumps({"model_type": "t5"}))
    with pytest.raises(BadOption, match=r"config.json: no max_position_embeddings"):
        bert_onnx.tokens_of(roberta)


@pytest.mark.parametrize("opset", [14, 20])
def test_a_ready_made_graph_is_brought_to_one_form(tmp_path: Path, opset: int) -> None:
    folder, table = write_tiny(tmp_path / "tiny"), tiny_weights()["embeddings.word_embeddings.weight"]
    path = write_ready(folder / "model.onnx", table, opset=opset)
    network = bert_onnx.finished(folder, path)
    np.testing.assert_allclose(run(network, IDS), unit(table[IDS].mean(0)), atol=1e-6)


def test_a_ready_made_graph_without_hidden_states_is_refused(tmp_path: Path) -> None:
    folder = write_tiny(tmp_path / "tiny")
    path = write_ready(folder / "model.onnx", tiny_weights()["embeddings.word_embeddings.weight"])
    model = onnx.load(path)
    model.graph.output[0].type.tensor_type.shape.dim.pop(1)
    onnx.save(model, path)
    with pytest.raises(BadOption, match=r"output 'last_hidden_state' is not of the shape \(rows, tokens, width\)"):
        bert_onnx.finished(folder, path)


def write_ready(path: Path, table: Array, *, opset: int = 14) -> Path:
    """The smallest network with the inputs and the output of an exported encoder: words looked up and masked."""
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["words"]),
        helper.make_node("Unsqueeze", ["attention_mask", "last"], ["columns"]),
        helper.make_node("Cast", ["columns"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["words", "mask"], ["last_hidden_state"]),
    ]
    held = [numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.array([-1], np.int64), "last")]
    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["b", "t"]) for name in names]
    out = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["b", "t", table.shape[1]])
    graph = helper.make_graph(nodes, "ready", inputs, [out], held)
    path.parent.mkdir(exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Bert", "DistilBert", "Roberta", "XLMRoberta", "Camembert"])
@pytest.mark.parametrize("activation", ["gelu", "gelu_new"])
def test_every_family_is_what_transformers_makes_of_it(tmp_path: Path, name: str, activation: str) -> None:
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {"vocab_size": 9, "max_position_embeddings": POSITIONS}
    if name == "DistilBert":
        sizes |= {"dim": WIDTH, "hidden_dim": WIDE, "n_layers": 2, "n_heads": 2, "activation": activation}
    else:
        sizes |= {"hidden_size": WIDTH, "intermediate_size": WIDE, "num_hidden_layers": 2, "num_attention_heads": 2}
        sizes |= {"hidden_act": activation, "pad_token_id": 0 if name == "Bert" else 1, "type_vocab_size": 1}
    config = getattr(transformers, f"{name}Config")(**sizes, initializer_range=0.5)
    model = getattr(transformers, f"{name}Model")(config).eval()
    model.save_pretrained(tmp_path)
    ids = [3, 5, 8, 4, 2]
    with torch.no_grad():
        expected = unit(model(torch.tensor([ids])).last_hidden_state[0].mean(0).numpy())
    network = bert_onnx.build(tmp_path, tokens=bert_onnx.tokens_of(tmp_path), int8=False)
    assert load_file(tmp_path / "model.safetensors")
    np.testing.assert_allclose(run(network, ids), expected, atol=2e-6)
