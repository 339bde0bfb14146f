"""The ONNX graph of a small residual network over pictures, written from its weights with the normalisation folded in.

The graph takes one picture, `picture` (1, c, h, w) float32, and gives `vector` (1, d) float32 of length one and
`scores` (1, k) float32, its cosine to the centre of each label. The same weights give the same bytes. Knows nothing of
training.

Source: He et al. 2016 for the residuals; the layout is that of Page 2018, "How to Train Your ResNet" (ResNet-9).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
EPSILON = 1e-5  # beside every variance
BLOCKS = 3

F32: TypeAlias = NDArray[np.float32]
Weights: TypeAlias = Mapping[str, F32]


def build(weights: Weights, *, size: tuple[int, int], stride: int) -> bytes:
    """The file of a network for pictures of one size.

    Weights: `stem` (s, c, p, p) and `stem_bias` (s,); for each block i `wide{i}` and `deep{i}`, both 3 by 3, with the
    `_mean`, `_variance` and `_bias` of their outputs; `embed` (d, c) with `embed_bias` (d,); `centres` (k, d).
    """
    graph = _Graph()
    patch = weights["stem"].shape[-1]
    x = graph.node(
        "Conv", "picture", graph.constant(weights["stem"]), graph.constant(weights["stem_bias"]),
        kernel_shape=[patch, patch], strides=[stride, stride],
    )  # fmt: skip
    x = graph.node("Relu", x)
    for i in range(BLOCKS):
        x = _folded(graph, weights, f"wide{i}", x)
        x = graph.node("Relu", graph.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]))
        x = graph.node("Add", x, graph.node("Relu", _folded(graph, weights, f"deep{i}", x)))
    pooled = graph.node("Add", graph.node("GlobalAveragePool", x), graph.node("GlobalMaxPool", x))
    flat = graph.node("Flatten", pooled)  # (1, c)
    embed = graph.constant(np.ascontiguousarray(weights["embed"].T))
    vector = graph.node("Add", graph.node("MatMul", flat, embed), graph.constant(weights["embed_bias"]))
    length = graph.node("ReduceL2", vector, axes=[1], keepdims=1)
    vector = graph.node("Div", vector, graph.node("Max", length, graph.constant(np.array([1e-6], np.float32))))
    scores = graph.node("MatMul", vector, graph.constant(np.ascontiguousarray(weights["centres"].T)))
    d, k = weights["embed"].shape[0], weights["centres"].shape[0]
    outputs = [(vector, "vector", d), (scores, "scores", k)]
    return graph.written((1, weights["stem"].shape[1], *size), outputs)


def fresh(
    channels: int, *, patch: int, widths: tuple[int, int, int], vector: int, labels: int, seed: int
) -> dict[str, F32]:
    """Weights of a network that has learnt nothing."""
    random = np.random.default_rng(seed)
    stem = 2 * channels * patch * patch  # every direction of a patch, and its negative

    def drawn(*shape: int) -> F32:
        return np.asarray(random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:])), np.float32)

    weights = {"stem": drawn(stem, channels, patch, patch), "stem_bias": np.zeros(stem, np.float32)}
    before = stem
    for i, width in enumerate(widths):
        for name, inputs in ((f"wide{i}", before), (f"deep{i}", width)):
            weights[name] = drawn(width, inputs, 3, 3)
            weights[f"{name}_mean"], weights[f"{name}_bias"] = np.zeros((2, width), np.float32)
            weights[f"{name}_variance"] = np.ones(width, np.float32)
        before = width
    weights["embed"], weights["embed_bias"] = drawn(vector, before), np.zeros(vector, np.float32)
    centres = drawn(labels, vector)
    weights["centres"] = centres / np.linalg.norm(centres, axis=1, keepdims=True)
    return weights


class _Graph:
    """Nodes and constants in the order they are written; every method returns the name of what it made."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[TensorProto] = []

    def constant(self, array: F32) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))
        return name

    def node(self, operator: str, *inputs: str, **settings: Any) -> str:
        name = f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **settings))
        return name

    def written(self, shape: tuple[int, ...], outputs: list[tuple[str, str, int]]) -> bytes:
        for made, name, _ in outputs:
            self._nodes.append(helper.make_node("Identity", [made], [name], name=name))
        graph = helper.make_graph(
            self._nodes,
            "convnet",
            [helper.make_tensor_value_info("picture", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, width)) for _, name, width in outputs],
            self._constants,
        )
        model = helper.make_model(graph, producer_name="metier", opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = 9
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))


def _folded(graph: _Graph, weights: Weights, name: str, x: str) -> str:
    """A convolution whose outputs are normalised: one with other weights and a bias.

    The scale is never negative, so it may stand before the pooling as well as after it.
    """
    scale = 1 / np.sqrt(weights[f"{name}_variance"] + np.float32(EPSILON))
    bias = weights[f"{name}_bias"] - weights[f"{name}_mean"] * scale
    kernel = graph.constant(weights[name] * scale[:, None, None, None])
    return graph.node("Conv", x, kernel, graph.constant(bias), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
