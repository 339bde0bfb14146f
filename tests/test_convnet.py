"""A small network: what it learns, that torch and ONNX Runtime agree on it, and what it says where it cannot learn."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

from metier.encoders.convnet import ConvnetEncoder, Sight, _same_in_a_mirror
from metier.errors import BadOption, MissingPackage
from metier.testing import check_encoder
from metier.types import Media

torch = pytest.importorskip("torch")


def stripes(n: int, seed: int) -> tuple[list[Media], np.ndarray]:
    random = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    pictures = []
    for label in labels:
        wave = np.sin(np.arange(32) * random.uniform(0.6, 1.2) + random.uniform(0, 6)) * 80 + 128
        grey = np.tile(wave, (32, 1)) if label else np.tile(wave[:, None], (1, 32))
        noisy = grey[..., None] + random.normal(0, 20, (32, 32, 3))
        pictures.append(Media(array=noisy.clip(0, 255).astype(np.uint8), name=""))
    return pictures, np.eye(2, dtype=np.float32)[labels]


def small(**settings: Any) -> Any:
    from metier.encoders.convnet_torch import Recipe

    return Recipe(**{"widths": (8, 8, 16), "vector": 16, "batch": 16, "least_steps": 40, "most_steps": 40, **settings})


def test_it_learns_and_keeps_its_contract() -> None:
    pictures, targets = stripes(48, seed=0)
    fitted = ConvnetEncoder.build("sight", recipe=small()).fit(pictures, targets)
    others, truth = stripes(40, seed=1)
    scores = fitted.encode(others)[:, -2:]
    assert (scores.argmax(axis=1) == truth.argmax(axis=1)).mean() > 0.9
    check_encoder(ConvnetEncoder.build("sight", recipe=small(least_steps=3, most_steps=3)), pictures[:8])


@pytest.mark.parametrize("loss", ["logistic", "squared"])
def test_targets_with_gaps_are_learnt_too(loss: Any) -> None:
    pictures, targets = stripes(32, seed=0)
    targets[::3, 0] = np.nan
    fitted = ConvnetEncoder.build("sight", recipe=small(least_steps=8, most_steps=8)).fit(pictures, targets, loss=loss)
    assert np.isfinite(fitted.encode(pictures[:3])).all()


def test_torch_and_the_graph_say_the_same() -> None:
    from metier.encoders.convnet_onnx import build, fresh
    from metier.encoders.convnet_torch import _Network

    weights = fresh(3, patch=2, widths=(8, 8, 16), vector=16, labels=3, seed=1)
    random = np.random.default_rng(0)
    pictures = random.integers(0, 255, (64, 3, 32, 32)).astype(np.uint8)
    network = _Network(torch, weights, 1)
    network.settle(pictures)
    from metier.encoders.convnet import _floats

    with torch.no_grad():
        expected = network.cosines(torch.from_numpy(_floats(pictures))).numpy()
    import onnxruntime

    session = onnxruntime.InferenceSession(
        build(network.weights(), size=(32, 32), stride=1), providers=["CPUExecutionProvider"]
    )
    got = np.concatenate([session.run(["scores"], {"picture": _floats(one[None])})[0] for one in pictures])
    # the network was in one batch with the others, the graph has their means
    assert np.corrcoef(expected.ravel(), got.ravel())[0, 1] > 0.99


def test_pictures_are_mirrored_only_where_that_changes_nothing() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(200) % 2
    sided = random.random((200, 16, 16, 3)).astype(np.float32) * 0.3
    for picture, label in zip(sided, labels, strict=True):
        picture[:, slice(0, 6) if label else slice(10, 16)] += 0.6
    level = random.random((200, 16, 16, 3)).astype(np.float32) * 0.3
    level[labels == 1, :6] += 0.6
    targets = np.eye(2, dtype=np.float32)[labels]
    assert not _same_in_a_mirror(sided, targets)
    assert _same_in_a_mirror(level, targets)
    assert Sight.suited(stripes(20, 0)[0], targets[:20]).size == (32, 32)


def test_what_cannot_learn_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    built = ConvnetEncoder.build("sight", recipe=small())
    with pytest.raises(BadOption, match="Build one and fit that"):
        ConvnetEncoder.restore(built.state()).fit(*stripes(8, 0))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        MissingPackage, match=r"pip install 'metier\[torch\]', or train without a network: --effort quick"
    ):
        ConvnetEncoder.build("hearing")
