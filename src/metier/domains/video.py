"""Video: a short MP4, WebM or AVI clip; the cheap stage sees how things move, the other one what is there as well.

A cell is the path of a file, its bytes, or base64 (a data URL). A value is up to 32 frames spread evenly over the clip,
64 by 64 pixels. Decoding is done in a process of its own, with limits. Knows nothing of what is asked of it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier.data import confined
from metier.data.media import RawFile, opened
from metier.encoders.base import Encoder
from metier.errors import BadCell
from metier.types import Effort, Media, Table

FRAMES, SIDE = 32, 64
MOST_SECONDS, MOST_FRAMES, MOST_PIXELS = 120, 10_000, 3840 * 2160
MOST_BYTES = 128 * 2**20
DECODE_S = 20  # after which what has been seen so far must do
LIMITS = confined.Limits(memory_bytes=3 * 2**29, cpu_s=30, wall_s=60)
ENDINGS = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi")
SIGNS = tuple(re.compile(sign, re.S) for sign in (rb".{4}ftyp", rb"\x1aE\xdf\xa3", rb"RIFF....AVI "))
WINDOWS = 8  # parts of a clip that are hidden in turn
ALIKE_BITS = 16  # of 64, by which the mean frames of clips from one camera differ at most; those of others by 32


class Video:
    """The domain of moving pictures."""

    name = "video"
    needs: tuple[str, ...] = ("av", "PIL")
    files = True

    @cached_property
    def sample(self) -> Table:
        """A square that moves slowly, and one that moves fast."""
        cells = [_avi(_moving(1 + 5 * (seed >= 4) + 0.2 * seed, seed)) for seed in range(8)]
        return Table(
            columns={"input": cells, "target": ["slow"] * 4 + ["fast"] * 4}, source="the sample of the domain 'video'"
        )

    def likely(self, cells: Sequence[Any]) -> float:
        """The share of cells that name or hold a clip."""
        seen = [cell for cell in cells if cell is not None]
        return sum(RawFile.looks_like(cell, ENDINGS, SIGNS, "video/") for cell in seen) / max(len(seen), 1)

    def read(self, cell: Any) -> Media:
        """The frames of the clip in a cell.

        Raises: BadCell naming the file, and the limit where one is passed.
        """
        raw = opened(cell, most_bytes=MOST_BYTES, kind="a clip", endings=ENDINGS)
        if not any(sign.match(raw.data) for sign in SIGNS):
            raise BadCell(f"{raw.name}: {raw.began()} is no clip. Expected MP4, WebM or AVI; convert it.")
        said = {
            "frames": FRAMES, "width": SIDE, "height": SIDE, "most_seconds": MOST_SECONDS, "most_frames": MOST_FRAMES,
            "most_pixels": MOST_PIXELS, "decode_s": DECODE_S,
        }  # fmt: skip
        try:
            found, frames = confined.run("metier.data.frames:sampled", said, raw.data, LIMITS)
        except (confined.Refused, confined.Exceeded) as problem:
            raise BadCell(f"{raw.name}: the clip {problem}. Cut it up, or convert it to MP4.") from None
        return Media(array=np.frombuffer(frames, np.uint8).reshape(found["shape"]), name=raw.name)

    def group(self, values: Sequence[Media]) -> NDArray[np.int64] | None:
        """Clips with the same background share a number: they are of one camera, and most likely of one film."""
        from metier.encoders.hog import perceptual_hash
        from metier.encoders.near import near_hashes

        means = (value.array.mean(axis=0).astype(np.uint8) for value in values)
        return near_hashes(np.array([perceptual_hash(mean) for mean in means], np.uint64), ALIKE_BITS)

    def encoders(self, effort: Effort) -> Sequence[Encoder]:
        """How things move; from `standard` on also what is seen and where it moved."""
        from metier.encoders.motion import MotionEncoder

        stages: list[Encoder] = [MotionEncoder()]
        if effort != "quick":
            from metier.encoders.clip import ClipEncoder

            stages.append(ClipEncoder())
        return stages

    def parts(self, value: Media) -> list[tuple[str, Media]]:
        """Each of eight windows of the clip, and the clip standing still there."""
        found: list[tuple[str, Media]] = []
        edges = np.unique(np.linspace(0, len(value.array), WINDOWS + 1).round().astype(int)).tolist()
        for start, end in pairwise(edges):
            still = value.array.copy()
            still[start:end] = still[start]
            found.append((f"frames {start + 1} to {end} of {len(still)}", Media(array=still, name=value.name)))
        return found


def _moving(pixels: float, seed: int) -> NDArray[np.uint8]:
    random = np.random.default_rng(seed)
    frames = np.full((16, 64, 64, 3), 60, np.uint8)
    start = random.integers(0, 40, 2)
    for at, frame in enumerate(frames):
        y, x = ((start + np.array([at * pixels / 2, at * pixels])) % 52).astype(int)
        frame[y : y + 12, x : x + 12] = (220, 200, 60)
    return np.clip(frames + random.normal(0, 3, frames.shape), 0, 255).astype(np.uint8)


def _avi(frames: NDArray[np.uint8], rate_hz: int = 16) -> bytes:
    """An AVI file of uncompressed frames (t, h, w, 3); its width is a multiple of four."""
    t, height, width, _ = frames.shape
    size = height * width * 3

    def chunk(kind: bytes, data: bytes) -> bytes:
        return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)

    main = struct.pack("<14I", 1_000_000 // rate_hz, size * rate_hz, 0, 0x10, t, 0, 1, size, width, height, *[0] * 4)
    stream = b"vidsDIB " + struct.pack(
        "<IHHIIIIIIIIhhhh", 0, 0, 0, 0, 1, rate_hz, 0, t, size, 0, size, 0, 0, width, height
    )
    bitmap = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, size, 0, 0, 0, 0)
    lists = chunk(b"LIST", b"strl" + chunk(b"strh", stream) + chunk(b"strf", bitmap))
    movie = b"".join(chunk(b"00db", np.ascontiguousarray(frame[::-1, :, ::-1]).tobytes()) for frame in frames)
    whole = b"AVI " + chunk(b"LIST", b"hdrl" + chunk(b"avih", main) + lists) + chunk(b"LIST", b"movi" + movie)
    return chunk(b"RIFF", whole)


DOMAIN = Video()
