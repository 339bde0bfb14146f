"""Bombs and broken files among pictures: each refused at once, by an error that names the file and the limit."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PIL")

PNG = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes, crc: int | None = None) -> bytes:
    return (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) if crc is None else crc)
    )


def png(width: int, height: int, *between: bytes, rows: bytes = b"", depth: int = 8, colour: int = 2) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return PNG + header + b"".join(between) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def drawn(format: str, **settings: Any) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.effect_noise((96, 96), 90).convert("RGB").save(buffer, format, **settings)
    return buffer.getvalue()


def halved(format: str) -> Callable[[], bytes]:
    return lambda: (whole := drawn(format))[: len(whole) // 2]


def bmp(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IHHI", 200, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, *[0] * 6)


def tiff(width: int, height: int, offset: int = 8, count: int = 1) -> bytes:
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    tags += [(273, 4, count, offset), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, count, 2**31)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 8)  # the next is the first again


def jpeg_said_to_be(width: int, height: int) -> bytes:
    whole = drawn("JPEG")
    at = whole.index(b"\xff\xc0") + 5
    return whole[:at] + struct.pack(">HH", height, width) + whole[at + 4 :]


LARGE = "pixels are too many. Expected at most 20,000,000"
BROKEN = "cannot be decoded"
OTHER = "is no picture. Expected JPEG, PNG, WebP, BMP or TIFF"
CASES: dict[str, tuple[Any, str]] = {
    "65000.png": (png(65_000, 65_000), LARGE),
    "just-over.png": (png(5_000, 4_001), LARGE),
    "line.png": (png(2**31 - 1, 1), LARGE),
    "grey-bits.png": (png(60_000, 60_000, depth=1, colour=0, rows=bytes(1_000_000)), LARGE),
    "65500.jpg": (lambda: jpeg_said_to_be(65_500, 65_500), LARGE),
    "60000.bmp": (bmp(60_000, 60_000), LARGE),
    "60000.tif": (tiff(60_000, 60_000), LARGE),
    "canvas.webp": (
        b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\x10\0\0\0" + b"\xfe\x3f\0" * 2, ""
    ),
    "zero.png": (png(0, 0), BROKEN),
    "no-rows.png": (png(64, 64), BROKEN),
    "few-rows.png": (png(64, 64, rows=bytes(500)), BROKEN),
    "bad-sum.png": (PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0), crc=1), BROKEN),
    "text-bomb.png": (
        lambda: png(8, 8, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(20_000_000))), rows=bytes(200)), BROKEN
    ),
    "profile-bomb.png": (
        lambda: png(8, 8, *[chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1_000_000)))] * 70, rows=bytes(200)), BROKEN
    ),
    "signature.png": (PNG + b"\0" * 100, BROKEN),
    "half.jpg": (halved("JPEG"), BROKEN),
    "half.png": (halved("PNG"), BROKEN),
    "half.webp": (halved("WEBP"), BROKEN),
    "half.bmp": (halved("BMP"), BROKEN),
    "half.tif": (halved("TIFF"), BROKEN),
    "strips.tif": (tiff(64, 64, offset=2**31), BROKEN),
    "counts.tif": (tiff(64, 64, count=2**30), BROKEN),
    "negative.bmp": (bmp(-5, 5), ""),
    "gif.png": (lambda: drawn("GIF"), OTHER),
    "svg.png": (b"<svg xmlns='http://www.w3.org/2000/svg' width='9e9' height='9e9'/>", OTHER),
    "page.jpg": (b"<!doctype html><script>alert(1)</script>", OTHER),
    "post.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n(x) run", OTHER),
    "paper.jpg": (b"%PDF-1.7\n", OTHER),
    "icon.png": (lambda: drawn("ICO"), OTHER),
    "photoshop.tif": (b"8BPS" + bytes(60), OTHER),
    "archive.png": (b"PK\x03\x04" + bytes(60), OTHER),
    "empty.jpg": (b"", "an empty file is no picture"),
    "byte.jpg": (b"\xff", OTHER),
    "heavy.jpg": (None, "bytes are too many for a picture. Expected at most 33,554,432"),
    "folder.png": (None, "there is no such file"),
}  # fmt: skip


@pytest.fixture(scope="module")
def found(told: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("pictures")
    with (folder / "heavy.jpg").open("wb") as file:
        file.truncate(33 * 2**20)
    (folder / "folder.png").mkdir()
    return told("image", folder, CASES, "half.png")


@pytest.mark.parametrize("name", CASES)
def test_each_is_refused_at_once(found: Any, name: str) -> None:
    found.check(name, CASES[name][1])


def test_none_takes_much_memory(found: Any) -> None:
    found.check_memory()


def test_a_text_opens_no_file(tmp_path: Path) -> None:
    from metier.domains.image import DOMAIN
    from metier.errors import BadCell

    (tmp_path / "a.png").write_bytes(drawn("PNG"))
    DOMAIN.read(tmp_path / "a.png")
    for text in (str(tmp_path / "a.png"), "data:image/png;base64,????", "data:text/html;base64,PGI+", "file:///a.png"):
        with pytest.raises(BadCell, match=r"not a picture|no picture"):
            DOMAIN.read(text)
