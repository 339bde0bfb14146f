"""Pictures, sounds and clips: what is read of them, their groups and parts, and the way from a table to an answer."""

from __future__ import annotations

import io
import runpy
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import metier
from metier import lazy
from metier.domains.audio import DOMAIN as AUDIO
from metier.domains.audio import _wave
from metier.domains.image import DOMAIN as IMAGE
from metier.errors import BadCell
from metier.types import Media

for package in ("PIL", "soundfile", "soxr"):
    pytest.importorskip(package)

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def picture(format: str, mode: str = "RGB", size: tuple[int, int] = (200, 100), **settings: Any) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new(mode, size, settings.pop("colour", 0)).save(buffer, format, **settings)
    return buffer.getvalue()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_every_format_is_read_and_made_small(format: str) -> None:
    value = IMAGE.read(picture(format, colour=(250, 10, 10)))
    assert value.array.shape == (32, 64, 3)
    assert np.abs(value.array.mean(axis=(0, 1)) - (250, 10, 10)).max() < 5


def test_transparent_is_white_and_deep_grey_is_stretched() -> None:
    assert IMAGE.read(picture("PNG", "RGBA", colour=(0, 0, 0, 0))).array.min() == 255
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.linspace(0, 60_000, 400).reshape(20, 20).astype(np.uint16)).save(buffer, "PNG")
    grey = IMAGE.read(buffer.getvalue()).array
    assert (grey.min(), grey.max()) == (0, 255)


def test_a_picture_on_its_side_is_set_upright() -> None:
    from PIL import Image

    turned = Image.Exif()
    turned[0x0112] = 6
    assert IMAGE.read(picture("JPEG", exif=turned)).array.shape == (64, 32, 3)


@pytest.mark.parametrize("format", ["WAV", "FLAC", "OGG", "MP3"])
def test_every_format_is_heard_at_one_rate(format: str) -> None:
    import soundfile

    buffer = io.BytesIO()
    tone = np.sin(np.arange(44_100) * 2 * np.pi * 440 / 44_100)
    soundfile.write(buffer, np.stack([tone, tone], axis=1), 44_100, format=format)
    samples = AUDIO.read(buffer.getvalue()).array
    assert samples.dtype == np.float32
    assert abs(len(samples) - 16_000) < 1_200  # MP3 and OGG add a little silence
    assert abs(np.abs(np.fft.rfft(samples, 16_000)).argmax() - 440) <= 1


@pytest.mark.parametrize(
    ("names", "grouped"),
    [
        (["a/7_lucas_1.wav", "a/8_lucas_2.wav", "a/7_theo_1.wav"], [0, 0, 1]),
        (["speaker1/x.wav", "speaker2/y.wav", "speaker1/z.wav"], [0, 1, 0]),
        (["7_lucas_1.wav", "hello.wav"], None),
        (["7_lucas_1.wav", "8_lucas_1.wav"], None),
    ],
)
def test_speakers_stay_together_where_the_names_tell(names: list[str], grouped: list[int] | None) -> None:
    groups = AUDIO.group([Media(array=np.zeros(1, np.float32), name=name) for name in names])
    assert grouped == (None if groups is None else groups.tolist())


def test_near_duplicate_pictures_share_a_group() -> None:
    random = np.random.default_rng(0)
    one, other = (np.kron(random.integers(0, 255, (8, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8) for _ in range(2))
    brighter = np.clip(one.astype(int) + 5, 0, 255).astype(np.uint8)
    groups = IMAGE.group([Media(array=array, name="") for array in (one, other, brighter)])
    assert groups is not None
    assert groups[0] == groups[2] != groups[1]


@pytest.mark.parametrize("name", ["audio", "image", "video"])
def test_parts_hide_something_each(name: str) -> None:
    domain = lazy.find("domains", name, "DOMAIN")
    if name == "video":
        pytest.importorskip("av")
    value = domain.read(domain.sample.columns["input"][0])
    parts = list(domain.parts(value))
    assert len({part for part, _ in parts}) == len(parts) >= 4
    assert all(one.array.shape == value.array.shape for _, one in parts)
    assert any((one.array != value.array).any() for _, one in parts)


@pytest.mark.parametrize("domain", [AUDIO, IMAGE], ids=lambda domain: domain.name)
def test_a_value_can_be_written_as_a_cell(domain: Any) -> None:
    value = domain.read(domain.sample.columns["input"][0])
    again = domain.read(domain.cell(value))
    assert again.array.shape == value.array.shape
    assert np.abs(again.array.astype(float) - value.array).max() < 1e-3


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["", "head"]))
def test_any_bytes_are_read_or_refused(tail: bytes, kind: str) -> None:
    heads = {"image": b"\x89PNG\r\n\x1a\n", "audio": b"RIFF\xff\0\0\0WAVEfmt "}
    for domain in (AUDIO, IMAGE):
        with suppress(BadCell):
            assert domain.read((heads[domain.name] if kind else b"") + tail).array.size


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60) | st.integers() | st.floats() | st.none() | st.lists(st.integers()))
def test_any_cell_is_read_or_refused(cell: Any) -> None:
    for name in ("audio", "image", "video"):
        with pytest.raises(BadCell, match="Expected"):
            lazy.find("domains", name, "DOMAIN").read(cell)


def test_from_a_table_of_paths_to_an_answer(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    lines = ["file,label"]
    for at in range(24):
        hertz = (200, 1200)[at % 2] * random.uniform(0.8, 1.2)
        tone = 0.3 * np.sin(np.arange(4_000) * 2 * np.pi * hertz / 16_000) + random.normal(0, 0.01, 4_000)
        (tmp_path / f"{at}.wav").write_bytes(_wave(tone.astype(np.float32)))
        lines.append(f"{at}.wav,{('low', 'high')[at % 2]}")
    (tmp_path / "tones.csv").write_text("\n".join(lines), encoding="utf-8")
    specialist = metier.train(tmp_path / "tones.csv", output=tmp_path / "tones", effort="quick")
    assert specialist.domain == "audio"
    loaded = metier.load(tmp_path / "tones")  # its golden rows are replayed
    assert len(loaded.golden) >= 8
    assert loaded.predict([tmp_path / "0.wav"])[0].candidates[0].label == "low"
    assert loaded.evaluate(tmp_path / "tones.csv").accuracy.value > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("name", ["audio", "image", "video"])
def test_the_examples_run(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    if name == "video":
        pytest.importorskip("av")
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    right = int(capsys.readouterr().out.split("right: ")[1].split("%")[0])
    assert right >= 90
