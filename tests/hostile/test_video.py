"""Bombs and broken files among clips: each refused at once, by an error that names the file and the limit."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("av")


def avi(**changed: Any) -> bytes:
    """A sound clip of the sample with some of its bytes replaced: `at=value` pairs of 32-bit numbers in its headers."""
    from metier.domains.video import DOMAIN

    whole = bytearray(DOMAIN.sample.columns["input"][0])
    bitmap = whole.index(b"strf") + 8
    main, stream = whole.index(b"avih") + 8, whole.index(b"strh") + 8
    places = {"wide": bitmap + 4, "high": bitmap + 8, "code": bitmap + 16, "frames": stream + 32, "rate": stream + 24}
    places |= {"main_frames": main + 16, "kind": stream}
    for name, value in changed.items():
        whole[places[name] : places[name] + 4] = value if isinstance(value, bytes) else struct.pack("<I", value)
    return bytes(whole)


def coded(codec: str, format: str, frames: int = 20, rate: int = 10, size: tuple[int, int] = (64, 64)) -> bytes:
    import av

    buffer = io.BytesIO()
    random = np.random.default_rng(0)
    with av.open(buffer, "w", format=format) as clip:
        stream = clip.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        still = av.VideoFrame.from_ndarray(
            random.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8), format="rgb24"
        )
        for at in range(frames):
            still.pts = at
            clip.mux(stream.encode(still))
        clip.mux(stream.encode())
    return buffer.getvalue()


def part(share: float) -> Callable[[], bytes]:
    return lambda: (whole := coded("mpeg4", "mp4"))[: int(len(whole) * share)]


OTHER = "is no clip. Expected MP4, WebM or AVI"
BROKEN = "the clip cannot be decoded"
CASES: dict[str, tuple[Any, str]] = {
    "half.mp4": (part(0.5), BROKEN),
    "begun.mp4": (part(0.02), ""),
    "type.mp4": (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", BROKEN),
    "junk.mp4": (b"\0\0\0\x18ftypmp42" + bytes(range(256)), BROKEN),
    "box.mp4": (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + struct.pack(">I", 2**31) + b"moov", ""),
    "junk.webm": (b"\x1aE\xdf\xa3" + bytes(range(256)), BROKEN),
    "begun.webm": (b"\x1aE\xdf\xa3", BROKEN),
    "junk.avi": (b"RIFF\xff\xff\xff\xffAVI " + bytes(range(256)), ""),
    "wide.avi": (lambda: avi(wide=65_535, high=65_535), ""),
    "pixels.avi": (lambda: avi(wide=8_000, high=8_000), ""),
    "long.avi": (lambda: avi(frames=2**31 - 1), ""),
    "code.avi": (lambda: avi(code=b"cvid"), "is coded as cinepak; expected one of"),
    "unknown.avi": (lambda: avi(code=b"zzzz"), ""),
    "deaf.avi": (lambda: avi(kind=b"auds"), ""),
    "minutes.mp4": (lambda: coded("mpeg4", "mp4", frames=130, rate=1), "is 130 s long; expected at most 120 s"),
    "count.mp4": (lambda: coded("mpeg4", "mp4", 10_100, 120, (16, 16)), "10,100 frames; expected at most"),
    "screen.mp4": (lambda: coded("mpeg4", "mp4", frames=1, size=(8_000, 1_100)), "pixels; expected at most 8,294,400"),
    "gif.mp4": (b"GIF89a" + bytes(60), OTHER),
    "list.mp4": (b"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1,\nhttp://127.0.0.1/a.ts\n", OTHER),
    "concat.mp4": (b"ffconcat version 1.0\nfile /etc/hostname\n", OTHER),
    "session.mp4": (b"v=0\no=- 0 0 IN IP4 127.0.0.1\n", OTHER),
    "flash.mp4": (b"FLV\x01" + bytes(60), OTHER),
    "stream.mp4": (b"\x47" + bytes(187) + b"\x47" + bytes(187), OTHER),
    "theora.mp4": (b"OggS" + bytes(60), OTHER),
    "archive.mp4": (b"PK\x03\x04" + bytes(60), OTHER),
    "empty.mp4": (b"", "an empty file is no clip"),
    "heavy.mp4": (None, "bytes are too many for a clip. Expected at most 134,217,728"),
}  # fmt: skip


@pytest.fixture(scope="module")
def found(told: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("clips")
    with (folder / "heavy.mp4").open("wb") as file:
        file.truncate(129 * 2**20)
    return told("video", folder, CASES, "junk.mp4")


@pytest.mark.parametrize("name", CASES)
def test_each_is_refused_at_once(found: Any, name: str) -> None:
    found.check(name, CASES[name][1])


def test_none_takes_much_memory(found: Any) -> None:
    found.check_memory()


def test_a_whole_clip_is_read(tmp_path: Path) -> None:
    from metier.domains.video import DOMAIN

    assert DOMAIN.read(coded("mpeg4", "mp4")).array.shape == (20, 64, 64, 3)
