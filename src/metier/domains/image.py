"""Images: a JPEG, PNG, WebP, BMP or TIFF file; the cheap stage sees edges and colours, the costly one shapes.

A cell is the path of a file, its bytes, or base64 (a data URL). A value is RGB, at most 64 pixels a side, and beside it
in the detail that a network named by its user asks for. Knows nothing of what is asked of it. Formats and pixels are
checked in the header before anything is decoded.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier.data.media import RawFile, opened
from metier.encoders.base import Encoder
from metier.errors import BadCell
from metier.types import Effort, Media, Table

MOST_SIDE = 64  # pixels of a value; larger files are made smaller while they are read
MOST_PIXELS = 20_000_000  # of a file, in its header; decoded it takes 80 MB at most
MOST_BYTES = 32 * 2**20
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
SIGNS = tuple(
    re.compile(sign, re.S)
    for sign in (rb"\xff\xd8\xff", rb"\x89PNG\r\n\x1a\n", rb"RIFF....WEBP", rb"BM.{4}\0\0\0\0", rb"II\*\0|MM\0\*")
)
TILES = 4  # a side, of what is hidden in turn
ALIKE_BITS = 4  # of 64, by which the hashes of near-duplicates differ at most


class Image:
    """The domain of pictures."""

    name = "image"
    needs: tuple[str, ...] = ("PIL",)
    files = True
    sample = Table(columns={"input": [], "target": []})

    def __init__(self, side: int = MOST_SIDE) -> None:
        self._side = side

    def for_encoders(self, encoders: Sequence[Encoder]) -> Image:
        """The domain that keeps pictures as large as the most that one of these encoders sees."""
        return Image(max([MOST_SIDE, *(getattr(one, "sees", 0) for one in encoders)]))

    def likely(self, cells: Sequence[Any]) -> float:
        """The share of cells that name or hold a picture."""
        seen = [cell for cell in cells if cell is not None]
        return sum(RawFile.looks_like(cell, ENDINGS, SIGNS, "image/") for cell in seen) / max(len(seen), 1)

    def read(self, cell: Any) -> Media:
        """The picture in a cell, upright, on white where it is transparent.

        Raises: BadCell naming the file, and the limit where one is passed.
        """
        raw = opened(cell, most_bytes=MOST_BYTES, kind="a picture", endings=ENDINGS)
        if not any(sign.match(raw.data) for sign in SIGNS):
            raise BadCell(
                f"{raw.name}: {raw.began()} is no picture. Expected JPEG, PNG, WebP, BMP or TIFF; convert it."
            )
        small, *large = _decoded(raw, [MOST_SIDE, *([self._side] if self._side > MOST_SIDE else [])])
        return Media(array=small, name=raw.name, large=large[0] if large else None)

    def group(self, values: Sequence[Media]) -> NDArray[np.int64] | None:
        """Near-duplicates share a number."""
        from metier.encoders.hog import perceptual_hash
        from metier.encoders.near import near_hashes

        return near_hashes(np.array([perceptual_hash(value.array) for value in values], np.uint64), ALIKE_BITS)

    def encoders(self, effort: Effort) -> Sequence[Encoder]:
        """Edges and colours; from `standard` on a network taught the labels."""
        from metier.encoders.hog import HogEncoder

        stages: list[Encoder] = [HogEncoder()]
        if effort != "quick":
            from metier.encoders.convnet import ConvnetEncoder

            stages.append(ConvnetEncoder.build("sight", effort=effort))
        return stages

    def backbone(self, source: str) -> Encoder:
        """A network for pictures: an ONNX file, a folder with one, or a name on the hub."""
        from metier.encoders.backbone import BackboneEncoder

        return BackboneEncoder.build(source)

    def parts(self, value: Media) -> list[tuple[str, Media]]:
        """Each of 16 tiles, and the picture with that tile in its mean colour."""
        return [
            (
                f"tile {row + 1},{column + 1}",
                Media(
                    array=_hidden(value.array, row, column),
                    name=value.name,
                    large=None if value.large is None else _hidden(value.large, row, column),
                ),
            )
            for row in range(TILES)
            for column in range(TILES)
        ]


def _hidden(picture: NDArray[np.uint8], row: int, column: int) -> NDArray[np.uint8]:
    """The picture with one tile in its mean colour."""
    height, width = picture.shape[:2]
    downs, acrosses = (np.linspace(0, length, TILES + 1).astype(int).tolist() for length in (height, width))
    hidden = picture.copy()
    mean = picture.reshape(-1, 3).mean(axis=0).astype(np.uint8)
    hidden[downs[row] : downs[row + 1], acrosses[column] : acrosses[column + 1]] = mean
    return hidden


def _decoded(raw: RawFile, sides: Sequence[int]) -> list[NDArray[np.uint8]]:
    """The picture at each of these sizes. A JPEG is decoded for each, at an eighth where that will do, others once."""
    from PIL import Image as Pillow
    from PIL import ImageOps

    try:
        with Pillow.open(io.BytesIO(raw.data), formats=FORMATS) as file:
            width, height = file.size
            if width * height > MOST_PIXELS:
                raise BadCell(_too_many(raw.name, f"{width:,} by {height:,}"))
            if file.format == "JPEG" and len(sides) > 1:
                return [picture for side in sides for picture in _decoded(raw, [side])]
            file.draft("RGB", (2 * sides[0], 2 * sides[0]))
            file.load()
            upright = ImageOps.exif_transpose(file) if file.getexif().get(0x0112, 1) != 1 else file
            return [_small(upright, side) for side in sides]
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning):  # Pillow has a limit, too, and looks first
        raise BadCell(_too_many(raw.name, "over 89,000,000")) from None
    except BadCell:
        raise
    except Exception as error:  # a decoder raises whatever it meets: struct.error, KeyError, SyntaxError …
        said = str(error).replace(repr(raw.data), "")[:200]
        raise BadCell(
            f"{raw.name}: cannot be decoded ({type(error).__name__}: {said}). Expected a whole JPEG, PNG, WebP, BMP or "
            "TIFF file; save it again."
        ) from error


def _too_many(name: str, found: str) -> str:
    return f"{name}: {found} pixels are too many. Expected at most {MOST_PIXELS:,} in all; make it smaller."


def _small(picture: Any, side: int) -> NDArray[np.uint8]:
    """RGB, reduced until its longer side is at most `side`."""
    from PIL import Image as Pillow

    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        white = Pillow.new("RGBA", clear.size, (255, 255, 255, 255))
        picture = Pillow.alpha_composite(white, clear)
    elif picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        picture = _levelled(picture)
    picture = picture.convert("RGB")
    longest = max(picture.size)
    if longest > side:
        size = [max(1, round(length * side / longest)) for length in picture.size]
        picture = picture.resize(size, Pillow.Resampling.BILINEAR, reducing_gap=3.0)
    return np.array(picture, np.uint8)


def _levelled(picture: Any) -> Any:
    """Grey of 16 bits or more, stretched to bytes from its darkest to its brightest; Pillow would cut it off at 255."""
    from PIL import Image as Pillow

    grey = np.nan_to_num(np.asarray(picture, np.float32))
    low, high = float(grey.min()), float(grey.max())
    return Pillow.fromarray(((grey - low) * (255 / max(high - low, 1e-9))).astype(np.uint8))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file, whose pixels come back as they are."""
    import struct
    import zlib

    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packed = zlib.compress(rows.tobytes(), 6)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def _drawn(seed: int, *, upright: bool) -> NDArray[np.uint8]:
    """A picture of stripes."""
    random = np.random.default_rng(seed)
    stripes = np.sin(np.arange(24) * (0.8 + 0.1 * seed) + seed)
    grey = np.tile(stripes, (24, 1)) if upright else np.tile(stripes[:, None], (1, 24))
    return np.clip(128 + 90 * grey[..., None] + random.normal(0, 8, (24, 24, 3)), 0, 255).astype(np.uint8)


Image.sample = Table(
    columns={
        "input": [_png(_drawn(seed, upright=seed < 4)) for seed in range(8)],
        "target": ["upright"] * 4 + ["level"] * 4,
    },
    source="the sample of the domain 'image'",
)

DOMAIN = Image()
