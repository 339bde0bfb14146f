"""Bombs and broken files among sounds: each refused at once, by an error that names the file and the limit."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("soundfile")
pytest.importorskip("soxr")


def written(
    format: str, subtype: str | None = None, seconds: float = 0.5, rate: int = 8_000, value: float = 0.1
) -> bytes:
    import soundfile

    buffer = io.BytesIO()
    noise = np.random.default_rng(0).standard_normal(round(seconds * rate)) * value
    soundfile.write(buffer, noise, rate, format=format, subtype=subtype)
    return buffer.getvalue()


def silence(seconds: int, format: str = "FLAC", rate: int = 4_000) -> bytes:
    import soundfile

    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", rate, 1, format=format) as file:
        for _ in range(seconds // 60):
            file.write(np.zeros(60 * rate, np.int16))
    return buffer.getvalue()


def wav(
    data: bytes = bytes(16_000),
    *,
    channels: int = 1,
    rate: int = 8_000,
    bits: int = 16,
    kind: int = 1,
    size: int | None = None,
) -> bytes:
    align = max(channels * bits // 8, 0) & 0xFFFF
    shape = struct.pack("<HHIIHH", kind, channels, rate, rate * align & 0xFFFFFFFF, align, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(shape)) + shape
    body += b"data" + struct.pack("<I", len(data) if size is None else size) + data
    return b"RIFF" + struct.pack("<I", len(body) & 0xFFFFFFFF) + body


def part(format: str, share: float) -> Callable[[], bytes]:
    return lambda: (whole := written(format))[: int(len(whole) * share)]


def floats(value: float) -> bytes:
    return wav(np.full(4_000, value, "<f4").tobytes(), bits=32, kind=3)


LONG = "s of sound are too many. Expected at most 120 s"
OTHER = "is no sound. Expected WAV, FLAC, OGG or MP3"
BROKEN = "cannot be decoded"
CASES: dict[str, tuple[Any, str]] = {
    "hour.flac": (lambda: silence(3600), LONG),
    "hour.ogg": (lambda: silence(600, "OGG", 8_000), LONG),
    "over.wav": (lambda: wav(bytes(2 * 4_000 * 121), rate=4_000), LONG),
    "minutes.mp3": (lambda: silence(180, "MP3", 8_000), LONG),
    "channels.wav": (wav(channels=65_535), ""),
    "many.wav": (wav(channels=64), "64 channels. Expected at most 8"),
    "rate-0.wav": (wav(rate=0), ""),
    "rate-1.wav": (wav(rate=1), "samples a second. Expected 4,000 to 192,000"),
    "rate-max.wav": (wav(rate=2**31 - 1), "samples a second. Expected 4,000 to 192,000"),
    "bits-0.wav": (wav(bits=0), ""),
    "kind.wav": (wav(kind=0xABCD), BROKEN),
    "adpcm.wav": (wav(kind=2, bits=4), ""),
    "nothing.wav": (wav(b""), ""),
    "claims.wav": (wav(b"", size=2**32 - 1), ""),
    "short.wav": (wav(bytes(20)), "Expected 0.01 s or more"),
    "nan.wav": (floats(np.nan), "no numbers (inf or nan)"),
    "inf.wav": (floats(np.inf), "no numbers (inf or nan)"),
    "header.wav": (wav()[:20], BROKEN),
    "riff.wav": (b"RIFF\xff\xff\xff\xffWAVE" + b"\xff" * 40, BROKEN),
    "begun.flac": (part("FLAC", 0.01), BROKEN),
    "junk.flac": (b"fLaC" + bytes(range(256)), BROKEN),
    "begun.ogg": (part("OGG", 0.05), BROKEN),
    "junk.ogg": (b"OggS" + bytes(range(256)), BROKEN),
    "junk.mp3": (b"ID3" + bytes(range(256)), BROKEN),
    "tag.mp3": (b"ID3\x04\0\0\x7f\x7f\x7f\x7f", BROKEN),
    "apple.wav": (lambda: written("AIFF"), OTHER),
    "sun.wav": (lambda: written("AU"), OTHER),
    "core.wav": (lambda: written("CAF"), OTHER),
    "midi.wav": (b"MThd\0\0\0\6\0\1\0\1\1\xe0", OTHER),
    "list.mp3": (b"#EXTM3U\nhttp://127.0.0.1/a.mp3\n", OTHER),
    "clip.wav": (b"\0\0\0\x18ftypmp42" + bytes(60), OTHER),
    "picture.wav": (b"RIFF\x20\0\0\0WEBP" + bytes(60), OTHER),
    "archive.wav": (b"PK\x03\x04" + bytes(60), OTHER),
    "empty.wav": (b"", "an empty file is no sound"),
    "heavy.wav": (None, "bytes are too many for a sound. Expected at most 67,108,864"),
}  # fmt: skip


@pytest.fixture(scope="module")
def found(told: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("sounds")
    with (folder / "heavy.wav").open("wb") as file:
        file.truncate(65 * 2**20)
    return told("audio", folder, CASES, "junk.ogg")


def test_an_hour_of_silence_is_a_small_file() -> None:
    assert len(silence(3600)) < 100_000


@pytest.mark.parametrize("name", CASES)
def test_each_is_refused_at_once(found: Any, name: str) -> None:
    found.check(name, CASES[name][1])


def test_none_takes_much_memory(found: Any) -> None:
    found.check_memory()
