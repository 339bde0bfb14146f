"""Writes the ONNX graph of a BERT-family sentence encoder from its folder of weights, without torch.

The graph takes one sentence, `input_ids` (1, t) int64, and gives `vectors` (1, d) float32 of length one. Knows nothing
of words: the tokens come from elsewhere. The same folder and settings always give the same bytes.

Source: Devlin et al. 2019, "BERT", for the layers; Reimers & Gurevych 2019, "Sentence-BERT", for the pooling.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper
from safetensors import SafetensorError
from safetensors.numpy import load_file

from metier.errors import BadOption

Array: TypeAlias = NDArray[Any]
Weights: TypeAlias = dict[str, Array]

OPSET = 23  # the first whose own Attention runs as one kernel: 5 % faster here than com.microsoft.MultiHeadAttention
CONTRIB = "com.microsoft"
POOLINGS = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls", "pooling_mode_max_tokens": "max"}
ACTIVATIONS: dict[str, tuple[str, dict[str, str]]] = {
    "gelu": ("Gelu", {}),
    "gelu_new": ("Gelu", {"approximate": "tanh"}),
    "gelu_fast": ("Gelu", {"approximate": "tanh"}),
    "gelu_pytorch_tanh": ("Gelu", {"approximate": "tanh"}),
    "relu": ("Relu", {}),
}


@dataclass(frozen=True, kw_only=True)
class Family:
    """How one architecture names its weights and its settings; `{}` in `layer` is the number of the layer."""

    prefix: str = "bert."
    layer: str = "encoder.layer.{}."
    query: str = "attention.self.query"
    key: str = "attention.self.key"
    value: str = "attention.self.value"
    joined: str = "attention.output.dense"
    joined_norm: str = "attention.output.LayerNorm"
    wide: str = "intermediate.dense"
    narrow: str = "output.dense"
    norm: str = "output.LayerNorm"
    width: str = "hidden_size"
    layers: str = "num_hidden_layers"
    heads: str = "num_attention_heads"
    activation: str = "hidden_act"
    positions_after_padding: bool = False  # RoBERTa numbers positions from pad_token_id + 1


DISTILBERT = Family(
    prefix="distilbert.",
    layer="transformer.layer.{}.",
    query="attention.q_lin",
    key="attention.k_lin",
    value="attention.v_lin",
    joined="attention.out_lin",
    joined_norm="sa_layer_norm",
    wide="ffn.lin1",
    narrow="ffn.lin2",
    norm="output_layer_norm",
    width="dim",
    layers="n_layers",
    heads="n_heads",
    activation="activation",
)
ROBERTA = Family(prefix="roberta.", positions_after_padding=True)
FAMILIES = {
    "bert": Family(),
    "distilbert": DISTILBERT,
    "roberta": ROBERTA,
    "xlm-roberta": ROBERTA,
    "camembert": ROBERTA,
}


class Graph:
    """Nodes and constants in the order they are written; every method returns the name of what it made."""

    def __init__(self, opset: int = OPSET) -> None:
        self.opset = opset
        self.nodes: list[Any] = []
        self.constants: list[TensorProto] = []

    def constant(self, array: Array) -> str:
        name = f"metier_constant_{len(self.constants)}"  # a ready-made graph has names of its own
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def nodes_of(self, operator: str, *inputs: str, outputs: int = 1, domain: str = "", **settings: Any) -> list[str]:
        names = [f"metier_{operator}_{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, name=names[0], domain=domain, **settings))
        return names

    def node(self, operator: str, *inputs: str, domain: str = "", **settings: Any) -> str:
        return self.nodes_of(operator, *inputs, domain=domain, **settings)[0]


@dataclass(frozen=True, kw_only=True)
class Written:
    """An ONNX file, and the columns of the vectors it gives."""

    onnx: bytes
    width: int


def build(
    folder: Path, *, tokens: int, layers: Sequence[int] | None = None, int8: bool = True, pooled: bool = True
) -> Written:
    """The ONNX file of the encoder in `folder`, for sentences of up to `tokens` tokens.

    Without `pooled` the graph gives the hidden states of every token (1, t, d) in the place of one vector.

    `layers` are the hidden layers to pool, put side by side (0 is the embedding; None is the last one alone).
    With `int8` the matrices are held in 7 bits a weight with one scale per output column, the word table in 8 bits with
    one scale per word; the scale of the activations depends on the whole input, which is why the graph takes one
    sentence and no batch.

    Raises: BadOption where the architecture, an activation, a module or a pooling is not one this file can write.
    """
    family, poolings, graph = family_of(folder), poolings_of(folder), Graph()
    try:
        states = _states(graph, folder, family, tokens=tokens, int8=int8)
    except KeyError as missing:
        raise BadOption(
            f"{folder}: {missing} is not in config.json or model.safetensors, where its model_type has it. "
            "Expected both files whole and of the same model. Fetch the folder again."
        ) from missing
    chosen = _chosen(folder, layers, last=len(states) - 1)
    if not pooled:
        width = len(chosen) * _read(folder / "config.json")[family.width]
        return _written(graph, _joined(graph, [states[i] for i in chosen]), width, each_token=True)
    width = len(chosen) * len(poolings) * _read(folder / "config.json")[family.width]
    return _written(graph, _pooled(graph, [states[i] for i in chosen], poolings), width)


def family_of(folder: Path) -> Family:
    """How the weights in `folder` are named, by the model_type of its config.json.

    Raises: BadOption for an architecture that is not known.
    """
    config = _read(folder / "config.json")
    found, positions = config.get("model_type"), config.get("position_embedding_type", "absolute")
    if found not in FAMILIES or positions != "absolute":
        raise BadOption(
            f"{folder / 'config.json'}: model_type {found!r} with {positions} positions is no architecture that can be "
            f"built. Known: {', '.join(FAMILIES)}, each with absolute positions. "
            "Use one of those, or a folder that carries onnx/model.onnx."
        )
    return FAMILIES[found]


def poolings_of(folder: Path) -> list[str]:
    """What makes one vector of many tokens: "mean", "cls" or "max", several when they are put side by side.

    Raises: BadOption for a module or a pooling that cannot be written; nothing is left out silently.
    """
    modules = _read(folder / "modules.json") if (folder / "modules.json").exists() else []
    paths = {str(m["type"]).rsplit(".", 1)[-1]: str(m["path"]) for m in modules}
    if unknown := sorted(paths.keys() - {"Transformer", "Pooling", "Normalize"}):
        raise BadOption(
            f"{folder / 'modules.json'}: module {', '.join(unknown)} cannot be written to ONNX here. "
            "Expected: Transformer, Pooling, Normalize. Use an encoder made of those."
        )
    if "Pooling" not in paths:
        return ["mean"]  # what sentence-transformers does with a folder that says nothing
    config = _read(folder / paths["Pooling"] / "config.json")
    older = [name for name, on in config.items() if name.startswith("pooling_mode_") and on is True]
    asked = config.get("pooling_mode") or older or ["mean"]
    asked = [asked] if isinstance(asked, str) else asked
    named = [POOLINGS.get(name, name) for name in asked]
    if unknown := sorted(set(named) - set(POOLINGS.values())):
        raise BadOption(
            f"{folder / paths['Pooling'] / 'config.json'}: pooling {', '.join(unknown)} is not known. "
            f"Expected: {', '.join(POOLINGS.values())}. Use an encoder that pools in one of these ways."
        )
    return named


def finished(folder: Path, path: Path) -> Written:
    """A ready-made encoder graph brought to this file's form: one sentence in, one vector of length one out.

    Every token counts, so the masks that such graphs ask for are made inside from the shape of `input_ids`.

    Raises: BadOption where the first output is not the hidden states (1, t, width).
    """
    model, poolings = onnx.load(path), poolings_of(folder)
    hidden = model.graph.output[0]
    dimensions = hidden.type.tensor_type.shape.dim
    if len(dimensions) != 3 or not dimensions[-1].dim_value:
        raise BadOption(
            f"{path}: its first output {hidden.name!r} is not of the shape (rows, tokens, width). Expected the hidden "
            "states there, as optimum exports them. Remove the file, so that the encoder is built from its weights."
        )
    graph = Graph(next(i.version for i in model.opset_import if i.domain in ("", "ai.onnx")))
    shape = graph.node("Shape", "input_ids")
    fills = {"attention_mask": 1, "token_type_ids": 0}
    for asked in (i.name for i in model.graph.input if i.name in fills):
        value = numpy_helper.from_array(np.array([fills[asked]], np.int64))
        graph.nodes.append(helper.make_node("ConstantOfShape", [shape], [asked], value=value))
    graph.nodes.extend(model.graph.node)
    graph.constants.extend(model.graph.initializer)
    width = int(dimensions[-1].dim_value) * len(poolings)
    return _written(graph, _pooled(graph, [hidden.name], poolings), width, like=model)


def tokens_of(folder: Path) -> int:
    """The longest sentence the encoder in `folder` reads, in tokens: what it was trained on, and has positions for."""
    config = _read(folder / "config.json")
    if "max_position_embeddings" not in config:
        raise BadOption(
            f"{folder / 'config.json'}: no max_position_embeddings. Expected the settings of a text encoder with a "
            f"longest sentence. Use an encoder of one of these architectures: {', '.join(FAMILIES)}."
        )
    after_padding = getattr(FAMILIES.get(config.get("model_type")), "positions_after_padding", False)
    positions = int(config["max_position_embeddings"]) - _first_position(config, after_padding=after_padding)
    files = {"sentence_bert_config.json": "max_seq_length", "tokenizer_config.json": "model_max_length"}
    said = [_read(folder / name).get(key) for name, key in files.items() if (folder / name).exists()]
    return min(positions, int(next((longest for longest in said if longest), positions)))


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadOption(
            f"{path.parent}: no {path.name}. Expected a folder as sentence-transformers saves it. Check the path."
        ) from None


def _weights(folder: Path, family: Family) -> Weights:
    path = folder / "model.safetensors"
    try:
        held = load_file(path)
    except SafetensorError as error:
        raise BadOption(f"{path}: {error}. Expected a whole safetensors file. Fetch it again.") from error
    return {name.removeprefix(family.prefix): w.astype(np.float32) for name, w in held.items() if w.dtype.kind != "i"}


def _states(graph: Graph, folder: Path, family: Family, *, tokens: int, int8: bool) -> list[str]:
    config, weights = _read(folder / "config.json"), _weights(folder, family)
    states = [_embedded(graph, weights, config, family, tokens=tokens, int8=int8)]
    for i in range(int(config[family.layers])):
        inside = _under(weights, family.layer.format(i))
        states.append(_layer(graph, inside, states[-1], config, family, int8=int8))
    return states


def _under(weights: Weights, prefix: str) -> Weights:
    return {name.removeprefix(prefix): w for name, w in weights.items() if name.startswith(prefix)}


def _chosen(folder: Path, layers: Sequence[int] | None, *, last: int) -> list[int]:
    chosen = [last] if layers is None else list(layers)
    if not chosen or not all(0 <= i <= last for i in chosen):
        raise BadOption(f"{folder}: layers {chosen} asked for. Expected one or more from 0 (embedding) to {last}.")
    return chosen


def _quantised(matrix: Array, *, bits: int) -> tuple[Array, Array]:
    """Symmetric integers and one scale per column, with matrix = integers * scales as near as `bits` allow."""
    most = 2 ** (bits - 1) - 1
    scales = np.abs(matrix).max(axis=0) / most
    scales[scales == 0] = 1
    return np.rint(matrix / scales).astype(np.int8), scales.astype(np.float32)


def _linear(graph: Graph, weights: Weights, names: Sequence[str], x: str, *, int8: bool) -> str:
    matrix = np.concatenate([weights[f"{name}.weight"] for name in names]).T  # (in, out)
    bias = graph.constant(np.concatenate([weights[f"{name}.bias"] for name in names]))
    if not int8:
        return graph.node("Add", graph.node("MatMul", x, graph.constant(matrix)), bias)
    # 7 bits, not 8: a processor without VNNI adds pairs of products in 16 bits, where 2 * 255 * 127 saturates
    integers, scales = _quantised(matrix, bits=7)
    inputs = (x, graph.constant(integers), graph.constant(scales), "", bias)
    return graph.node("DynamicQuantizeMatMul", *inputs, domain=CONTRIB)


def _norm(graph: Graph, weights: Weights, name: str, x: str, config: Any) -> str:
    # not com.microsoft.SkipLayerNormalization: with the addition inside, it takes three times as long as the two apart
    gain, bias = graph.constant(weights[f"{name}.weight"]), graph.constant(weights[f"{name}.bias"])
    return graph.node("LayerNormalization", x, gain, bias, axis=-1, epsilon=float(config.get("layer_norm_eps", 1e-12)))


def _embedded(graph: Graph, weights: Weights, config: Any, family: Family, *, tokens: int, int8: bool) -> str:
    words = weights["embeddings.word_embeddings.weight"]
    first = _first_position(config, after_padding=family.positions_after_padding)
    positions = weights["embeddings.position_embeddings.weight"][first : first + tokens]
    if (segments := weights.get("embeddings.token_type_embeddings.weight")) is not None:
        positions = positions + segments[0]  # one sentence: always the first segment
    zero, length = graph.constant(np.zeros(1, np.int64)), graph.node("Shape", "input_ids", start=1, end=2)
    placed = graph.node("Slice", graph.constant(positions), zero, length)
    x = graph.node("Add", _looked_up(graph, words, int8=int8), placed)
    return _norm(graph, weights, "embeddings.LayerNorm", x, config)


def _first_position(config: Any, *, after_padding: bool) -> int:
    return int(config.get("pad_token_id", 1)) + 1 if after_padding else 0


def _looked_up(graph: Graph, words: Array, *, int8: bool) -> str:
    if not int8:
        return graph.node("Gather", graph.constant(words), "input_ids")
    integers, scales = _quantised(words.T, bits=8)
    found = graph.node("Gather", graph.constant(integers.T), "input_ids")
    scale = graph.node("Gather", graph.constant(scales[:, None]), "input_ids")
    return graph.node("Mul", graph.node("Cast", found, to=TensorProto.FLOAT), scale)


def _layer(graph: Graph, weights: Weights, x: str, config: Any, family: Family, *, int8: bool) -> str:
    three = _linear(graph, weights, (family.query, family.key, family.value), x, int8=int8)
    split = graph.nodes_of("Split", three, outputs=3, axis=-1, num_outputs=3)
    heads = int(config[family.heads])
    attended = graph.node("Attention", *split, q_num_heads=heads, kv_num_heads=heads)
    joined = _linear(graph, weights, (family.joined,), attended, int8=int8)
    x = _norm(graph, weights, family.joined_norm, graph.node("Add", joined, x), config)
    wide = _activated(graph, _linear(graph, weights, (family.wide,), x, int8=int8), str(config[family.activation]))
    narrow = _linear(graph, weights, (family.narrow,), wide, int8=int8)
    return _norm(graph, weights, family.norm, graph.node("Add", narrow, x), config)


def _activated(graph: Graph, x: str, name: str) -> str:
    if name not in ACTIVATIONS:
        raise BadOption(f"config.json: activation {name!r} is not known. Expected one of {', '.join(ACTIVATIONS)}.")
    operator, settings = ACTIVATIONS[name]
    return graph.node(operator, x, **settings)


def _pooled(graph: Graph, states: Sequence[str], poolings: Sequence[str]) -> str:
    parts = []
    for state in states:
        ways = [_pooling(graph, state, pooling) for pooling in poolings]
        parts.append(graph.node("LpNormalization", _joined(graph, ways), axis=-1, p=2))
    share = np.array(len(parts) ** -0.5, np.float32)  # parts of length one, side by side, to one vector of length one
    return parts[0] if len(parts) == 1 else graph.node("Mul", _joined(graph, parts), graph.constant(share))


def _pooling(graph: Graph, state: str, pooling: str) -> str:
    if pooling == "cls":
        return graph.node("Gather", state, graph.constant(np.array(0, np.int64)), axis=1)
    operator = {"mean": "ReduceMean", "max": "ReduceMax"}[pooling]
    if graph.opset < 18:  # ready-made graphs are often older than the axes' move from a setting to an input
        return graph.node(operator, state, axes=[1], keepdims=0)
    return graph.node(operator, state, graph.constant(np.array([1], np.int64)), keepdims=0)


def _joined(graph: Graph, parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else graph.node("Concat", *parts, axis=-1)


def _written(
    graph: Graph, vectors: str, width: int, *, like: ModelProto | None = None, each_token: bool = False
) -> Written:
    graph.nodes.append(helper.make_node("Identity", [vectors], ["vectors"]))
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "t"])
    shape: list[str | int | None] = [1, "t", width] if each_token else [1, width]
    out = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, shape)
    body = helper.make_graph(graph.nodes, "sentence", [ids], [out], graph.constants)
    ours = [helper.make_opsetid("", graph.opset), helper.make_opsetid(CONTRIB, 1)]
    model = helper.make_model(
        body,
        opset_imports=list(like.opset_import) if like else ours,
        ir_version=like.ir_version if like else helper.find_min_ir_version_for(ours[:1]),
    )
    if like:
        model.functions.extend(like.functions)
    return Written(onnx=model.SerializeToString(deterministic=True), width=width)
